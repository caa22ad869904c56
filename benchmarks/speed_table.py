"""What the speed benchmarks found, as a table for the README."""

from pathlib import Path
from typing import Any

from ulmfit_lib.receipts import read_receipt

#: The work, its receipt, and which of our ways is meant (None where there is one).
ROWS = (
    ("tokenize the shipped reviews", "tokenization", None),
    ("tokenize IMDb's reviews", "tokenization_imdb", None),
    ("batches of a language model", "speed_lm_batches", "ulmfit_lib"),
    ("a training step of the language model, fp32", "speed_lm_step", "fp32"),
    ("the same in bf16", "speed_lm_step", "bf16"),
    ("the same on two threads, fp32", "speed_lm_step_threads2", "fp32"),
    ("the same on two threads, bf16", "speed_lm_step_threads2", "bf16"),
    ("an epoch of the classifier, fp32", "speed_classifier_epoch", "fp32"),
    ("the same in bf16", "speed_classifier_epoch_bf16", "bf16"),
    ("predictions of the classifier, fp32", "speed_classifier_prediction", "fp32"),
    ("the same in bf16", "speed_classifier_prediction_bf16", "bf16"),
    ("full-size language model on a GPU, bf16", "speed_lm_step_cuda_full", "bf16"),
    ("full-size classifier on a GPU, epoch, bf16", "speed_classifier_epoch_bf16_cuda_full", "bf16"),
    ("full-size classifier on a GPU, predictions, bf16", "speed_classifier_prediction_bf16_cuda_full", "bf16"),
)


def speed_table(folder: Path) -> str:
    """Return the table of the receipts in a folder; a row whose receipt is missing is left out."""
    lines = ["| work | fastai | ours | times as fast | clock | turns |", "|---|---|---|---|---|---|"]
    receipts = {
        name: read_receipt(folder / f"{name}.json") for _, name, _ in ROWS if (folder / f"{name}.json").exists()
    }
    for work, name, way in ROWS:
        if name in receipts:
            lines.append(_row(work, receipts[name]["results"], way))
    machines = {receipt["hardware"]["processor"] for receipt in receipts.values()}
    machines |= {card for receipt in receipts.values() for card in receipt["hardware"]["gpu"] or ()}
    versions = ", ".join(sorted({receipt["libraries"]["fastai"] for receipt in receipts.values()}))
    where = f"Medians; fastai {versions} and ulmfit_lib in turn, in one run a row, on {', '.join(sorted(machines))}."
    return "\n".join([*lines, "", where, *_loads(folder)])


def _row(work: str, results: dict[str, Any], way: str | None) -> str:
    unit = results["unit"]
    speeds, ratio = results[f"{unit}_per_second"], results["ratio"]
    ours = speeds[way or "ulmfit_lib"]
    clock = "processor" if results["judged_by"] == "cpu_seconds" else "wall"
    ratio = ratio if way is None else ratio[way]
    turns = len(results[results["judged_by"]]["fastai"])
    return f"| {work} | {speeds['fastai']:,} {unit}/s | {ours:,} {unit}/s | {ratio:g} | {clock} | {turns} |"


def _loads(folder: Path) -> list[str]:
    """Return a sentence on imports and one on memory, where there are receipts of them."""
    lines = []
    if (folder / "speed_start.json").exists():
        start = read_receipt(folder / "speed_start.json")["results"]
        lines.append(
            f"`import ulmfit_lib` takes {start['import_ulmfit_lib_cpu_seconds'] * 1000:.1f} ms, the stages that need "
            f"no torch {start['pure_stages_more_cpu_seconds'] * 1000:.1f} ms more."
        )
    if (folder / "memory_imdb.json").exists():
        memory = read_receipt(folder / "memory_imdb.json")["results"]
        lines.append(
            f"Reading, splitting and numbering {memory['texts']:,} reviews holds {memory['peak_gb']} GB at most."
        )
    return [" ".join(lines)] if lines else []
