"""A student's cells as Python: what only Jupyter understands is left out, and demonstrations nobody needs are too."""

import ast
import io
import re
import symtable
import tokenize
from ast import parse  # by its own name, as in `answers`
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# Cell magics whose body is Python all the same.
_PYTHON_INSIDE = ("time", "timeit", "capture", "prun", "python", "python3")
_TIMED = re.compile(r"^(\s*)%(?:time|prun)\s+([\w., \[\]]+?\s*=[^=].*)$")  # an assignment, which is kept
_MAGIC = re.compile(r"^(\s*)(?:([\w., \[\]]+?)\s*=\s*)?(?:%|!|\?)")
_HELP = re.compile(r"^\s*[\w.]+\?{1,2}\s*$")


def as_python(source: str) -> str:
    """Return the source of a cell without IPython's magics, each line in its old place.

    >>> as_python("%matplotlib inline\\n%time x = 1")
    'pass\\nx = 1'
    """
    if source.lstrip().startswith("%%"):
        first, _, rest = source.lstrip().partition("\n")
        name = re.match(r"%%(\w*)", first).group(1)
        return "\n" + as_python(rest) if name in _PYTHON_INSIDE else ""
    if _parses(source):
        return source
    lines = source.split("\n")
    plain: list[str] = []
    for line in lines:
        changed = _without_magic(line)
        plain.append(line if changed == line or _goes_on("\n".join(plain)) else changed)
    return source if plain == lines else "\n".join(plain)


def _goes_on(before: str) -> bool:
    """Whether a bracket or a string is open at the end of these lines: what follows is no line of its own."""
    try:
        for _ in tokenize.generate_tokens(io.StringIO(before + "\n").readline):
            pass
    except tokenize.TokenError:
        return True
    except SyntaxError:
        return False
    return False


def _without_magic(line: str) -> str:
    if found := _TIMED.match(line):
        return found[1] + found[2]
    if found := _MAGIC.match(line):
        indent, names = found.groups()
        return f"{indent}{names} = None" if names else f"{indent}pass"
    return "pass" if _HELP.match(line) else line


def _parses(source: str) -> bool:
    try:
        parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def needed_and_later(cells: list[dict[str, Any]], checks: dict[str, int]) -> tuple[list[bool], list[str]]:
    """Return for each cell whether it has to run, and the functions that cells behind their checks make or may change.

    What the student wrote or changed always runs. A cell that stands there as it was released runs only where
    something that runs uses a name that it makes or changes: it trains or prints otherwise, and nobody looks. The
    notebook's own check of a function has seen it as it was then.

    Args:
        cells: each with "source" and "released".
        checks: functions, and how many of the cells stand before the check of each.
    """
    looked = [_names(cell["source"]) for cell in cells]
    runs = _needed(cells, looked)
    late = [parts if run else _Names() for parts, run in zip(looked, runs, strict=True)]
    return runs, [name for name, place in checks.items() if _made_later(name, looked[:place], late[place:])]


def _needed(cells: list[dict[str, Any]], looked: "list[_Names | None]") -> list[bool]:
    if any(parts is not None and "globals" in parts.uses for parts in looked):
        return [True] * len(cells)
    runs = [not cell["released"] or parts is None for cell, parts in zip(cells, looked, strict=True)]
    modules = {name for parts in looked if parts for name in parts.imports}
    while True:
        wanted = {name for parts, run in zip(looked, runs, strict=True) if run and parts for name in parts.uses}
        more = [
            # A call of a module's function, such as np.random.seed(0), is no change of the module.
            run or bool(parts and (parts.makes | parts.changes - modules) & wanted)
            for run, parts in zip(runs, looked, strict=True)
        ]
        if more == runs:
            return runs
        runs = more


def _made_later(name: str, before: "list[_Names | None]", late: "list[_Names | None]") -> bool:
    """Whether later cells make or may change a name that a function uses which was made before."""
    if None in late:
        return True
    early = [parts for parts in before if parts]
    imported = {one for parts in early for one in parts.imports}  # and once more below, which changes nothing
    uses = {name}
    while more := {one for parts in early if parts.makes & uses for one in parts.uses} - uses:
        uses |= more
    spoil = {one for parts in early if parts.changes_inside & uses for one in parts.makes}  # when they are called
    return any(
        (parts.makes - (parts.imports & imported) | parts.changes | (parts.hands_on - imported)) & uses
        or parts.uses & spoil
        for parts in late
    )


@dataclass
class _Names:
    """The global names that a cell makes, changes and uses, and those of them that are modules.

    What it hands on to a call, and what its functions change, may change as well.
    """

    makes: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)
    hands_on: set[str] = field(default_factory=set)
    changes_inside: set[str] = field(default_factory=set)


def _names(source: str) -> _Names | None:
    """Return the global names of a cell; None if it is no Python, or may make any name."""
    source = as_python(source)
    try:
        tree, table = parse(source), symtable.symtable(source, "<cell>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree)):
        return None
    found = _Names()
    tables = [table]
    while tables:
        one = tables.pop()
        tables += one.get_children()
        for name in one.get_symbols():
            if one is not table and not name.is_global():
                continue
            for holds, names in (
                (name.is_assigned() or name.is_imported(), found.makes),
                (name.is_referenced(), found.uses),
                (name.is_imported(), found.imports),
                (name.is_assigned() and one is not table, found.changes_inside),
            ):
                if holds:
                    names.add(name.get_name())
    for node in _at_the_top(tree):
        found.changes |= _changed(node)
        if isinstance(node, ast.Call):
            found.hands_on |= {one.id for one in node.args if isinstance(one, ast.Name)} | _whole(node.func)
    for node in ast.walk(tree):
        found.changes_inside |= _changed(node)
    return found


def _changed(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _whole(node)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _whole(node.value.func)  # items.append(1) changes items
    return set()


def _at_the_top(tree: ast.AST) -> Iterator[ast.AST]:
    """Give the nodes of a cell but for the insides of functions."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            waiting += ast.iter_child_nodes(node)


def root(node: ast.AST) -> str:
    """Return `items` of `items[0].place`; nothing of what begins otherwise."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _whole(node: ast.AST) -> set[str]:
    """Return the name of that which the node is a part of; none where it is a name itself."""
    return set() if isinstance(node, ast.Name) else {root(node)} - {""}
