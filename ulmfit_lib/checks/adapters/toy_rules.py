"""Rules by name, for exercises that take rules."""

from collections.abc import Callable
from typing import Any

from ulmfit_lib.checks.adapters import InputChanged

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


def call(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with a text, and each name of a toy rule, or list of names, replaced by the rule itself.

    Raises:
        InputChanged: the answer changed a list of rules.
    """
    text, *names = args
    rules = [_rule_or_rules(name) for name in names]
    returned = function(text, *rules)
    for name, now in zip(names, rules, strict=True):
        if now != _rule_or_rules(name):
            raise InputChanged(f"[{', '.join(map(_name, now))}]", returned)
    return returned


def _rule_or_rules(name: str | list[str]) -> Any:
    return _TOY_RULES[name] if isinstance(name, str) else [_TOY_RULES[one] for one in name]


def _name(rule: Any) -> str:
    return next((name for name, one in _TOY_RULES.items() if one is rule), "another rule")


def show_call(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it, rules by name."""
    text, *names = args
    shown = [name if isinstance(name, str) else f"[{', '.join(name)}]" for name in names]
    return f"{function}({', '.join([repr(text), *shown])})"
