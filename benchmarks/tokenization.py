"""Tokenize the same texts with fastai and with ulmfit_lib, in turn, and compare tokens and times.

    python benchmarks/tokenization.py                    # the shipped reviews
    python benchmarks/tokenization.py --data imdb        # the 25,000 of IMDb, in the folder that ULMFIT_DATA names
    python benchmarks/tokenization.py --data imdb --texts 5000

Both use one process and begin each turn with an empty memory, the loading of spaCy's language included. Writes
results/tokenization[_imdb].json; the ratio is that of the medians of processor time.
"""

import os
import sys
from functools import partial
from pathlib import Path

from side_by_side import RESULTS, compare, parser, receipt_of, take_turns

from ulmfit_lib.data import read_texts, shipped_reviews
from ulmfit_lib.receipts import finish_receipt
from ulmfit_lib.tokenizer import tokenize


def fastai_tokens(texts: list[str]) -> list[list[str]]:
    """Tokenize as fastai does in one process."""
    from fastai.text.core import TokenizeWithRules, WordTokenizer

    return [list(tokens) for tokens in TokenizeWithRules(WordTokenizer())(texts)]


def main() -> int:
    """Run the command line above; 1 if the tokens differ."""
    options = parser(__doc__)
    options.add_argument("--data", default="shipped", choices=["shipped", "imdb"])
    options.add_argument("--texts", type=int, metavar="N", help="take N of them, evenly spread")
    options = options.parse_args()
    if options.data == "imdb":
        data, name = read_texts(Path(os.environ["ULMFIT_DATA"]) / "imdb" / "train.csv.xz"), "tokenization_imdb"
    else:
        data, name = shipped_reviews(), "tokenization"
    wanted = options.texts or len(data.texts)
    texts = data.texts[:: max(1, len(data.texts) // wanted)][:wanted]
    fastai_tokens(texts[:1])  # what is imported once is not counted
    receipt = receipt_of("tokenization", data=data)
    works = {"fastai": partial(fastai_tokens, texts), "ulmfit_lib": partial(tokenize, texts)}
    times, given = take_turns(works, options.repeats)
    if given["ulmfit_lib"] != given["fastai"]:
        wrong = next(i for i, (a, b) in enumerate(zip(*given.values(), strict=True)) if a != b)
        print(f"the tokens of text {wrong} differ")
        return 1
    n_tokens = sum(map(len, given["fastai"]))
    compared = compare(times, n_tokens, "tokens")
    ratio, wall_ratio = (compared.pop(kind)["ulmfit_lib"] for kind in ("ratio", "wall_ratio"))
    results = {
        "texts": len(texts),
        "tokens": n_tokens,
        "identical_tokens": True,
        **compared,
        "ratio": ratio,
        "wall_ratio": wall_ratio,
    }
    finish_receipt(receipt, results, RESULTS / f"{name}.json")
    print(f"ulmfit_lib is {ratio} times as fast, with the same {n_tokens:,} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
