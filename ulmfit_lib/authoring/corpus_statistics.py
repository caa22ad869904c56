"""Measure the shipped reviews, and IMDb beside them, for the datasheet: `results/corpus.json`.

    python -m ulmfit_lib.authoring.corpus_statistics

IMDb is measured if ULMFIT_DATA names a folder with `imdb/train.csv.xz`, `test.csv.xz` and `unsup.csv.xz`; without it
the numbers of an earlier run are kept. Nothing of its texts is written, only counts.
"""

import csv
import lzma
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from ulmfit_lib.authoring.reviews import SHIPPED, Review, read_reviews
from ulmfit_lib.baseline import tfidf_floor
from ulmfit_lib.files import sha256_of
from ulmfit_lib.receipts import finish_receipt, read_receipt, start_receipt

RECEIPT = Path(__file__).resolve().parents[2] / "results" / "corpus.json"
SPLITS = ("train", "test", "unsup")
LABELS = ["neg", "pos"]


def statistics(reviews: Sequence[Review]) -> dict[str, Any]:
    """Return the counts of one split; a word is a piece between white space."""
    lengths = [len(review.text.split()) for review in reviews]
    labels = [review.label for review in reviews]
    return {
        "reviews": len(reviews),
        "different_texts": len({review.text for review in reviews}),
        "films": len({review.film for review in reviews}),
        "pos": labels.count("pos"),
        "neg": labels.count("neg"),
        "words": sum(lengths),
        "mean_words": round(mean(lengths), 1),
        "median_words": median(lengths),
        "shortest": min(lengths),
        "longest": max(lengths),
        "with_br": sum("<br />" in review.text for review in reviews),
    }


def by_split(reviews: Sequence[Review]) -> dict[str, Any]:
    """Return the statistics of each split that has reviews."""
    parts = {split: [review for review in reviews if review.split == split] for split in SPLITS}
    return {split: statistics(part) for split, part in parts.items() if part}


def floor_accuracy(train: Sequence[Review], test: Sequence[Review]) -> float:
    """Return the accuracy that TF-IDF and logistic regression reach: how hard the labels are to tell."""
    numbers = [[LABELS.index(review.label) for review in part] for part in (train, test)]
    floor = tfidf_floor([review.text for review in train], numbers[0], [review.text for review in test])
    return float((floor.probs.argmax(axis=1) == numbers[1]).mean())


def read_imdb(folder: Path) -> list[Review]:
    """Return the reviews of IMDb from its three files, with the film's number in place of its title."""
    reviews = []
    for split in SPLITS:
        with lzma.open(folder / f"{split}.csv.xz", "rt", encoding="utf-8", newline="") as file:
            reviews += [
                Review(row["id"], row["text"], "" if split == "unsup" else row["label"], split, row["movie"])
                for row in csv.DictReader(file)
            ]
    return reviews


def main() -> int:
    """Write the receipt."""
    csv.field_size_limit(sys.maxsize)
    shipped = read_reviews()
    data = {"name": SHIPPED.name, "rows": len(shipped), "sha256": sha256_of(SHIPPED)}
    receipt = start_receipt("python -m ulmfit_lib.authoring.corpus_statistics", data=data)
    parts = {split: [review for review in shipped if review.split == split] for split in SPLITS}
    results = {
        "shipped": {**by_split(shipped), "floor_accuracy": round(floor_accuracy(parts["train"], parts["test"]), 4)}
    }
    if folder := os.environ.get("ULMFIT_DATA"):
        results["imdb"] = by_split(read_imdb(Path(folder) / "imdb"))
    elif RECEIPT.exists():
        results["imdb"] = read_receipt(RECEIPT)["results"]["imdb"]
    finish_receipt(receipt, results, RECEIPT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
