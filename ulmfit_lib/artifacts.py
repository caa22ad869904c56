"""Artifacts: a trained model in a folder that says what it is, and that is refused by name where it does not fit.

model.safetensors   the weights; numbers only, so that loading them cannot run code
config.json         kind, direction, sizes, tokenizer, versions, and the checksum of every other file
vocab.json          the tokens in the order of their ids
run.json            the receipt of the run that made it
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ulmfit_lib.direction import check_direction
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.files import folder_written_atomically, put_back, refuse_to_replace, sha256_of
from ulmfit_lib.receipts import library_versions
from ulmfit_lib.vocab import Vocab

if TYPE_CHECKING:
    import torch

FORMAT = 1
WEIGHTS, CONFIG, VOCAB, RECEIPT = "model.safetensors", "config.json", "vocab.json", "run.json"
_MADE_AGAIN = "Copy it again, or train it again."


@dataclass(frozen=True)
class Artifact:
    """What `load_artifact` found in a folder; `state` goes into `model.load_state_dict`."""

    state: "dict[str, torch.Tensor]"
    config: dict[str, Any]
    vocab: Vocab
    receipt: dict[str, Any]

    @property
    def direction(self) -> str:
        """The direction in which its model reads: "forward" or "backward"."""
        return self.config["direction"]

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of its model, such as `emb_sz` and `vocab_sz`."""
        return self.config["sizes"]


def save_artifact(
    folder: Path,
    model: "torch.nn.Module | Mapping[str, torch.Tensor]",
    config: Mapping[str, Any],
    vocab: Vocab | Sequence[str],
    receipt: Mapping[str, Any] | None = None,
) -> Path:
    """Save a model in `folder`, whole or not at all; an older artifact of that name is replaced in one step.

    Args:
        folder: the folder to make.
        model: a module or its state dict. Tied weights are stored once and are tied again when they are loaded.
        config: must have `direction` ("forward" | "backward") and `sizes` (name to number, such as
            `{"emb_sz": 400}`); whatever else belongs to the model and fits into JSON (`kind`, `tokenizer`, `labels`).
        vocab: the vocabulary, or its tokens in the order of their ids.
        receipt: the receipt of the run.

    Raises:
        ConfigError: `direction` or `sizes` is missing in `config`, or an entry does not fit into JSON.
        ArtifactError: the folder cannot be written, or it holds other files than an artifact's.
    """
    from safetensors.torch import save

    folder = Path(folder)
    if "direction" not in config or "sizes" not in config:
        raise ConfigError("the config of an artifact needs `direction` and `sizes`.", where=str(folder))
    check_direction(config["direction"])
    refuse_other_files(folder)
    state = model if isinstance(model, Mapping) else model.state_dict()
    tensors, tied = _untie(state)
    try:
        contents = {
            WEIGHTS: save(tensors),
            VOCAB: _json({"tokens": _tokens(vocab)}),
            RECEIPT: _json(dict(receipt or {})),
        }
        _json(dict(config))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"this does not fit into JSON: {error}.", where=str(folder)) from error
    try:
        with folder_written_atomically(folder) as beside:
            for name, content in contents.items():
                (beside / name).write_bytes(content)
            files = {name: {"bytes": len(data), "sha256": sha256_of(beside / name)} for name, data in contents.items()}
            whole = {**config, "format": FORMAT, "versions": library_versions(), "tied": tied, "files": files}
            (beside / CONFIG).write_bytes(_json(whole))
    except OSError as error:
        raise ArtifactError(f"the artifact cannot be written: {error.strerror}.", where=str(folder)) from error
    return folder


def refuse_other_files(folder: Path) -> None:
    """See that an artifact may be saved there: nothing is there, or an older one and no more.

    Raises:
        ArtifactError: something else is there, which would be lost.
    """
    refuse_to_replace(folder, (WEIGHTS, CONFIG, VOCAB, RECEIPT), "an artifact's", error=ArtifactError)


def load_artifact(
    folder: Path,
    *,
    direction: str | None = None,
    vocab: Vocab | Sequence[str] | None = None,
    sizes: Mapping[str, int] | None = None,
    kind: str | None = None,
) -> Artifact:
    """Load what `save_artifact` saved, after checking that it is whole and that it is what is asked for.

    Nothing is changed anywhere before every check has passed. What is not given is not checked.

    Args:
        folder: the artifact.
        direction: the direction that the weights must have been trained in.
        vocab: the vocabulary that the weights must belong to, token for token.
        sizes: sizes that the model must have; others may be in the artifact.
        kind: the kind of model that it must be, such as "encoder".

    Raises:
        ArtifactError: a file is missing, cut short or altered, or the direction, the vocabulary, a size or the kind
            is another; the message names which.
    """
    folder = Path(folder)
    config = _read_config(folder)
    _check_fit(folder, config, direction, sizes, kind)
    for name in (WEIGHTS, VOCAB, RECEIPT):
        _check_file(folder / name, config["files"].get(name))
    tokens = _read_json(folder / VOCAB).get("tokens")
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ArtifactError("it holds no list of tokens.", where=str(folder / VOCAB), fix=_MADE_AGAIN)
    if vocab is not None:
        _check_vocab(folder, tokens, _tokens(vocab))
    state = _read_weights(folder / WEIGHTS, config["tied"])
    return Artifact(state, config, Vocab(tokens), _read_json(folder / RECEIPT))


def read_config(folder: Path) -> dict[str, Any]:
    """Return the config of an artifact without reading its weights.

    Raises:
        ArtifactError: it is missing, cut short or not an artifact's.
    """
    return _read_config(Path(folder))


def _untie(state: "Mapping[str, torch.Tensor]") -> "tuple[dict[str, torch.Tensor], dict[str, str]]":
    """Split a state dict into tensors of their own and `{name: the name it shares its memory with}`."""
    seen: dict[tuple, str] = {}
    tensors, tied = {}, {}
    for name, tensor in state.items():
        place = (tensor.device, tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if tensor.numel() and place in seen:
            tied[name] = seen[place]
            continue
        seen[place] = name
        # A copy, because cuDNN keeps the weights of an LSTM as views of one buffer.
        tensors[name] = tensor.detach().to("cpu").clone().contiguous()
    return tensors, tied


def _read_config(folder: Path) -> dict[str, Any]:
    put_back(folder)
    if not folder.is_dir():
        raise ArtifactError("there is no such artifact (a folder with model.safetensors).", where=str(folder))
    config = _read_json(folder / CONFIG)
    if config.get("format") != FORMAT:
        raise ArtifactError(
            f"this artifact has format {config.get('format')!r}; this version of ulmfit_lib reads format {FORMAT}.",
            where=str(folder / CONFIG),
            fix="Train it again, or use the version of ulmfit_lib that made it.",
        )
    for key, type_ in (("direction", str), ("sizes", dict), ("files", dict), ("tied", dict)):
        if not isinstance(config.get(key), type_):
            raise ArtifactError(f"{key!r} is missing or damaged in it.", where=str(folder / CONFIG), fix=_MADE_AGAIN)
    return config


def _check_fit(
    folder: Path, config: dict[str, Any], direction: str | None, sizes: Mapping[str, int] | None, kind: str | None
) -> None:
    where = str(folder)
    if kind is not None and config.get("kind") != kind:
        raise ArtifactError(f"this is of the kind {config.get('kind')!r}, and {kind!r} is needed.", where=where)
    if direction is not None and config["direction"] != check_direction(direction):
        raise ArtifactError(
            f"these weights read texts {config['direction']}, and {direction} ones are needed.",
            where=where,
            fix=f"Give the artifact that was trained with direction {direction!r}.",
        )
    for name, wanted in (sizes or {}).items():
        found = config["sizes"].get(name)
        if found != wanted:
            raise ArtifactError(
                f"these weights have {name} {found}, and the model has {name} {wanted}.",
                where=where,
                fix="Make the model with the sizes in the artifact's config.json.",
            )


def _check_file(path: Path, recorded: dict[str, Any] | None) -> None:
    if recorded is None:
        raise ArtifactError(f"config.json does not name {path.name}.", where=str(path.parent), fix=_MADE_AGAIN)
    if not path.is_file():
        raise ArtifactError("this file of the artifact is missing.", where=str(path), fix=_MADE_AGAIN)
    size = path.stat().st_size
    if size < recorded["bytes"]:
        raise ArtifactError(
            f"this file is cut short: it has {size:,} of {recorded['bytes']:,} bytes.", where=str(path), fix=_MADE_AGAIN
        )
    if size != recorded["bytes"] or sha256_of(path) != recorded["sha256"]:
        raise ArtifactError(
            "this file was altered: its checksum is not the one in config.json.", where=str(path), fix=_MADE_AGAIN
        )


def _check_vocab(folder: Path, found: list[str], wanted: list[str]) -> None:
    if found == wanted:
        return
    if len(found) != len(wanted):
        difference = f"it has {len(found):,} tokens, not {len(wanted):,}"
    else:
        first = next(i for i, (one, other) in enumerate(zip(found, wanted, strict=True)) if one != other)
        difference = f"token {first} is {found[first]!r}, not {wanted[first]!r}"
    raise ArtifactError(
        f"these weights belong to another vocabulary: {difference}.",
        where=str(folder),
        fix="Use the vocabulary in the artifact's vocab.json, or match the embeddings to yours.",
    )


def _read_weights(path: Path, tied: Mapping[str, str]) -> "dict[str, torch.Tensor]":
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
        return {**state, **{name: state[other] for name, other in tied.items()}}
    except (SafetensorError, KeyError) as error:
        raise ArtifactError(f"the weights cannot be read: {error}.", where=str(path), fix=_MADE_AGAIN) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ArtifactError("this file of the artifact is missing.", where=str(path), fix=_MADE_AGAIN) from error
    except ValueError as error:
        raise ArtifactError("this file is cut short or damaged.", where=str(path), fix=_MADE_AGAIN) from error
    if not isinstance(content, dict):
        raise ArtifactError("this file does not hold a JSON object.", where=str(path), fix=_MADE_AGAIN)
    return content


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def _tokens(vocab: Vocab | Sequence[str]) -> list[str]:
    return list(vocab.tokens if isinstance(vocab, Vocab) else vocab)
