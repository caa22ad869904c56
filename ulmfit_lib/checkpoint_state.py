"""What a checkpoint is made of: where it lies, what training it belongs to, the optimizer, the random numbers."""

import hashlib
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ulmfit_lib import checkpoint_files
from ulmfit_lib.errors import ArtifactError, ConfigError

TERMINATED = 143


@dataclass(frozen=True)
class Checkpoints:
    """Where the checkpoints of a training lie, how often they are made, and whether to go on from one.

    Args:
        file: the file of the newest; the one before it is kept beside it.
        every_steps: steps from one to the next; None for no such limit.
        every_minutes: minutes from one to the next; None for no such limit.
        resume: go on from the newest, if there is one.

    Raises:
        ConfigError: a number that is not above 0.
    """

    file: Path
    every_steps: int | None = None
    every_minutes: float | None = 10.0
    resume: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", Path(self.file))
        for name in ("every_steps", "every_minutes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} must be more than 0, not {value}.")

    def remove(self) -> None:
        """Delete the checkpoints, when what was trained is saved."""
        checkpoint_files.remove(self.file)


def made_with(model: torch.nn.Module) -> dict[str, Any]:
    """Return what the last digits of a training depend on beside the training itself."""
    return {
        "torch": torch.__version__,
        "device": next(model.parameters()).device.type,
        "threads": torch.get_num_threads(),
    }


def fingerprint(content: Any) -> str:
    """Return a short digest of an array of numbers or a list of texts, to tell it from others.

    >>> fingerprint(["a", "b"]) == fingerprint(["a", "b"]), fingerprint(["a", "b"]) == fingerprint(["ab"])
    (True, False)
    """
    data = content.tobytes() if hasattr(content, "tobytes") else json.dumps(list(content)).encode("utf-8")
    return hashlib.sha256(data).hexdigest()[:16]


def check_same_training(found: dict[str, Any], wanted: dict[str, Any], where: str) -> None:
    """Refuse a checkpoint of another training than the one that is asked for.

    Raises:
        ArtifactError: they differ; the message names in what.
    """
    for name in sorted({*found, *wanted}):
        if found.get(name) != wanted.get(name):
            raise ArtifactError(
                f"this checkpoint belongs to another training: its {name} is {_short(found.get(name))}, and "
                f"{_short(wanted.get(name))} is asked for.",
                where=where,
                fix="Give the options that it was begun with, or begin anew by --restart.",
            )


def differences(found: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return sentences on what the last digits depend on and is no longer what it was, see `made_with`."""
    return [
        f"the checkpoint was made with {name} {value}, not {now.get(name)}: the last digits may differ."
        for name, value in found.items()
        if value != now.get(name)
    ]


def _short(value: Any, most: int = 60) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}..."


def stopped_by(number: int) -> BaseException:
    """Return the exception that a signal stands for."""
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(TERMINATED)


def optimizer_state(opt: Any) -> dict[str, Any]:
    """Return what an optimizer of fastai has to remember."""
    return {
        "state": [dict(opt.state[parameter]) for parameter, *_ in opt.all_params()],
        "hypers": [dict(hyper) for hyper in opt.hypers],
        "had_grad": [parameter.grad is not None for parameter, *_ in opt.all_params()],
    }


def load_optimizer(opt: Any, saved: dict[str, Any]) -> None:
    """Give an optimizer the state that `optimizer_state` returned."""
    for hyper, values in zip(opt.hypers, saved["hypers"], strict=True):
        hyper.update(values)
    for (parameter, *_), state, had_grad in zip(opt.all_params(), saved["state"], saved["had_grad"], strict=True):
        opt.state[parameter] = {
            name: value.to(parameter.device) if isinstance(value, torch.Tensor) else value
            for name, value in state.items()
        }
        # The optimizer passes over what has no gradient, and goes on decaying what has one of zero.
        parameter.grad = torch.zeros_like(parameter) if had_grad else None


def random_state(device: torch.device) -> dict[str, Any]:
    """Return the states of the generators that dropout draws from."""
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def set_random_state(saved: dict[str, Any], device: torch.device) -> None:
    """Put the generators into the states that `random_state` returned, that of a GPU on this device if it is one."""
    torch.set_rng_state(saved["cpu"])
    if saved["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(saved["cuda"], device)
