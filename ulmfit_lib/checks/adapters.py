"""Turn the plain arguments of a check into what a student's function takes.

A check sends plain values only (they must travel into a sandbox). Where an exercise takes a function or a model,
it is built here, from a name or from sizes. Nothing in this file is, or contains, the answer to an exercise, and it
imports the standard library alone.
"""

from collections.abc import Callable
from typing import Any

# Rules that have nothing to do with the exercises' own.
_TOY_RULES: dict[str, Callable[[str], str]] = {
    "add_x": lambda text: text + "x",
    "double": lambda text: text * 2,
    "swap_a_and_b": lambda text: text.translate(str.maketrans("ab", "ba")),
    "drop_first": lambda text: text[1:],
    "reverse": lambda text: text[::-1],
    "keep": lambda text: text,
}
TOY_RULE_NAMES = tuple(_TOY_RULES)


def toy_rules(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Replace each name of a toy rule, or list of names, by the rule itself."""
    text, *names = args
    return (text, *(_rule_or_rules(name) for name in names))


def _rule_or_rules(name: str | list[str]) -> Any:
    return _TOY_RULES[name] if isinstance(name, str) else [_TOY_RULES[one] for one in name]


def show_toy_rules(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it, rules by name."""
    text, *names = args
    shown = [name if isinstance(name, str) else f"[{', '.join(name)}]" for name in names]
    return f"{function}({', '.join([repr(text), *shown])})"
