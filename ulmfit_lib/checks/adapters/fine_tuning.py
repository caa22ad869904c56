"""Groups of parameters, made from names: the same name in two groups is one and the same parameter."""

from collections.abc import Callable
from typing import Any

Groups = list[list[str]]


def freezing(function: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, bool]:
    """Call the answer with (groups, n) of (groups, names that are frozen before, n), and say who learns after it."""
    groups, frozen, n = args
    parameters = _parameters({name: [2] for group in groups for name in group}, frozen)
    function([[parameters[name] for name in group] for group in groups], n)
    return {name: parameter.requires_grad for name, parameter in parameters.items()}


def show_freezing(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it."""
    groups, frozen, n = args
    return f"{function}({_show_groups(groups)}, {n}){_where([f'{name} is frozen before' for name in frozen])}"


def counting(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with (groups,) of (groups, the shape of each name, names that are frozen)."""
    groups, shapes, frozen = args
    parameters = _parameters(shapes, frozen)
    return function([[parameters[name] for name in group] for group in groups])


def show_counting(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it."""
    groups, shapes, frozen = args
    told = [f"{name} is {tuple(shape)}{', frozen' if name in frozen else ''}" for name, shape in shapes.items()]
    return f"{function}({_show_groups(groups)}){_where(told)}"


def _parameters(shapes: dict[str, list[int]], frozen: list[str]) -> dict[str, Any]:
    import torch

    return {
        name: torch.nn.Parameter(torch.zeros(shape), requires_grad=name not in frozen) for name, shape in shapes.items()
    }


def _show_groups(groups: Groups) -> str:
    shown = [f"[{', '.join(group)}]" for group in groups]
    return f"[{', '.join(shown)}]"


def _where(told: list[str]) -> str:
    return f", where {'; '.join(told)}" if told else ""
