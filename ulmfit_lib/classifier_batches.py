"""Documents and labels as the classifier's training wants them: checked, numbered, turned round, batched, as
tensors."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ulmfit_lib.direction import BACKWARD, check_direction
from ulmfit_lib.errors import DataError
from ulmfit_lib.padding import pad_batch, sorted_batches

Docs = Sequence[Sequence[int]]


def number_labels(train_labels: Sequence, valid_labels: Sequence) -> tuple[tuple, np.ndarray, np.ndarray]:
    """Return the names of the classes, sorted, and the number of the class of each document of both sets.

    Raises:
        DataError: a label is missing, there are fewer than two, or one stands in the validation set alone.

    >>> number_labels(["pos", "neg"], ["neg"])
    (('neg', 'pos'), array([1, 0]), array([0]))
    """
    for name, labels in (("training", train_labels), ("validation", valid_labels)):
        for row, label in enumerate(labels):
            if label is None or label != label:  # a missing number is NaN, which equals nothing
                raise DataError("it has no label.", where=f"{name} document {row}", fix="Label it or leave it out.")
    known = set(train_labels)
    if len(known) < 2:
        raise DataError(f"To tell classes apart takes two labels; the training documents have {len(known)}.")
    try:
        names = tuple(sorted(known))
    except TypeError:  # labels of several types have no order of their own
        names = tuple(sorted(known, key=str))
    number = {name: n for n, name in enumerate(names)}
    for row, label in enumerate(valid_labels):
        if label not in number:
            raise DataError(
                f"no training document has its label {label!r}.",
                where=f"validation document {row}",
                fix="Leave it out, or move some texts of this label to the training set.",
            )
    y_train, y_valid = (
        np.array([number[label] for label in labels], dtype=np.int64) for labels in (train_labels, valid_labels)
    )
    return names, y_train, y_valid


def read_docs(docs: Docs, vocab_sz: int, direction: str, name: str = "document", pad_id: int = 1) -> list[np.ndarray]:
    """Return the documents as arrays of ids in the order in which they are read.

    Args:
        docs: documents as ids, in reading order whatever the direction.
        vocab_sz: how many ids there are.
        direction: "forward" or "backward"; the ids of a document read backward are reversed.
        name: what an error calls one of them.

    Raises:
        DataError: a document has no token but padding, or an id outside the vocabulary; it is named by its number.
        ConfigError: there is no such direction.
    """
    check_direction(direction)
    arrays = []
    for row, doc in enumerate(docs):
        ids = np.asarray(doc, dtype=np.int64)
        if (ids == pad_id).all():
            raise DataError("it has no tokens.", where=f"{name} {row}", fix="Leave it out.")
        lowest, highest = int(ids.min()), int(ids.max())
        if lowest < 0 or highest >= vocab_sz:
            raise DataError(
                f"it has the id {lowest if lowest < 0 else highest}; the vocabulary has {vocab_sz:,} tokens.",
                where=f"{name} {row}",
                fix="Turn the texts into ids with this model's own vocabulary.",
            )
        arrays.append(ids[::-1] if direction == BACKWARD else ids)
    return arrays


class SortedBatches:
    """Batches of padded documents, longest first: tuples `(ids, labels)`, or `(ids,)` where there are no labels.

    `order` is the index of each document as the batches give them; `padding.restore_order` undoes it.
    """

    def __init__(self, docs: Sequence[np.ndarray], labels: np.ndarray | None, bs: int, pad_id: int = 1) -> None:
        self.docs, self.labels, self.bs, self.pad_id = docs, labels, bs, pad_id
        self.lengths = [len(doc) for doc in docs]
        self.batches = sorted_batches(self.lengths, bs)

    @property
    def order(self) -> list[int]:
        """The places of the documents in the data, in the order in which the batches hold them."""
        return [index for batch in self.batches for index in batch]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        yield from map(self.tensors, self.batches)

    def tensors(self, batch: list[int]) -> tuple[Tensor, ...]:
        """Return ids (len(batch), longest), and labels (len(batch),), of the documents with these indices."""
        ids = torch.from_numpy(pad_batch([self.docs[index] for index in batch], self.pad_id))
        return (ids,) if self.labels is None else (ids, torch.from_numpy(self.labels[batch]))


class ShuffledBatches(SortedBatches):
    """Batches for training: about sorted, shuffled anew each time they are gone through.

    `steps` makes one pass that many batches long, however many there are in an epoch; None means one epoch. No batch
    has fewer documents than `least`: batch normalisation cannot learn from one alone.
    """

    def __init__(
        self, docs: Sequence[np.ndarray], labels: np.ndarray, bs: int, seed: int, pad_id: int = 1, least: int = 2
    ) -> None:
        super().__init__(docs, labels, bs, pad_id)
        self.least = least
        self.seed, self.epoch = seed, 0
        self.steps: int | None = None
        self.steps_an_epoch = len(self.batches_of(0))

    def batches_of(self, epoch: int) -> list[list[int]]:
        """Return the batches of an epoch, as document indices."""
        batches = sorted_batches(self.lengths, self.bs, shuffle=True, seed=self.seed, epoch=epoch)
        if len(batches) > 1 and len(batches[-1]) < self.least:  # and none is to be left out
            batches[-2:] = [batches[-2] + batches[-1]]
        return batches

    def __len__(self) -> int:
        return self.steps or self.steps_an_epoch

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        left = len(self)
        while left:
            batches = self.batches_of(self.epoch)[:left]
            self.epoch += 1
            left -= len(batches)
            yield from map(self.tensors, batches)
