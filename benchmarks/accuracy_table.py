"""What full runs reached on IMDb, others' and our own, as a table for the README."""

from pathlib import Path
from typing import Any

from ulmfit_lib.receipts import read_receipt

WHICH = ("forward", "backward", "ensemble")


def accuracy_table(folder: Path) -> str:
    """Return what others published, and then each of our runs that has a receipt in a folder."""
    published = read_receipt(folder / "published_imdb.json")["ulmfit"]
    runs = {path.stem: read_receipt(path) for path in sorted(folder.glob("imdb_*.json"))}
    runs = {name: receipt for name, receipt in runs.items() if receipt["results"]["asked"] == "test"}
    lines = ["| run | forward | backward | both | 95 % interval | took |", "|---|---|---|---|---|---|"]
    for row in published:
        name = f"[{row['run']}]({row['url']})" if row["url"] else row["run"]
        lines.append(_line(name, [row[which] for which in WHICH], "–", row["cost"]))
    lines += [_line_of_ours(name.removeprefix("imdb_"), receipt) for name, receipt in runs.items()]
    said = [
        "Accuracies on the 25,000 test reviews of IMDb, what others published with its sources "
        "(`results/published_imdb.json`), and ours. The interval is that of the last accuracy in its row."
    ]
    if not any(receipt["hardware"]["gpu"] for receipt in runs.values()):
        said.append("No run of ours on a GPU has a receipt yet: `benchmarks/GPU.md` says what is to be run.")
    if "imdb_rehearsal" in runs:
        said.append("The rehearsal is the same program on a processor, with the small models that ship.")
    return "\n".join([*lines, "", *said])


def _line_of_ours(name: str, receipt: dict[str, Any]) -> str:
    results = receipt["results"]
    scores = [results["scores"].get(which) for which in WHICH]
    last = next(score for score in reversed(scores) if score is not None)
    interval = f"{100 * last['low']:.2f} to {100 * last['high']:.2f}"
    took = [
        " + ".join(f"{minutes:.0f}" for minutes in results["minutes"].values()) + " minutes",
        f"{results['lm_tokens_per_second']:,.0f} tokens/s",
    ]
    if results["peak_gpu_memory_gb"]:
        took.append(f"{results['peak_gpu_memory_gb']:.1f} GB")
    machine = (receipt["hardware"]["gpu"] or [receipt["hardware"]["processor"]])[0]
    accuracies = [score and score["accuracy"] for score in scores]
    return _line(f"ours, recipe `{name}`", accuracies, interval, f"{', '.join(took)}, on {machine}")


def _line(name: str, accuracies: list[float | None], interval: str, took: str) -> str:
    shown = ["–" if accuracy is None else f"{100 * accuracy:.2f} %" for accuracy in accuracies]
    return f"| {' | '.join([name, *shown, interval, took])} |"
