"""The search for a recipe that is right in small: how long, how fast, when to unfreeze.

    python benchmarks/recipe_search.py              # writes results/recipe_search.json
    python benchmarks/recipe_search.py --minutes 30

Choices are made on training reviews alone: the reviews of a third of the training films are held out, and each
candidate learns from some of the others and is asked about these. The test reviews are never looked at. Results are
kept in --work, so a search that was stopped goes on where it was.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from low_shot import ROOT, Case, classify, to_words, train_language_models

from ulmfit_lib.data import shipped_reviews
from ulmfit_lib.files import write_atomically
from ulmfit_lib.pretrained_models import SHIPPED
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import BOOK_LRS, Recipe, load_recipe

HELD_OUT = 1 / 3
N_LABELS, SEEDS = (100, 500), (0, 1, 2)
_ONE_BY_ONE = {"classifier_freeze_to": (-1, -2, -3, 0), "classifier_scale": 1.0, "classifier_factor": 2.6}
_AT_ONCE = {"classifier_freeze_to": (0,), "classifier_scale": 1.0, "classifier_epochs": (5,)}
_BOOK = {**_ONE_BY_ONE, "classifier_lrs": BOOK_LRS, "classifier_epochs": (1, 1, 1, 2)}
_HIGHER = {**_ONE_BY_ONE, "classifier_lrs": (3e-2, 2e-2, 1e-2, 1e-2), "classifier_epochs": (1, 1, 1, 3)}
_HEAD_THEN_ALL = {"classifier_freeze_to": (-1, 0), "classifier_scale": 1.0, "classifier_epochs": (1, 5)}
_ONE_RATE = {
    **_HEAD_THEN_ALL,
    "classifier_lrs": (1e-2, 5e-3),
    "classifier_least_steps": 80,
    "classifier_factor": 1.0,
}
#: Name -> what it changes in the recipe to begin with.
CANDIDATES = {
    "all at once, one rate": {
        **_AT_ONCE,
        "classifier_lrs": (5e-3,),
        "classifier_least_steps": 160,
        "classifier_factor": 1.0,
    },
    "head, then all, one rate": _ONE_RATE,
    "head, then all, one rate, half the dropout": {**_ONE_RATE, "classifier_drop_mult": 0.25},
    "head, then all, one rate, ten epochs": {**_ONE_RATE, "classifier_epochs": (1, 10)},
    "head, then all, one rate, twice the rate": {**_ONE_RATE, "classifier_lrs": (2e-2, 1e-2)},
    "head, then all, one rate, half the dropout, twice the rate": {
        **_ONE_RATE,
        "classifier_drop_mult": 0.25,
        "classifier_lrs": (2e-2, 1e-2),
    },
    "head, then all, one rate, half the dropout, ten epochs": {
        **_ONE_RATE,
        "classifier_drop_mult": 0.25,
        "classifier_epochs": (1, 10),
    },
    "head, then all, half the dropout": {
        **_ONE_RATE,
        "classifier_drop_mult": 0.25,
        "classifier_lrs": (2e-2, 2e-2),
        "classifier_factor": 2.6,
    },
    "head, then all, one rate, little decay": {**_ONE_RATE, "classifier_wd": 0.01},
    "all at once": {
        **_AT_ONCE,
        "classifier_lrs": (1e-2,),
        "classifier_least_steps": 160,
        "classifier_factor": 2.6,
    },
    "higher rates, 40 steps a stage": {**_HIGHER, "classifier_least_steps": 40},
    "book": {**_BOOK, "classifier_least_steps": 0},
    "book, 40 steps a stage": {**_BOOK, "classifier_least_steps": 40},
    "higher rates, 80 steps a stage": {**_HIGHER, "classifier_least_steps": 80},
}


def held_out_case() -> Case:
    """Return the training reviews without those of some films, these, and the unlabelled ones."""
    texts = shipped_reviews()
    films = pd.read_csv(SHIPPED / texts.name)["film"].tolist()
    train = [place for place, split in enumerate(texts.splits) if split == "train"]
    names = sorted({films[place] for place in train})
    chosen = set(np.random.default_rng(7).permutation(names)[: round(HELD_OUT * len(names))].tolist())
    learn = texts.pick(place for place in train if films[place] not in chosen)
    return Case(learn, texts.pick(p for p in train if films[p] in chosen), texts.subset("unsup").texts)


def main() -> int:
    """Run the command line above; 1 if time ran out before all was done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "recipe_search")
    parser.add_argument("--only", nargs="*", default=list(CANDIDATES), help="candidates to run")
    options = parser.parse_args()
    base = load_recipe("small", keep_pretrained_words=True)
    case = held_out_case()
    words = to_words(case, base)
    labels = np.array(case.test.label_ids())
    options.work.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    train_language_models(words, base, options.work, options.precision, names=["forward"])
    complete = True
    for name in options.only:
        recipe = replace(base, **CANDIDATES[name])
        for variant in ("forward", "scratch"):
            for n in N_LABELS:
                for seed in SEEDS[: options.seeds]:
                    file = options.work / f"{variant} {name} {n} {seed}.json"
                    if file.exists() or (variant == "scratch" and not name.startswith("all at once, one")):
                        continue
                    if time.monotonic() - began > 60 * options.minutes:
                        complete = False
                        continue
                    start = time.perf_counter()
                    probs = classify(case, words, recipe, options.work, variant, n, seed, options.precision)
                    accuracy = float((probs.argmax(axis=1) == labels).mean())
                    kept = {"accuracy": accuracy, "seconds": time.perf_counter() - start}
                    write_atomically(file, json.dumps(kept))
                    print(f"{name}, {variant}, n={n}, seed={seed}: {accuracy:.3f}", flush=True)
    report(base, options.work, len(labels), options.precision)
    return 0 if complete else 1


def report(base: Recipe, work: Path, n_held_out: int, precision: str) -> None:
    """Write what was found so far."""
    rows = []
    for name, changes in CANDIDATES.items():
        for variant in ("forward", "scratch"):
            for n in N_LABELS:
                files = [work / f"{variant} {name} {n} {seed}.json" for seed in SEEDS]
                found = [json.loads(file.read_text()) for file in files if file.exists()]
                if found:
                    accuracies = [one["accuracy"] for one in found]
                    row = {"candidate": name, "variant": variant, "labels": n, "seeds": accuracies}
                    rows.append({**row, "accuracy": sum(accuracies) / len(found), "changes": changes})
    command = f"python benchmarks/recipe_search.py --precision {precision}"
    data = {"name": "shipped reviews, training films only", "held_out_reviews": n_held_out}
    receipt = start_receipt(command, data=data, recipe=asdict(base))
    finish_receipt(receipt, {"candidates": rows}, ROOT / "results" / "recipe_search.json")
    for row in rows:
        print(f"{row['labels']:>4} {row['variant']:<8} {row['accuracy']:.3f}  {row['candidate']}")


if __name__ == "__main__":
    sys.exit(main())
