"""How the functions of problem set 05 that draw at random are judged: what holds for every right answer.

A share of N places, each lost with probability p, lies further than t from p with a probability of at most
2 exp(-2 N t^2) (Hoeffding). N and t are chosen below so that this is under 1e-11 a call: a right answer is called some
hundred times, and fails by bad luck less than once in a million checks.
"""

from functools import cache
from itertools import product
from typing import Any

import numpy as np

from ulmfit_lib.checks.adapters.language_model import counting, every_word_twice, lstm_arrays, units_of
from ulmfit_lib.checks.exercise import Args, Property

BATCH = (20, 3, 120)  # rows, steps, features: 20 * 120 masks are drawn
MASK_SIZES = ((50, 1, 60), (3000, 1))
WORDS = (1500, 3)  # words of the vocabulary, features: 1500 masks are drawn
_PLACES_ENOUGH = 200  # places from which on a share is judged
_PROBABILITY = 1e-11


def _about(share: float, p: float, n: int) -> bool:
    """Whether a share of n places is as near to p as it is all but once in 1e11 times."""
    return n < _PLACES_ENOUGH or abs(share - p) <= np.sqrt(np.log(2 / _PROBABILITY) / (2 * n))


def _kept_or_lost(got: np.ndarray, before: np.ndarray | float, p: float) -> bool:
    """Whether each entry is 0, or what it was before times 1 / (1 - p)."""
    kept = np.broadcast_to(before / (1 - p), got.shape)
    return bool((np.isclose(got, kept, rtol=1e-5) | (got == 0)).all())


# dropout_mask: (seed, like, size, p)


def _mask_values(args: Args, got: np.ndarray) -> bool:
    return _kept_or_lost(got, 1.0, args[3])


def _mask_share(args: Args, got: np.ndarray) -> bool:
    return _about((got == 0).mean(), args[3], got.size)


def _mask_keeps_all(args: Args, got: np.ndarray) -> bool:
    return args[3] > 0 or bool((got == 1).all())


MASK_PROPERTIES = (
    Property("with p = 0 every entry is 1", _mask_keeps_all),
    Property("each entry is 0 or 1 / (1 - p)", _mask_values),
    Property("about p of the entries are 0", _mask_share),
)

# rnn_dropout: (seed, bs, seq_len, features, p, training)


def _drops(args: Args) -> bool:
    """Whether anything is to be dropped: `p` and `training` are the last arguments of each of them."""
    return args[-1] and args[-2] > 0


def _activations_left_alone(args: Args, got: np.ndarray) -> bool:
    return _drops(args) or np.array_equal(got, counting(*args[1:4]))


def _activations_kept_or_lost(args: Args, got: np.ndarray) -> bool:
    return not _drops(args) or _kept_or_lost(got, counting(*args[1:4]), args[-2])


def _no_whole_step(args: Args, got: np.ndarray) -> bool:
    """The chance that all 120 features of a step are lost is 0.75 ** 120 at most, below 1e-14."""
    lost = got == 0  # (bs, seq_len, features)
    return not _drops(args) or bool((lost.any(axis=2) & ~lost.all(axis=2)).all())


def _same_at_every_step(args: Args, got: np.ndarray) -> bool:
    return not _drops(args) or bool(((got == 0) == (got[:, :1] == 0)).all())


def _rows_differ(args: Args, got: np.ndarray) -> bool:
    """The chance that two rows of 120 features are alike by accident is 0.625 ** 120, below 1e-24."""
    return not _drops(args) or len(got) == 1 or not bool(((got == 0) == (got[:1] == 0)).all())


def _share_of_features(args: Args, got: np.ndarray) -> bool:
    return not _drops(args) or _about((got[:, 0] == 0).mean(), args[-2], got[:, 0].size)


RNN_PROPERTIES = (
    Property("with p = 0, and outside training, x comes back as it was", _activations_left_alone),
    Property("each activation is 0 or what it was times 1 / (1 - p)", _activations_kept_or_lost),
    Property("features are dropped, never a whole step", _no_whole_step),
    Property("a feature that is lost at one step of a row is lost at all of its steps", _same_at_every_step),
    Property("the rows of a batch lose different features", _rows_differ),
    Property("about p of the features are lost", _share_of_features),
)

# embedding_dropout: (seed, vocab_sz, emb_sz, p, training)


def _looked_up(args: Args) -> np.ndarray:
    return counting(*args[1:3])[every_word_twice(args[1])]  # (2, vocab_sz, emb_sz)


def _words_left_alone(args: Args, got: np.ndarray) -> bool:
    return _drops(args) or np.array_equal(got, _looked_up(args))


def _words_kept_or_lost(args: Args, got: np.ndarray) -> bool:
    return not _drops(args) or _kept_or_lost(got, _looked_up(args), args[-2])


def _whole_words(args: Args, got: np.ndarray) -> bool:
    return not _drops(args) or bool(((got == 0) == (got[:, :, :1] == 0)).all())


def _everywhere(args: Args, got: np.ndarray) -> bool:
    return not _drops(args) or bool(((got[0] == 0) == (got[1] == 0)).all())


def _share_of_words(args: Args, got: np.ndarray) -> bool:
    return not _drops(args) or _about((got[0, :, 0] == 0).mean(), args[-2], args[1])


WORD_PROPERTIES = (
    Property("with p = 0, and outside training, each id gets its row of the weights", _words_left_alone),
    Property("each number is 0 or that of the weights times 1 / (1 - p)", _words_kept_or_lost),
    Property("a word loses all its features or none", _whole_words),
    Property("a word that is lost in one place is lost in all of them", _everywhere),
    Property("about p of the words are lost", _share_of_words),
)

# weight_dropout: (seed, kind, bs, seq_len, p, training). The kind "many units" has units that listen to themselves
# alone, by four weights each. Sixteen masks of four are possible, and what each gives can be computed.

_MASKS = np.array(list(product((0.0, 1.0), repeat=4)))  # (16, gates)


@cache
def lstm_of_units(bs: int, seq_len: int, p: float) -> np.ndarray:
    """Return what each unit gives under each of the sixteen masks: (16, bs, seq_len, units)."""
    kind = "many units"
    x, _, (w_ih, w_hh, b_ih, b_hh) = lstm_arrays(kind, bs, seq_len)
    units = units_of(kind)
    own = w_hh.reshape(4, units, units)[:, np.arange(units), np.arange(units)]  # (gates, units)
    own = _MASKS[:, :, None] * own / (1 - p)  # (16, gates, units)
    h = c = np.zeros((len(_MASKS), bs, units))
    outputs = []
    for step in range(seq_len):
        read = (x[:, step] @ w_ih.T + b_ih + b_hh).reshape(bs, 4, units)  # (bs, gates, units)
        gates = read[None] + own[:, None] * h[:, :, None]  # (16, bs, gates, units)
        to_write, to_keep, to_show = (1 / (1 + np.exp(-gates[:, :, gate])) for gate in (0, 1, 3))
        c = to_keep * c + to_write * np.tanh(gates[:, :, 2])
        h = to_show * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=2)


def _fitting_masks(args: Args, got: Any) -> np.ndarray:
    """Return which masks fit what came back: (16, bs, seq_len, units), true where they give the same."""
    return np.isclose(lstm_of_units(*args[2:5]), got[0][None], rtol=0, atol=5e-6)


def _is_the_lstm(args: Args, got: Any) -> bool:
    if _drops(args):
        return True
    import torch

    x, (h, c), weights = lstm_arrays(*args[1:4])
    w_ih, w_hh, b_ih, b_hh = map(torch.from_numpy, weights)
    state = torch.from_numpy(h), torch.from_numpy(c)
    outputs = []
    for step in torch.from_numpy(x).unbind(1):
        state = torch.lstm_cell(step, state, w_ih, w_hh, b_ih, b_hh)
        outputs.append(state[0])
    pairs = zip((torch.stack(outputs, 1), *state), (got[0], *got[1]), strict=True)
    return all(np.allclose(right.numpy(), given, atol=1e-5) for right, given in pairs)


def _first_step_is_untouched(args: Args, got: Any) -> bool:
    return not _drops(args) or bool(_fitting_masks(args, got)[:, :, 0].all())


def _weights_kept_or_lost(args: Args, got: Any) -> bool:
    return not _drops(args) or bool(_fitting_masks(args, got)[:, :, :2].all(axis=2).any(axis=0).all())


def _rows_share_the_weights(args: Args, got: Any) -> bool:
    return not _drops(args) or bool(_fitting_masks(args, got)[:, :, :2].all(axis=(1, 2)).any(axis=0).all())


def _steps_share_the_weights(args: Args, got: Any) -> bool:
    return not _drops(args) or bool(_fitting_masks(args, got).all(axis=(1, 2)).any(axis=0).all())


def _share_of_weights(args: Args, got: Any) -> bool:
    if not _drops(args):
        return True
    # A few units give nearly the same under two masks: take the one that is nearer to p.
    fitting = _fitting_masks(args, got).all(axis=(1, 2))  # (16, units)
    lost = (_MASKS == 0).sum(axis=1)[:, None]  # (16, 1)
    n = 4 * fitting.shape[1]
    fewest = np.where(fitting, lost, 4).min(axis=0).sum() / n
    most = np.where(fitting, lost, 0).max(axis=0).sum() / n
    return _about(float(np.clip(args[-2], fewest, most)), args[-2], n)


WEIGHT_PROPERTIES = (
    Property("with p = 0, and outside training, it gives what the LSTM gives from this state", _is_the_lstm),
    Property(
        "the first step is the LSTM's: it starts from zeros, and meets no recurrent weight", _first_step_is_untouched
    ),
    Property("each recurrent weight is 0 or what it was times 1 / (1 - p)", _weights_kept_or_lost),
    Property("all rows of the batch meet the same weights", _rows_share_the_weights),
    Property("the weights that are lost at one step are lost at all steps", _steps_share_the_weights),
    Property("about p of the recurrent weights are lost", _share_of_weights),
)
