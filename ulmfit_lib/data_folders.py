"""Folders of texts: a `.txt` file a text in a folder a label, as in aclImdb, or one table a split."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from ulmfit_lib.data_rows import SPLITS, TEST, TRAIN, UNSUP, VALID, Row, Source
from ulmfit_lib.data_tables import is_table, read_table
from ulmfit_lib.errors import DataError


def read_folder(folder: Path, *, needs_labels: bool = True) -> Source:
    """Read the texts of a folder, sorted by the names of their files.

    Understood are `pos/1.txt` (a label), `train/pos/1.txt` (a split and a label), `unsup/1.txt` and
    `train/unsup/1.txt` (no label), and tables that are named by their split, such as `train.csv.xz`. Whatever
    else lies there is left alone. The SHA-256 is that of the lines that `sha256sum` prints for the files read.

    Raises:
        DataError: there are no texts in it, two tables of one split, or a file is not UTF-8.
    """
    rows: list[Row] = []
    lines: list[str] = []
    for path, split, label in _text_files(folder):
        data = path.read_bytes()
        place = path.relative_to(folder).as_posix()
        rows.append(Row(_decode(path, data), label, split, place))
        lines.append(f"{hashlib.sha256(data).hexdigest()}  {place}\n")
    for path in _tables_by_split(folder) if not rows else []:
        default = path.name.partition(".")[0]
        source = read_table(path, needs_labels=needs_labels and default != UNSUP)
        for row in source.rows:
            split = default if row.split is None else row.split
            rows.append(row._replace(split=split, place=f"{path.name}, {row.place}"))
        lines.append(f"{source.sha256}  {path.name}\n")
    if not rows:
        tables = sorted(path.name for path in folder.iterdir() if path.is_file() and is_table(path))
        raise DataError(
            "there are no texts in this folder.",
            where=str(folder),
            fix=f"Did you mean the file {tables[0]!r} in it?"
            if tables
            else "It needs .txt files in a folder a label, such as train/pos and train/neg, or pos and neg.",
        )
    digest = hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()
    return Source(rows, folder.resolve().name, str(folder), digest, notes=[], joint="/")


def _text_files(folder: Path) -> Iterator[tuple[Path, str | None, str | None]]:
    """Yield each text file with its split (None where the folders name no split) and its label."""
    has_splits = any((folder / split).is_dir() for split in (TRAIN, VALID, TEST))
    if not has_splits:
        for label in _folders(folder):
            # Without other splits the labelled texts are still to be split, and None says so.
            split = UNSUP if label.name == UNSUP else None
            for path in _texts_in(label):
                yield path, split, None if split == UNSUP else label.name
        return
    for split in SPLITS:
        if split == UNSUP:
            for path in _texts_in(folder / UNSUP):
                yield path, UNSUP, None
        for label in _folders(folder / split):
            is_unlabelled = UNSUP in (split, label.name)
            for path in _texts_in(label):
                yield path, UNSUP if is_unlabelled else split, None if is_unlabelled else label.name


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _texts_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.txt") if path.is_file())


def _tables_by_split(folder: Path) -> list[Path]:
    named: dict[str, Path] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_file() and is_table(path)):
        split = path.name.partition(".")[0]
        other = named.setdefault(split, path)
        if split in SPLITS and other != path:
            raise DataError(
                f"there are two tables of the split {split!r}, {other.name} and {path.name}.",
                where=str(folder),
                fix="Leave one in the folder.",
            )
    return [named[split] for split in SPLITS if split in named]


def _decode(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"byte {error.start + 1:,} of the file (0x{data[error.start]:02x}) is not UTF-8.",
            where=str(path),
            fix="Save the file in UTF-8.",
        ) from error
