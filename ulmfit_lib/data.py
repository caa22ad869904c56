"""Texts to learn from: any table or folder of labelled texts, checked before anything is made of them.

A text belongs to one of four splits: "train" and "valid" are learned from and measured on while training, "test" is
measured on once, and "unsup" has no labels and serves the language model alone. A label of None means unlabelled.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ulmfit_lib.data_folders import read_folder
from ulmfit_lib.data_rows import TRAIN, check_rows
from ulmfit_lib.data_tables import read_table
from ulmfit_lib.errors import DataError
from ulmfit_lib.files import sha256_of


@dataclass(frozen=True)
class Texts:
    """Texts with their labels and splits, each list in the order of the file.

    `label_names` are sorted and stay the same in a subset, so that the number of a label means the same in both.
    """

    texts: list[str]
    labels: list[str | None]
    splits: list[str]
    name: str
    sha256: str
    notes: list[str] = field(default_factory=list)
    label_names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.label_names:
            self.label_names.extend(sorted({label for label in self.labels if label is not None}))

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def content(self) -> str:
        """SHA-256 of texts, labels and splits; `sha256` is that of the file, which subsets of it share."""
        digest = hashlib.sha256()
        for row in zip(self.texts, self.labels, self.splits, strict=True):
            digest.update(repr(row).encode("utf-8", "backslashreplace"))
        return digest.hexdigest()

    def subset(self, *splits: str, labelled: bool = False) -> "Texts":
        """Return the texts of these splits, in their order; only those with a label if `labelled`.

        >>> texts = Texts(["a", "b"], ["x", "y"], ["train", "test"], name="toy", sha256="")
        >>> texts.subset("test").texts, texts.subset("test").label_names
        (['b'], ['x', 'y'])
        """
        return self.pick(
            i
            for i, (split, label) in enumerate(zip(self.splits, self.labels, strict=True))
            if split in splits and not (labelled and label is None)
        )

    def pick(self, indices: Iterable[int]) -> "Texts":
        """Return the texts at these places, in the order of `indices`."""
        indices = list(indices)
        return Texts(
            [self.texts[i] for i in indices],
            [self.labels[i] for i in indices],
            [self.splits[i] for i in indices],
            self.name,
            self.sha256,
            self.notes,
            self.label_names,
        )

    def label_ids(self) -> list[int]:
        """Return the number of each label: its place in `label_names`.

        Raises:
            DataError: a text has no label.
        """
        numbers = {label: number for number, label in enumerate(self.label_names)}
        if None in self.labels:
            raise DataError("a text has no label.", where=self.name, fix="Take a subset with labelled=True.")
        return [numbers[label] for label in self.labels]


def check_labels(texts: Texts) -> None:
    """Refuse texts that no classifier can learn from, before anything is trained.

    Raises:
        DataError: there are fewer than two labels, or one is on no text for training.
    """
    trained = {label for label, split in zip(texts.labels, texts.splits, strict=True) if split == TRAIN} - {None}
    if not trained:
        raise DataError("no text with a label is for training.", where=texts.name, fix="Give some the split 'train'.")
    missing = [name for name in texts.label_names if name not in trained]
    if missing:
        raise DataError(
            f"no text for training has the label {missing[0]!r}.",
            where=texts.name,
            fix="Give some of its texts the split 'train', or leave it out of label_names.",
        )
    if len(trained) < 2:
        raise DataError("all texts have one label.", where=texts.name, fix="Give at least two labels.")


def read_texts(path: str | Path, *, valid_fraction: float = 0.2, seed: int = 0, needs_labels: bool = True) -> Texts:
    """Read labelled texts from a table or a folder, and check them all.

    A table is a `.csv`, `.tsv` (also `.gz`, `.xz`, `.bz2`) or `.parquet` file with the columns `text`, `label` and,
    if the splits are given, `split` (train | valid | test | unsup) or fastai's `is_valid`; other columns are
    ignored. An empty label means unlabelled; in training such a text becomes "unsup". A folder has `.txt` files in a
    folder a label, alone (`pos/`, `neg/`) or under splits (`train/pos/`, as in aclImdb), or tables named by split.

    Args:
        path: the file or folder.
        valid_fraction: the share of each label that is held out for "valid" when no split is given.
        seed: decides which these are.
        needs_labels: False reads texts for a language model or to be classified: labels are then not checked.

    Raises:
        DataError: one sentence that names the file, the row and the column, and what to do.
    """
    path = Path(path)
    try:
        if not path.exists():
            raise DataError("there is no such file or folder.", where=str(path), fix="Check the name.")
        read = read_folder if path.is_dir() else read_table
        source = read(path, needs_labels=needs_labels)
    except OSError as error:
        raise DataError(
            f"it cannot be read ({error.strerror}).", where=str(error.filename or path), fix="Change its permissions."
        ) from error
    checked = check_rows(source, valid_fraction=valid_fraction, seed=seed, needs_labels=needs_labels)
    return Texts(checked.texts, checked.labels, checked.splits, source.name, source.sha256, checked.notes)


#: Data sets of fastai's that are known by name, and where their texts lie in what is fetched.
FASTAI_DATA = {"imdb": ("IMDB", "."), "imdb_sample": ("IMDB_SAMPLE", "texts.csv")}


def find_texts(name: str | Path | None = None, *, seed: int = 0, needs_labels: bool = True) -> Texts:
    """Return the shipped reviews (None), one of fastai's data sets by its name, or what lies at a path.

    Args:
        name: None, "imdb", "imdb_sample", or a path as in `read_texts`; a file or folder of such a name wins.
        seed, needs_labels: as in `read_texts`.

    Raises:
        DataError: there is nothing of this name, it cannot be fetched, or it is not as it must be.
    """
    if name is None:
        return shipped_reviews()
    if str(name) in FASTAI_DATA and not Path(name).exists():
        return read_texts(fetch(str(name)), seed=seed, needs_labels=needs_labels)
    return read_texts(name, seed=seed, needs_labels=needs_labels)


def fetch(name: str) -> Path:
    """Fetch one of fastai's data sets into fastai's own folder, once, and return where its texts lie.

    Raises:
        DataError: the download fails.

    Source: fastai `untar_data`, `URLs.IMDB`.
    """
    from fastai.data.external import URLs, untar_data

    key, place = FASTAI_DATA[name]
    try:
        return untar_data(getattr(URLs, key)) / place
    except OSError as error:  # also what urllib raises without a network
        raise DataError(
            f"{getattr(URLs, key)} cannot be fetched ({error}).",
            where=name,
            fix="Download and unpack it by hand, and give the folder.",
        ) from error


def shipped_reviews(folder: Path | None = None) -> Texts:
    """Return the film reviews that come with the project (original texts, CC BY 4.0).

    Args:
        folder: where `reviews.csv.gz` and `SHA256SUMS` lie, if not in the package.

    Raises:
        DataError: a file is missing or is not the one that was published.
    """
    folder = Path(__file__).parent / "shipped" if folder is None else Path(folder)
    again = "Get it back with `git checkout -- ulmfit_lib/shipped`, or install the package again."
    path, sums = folder / "reviews.csv.gz", folder / "SHA256SUMS"
    for file in (path, sums):
        if not file.is_file():
            raise DataError("this file of the package is missing.", where=str(file), fix=again)
    published = {name.lstrip("*"): digest for digest, name in map(str.split, sums.read_text().splitlines())}
    if path.name not in published:
        raise DataError(f"{path.name} is not listed in it.", where=str(sums), fix=again)
    if sha256_of(path) != published[path.name]:
        raise DataError("this file was altered: its checksum is not the published one.", where=str(path), fix=again)
    return read_texts(path)
