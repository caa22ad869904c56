"""Calls that would be the answer itself, exercise by exercise: refused where an answer makes them, and said kindly.

One place says what they are. It holds names alone, so that it may lie in the sandbox beside a student's code.
"""

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import Any

_LSTM = ("torch.nn.LSTMCell", "torch.nn.LSTM", "torch.lstm_cell", "torch._VF.lstm_cell", "torch.lstm")
_DROPOUT = (
    "torch.nn.Dropout",
    "torch.nn.Dropout1d",
    "torch.nn.Dropout2d",
    "torch.nn.Dropout3d",
    "torch.nn.AlphaDropout",
    "torch.nn.FeatureAlphaDropout",
    "torch.nn.functional.dropout",
    "torch.nn.functional.dropout1d",
    "torch.nn.functional.dropout2d",
    "torch.nn.functional.dropout3d",
    "torch.nn.functional.alpha_dropout",
    "torch.nn.functional.feature_alpha_dropout",
    "torch.dropout",
    "torch.dropout_",
    "torch.feature_dropout",
    "torch.feature_dropout_",
    "torch.native_dropout",
)

#: Exercise -> dotted names that do the whole of it, or the part of it that is to be learned.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "lstm_cell": _LSTM,
    "dropout_mask": _DROPOUT,
    "rnn_dropout": _DROPOUT,
    "embedding_dropout": _DROPOUT,
    "weight_dropout": (*_DROPOUT, *_LSTM),
    "tied_logits": ("torch.nn.Linear", "torch.nn.functional.linear"),
    "classifier_head": ("torch.nn.BatchNorm1d", "torch.nn.functional.batch_norm", "torch.batch_norm"),
    "one_cycle": ("torch.optim.lr_scheduler.OneCycleLR",),
    "batch_norm": ("torch.nn.BatchNorm1d", "torch.nn.functional.batch_norm", "torch.native_batch_norm"),
}


#: What switches off that torch is watched, wherever it stands: other threads and processes, and the watch itself.
_SWITCHES = frozenset(
    "threading _thread concurrent multiprocessing subprocess asyncio ctypes jit _C overrides confined forbidden "
    "DisableTorchFunction DisableTorchFunctionSubclass _getframe get_objects".split()
)
#: What gives a call another name, or none that can be read. These are plain names: `model.eval()` is none of them.
_DISGUISES = frozenset("getattr eval exec compile globals vars __import__ importlib attrgetter methodcaller".split())
_DISGUISED = frozenset("__dict__ __getattribute__ __getattr__ import_module attrgetter methodcaller".split())
_BODIES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Refused(Exception):
    """An answer made a call that would be the answer itself."""


def refusal(name: str) -> str:
    """Return what a student reads who used it."""
    return f"{name} does the whole of this exercise. Compare yours with it, but write yours: that is the fun."


def _lasts(exercise: str) -> dict[str, str]:
    """Return last part -> whole name; of two names that end alike, the first in the list."""
    return {name.rpartition(".")[2]: name for name in reversed(FORBIDDEN.get(exercise, ()))}


def named_in(tree: ast.AST, exercise: str) -> str:
    """Return the forbidden name that a student's code speaks of, or nothing.

    >>> named_in(ast.parse("cell = torch.nn.LSTMCell(2, 3)"), "lstm_cell")
    'torch.nn.LSTMCell'
    >>> named_in(ast.parse("def lstm_cell(x): return x"), "lstm_cell")
    ''
    """
    lasts = _lasts(exercise)
    for node in ast.walk(tree) if lasts else ():
        found = ""
        if isinstance(node, ast.Attribute):
            found = node.attr
        elif isinstance(node, ast.ImportFrom):
            found = next((alias.name for alias in node.names if alias.name in lasts), "")
        if found in lasts:
            return lasts[found]
    return ""


def named_by(trees: Iterable[ast.AST], exercise: str) -> str:
    """Return the forbidden name that a notebook's function speaks of, or what it reaches; empty if there is none.

    What stands elsewhere, such as a comparison with torch's own, is no part of the answer.

    >>> named_by([ast.parse("def lstm_cell(x): return x"), ast.parse("torch.nn.LSTMCell(2, 3)")], "lstm_cell")
    ''
    >>> named_by([ast.parse("cell = torch.nn.LSTMCell(2, 3)\\ndef lstm_cell(x): return cell(x)")], "lstm_cell")
    'torch.nn.LSTMCell'
    """
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
            found.add(_root(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            found.add(_root(node.value.func))  # items.append(1) changes items
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found |= {name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names}
        else:
            waiting += ast.iter_child_nodes(node)
    return found


def _root(node: ast.AST) -> str:
    """Return `items` of `items[0].place`; nothing of what begins otherwise."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


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


def used_by(function: Callable[..., Any], exercise: str) -> str:
    """Return the forbidden name that stands in a function's source, or nothing; its helpers are not looked at."""
    if exercise not in FORBIDDEN:
        return ""
    try:
        return named_in(ast.parse(textwrap.dedent(inspect.getsource(function))), exercise)
    except (OSError, TypeError, SyntaxError):
        return ""


@contextlib.contextmanager
def watched(exercise: str) -> Iterator[None]:
    """Let torch refuse, inside the block, the calls that would be the answer.

    Raises:
        Refused: an answer made one, under whatever name it has it.
    """
    if exercise not in FORBIDDEN:
        yield
        return
    from torch.overrides import TorchFunctionMode

    lasts = _lasts(exercise)

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(function, "__name__", "").partition(".")[0]
            if name in lasts:
                raise Refused(refusal(lasts[name]))
            return function(*args, **(kwargs or {}))

    with Watch():
        yield
