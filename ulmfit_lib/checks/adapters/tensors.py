"""NumPy arrays on the way in and out, torch tensors in the student's hands."""

from collections.abc import Callable
from typing import Any

from ulmfit_lib.checks.adapters import InputChanged

_AT_LENGTH = 64  # entries of an array up to which all are shown
_AT_EACH_END = 3  # of a larger one
# A tensor of one of these says itself what it holds; torch, too, names only the others.
_NEEDS_NO_DTYPE = ("float32", "int64", "bool")


def call(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with each array turned into a tensor; each tensor that comes back is turned into an array.

    Raises:
        InputChanged: the answer changed a tensor, list or dictionary that it was given.
        TypeError: it returned a NumPy array.
    """
    handed, kept = to_tensors(args), to_tensors(args)
    returned = to_plain(function(*handed))
    refuse_changes(handed, kept, returned)
    return returned


def show_call(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it."""
    return f"{function}({', '.join(show_value(arg) for arg in args)})"


def call_seeded(function: Callable[..., Any], args: tuple[Any, ...], calls: int = 1) -> Any:
    """Seed torch with the first argument, then `call` the answer with the others: for functions that draw at random.

    Of two or more calls, all after the one seeding, a list comes back: do they draw different numbers?
    """
    seed, *rest = args
    seed_torch(seed)
    returned, changes = [], []
    for _ in range(calls):
        try:
            returned.append(call(function, tuple(rest)))
        except InputChanged as change:
            returned.append(change.returned)
            changes.append(change.now)
    value = returned[0] if calls == 1 else returned
    if changes:
        raise InputChanged(changes[0], value)
    return value


def seed_torch(seed: int) -> None:
    """Do what `torch.manual_seed` does where there is no GPU.

    That one also keeps a note, with a whole call stack, for each kind of GPU that may yet be used: a millisecond a
    call, and memory that is never given back.
    """
    import torch

    torch.default_generator.manual_seed(seed)


def show_call_seeded(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it, the seed before it."""
    seed, *rest = args
    return show_seeded(seed, show_call(function, tuple(rest)))


def show_seeded(seed: int, shown: str, calls: int = 1) -> str:
    """Return a call, shown as a student would type it, with the seed before it, and as often as it is made."""
    return f"torch.manual_seed({seed}); {shown if calls == 1 else f'[{shown} for _ in range({calls})]'}"


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
    """Return the value with each tensor in it, however deep, turned into a NumPy array.

    Raises:
        TypeError: there is a NumPy array in it; no check could tell it from a tensor afterwards.
    """
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach().cpu().resolve_conj().resolve_neg().numpy().copy()
    if is_array(value):
        raise TypeError("it returned a NumPy array where a tensor is asked for; torch.from_numpy makes one of it")
    if type(value) in (list, tuple):
        return type(value)(to_plain(one) for one in value)
    if type(value) is dict:
        return {key: to_plain(one) for key, one in value.items()}
    return value


def refuse_changes(handed: Any, kept: Any, returned: Any) -> None:
    """Compare what the answer was handed with a copy from before the call.

    Args:
        handed: the arguments, tensors among them, after the call.
        kept: a deep copy of them from before it.
        returned: what the answer returned, as a plain value.

    Raises:
        InputChanged: they differ.
    """
    for now, before in zip(handed, kept, strict=True):
        if not _same(now, before):
            raise InputChanged(show_value(to_plain(now)), returned)


def _same(now: Any, before: Any) -> bool:
    import torch

    if isinstance(before, torch.Tensor):
        return isinstance(now, torch.Tensor) and now.dtype == before.dtype and _same_numbers(now, before)
    if type(now) is not type(before):
        return False
    if isinstance(before, list | tuple):
        return len(now) == len(before) and all(_same(one, other) for one, other in zip(now, before, strict=True))
    if isinstance(before, dict):
        return list(now) == list(before) and all(_same(now[key], before[key]) for key in before)
    return now is before or now == before


def _same_numbers(now: Any, before: Any) -> bool:
    import torch

    if torch.equal(now, before):
        return True
    # Not a number is not equal to itself, but may have been there before.
    return now.shape == before.shape and bool(((now == before) | ((now != now) & (before != before))).all())


def is_array(value: Any) -> bool:
    """Return whether it is a NumPy array, without importing NumPy."""
    return type(value).__module__ == "numpy" and type(value).__name__ == "ndarray"


def show_value(value: Any, arrays: str = "tensor") -> str:
    """Return the value as one line, arrays as a student would type them.

    >>> import numpy as np
    >>> show_value([np.array([0.5, 1.0], dtype="float32"), "a"])
    "[tensor([0.5, 1.0]), 'a']"
    """
    if is_array(value):
        return _show_array(value, arrays)
    if type(value) is list:
        return f"[{', '.join(show_value(one, arrays) for one in value)}]"
    if type(value) is tuple:
        return f"({', '.join(show_value(one, arrays) for one in value)}{',' if len(value) == 1 else ''})"
    if type(value) is dict:
        return f"{{{', '.join(f'{key!r}: {show_value(one, arrays)}' for key, one in value.items())}}}"
    return repr(value)


def _show_array(value: Any, arrays: str) -> str:
    shown = _show_entries(value, abridged=value.size > _AT_LENGTH)
    if value.size == 0 and value.ndim > 1:
        shown = f"[], size={value.shape}" if arrays == "tensor" else f"[], shape={value.shape}"
    if arrays == "tensor" and str(value.dtype) not in _NEEDS_NO_DTYPE:
        shown += f", dtype=torch.{value.dtype}"
    return f"{arrays}({shown})"


def _show_entries(value: Any, abridged: bool) -> str:
    """Return the entries in brackets. NumPy does it too, but takes ten times as long, and a check shows thousands."""
    if value.ndim == 0:
        return _show_number(value.item())
    if abridged and len(value) > 2 * _AT_EACH_END:
        ends = (value[:_AT_EACH_END], value[-_AT_EACH_END:])
        first, last = (", ".join(_show_entries(one, abridged) for one in end) for end in ends)
        return f"[{first}, ..., {last}]"
    if value.ndim == 1:
        return f"[{', '.join(map(_show_number, value.tolist()))}]"
    return f"[{', '.join(_show_entries(one, abridged) for one in value)}]"


def _show_number(number: Any) -> str:
    """Return a number with five digits; a float that is whole keeps all of them."""
    if not isinstance(number, float) or number.is_integer():
        return repr(number)
    return repr(float(f"{number:.5g}"))
