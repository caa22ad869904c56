"""Large weights as small files: eight bits a number, in pieces of at most 15 MiB, with checksums.

A full-size language model has 44 million numbers. Where only small files can be carried from one machine to the next,
each row of a matrix is stored as whole numbers from -127 to 127 and one scale: a quarter of the size, and close enough
to go on training from.
"""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ulmfit_lib.artifacts import load_artifact, save_artifact
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.files import folder_written_atomically, refuse_to_replace, sha256_of

INDEX = "pieces.json"
MOST_BYTES = 15 * 2**20
_KEPT = ("kind", "direction", "sizes", "model", "tokenizer")


def to_int8(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Return a tensor as (int8 numbers of its shape, one float32 scale a row); a vector has one scale.

    >>> numbers, scale = to_int8(torch.tensor([[0.5, -1.0], [0.0, 0.0]]))
    >>> numbers.tolist(), [round(one, 4) for one in scale.tolist()]
    ([[64, -127], [0, 0]], [0.0079, 0.0])
    """
    rows = tensor.float().reshape(len(tensor), -1) if tensor.dim() > 1 else tensor.float().reshape(1, -1)
    scale = rows.abs().amax(dim=1) / 127  # (rows,)
    numbers = (rows / scale.clamp(min=1e-12)[:, None]).round().clamp(-127, 127).to(torch.int8)
    return numbers.reshape(tensor.shape), scale


def from_int8(numbers: Tensor, scale: Tensor) -> Tensor:
    """Return what `to_int8` was given, as float32, up to half a scale."""
    rows = numbers.float().reshape(len(scale), -1) * scale[:, None]
    return rows.reshape(numbers.shape)


def write_pieces(artifact: Path, out: Path) -> Path:
    """Store a language model's artifact in pieces.

    Raises:
        ArtifactError: it is damaged, or the folder cannot be written.
        ConfigError: the folder holds something else, which would be lost.
    """
    from safetensors.torch import save

    found = load_artifact(artifact)
    tensors: dict[str, Tensor] = {}
    tied: dict[str, str] = {}
    first_name: dict[int, str] = {}
    for name, tensor in found.state.items():
        if (other := first_name.setdefault(tensor.data_ptr(), name)) != name:
            tied[name] = other
            continue
        tensors[f"{name}.int8"], tensors[f"{name}.scale"] = to_int8(tensor)
    data = save(tensors)
    index: dict[str, Any] = {
        "config": {name: found.config[name] for name in _KEPT if name in found.config},
        "tied": tied,
        "tokens": found.vocab.tokens,
        "receipt": found.receipt,
        "pieces": [],
    }
    refuse_to_replace(out, (INDEX, "weights-*.part"), "weights in pieces", mark=INDEX)
    try:
        with folder_written_atomically(out) as beside:
            for number, start in enumerate(range(0, len(data), MOST_BYTES)):
                path = beside / f"weights-{number:02}.part"
                path.write_bytes(data[start : start + MOST_BYTES])
                index["pieces"].append({"file": path.name, "sha256": sha256_of(path)})
            (beside / INDEX).write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")
    except OSError as error:
        raise ArtifactError(f"the pieces cannot be written: {error.strerror}.", where=str(out)) from error
    return out


def join_pieces(folder: Path, out: Path) -> Path:
    """Make an artifact again of what `write_pieces` wrote.

    Raises:
        ArtifactError: a piece is missing or altered; the message names it.
    """
    from safetensors.torch import load

    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtifactError("the list of pieces is missing or damaged.", where=str(folder / INDEX)) from error
    data = b""
    for piece in index["pieces"]:
        path = folder / piece["file"]
        if not path.is_file() or sha256_of(path) != piece["sha256"]:
            raise ArtifactError("this piece is missing or altered.", where=str(path), fix="Copy it again.")
        data += path.read_bytes()
    tensors = load(data)
    names = [name.removesuffix(".int8") for name in tensors if name.endswith(".int8")]
    state = {name: from_int8(tensors[f"{name}.int8"], tensors[f"{name}.scale"]) for name in names}
    state |= {name: state[other] for name, other in index["tied"].items()}
    return save_artifact(out, state, index["config"], index["tokens"], index["receipt"])
