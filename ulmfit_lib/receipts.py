"""Receipts: what was run, on what, with what, and what came out, as one JSON file a run.

A number that has a receipt can be had again. A receipt never holds a path or the name of a machine, so that it can be
published as it is.
"""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ulmfit_lib import __version__
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.files import write_atomically

if TYPE_CHECKING:
    from ulmfit_lib.data import Texts

LIBRARIES = ("torch", "fastai", "spacy", "numpy", "scikit-learn", "safetensors", "sentencepiece", "pandas")


def start_receipt(
    command: str,
    *,
    seed: int | None = None,
    data: "Texts | dict[str, Any] | None" = None,
    **more: Any,
) -> dict[str, Any]:
    """Open a receipt before the work begins, so that its start time is the real one.

    Args:
        command: what a reader would type to have the same run; name the files in it, do not give their paths.
        seed: the seed of the run.
        data: the texts (their name, number and SHA-256 are kept), or such a dictionary.
        more: further entries, such as `options={...}`; they must fit into JSON.
    """
    if data is not None and not isinstance(data, dict):
        data = {"name": data.name, "rows": len(data.texts), "sha256": data.sha256}
    return {
        "command": command,
        **commit_of_package(),
        "seed": seed,
        "data": data,
        "hardware": hardware(),
        "libraries": library_versions(),
        **more,
        "start": _now(),
        "end": None,
        "results": {},
    }


def finish_receipt(receipt: dict[str, Any], results: dict[str, Any], path: Path | None = None) -> dict[str, Any]:
    """Return the receipt with its end and its results; the one given is not changed. Write it when `path` is given.

    Raises:
        ArtifactError: the receipt cannot be written there.
    """
    # Hardware is read again: torch, and with it the GPU, may have been imported only by the work itself.
    finished = {**receipt, "hardware": hardware(), "end": _now(), "results": results}
    if path is not None:
        write_receipt(path, finished)
    return finished


def write_receipt(path: Path, receipt: dict[str, Any]) -> Path:
    """Write a receipt as JSON, whole or not at all.

    Raises:
        ArtifactError: it cannot be written there, or an entry does not fit into JSON (NaN does not).
    """
    try:
        text = json.dumps(receipt, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"the receipt does not fit into JSON: {error}.", where=str(path)) from error
    try:
        return write_atomically(Path(path), text)
    except OSError as error:
        raise ArtifactError(f"the receipt cannot be written: {error.strerror}.", where=str(path)) from error


def read_receipt(path: Path) -> dict[str, Any]:
    """Read a receipt.

    Raises:
        ArtifactError: there is none, or it is no JSON object (for example because it was cut short).
    """
    try:
        receipt = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ArtifactError("there is no such receipt.", where=str(path)) from error
    except ValueError as error:
        raise ArtifactError("the receipt is damaged or cut short.", where=str(path), fix="Run it again.") from error
    if not isinstance(receipt, dict):
        raise ArtifactError("this is not a receipt: it must be a JSON object.", where=str(path))
    return receipt


def commit_of_package() -> dict[str, Any]:
    """Return `{"commit": ..., "uncommitted_changes": ...}` of this package; its version where git does not know it.

    An installed copy that happens to lie inside somebody else's repository is not given that repository's commit.
    """
    here = Path(__file__).resolve().parent
    top = _git(here, "rev-parse", "--show-toplevel")
    tracked = top and Path(top).resolve() == here.parent and _git(here, "ls-files", "__init__.py")
    commit = _git(here, "rev-parse", "HEAD") if tracked else None
    if not commit:
        return {"commit": f"version {__version__}", "uncommitted_changes": None}
    return {"commit": commit, "uncommitted_changes": bool(_git(here.parent, "status", "--porcelain"))}


def hardware() -> dict[str, Any]:
    """Return the processor, its usable cores, the memory in GB, and the GPU if torch is loaded and sees one."""
    torch = sys.modules.get("torch")
    gpu = None
    if torch is not None and torch.cuda.is_available():
        gpu = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "gpu": gpu,
        "system": f"{platform.system()} {platform.machine()}",
    }


def library_versions() -> dict[str, str]:
    """Return the version of Python and of each of `LIBRARIES` that is installed, without importing any."""
    versions = {"python": platform.python_version(), "ulmfit_lib": __version__}
    for name in LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
