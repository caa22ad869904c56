"""The inputs of problem set 05: simple ones in more than half, on which a wrong answer may be right by accident."""

from random import Random

import numpy as np

from ulmfit_lib.checks.exercise import Args
from ulmfit_lib.checks.sets.drawing import any_of
from ulmfit_lib.checks.sets.language_model_judging import BATCH, MASK_SIZES, WORDS


def array(*rows: object) -> np.ndarray:
    """Return an array of float32."""
    return np.array(rows, dtype=np.float32)


# Short to read, and exact in any type; the simplest first.
_VALUES = (0, 1, -1, 2, -2, 0.5, -0.5, 1.5, -1.5, 0.25, -0.25, 0.75, -0.75)


def numbers(rng: Random, *shape: int) -> np.ndarray:
    """Return an array of such values."""
    return np.array(any_of(rng, _VALUES, int(np.prod(shape))), dtype=np.float32).reshape(shape)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


def cell(rng: Random) -> Args:
    return cell_of(rng, rng.randint(1, 2), rng.randint(1, 2), rng.randint(1, 2))


def cell_of(rng: Random, bs: int, n_in: int, n_out: int) -> Args:
    """In more than half: a first step, from zeros, with the same weights for each gate."""
    x = numbers(rng, bs, n_in)
    if rng.randint(0, 9) < 6:
        w_ih, w_hh = np.tile(numbers(rng, n_out, n_in), (4, 1)), np.tile(numbers(rng, n_out, n_out), (4, 1))
        return (
            x,
            zeros(bs, n_out),
            zeros(bs, n_out),
            w_ih,
            w_hh,
            np.tile(numbers(rng, n_out), 4),
            zeros(4 * n_out),
        )
    h, c = numbers(rng, bs, n_out), numbers(rng, bs, n_out)
    w_ih, w_hh = numbers(rng, 4 * n_out, n_in), numbers(rng, 4 * n_out, n_out)
    return (x, h, c, w_ih, w_hh, numbers(rng, 4 * n_out), numbers(rng, 4 * n_out))


# Inputs of the functions that draw at random begin with a seed, and the number of calls after this seeding. It is 1:
# that a second call draws other numbers, a fixed input of each of them shows.


def _seed(rng: Random) -> int:
    return rng.randint(0, 999)


def _probability(rng: Random) -> float:
    return rng.choice([0.0, 0.25, 0.5, 0.75]) if rng.randint(0, 9) < 6 else 0.0


def mask(rng: Random) -> Args:
    dtype = np.float64 if rng.randint(0, 9) == 9 else np.float32
    size = rng.choice([(2, 3), (4,), (2, 1, 5)]) if (p := _probability(rng)) == 0 else rng.choice(MASK_SIZES)
    return (_seed(rng), 1, np.zeros(1, dtype=dtype), size, p)


def activations(rng: Random) -> Args:
    p, training = _probability(rng), rng.choice([True, True, False])
    sizes = BATCH if p and training else (rng.randint(1, 2), rng.randint(1, 3), rng.randint(1, 4))
    bs, seq_len, features = sizes
    return (_seed(rng), 1, bs, rng.choice([seq_len, 1]), features, p, training)


def words(rng: Random) -> Args:
    p, training = _probability(rng), rng.choice([True, True, False])
    vocab_sz, emb_sz = WORDS if p and training else (rng.randint(1, 4), rng.randint(1, 3))
    return (_seed(rng), 1, vocab_sz, emb_sz, p, training)


def layer(rng: Random) -> Args:
    p, training = _probability(rng), rng.choice([True, True, False])
    bs, seq_len = rng.randint(1, 2), rng.randint(2, 4)
    if p and training:
        return (_seed(rng), 1, "many units", bs, min(seq_len, 3), p, training)
    return (_seed(rng), 1, rng.choice(["small", "small", "small", "small, carried"]), bs, seq_len, p, training)


def output_and_words(rng: Random) -> Args:
    """In more than half: as many words as features, each with a feature of its own, and no bias."""
    bs, seq_len, emb_sz = rng.randint(1, 2), rng.randint(1, 2), rng.randint(1, 3)
    output = numbers(rng, bs, seq_len, emb_sz)
    if rng.randint(0, 9) < 6:
        return (output, np.eye(emb_sz, dtype=np.float32), zeros(emb_sz))
    vocab_sz = rng.choice([emb_sz, rng.randint(1, 4)])
    return (output, numbers(rng, vocab_sz, emb_sz), numbers(rng, vocab_sz))


def _logits_and_targets(rng: Random, kind: str) -> Args:
    """Logits of a model that is sure of the right words, sure of others, knows nothing, or sees some chance in each.

    Apart from one that knows nothing, no two logits of a token are equal: one is the highest.
    """
    bs, seq_len, vocab_sz = rng.randint(1, 3), rng.randint(1, 3), rng.randint(3, 5)
    n_tokens = bs * seq_len
    targets = np.array([rng.randint(0, vocab_sz - 1) for _ in range(n_tokens)])
    logits = np.zeros((n_tokens, vocab_sz), dtype=np.float32)
    for row in logits if kind != "knows nothing" else []:
        shift = rng.randint(0, vocab_sz - 1)
        row[:] = [(place + shift) % vocab_sz / 2 for place in range(vocab_sz)]
    if kind in ("right", "wrong"):
        logits[np.arange(n_tokens), targets] = 40 if kind == "right" else -40
    return (logits.reshape(bs, seq_len, vocab_sz), targets.reshape(bs, seq_len))


def for_perplexity(rng: Random) -> Args:
    return _logits_and_targets(rng, rng.choice(["right"] * 6 + ["knows nothing"] + ["chance"] * 3))


def for_accuracy(rng: Random) -> Args:
    return _logits_and_targets(rng, rng.choice(["right"] * 5 + ["wrong"] * 2 + ["chance"] * 3))


def outputs_and_factors(rng: Random) -> Args:
    """In more than half: an output that never changes, not dropped, and equal factors."""
    bs, seq_len, features = rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 3)
    alpha, beta = rng.choice([1.0, 2.0]), rng.choice([1.0, 2.0])
    if rng.randint(0, 9) < 6:
        raw = np.full((bs, max(seq_len, 2), features), rng.randint(-8, 8) / 4, dtype=np.float32)
        return (raw, raw.copy(), alpha, alpha)
    raw = numbers(rng, bs, seq_len, features)
    kept = np.array([rng.randint(0, 1) for _ in range(bs * features)], dtype=np.float32).reshape(bs, 1, features)
    return (raw, raw * kept * 2, alpha, beta)
