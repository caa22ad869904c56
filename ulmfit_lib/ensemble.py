"""Two opinions on one text: averaging the forward and the backward classifier, and asking whether it helped.

A model that read the texts backward makes other mistakes than one that read them forward. Averaging their
probabilities lets the surer of the two decide. Whether the average is better than either alone, or only luckier, is
a question that the rest of this module answers: an interval for an accuracy, a test for two models that judged the
same texts, how far probabilities can be believed, and which texts the average moved.

Source: Howard and Ruder 2018, section 4.1 (forward and backward models averaged).
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ulmfit_lib.errors import ConfigError, DataError

#: How far a row of probabilities may sum from 1: single precision over many classes.
_SUM_TOLERANCE = 1e-3


def average_probs(*probs: ArrayLike, weights: Sequence[float] | None = None) -> NDArray[np.float64]:
    """Return the mean of the probabilities that several models gave the same texts.

    Args:
        probs: one array (n_texts, n_classes) a model, texts and classes in the same order.
        weights: one weight a model, all equal if left out.

    Returns:
        float64 array (n_texts, n_classes), each row summing to 1.

    Raises:
        DataError: the arrays differ in shape, or a row is not a distribution (logits, for example).
        ConfigError: no array, or weights that do not fit.

    Source: Howard and Ruder 2018, section 4.1.

    >>> average_probs([[0.75, 0.25]], [[0.25, 0.75]]).tolist()
    [[0.5, 0.5]]
    """
    if not probs:
        raise ConfigError("There is nothing to average: give the probabilities of at least one model.")
    arrays = [check_probs(one, where=f"model {number}") for number, one in enumerate(probs, start=1)]
    for number, one in enumerate(arrays, start=1):
        if one.shape != arrays[0].shape:
            raise DataError(
                f"The probabilities are of {one.shape} (texts, classes), those of model 1 of {arrays[0].shape}.",
                where=f"model {number}",
                fix="All models must have judged the same texts.",
            )
    if weights is None:
        weights = [1.0] * len(arrays)
    if len(weights) != len(arrays) or min(weights) < 0 or not 0 < sum(weights) < math.inf:
        raise ConfigError(
            f"Weights {list(weights)} do not fit {len(arrays)} models: one each, none below 0, not all 0."
        )
    return np.average(arrays, axis=0, weights=weights)


def check_probs(probs: ArrayLike, where: str = "") -> NDArray[np.float64]:
    """Return the probabilities as a float64 array (n_texts, n_classes).

    Raises:
        DataError: not two dimensions, or a row that is no distribution.
    """
    array = np.asarray(probs, dtype=np.float64)
    if array.ndim != 2:
        raise DataError(f"Probabilities have two dimensions (texts, classes), not {array.ndim}.", where=where)
    good = (array >= 0).all(axis=1) & (np.abs(array.sum(axis=1) - 1) <= _SUM_TOLERANCE)
    if not good.all():
        row = int(np.argmin(good))
        shown = ", ".join(f"{p:.4g}" for p in array[row][:5])
        raise DataError(f"Row {row} is not a distribution: {shown}.", where=where, fix="Are these logits? Use softmax.")
    return array


class Interval(NamedTuple):
    """An accuracy and the interval in which it is to be believed."""

    accuracy: float
    low: float
    high: float


def accuracy_interval(correct: int, n: int, confidence: float = 0.95) -> Interval:
    """Return an accuracy and Wilson's interval for it.

    Unlike accuracy plus or minus two standard errors, it stays inside 0 to 1 and is right for few texts and for
    accuracies near 1.

    Raises:
        DataError: no texts, or more correct ones than texts.
        ConfigError: the confidence does not lie between 0 and 1.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    >>> accuracy, low, high = accuracy_interval(95, 100)
    >>> f"{accuracy:.3f} in {low:.3f} to {high:.3f}"
    '0.950 in 0.888 to 0.978'
    """
    if n < 1 or not 0 <= correct <= n:
        raise DataError(f"{correct} right out of {n} is no accuracy.")
    if not 0 < confidence < 1:
        raise ConfigError(f"The confidence must lie between 0 and 1, not {confidence}.")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # With none or all correct one end is the accuracy itself, and rounding may carry it a hair past.
    return Interval(share, max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share)))


class McNemar(NamedTuple):
    """How two models that judged the same texts differ."""

    only_a: int
    only_b: int
    p_value: float


def mcnemar(a_correct: ArrayLike, b_correct: ArrayLike) -> McNemar:
    """Return how often only one of two models is right, and how likely so uneven a split is if they are equally good.

    Texts on which both are right or both wrong say nothing about which is better. Of the others each is a toss of a
    coin if the models are equally good: the p-value is the exact two-sided binomial one.

    Args:
        a_correct: one truth value a text: was model a right?
        b_correct: the same for model b, texts in the same order.

    Raises:
        DataError: not the same number of texts, or values other than true and false.

    Source: McNemar 1947; the exact form.

    >>> mcnemar([True] * 6 + [False], [False] * 6 + [False])
    McNemar(only_a=6, only_b=0, p_value=0.03125)
    """
    a, b = (_truth(values, name) for values, name in ((a_correct, "model a"), (b_correct, "model b")))
    if a.shape != b.shape:
        raise DataError(f"Model a judged {len(a)} texts and model b {len(b)}.", fix="Both must judge the same texts.")
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    differ = only_a + only_b
    # Exact integers: ways = "differ choose k", added up for k = 0 .. the smaller of the two counts.
    ways = total = 1
    for k in range(min(only_a, only_b)):
        ways = ways * (differ - k) // (k + 1)
        total += ways
    return McNemar(only_a, only_b, min(1.0, 2 * total / 2**differ))


def _truth(values: ArrayLike, name: str) -> NDArray[np.bool_]:
    array = np.asarray(values)
    if array.ndim != 1 or not np.isin(array, (0, 1)).all():
        raise DataError("One truth value a text is needed.", where=name, fix="Compare predictions with labels first.")
    return array.astype(bool)


class Bin(NamedTuple):
    """Texts whose winning class got a probability above `low` and up to `high`."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


class Calibration(NamedTuple):
    """The expected calibration error, and the bins that it is made of (those that hold a text)."""

    ece: float
    bins: tuple[Bin, ...]


def calibration(probs: ArrayLike, labels: ArrayLike, n_bins: int = 10) -> Calibration:
    """Return how far the model's confidence is from its accuracy.

    Texts are put in bins by the probability of their winning class. Of texts judged with 0.8, four in five should
    be judged rightly; the expected calibration error is the mean distance between confidence and accuracy, bins
    weighted by their texts.

    Args:
        probs: (n_texts, n_classes).
        labels: (n_texts,) the number of the right class of each.
        n_bins: bins of equal width from 0 to 1.

    Raises:
        DataError: probabilities and labels do not fit.
        ConfigError: fewer than one bin.

    Source: Guo and others 2017, "On calibration of modern neural networks", section 2.

    >>> calibration([[0.25, 0.75]] * 4, [1, 1, 0, 1]).ece
    0.0
    """
    if n_bins < 1:
        raise ConfigError(f"Calibration needs at least one bin, not {n_bins}.")
    array, right = _check_labels(probs, labels)
    confidence = array.max(axis=1)  # (n_texts,)
    correct = array.argmax(axis=1) == right  # (n_texts,)
    which = np.clip(np.ceil(confidence * n_bins).astype(int) - 1, 0, n_bins - 1)
    bins = []
    for number in range(n_bins):
        inside = which == number
        if inside.any():
            sure, rate = float(confidence[inside].mean()), float(correct[inside].mean())
            bins.append(Bin(number / n_bins, (number + 1) / n_bins, int(inside.sum()), sure, rate))
    ece = sum(b.n * abs(b.confidence - b.accuracy) for b in bins) / len(right)
    return Calibration(ece, tuple(bins))


class Moved(NamedTuple):
    """A text that the ensemble puts in another class than one model alone."""

    index: int
    label: int
    before: int
    after: int
    probs_before: tuple[float, ...]
    probs_after: tuple[float, ...]

    @property
    def rescued(self) -> bool:
        """Whether the ensemble is right where the model alone was wrong."""
        return self.after == self.label

    @property
    def lost(self) -> bool:
        """Whether the ensemble is wrong where the model alone was right."""
        return self.before == self.label


def moved(before: ArrayLike, after: ArrayLike, labels: ArrayLike) -> list[Moved]:
    """Return the texts whose class the ensemble changes, in the order of the data.

    Args:
        before: (n_texts, n_classes) probabilities of one model alone.
        after: (n_texts, n_classes) probabilities of the ensemble.
        labels: (n_texts,) the number of the right class of each.

    Raises:
        DataError: the three do not fit together.

    >>> [text] = moved([[0.6, 0.4], [0.9, 0.1]], [[0.3, 0.7], [0.8, 0.2]], labels=[1, 0])
    >>> text.index, text.before, text.after, text.rescued
    (0, 0, 1, True)
    """
    old, right = _check_labels(before, labels)
    new, _ = _check_labels(after, labels)
    if old.shape != new.shape:
        raise DataError(f"The probabilities are of {old.shape} before and of {new.shape} after.")
    was, now = old.argmax(axis=1), new.argmax(axis=1)
    return [
        Moved(int(i), int(right[i]), int(was[i]), int(now[i]), tuple(old[i].tolist()), tuple(new[i].tolist()))
        for i in np.flatnonzero(was != now)
    ]


def _check_labels(probs: ArrayLike, labels: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    array, right = check_probs(probs), np.asarray(labels)
    if right.shape != array.shape[:1] or not len(right):
        raise DataError(f"{len(array)} rows of probabilities need as many labels, at least one, not {right.shape}.")
    if right.dtype.kind not in "iu" or right.min() < 0 or right.max() >= array.shape[1]:
        raise DataError(f"Labels are class numbers from 0 to {array.shape[1] - 1}.")
    return array, right.astype(np.int64)
