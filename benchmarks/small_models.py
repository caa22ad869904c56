"""Score the small language models that ship, and write their model cards.

    python benchmarks/small_models.py       # writes results/model_small_forward.json and model_small_backward.json

They are asked about Wikipedia articles that were kept from them and about WikiText-2's test articles, both from the
folder in ULMFIT_DATA. WikiText-2 comes with its rare words already replaced and its hyphens and commas cut loose; these
are joined again, and the text is split as every other. So the numbers are not those of the literature, which counts
other tokens; they can be compared with one another.
"""

import lzma
import os
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from ulmfit_lib.data import read_texts
from ulmfit_lib.direction import DIRECTIONS
from ulmfit_lib.fine_tuning import evaluate_language_model
from ulmfit_lib.pretrained import load_language_model
from ulmfit_lib.pretrained_models import SMALL, model_folder, small_model_card
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.rules import UNK
from ulmfit_lib.tokenizer import Tokenizer

RESULTS = Path(__file__).resolve().parent.parent / "results"
_HEADING = re.compile(r"^ = [^=].* = $", re.MULTILINE)
_CUT_LOOSE = re.compile(r" @([-,.])@ ")


def wikitext2(path: Path) -> list[str]:
    """Return the articles of a WikiText file, each as running text."""
    with lzma.open(path, "rt", encoding="utf-8", newline="") as file:
        text = file.read()
    starts = [found.start() for found in _HEADING.finditer(text)] + [len(text)]
    articles = [text[a:b].strip() for a, b in pairwise(starts)]
    return [_CUT_LOOSE.sub(r"\1", article.replace("<unk>", UNK)) for article in articles]


def texts() -> dict[str, list[str]]:
    """Return what the models are asked about."""
    folder = Path(os.environ["ULMFIT_DATA"])
    wikipedia = {
        f"wikipedia {part}": read_texts(folder / "wikipedia-2015" / f"{part}.csv.xz", needs_labels=False).texts
        for part in ("valid", "test")
    }
    return {**wikipedia, "wikitext-2 test": wikitext2(folder / "wikitext-2" / "test.txt.xz")}


def card(direction: str) -> dict[str, str]:
    """Return what is said of a model in words."""
    return {
        "title": f"Small language model, {direction}",
        "what": f"An AWD-LSTM that reads {direction}, pretrained on English Wikipedia articles of 2015 (CC BY-SA 3.0, "
        "by the authors of Wikipedia; `wikipedia-2015` in the receipt). Weights in half precision.",
        "use": "To be fine-tuned on English texts of yours, on two cores, and to learn how that is done. `ulmfit run` "
        "begins with it.",
        "limits": "It is small and has read little: the entry `tokens_seen` below says how little. It writes "
        "grammatical nonsense, knows no facts that one could rely on, and repeats the prejudices of its source. For "
        "results that count, use a full-size model on a GPU.",
    }


def main() -> int:
    """Run the command line above."""
    tokenizer = Tokenizer()
    tokens = {name: [tokenizer(text) for text in found] for name, found in texts().items()}
    for direction in DIRECTIONS:
        model, vocab = load_language_model(model_folder(SMALL, direction), direction=direction)
        made = small_model_card(direction)["receipt"]
        receipt = start_receipt("python benchmarks/small_models.py", data=made["data"], model_card=card(direction))
        scores: dict[str, Any] = {}
        for name, docs in tokens.items():
            ids = [vocab.numericalize(doc) for doc in docs]
            score = evaluate_language_model(model.float(), ids, bs=16, direction=direction)
            unknown = sum(doc.count(0) for doc in ids) / sum(map(len, ids))
            scores[name] = {name: round(value, 4) for name, value in score._asdict().items()}
            scores[name]["unknown_rate"] = round(unknown, 4)
        results = {
            "parameters": sum(weights.numel() for weights in model.parameters()),
            "sizes": {name: getattr(model.config, name) for name in ("vocab_sz", "emb_sz", "n_hid", "n_layers")},
            "tokens_seen": made["results"]["tokens_seen"],
            "stretches": len(made["results"]["stretches"]),
            "scores": scores,
        }
        finish_receipt(receipt, results, RESULTS / f"model_small_{direction}.json")
        print(direction, scores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
