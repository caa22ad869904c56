"""What a run learns from and is measured on, from a packed corpus: ids alone, for a machine without the texts."""

from collections.abc import Sequence

import numpy as np

from ulmfit_lib.data_rows import TEST, TRAIN, UNSUP, VALID, stratified
from ulmfit_lib.errors import DataError
from ulmfit_lib.material import HELD_OUT, Material, Part
from ulmfit_lib.packing import Packed


def from_packed(packed: Packed, *, leak: bool = False, ask_test: bool = True, seed: int = 0) -> Material:
    """Return a packed corpus sorted by purpose, as `material.prepare` does with texts.

    Args:
        packed: with labelled documents in "train" and, if they are to be asked about, in "test"; "unsup" and "valid"
            are used if they are there.
        leak: lets the language model read the documents of "test", never their labels.
        ask_test: False asks about the held-out training documents instead. Choices are made so, and the test is looked
            at once.
        seed: decides which training documents are held out where there is no "valid".

    Raises:
        DataError: there is nothing to learn from, or nothing to ask about.
    """
    parts = packed.parts
    if TRAIN not in parts or not any(label >= 0 for label in parts[TRAIN].labels):
        raise DataError("there are no labelled documents in the part 'train'.", where=packed.name)
    if ask_test and TEST not in parts:
        raise DataError("there is no part 'test'.", where=packed.name, fix="Ask about held-out documents instead.")
    places, first = {}, 0
    for name, part in parts.items():
        places[name] = range(first, first + len(part.docs))
        first += len(part.docs)

    def pick(name: str, rows: Sequence[int]) -> Part:
        labels = [parts[name].labels[row] for row in rows]
        return Part(
            [places[name][row] for row in rows],
            [parts[name].docs[row] for row in rows],
            [None if label < 0 else label for label in labels],
        )

    def whole(name: str) -> Part:
        return pick(name, range(len(parts[name].docs))) if name in parts else Part([], [], [])

    train, valid, notes = whole(TRAIN), whole(VALID).labelled(), []
    if not len(valid):
        held_out = stratified([None if n is None else str(n) for n in train.labels], HELD_OUT, seed)
        valid = pick(TRAIN, sorted(held_out))
        train = pick(TRAIN, [row for row in range(len(train)) if row not in held_out])
        notes.append(f"{len(valid):,} training documents, chosen with seed {seed}, were held out.")
    read = [train, whole(UNSUP), *([whole(TEST)] if leak else [])]
    # A copy of what is asked about must not be read either.
    secret = {doc_key(doc) for part in ([valid] if leak else [valid, whole(TEST)]) for doc in part.docs}
    kept = [
        (place, doc, label)
        for part in read
        for place, doc, label in zip(part.places, part.docs, part.labels, strict=True)
        if doc_key(doc) not in secret
    ]
    if not kept:
        raise DataError("every document to learn from is also asked about.", where=packed.name)
    notes.append(
        f"The language model read {len(kept):,} documents, those of the test "
        + ("without their labels." if leak else "not among them, nor copies of them.")
    )
    return Material(
        vocab=packed.vocab,
        unlabelled=Part(*map(list, zip(*kept, strict=True))),
        train=train.labelled(),
        valid=valid,
        asked=whole(TEST) if ask_test else valid,
        scored_split=TEST if ask_test else VALID,
        notes=notes,
    )


def doc_key(doc: np.ndarray) -> bytes:
    """Return what two documents of the same ids have in common."""
    return np.asarray(doc, dtype=np.int32).tobytes()
