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


#: What a call can hide behind from whoever reads the source or watches torch.
_HIDING = frozenset(
    "getattr eval exec __import__ importlib globals vars gc ctypes threading concurrent multiprocessing _C "
    "forbidden FORBIDDEN DisableTorchFunction DisableTorchFunctionSubclass".split()
)
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

    >>> hidden_by([ast.parse("def lstm_cell(x): return getattr(torch, 'lstm' + '_cell')(x)")], "lstm_cell")
    'getattr'
    """
    for node in _reached(trees, exercise) if exercise in FORBIDDEN else ():
        for part in ast.walk(node):
            names = {getattr(part, "id", ""), getattr(part, "attr", ""), *_imported(part)}
            if found := names & _HIDING:
                return min(found)
    return ""


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
            yield from ((part.id, node) for part in ast.walk(target) if isinstance(part, ast.Name))


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
