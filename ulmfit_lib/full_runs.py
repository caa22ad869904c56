"""What full runs on IMDb reached and took, read from their receipts: chapter 12 and the README show it."""

from pathlib import Path
from typing import Any, NamedTuple

from ulmfit_lib.receipts import read_receipt

WHICH = ("forward", "backward", "ensemble")


class FullRun(NamedTuple):
    """A run: accuracies of `WHICH`, None for what was not trained, with the 95 % interval of the last of them."""

    accuracies: list[float | None]
    low: float
    high: float
    took: str
    on_gpu: bool
    receipt: dict[str, Any]

    @property
    def interval(self) -> str:
        """The interval in per cent."""
        return f"{100 * self.low:.2f} to {100 * self.high:.2f}"


def full_runs(folder: Path) -> dict[str, FullRun]:
    """Return the runs that have a receipt `imdb_RECIPE.json` in a folder and were asked about the test, by recipe."""
    receipts = {path.stem.removeprefix("imdb_"): read_receipt(path) for path in sorted(folder.glob("imdb_*.json"))}
    return {name: _read(receipt) for name, receipt in receipts.items() if receipt["results"]["asked"] == "test"}


def _read(receipt: dict[str, Any]) -> FullRun:
    results, gpu = receipt["results"], receipt["hardware"]["gpu"]
    scores = [results["scores"].get(which) for which in WHICH]
    last = next(score for score in reversed(scores) if score is not None)
    memory = results["peak_gpu_memory_gb"]
    took = [
        " + ".join(f"{minutes:.0f}" for minutes in results["minutes"].values()) + " minutes",
        f"{results['lm_tokens_per_second']:,.0f} tokens/s",
        *([f"{memory:.1f} GB"] if memory else []),
        f"on {gpu[0] if gpu else receipt['hardware']['processor']}",
    ]
    accuracies = [score and score["accuracy"] for score in scores]
    return FullRun(accuracies, last["low"], last["high"], ", ".join(took), bool(gpu), receipt)
