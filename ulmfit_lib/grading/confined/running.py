"""Running a student's cell statement by statement: one that fails costs no more than itself.

In the student's own Jupyter the cell ran through; here a package may be missing that no answer needs.
"""

import __future__

import ast
from ast import parse  # by its own name, as in `answers`
from typing import Any

from .cells import as_python

_DEFINITIONS = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign),
)


def run_cell(source: str, name: str, names: dict[str, Any], *, definitions: bool = False) -> BaseException | None:
    """Run a cell and return the first error of it, or None.

    Args:
        source: of the cell.
        name: what stands for a file's name where errors are told.
        names: the global names.
        definitions: leave out what defines nothing, because it has taken too long before.
    """
    try:
        tree = parse(as_python(source), name)
    except BaseException as error:
        return error
    future = [alias for node in tree.body if _is_future(node) for alias in node.names]
    flags = sum({getattr(__future__, alias.name).compiler_flag for alias in future if hasattr(__future__, alias.name)})
    first = None
    for statement in tree.body:
        if definitions and not isinstance(statement, _DEFINITIONS):
            continue
        try:
            exec(compile(ast.Module([statement], []), name, "exec", flags, dont_inherit=True), names)
        except BaseException as error:
            first = first or error
            if not isinstance(error, Exception):  # exit() costs no more than the rest of the cell
                break
    return first


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
