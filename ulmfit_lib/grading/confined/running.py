"""Running a student's cell statement by statement: one that fails costs no more than itself.

In the student's own Jupyter the cell ran through; here a package may be missing that no answer needs.
"""

import __future__

import ast
from ast import parse  # by its own name, as in `answers`
from collections.abc import Iterator
from typing import Any

from .cells import as_python

_DEFINITIONS = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign),
)


def run_cell(source: str, name: str, names: dict[str, Any], without: list[int]) -> Iterator[BaseException | None]:
    """Run a cell; after each of its statements, give what it raised, or None.

    Args:
        source: of the cell.
        name: what stands for a file's name where errors are told.
        names: the global names.
        without: the places of statements that took too long before. They do not run, and behind the first of them
            only definitions do.
    """
    try:
        tree = parse(as_python(source), name)
    except BaseException as error:
        yield error
        return
    flags = _flags(tree, names)
    for place, statement in enumerate(tree.body):
        left_out = place in without or (without and place > min(without) and not isinstance(statement, _DEFINITIONS))
        error = None if left_out else _error_of(statement, name, names, flags)
        yield error
        if error is not None and not isinstance(error, Exception):  # exit() costs no more than the rest of the cell
            return


def _error_of(statement: ast.stmt, name: str, names: dict[str, Any], flags: int) -> BaseException | None:
    try:
        exec(compile(ast.Module([statement], []), name, "exec", flags, dont_inherit=True), names)
    except BaseException as error:
        return error
    return None


def _flags(tree: ast.Module, names: dict[str, Any]) -> int:
    """Return the compiler's flags for what is imported from `__future__`, here or, as in Jupyter, in a cell before."""
    here = [alias.name for node in tree.body if _is_future(node) for alias in node.names]
    features = [getattr(__future__, feature, None) for feature in here] + list(names.values())
    flags = 0
    for feature in features:
        if type(feature) is __future__._Feature:
            flags |= feature.compiler_flag
    return flags


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
