"""What a student's function reaches in the notebook, and whether a call that is not allowed is there, or could hide."""

import ast
from collections.abc import Iterable, Iterator

from .cells import root

#: What switches off that torch is watched, wherever it stands: other threads and processes, and the watch itself.
_SWITCHES = frozenset(
    "threading _thread concurrent multiprocessing subprocess asyncio ctypes jit _C overrides confined forbidden "
    "DisableTorchFunction DisableTorchFunctionSubclass _getframe get_objects".split()
)
#: What gives a call another name, or none that can be read. These are plain names: `model.eval()` is none of them.
_DISGUISES = frozenset("getattr eval exec compile globals vars __import__ importlib attrgetter methodcaller".split())
_DISGUISED = frozenset("__dict__ __getattribute__ __getattr__ import_module attrgetter methodcaller".split())
_BODIES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def named_by(trees: Iterable[ast.AST], exercise: str) -> str:
    """Return the forbidden name that a notebook's function speaks of, or what it reaches; empty if there is none.

    What stands elsewhere, such as a comparison with torch's own, is no part of the answer.

    >>> named_by([ast.parse("def lstm_cell(x): return x"), ast.parse("torch.nn.LSTMCell(2, 3)")], "lstm_cell")
    ''
    >>> named_by([ast.parse("cell = torch.nn.LSTMCell(2, 3)\\ndef lstm_cell(x): return cell(x)")], "lstm_cell")
    'torch.nn.LSTMCell'
    """
    from ulmfit_lib.checks.forbidden import named_in

    found = (named_in(node, exercise) for node in _reached(trees, exercise))
    return next(filter(None, found), "")


def hidden_by(trees: Iterable[ast.AST], exercise: str) -> str:
    """Return a name behind which a notebook's function could hide a forbidden call, or nothing.

    It is a reason to read the answer, and no proof; nor is its absence one.

    >>> hidden_by([ast.parse("def lstm_cell(x): return getattr(torch, 'lstm' + '_cell')(x)")], "lstm_cell")
    'getattr'
    >>> hidden_by([ast.parse("import threading"), ast.parse("def lstm_cell(x): return x")], "lstm_cell")
    'threading'
    """
    from ulmfit_lib.checks.forbidden import FORBIDDEN

    if exercise not in FORBIDDEN:
        return ""
    statements = [statement for tree in trees for statement in tree.body]
    found = {name for statement in statements for name in _spoken(statement) & _SWITCHES}
    for statement in _behind(statements, exercise):
        found |= _spoken(statement) & _DISGUISED
        found |= {part.id for part in ast.walk(statement) if isinstance(part, ast.Name)} & _DISGUISES
    return min(found, default="")


def _spoken(statement: ast.AST) -> set[str]:
    """Return every name in a statement: plain ones, those behind a dot, and those in imports."""
    parts = list(ast.walk(statement))
    return {name for part in parts for name in (getattr(part, "id", ""), getattr(part, "attr", ""), *_imported(part))}


def _behind(statements: list[ast.stmt], name: str) -> list[ast.stmt]:
    """Return all statements that make or change a name, or names that those use, and so on.

    Unlike `_reached`, all of them and whole: which of two definitions runs is not known before.
    """
    waiting = [(statement, _changes(statement)) for statement in statements]
    names, found = {name}, []
    while more := [pair for pair in waiting if pair[1] & names]:
        waiting = [pair for pair in waiting if pair not in more]
        found += [statement for statement, _ in more]
        names |= {part.id for statement, _ in more for part in ast.walk(statement) if isinstance(part, ast.Name)}
    return found


def _changes(statement: ast.stmt) -> set[str]:
    """Return the names that a statement makes or changes; what a function keeps to itself is not among them."""
    found: set[str] = set()
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        if isinstance(node, _BODIES):
            found.add(node.name)
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            found.add(root(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found.add(root(node.value.func))  # items.append(1) changes items
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found |= {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
        else:
            waiting += ast.iter_child_nodes(node)
    return found


def _imported(node: ast.AST) -> set[str]:
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return set()
    dotted = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
    return {part for name in dotted for part in name.split(".")}


def _reached(trees: Iterable[ast.AST], name: str) -> Iterator[ast.AST]:
    """Give the statements that make a name, and the names that those use, and so on; of each, the last one."""
    made = {made: statement for tree in trees for node in _statements(tree) for made, statement in _makes(node)}
    waiting = [name]
    while waiting:
        statement = made.pop(waiting.pop(), None)
        if statement is not None:
            yield statement
            waiting += [part.id for part in ast.walk(statement) if isinstance(part, ast.Name)]


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """Give the statements that are not in a function or a class."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case) and not isinstance(child, _BODIES):
            yield from _statements(child)


def _makes(node: ast.stmt) -> Iterator[tuple[str, ast.AST]]:
    """Give each name that a statement makes, and what of the statement makes it."""
    if isinstance(node, _BODIES):
        yield node.name, node
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            module = getattr(node, "module", None)
            one = ast.ImportFrom(module, [alias], 0) if isinstance(node, ast.ImportFrom) else ast.Import([alias])
            yield alias.asname or alias.name.partition(".")[0], one
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for target in getattr(node, "targets", None) or [node.target]:
            names = (part for part in ast.walk(target) if isinstance(part, ast.Name))
            yield from ((name.id, node) for name in names if isinstance(name.ctx, ast.Store))  # not a in a.b = 1
