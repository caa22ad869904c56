"""The batches of a language model: `bs` long mini-streams side by side, cut into windows of `seq_len` tokens.

All the documents are laid end to end. The line is cut into `bs` pieces of the same length, which become the rows of a
table, and a window of `seq_len` columns moves over the table from left to right:

    ids      0  1  2  3  4  5  6  7  8  9 10 11 12         13 tokens, bs=3, seq_len=2

                window 0   window 1
    row 0   x    0  1       2  3           y  is x moved by one token:
    row 1   x    4  5       6  7           row 0, window 0:  x = 0 1   y = 1 2
    row 2   x    8  9      10 11

Row 1 of window 1 goes on exactly where row 1 of window 0 ended. That is why the model can carry its hidden state from
one batch to the next, and why the rows must never be shuffled: only the documents are, before they are laid end to end.

The arithmetic needs the standard library alone; NumPy is imported by the functions that return arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ulmfit_lib.direction import BACKWARD, FORWARD, check_direction
from ulmfit_lib.errors import ConfigError, DataError

if TYPE_CHECKING:
    import numpy as np

Docs = Sequence[Sequence[int]]


def batch_length(n_tokens: int, bs: int) -> int:
    """Return how many tokens each of the `bs` mini-streams reads; what does not fill a row is left out.

    One token is set aside first, because the last input also needs a token to predict.

    Raises:
        ConfigError: `bs` is below one.
        DataError: there are too few tokens for one token a row.

    Source: fastai `LMDataLoader`.

    >>> batch_length(13, bs=3)
    4
    >>> batch_length(12, bs=3)
    3
    """
    if bs < 1:
        raise ConfigError(f"bs must be at least 1, not {bs}.")
    length = (n_tokens - 1) // bs
    if length < 1:
        raise DataError(
            f"The texts hold {n_tokens} tokens, too few for {bs} mini-streams.",
            fix=f"Give more texts, or a batch size below {max(n_tokens, 2)}.",
        )
    return length


def window_bounds(length: int, seq_len: int) -> list[tuple[int, int]]:
    """Return where each window of a mini-stream of `length` tokens starts and ends; the last may be short.

    Raises:
        ConfigError: `seq_len` is below one.

    >>> window_bounds(5, seq_len=2)
    [(0, 2), (2, 4), (4, 5)]
    """
    if seq_len < 1:
        raise ConfigError(f"seq_len must be at least 1, not {seq_len}.")
    return [(start, min(start + seq_len, length)) for start in range(0, length, seq_len)]


def document_order(n_docs: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order in which the documents are laid end to end in one epoch, shape (n_docs,).

    It is a function of `seed` and `epoch` alone, so an interrupted run finds the same order again without having
    stored it.

    >>> document_order(5, seed=0, epoch=1).tolist() == document_order(5, seed=0, epoch=1).tolist()
    True
    """
    import numpy as np

    return np.random.default_rng([seed, epoch]).permutation(n_docs)


def concat_documents(docs: Docs, order: Sequence[int] | None = None, direction: str = FORWARD) -> np.ndarray:
    """Lay the documents end to end in the given order (by default their own), shape (total tokens,).

    Backward, the tokens of each document are reversed, and the documents keep their places.

    Raises:
        ConfigError: the direction is neither forward nor backward.

    >>> concat_documents([[2, 10, 11], [2, 20]], order=[1, 0]).tolist()
    [2, 20, 2, 10, 11]
    >>> concat_documents([[2, 10, 11], [2, 20]], direction="backward").tolist()
    [11, 10, 2, 20, 2]
    """
    import numpy as np

    step = -1 if check_direction(direction) == BACKWARD else 1
    order = range(len(docs)) if order is None else order
    pieces = [np.asarray(docs[i], dtype=np.int64)[::step] for i in order]
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)


class LMStream:
    """All the windows of a corpus, epoch after epoch, from any window on.

    The ids are kept in one flat array, so a batch is a slice of it and costs the same however large the corpus is.
    The order of the documents depends on `seed` and the epoch's number alone, and a window on its own number alone:
    `stream.batches(epoch=3, start=120)` gives what an uninterrupted third epoch gives from its window 120 on.

    Args:
        docs: the token ids of each document; empty documents are allowed.
        bs: how many mini-streams are read side by side.
        seq_len: how many tokens of each a window holds.
        direction: "backward" reverses each document.
        shuffle: whether the documents change places in every epoch.
        seed: what the shuffling depends on, beside the epoch.

    Raises:
        ConfigError: `bs`, `seq_len` or the direction make no sense.
        DataError: there are too few tokens for one a row.

    Source: fastai `LMDataLoader` (the same windows for the same order of documents).

    >>> stream = LMStream([list(range(13))], bs=3, seq_len=2)
    >>> len(stream), stream.batch_length
    (2, 4)
    >>> x, y = next(stream.batches())
    >>> x.tolist(), y.tolist()
    ([[0, 1], [4, 5], [8, 9]], [[1, 2], [5, 6], [9, 10]])
    """

    def __init__(
        self,
        docs: Docs,
        bs: int = 64,
        seq_len: int = 72,
        direction: str = FORWARD,
        shuffle: bool = False,
        seed: int = 0,
    ) -> None:
        import numpy as np

        self.bs, self.seq_len, self.shuffle, self.seed = bs, seq_len, shuffle, seed
        self.direction = check_direction(direction)
        lengths = np.array([len(doc) for doc in docs], dtype=np.int64)
        self.ends = np.cumsum(lengths)
        self.starts = self.ends - lengths
        self.n_tokens = int(lengths.sum())
        self.batch_length = batch_length(self.n_tokens, bs)
        self.windows = window_bounds(self.batch_length, seq_len)
        # Half the memory of int64; a window becomes int64 when it is handed out.
        self._ids = np.empty(self.n_tokens, dtype=np.int32)
        step = -1 if direction == BACKWARD else 1
        for doc, start, end in zip(docs, self.starts, self.ends, strict=True):
            self._ids[start:end] = np.asarray(doc)[::step]

    def __len__(self) -> int:
        """Return the number of windows of an epoch."""
        return len(self.windows)

    def check_ids(self, vocab_sz: int) -> None:
        """Refuse texts that were not made with a vocabulary of `vocab_sz` tokens.

        Raises:
            DataError: an id is negative, or not below `vocab_sz`; the message names the document.
        """
        import numpy as np

        wrong = np.flatnonzero((self._ids < 0) | (self._ids >= vocab_sz))
        if len(wrong):
            raise DataError(
                f"the id {self._ids[wrong[0]]} is not in the vocabulary, which has the ids 0 to {vocab_sz - 1}.",
                where=f"document {np.searchsorted(self.ends, wrong[0], side='right')}",
                fix="Turn the texts into ids with this vocabulary.",
            )

    def ids(self, epoch: int = 0) -> np.ndarray:
        """Return the documents laid end to end in the order of this epoch, shape (n_tokens,), int32."""
        import numpy as np

        if not self.shuffle:
            return self._ids
        order = document_order(len(self.starts), self.seed, epoch)
        bounds = zip(self.starts[order].tolist(), self.ends[order].tolist(), strict=True)
        return np.concatenate([self._ids[start:end] for start, end in bounds])

    def rows(self, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return the whole epoch as two tables of mini-streams, x and y, each (bs, batch_length), int32.

        Both are views of one flat array, y one token further on.
        """
        ids, size = self.ids(epoch), self.bs * self.batch_length
        x = ids[:size].reshape(self.bs, self.batch_length)  # (bs, batch_length)
        y = ids[1 : size + 1].reshape(self.bs, self.batch_length)  # (bs, batch_length)
        return x, y

    def batches(self, epoch: int = 0, start: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the windows of an epoch from number `start` on: (x, y), each (bs, seq_len), int64.

        The last window is as short as what is left of the mini-streams.

        Raises:
            ConfigError: `start` is not a window of the epoch (its end, `len(self)`, is allowed and yields nothing).
        """
        import numpy as np

        if not 0 <= start <= len(self):
            raise ConfigError(f"start must be a window from 0 to {len(self)}, not {start}.")
        x, y = self.rows(epoch)
        for first, last in self.windows[start:]:
            yield x[:, first:last].astype(np.int64), y[:, first:last].astype(np.int64)
