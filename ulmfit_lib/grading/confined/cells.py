"""A student's cells as Python: what only Jupyter understands is left out, and demonstrations nobody needs are too."""

import ast
import re
from typing import Any

# Cell magics whose body is Python all the same.
_PYTHON_INSIDE = ("time", "timeit", "capture", "prun", "python", "python3")
_MAGIC = re.compile(r"^(\s*)(?:([\w., \[\]]+?)\s*=\s*)?(?:%|!|\?)")
_HELP = re.compile(r"^\s*[\w.]+\?{1,2}\s*$")


def as_python(source: str) -> str:
    """Return the source of a cell without IPython's magics, each line in its old place.

    >>> as_python("%matplotlib inline\\nx = 1")
    'pass\\nx = 1'
    """
    if source.lstrip().startswith("%%"):
        first, _, rest = source.lstrip().partition("\n")
        name = re.match(r"%%(\w*)", first).group(1)
        return "\n" + as_python(rest) if name in _PYTHON_INSIDE else ""
    if _parses(source):
        return source
    lines = source.split("\n")
    plain = [_without_magic(line) for line in lines]
    return source if plain == lines else "\n".join(plain)


def _without_magic(line: str) -> str:
    if found := _MAGIC.match(line):
        indent, names = found.groups()
        return f"{indent}{names} = None" if names else f"{indent}pass"
    return "pass" if _HELP.match(line) else line


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def needed(cells: list[dict[str, Any]]) -> list[bool]:
    """Return for each cell whether it has to run.

    What the student wrote or changed always runs. A cell that stands there as it was released runs only where
    something that runs uses a name that it makes or changes: it trains or prints otherwise, and nobody looks.

    Args:
        cells: each with "source" and "released".
    """
    looked = [_names(cell["source"]) for cell in cells]
    if any(parts is not None and "globals" in parts[1] for parts in looked):
        return [True] * len(cells)
    runs = [not cell["released"] or parts is None for cell, parts in zip(cells, looked, strict=True)]
    while True:
        wanted = set().union(*(parts[1] for parts, run in zip(looked, runs, strict=True) if run and parts))
        more = [run or bool(parts and parts[0] & wanted) for run, parts in zip(runs, looked, strict=True)]
        if more == runs:
            return runs
        runs = more


def _names(source: str) -> tuple[set[str], set[str]] | None:
    """Return the names that a cell makes or changes and those that it uses; None if it is no Python."""
    try:
        tree = ast.parse(as_python(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    makes, uses = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (uses if isinstance(node.ctx, ast.Load) else makes).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            makes.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            makes |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            makes |= _root(node)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            makes |= _root(node.value.func)  # items.append(1) changes items
    if "*" in makes:  # from somewhere import *: it may make anything
        return None
    return makes, uses


def _root(node: ast.AST) -> set[str]:
    deep = False
    while isinstance(node, ast.Attribute | ast.Subscript):
        node, deep = node.value, True
    return {node.id} if deep and isinstance(node, ast.Name) else set()
