"""What lies in a folder, told: a finished run, an interrupted one, or an artifact."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ulmfit_lib.artifacts import CONFIG, RECEIPT, VOCAB, read_config
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.receipts import read_receipt
from ulmfit_lib.unfinished import RESUME

if TYPE_CHECKING:
    from rich.table import Table


def describe(folder: Path) -> "Iterator[str | Table]":
    """Yield what there is to say of a folder, line by line, and tables for rich.

    Raises:
        ArtifactError: the folder is not there, is damaged, or is none of ours.
    """
    folder = Path(folder)
    if (folder / CONFIG).is_file():
        yield from _artifact(folder)
    elif (folder / RESUME).is_dir():
        yield from _interrupted(folder)
    elif (folder / RECEIPT).is_file():
        yield from _run(folder)
    else:
        raise ArtifactError(
            "this is neither an artifact nor a run.",
            where=str(folder),
            fix="Name a folder that a command of ulmfit has made, such as runs/reviews.",
        )


def _artifact(folder: Path) -> Iterator[str]:
    config, receipt = read_config(folder), read_receipt(folder / RECEIPT)
    yield f"{config.get('kind', 'model')}, reads texts {config['direction']}"
    yield "sizes       " + ", ".join(f"{name} {size:,}" for name, size in config["sizes"].items())
    yield "tokenizer   " + ", ".join(
        f"{name} {value}" for name, value in (config.get("tokenizer") or {}).items() if name != "model"
    )
    if "labels" in config:
        yield "labels      " + ", ".join(map(str, config["labels"]))
    for name, file in config["files"].items():
        yield f"{name:18}{file['bytes']:>12,} bytes  SHA-256 {file['sha256'][:16]}..."
    if not (folder / VOCAB).is_file():
        yield f"{VOCAB} is missing"
    yield from _receipt(receipt)


def _interrupted(folder: Path) -> Iterator[str]:
    yield "an interrupted run; the command that began it goes on with --resume"
    for path in sorted((folder / RESUME).iterdir()):
        if path.suffix == ".done":
            yield f"done        {path.stem}"
        elif path.suffix == ".checkpoint":
            yield f"begun       {path.stem}: {_position(path)}"


def _position(path: Path) -> str:
    from ulmfit_lib.checkpoint_files import read_checkpoint

    position = read_checkpoint(path).state["position"]
    return f"checkpoint of step {position['step']:,}, phase {position['phase'] + 1}, epoch {position['epoch'] + 1}"


def _run(folder: Path) -> "Iterator[str | Table]":
    from ulmfit_lib.display import lines_table
    from ulmfit_lib.one_way import Line

    receipt = read_receipt(folder / RECEIPT)
    results = receipt.get("results", {})
    if results.get("lines"):
        yield lines_table([Line(**line) for line in results["lines"]], (receipt.get("data") or {}).get("name", ""))
    for note in results.get("notes", []):
        yield f"- {note}"
    yield from _receipt(receipt)


def _receipt(receipt: dict[str, Any]) -> Iterator[str]:
    names = {"command": "command", "commit": "commit", "seed": "seed", "start": "began", "end": "ended"}
    for name, title in names.items():
        if receipt.get(name) is not None:
            yield f"{title:12}{receipt[name]}"
    if receipt.get("data"):
        data = receipt["data"]
        rows = f", {data['rows']:,} texts" if "rows" in data else ""
        yield f"texts       {data.get('name', '')}{rows}"
