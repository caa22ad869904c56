"""Tokenize the same texts with fastai and with ulmfit_lib, in turn, and compare tokens and times.

    python benchmarks/tokenization.py                    # the shipped reviews
    python benchmarks/tokenization.py --imdb 25000       # IMDb's training reviews, from the folder in ULMFIT_DATA

Both use one process and begin each run with an empty memory. Writes results/tokenization[_imdb].json.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from ulmfit_lib.data import read_texts, shipped_reviews
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.tokenizer import tokenize

RESULTS = Path(__file__).resolve().parent.parent / "results"


def fastai_tokens(texts: list[str]) -> list[list[str]]:
    """Tokenize as fastai does in one process."""
    from fastai.text.core import TokenizeWithRules, WordTokenizer

    return [list(tokens) for tokens in TokenizeWithRules(WordTokenizer())(texts)]


def seconds_of(work: Callable[[list[str]], list[list[str]]], texts: list[str]) -> tuple[float, list[list[str]]]:
    """Return how long the work takes on the texts, and what it gives."""
    start = time.perf_counter()
    tokens = work(texts)
    return time.perf_counter() - start, tokens


def main() -> int:
    """Run the command line above; 1 if the tokens differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imdb", type=int, default=0, metavar="N", help="use N of IMDb's training reviews")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    if options.imdb:
        data = read_texts(Path(os.environ["ULMFIT_DATA"]) / "imdb" / "train.csv.xz")
        texts, name = data.texts[:: max(1, len(data) // options.imdb)][: options.imdb], "tokenization_imdb"
    else:
        data = shipped_reviews()
        texts, name = data.texts, "tokenization"
    command = " ".join(["python benchmarks/tokenization.py", *sys.argv[1:]])
    receipt = start_receipt(command, data=data)
    seconds: dict[str, list[float]] = {"fastai": [], "ulmfit_lib": []}
    for repeat in range(options.repeats):
        for who, work in (("fastai", fastai_tokens), ("ulmfit_lib", tokenize)):
            taken, tokens = seconds_of(work, texts)
            seconds[who].append(taken)
            if who == "fastai":
                expected = tokens
        if tokens != expected:
            wrong = next(i for i, (a, b) in enumerate(zip(tokens, expected, strict=True)) if a != b)
            print(f"the tokens of text {wrong} differ")
            return 1
        print(f"run {repeat + 1}: " + ", ".join(f"{who} {times[-1]:.2f} s" for who, times in seconds.items()))
    n_tokens = sum(map(len, expected))
    median = {who: statistics.median(times) for who, times in seconds.items()}
    results = {
        "texts": len(texts),
        "tokens": n_tokens,
        "identical_tokens": True,
        "seconds": {who: [round(t, 3) for t in times] for who, times in seconds.items()},
        "tokens_per_second": {who: round(n_tokens / time_) for who, time_ in median.items()},
        "ratio": round(statistics.median(a / b for a, b in zip(*seconds.values(), strict=True)), 2),
    }
    finish_receipt(receipt, results, RESULTS / f"{name}.json")
    print(f"ulmfit_lib is {results['ratio']} times as fast, with the same {n_tokens:,} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
