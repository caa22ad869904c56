"""Adapters stand between a check and a student's function, where plain values are not enough.

A check sends plain values only (numbers, strings, lists, NumPy arrays), because they must travel into a sandbox. An
adapter, named "module.function", takes the student's function and the plain arguments. It builds what the function
takes (tensors, a model from sizes, a seeded generator), calls it, once or more, and turns what comes back into plain
values. It may raise `InputChanged`.

    adapter(function, args) -> plain value           calls the answer
    show_adapter(name, args) -> str                  the call as a student would type it

Nothing in this package is, or contains, the answer to an exercise, and nothing in it imports the rest of
`ulmfit_lib`: the package is copied into the sandbox. It imports the standard library alone, and NumPy and torch inside
the functions that need them.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any


class InputChanged(Exception):
    """The answer changed what it was given.

    Args:
        now: what that has become, in words.
        returned: what the answer returned, as a plain value.
    """

    def __init__(self, now: str, returned: Any) -> None:
        super().__init__(now)
        self.now, self.returned = now, returned


def find_adapter(name: str) -> Callable[[Callable[..., Any], tuple[Any, ...]], Any]:
    """Return the adapter of that name, such as "tensors.call"."""
    module, _, function = name.partition(".")
    return getattr(import_module(f"{__name__}.{module}"), function)


def find_shower(name: str) -> Callable[[str, tuple[Any, ...]], str]:
    """Return what shows the call that this adapter makes."""
    module, _, function = name.partition(".")
    return getattr(import_module(f"{__name__}.{module}"), f"show_{function}")
