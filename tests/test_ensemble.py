"""The ensemble and the questions asked of it: by hand, against SciPy and scikit-learn, and by what must always hold."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ulmfit_lib.ensemble import accuracy_interval, average_probs, calibration, mcnemar, moved
from ulmfit_lib.errors import ConfigError, DataError


def random_probs(n, classes, seed):
    raw = np.random.default_rng(seed).random((n, classes)) + 1e-3
    return raw / raw.sum(axis=1, keepdims=True)


def test_the_average_by_hand():
    forward, backward = [[0.9, 0.1], [0.4, 0.6]], [[0.3, 0.7], [0.2, 0.8]]
    np.testing.assert_allclose(average_probs(forward, backward), [[0.6, 0.4], [0.3, 0.7]])
    np.testing.assert_allclose(average_probs(forward, backward, weights=[3, 1]), [[0.75, 0.25], [0.35, 0.65]])


def test_probabilities_are_averaged_and_not_logits():
    """A model that is nearly certain counts for as much as it should: averaging logits would let it decide alone."""
    probs = average_probs([[0.0001, 0.9999]], [[0.7, 0.3]], [[0.7, 0.3]])
    assert probs[0, 1] == pytest.approx((0.9999 + 0.3 + 0.3) / 3)


@given(n=st.integers(1, 6), classes=st.integers(2, 4), models=st.integers(1, 4), seed=st.integers(0, 99))
def test_an_average_is_a_distribution_between_its_parts(n, classes, models, seed):
    parts = [random_probs(n, classes, seed + i) for i in range(models)]
    mean = average_probs(*parts)
    np.testing.assert_allclose(mean.sum(axis=1), 1)
    assert (mean >= np.min(parts, axis=0) - 1e-12).all()
    assert (mean <= np.max(parts, axis=0) + 1e-12).all()
    np.testing.assert_allclose(mean, average_probs(*parts[::-1]))


def test_probabilities_in_single_precision_are_accepted_and_not_changed():
    single = random_probs(50, 14, 0).astype(np.float32)
    before = single.copy()
    assert average_probs(single).dtype == np.float64
    np.testing.assert_array_equal(single, before)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([[[0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]]], r"model 2.*\(2, 2\)"),
        ([[[2.0, -1.0]]], "Row 0 is not a distribution"),
        ([[[0.5, 0.5], [0.2, 0.2]]], "Row 1 is not a distribution"),
        ([[[float("nan"), 1.0]]], "not a distribution"),
        ([[0.5, 0.5]], "two dimensions"),
    ],
)
def test_what_cannot_be_averaged_is_named(parts, message):
    with pytest.raises(DataError, match=message):
        average_probs(*parts)


def test_nothing_to_average_and_weights_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="nothing to average"):
        average_probs()
    for weights in ([1], [1, -1], [0, 0]):
        with pytest.raises(ConfigError, match="do not fit 2 models"):
            average_probs([[1.0, 0.0]], [[1.0, 0.0]], weights=weights)


@given(n=st.integers(1, 30_000), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_is_scipys(n, share, confidence):
    correct = round(share * n)
    theirs = binomtest(correct, n).proportion_ci(confidence, method="wilson")
    accuracy, low, high = accuracy_interval(correct, n, confidence)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= low <= accuracy <= high <= 1


def test_the_interval_by_hand():
    # Of 25,000 reviews 95 %: z = 1.96, standard error sqrt(.95 * .05 / 25000) = .00138, so about .2 points each way.
    accuracy, low, high = accuracy_interval(23_750, 25_000)
    assert accuracy == 0.95
    assert (accuracy - low, high - accuracy) == pytest.approx((0.0028, 0.0026), abs=1e-4)


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (5, 4), (-1, 4)])
def test_an_impossible_accuracy_is_refused(correct, n):
    with pytest.raises(DataError, match="no accuracy"):
        accuracy_interval(correct, n)


def test_a_confidence_of_one_is_refused():
    with pytest.raises(ConfigError):
        accuracy_interval(1, 2, confidence=1.0)


@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=200))
def test_mcnemar_is_the_exact_binomial_test(pairs):
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    result = mcnemar(a, b)
    only_a, only_b = sum(x and not y for x, y in pairs), sum(y and not x for x, y in pairs)
    assert (result.only_a, result.only_b) == (only_a, only_b)
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert result.p_value == pytest.approx(expected, rel=1e-9)
    assert mcnemar(b, a).p_value == result.p_value


def test_mcnemar_by_hand():
    # They differ on four texts, and b is right on one: 2 * (C(4,0) + C(4,1)) / 2^4 = 10 / 16.
    assert mcnemar([1, 1, 1, 0, 1, 0], [0, 0, 0, 1, 1, 0]) == (3, 1, 0.625)


def test_mcnemar_of_a_whole_test_set():
    a = np.zeros(25_000, dtype=bool)
    a[:1100] = True
    b = np.zeros(25_000, dtype=bool)
    b[1100:2000] = True
    assert mcnemar(a, b).p_value == pytest.approx(binomtest(900, 2000).pvalue, rel=1e-6)


def test_models_that_judged_other_texts_are_refused():
    with pytest.raises(DataError, match="3 texts and model b 2"):
        mcnemar([True] * 3, [True] * 2)
    with pytest.raises(DataError, match="model b: One truth value"):
        mcnemar([True, False], [0.9, 0.1])


def test_calibration_by_hand():
    probs = [[0.95, 0.05], [0.95, 0.05], [0.35, 0.65], [0.4, 0.6]]
    labels = [0, 1, 1, 1]
    # Bin .9-1: two texts, confidence .95, accuracy .5. Bin .6-.7 (.65): accuracy 1. Bin .5-.6 (.6): accuracy 1.
    ece, bins = calibration(probs, labels, n_bins=10)
    assert ece == pytest.approx((2 * 0.45 + 0.35 + 0.4) / 4)
    assert [(b.n, b.low, b.high) for b in bins] == [(1, 0.5, 0.6), (1, 0.6, 0.7), (2, 0.9, 1.0)]
    assert [b.accuracy for b in bins] == [1, 1, 0.5]


@given(n=st.integers(1, 80), classes=st.integers(2, 5), n_bins=st.integers(1, 20), seed=st.integers(0, 99))
def test_every_text_is_in_one_bin(n, classes, n_bins, seed):
    probs = random_probs(n, classes, seed)
    labels = np.random.default_rng(seed).integers(0, classes, n)
    ece, bins = calibration(probs, labels, n_bins)
    assert sum(b.n for b in bins) == n
    assert all(b.low - 1e-9 <= b.confidence <= b.high + 1e-9 for b in bins)
    assert sum(b.n * b.accuracy for b in bins) == pytest.approx((probs.argmax(axis=1) == labels).sum())
    assert 0 <= ece <= 1


def test_honest_probabilities_are_well_calibrated():
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 20_000)
    labels = (rng.random(20_000) < sure).astype(int)
    assert calibration(np.stack([1 - sure, sure], axis=1), labels).ece < 0.015
    boasting = np.full(20_000, 0.999)
    assert calibration(np.stack([1 - boasting, boasting], axis=1), labels).ece > 0.2


def test_which_texts_moved():
    forward = [[0.6, 0.4], [0.8, 0.2], [0.4, 0.6], [0.9, 0.1]]
    both = [[0.4, 0.6], [0.7, 0.3], [0.55, 0.45], [0.2, 0.8]]
    texts = moved(forward, both, labels=[1, 0, 1, 1])
    assert [(t.index, t.before, t.after, t.rescued, t.lost) for t in texts] == [
        (0, 0, 1, True, False),
        (2, 1, 0, False, True),
        (3, 0, 1, True, False),
    ]
    assert texts[0].probs_after == (0.4, 0.6)


@given(n=st.integers(1, 40), seed=st.integers(0, 99))
def test_the_moved_texts_explain_the_change_in_accuracy(n, seed):
    before, after = random_probs(n, 3, seed), random_probs(n, 3, seed + 1)
    labels = np.random.default_rng(seed).integers(0, 3, n)
    texts = moved(before, after, labels)
    gain = (after.argmax(axis=1) == labels).sum() - (before.argmax(axis=1) == labels).sum()
    assert sum(t.rescued for t in texts) - sum(t.lost for t in texts) == gain


@pytest.mark.parametrize("labels", [[0], [0, 2], [0.0, 1.0], [-1, 0]])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(DataError):
        calibration([[0.5, 0.5], [0.5, 0.5]], labels)


def test_importing_needs_numpy_and_no_torch():
    code = "import sys, ulmfit_lib.ensemble; print({'torch', 'scipy', 'fastai'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
