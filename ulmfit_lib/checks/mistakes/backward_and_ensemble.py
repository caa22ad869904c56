"""Wrong answers to problem set 11; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("reverse_ids")
def turns_the_padding_round(ids, pad_id):
    """It turns the padding round with the words, so padding that stood behind the document now stands before it:
    padding keeps its places."""
    return ids[::-1]


@MISTAKES.of("reverse_ids")
def keeps_the_beginning_in_front(ids, pad_id):
    """It keeps xxbos (id 2) in front. Backward, xxbos is what the model reads last."""
    turned = iter([token for token in ids if token not in (pad_id, 2)][::-1])
    return [token if token in (pad_id, 2) else next(turned) for token in ids]


@MISTAKES.of("reverse_ids")
def drops_the_padding(ids, pad_id):
    """The padding is gone, and the row no longer fits into its batch: what comes back is as long as what went in."""
    return [token for token in ids if token != pad_id][::-1]


@MISTAKES.of("reverse_ids")
def knows_only_one_padding(ids, pad_id):
    """It takes 1 for padding whatever `pad_id` says."""
    turned = iter([token for token in ids if token != 1][::-1])
    return [token if token == 1 else next(turned) for token in ids]


@MISTAKES.of("reverse_ids")
def moves_the_padding_to_the_end(ids, pad_id):
    """It puts the padding behind the words, also where it stood before them: padding keeps its places."""
    words = [token for token in ids if token != pad_id]
    return words[::-1] + [pad_id] * (len(ids) - len(words))


@MISTAKES.of("average_probs")
def averages_logarithms(probs, weights):
    """It averages logarithms (as you would by averaging logits) and makes them probabilities again. Then a model that
    is nearly certain decides alone; average the probabilities themselves."""
    import math

    table = []
    for rows in zip(*probs, strict=True):
        logs = [
            sum(w * math.log(max(p, 1e-12)) for w, p in zip(weights, column, strict=True)) / sum(weights)
            for column in zip(*rows, strict=True)
        ]
        total = sum(math.exp(one) for one in logs)
        table.append([math.exp(one) / total for one in logs])
    return table


@MISTAKES.of("average_probs")
def ignores_the_weights(probs, weights):
    """It gives every model the same say, whatever `weights` says."""
    return [[sum(column) / len(column) for column in zip(*rows, strict=True)] for rows in zip(*probs, strict=True)]


@MISTAKES.of("average_probs")
def forgets_to_divide(probs, weights):
    """It does not divide by the sum of the weights, so it is right only where they happen to add up to 1."""
    return [
        [sum(w * p for w, p in zip(weights, column, strict=True)) for column in zip(*rows, strict=True)]
        for rows in zip(*probs, strict=True)
    ]


@MISTAKES.of("average_probs")
def counts_on_two_models(probs, weights):
    """It averages the first two models and leaves out any others; there may also be one alone."""
    (one, other), (v, w) = probs[:2], weights[:2]
    return [
        [(v * p + w * q) / (v + w) for p, q in zip(row, row_of_other, strict=True)]
        for row, row_of_other in zip(one, other, strict=True)
    ]


@MISTAKES.of("average_probs")
def lets_the_surer_model_decide(probs, weights):
    """It takes over what the surest model says of a text. An average listens to all of them."""
    return [list(max(rows, key=max)) for rows in zip(*probs, strict=True)]


@MISTAKES.of("moved_texts")
def asks_for_more_than_half(before, after, labels):
    """It asks which class has more than half of the probability. With three classes there may be none: the verdict is
    the class with the highest probability."""

    def verdict(row):
        return next((number for number, p in enumerate(row) if p > 0.5), 0)

    rescued, lost = [], []
    for number, (old, new, label) in enumerate(zip(before, after, labels, strict=True)):
        if verdict(old) != label and verdict(new) == label:
            rescued.append(number)
        if verdict(old) == label and verdict(new) != label:
            lost.append(number)
    return rescued, lost


@MISTAKES.of("moved_texts")
def calls_every_other_move_lost(before, after, labels):
    """It calls every text lost that moved and is wrong now. One that was wrong before has nothing to lose."""
    rescued, lost = [], []
    for number, (old, new, label) in enumerate(zip(before, after, labels, strict=True)):
        was, now = old.index(max(old)), new.index(max(new))
        if was != now:
            (rescued if now == label else lost).append(number)
    return rescued, lost


@MISTAKES.of("moved_texts")
def exchanges_the_two(before, after, labels):
    """The two lists have changed places: first those that are right only after, then those that were right only
    before."""
    rescued, lost = [], []
    for number, (old, new, label) in enumerate(zip(before, after, labels, strict=True)):
        was, now = old.index(max(old)) == label, new.index(max(new)) == label
        if now and not was:
            rescued.append(number)
        if was and not now:
            lost.append(number)
    return lost, rescued


@MISTAKES.of("moved_texts")
def takes_a_change_of_mind_for_a_move(before, after, labels):
    """It looks whether the probability of the right class rose or fell. A text moves only where the verdict, the most
    probable class, is another."""
    rescued, lost = [], []
    for number, (old, new, label) in enumerate(zip(before, after, labels, strict=True)):
        if new[label] > old[label]:
            rescued.append(number)
        if new[label] < old[label]:
            lost.append(number)
    return rescued, lost


@MISTAKES.of("accuracy_interval")
def is_the_interval_of_the_schoolbook(correct, n, z):
    """This is p plus or minus z standard errors. Of few texts, or near 1, it is wrong: for 10 of 10 it has no width
    at all, and it can leave the range from 0 to 1."""
    p = correct / n
    half = z * (p * (1 - p) / n) ** 0.5
    return (round(p - half, 3), round(p + half, 3))


@MISTAKES.of("accuracy_interval")
def keeps_the_accuracy_in_the_middle(correct, n, z):
    """The width is right, but it lies around the accuracy. Wilson's interval has another middle: it is drawn towards
    one half."""
    p, shrink = correct / n, 1 + z * z / n
    half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5 / shrink
    return (round(p - half, 3), round(p + half, 3))


@MISTAKES.of("accuracy_interval")
def forgets_the_second_part_under_the_root(correct, n, z):
    """Under the root there are two parts, and the second, z*z / (4*n*n), is missing. Without it the interval for 10 of
    10 has no width."""
    p, shrink = correct / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / shrink
    half = z * (p * (1 - p) / n) ** 0.5 / shrink
    return (round(middle - half, 3), round(middle + half, 3))


@MISTAKES.of("accuracy_interval")
def forgets_to_shrink_the_width(correct, n, z):
    """The middle is divided by 1 + z*z/n, the width is not. Both are."""
    p, shrink = correct / n, 1 + z * z / n
    middle = (p + z * z / (2 * n)) / shrink
    half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return (round(middle - half, 3), round(middle + half, 3))


@MISTAKES.of("accuracy_interval")
def forgets_to_shrink_the_middle(correct, n, z):
    """The width is divided by 1 + z*z/n, the middle is not. Both are; else the interval can leave the range from 0
    to 1."""
    p, shrink = correct / n, 1 + z * z / n
    middle = p + z * z / (2 * n)
    half = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5 / shrink
    return (round(middle - half, 3), round(middle + half, 3))


@MISTAKES.of("mcnemar")
def looks_at_one_side(a_correct, b_correct):
    """It counts one side of the results alone: b could have been the better one just as well, so it is twice that."""
    from math import comb

    only_a = sum(a and not b for a, b in zip(a_correct, b_correct, strict=True))
    only_b = sum(b and not a for a, b in zip(a_correct, b_correct, strict=True))
    n = only_a + only_b
    return only_a, only_b, sum(comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n


@MISTAKES.of("mcnemar")
def goes_beyond_one(a_correct, b_correct):
    """Where the models differ as often one way as the other, it comes out above 1: the middle result was counted on
    both sides. A probability is at most 1."""
    from math import comb

    only_a = sum(a and not b for a, b in zip(a_correct, b_correct, strict=True))
    only_b = sum(b and not a for a, b in zip(a_correct, b_correct, strict=True))
    n = only_a + only_b
    if n == 0:
        return 0, 0, 1.0
    return only_a, only_b, 2 * sum(comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n


@MISTAKES.of("mcnemar")
def looks_at_the_wrong_side(a_correct, b_correct):
    """It always counts the results up to a's number. Where a is the better model, that is the large side: count up to
    the smaller of the two numbers."""
    from math import comb

    only_a = sum(a and not b for a, b in zip(a_correct, b_correct, strict=True))
    only_b = sum(b and not a for a, b in zip(a_correct, b_correct, strict=True))
    n = only_a + only_b
    return only_a, only_b, min(1.0, 2 * sum(comb(n, k) for k in range(only_a + 1)) / 2**n)


@MISTAKES.of("mcnemar")
def approximates_with_chi_squared(a_correct, b_correct):
    """This is the chi-squared approximation, which is far off where the models differ on few texts. Count the results
    exactly."""
    from math import erfc, sqrt

    only_a = sum(a and not b for a, b in zip(a_correct, b_correct, strict=True))
    only_b = sum(b and not a for a, b in zip(a_correct, b_correct, strict=True))
    n = only_a + only_b
    chi_squared = (only_a - only_b) ** 2 / n if n else 0.0
    return only_a, only_b, erfc(sqrt(chi_squared / 2))


@MISTAKES.of("mcnemar")
def exchanges_the_models(a_correct, b_correct):
    """The two counts have changed places: the first is the number of texts that only a has right."""
    from math import comb

    only_a = sum(a and not b for a, b in zip(a_correct, b_correct, strict=True))
    only_b = sum(b and not a for a, b in zip(a_correct, b_correct, strict=True))
    n = only_a + only_b
    p = min(1.0, 2 * sum(comb(n, k) for k in range(min(only_a, only_b) + 1)) / 2**n)
    return only_b, only_a, p
