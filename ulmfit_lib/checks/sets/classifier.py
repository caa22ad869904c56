"""Problem set 09: from a padded batch of documents to the logits of a classifier."""

from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ulmfit_lib import classifier
from ulmfit_lib.checks.adapters.classifier import ENCODER
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet
from ulmfit_lib.checks.mistakes.classifier import MISTAKES
from ulmfit_lib.checks.sets.drawing import any_of, different

PAD = 1  # the id of xxpad
# Numbers in double precision, so that the order of a sum does not show.
_TOLERANCE = 1e-6


def first_pooled_token(length: int, seq_len: int, max_len: int) -> int:
    """Return where pooling begins: the first chunk that starts inside the last `max_len` tokens.

    >>> first_pooled_token(10, seq_len=4, max_len=6)
    4
    """
    return classifier.first_pooled_token(length, seq_len, max_len)


def pooling_mask(lengths: list[int], seq_len: int, max_len: int) -> Tensor:
    """Return a truth value for each cell of the padded batch: True where it is not pooled.

    >>> pooling_mask([3, 2], seq_len=1, max_len=2)
    tensor([[ True, False, False],
            [False, False,  True]])
    """
    first = [classifier.first_pooled_token(length, seq_len, max_len) for length in lengths]
    place = torch.arange(max(lengths))  # (longest,)
    return (place < torch.tensor(first)[:, None]) | (place >= torch.tensor(lengths)[:, None])


def encode_in_chunks(
    encoder: Any, ids: Tensor, lengths: list[int], seq_len: int, max_len: int
) -> tuple[Tensor, Tensor]:
    """Return the outputs of the chunks that some document pools, and which of them each document leaves out.

    The library's own reads the documents in another layout, in which they all end in the last chunk; what a document
    pools is the same (tests/test_set_classifier.py).
    """
    begin = min(classifier.first_pooled_token(length, seq_len, max_len) for length in lengths)
    state, outputs = None, []
    for start in range(0, ids.shape[1], seq_len):
        with torch.set_grad_enabled(start >= begin):
            output, state = encoder(ids[:, start : start + seq_len], state)
        state = [one.detach() for one in state]
        if start >= begin:
            outputs.append(output)
    return torch.cat(outputs, dim=1), pooling_mask(lengths, seq_len, max_len)[:, begin:]


def masked_concat_pool(output: Tensor, mask: Tensor) -> Tensor:
    """Return the last output of each document, the largest and the mean over time, side by side.

    >>> masked_concat_pool(torch.tensor([[[1.0], [5.0], [3.0], [9.0]]]), torch.tensor([[False, False, False, True]]))
    tensor([[3., 5., 3.]])
    """
    return classifier.masked_concat_pool(output, mask)


def batch_norm(x: Tensor, norm: dict[str, Tensor], training: bool) -> Tensor:
    """Return x with each feature brought to mean 0 and variance 1, then scaled and shifted.

    >>> norm = {"mean": torch.tensor([1.0]), "var": torch.tensor([4.0])}
    >>> norm |= {"weight": torch.tensor([10.0]), "bias": torch.tensor([3.0])}
    >>> batch_norm(torch.tensor([[1.0], [5.0]]), norm, training=False).round()
    tensor([[ 3.],
            [23.]])
    """
    mean, var = (x.mean(dim=0), x.var(dim=0, correction=0)) if training else (norm["mean"], norm["var"])
    return (x - mean) / (var + 1e-5).sqrt() * norm["weight"] + norm["bias"]


def classifier_head(pooled: Tensor, layers: list[dict[str, Any]], masks: list[Tensor] | None) -> Tensor:
    """Return logits: batch normalisation, dropout, linear in each layer, with ReLU between two layers."""
    x = pooled
    for number, layer in enumerate(layers):
        x = batch_norm(x, layer["norm"], masks is not None)
        if masks is not None:
            x = x * masks[number]
        x = x @ layer["linear"].T
        if number < len(layers) - 1:
            x = x.relu()
    return x


def _length_and_sizes(rng: Random) -> Args:
    """Most documents are at least `max_len` long, most of those by whole chunks more."""
    seq_len = rng.choice([1, 1, 2, 3, 4])
    max_len = seq_len * rng.randint(1, 4) + (0 if rng.choice([True, True, False]) else rng.randint(0, seq_len - 1))
    kind = rng.choice(["whole", "whole", "any", "short", "short"])
    if kind == "whole":
        return (max_len + seq_len * rng.randint(0, 4), seq_len, max_len)
    if kind == "any":
        return (max_len + rng.randint(1, 12), seq_len, max_len)
    return (rng.randint(1, max_len), seq_len, max_len)


def _lengths(rng: Random) -> Args:
    """In most of them all documents are equally long, or none is longer than `max_len`."""
    seq_len = rng.randint(1, 3)
    max_len = seq_len * rng.randint(1, 3) + rng.choice([0, 0, rng.randint(0, seq_len - 1)])
    cut = rng.randint(0, 9) < 4
    bs = rng.randint(1, 3)
    longest = max_len + rng.randint(1, 6) if cut else rng.randint(1, max_len)
    if rng.randint(0, 9) < 6:
        return ([longest] * bs, seq_len, max_len)
    return ([rng.randint(1, longest) for _ in range(bs)], seq_len, max_len)


def _batch(lengths: list[int], ids: list[int], seq_len: int, max_len: int) -> Args:
    """Return a padded batch of documents in which no token occurs twice, so that each has a gradient of its own."""
    rows = np.full((len(lengths), max(lengths)), PAD)
    ids = list(ids)
    for row, length in zip(rows, lengths, strict=True):
        row[:length] = [ids.pop(0) for _ in range(length)]
    return (ENCODER, rows, lengths, seq_len, max_len)


def _numbered(lengths: list[int], seq_len: int, max_len: int) -> Args:
    return _batch(lengths, list(range(2, 2 + sum(lengths))), seq_len, max_len)


def _documents(rng: Random) -> Args:
    """More than half fit into one chunk."""
    bs = rng.randint(1, 3)
    if rng.randint(0, 9) < 6:
        lengths = [rng.randint(1, 4) for _ in range(bs)]
        seq_len = max(lengths) + rng.randint(0, 2)
        max_len = seq_len + rng.randint(0, 3)
    else:
        lengths = [rng.randint(1, 9) for _ in range(bs)]
        seq_len = rng.randint(1, 3)
        max_len = seq_len * rng.randint(1, 3)
    return _batch(lengths, different(rng, range(2, 64), sum(lengths)), seq_len, max_len)


def _numbers(rng: Random, *shape: int, least: int = -8, most: int = 8) -> np.ndarray:
    quarters = sorted(range(least, most + 1), key=abs)  # the simplest first
    return np.array(any_of(rng, quarters, int(np.prod(shape))), dtype=np.float64).reshape(shape) / 4


def _output_and_mask(rng: Random) -> Args:
    """More than half are not masked at all; where they are, mostly at the end. Most hold no number below 0."""
    bs, n, emb_sz = rng.randint(1, 3), rng.randint(1, 4), rng.randint(1, 2)
    output = _numbers(rng, bs, n, emb_sz, least=rng.choice([0, 0, -8]))
    mask = np.zeros((bs, n), dtype=bool)
    if rng.randint(0, 9) < 4:
        for row in mask:
            end = rng.randint(1, n)
            row[end:] = True
            row[: rng.choice([0, 0, rng.randint(0, end - 1)])] = True
    return (output, mask)


def _norm(rng: Random, x: np.ndarray) -> dict[str, np.ndarray]:
    """In most of them scale and shift do nothing, and some have the batch's own statistics."""
    n = x.shape[1]
    norm = {"mean": _numbers(rng, n), "var": _numbers(rng, n, least=1)}
    if rng.randint(0, 3) == 3:
        norm = {"mean": x.mean(axis=0), "var": x.var(axis=0)}
    plain = rng.randint(0, 9) < 6
    weight, bias = (np.ones(n), np.zeros(n)) if plain else (_numbers(rng, n, least=1), _numbers(rng, n, least=1))
    return norm | {"weight": weight, "bias": bias}


def _features(rng: Random) -> Args:
    """Half in training, half not; some batches hold the same row again and again."""
    x = _numbers(rng, rng.randint(2, 4), rng.randint(1, 3))
    if rng.randint(0, 3) == 3:
        x[:] = x[0]
    return (x, _norm(rng, x), rng.choice([False, True]))


def _plain_norm(rng: Random, n: int, least: int) -> dict[str, np.ndarray]:
    return {
        "mean": _numbers(rng, n, least=least, most=0),
        "var": _numbers(rng, n, least=1),
        "weight": _numbers(rng, n, least=1),
        "bias": _numbers(rng, n, least=0),
    }


def _pooled_and_layers(rng: Random) -> Args:
    """Most are for prediction; half have one layer; in half of them nothing is below 0 anywhere."""
    sizes = [rng.randint(1, 3) for _ in range(rng.choice([2, 2, 3, 4]))]
    least = rng.choice([0, 0, 0, -8])
    bs = rng.randint(2, 3)
    layers = [
        {"norm": _plain_norm(rng, n_in, least=-8), "linear": _numbers(rng, n_out, n_in, least=least)}
        for n_in, n_out in pairwise(sizes)
    ]
    masks = None
    if rng.randint(0, 9) < 4:
        masks = [np.array([[rng.choice([0.0, 2.0]) for _ in range(n)] for _ in range(bs)]) for n in sizes[:-1]]
    return (_numbers(rng, bs, sizes[0], least=least), layers, masks)


def _array(*rows: Any) -> np.ndarray:
    return np.array(rows, dtype=np.float64)


def _layer(mean: list, var: list, weight: list, bias: list, linear: list) -> dict[str, Any]:
    names = ("mean", "var", "weight", "bias")
    norm = {name: _array(*value) for name, value in zip(names, (mean, var, weight, bias), strict=True)}
    return {"norm": norm, "linear": _array(*linear)}


_HIDDEN = _layer([0, 0], [1, 1], [1, 1], [0, 0], [[1, 1], [-1, 1], [1, -2]])
_LAST = _layer([1, 0, 2], [4, 1, 1], [2, 1, 1], [0, 1, -1], [[1, 0, 1], [-1, 2, 0]])
_NORM = {"mean": _array(1, 0), "var": _array(4, 1), "weight": _array(1, 1), "bias": _array(0, 0)}
_SCALED = {"mean": _array(1, 0), "var": _array(4, 1), "weight": _array(2, 3), "bias": _array(1, -1)}

_EXERCISES = (
    Exercise(
        name="first_pooled_token",
        points=2,
        difficulty=2,
        minutes=8,
        section="1. Where pooling begins",
        reference=first_pooled_token,
        examples=[
            (10, 4, 6),
            (3, 4, 6),
            (6, 4, 6),
            (7, 4, 6),
            (12, 4, 8),
            (11, 4, 8),
            (1, 2, 6),
            (2000, 72, 1440),
            (5, 1, 2),
        ],
        inputs=_length_and_sizes,
        hints=(
            "How many tokens stand before the last `max_len`? None if the document is short. Then round up to whole "
            "chunks.",
            "10 tokens, chunks of 4, the last 6: 4 tokens stand before those, and 4 is the beginning of a chunk. With "
            "11 tokens it would be 5, and the next chunk begins at 8.",
            "Reread “1. Where pooling begins”: the chunk that has begun before the last `max_len` tokens is left out "
            "whole.",
        ),
        mistakes=MISTAKES["first_pooled_token"],
    ),
    Exercise(
        name="pooling_mask",
        points=2,
        difficulty=2,
        minutes=10,
        section="2. What is left out",
        reference=pooling_mask,
        adapter="tensors.call",
        examples=[
            ([3, 2], 2, 4),
            ([2, 2], 2, 4),
            ([1, 3], 3, 3),
            ([5, 2], 1, 2),
            ([5], 2, 3),
            ([6, 4, 1], 2, 4),
            ([8, 7], 3, 4),
            ([9, 3, 6], 3, 3),
        ],
        inputs=_lengths,
        hints=(
            "torch.arange(longest) gives the places 0, 1, 2 and so on. For each row compare them with two numbers: "
            "where its pooling begins, and where it ends.",
            "Lengths [5, 2], chunks of 1, the last 2: row 0 pools from 3 on, so True True True False False; row 1 "
            "pools from 0 on and ends at 2: False False True True True.",
            "Reread “2. What is left out”: True means left out, and each row has a beginning of its own.",
        ),
        mistakes=MISTAKES["pooling_mask"],
    ),
    Exercise(
        name="encode_in_chunks",
        points=5,
        difficulty=4,
        minutes=22,
        section="3. Chunk by chunk",
        reference=encode_in_chunks,
        adapter="classifier.read",
        tolerance=_TOLERANCE,
        examples=[
            _numbered([3], 3, 3),
            _numbered([2, 1], 3, 3),
            _numbered([3], 2, 4),
            _numbered([3], 1, 2),
            _numbered([5], 2, 2),
            _numbered([6], 2, 4),
            _numbered([5, 2], 2, 2),
            _numbered([9, 3, 6], 3, 3),
            _numbered([7, 8], 3, 6),
        ],
        inputs=_documents,
        hints=(
            "A loop over the beginnings of the chunks, range(0, longest, seq_len). In it: call the encoder with the "
            "state of the chunk before, detach the new state, and keep the output if the chunk is one that counts.",
            "5 tokens, chunks of 2, the last 2: chunks begin at 0, 2 and 4, and pooling begins at 4. All three are "
            "read, each with the state of the one before; the first two under torch.no_grad(). Only the output of the "
            "third is returned, and the last column of the mask with it.",
            "Reread “3. Chunk by chunk”: what is kept begins where the *first* of all documents begins to pool, and no "
            "gradient goes from a chunk into the one before.",
        ),
        mistakes=MISTAKES["encode_in_chunks"],
    ),
    Exercise(
        name="masked_concat_pool",
        points=4,
        difficulty=3,
        minutes=16,
        section="4. Three views of a document",
        reference=masked_concat_pool,
        adapter="tensors.call",
        tolerance=_TOLERANCE,
        examples=[
            (_array([[1.0], [5.0], [3.0], [9.0]]), np.array([[False, False, False, True]])),
            (_array([[1.0], [5.0], [3.0]]), np.array([[False, False, False]])),
            (_array([[-2.0], [-1.0], [0.0]]), np.array([[False, False, True]])),
            (_array([[9.0], [5.0], [3.0], [8.0]]), np.array([[True, False, False, True]])),
            (_array([[0.0], [-5.0], [-3.0]]), np.array([[True, False, False]])),
            (_array([[1.0, 8.0], [3.0, 2.0]], [[4.0, 4.0], [7.0, 7.0]]), np.array([[False, False], [False, True]])),
        ],
        inputs=_output_and_mask,
        hints=(
            "Three tensors of shape (bs, emb_sz), and torch.cat along dim 1. For the largest, masked_fill with -inf "
            "first; for the mean, masked_fill with 0 and a count of what is left.",
            "One document, outputs 1, 5, 3 and 9, the 9 masked: last 3, largest 5, mean (1 + 5 + 3) / 3 = 3. Together "
            "[3, 5, 3].",
            "Reread “4. Three views of a document”: the last output is the one at the last place that is *not* masked, "
            "wherever that is.",
        ),
        mistakes=MISTAKES["masked_concat_pool"],
    ),
    Exercise(
        name="batch_norm",
        points=3,
        difficulty=3,
        minutes=12,
        section="5. Batch normalisation",
        reference=batch_norm,
        adapter="tensors.call",
        tolerance=_TOLERANCE,
        examples=[
            (_array([1, 0], [5, 2]), _NORM, False),
            (_array([1, 0], [5, 2]), _NORM, True),
            (_array([1, 0], [5, 2]), _SCALED, False),
            (_array([1, 0], [5, 2], [3, 7]), _SCALED, True),
            (_array([3, 3], [3, 3]), _NORM, True),
            (_array([0.5, -1.5]), _SCALED, False),
        ],
        inputs=_features,
        hints=(
            "Choose mean and variance first: those of the batch (dim=0) or those in `norm`. Then one line of "
            "arithmetic.",
            "A feature with the values 1 and 5: mean 3, variance ((1 - 3)² + (5 - 3)²) / 2 = 4. So -1 and 1, but for "
            "the 1e-5; with weight 2 and bias 1 they become -1 and 3.",
            "Reread “5. Batch normalisation”: the variance divides by the number of rows, and 1e-5 is added to it "
            "before the square root.",
        ),
        mistakes=MISTAKES["batch_norm"],
    ),
    Exercise(
        name="classifier_head",
        points=4,
        difficulty=3,
        minutes=16,
        section="6. The head",
        reference=classifier_head,
        adapter="tensors.call",
        tolerance=_TOLERANCE,
        examples=[
            (_array([1, -2], [3, 1]), [_HIDDEN], None),
            (_array([1, -2], [3, 1]), [_HIDDEN, _LAST], None),
            (_array([1, -2], [3, 1]), [_HIDDEN], [_array([2, 0], [0, 2])]),
            (_array([1, -2], [3, 1]), [_HIDDEN, _LAST], [_array([2, 0], [2, 2]), _array([2, 2, 0], [0, 2, 2])]),
            (_array([4, 2]), [_HIDDEN, _LAST], None),
        ],
        inputs=_pooled_and_layers,
        hints=(
            "A loop over the layers with their numbers. In each: batch_norm, then the mask if there are masks, then "
            "the linear step `x @ linear.T`, and ReLU unless it is the last.",
            "One layer, no masks, statistics 0 and 1: batch normalisation leaves [3, 1] as it is, but for the 1e-5. "
            "The row [1, -2] of `linear` gives 3 - 2 = 1.",
            "Reread “6. The head”: with masks it is training, and then batch normalisation takes the batch's own "
            "statistics.",
        ),
        mistakes=MISTAKES["classifier_head"],
    ),
)

PROBLEM_SET = ProblemSet("09_classifier", "The classifier", _EXERCISES)
