"""The full run on packed texts: language model, classifier, both directions, ensemble, receipt.

    python benchmarks/full_run.py train --packed runs/imdb --recipe ours --pretrained runs/wiki --direction forward
    python benchmarks/full_run.py train ... --direction backward
    python benchmarks/full_run.py report --recipe ours           # writes results/imdb_ours.json
    python benchmarks/readme.py                                  # and the README's table

Everything of a recipe lies in runs/full/RECIPE; a training that was interrupted goes on when it is called again, and a
stage that is done is not done again. With --ask valid it is the held-out tenth of the training texts that is asked
about: choices are made so, and the test is looked at once a recipe. --minutes trims epochs to the time there is, and
says so. benchmarks/GPU.md is the runbook.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from ulmfit_lib.ensemble import accuracy_interval, average_probs, calibration, mcnemar
from ulmfit_lib.errors import ConfigError, UlmfitError
from ulmfit_lib.files import write_atomically
from ulmfit_lib.one_way import Job, train_one_way
from ulmfit_lib.packed_material import from_packed
from ulmfit_lib.packing import unpack
from ulmfit_lib.pipeline import choose_device
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import load_recipe, to_toml
from ulmfit_lib.time_budget import fit_into

ROOT = Path(__file__).resolve().parent.parent
WAYS = ("forward", "backward")


def train(options: argparse.Namespace) -> None:
    """Train one direction, and keep what it says of the texts asked about."""
    folder = options.out / Path(options.recipe).stem
    folder.mkdir(parents=True, exist_ok=True)
    device = choose_device(options.device)
    recipe = load_recipe(options.recipe)
    if options.pretrained:
        recipe = replace(recipe, pretrained=options.pretrained)
    if options.no_leak:
        recipe = replace(recipe, leak=False)
    packed = unpack(options.packed)
    material = from_packed(packed, leak=recipe.leak, ask_test=options.ask == "test", seed=options.seed)
    if options.minutes:
        fitted = fit_into(options.minutes, recipe, material, options.direction, device, options.precision)
        print(fitted.said, flush=True)
        recipe = fitted.recipe
    (folder / f"{options.direction}.toml").write_text(to_toml(recipe))
    where = {"seed": options.seed, "device": device, "precision": options.precision}
    command = (
        f"python benchmarks/full_run.py train --packed {packed.name} --recipe {Path(options.recipe).stem} --direction "
    )
    command += f"{options.direction} --ask {options.ask} --precision {options.precision} --seed {options.seed}"
    receipt = start_receipt(
        command, seed=options.seed, data={"name": packed.name, **packed.origin}, recipe=asdict(recipe), options=where
    )
    n_labelled = len(material.train) + (len(material.valid) if options.ask == "test" else 0)
    job = Job(material, recipe, folder, receipt, packed.label_names, n_labelled, where, every_minutes=2)
    began = time.perf_counter()

    def tell(stage: str, _n: int = 1, text: str = "", _share: float = 0.0) -> None:
        if text:
            print(f"{stage}: {text}", flush=True)

    done = train_one_way(job, options.direction, tell)
    memory = torch.cuda.max_memory_allocated() / 1e9 if device.startswith("cuda") else None
    labels = np.array([-1 if label is None else label for label in material.asked.labels])
    np.savez_compressed(folder / f"probs-{options.direction}.npz", probs=done.probs.astype(np.float16), labels=labels)
    results = {
        "lines": [asdict(line) for line in done.lines],
        "notes": material.notes,
        "asked": material.scored_split,
        "minutes": (time.perf_counter() - began) / 60,
        "peak_gpu_memory_gb": memory,
        "tokens": sum(map(len, material.unlabelled.docs)),
        "trainings": done.trainings,
    }
    finish_receipt(receipt, results, folder / f"receipt-{options.direction}.json")
    for line in done.lines:
        print(f"{line.stage} {line.direction}: loss {line.loss:.4f}, accuracy {line.accuracy:.4f}", flush=True)


def report(options: argparse.Namespace) -> Path:
    """Put both directions together and write the receipt of the whole."""
    folder = options.out / Path(options.recipe).stem
    probs, receipts, labels = {}, {}, None
    for way in WAYS:
        if not (folder / f"probs-{way}.npz").exists():
            continue
        found = np.load(folder / f"probs-{way}.npz")
        probs[way], labels = found["probs"].astype(np.float64), found["labels"]
        probs[way] /= probs[way].sum(axis=1, keepdims=True)
        receipts[way] = json.loads((folder / f"receipt-{way}.json").read_text())
    if not probs:
        raise ConfigError("no direction has been trained.", where=str(folder), fix="Run `train` first.")
    if len(probs) > 1:
        probs["ensemble"] = average_probs(*probs.values())
    known = labels >= 0
    right = {name: (p.argmax(axis=1) == labels)[known] for name, p in probs.items()}
    scores = {}
    for name, correct in right.items():
        interval = accuracy_interval(int(correct.sum()), len(correct))
        error = calibration(probs[name][known], labels[known]).ece
        scores[name] = {**interval._asdict(), "calibration_error": error}
        if name in WAYS and "ensemble" in right:
            scores[name]["against_ensemble"] = mcnemar(right["ensemble"], correct)._asdict()
    first = next(iter(receipts.values()))
    whole = {key: value for key, value in first.items() if key != "results"}
    whole["command"] = f"python benchmarks/full_run.py report --recipe {Path(options.recipe).stem}"
    whole["results"] = {
        "asked": first["results"]["asked"],
        "texts": int(known.sum()),
        "scores": scores,
        **_what_it_took(receipts),
        "directions": {way: receipt["results"] for way, receipt in receipts.items()},
    }
    whole["end"] = max(receipt["end"] for receipt in receipts.values())
    path = (
        options.results
        / f"imdb_{Path(options.recipe).stem}{'' if first['results']['asked'] == 'test' else '_valid'}.json"
    )
    write_atomically(path, json.dumps(whole, indent=1) + "\n")
    for name, score in scores.items():
        print(f"{name:9} {score['accuracy']:.4f}  ({score['low']:.4f} to {score['high']:.4f})")
    return path


def _what_it_took(receipts: dict[str, dict]) -> dict:
    """Return minutes a direction, the median speed of the language models' epochs, and the most memory of a GPU."""
    results = {way: receipt["results"] for way, receipt in receipts.items()}
    epochs = [one["trainings"][f"language model {way}"]["epochs"] for way, one in results.items()]
    return {
        "minutes": {way: one["minutes"] for way, one in results.items()},
        "lm_tokens_per_second": statistics.median(epoch["tokens_per_second"] for some in epochs for epoch in some),
        "peak_gpu_memory_gb": max(one["peak_gpu_memory_gb"] or 0 for one in results.values()) or None,
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the command line above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--recipe", default="ours")
    common.add_argument("--out", type=Path, default=ROOT / "runs" / "full")
    one = commands.add_parser("train", parents=[common])
    one.add_argument("--packed", type=Path, required=True, help="what `ulmfit pack --texts` made")
    one.add_argument("--pretrained", default="", help="a folder with language_model-forward and -backward")
    one.add_argument("--direction", choices=WAYS, required=True)
    one.add_argument("--ask", choices=("valid", "test"), default="test")
    one.add_argument("--no-leak", action="store_true", help="keep the test texts from the language model")
    one.add_argument("--minutes", type=float, default=0)
    one.add_argument("--precision", default="bf16")
    one.add_argument("--device", default="auto")
    one.add_argument("--seed", type=int, default=0)
    other = commands.add_parser("report", parents=[common])
    other.add_argument("--results", type=Path, default=ROOT / "results")
    options = parser.parse_args(arguments)
    try:
        (train if options.command == "train" else report)(options)
    except UlmfitError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
