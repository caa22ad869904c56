"""What full runs reached on IMDb, others' and our own, as a table for the README."""

from pathlib import Path

from ulmfit_lib.full_runs import WHICH, full_runs
from ulmfit_lib.receipts import read_receipt


def accuracy_table(folder: Path) -> str:
    """Return what others published, and then each of our runs that has a receipt in a folder."""
    published = read_receipt(folder / "published_imdb.json")["ulmfit"]
    runs = full_runs(folder)
    lines = ["| run | forward | backward | both | 95 % interval | took |", "|---|---|---|---|---|---|"]
    for row in published:
        name = f"[{row['run']}]({row['url']})" if row["url"] else row["run"]
        lines.append(_line(name, [row[which] for which in WHICH], "–", row["cost"]))
    lines += [_line(f"ours, recipe `{name}`", run.accuracies, run.interval, run.took) for name, run in runs.items()]
    said = [
        "Accuracies on the 25,000 test reviews of IMDb, what others published with its sources "
        "(`results/published_imdb.json`), and ours. The interval is that of the last accuracy in its row."
    ]
    if not any(run.on_gpu for run in runs.values()):
        said.append("No run of ours on a GPU has a receipt yet: `benchmarks/GPU.md` says what is to be run.")
    if "rehearsal" in runs:
        said.append("The rehearsal is the same program on a processor, with the small models that ship.")
    return "\n".join([*lines, "", *said])


def _line(name: str, accuracies: list[float | None], interval: str, took: str) -> str:
    shown = ["–" if accuracy is None else f"{100 * accuracy:.2f} %" for accuracy in accuracies]
    return f"| {' | '.join([name, *shown, interval, took])} |"
