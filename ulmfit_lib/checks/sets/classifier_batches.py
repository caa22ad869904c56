"""Problem set 08: the batches of a classifier, from documents to padded rectangles and back to the data's order."""

from random import Random

from ulmfit_lib import padding
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.classifier_batches import MISTAKES

PAD = 1  # the id of xxpad
Rows = list[list[int]]


def pad_batch(docs: Rows, pad_id: int, pad_first: bool) -> Rows:
    """Return the documents filled up with `pad_id` to the length of the longest, behind or in front.

    >>> pad_batch([[2, 7, 8], [2]], 1, False)
    [[2, 7, 8], [2, 1, 1]]
    """
    return padding.pad_batch(docs, pad_id, pad_first).tolist()


def padding_waste(lengths: list[int], batches: Rows) -> float:
    """Return the share of all cells of the padded batches that hold padding.

    >>> padding_waste([4, 2, 3], [[0, 1, 2]])
    0.25
    """
    return padding.padding_waste(lengths, batches)


def sorted_batches(lengths: list[int], bs: int) -> Rows:
    """Return batches of the documents' numbers, longest documents first.

    >>> sorted_batches([3, 9, 4, 7, 1], 2)
    [[1, 3], [2, 0], [4]]
    """
    return padding.sorted_batches(lengths, bs)


def shuffled_batches(lengths: list[int], bs: int, order: list[int], group: int) -> Rows:
    """Return batches that are sorted only inside groups of `group` batches, which are taken in this order.

    >>> shuffled_batches([3, 9, 4, 7], 1, [2, 1, 0, 3], group=2)
    [[1], [2], [3], [0]]
    """
    documents: list[int] = []
    for begin in range(0, len(order), group * bs):
        documents += sorted(order[begin : begin + group * bs], key=lambda number: lengths[number], reverse=True)
    return [documents[begin : begin + bs] for begin in range(0, len(documents), bs)]


def token_budget_batches(lengths: list[int], max_tokens: int) -> Rows:
    """Return batches, longest documents first, whose padded size is at most `max_tokens`.

    >>> token_budget_batches([3, 9, 4, 7, 1], 10)
    [[1], [3], [2, 0], [4]]
    """
    return padding.token_budget_batches(lengths, max_tokens)


def restore_order(values: list, order: list[int]) -> list:
    """Return the values that came out of the batches in the order of the data.

    >>> restore_order(["long", "middling", "short"], [2, 0, 1])
    ['middling', 'short', 'long']
    """
    return padding.restore_order(values, order)


def masked_mean(values: list[list[float]], ids: Rows, pad_id: int) -> list[float]:
    """Return the mean of each row's values, without those that stand at padding.

    >>> masked_mean([[2.0, 4.0, 9.0]], [[5, 6, 1]], 1)
    [3.0]
    """
    means = []
    for row, its_ids in zip(values, ids, strict=True):
        real = [value for value, token in zip(row, its_ids, strict=True) if token != pad_id]
        means.append(sum(real) / len(real))
    return means


def _document(rng: Random, length: int) -> list[int]:
    return [rng.randint(2, 30) for _ in range(length)]


def _documents(rng: Random) -> Args:
    """A quarter of the batches needs no padding, and half of the others begin with their longest document."""
    sizes = [rng.randint(0, 4) for _ in range(rng.randint(1, 4))]
    sizes[0] = max(sizes[0], 1)
    kind = rng.choice(["longest first", "longest first", "any", "equal"])
    if kind == "equal":
        sizes = [sizes[0]] * len(sizes)
    elif kind == "longest first":
        sizes = sorted((size or 1 for size in sizes), reverse=True)
    pad_id = rng.choice([PAD, PAD, PAD, 0])
    return ([_document(rng, size) for size in sizes], pad_id, rng.choice([False, True]))


def _lengths_and_batches(rng: Random) -> Args:
    """In half of them there is one batch; most are sorted, and in some a document is in no batch."""
    bs = rng.randint(1, 3)
    n = rng.randint(1, bs) if rng.choice([True, False]) else bs * rng.randint(1, 3) - rng.choice([0, 0, 1])
    lengths = [rng.randint(1, 9) for _ in range(max(n, 1))]
    numbers = list(range(len(lengths)))
    if rng.choice([True, True, True, False]):
        numbers.sort(key=lambda number: lengths[number], reverse=True)
    if len(numbers) > 1 and rng.randint(0, 5) == 5:
        numbers.pop()
    return (lengths, [numbers[begin : begin + bs] for begin in range(0, len(numbers), bs)])


def _lengths_and_size(rng: Random) -> Args:
    """Mostly whole batches; a third has documents of the same length; often there is one batch, or a sorted list."""
    bs = rng.randint(1, 4)
    kind = rng.choice(["one batch", "one batch", "sorted", "any"])
    n = rng.randint(1, bs) if kind == "one batch" else bs * rng.randint(1, 3)
    if kind == "one batch" and rng.choice([True, True, False]):
        n = bs
    if kind != "one batch" and rng.randint(0, 3) == 3:
        n += 1
    lengths = [rng.randint(1, 9) for _ in range(n)] if rng.randint(0, 2) == 2 else rng.sample(range(1, 40), n)
    if kind == "sorted":
        lengths.sort(reverse=True)
    return (lengths, bs)


def _lengths_and_order(rng: Random) -> Args:
    """Half of them fit into one batch, and in half the documents come in the order of the data."""
    bs, group = rng.randint(1, 3), rng.randint(1, 3)
    n = rng.randint(1, bs) if rng.choice([True, True, False]) else rng.randint(1, 10)
    lengths = rng.sample(range(1, 30), n)
    order = list(range(n))
    if rng.choice([False, True]):
        rng.shuffle(order)
    if n > 1 and rng.randint(0, 4) == 4:
        lengths[-1] = lengths[0]
    return (lengths, bs, order, group)


def _lengths_and_budget(rng: Random) -> Args:
    """Often each document fills a batch, or all are of one length; few are longer than the budget."""
    budget = rng.randint(6, 24)
    n = rng.randint(1, 6)
    kind = rng.choice(["large", "equal", "any"])
    if kind == "large":
        lengths = [rng.randint(budget // 2 + 1, budget) for _ in range(n)]
    elif kind == "equal":
        lengths = [rng.randint(1, 6)] * n
    else:
        lengths = [rng.randint(1, 9) for _ in range(n)]
    if rng.choice([True, False]):
        lengths.sort(reverse=True)
    if rng.randint(0, 7) == 7:
        lengths[0] = budget + rng.randint(1, 5)
    return (lengths, budget)


def _values_and_order(rng: Random) -> Args:
    """More than half come in the order of the data already, as a single document always does."""
    n = rng.randint(1, 5)
    order = list(range(n))
    if rng.randint(0, 9) < 4:
        rng.shuffle(order)
    if rng.choice([True, False]):
        return ([rng.choice(["pos", "neg"]) for _ in order], order)
    return ([rng.randint(1, 99) / 100 for _ in order], order)


def _values_and_ids(rng: Random) -> Args:
    """More than half of the batches hold no padding, and in most of the others it stands behind."""
    n, longest = rng.randint(1, 3), rng.randint(1, 4)
    pad_id = rng.choice([PAD, PAD, PAD, 0])
    padded = rng.randint(0, 9) < 4
    in_front = rng.randint(0, 3) == 3
    rows, values = [], []
    for _ in range(n):
        size = rng.randint(1, longest) if padded else longest
        filler = [pad_id] * (longest - size)
        doc = _document(rng, size)
        rows.append(filler + doc if in_front else doc + filler)
        least = 0 if rng.randint(0, 4) == 4 else 1
        values.append([rng.randint(least, 8) / 2 for _ in range(longest)])
    return (values, rows, pad_id)


_EXERCISES = (
    Exercise(
        name="pad_batch",
        points=2,
        difficulty=1,
        minutes=8,
        section="1. Documents into a rectangle",
        reference=pad_batch,
        examples=[
            ([[2, 7, 8], [2]], 1, False),
            ([[2, 7, 8], [2]], 1, True),
            ([[2], [2, 7, 8]], 1, False),
            ([[2, 7], [2]], 0, False),
            ([[2, 7], [2]], 0, True),
            ([[2, 7], []], 1, False),
            ([[2, 7], []], 1, True),
            ([[2, 7, 8]], 1, True),
            ([[2, 7, 7], [2], [2, 9, 9, 9, 1], [2, 5]], 1, False),
        ],
        inputs=_documents,
        hints=(
            "Find the length of the longest document first. Then each row is the document and a list of as many "
            "`pad_id` as it is short.",
            "[[2, 7, 8], [2]]: the longest has 3 tokens, the second document lacks 2. Behind: [2, 1, 1]; in front: "
            "[1, 1, 2].",
            "Reread “1. Documents into a rectangle”: `pad_first` says on which side, and the documents that you were "
            "given stay as they are.",
        ),
        properties=(
            Property("all rows are equally long", lambda args, got: len({len(row) for row in got}) == 1),
            Property("there is a row for each document", lambda args, got: len(got) == len(args[0])),
        ),
        mistakes=MISTAKES["pad_batch"],
    ),
    Exercise(
        name="padding_waste",
        points=2,
        difficulty=2,
        minutes=8,
        section="2. What padding costs",
        reference=padding_waste,
        examples=[
            ([4, 2, 3], [[0, 1, 2]]),
            ([4, 2], [[0], [1]]),
            ([2, 4], [[0, 1]]),
            ([9, 1, 1, 1], [[0, 1], [2, 3]]),
            ([6, 5, 1], [[0, 1], [2]]),
            ([5, 5, 3], [[0, 1]]),
            ([5, 5, 3, 8], [[3, 2], [1]]),
            ([4, 4], []),
            ([3, 3, 2, 1], [[0, 1], [2, 3]]),
        ],
        inputs=_lengths_and_batches,
        hints=(
            "Count two things over all batches: cells, and tokens that were really written. What is left over are the "
            "cells with padding.",
            "Lengths [4, 2, 3] in one batch: 3 rows of 4 are 12 cells, 9 hold a token. Waste: 3 of 12, so 0.25.",
            "Reread “2. What padding costs”: a batch is as wide as *its own* longest document, and no batches waste "
            "nothing.",
        ),
        tolerance=1e-9,
        properties=(Property("the share lies between 0 and 1", lambda args, got: 0 <= got < 1),),
        mistakes=MISTAKES["padding_waste"],
    ),
    Exercise(
        name="sorted_batches",
        points=2,
        difficulty=2,
        minutes=8,
        section="3. Sorted by length",
        reference=sorted_batches,
        examples=[
            ([3, 9, 4, 7], 2),
            ([3, 9, 4, 7, 1], 2),
            ([5, 5], 1),
            ([5, 8, 5, 5], 2),
            ([2, 6], 3),
            ([1, 2, 3, 4, 5], 4),
            ([], 2),
        ],
        inputs=_lengths_and_size,
        hints=(
            "Sort the *numbers* of the documents, 0, 1, 2 and so on, not the lengths. `sorted` takes a `key`.",
            "[3, 9, 4, 7]: number 1 is the longest, then 3, 2, 0. In batches of two: [[1, 3], [2, 0]].",
            "Reread “3. Sorted by length”: of two documents of the same length the one that comes first in the data "
            "stays first, and the last batch may be small.",
        ),
        properties=(
            Property(
                "each document is in exactly one batch",
                lambda args, got: sorted(number for batch in got for number in batch) == list(range(len(args[0]))),
            ),
        ),
        mistakes=MISTAKES["sorted_batches"],
    ),
    Exercise(
        name="shuffled_batches",
        points=3,
        difficulty=3,
        minutes=12,
        section="4. Sorted, with some shuffling",
        reference=shuffled_batches,
        examples=[
            ([3, 9, 4, 7], 1, [2, 1, 0, 3], 2),
            ([3, 9, 4, 7], 2, [0, 1, 2, 3], 1),
            ([3, 9, 4, 7, 1, 8], 1, [0, 1, 2, 3, 4, 5], 3),
            ([3, 9, 4, 7, 1, 8, 2, 6], 2, [7, 6, 5, 4, 3, 2, 1, 0], 2),
            ([5, 5, 5], 2, [2, 0, 1], 1),
            ([1, 2, 3, 4, 5], 2, [4, 0, 3, 1, 2], 2),
            ([4], 3, [0], 2),
            ([], 3, [], 2),
        ],
        inputs=_lengths_and_order,
        hints=(
            "Three steps: cut `order` into pieces of group * bs documents, sort each piece as before, cut all of it "
            "into batches.",
            "Lengths [3, 9, 4, 7], order [2, 1, 0, 3], bs=1, group=2. The pieces [2, 1] and [0, 3] have lengths 4, 9 "
            "and 3, 7; sorted they are [1, 2] and [3, 0]. Batches of one: [[1], [2], [3], [0]].",
            "Reread “4. Sorted, with some shuffling”: what you sort are the numbers in `order`, and a group holds "
            "`group` batches, not `group` documents.",
        ),
        properties=(
            Property(
                "each document is in exactly one batch",
                lambda args, got: sorted(number for batch in got for number in batch) == list(range(len(args[0]))),
            ),
        ),
        mistakes=MISTAKES["shuffled_batches"],
    ),
    Exercise(
        name="token_budget_batches",
        points=3,
        difficulty=3,
        minutes=14,
        section="5. As many as the memory holds",
        reference=token_budget_batches,
        examples=[
            ([3, 9, 4, 7, 1], 10),
            ([5, 5], 10),
            ([6, 3, 3], 12),
            ([12, 2], 10),
            ([12], 10),
            ([4, 3, 2, 1], 9),
            ([2, 9, 4, 7, 1, 4, 2], 10),
            ([1, 8], 9),
            ([], 5),
        ],
        inputs=_lengths_and_budget,
        hints=(
            "Go through the documents longest first, and ask of each: does it still fit into the batch that is open? "
            "If not, it opens a new one.",
            "[6, 3, 3], at most 12: 6 opens a batch. With the first 3 it would have 2 rows of 6, just 12: it fits. "
            "With the second, 3 rows of 6 are 18: a new batch. [[0, 1], [2]].",
            "Reread “5. As many as the memory holds”: the size of a batch is its documents times its *longest*, which "
            "is the one that opened it.",
        ),
        properties=(
            Property(
                "each document is in exactly one batch",
                lambda args, got: sorted(number for batch in got for number in batch) == list(range(len(args[0]))),
            ),
        ),
        mistakes=MISTAKES["token_budget_batches"],
    ),
    Exercise(
        name="restore_order",
        points=2,
        difficulty=3,
        minutes=10,
        section="6. Back in the order of the data",
        reference=restore_order,
        examples=[
            (["long", "middling", "short"], [2, 0, 1]),
            (["b", "a"], [1, 0]),
            (["c", "a", "b"], [1, 2, 0]),
            (["c", "b", "a"], [2, 1, 0]),
            (["neg", "pos", "neg", "pos"], [3, 0, 1, 2]),
            ([0.9, 0.1, 0.1], [1, 0, 2]),
            (["a"], [0]),
            ([], []),
        ],
        inputs=_values_and_order,
        hints=(
            "The first value belongs to document order[0]. So where in the result does it go?",
            "Values ['c', 'a', 'b'], order [1, 2, 0]: 'c' belongs to document 1, 'a' to document 2, 'b' to document 0. "
            "Back in order: ['b', 'c', 'a'].",
            "Reread “6. Back in the order of the data”: begin with a list of the right length, and write each value "
            "into its place.",
        ),
        mistakes=MISTAKES["restore_order"],
    ),
    Exercise(
        name="masked_mean",
        points=2,
        difficulty=2,
        minutes=8,
        section="7. Padding must not change an answer",
        reference=masked_mean,
        examples=[
            ([[2.0, 4.0, 9.0]], [[5, 6, 1]], 1),
            ([[2.0, 4.0]], [[5, 6]], 1),
            ([[9.0, 2.0, 4.0]], [[1, 5, 6]], 1),
            ([[2.0, 0.0, 9.0]], [[5, 6, 1]], 1),
            ([[2.0, 4.0, 9.0]], [[5, 1, 0]], 0),
            ([[1.0, 1.0], [3.0, 8.0]], [[7, 8], [2, 1]], 1),
            ([[0.0, 0.0]], [[7, 1]], 1),
        ],
        inputs=_values_and_ids,
        hints=(
            "Go through values and ids side by side (`zip`), and keep the values whose id is not `pad_id`.",
            "Values [2.0, 4.0, 9.0], ids [5, 6, 1], pad_id 1: the 9.0 stands at padding. What is left has the mean "
            "(2.0 + 4.0) / 2 = 3.0.",
            "Reread “7. Padding must not change an answer”: padding counts neither in the sum nor in what you divide "
            "by, on whichever side it stands.",
        ),
        tolerance=1e-9,
        mistakes=MISTAKES["masked_mean"],
    ),
)

PROBLEM_SET = ProblemSet("08_classifier_batches", "Batches for a classifier", _EXERCISES)
