"""What the functions of problem set 05 take, built from a few numbers: many entries, so that a share can be judged.

The second argument says how many calls are made after one seeding: with 2, a list of what both returned comes back.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from ulmfit_lib.checks.adapters.tensors import call_seeded, show_call, show_seeded

N_IN = 2  # features that the LSTM of `weight_dropout` reads


def dropout_mask(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with a tensor, a size and a probability, after seeding torch."""
    seed, calls, like, size, p = args
    return call_seeded(function, (seed, like, size, p), calls)


def show_dropout_mask(name: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it."""
    seed, calls, *rest = args
    return show_seeded(seed, show_call(name, tuple(rest)), calls)


def rnn_dropout(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with activations that count up, (bs, seq_len, features), after seeding torch."""
    seed, calls, bs, seq_len, features, p, training = args
    return call_seeded(function, (seed, counting(bs, seq_len, features), p, training), calls)


def show_rnn_dropout(name: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it."""
    seed, calls, bs, seq_len, features, p, training = args
    return show_seeded(seed, f"{name}({_show_counting(bs, seq_len, features)}, {p}, {training})", calls)


def embedding_dropout(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with weights that count up and ids in which each word stands twice, after seeding torch."""
    seed, calls, vocab_sz, emb_sz, p, training = args
    return call_seeded(function, (seed, counting(vocab_sz, emb_sz), every_word_twice(vocab_sz), p, training), calls)


def show_embedding_dropout(name: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it."""
    seed, calls, vocab_sz, emb_sz, p, training = args
    ids = f"torch.arange({2 * vocab_sz}).reshape(2, {vocab_sz}) % {vocab_sz}"
    return show_seeded(seed, f"{name}({_show_counting(vocab_sz, emb_sz)}, {ids}, {p}, {training})", calls)


def weight_dropout(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with a text, a state and weights of a layer of the kind that is asked for."""
    seed, calls, kind, bs, seq_len, p, training = args
    return call_seeded(function, (seed, *lstm_arrays(kind, bs, seq_len), p, training), calls)


def show_weight_dropout(name: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it; weights that are too many to be shown are described."""
    seed, calls, kind, bs, seq_len, p, training = args
    if kind != "many units":
        return show_seeded(seed, show_call(name, (*lstm_arrays(kind, bs, seq_len), p, training)), calls)
    sizes = f"x of shape ({bs}, {seq_len}, {N_IN}), {units_of(kind)} hidden units, the state all zeros"
    return f"{show_seeded(seed, f'{name}(x, (h, c), weights, {p}, {training})', calls)}, {sizes}"


def counting(*shape: int) -> Any:
    """Return 1, 2, 3, ... as an array of this shape, float32."""
    import numpy as np

    return np.arange(1, np.prod(shape) + 1, dtype=np.float32).reshape(shape)


def _show_counting(*shape: int) -> str:
    size = 1
    for length in shape:
        size *= length
    return f"torch.arange(1.0, {size + 1}.0).reshape{shape}"


def every_word_twice(vocab_sz: int) -> Any:
    """Return the ids of all words, twice: two rows that are the same, (2, vocab_sz)."""
    import numpy as np

    return np.arange(2 * vocab_sz).reshape(2, vocab_sz) % vocab_sz


def units_of(kind: str) -> int:
    """Return how many hidden units a layer of this kind has."""
    return 60 if kind == "many units" else 2


@cache
def lstm_arrays(kind: str, bs: int, seq_len: int) -> tuple[Any, tuple[Any, Any], tuple[Any, Any, Any, Any]]:
    """Return what an LSTM layer reads, and its weights: x, (h, c), (w_ih, w_hh, b_ih, b_hh), all float32.

    Args:
        kind: "small", two units and a state of zeros; "small, carried", with another state; "many units", of which
            the first half listen to no unit, and each of the others to itself and to one of those, so that its outputs
            tell which of its eight recurrent weights were dropped.
        bs: rows of x.
        seq_len: steps of x.
    """
    import numpy as np

    units = units_of(kind)
    x = _wave(1.7, bs, seq_len, N_IN)
    w_ih = _wave(0.9, 4 * units, N_IN)
    if kind == "many units":
        half = units // 2
        listeners, others = np.arange(half, units), np.arange(half)
        w_hh = np.zeros((4, units, units), dtype=np.float32)
        w_hh[:, listeners, listeners] = _sign(1.3, 4, half) * (2.0 + 0.8 * _wave(2.3, 4, half))
        w_hh[:, listeners, others] = _sign(2.7, 4, half) * (1.5 + 0.5 * _wave(0.8, 4, half))
        w_hh = w_hh.reshape(4 * units, units)
    else:
        w_hh = _wave(2.3, 4 * units, units)
    b_ih, b_hh = _wave(1.1, 4 * units), _wave(0.7, 4 * units)
    b_ih[2 * units : 3 * units] += 1.5  # what is to be remembered, so that no unit is near zero
    h = c = np.zeros((bs, units), dtype=np.float32)
    if kind == "small, carried":
        h, c = _wave(1.9, bs, units), _wave(2.9, bs, units)
    return x, (h, c), (w_ih, w_hh, b_ih, b_hh)


def _sign(step: float, *shape: int) -> Any:
    import numpy as np

    return np.where(_wave(step, *shape) > 0, 1.0, -1.0)


def _wave(step: float, *shape: int) -> Any:
    """Return numbers between -1 and 1 that follow no pattern that an answer could profit from, two digits each."""
    import numpy as np

    return np.cos(step * np.arange(1, np.prod(shape) + 1)).round(2).astype(np.float32).reshape(shape)
