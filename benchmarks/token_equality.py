"""Compare our tokens with fastai's on whole data sets, text by text, and write down how many there were.

    python benchmarks/token_equality.py            # every IMDb review and two parts of Wikipedia
    python benchmarks/token_equality.py --every 50 # each fiftieth text of these

Reads the data sets in the folder that ULMFIT_DATA names. Writes results/token_equality.json.
"""

import argparse
import hashlib
import os
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import pandas
from fastai.text.core import TokenizeWithRules, WordTokenizer

from ulmfit_lib.bulk_tokenizer import BulkTokenizer
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.tokenizer import Tokenizer

RESULTS = Path(__file__).resolve().parent.parent / "results"
FILES = (
    *(f"imdb/{part}.csv.xz" for part in ("train", "test", "unsup")),
    *(f"wikipedia-2015/train-{part}.csv.xz" for part in ("00", "01")),
)


def compare(texts: Iterable[str], ours: BulkTokenizer, theirs: TokenizeWithRules) -> tuple[int, int, list[int]]:
    """Return how many texts and tokens there were, and the numbers of the texts whose tokens differ."""
    n_texts = n_tokens = 0
    wrong = []
    texts = iter(texts)
    while some := list(islice(texts, 500)):
        for mine, their in zip(ours(some), theirs(some), strict=True):
            if mine != list(their):
                wrong.append(n_texts)
            n_texts += 1
            n_tokens += len(mine)
    return n_texts, n_tokens, wrong


def main() -> int:
    """Run the command line above; 1 if tokens differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="compare each N-th text only")
    options = parser.parse_args()
    folder = Path(os.environ["ULMFIT_DATA"])
    ours, theirs = BulkTokenizer(Tokenizer()), TokenizeWithRules(WordTokenizer())
    receipt = start_receipt(" ".join(["python benchmarks/token_equality.py", *sys.argv[1:]]))
    data, results = {}, {}
    for name in FILES:
        texts = pandas.read_csv(folder / name, usecols=["text"], keep_default_na=False).text.tolist()
        n_texts, n_tokens, wrong = compare(texts[:: options.every], ours, theirs)
        data[name] = {"rows": len(texts), "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest()}
        results[name] = {"texts": n_texts, "tokens": n_tokens, "texts_that_differ": len(wrong)}
        print(f"{name}: {n_texts:,} texts, {n_tokens:,} tokens, {len(wrong)} texts differ {wrong[:5]}", flush=True)
    receipt["data"] = data
    total = {key: sum(part[key] for part in results.values()) for key in ("texts", "tokens", "texts_that_differ")}
    if options.every == 1:
        finish_receipt(receipt, {**total, "parts": results}, RESULTS / "token_equality.json")
    return int(total["texts_that_differ"] > 0)


if __name__ == "__main__":
    sys.exit(main())
