"""The shipped corpus of film reviews: what every review must keep to, and how new ones are added.

    python -m ulmfit_lib.authoring.reviews add NEW.txt ...     # check, then write reviews.csv.gz and SHA256SUMS

New reviews come as blocks in a plain text file: a line `=== film: TITLE (YEAR) | label: pos | split: train`, the
whole text on one line, an empty line.
"""

import csv
import gzip
import io
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ulmfit_lib.errors import DataError
from ulmfit_lib.files import sha256_of, write_atomically

SHIPPED = Path(__file__).resolve().parent.parent / "shipped" / "reviews.csv.gz"
COLUMNS = ("id", "text", "label", "split", "film")

SHORTEST, LONGEST = 60, 250  # words of an ordinary review
LONG = range(600, 1001)  # words of one of the few long ones
SHARED_RUN = 8  # words that no two reviews may have in common in a row
GRAM, MOST_ALIKE = 5, 0.1  # Jaccard similarity of two reviews' 5-grams stays below this
OPENING, MOST_OPENINGS = 3, 5  # at most so many reviews begin with the same three words

_HEADER = re.compile(r"=== film: (.+ \(\d{4}\)) \| label: (pos|neg|unsup) \| split: (train|test|unsup)\s*")
_META_TALK = re.compile(r"\b(positive|negative) review", re.IGNORECASE)


class Review(NamedTuple):
    """One row of the corpus; the label of an unlabelled one is empty."""

    id: str
    text: str
    label: str
    split: str
    film: str


def read_reviews(path: Path = SHIPPED) -> list[Review]:
    """Return the rows of the corpus, in order; none if the file does not exist yet."""
    if not path.exists():
        return []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return [Review(**row) for row in csv.DictReader(file)]


def read_blocks(path: Path) -> list[Review]:
    """Return the reviews of a text file of blocks; they have no id yet.

    Raises:
        DataError: a line is neither a header nor the text under one.
    """
    reviews = []
    lines = path.read_text(encoding="utf-8").split("\n")
    number = 0
    while number < len(lines):
        if not lines[number].strip():
            number += 1
            continue
        header = _HEADER.fullmatch(lines[number])
        if header is None or number + 1 == len(lines):
            raise DataError("this line is no header with a text under it.", where=f"{path.name}:{number + 1}")
        film, label, split = header.groups()
        reviews.append(Review("", lines[number + 1].strip(), "" if label == "unsup" else label, split, film))
        number += 2
    return reviews


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters, without marks and mark-up."""
    return re.findall(r"[a-z0-9']+", text.lower().replace("<br />", " "))


def problems(reviews: Sequence[Review]) -> list[str]:
    """Return one line for each thing that is wrong with a corpus; none for a sound one."""
    found = [line for review in reviews for line in _problems_of(review)]
    found += _problems_of_films(reviews)
    openings = Counter(" ".join(words_of(review.text)[:OPENING]) for review in reviews)
    found += [f"{n} reviews begin with {words!r}" for words, n in openings.items() if n > MOST_OPENINGS]
    return found + _too_alike(reviews)


def _problems_of(review: Review) -> Iterable[str]:
    n_words = len(review.text.replace("<br />", " ").split())
    if not SHORTEST <= n_words <= LONGEST and n_words not in LONG:
        yield f"{_name(review)}: {n_words} words"
    if _META_TALK.search(review.text):
        yield f"{_name(review)}: speaks of itself as a positive or negative review"
    if (review.split == "unsup") != (review.label == ""):
        yield f"{_name(review)}: split {review.split!r} with label {review.label!r}"


def _problems_of_films(reviews: Sequence[Review]) -> Iterable[str]:
    splits = defaultdict(set)
    for review in reviews:
        splits[review.film].add(review.split)
    return [f"{film}: reviewed in both train and test" for film, where in splits.items() if {"train", "test"} <= where]


def _too_alike(reviews: Sequence[Review]) -> list[str]:
    found = []
    first_with_run: dict[tuple[str, ...], Review] = {}
    with_gram: dict[tuple[str, ...], list[int]] = defaultdict(list)
    grams_of: list[set[tuple[str, ...]]] = []
    for number, review in enumerate(reviews):
        words = words_of(review.text)
        for run in set(_runs(words, SHARED_RUN)):
            other = first_with_run.setdefault(run, review)
            if other is not review:
                found.append(f"{_name(review)}: shares {' '.join(run)!r} with {_name(other)}")
        grams = set(_runs(words, GRAM))
        shared = Counter(other for gram in grams for other in with_gram[gram])
        for other, count in shared.items():
            if count / len(grams | grams_of[other]) >= MOST_ALIKE:
                found.append(f"{_name(review)}: too like {_name(reviews[other])}")
        for gram in grams:
            with_gram[gram].append(number)
        grams_of.append(grams)
    return found


def _runs(words: list[str], length: int) -> Iterable[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(length)), strict=False)


def _name(review: Review) -> str:
    return review.id or f"{review.film} ({' '.join(review.text.split()[:4])} ...)"


def write_reviews(reviews: Sequence[Review], path: Path = SHIPPED) -> None:
    """Write the corpus and its checksum; the same reviews give the same bytes."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(reviews)
    write_atomically(path, gzip.compress(table.getvalue().encode("utf-8"), compresslevel=9, mtime=0))
    write_atomically(path.with_name("SHA256SUMS"), f"{sha256_of(path)}  {path.name}\n")


def add(files: Sequence[Path], path: Path = SHIPPED) -> list[str]:
    """Add the reviews of block files to the corpus, unless something is wrong: then return what, and write nothing."""
    reviews = read_reviews(path)
    for file in files:
        for review in read_blocks(file):
            reviews.append(review._replace(id=f"r{len(reviews) + 1:04d}"))
    found = problems(reviews)
    if not found:
        write_reviews(reviews, path)
    return found


def main(arguments: Sequence[str]) -> int:
    """Run the command line above; 1 if something is wrong."""
    if len(arguments) < 2 or arguments[0] != "add":
        print(__doc__)
        return 2
    found = add([Path(name) for name in arguments[1:]])
    print("\n".join(found) or f"{len(read_reviews())} reviews in {SHIPPED.name}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
