"""Dropout that is wrong in a way of its own gets no points, and the cause of another mistake only where it is true."""

import functools

import numpy as np
import pytest
import torch

from ulmfit_lib.checks.engine import call_answer, first_wrong, random_inputs, run_check
from ulmfit_lib.checks.sets import exercise
from ulmfit_lib.checks.sets import language_model as problem_set
from ulmfit_lib.checks.sets import language_model_judging as judging
from ulmfit_lib.checks.sets import language_model_weights as weights

torch.set_num_threads(1)
FOUR = ("dropout_mask", "rnn_dropout", "embedding_dropout", "weight_dropout")
THREE = FOUR[1:]


def failure_of(name, answer):
    """Return what a check finds on the fixed inputs, without looking for a smaller one."""
    return run_check(exercise(name), answer, n_random=0).failure


def bernoulli(like, size, p):
    return like.new_empty(size).bernoulli_(1 - p) / (1 - p)


def with_mask(name, draw, scale=lambda p: 1.0):
    """Return an answer to `name` that takes its masks from `draw` and multiplies them by `scale(p)`."""

    def mask(like, size, p):
        return draw(like, size, p) * scale(p)

    def rnn(x, p, training):
        return x * mask(x, (len(x), 1, x.shape[2]), p) if training and p else x

    def words(weight, ids, p, training):
        return (weight * mask(weight, (len(weight), 1), p) if training and p else weight)[ids]

    def layer(x, state, weights, p, training):
        if training and p:
            w_ih, w_hh, *biases = weights
            weights = (w_ih, w_hh * mask(w_hh, tuple(w_hh.shape), p), *biases)
        return problem_set.weight_dropout(x, state, weights, 0.0, False)

    return dict(zip(FOUR, (mask, rnn, words, layer), strict=True))[name]


def seeded(like, size, p):
    torch.manual_seed(42)
    return bernoulli(like, size, p)


def generator_of_its_own(like, size, p):
    return (torch.rand(size, generator=torch.Generator().manual_seed(1)) >= p).to(like.dtype) / (1 - p)


def mask_that_is_kept():
    return functools.cache(lambda size, p: bernoulli(torch.zeros(1), size, p))


def every_other_one(like, size, p):
    mask = like.new_ones(size).flatten()
    places = torch.arange(len(mask)) * p
    return mask.mul(places.floor() == (places - p).floor()).reshape(size) / (1 - p)


def at_the_end(like, size, p):
    mask = like.new_ones(size).flatten()
    mask[len(mask) - round(p * len(mask)) :] = 0
    return mask.reshape(size) / (1 - p)


def at_the_front_but_how_many_is_chance(like, size, p):
    drawn = bernoulli(like, size, p).flatten()
    return drawn.sort().values.reshape(size)


@pytest.mark.parametrize("name", FOUR)
def test_a_mask_that_is_drawn_by_chance_gets_full_marks(name):
    assert run_check(exercise(name), with_mask(name, bernoulli)).passed


SAME_EACH_TIME = ("seeds_itself", "drops_the_same_features", "drops_the_same_words", "drops_the_same_weights")


@pytest.mark.parametrize("draw", [seeded, generator_of_its_own], ids=lambda draw: draw.__name__)
@pytest.mark.parametrize(("name", "cause"), zip(FOUR, SAME_EACH_TIME, strict=True))
def test_dropout_that_loses_the_same_at_each_call_is_told_so(name, cause, draw):
    failure = failure_of(name, with_mask(name, draw))
    assert failure.mistake.startswith(cause)
    assert "for _ in range(2)]" in failure.called


@pytest.mark.parametrize("name", FOUR)
def test_a_mask_that_is_kept_from_the_first_call_is_no_chance_either(name):
    kept = mask_that_is_kept()
    failure = failure_of(name, with_mask(name, lambda like, size, p: kept(size, p).to(like.dtype)))
    assert "one after the other" in failure.problem
    assert failure_of(name, with_mask(name, every_other_one)).kind == "property"


@pytest.mark.parametrize(
    "draw", [at_the_end, at_the_front_but_how_many_is_chance], ids=["the last ones", "a random number of first ones"]
)
@pytest.mark.parametrize("name", [name for name in FOUR if name != "rnn_dropout"])
def test_what_is_lost_does_not_stand_at_one_end(name, draw):
    failure = failure_of(name, with_mask(name, draw))
    assert failure.mistake.startswith("drops_the_first_")


@pytest.mark.parametrize(
    ("size", "mistake"),
    [
        (lambda n: (4 * n, 1), "drops_whole_rows"),
        (lambda n: (1, n), "drops_whole_columns"),
        (lambda n: (1, 1), "drops_whole_rows"),
    ],
    ids=["rows", "columns", "all or nothing"],
)
def test_weights_are_lost_one_by_one(size, mistake):
    failure = failure_of(
        "weight_dropout",
        with_mask("weight_dropout", lambda like, shape, p: bernoulli(like, size(shape[1]), p).expand(shape)),
    )
    assert (failure.kind, failure.mistake) == ("property", mistake)


def test_a_mask_of_one_gate_for_all_four_is_one_of_columns():
    answer = with_mask("weight_dropout", lambda like, size, p: bernoulli(like, (size[1],) * 2, p).repeat(4, 1))
    assert failure_of("weight_dropout", answer).mistake == "drops_whole_columns"


UNSCALED = ("forgets_to_scale", "what_is_kept_stays_as_it_was", "kept_words_stay", "weights_that_stay_are_not_scaled")
SHRUNK = ("scales_the_wrong_way", "kept_features_shrink", "kept_words_shrink", "weights_that_stay_shrink")


@pytest.mark.parametrize(("name", "unscaled", "shrunk"), zip(FOUR, UNSCALED, SHRUNK, strict=True))
def test_the_cause_is_that_of_the_scale_that_was_taken(name, unscaled, shrunk):
    def mistake(scale):
        return failure_of(name, with_mask(name, bernoulli, scale)).mistake

    assert mistake(lambda p: 1 - p).startswith(unscaled)
    assert mistake(lambda p: (1 - p) ** 2).startswith(shrunk)
    assert mistake(lambda p: 1 / (1 - p)) == ""  # scaled twice
    assert mistake(lambda p: 3.0 if p else 1.0) == ""


def test_a_size_that_is_right_at_one_half_alone_is_told_so():
    always_doubled = with_mask("dropout_mask", bernoulli, lambda p: 2 * (1 - p) if p else 1.0)
    assert "always doubled" in failure_of("dropout_mask", always_doubled).because


@pytest.mark.parametrize("share", [lambda p: p * p, lambda p: p / 2, lambda p: 0.5], ids=["squared", "half", "0.5"])
def test_another_wrong_share_is_not_taken_for_a_p_that_is_turned_round(share):
    def draw(like, size, p):
        return like.new_empty(size).bernoulli_(1 - share(p)) / (1 - p) if p else like.new_ones(size)

    failure = failure_of("dropout_mask", draw)
    assert failure.problem == "For every right answer, about p of the entries are 0; not here."
    assert failure.mistake == ""


@pytest.mark.parametrize("name", THREE)
def test_where_nothing_is_lost_no_word_is_said_of_the_scale(name):
    failure = failure_of(name, with_mask(name, lambda like, size, p: like.new_ones(size)))
    assert (failure.kind, failure.mistake) == ("property", "")


@pytest.mark.parametrize("name", ["rnn_dropout", "embedding_dropout"])
def test_scaling_outside_training_is_not_dropping_there(name):
    right = with_mask(name, bernoulli)

    def scales_always(*args):
        *_, p, training = args
        return right(*args) if training else right(*args) / (1 - p)

    failure = failure_of(name, scales_always)
    assert "outside training" in failure.problem
    assert failure.mistake == ""


def test_h_and_c_that_change_places_are_not_told_that_they_are_forgotten():
    def swaps(x, state, weights, p, training):
        return problem_set.weight_dropout(x, state[::-1], weights, p, training)

    assert "changed places" in failure_of("weight_dropout", swaps).because


def test_an_answer_that_changes_its_input_is_told_so_where_it_is_called_twice():
    def in_place(weight, ids, p, training):
        if training and p:
            weight *= bernoulli(weight, (len(weight), 1), p)
        return weight[ids]

    twice = [args for args in exercise("embedding_dropout").examples if args[1] == 2]
    assert first_wrong(exercise("embedding_dropout"), in_place, twice).failure.kind == "input"


@pytest.mark.parametrize("name", FOUR)
def test_each_of_them_is_called_twice_on_a_fixed_input_only(name):
    one = exercise(name)
    assert [args[1] for args in one.examples].count(2) == 1
    assert {args[1] for args in random_inputs(one, 0, 50)} == {1}
    twice = next(args for args in one.examples if args[1] == 2)
    assert len(call_answer(one, one.reference, twice)) == 2


def test_bad_luck_is_below_one_in_a_million_checks():
    """As the module says how it is judged: 415 calls (a notebook's and the grader's), each with the worst p."""
    calls, shares = 415, 3
    alike = 0.625 ** min(judging.BATCH[2], judging.WORDS[0], *map(np.prod, judging.MASK_SIZES))
    at_one_end = 2 * judging.BATCH[2] * 0.75 ** judging.BATCH[2]
    a_whole_step = judging.BATCH[0] * judging.BATCH[1] * 2 * 0.75 ** judging.BATCH[2]
    assert calls * (shares * 1e-11 + alike + at_one_end + a_whole_step) < 1e-6


@pytest.mark.parametrize("kind", [weights._WHOLE_ROWS, weights._WHOLE_COLUMNS], ids=["rows", "columns"])
@pytest.mark.parametrize("p", [0.25, 0.5, 0.75])
@pytest.mark.parametrize(("bs", "seq_len"), [(1, 2), (2, 4)])
def test_a_unit_seldom_seems_to_have_lost_whole_rows_or_columns(bs, seq_len, p, kind):
    """A unit is taken for one whose mask is of this kind if its own is, or gives the same as one of this kind."""
    _, listeners = weights.lstm_of_units(bs, seq_len, 1 / (1 - p))  # (256, bs, seq_len, units)
    chance = np.where(weights._MASKS == 0, p, 1 - p).prod(axis=(1, 2))  # (256,)
    seems = np.ones(listeners.shape[3])
    for unit in range(listeners.shape[3]):
        apart = np.abs(listeners[:, None, ..., unit] - listeners[None, kind][..., unit]).max(axis=(2, 3))
        seems[unit] = chance[(apart < 4 * weights._CLOSE).any(axis=1)].sum()
    assert seems.prod() < 1e-9
