"""Batches of documents of different lengths: which documents go together, and what fills the short ones up.

A batch is a rectangle, documents are not. The shorter ones are filled up with the padding token `xxpad`:

    docs              pad_batch(docs)
    [2, 7, 8, 9]      2  7  8  9
    [2, 5]            2  5  1  1      1 is the id of `xxpad`
    [2, 6, 4]         2  6  4  1

Every `xxpad` is work for nothing, so documents of about the same length go into one batch: sort them by length, and
while training shuffle a little. Documents are named by their index in the data, so that what comes out of the
batches can be put back in the order of the data.
"""

import random
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ulmfit_lib.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np

#: Documents are shuffled, and sorted by length inside groups of this many batches.
BATCHES_A_GROUP = 50


def pad_batch(docs: Sequence[Sequence[int]], pad_id: int = 1, pad_first: bool = False) -> "np.ndarray":
    """Return the documents as one array of ids, each filled up with `pad_id` to the length of the longest.

    Args:
        docs: bs documents, each a sequence of ids (lists or arrays of integers).
        pad_id: the id of `xxpad`.
        pad_first: fill up in front of the document instead of behind it.

    Returns:
        int64 array (bs, length of the longest).

    Raises:
        DataError: there is no document.

    Source: fastai `text.data.pad_input`.

    >>> pad_batch([[2, 7, 8], [2]]).tolist()
    [[2, 7, 8], [2, 1, 1]]
    """
    import numpy as np

    if len(docs) == 0:
        raise DataError("A batch needs at least one document.")
    longest = max(len(doc) for doc in docs)
    ids = np.full((len(docs), longest), pad_id, dtype=np.int64)  # (bs, longest)
    for row, doc in zip(ids, docs, strict=True):
        start = longest - len(doc) if pad_first else 0
        row[start : start + len(doc)] = doc
    return ids


def sorted_batches(
    lengths: Sequence[int], bs: int, shuffle: bool = False, seed: int = 0, epoch: int = 0
) -> list[list[int]]:
    """Return batches of document indices in which the documents have about the same length.

    Without `shuffle` all documents are sorted, longest first. With it they are shuffled first, and sorted inside
    groups of `BATCHES_A_GROUP` batches; then the batches are shuffled too, except two: the one that holds the
    longest document stays first, so that a batch too large for the memory fails at once and not an hour later, and
    the last one, which may be smaller, stays last. No document is left out; same seed and same epoch give the same
    batches.

    Args:
        lengths: the number of tokens of each document.
        bs: documents a batch.

    Raises:
        ConfigError: `bs` is less than 1.

    Source: fastai `text.data.SortedDL`.

    >>> sorted_batches([3, 9, 4, 7, 1], bs=2)
    [[1, 3], [2, 0], [4]]
    """
    if bs < 1:
        raise ConfigError(f"The batch size must be at least 1, not {bs}.")
    if not shuffle:
        return _split(_longest_first(range(len(lengths)), lengths), bs)

    rng = random.Random(f"sorted_batches {seed} {epoch}")
    indices = list(range(len(lengths)))
    rng.shuffle(indices)
    if indices:
        place = indices.index(max(range(len(lengths)), key=lengths.__getitem__))
        indices[0], indices[place] = indices[place], indices[0]
    groups = _split(indices, bs * BATCHES_A_GROUP)
    batches = _split(list(chain.from_iterable(_longest_first(group, lengths) for group in groups)), bs)
    middle = batches[1:-1]
    rng.shuffle(middle)
    return batches[:1] + middle + batches[1:][-1:]


def token_budget_batches(lengths: Sequence[int], max_tokens: int) -> list[list[int]]:
    """Return batches, longest documents first, whose padded size (documents times the longest) is at most
    `max_tokens`.

    A fixed number of documents a batch wastes memory on short ones and runs out of it on long ones; a fixed number of
    tokens does neither. A document longer than the budget gets a batch of its own.

    Raises:
        ConfigError: `max_tokens` is less than 1.

    >>> token_budget_batches([3, 9, 4, 7, 1], max_tokens=10)
    [[1], [3], [2, 0], [4]]
    """
    if max_tokens < 1:
        raise ConfigError(f"A token budget must be at least 1, not {max_tokens}.")
    batches: list[list[int]] = []
    for index in _longest_first(range(len(lengths)), lengths):
        # The first document of a batch is its longest, so it alone decides the padded length.
        if batches and (len(batches[-1]) + 1) * lengths[batches[-1][0]] <= max_tokens:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def padding_waste(lengths: Sequence[int], batches: Iterable[Sequence[int]]) -> float:
    """Return the share of all cells of the padded batches that hold padding: 0.0 is none, 0.5 is every second one.

    >>> padding_waste([4, 2, 3], [[0, 1, 2]])
    0.25
    """
    real = cells = 0
    for batch in batches:
        inside = [lengths[index] for index in batch]
        real += sum(inside)
        cells += len(inside) * max(inside, default=0)
    return 1 - real / cells if cells else 0.0


def restore_order(values: "Sequence | np.ndarray", order: Sequence[int]) -> "list | np.ndarray":
    """Put values that came out of the batches back in the order of the data.

    Args:
        values: one value a document (a list, or an array whose first dimension is documents), as the batches gave
            them.
        order: the index in the data of each of them: the batches one after the other.

    Returns:
        `values` so that the i-th belongs to the i-th document: an array if it was one, else a list.

    Raises:
        ConfigError: `order` does not name each document once.

    >>> restore_order(["long", "middling", "short"], order=[2, 0, 1])
    ['middling', 'short', 'long']
    """
    if len(values) != len(order) or sorted(order) != list(range(len(order))):
        raise ConfigError(
            f"The order must name each of the {len(values)} documents once; it has {len(order)} entries, "
            f"{len(set(order))} of them different."
        )
    place = sorted(range(len(order)), key=order.__getitem__)
    if isinstance(values, Sequence):
        return [values[i] for i in place]
    return values[place]


def _longest_first(indices: Iterable[int], lengths: Sequence[int]) -> list[int]:
    return sorted(indices, key=lambda index: lengths[index], reverse=True)


def _split(indices: Sequence[int], size: int) -> list[list[int]]:
    return [list(indices[start : start + size]) for start in range(0, len(indices), size)]
