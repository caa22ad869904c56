"""Rows of text as they were read, and the checks that they pass before anything is made of them."""

import random
from collections import Counter
from typing import NamedTuple

from ulmfit_lib.errors import ConfigError, DataError

TRAIN, VALID, TEST, UNSUP = SPLITS = ("train", "valid", "test", "unsup")
MAX_LABELS = 100
MIN_TEXTS_A_LABEL = 2  # in training


class Row(NamedTuple):
    """One text as it was read, before any check; `place` says where it stands, such as "row 7" or "pos/1.txt"."""

    text: str | None
    label: str | None
    split: str | None
    place: str


class Source(NamedTuple):
    """What a reader of tables or folders hands over."""

    rows: list[Row]
    name: str  # the name of the file or folder, never its path
    where: str  # the path as the user gave it, for messages
    sha256: str
    notes: list[str]
    joint: str = ", "  # stands between `where` and the place of a row; "/" for a folder


class Checked(NamedTuple):
    """Rows that passed: three lists of the same length and order, and what the user should know of them."""

    texts: list[str]
    labels: list[str | None]
    splits: list[str]
    notes: list[str]


def check_rows(source: Source, *, valid_fraction: float, seed: int, needs_labels: bool) -> Checked:
    """Check the rows of a source and give each a split.

    Raises:
        DataError: as `data.read_texts`.
        ConfigError: `valid_fraction` does not lie between 0 and 1.
    """
    if not 0 < valid_fraction < 1:
        raise ConfigError(f"valid_fraction must lie between 0 and 1, not {valid_fraction}.")
    if not source.rows:
        raise DataError("there are no texts in it.", where=source.where, fix="Give texts of at least two labels.")
    notes = list(source.notes)
    for row in source.rows:
        if row.text is None or not row.text.strip():
            raise DataError(
                "the text is missing.", where=_where(source, row, "text"), fix="Fill it in, or leave it out."
            )
    # The same texts, saved on Windows, must give the same tokens.
    texts = [row.text.replace("\r\n", "\n") for row in source.rows]
    labels = _stripped_labels(source, refuse=needs_labels)
    splits = _splits(source, labels, notes, valid_fraction, seed)
    labels = [None if split == UNSUP else label for label, split in zip(labels, splits, strict=True)]
    if needs_labels:
        _check_labels(source, labels, splits)
    notes += _notes_on_labels(labels, splits) + _notes_on_copies(texts, splits)
    return Checked(texts, labels, splits, notes)


def stratified(labels: list[str | None], fraction: float, seed: int) -> set[int]:
    """Choose places at random so that each label gives up the same share of its texts, at least one.

    A label keeps at least two texts, and gives up none where it has no more. Unlabelled texts (None) are not chosen.

    >>> len(stratified(["a"] * 10 + ["b"] * 5 + [None], fraction=0.2, seed=0))
    3
    """
    places_of: dict[str, list[int]] = {}
    for place, label in enumerate(labels):
        if label is not None:
            places_of.setdefault(label, []).append(place)
    chooser = random.Random(seed)
    chosen: set[int] = set()
    for name in sorted(places_of):
        places = places_of[name]
        chooser.shuffle(places)
        share = max(1, round(len(places) * fraction))
        chosen.update(places[: max(0, min(share, len(places) - MIN_TEXTS_A_LABEL))])
    return chosen


def _where(source: Source, row: Row, column: str) -> str:
    where = f"{source.where}{source.joint}{row.place}"
    return where if row.place.endswith(".txt") else f"{where}, column {column!r}"


def _stripped_labels(source: Source, *, refuse: bool) -> list[str | None]:
    """Return the labels without spaces around them; `refuse` two that only these spaces keep apart."""
    seen: dict[str, Row] = {}
    labels: list[str | None] = []
    for row in source.rows:
        label = (row.label or "").strip()
        labels.append(label or None)
        first = seen.setdefault(label, row)
        if refuse and label and first.label != row.label:
            raise DataError(
                f"only the spaces around them keep the labels {_short(first.label)} ({first.place}) and "
                f"{_short(row.label)} ({row.place}) apart.",
                where=_where(source, row, "label"),
                fix="Write them alike.",
            )
    return labels


def _splits(source: Source, labels: list[str | None], notes: list[str], valid_fraction: float, seed: int) -> list[str]:
    given = [_given_split(source, row) for row in source.rows]
    is_scored = any(label and split in (VALID, TEST) for split, label in zip(given, labels, strict=True))
    # None where the text may not be held out: its split was given, or it has no label to be scored by.
    may_go = [
        label if split is None or (split == TRAIN and not is_scored) else None
        for split, label in zip(given, labels, strict=True)
    ]
    held_out = stratified(may_go, valid_fraction, seed)
    if held_out:
        notes.append(
            f"{'No split was given' if None in given else 'No labelled text is for validation or test'}: "
            f"{valid_fraction:.0%} of each label's texts, chosen with seed {seed}, are held out for validation."
        )
    splits = []
    for number, (split, label) in enumerate(zip(given, labels, strict=True)):
        if number in held_out:
            splits.append(VALID)
        else:
            splits.append(UNSUP if split in (None, TRAIN) and label is None else split or TRAIN)
    return splits


def _given_split(source: Source, row: Row) -> str | None:
    if row.split is None:
        return None
    split = row.split.strip().lower()
    if split not in SPLITS:
        raise DataError(
            f"the split {_short(row.split)} is not one of {', '.join(SPLITS)}.",
            where=_where(source, row, "split"),
            fix="Correct it, or leave the column out to have texts held out at random.",
        )
    return split


def _check_labels(source: Source, labels: list[str | None], splits: list[str]) -> None:
    where = source.where
    trained = Counter(label for label, split in zip(labels, splits, strict=True) if split == TRAIN)
    names = sorted({label for label in labels if label is not None})
    if not names:
        raise DataError("no text has a label.", where=where, fix="Fill in the column 'label'.")
    if len(names) == 1:
        raise DataError(
            f"all texts have the one label {_short(names[0])}.", where=where, fix="Give at least two labels."
        )
    if len(names) > MAX_LABELS:
        example = next(row for row, label in zip(source.rows, labels, strict=True) if label == names[-1])
        raise DataError(
            f"there are {len(names)} labels, and {MAX_LABELS} are the most; {example.place} has {_short(names[-1])}.",
            where=where,
            fix="Is the column 'label' the right one?",
        )
    if not trained:
        raise DataError("no text with a label is for training.", where=where, fix="Give some the split 'train'.")
    for row, label, split in zip(source.rows, labels, splits, strict=True):
        if label is not None and label not in trained:
            raise DataError(
                f"the label {_short(label)} is in split {split!r} and on no text for training.",
                where=_where(source, row, "label"),
                fix=f"Give at least {MIN_TEXTS_A_LABEL} texts of it the split 'train', or leave the label out.",
            )
    label, number = min(trained.items(), key=lambda item: item[1])
    if number < MIN_TEXTS_A_LABEL:
        raise DataError(
            f"the label {_short(label)} has {number} text for training; {MIN_TEXTS_A_LABEL} are the fewest.",
            where=where,
            fix="Add texts of this label, or leave it out.",
        )
    if not any(label and split in (VALID, TEST) for label, split in zip(labels, splits, strict=True)):
        raise DataError("there are too few texts to hold any out for validation.", where=where, fix="Add texts.")


def _notes_on_labels(labels: list[str | None], splits: list[str]) -> list[str]:
    notes = []
    for split in (VALID, TEST):
        unlabelled = sum(label is None for label, s in zip(labels, splits, strict=True) if s == split)
        if unlabelled:
            notes.append(f"Texts of split {split!r} that have no label and are not scored: {unlabelled}.")
    names = sorted({label for label in labels if label is not None})
    alike: dict[str, str] = {}
    for name in names:
        other = alike.setdefault(name.casefold(), name)
        if other != name:
            notes.append(
                f"Two labels differ only in capitals and are taken as two: {_short(other)} and {_short(name)}."
            )
    return notes


def _notes_on_copies(texts: list[str], splits: list[str]) -> list[str]:
    learned = {text for text, split in zip(texts, splits, strict=True) if split in (TRAIN, UNSUP)}
    notes = []
    for split in (VALID, TEST):
        copies = sum(text in learned for text, s in zip(texts, splits, strict=True) if s == split)
        if copies:
            notes.append(f"Texts of split {split!r} that are also among the texts for training: {copies}.")
    return notes


def _short(value: str, length: int = 40) -> str:
    return repr(value if len(value) <= length else value[: length - 1] + "…")
