"""Problem set 11: reading backward, averaging two models, and asking whether it helped."""

from random import Random
from statistics import NormalDist

from ulmfit_lib import ensemble
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.backward_and_ensemble import MISTAKES
from ulmfit_lib.checks.sets.drawing import different
from ulmfit_lib.direction import BACKWARD
from ulmfit_lib.streams import concat_documents

Rows = list[list[float]]
BOS, PAD = 2, 1
Z = 1.959964  # of the 95 % interval


def reverse_ids(ids: list[int], pad_id: int) -> list[int]:
    """Return the document with its tokens in the opposite order; padding keeps its places.

    >>> reverse_ids([2, 10, 11, 1], 1)
    [11, 10, 2, 1]
    """
    words = [token for token in ids if token != pad_id]
    turned = iter(concat_documents([words], direction=BACKWARD).tolist())
    return [token if token == pad_id else next(turned) for token in ids]


def average_probs(probs: list[Rows], weights: list[float]) -> Rows:
    """Return the weighted mean of what several models say of the same texts.

    >>> average_probs([[[0.5, 0.5]], [[1.0, 0.0]]], [1.0, 1.0])
    [[0.75, 0.25]]
    """
    return ensemble.average_probs(*probs, weights=weights).tolist()


def accuracy_interval(correct: int, n: int, z: float) -> tuple[float, float]:
    """Return Wilson's interval for an accuracy, both ends rounded to three digits.

    >>> accuracy_interval(9, 10, 1.959964)
    (0.596, 0.982)
    """
    confidence = 2 * NormalDist().cdf(z) - 1
    _, low, high = ensemble.accuracy_interval(correct, n, confidence)
    return (round(low, 3), round(high, 3))


def mcnemar(a_correct: list[bool], b_correct: list[bool]) -> tuple[int, int, float]:
    """Return how many texts only a, and only b, has right, and the exact two-sided p-value.

    >>> mcnemar([True, True, True], [False, False, True])
    (2, 0, 0.5)
    """
    return tuple(ensemble.mcnemar(a_correct, b_correct))


def moved_texts(before: Rows, after: Rows, labels: list[int]) -> tuple[list[int], list[int]]:
    """Return the places of the texts that the ensemble rescued, and of those that it lost.

    >>> moved_texts([[0.6, 0.4], [0.9, 0.1]], [[0.3, 0.7], [0.8, 0.2]], [1, 0])
    ([0], [])
    """
    moves = ensemble.moved(before, after, labels) if labels else []
    return ([text.index for text in moves if text.rescued], [text.index for text in moves if text.lost])


def _row_of_ids(rng: Random) -> Args:
    """More often than not a piece out of a document, without xxbos, and without padding."""
    ids = [rng.randint(10, 40) for _ in range(rng.randint(1, 5))]
    if rng.randint(0, 99) >= 56:
        ids.insert(0, BOS)
    pad_id = PAD if rng.randint(0, 99) < 70 else rng.choice([0, 5])
    if rng.randint(0, 99) >= 58:
        padding = [pad_id] * rng.randint(1, 3)
        ids = padding + ids if rng.randint(0, 1) else ids + padding
    return (ids, pad_id)


def _distribution(rng: Random, n_classes: int) -> list[float]:
    parts = different(rng, range(1, 21), n_classes)  # no two alike: which class wins a tie is not asked for
    return [part / sum(parts) for part in parts]


def _table(rng: Random, n_texts: int, n_classes: int) -> Rows:
    return [_distribution(rng, n_classes) for _ in range(n_texts)]


def _probs_and_weights(rng: Random) -> Args:
    """In more than half of them the models agree to the last digit; then most have the same say, together 1."""
    n_models, n_texts, n_classes = rng.choice([2, 2, 2, 3]), rng.randint(1, 3), rng.choice([2, 2, 3])
    first = _table(rng, n_texts, n_classes)
    if rng.randint(0, 99) < 56:
        probs = [[list(row) for row in first] for _ in range(n_models)]
    else:
        probs = [first, *(_table(rng, n_texts, n_classes) for _ in range(n_models - 1))]
    weights = [1.0 / n_models] * n_models
    if rng.randint(0, 99) >= 65:
        weights = [float(rng.randint(1, 4)) for _ in range(n_models)]
    return (probs, weights)


def _correct_and_n(rng: Random) -> Args:
    """Mostly test sets of a size at which all intervals look alike."""
    n = rng.choice([25_000, 38_000, 70_000, 100_000]) if rng.randint(0, 99) < 75 else rng.randint(1, 60)
    return (round(n * rng.choice([0.5, 0.7, 0.8, 0.9, 0.95, 1.0])), n, Z)


def _two_models(rng: Random) -> Args:
    """Often two models that are right on the same texts; seldom ones that differ as often one way as the other."""
    n_same, kind = rng.randint(1, 3), rng.randint(0, 99)
    pairs = [(right, right) for right in (rng.choice([True, True, False]) for _ in range(n_same))]
    if kind >= 54:
        only_a = rng.randint(0, 5)
        only_b = only_a if kind >= 90 else rng.randint(0, 5)
        pairs += [(True, False)] * only_a + [(False, True)] * only_b
    rng.shuffle(pairs)
    return ([a for a, _ in pairs], [b for _, b in pairs])


def _before_and_after(rng: Random) -> Args:
    """In more than half of them the ensemble changes nothing."""
    n_texts, n_classes = rng.randint(1, 4), rng.choice([2, 2, 3])
    before = _table(rng, n_texts, n_classes)
    unchanged = rng.randint(0, 99) < 54
    after = [list(row) for row in before] if unchanged else _table(rng, n_texts, n_classes)
    return (before, after, [rng.randint(0, n_classes - 1) for _ in range(n_texts)])


_EXERCISES = (
    Exercise(
        name="reverse_ids",
        points=2,
        difficulty=2,
        minutes=8,
        section="1. A document, read backward",
        reference=reverse_ids,
        examples=[
            ([10, 11], 1),
            ([2, 10, 11], 1),
            ([10, 11, 1], 1),
            ([1, 10, 11], 1),
            ([2, 10, 11, 12, 1, 1], 1),
            ([1, 1, 2, 10, 11, 12], 1),
            ([10, 1, 11, 0], 0),
            ([7], 1),
            ([], 1),
            ([1, 1], 1),
            ([10, 10, 11], 1),
        ],
        inputs=_row_of_ids,
        hints=(
            "Take the words out, turn them round, and put them back in the places that are not padding.",
            "[2, 10, 11, 1] with pad_id=1: the words are 2, 10, 11; turned round 11, 10, 2; the padding is still last: "
            "[11, 10, 2, 1].",
            "Reread “1. A document, read backward”: xxbos is turned round with the rest, padding is not.",
        ),
        properties=(
            Property(
                "the same ids come back, in another order",
                lambda args, got: sorted(got) == sorted(args[0]),
            ),
        ),
        mistakes=MISTAKES["reverse_ids"],
    ),
    Exercise(
        name="average_probs",
        points=3,
        difficulty=2,
        minutes=10,
        section="2. Two opinions",
        reference=average_probs,
        examples=[
            ([[[0.5, 0.5]], [[1.0, 0.0]]], [1.0, 1.0]),
            ([[[0.25, 0.75]], [[0.75, 0.25]]], [1.0, 1.0]),
            ([[[0.25, 0.75]], [[0.5, 0.5]]], [3.0, 1.0]),
            ([[[0.9, 0.1]], [[0.4, 0.6]]], [0.5, 0.5]),
            ([[[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.6, 0.4]]], [0.5, 0.5]),
            ([[[0.999, 0.001]], [[0.3, 0.7]], [[0.3, 0.7]]], [1.0, 1.0, 1.0]),
            ([[[0.2, 0.3, 0.5]]], [2.0]),
            ([[[0.2, 0.8]], [[0.2, 0.8]]], [3.0, 5.0]),
        ],
        inputs=_probs_and_weights,
        hints=(
            "For one text and one class: multiply what each model says by its weight, add, and divide by all the "
            "weights together. Then do that for every text and class.",
            "Two models say 0.25 and 0.5 of the first class, with weights 3 and 1: (3 * 0.25 + 1 * 0.5) / 4 = 0.3125.",
            "Reread “2. Two opinions”: probabilities are averaged, and the weights need not add up to 1.",
        ),
        properties=(
            Property(
                "what is said of one text adds up to 1",
                lambda args, got: all(abs(sum(row) - 1) < 1e-6 for row in got),
            ),
        ),
        tolerance=1e-9,
        mistakes=MISTAKES["average_probs"],
    ),
    Exercise(
        name="moved_texts",
        points=3,
        difficulty=2,
        minutes=10,
        section="3. Which texts moved",
        reference=moved_texts,
        examples=[
            ([[0.6, 0.4]], [[0.3, 0.7]], [1]),
            ([[0.6, 0.4]], [[0.3, 0.7]], [0]),
            ([[0.6, 0.4]], [[0.8, 0.2]], [0]),
            ([[0.6, 0.4], [0.9, 0.1]], [[0.3, 0.7], [0.8, 0.2]], [1, 0]),
            ([[0.5, 0.3, 0.2]], [[0.2, 0.5, 0.3]], [2]),
            ([[0.3, 0.3, 0.4]], [[0.4, 0.35, 0.25]], [0]),
            ([[0.2, 0.8], [0.7, 0.3]], [[0.6, 0.4], [0.4, 0.6]], [1, 0]),
            ([], [], []),
        ],
        inputs=_before_and_after,
        hints=(
            "A model's verdict is the class with the highest probability. Compare three numbers for each text: the "
            "verdict before, the verdict after, and the label.",
            "Before [0.6, 0.4], so class 0; after [0.3, 0.7], so class 1. If the label is 1 the text was rescued, if "
            "it is 0 it was lost.",
            "Reread “3. Which texts moved”: with three classes a text can move from one wrong class to another, and "
            "is then neither rescued nor lost.",
        ),
        mistakes=MISTAKES["moved_texts"],
    ),
    Exercise(
        name="accuracy_interval",
        points=3,
        difficulty=3,
        minutes=14,
        section="4. How sure is an accuracy?",
        reference=accuracy_interval,
        examples=[
            (9, 10, Z),
            (5, 10, Z),
            (10, 10, Z),
            (0, 10, Z),
            (1, 1, Z),
            (95, 100, Z),
            (23_750, 25_000, Z),
            (30, 40, 1.0),
            (300, 600, 2.575829),
        ],
        inputs=_correct_and_n,
        hints=(
            "Compute the four pieces one after the other: p, shrink, the middle, and half of the width. Print them "
            "for the worked example.",
            "9 of 10, z = 1.96: p = 0.9, z*z = 3.8415, shrink = 1.3841; the middle is (0.9 + 0.1921) / 1.3841 = "
            "0.789; half of the width is 1.96 * sqrt(0.009 + 0.0096) / 1.3841 = 0.193.",
            "Reread “4. How sure is an accuracy?”: both the middle and the width are divided by 1 + z*z/n.",
        ),
        properties=(
            Property(
                "the interval lies between 0 and 1 and has the accuracy in it",
                lambda args, got: 0 <= got[0] <= round(args[0] / args[1], 3) <= got[1] <= 1,
            ),
        ),
        tolerance=1e-9,
        mistakes=MISTAKES["accuracy_interval"],
    ),
    Exercise(
        name="mcnemar",
        points=4,
        difficulty=3,
        minutes=16,
        section="5. Better, or luckier?",
        reference=mcnemar,
        examples=[
            ([True, True], [True, False]),
            ([True, False], [True, True]),
            ([True, True, True], [False, False, True]),
            ([False, False, True], [True, True, True]),
            ([True, False], [True, False]),
            ([True, False], [False, True]),
            ([True, True, True, False, True, False], [False, False, False, True, True, False]),
            ([True] * 6 + [False], [False] * 7),
            ([False] * 3 + [True] * 5, [True] * 3 + [False] * 5),
            ([True] * 4, [False] * 4),
            ([], []),
        ],
        inputs=_two_models,
        hints=(
            "Count the two kinds of texts on which the models differ. If they are equally good, each of those is a "
            "toss of a fair coin. How many of all the results of so many tosses are at least as uneven?",
            "a alone is right 3 times, b alone once: 4 tosses. Results with one head or none: 4 + 1 = 5 of 16. Twice "
            "that, for both sides: 10 / 16 = 0.625.",
            "Reread “5. Better, or luckier?”: the smaller of the two counts, both sides, and never more than 1. "
            "math.comb(n, k) counts the ways.",
        ),
        properties=(
            Property(
                "a p-value lies above 0 and is at most 1",
                lambda args, got: 0 < got[2] <= 1,
            ),
        ),
        tolerance=1e-9,
        mistakes=MISTAKES["mcnemar"],
    ),
)

PROBLEM_SET = ProblemSet("11_backward_and_ensemble", "Backward, and together", _EXERCISES)
