"""The end of the line: runs a student's cells, and calls one function of theirs at a time when it is asked to.

It is asked over a socket and answers with plain values. It knows no expected value, so a student's code gains none by
looking around. What an answer may not call is looked for before any of it runs; what is watched while it runs, the
student's code shares a process with, and could switch off.
"""

import contextlib
import os
import socket
from ast import parse  # by their own names: a student's code may change what the modules hold
from collections.abc import Callable, Iterator
from importlib import import_module
from inspect import signature
from typing import Any

from . import wire
from .cells import as_python, needed_and_later
from .reaching import hidden_by, named_by
from .running import run_cell
from .stand_ins import Shell

_LONGEST_TEXT = 400
_PIECE = 1 << 16


class Answers:
    """A student's notebook while it is marked.

    Args:
        there: the socket to the grader.
    """

    def __init__(self, there: socket.socket) -> None:
        self._there, self._process = there, os.getpid()
        self._came = b""
        self._cells: list[dict[str, Any]] = []
        self._steps: Iterator[BaseException | None] = iter(())
        self._names: dict[str, Any] = {
            "__name__": "__main__",
            "display": lambda *_, **__: None,
            "get_ipython": Shell,
        }

    def serve(self) -> None:
        """Answer until the grader hangs up."""
        while message := self._receive():
            reply = getattr(self, f"_do_{message['do']}")(message)
            if os.getpid() != self._process:  # a fork of the student's that went on: one process answers, not two
                os._exit(0)
            reply["n"] = message["n"]
            try:
                data = wire.pack(reply)
            except (wire.BadMessage, RecursionError, MemoryError):
                data = wire.pack({"n": message["n"], "raised": ["ValueError", "it gave back more than 8 MB", ""]})
            self._there.sendall(data)

    def _receive(self) -> dict[str, Any] | None:
        header = self._exactly(wire.HEADER.size)
        return wire.unpack(self._exactly(*wire.HEADER.unpack(header))) if header else None

    def _exactly(self, size: int) -> bytes:
        while len(self._came) < size:
            more = self._there.recv(_PIECE)
            if not more:
                return b""
            self._came += more
        data, self._came = self._came[:size], self._came[size:]
        return data

    def _do_look(self, message: dict[str, Any]) -> dict[str, Any]:
        """Take the cells, and say what can be said of them before they run."""
        self._cells, checks = message["cells"], message["checks"]
        parsed = [(tree, cell["released"]) for cell in self._cells if (tree := _parsed(cell["source"]))]
        trees = [tree for tree, _ in parsed]
        own = [tree for tree, released in parsed if not released]
        runs, later = needed_and_later(self._cells, checks)
        return {
            "runs": runs,
            "later": later,
            "refused": {name: found for name in checks if (found := named_by(trees, name))},
            "hides": {name: found for name in checks if (found := hidden_by(own, name))},
        }

    def _do_cell(self, message: dict[str, Any]) -> dict[str, Any]:
        """Begin a cell, and run its first statement."""
        source, name = self._cells[message["number"]]["source"], f"<cell {message['number']}>"
        self._steps = run_cell(source, name, self._names, message["without"])
        return self._do_step(message)

    def _do_step(self, _: dict[str, Any]) -> dict[str, Any]:
        """Run the next statement of the cell; say so if there is none."""
        for error in self._steps:
            return {} if error is None else {"raised": _described(error)}
        return {"ended": True}

    def _do_describe(self, message: dict[str, Any]) -> dict[str, Any]:
        """Say what a name stands for, so far as that can be said without calling it."""
        name = message["name"]
        if name not in self._names:
            return {"defined": False}
        value = self._names[name]
        try:
            parameters = [
                [one.name, int(one.kind), one.default is not one.empty] for one in signature(value).parameters.values()
            ]
        except (TypeError, ValueError):
            parameters = None
        return {
            "defined": True,
            "none": value is None or value is Ellipsis,
            "callable": callable(value),
            "shown": _text(lambda: repr(value)),
            "module": _text(lambda: value.__module__ or ""),
            "parameters": parameters,
        }

    def _do_call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Call a function, through its adapter if it has one."""
        from ulmfit_lib.checks.adapters import InputChanged
        from ulmfit_lib.checks.forbidden import watched

        args = wire.decode(message["args"])
        try:
            adapter = _adapter(message["adapter"])
            function = self._names[message["name"]]
            with watched(message["name"]):
                returned = adapter(function, args) if adapter else function(*args)
            reply = {"returned": wire.encode(returned)}
            if not adapter and (after := wire.encode(args)) != message["args"] and repr(after) != repr(message["args"]):
                reply["after"] = after
        except InputChanged as change:
            return {"returned": wire.encode(change.returned), "now": str(change.now)[:_LONGEST_TEXT]}
        except NotImplementedError as error:
            return {"stub": _text(error.__str__)}
        except BaseException as error:  # exit() in an answer costs no more than that call
            return {"raised": _described(error)}
        return reply


def _parsed(source: str) -> Any:
    """Return the syntax tree of a cell, or None."""
    try:
        return parse(as_python(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _adapter(name: str | None) -> Callable[..., Any] | None:
    if not name:
        return None
    module, _, function = name.partition(".")
    return getattr(import_module(f"ulmfit_lib.checks.adapters.{module}"), function)


def _described(error: BaseException) -> list[str]:
    """Return the class of an error, its text, and the line of the student's code where it arose."""
    place, line = error.__traceback__, ""
    while place is not None and not line:
        code = place.tb_frame.f_code
        if code.co_filename.startswith("<cell "):
            inside = code.co_name != "<module>"
            line = f"line {place.tb_lineno - code.co_firstlineno + 1} of {code.co_name}" if inside else ""
            line = line or f"line {place.tb_lineno}"
        place = place.tb_next
    if isinstance(error, SyntaxError) and not line:  # the cell does not even compile; its text says the line again
        return [_text(lambda: type(error).__name__), _text(lambda: error.msg), f"line {error.lineno}"]
    return [_text(lambda: type(error).__name__), _text(lambda: str(error)), line]


def _text(say: Callable[[], Any]) -> str:
    try:
        return " ".join(str(say()).split())[:_LONGEST_TEXT]
    except BaseException as error:
        return f"(to show it raises {type(error).__name__})"


def serve(descriptor: int) -> None:
    """Serve a grader over the socket of that number, and end the process."""
    there = socket.socket(fileno=descriptor)
    with contextlib.suppress(OSError, wire.BadMessage):
        Answers(there).serve()
    os._exit(0)
