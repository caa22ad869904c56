"""How answers to `weight_dropout` are judged: from what came back, which of the recurrent weights were lost?"""

from functools import cache, partial
from itertools import product
from typing import Any

import numpy as np

from ulmfit_lib.checks.adapters.language_model import lstm_arrays, units_of
from ulmfit_lib.checks.exercise import Args, Property
from ulmfit_lib.checks.sets.language_model_judging import about, at_one_end, drops, of_one_call, when_dropping

# weight_dropout: (seed, calls, kind, bs, seq_len, p, training). Of the kind "many units" the first half listen to no
# unit: what they give is known. Each of the others listens to itself and to one of those, by four weights each. 256
# masks of eight are possible, and what each gives can be computed.

_MASKS = np.array(list(product((0.0, 1.0), repeat=8))).reshape(-1, 2, 4)  # (256, itself or the other, gates)
_WHOLE_ROWS = (_MASKS[:, 0] == _MASKS[:, 1]).all(axis=1)  # a row of w_hh holds a gate's weights
_WHOLE_COLUMNS = (_MASKS[:, :, :1] == _MASKS).all(axis=(1, 2))  # a column those of one unit that is listened to
_CLOSE = 5e-6  # ten times what float32 loses here


def _step(gates: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (h, c), each (..., units), after a step with these sums, (..., 4, units)."""
    to_write, to_keep, to_show = (1 / (1 + np.exp(-gates[..., gate, :])) for gate in (0, 1, 3))
    c = to_keep * c + to_write * np.tanh(gates[..., 2, :])
    return to_show * np.tanh(c), c


@cache
def lstm_of_units(bs: int, seq_len: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """Return what each unit gives, with the weights that stay multiplied by `factor`.

    Of the first half, (bs, seq_len, units / 2); of the others, under each of the masks, (256, bs, seq_len, units / 2).
    """
    x, _, (w_ih, w_hh, b_ih, b_hh) = lstm_arrays("many units", bs, seq_len)
    units = units_of("many units")
    half = units // 2
    by_gate, listeners = w_hh.reshape(4, units, units), np.arange(half, units)
    own, other = factor * by_gate[:, listeners, listeners], factor * by_gate[:, listeners, np.arange(half)]
    own, other = _MASKS[:, 0, :, None] * own, _MASKS[:, 1, :, None] * other  # (256, gates, units / 2)
    h = c = heard_h = heard_c = np.zeros((bs, half))
    heard, outputs = [], []
    for step in range(seq_len):
        read = (x[:, step] @ w_ih.T + b_ih + b_hh).reshape(bs, 4, units)
        gates = read[None, :, :, half:]
        if step > 0:  # before, there is nothing to be heard
            gates = gates + own[:, None] * h[:, :, None] + other[:, None] * heard_h[:, None]
        h, c = _step(gates, c)
        heard_h, heard_c = _step(read[:, :, :half], heard_c)
        heard.append(heard_h)
        outputs.append(np.broadcast_to(h, (len(_MASKS), bs, half)))
    return np.stack(heard, axis=1), np.stack(outputs, axis=2, dtype=np.float32, casting="same_kind")


def _fitting_masks(args: Args, got: Any, factor: float | None = None, steps: slice = slice(None)) -> np.ndarray:
    """Return which masks fit what came back at these steps: (256, bs, steps, units / 2), true where they give the same.

    The weights that stay are multiplied by 1 / (1 - p), or by the factor that is given.
    """
    bs, seq_len, p = args[3:6]
    _, listeners = lstm_of_units(bs, seq_len, 1 / (1 - p) if factor is None else factor)
    return np.abs(listeners[:, :, steps] - got[0][:, steps, listeners.shape[-1] :]) < _CLOSE


def _fit_at_the_first_steps(args: Args, got: Any, factor: float | None = None) -> bool:
    """Whether each unit has a mask, in each row its own, that fits at the first two steps."""
    return bool(_fitting_masks(args, got, factor, slice(2)).all(axis=2).any(axis=0).all())


def _is_the_lstm(args: Args, got: Any) -> bool:
    if drops(args):
        return True
    import torch

    x, (h, c), weights = lstm_arrays(*args[2:5])
    w_ih, w_hh, b_ih, b_hh = map(torch.from_numpy, weights)
    state = torch.from_numpy(h), torch.from_numpy(c)
    outputs = []
    for step in torch.from_numpy(x).unbind(1):
        state = torch.lstm_cell(step, state, w_ih, w_hh, b_ih, b_hh)
        outputs.append(state[0])
    pairs = zip((torch.stack(outputs, 1), *state), (got[0], *got[1]), strict=True)
    return all(np.allclose(right.numpy(), given, atol=1e-5) for right, given in pairs)


def _heard_units_fit(args: Args, got: Any) -> np.ndarray:
    """Return where the units that listen to none give what they have to: (bs, seq_len, units / 2)."""
    bs, seq_len, p = args[3:6]
    heard, _ = lstm_of_units(bs, seq_len, 1 / (1 - p))
    return np.abs(heard - got[0][..., : heard.shape[-1]]) < _CLOSE


def _first_step_is_untouched(args: Args, got: Any) -> bool:
    return bool(_heard_units_fit(args, got)[:, 0].all() and _fitting_masks(args, got, steps=slice(1)).all())


def _some_weights_lost(args: Args, got: Any) -> bool:
    # The last mask keeps all.
    return _fit_at_the_first_steps(args, got) or not bool(_fitting_masks(args, got, 1.0)[-1].all())


def _weights_that_stay_changed(args: Args, got: Any) -> bool:
    return _fit_at_the_first_steps(args, got) or not _fit_at_the_first_steps(args, got, 1.0)


def _weights_that_stay_grew(args: Args, got: Any) -> bool:
    return _fit_at_the_first_steps(args, got) or not _fit_at_the_first_steps(args, got, 1 - args[-2])


def _rows_share_the_weights(args: Args, got: Any) -> bool:
    return bool(_fitting_masks(args, got, steps=slice(2)).all(axis=(1, 2)).any(axis=0).all())


def _masks_of_the_units(args: Args, got: Any) -> np.ndarray:
    """Return which masks fit each unit at all steps of all rows: (256, units / 2). Of a few units two or more do."""
    return _fitting_masks(args, got).all(axis=(1, 2))


def _weights_not_at_one_end(args: Args, got: Any) -> bool:
    fitting = _masks_of_the_units(args, got)
    sure = fitting[:, fitting.sum(axis=0) == 1]  # the units that one mask fits
    lost = _MASKS[sure.argmax(axis=0)] == 0  # (units, itself or the other, gates)
    as_they_stand = lost[:, ::-1].transpose(2, 0, 1)  # (gates, units, the other or itself)
    return not at_one_end(as_they_stand.ravel())


def _not_only(kind: np.ndarray, args: Args, got: Any) -> bool:
    """Whether there is a unit that no mask of this kind fits: with a right answer each fits with less than one half."""
    return not bool(_masks_of_the_units(args, got)[kind].any(axis=0).all())


def _share_of_weights(args: Args, got: Any) -> bool:
    fitting = _masks_of_the_units(args, got)
    lost = (_MASKS == 0).sum(axis=(1, 2))[:, None]  # (256, 1)
    n = 8 * fitting.shape[1]
    # Where two masks fit a unit, take the one that is nearer to p.
    fewest = np.where(fitting, lost, 8).min(axis=0).sum() / n
    most = np.where(fitting, lost, 0).max(axis=0).sum() / n
    return about(float(np.clip(args[-2], fewest, most)), args[-2], n)


def _two_passes_differ(args: Args, got: Any) -> bool:
    return not isinstance(got, list) or not np.allclose(got[0][0], got[1][0], rtol=0, atol=_CLOSE)


WEIGHT_PROPERTIES = (
    of_one_call("with p = 0, and outside training, it gives what the LSTM gives from this state", _is_the_lstm),
    when_dropping(
        "the first step is the LSTM's: it starts from zeros, and meets no recurrent weight", _first_step_is_untouched
    ),
    when_dropping(
        "a unit whose recurrent weights are all 0 gives what it always gives",
        lambda args, got: bool(_heard_units_fit(args, got).all()),
    ),
    when_dropping("some recurrent weights are lost", _some_weights_lost),
    when_dropping("the recurrent weights that stay are not just what they were", _weights_that_stay_changed),
    when_dropping("the recurrent weights that stay become larger", _weights_that_stay_grew),
    when_dropping("each recurrent weight is 0 or what it was times 1 / (1 - p)", _fit_at_the_first_steps),
    when_dropping("all rows of the batch meet the same weights", _rows_share_the_weights),
    when_dropping(
        "the weights that are lost at one step are lost at all steps",
        lambda args, got: bool(_masks_of_the_units(args, got).any(axis=0).all()),
    ),
    when_dropping("the lost weights do not all stand at one end of w_hh", _weights_not_at_one_end),
    when_dropping(
        "each weight is lost or kept by itself, not with all of its row of w_hh", partial(_not_only, _WHOLE_ROWS)
    ),
    when_dropping(
        "each weight is lost or kept by itself, not with those of its column in the other gates",
        partial(_not_only, _WHOLE_COLUMNS),
    ),
    when_dropping("about p of the recurrent weights are lost", _share_of_weights),
    Property("two passes, one after the other, lose different weights", _two_passes_differ),
)
