"""Measure which kinds of tokens the forward and the backward language model foretell rightly.

    python benchmarks/both_directions.py     # first: trains the two language models
    python benchmarks/foretold.py

Both are asked about the same held-out reviews, and the forward one also about the reviews turned round. Writes
results/foretold.json.
"""

import sys

import torch
import torch.nn.functional as F
from both_directions import MARKS, ROOT, SEED

from ulmfit_lib.awd_lstm import LanguageModel
from ulmfit_lib.data import shipped_reviews
from ulmfit_lib.direction import BACKWARD, DIRECTIONS, FORWARD
from ulmfit_lib.material import Material, prepare
from ulmfit_lib.pretrained import load_language_model
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import Recipe
from ulmfit_lib.rules import BOS
from ulmfit_lib.streams import LMStream

#: Kinds of tokens; what is in none of them is a word.
KINDS = {"marks": MARKS, "sentence ends": (".", "!", "?"), "xxbos": (BOS,)}


@torch.no_grad()
def by_kind(model: LanguageModel, material: Material, way: str) -> dict[str, dict[str, float]]:
    """Return for each kind of token how many there are, how many were foretold rightly, and their mean loss."""
    losses, right, targets, state = [], [], [], None
    for x, y in LMStream(material.valid.docs, bs=8, seq_len=72, direction=way).batches():
        output = model(torch.from_numpy(x), state)
        state, wanted = output.state, torch.from_numpy(y).flatten()
        logits = output.logits.flatten(0, 1)  # (tokens, vocab_sz)
        losses.append(F.cross_entropy(logits, wanted, reduction="none"))
        right.append(logits.argmax(dim=1) == wanted)
        targets.append(wanted)
    loss, hit, wanted = torch.cat(losses).double(), torch.cat(right), torch.cat(targets)
    chosen = {
        kind: torch.isin(wanted, torch.tensor(material.vocab.numericalize(list(tokens))))
        for kind, tokens in KINDS.items()
    }
    chosen["words"] = ~torch.stack(list(chosen.values())).any(dim=0)
    chosen["all"] = torch.ones_like(hit)
    return {
        kind: {
            "tokens": int(where.sum()),
            "right": int(hit[where].sum()),
            "accuracy": round(float(hit[where].double().mean()), 4),
            "loss": round(float(loss[where].mean()), 4),
        }
        for kind, where in chosen.items()
    }


def main() -> int:
    """Run the command line above."""
    torch.set_num_threads(1)
    texts, recipe = shipped_reviews(), Recipe()
    receipt = start_receipt("python benchmarks/foretold.py", seed=SEED, data=texts)
    material = prepare(texts, min_freq=recipe.min_freq, max_vocab=recipe.max_vocab, seed=SEED)
    results = {}
    for way in DIRECTIONS:
        folder = ROOT / "runs" / "both_directions" / way
        model, _ = load_language_model(folder, direction=way, vocab=material.vocab)
        results[way] = by_kind(model, material, way)
        print(way, results[way])
        if way == FORWARD:
            results["forward model, texts backward"] = by_kind(model, material, BACKWARD)
    finish_receipt(receipt, results, ROOT / "results" / "foretold.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
