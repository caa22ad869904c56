"""Calls that would be the answer itself, exercise by exercise: refused where an answer makes them, and said kindly.

One place says what they are. It holds names alone, so that it may lie in the sandbox beside a student's code.
"""

import ast
import contextlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
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
