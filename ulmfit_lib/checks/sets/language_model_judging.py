"""How the functions of problem set 05 that draw at random are judged: what holds for every right answer.

A share of N places, each lost with probability p, lies further than t from p with a probability of at most
2 exp(-2 N t^2) (Hoeffding). N and t are chosen below so that this is under 1e-11 a call: a right answer is called some
hundred times, and fails by bad luck less than once in a million checks.

Two calls, or two rows, lose the same N places with a probability of (p^2 + (1 - p)^2)^N, at most 0.625^N with the p
that are drawn: below 1e-24 for N = 120, the fewest. That all lost places of N stand at one end has a probability below
2 N 0.75^N: 3e-13 for N = 120, and a row of 120 never stands alone.

The first property that fails tells the cause, so a wrong answer whose cause is known has one of its own to fail.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ulmfit_lib.checks.adapters.language_model import counting, every_word_twice
from ulmfit_lib.checks.exercise import Args, Property

BATCH = (20, 3, 120)  # rows, steps, features: 20 * 120 masks are drawn
MASK_SIZES = ((50, 1, 60), (3000, 1))
WORDS = (1500, 3)  # words of the vocabulary, features: 1500 masks are drawn
_PLACES_ENOUGH = 200  # places from which on a share is judged
_PROBABILITY = 1e-11


def about(share: float, p: float, n: int) -> bool:
    """Whether a share of n places is as near to p as it is all but once in 1e11 times."""
    return n < _PLACES_ENOUGH or abs(share - p) <= np.sqrt(np.log(2 / _PROBABILITY) / (2 * n))


def _not_the_others(share: float, p: float, n: int) -> bool:
    """Whether a share of n places is not about 1 - p instead of p."""
    return about(share, p, n) or not about(share, 1 - p, n)


def _some_lost_some_kept(got: np.ndarray) -> bool:
    return bool((got == 0).any() and (got != 0).any())


def at_one_end(lost: np.ndarray) -> bool:
    """Whether in each line, along the last axis, all lost places stand at the front, or all at the end."""
    return bool(((lost[..., 1:] != lost[..., :-1]).sum(axis=-1) == 1).all())


def _changed(got: np.ndarray, before: np.ndarray | float) -> bool:
    """Whether what is kept is not just what it was."""
    return not np.isclose(got, before, rtol=1e-5)[got != 0].all()


def _grown(got: np.ndarray, before: np.ndarray | float) -> bool:
    """Whether what is kept has not become smaller everywhere; all that is dropped from is positive."""
    return not (got < before)[got != 0].all()


def _kept_or_lost(got: np.ndarray, before: np.ndarray | float, p: float) -> bool:
    """Whether each entry is 0, or what it was before times 1 / (1 - p)."""
    kept = np.broadcast_to(before / (1 - p), got.shape)
    return bool((np.isclose(got, kept, rtol=1e-5) | (got == 0)).all())


def drops(args: Args) -> bool:
    """Whether anything is to be dropped: `p` and `training` are the last arguments of each layer."""
    return args[-1] and args[-2] > 0


def of_one_call(says: str, holds: Callable[[Args, Any], bool]) -> Property:
    """Return a property of what one call returned: of two calls, which come as a list, it is the first."""
    return Property(says, lambda args, got: holds(args, got[0] if isinstance(got, list) else got))


def when_dropping(says: str, holds: Callable[[Args, Any], bool]) -> Property:
    """Return a property of what one call returned, which is asked for only where something is to be dropped."""
    return of_one_call(says, lambda args, got: not drops(args) or holds(args, got))


def _two_calls_differ(args: Args, got: Any) -> bool:
    return not isinstance(got, list) or not np.array_equal(got[0] == 0, got[1] == 0)


# dropout_mask: (seed, calls, like, size, p)


def _mask_property(says: str, holds: Callable[[np.ndarray, float], bool]) -> Property:
    return of_one_call(says, lambda args, got: args[-1] == 0 or holds(got, args[-1]))


MASK_PROPERTIES = (
    of_one_call("with p = 0 every entry is 1", lambda args, got: args[-1] > 0 or bool((got == 1).all())),
    _mask_property("some entries are 0 and some are not", lambda got, p: _some_lost_some_kept(got)),
    _mask_property("the entries that are kept are not 1", lambda got, p: _changed(got, 1.0)),
    _mask_property("the entries that are kept are larger than 1", lambda got, p: _grown(got, 1.0)),
    _mask_property("each entry is 0 or 1 / (1 - p)", lambda got, p: _kept_or_lost(got, 1.0, p)),
    _mask_property(
        "a share of p of the entries is 0, not of 1 - p",
        lambda got, p: _not_the_others((got == 0).mean(), p, got.size),
    ),
    _mask_property("about p of the entries are 0", lambda got, p: about((got == 0).mean(), p, got.size)),
    _mask_property("the zeros do not all stand at one end", lambda got, p: not at_one_end(got.ravel() == 0)),
    Property("two calls, one after the other, make different entries 0", _two_calls_differ),
)

# rnn_dropout: (seed, calls, bs, seq_len, features, p, training)


def _nothing_lost(args: Args, got: np.ndarray) -> bool:
    """Of a few numbers it may be that none is lost, which would be judged now so, now so."""
    return drops(args) or got.size < _PLACES_ENOUGH or bool((got != 0).all())


def _activations_left_alone(args: Args, got: np.ndarray) -> bool:
    return drops(args) or np.array_equal(got, counting(*args[2:5]))


def _activations_kept_or_lost(args: Args, got: np.ndarray) -> bool:
    return _kept_or_lost(got, counting(*args[2:5]), args[-2])


def _no_whole_step(args: Args, got: np.ndarray) -> bool:
    """The chance that all 120 features of a step are lost is 0.75 ** 120 at most, below 1e-14."""
    lost = got == 0  # (bs, seq_len, features)
    return bool((lost.any(axis=2) & ~lost.all(axis=2)).all())


def _same_at_every_step(args: Args, got: np.ndarray) -> bool:
    return bool(((got == 0) == (got[:, :1] == 0)).all())


def _rows_differ(args: Args, got: np.ndarray) -> bool:
    return len(got) == 1 or not bool(((got == 0) == (got[:1] == 0)).all())


def _share_of_features(args: Args, got: np.ndarray) -> bool:
    return about((got[:, 0] == 0).mean(), args[-2], got[:, 0].size)


RNN_PROPERTIES = (
    of_one_call("with p = 0, and outside training, nothing is lost", _nothing_lost),
    of_one_call("with p = 0, and outside training, x comes back as it was", _activations_left_alone),
    when_dropping("some activations are lost and some are kept", lambda args, got: _some_lost_some_kept(got)),
    when_dropping("what is kept is not just what it was", lambda args, got: _changed(got, counting(*args[2:5]))),
    when_dropping("what is kept becomes larger", lambda args, got: _grown(got, counting(*args[2:5]))),
    when_dropping("each activation is 0 or what it was times 1 / (1 - p)", _activations_kept_or_lost),
    when_dropping("features are dropped, never a whole step", _no_whole_step),
    when_dropping("a feature that is lost at one step of a row is lost at all of its steps", _same_at_every_step),
    when_dropping("the lost features do not all stand at one end", lambda args, got: not at_one_end(got == 0)),
    when_dropping("the rows of a batch lose different features", _rows_differ),
    when_dropping("about p of the features are lost", _share_of_features),
    Property("two calls, one after the other, lose different features", _two_calls_differ),
)

# embedding_dropout: (seed, calls, vocab_sz, emb_sz, p, training)


def _looked_up(args: Args) -> np.ndarray:
    return counting(*args[2:4])[every_word_twice(args[2])]  # (2, vocab_sz, emb_sz)


def _words_left_alone(args: Args, got: np.ndarray) -> bool:
    return drops(args) or np.array_equal(got, _looked_up(args))


def _words_kept_or_lost(args: Args, got: np.ndarray) -> bool:
    return _kept_or_lost(got, _looked_up(args), args[-2])


def _whole_words(args: Args, got: np.ndarray) -> bool:
    return bool(((got == 0) == (got[:, :, :1] == 0)).all())


def _everywhere(args: Args, got: np.ndarray) -> bool:
    return bool(((got[0] == 0) == (got[1] == 0)).all())


def _share_of_words(args: Args, got: np.ndarray) -> bool:
    return about((got[0, :, 0] == 0).mean(), args[-2], args[2])


WORD_PROPERTIES = (
    of_one_call("with p = 0, and outside training, nothing is lost", _nothing_lost),
    of_one_call("with p = 0, and outside training, each id gets its row of the weights", _words_left_alone),
    when_dropping("some numbers are lost and some are kept", lambda args, got: _some_lost_some_kept(got)),
    when_dropping("what is kept is not just what it was", lambda args, got: _changed(got, _looked_up(args))),
    when_dropping("what is kept becomes larger", lambda args, got: _grown(got, _looked_up(args))),
    when_dropping("each number is 0 or that of the weights times 1 / (1 - p)", _words_kept_or_lost),
    when_dropping("a word loses all its features or none", _whole_words),
    when_dropping("a word that is lost in one place is lost in all of them", _everywhere),
    when_dropping(
        "the lost words do not all stand at one end of the table", lambda args, got: not at_one_end(got[0, :, 0] == 0)
    ),
    when_dropping("about p of the words are lost", _share_of_words),
    Property("two calls, one after the other, lose different words", _two_calls_differ),
)
