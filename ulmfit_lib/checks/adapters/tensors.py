"""NumPy arrays on the way in and out, torch tensors in the student's hands."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from ulmfit_lib.checks.adapters import InputChanged


def call(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with each array turned into a tensor; each tensor that comes back is turned into an array."""
    handed = to_tensors(args)
    kept = deepcopy(handed)
    returned = to_plain(function(*handed))
    refuse_changes(handed, kept, returned)
    return returned


def show_call(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it."""
    return f"{function}({', '.join(show_value(arg) for arg in args)})"


def to_tensors(value: Any) -> Any:
    """Return the value with each NumPy array in it, however deep, turned into a tensor of its own."""
    import numpy as np
    import torch

    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, list | tuple):
        return type(value)(to_tensors(one) for one in value)
    if isinstance(value, dict):
        return {key: to_tensors(one) for key, one in value.items()}
    return value


def to_plain(value: Any) -> Any:
    """Return the value with each tensor in it, however deep, turned into a NumPy array."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().cpu().resolve_conj().numpy().copy()
    if type(value) in (list, tuple):
        return type(value)(to_plain(one) for one in value)
    if type(value) is dict:
        return {key: to_plain(one) for key, one in value.items()}
    return value


def refuse_changes(handed: Any, kept: Any, returned: Any) -> None:
    """Compare what the answer was handed with a copy from before the call.

    Raises:
        InputChanged: they differ.
    """
    for now, before in zip(_leaves(handed), _leaves(kept), strict=True):
        if not _same(now, before):
            raise InputChanged(show_value(to_plain(now)), returned)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [len(value), *(leaf for one in value for leaf in _leaves(one))]
    return [value]


def _same(now: Any, before: Any) -> bool:
    import torch

    if isinstance(before, torch.Tensor):
        return isinstance(now, torch.Tensor) and now.dtype == before.dtype and torch.equal(now, before)
    return now is before or now == before


def show_value(value: Any) -> str:
    """Return the value as one line, arrays as tensors."""
    import numpy as np

    if isinstance(value, np.ndarray):
        numbers = np.array2string(value, separator=", ", precision=4, threshold=64, max_line_width=10**6)
        return f"tensor({' '.join(numbers.split())})"
    if isinstance(value, list | tuple):
        inside = ", ".join(show_value(one) for one in value)
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {show_value(one)}' for key, one in value.items())}}}"
    return repr(value)
