"""A checkpoint on the disk: one safetensors file, whose header holds as JSON all that is not a tensor.

One file, because one file can be replaced in one step: whoever opens it finds the old checkpoint or the new one. The
old one is kept beside it as `.previous`, for the day on which a disk loses what it has promised to keep.

    language-model-forward.checkpoint            the newest
    language-model-forward.checkpoint.previous   the one before it

Nothing is pickled, so opening a checkpoint cannot run code.
"""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.files import write_beside

FORMAT = 1
_HEADER, _TENSOR = "checkpoint", "$tensor"


class Saved(NamedTuple):
    """What a checkpoint file holds; `note` says so where the newest file was damaged and this is the one before."""

    state: dict[str, Any]
    note: str = ""


def previous(path: Path) -> Path:
    """Return where the checkpoint before the newest is kept."""
    return path.with_name(f"{path.name}.previous")


def exists(path: Path) -> bool:
    """Return whether there is something to go on from."""
    return path.exists() or previous(path).exists()


def remove(path: Path) -> None:
    """Delete a checkpoint and the one before it."""
    for file in (path, previous(path)):
        file.unlink(missing_ok=True)


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write nested dictionaries and lists of tensors, numbers and texts; the checkpoint that was there is kept.

    Killed at any moment, it leaves at least one whole checkpoint, if there was one.

    Raises:
        ArtifactError: the disk is full or the place cannot be written; the older checkpoints are then untouched.
    """
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    tree = _pack(state, "", tensors, {})
    sums = {name: _checksum(tensor) for name, tensor in tensors.items()}
    header = {_HEADER: json.dumps({"format": FORMAT, "state": tree, "sums": sums})}
    try:
        with write_beside(path, save(tensors, header)) as beside:
            if path.exists():
                os.replace(path, previous(path))
            os.replace(beside, path)
    except OSError as error:
        raise ArtifactError(
            f"the checkpoint cannot be written: {error.strerror}.",
            where=str(path),
            fix="The one before it is kept. Make room and go on with --resume." if exists(path) else "Make room.",
        ) from error


def read_checkpoint(path: Path) -> Saved:
    """Read the newest checkpoint that is whole.

    Raises:
        ArtifactError: there is none, or none is whole, or another version of this library made it.
    """
    if not exists(path):
        raise ArtifactError("there is no such checkpoint.", where=str(path))
    try:
        return Saved(_read(path))
    except ArtifactError as error:
        if not previous(path).exists():
            raise
        missing = not path.exists()  # killed between the two renames; nothing is lost by more than one checkpoint
        state = _read(previous(path))
        return Saved(state, "" if missing else f"{error.where}: {error.what} The checkpoint before it is used.")


def _read(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            # Copies: PyTorch aligns what it allocates, and with it the order in which sums are made.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except FileNotFoundError as error:
        raise ArtifactError("there is no such checkpoint.", where=str(path)) from error
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise ArtifactError(
            "this checkpoint is cut short or damaged.", where=str(path), fix="Begin anew by --restart."
        ) from error
    if header.get("format") != FORMAT:
        raise ArtifactError(
            f"this checkpoint has format {header.get('format')!r}; this version of ulmfit_lib reads format {FORMAT}.",
            where=str(path),
            fix="Begin anew by --restart, or use the version of ulmfit_lib that made it.",
        )
    if any(_checksum(tensor) != header["sums"].get(name) for name, tensor in tensors.items()):
        raise ArtifactError(
            "this checkpoint was altered: a checksum is not the one in its header.",
            where=str(path),
            fix="Begin anew by --restart.",
        )
    return _unpack(header["state"], tensors)


def _pack(value: Any, name: str, tensors: dict[str, Tensor], seen: dict[tuple, str]) -> Any:
    """Return `value` with each tensor replaced by its name; tensors that share their memory have one name."""
    if isinstance(value, Tensor):
        place = (value.device, value.data_ptr(), value.dtype, tuple(value.shape), value.stride())
        if not value.numel() or place not in seen:
            seen[place] = name
            tensors[name] = value.detach().cpu().contiguous()
        return {_TENSOR: seen[place] if value.numel() else name}
    if isinstance(value, Mapping):
        return {
            str(key): _pack(one, f"{name}/{key}" if name else str(key), tensors, seen) for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        return [_pack(one, f"{name}/{number}", tensors, seen) for number, one in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{name}: a checkpoint holds no {type(value).__name__}.")


def _unpack(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if _TENSOR in value:
            return tensors[value[_TENSOR]]
        return {key: _unpack(one, tensors) for key, one in value.items()}
    return [_unpack(one, tensors) for one in value] if isinstance(value, list) else value


def _checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.flatten().view(torch.uint8).numpy()) if tensor.numel() else 0
