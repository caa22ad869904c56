"""At least two other algorithms for every exercise of problem set 11, each able to stand alone."""


def reverse_ids__swap_from_both_ends(ids, pad_id):
    turned = list(ids)
    low, high = 0, len(ids) - 1
    while low < high:
        if turned[low] == pad_id:
            low += 1
        elif turned[high] == pad_id:
            high -= 1
        else:
            turned[low], turned[high] = turned[high], turned[low]
            low, high = low + 1, high - 1
    return turned


def reverse_ids__pop_from_a_pile(ids, pad_id):
    pile = [token for token in ids if token != pad_id]
    return [token if token == pad_id else pile.pop() for token in ids]


def reverse_ids__numpy(ids, pad_id):
    import numpy as np

    array = np.array(ids, dtype=np.int64)
    words = array != pad_id
    array[words] = array[words][::-1]
    return array.tolist()


def average_probs__numpy(probs, weights):
    import numpy as np

    return np.average(np.array(probs), axis=0, weights=weights).tolist()


def average_probs__running_mean(probs, weights):
    mean = [list(row) for row in probs[0]]
    seen = weights[0]
    for table, weight in zip(probs[1:], weights[1:], strict=True):
        seen += weight
        for row, new in zip(mean, table, strict=True):
            for number, p in enumerate(new):
                row[number] += weight / seen * (p - row[number])
    return mean


def average_probs__matrix_product(probs, weights):
    import numpy as np

    share = np.array(weights) / np.sum(weights)
    return np.tensordot(share, np.array(probs), axes=1).tolist()


def moved_texts__numpy(before, after, labels):
    import numpy as np

    if not labels:
        return [], []
    right = np.array(labels)
    was = np.array(before).argmax(axis=1) == right
    now = np.array(after).argmax(axis=1) == right
    return np.flatnonzero(~was & now).tolist(), np.flatnonzero(was & ~now).tolist()


def moved_texts__sets_of_the_right_ones(before, after, labels):
    def right(table):
        return {i for i, row in enumerate(table) if sorted(range(len(row)), key=row.__getitem__)[-1] == labels[i]}

    old, new = right(before), right(after)
    return sorted(new - old), sorted(old - new)


def accuracy_interval__roots_of_a_quadratic(correct, n, z):
    """The ends are the shares q for which (p - q)^2 = z^2 q (1 - q) / n."""
    import math

    p = correct / n
    a, b, c = 1 + z * z / n, -(2 * p + z * z / n), p * p
    root = math.sqrt(max(b * b - 4 * a * c, 0.0))
    return (max(0.0, round((-b - root) / (2 * a), 3)), min(1.0, round((-b + root) / (2 * a), 3)))


def accuracy_interval__bisection(correct, n, z):
    """Looks for the two shares from which the accuracy lies z standard errors away."""

    def distance(q):
        return (correct / n - q) ** 2 - z * z * q * (1 - q) / n

    ends = []
    for outside in (0.0, 1.0):
        inside = correct / n
        for _ in range(80):
            middle = (inside + outside) / 2
            if distance(middle) <= 0:
                inside = middle
            else:
                outside = middle
        ends.append(round((inside + outside) / 2, 3))
    return tuple(ends)


def accuracy_interval__add_fictitious_texts(correct, n, z):
    """The middle is the accuracy after z * z further texts, half of them right."""
    more = z * z
    middle = (correct + more / 2) / (n + more)
    wrong = n - correct
    half = z / (n + more) * (correct * wrong / n + more / 4) ** 0.5
    return (round(middle - half, 3) + 0.0, round(middle + half, 3))


def mcnemar__fractions_up_the_tail(a_correct, b_correct):
    from fractions import Fraction

    only_a = [a and not b for a, b in zip(a_correct, b_correct, strict=True)].count(True)
    only_b = [b and not a for a, b in zip(a_correct, b_correct, strict=True)].count(True)
    n, few = only_a + only_b, min(only_a, only_b)
    term = total = Fraction(1, 2**n)
    for k in range(1, few + 1):
        term = term * (n - k + 1) / k
        total += term
    return only_a, only_b, float(min(Fraction(1), 2 * total))


def mcnemar__all_results_at_least_as_uneven(a_correct, b_correct):
    from math import comb

    only_a = only_b = 0
    for a, b in zip(a_correct, b_correct, strict=True):
        only_a += a > b
        only_b += b > a
    n = only_a + only_b
    ways = sum(comb(n, heads) for heads in range(n + 1) if abs(2 * heads - n) >= abs(only_a - only_b))
    return only_a, only_b, ways / 2**n


def mcnemar__toss_by_toss(a_correct, b_correct):
    """Keeps the distribution of the number of heads while coins are tossed."""
    only_a = sum(1 for a, b in zip(a_correct, b_correct, strict=True) if a and not b)
    only_b = sum(1 for a, b in zip(a_correct, b_correct, strict=True) if b and not a)
    chances = [1.0]
    for _ in range(only_a + only_b):
        chances = [(before + here) / 2 for before, here in zip([0.0, *chances], [*chances, 0.0], strict=True)]
    return only_a, only_b, min(1.0, 2 * sum(chances[: min(only_a, only_b) + 1]))
