"""One student's process, seen from the grader: every read has a deadline and a cap, and every reply is doubted."""

from typing import Any

from ulmfit_lib.grading.confined import wire
from ulmfit_lib.grading.sandbox import Sandbox, seconds_now

_PIECE = 1 << 16


class Lost(Exception):
    """The student's process does not answer any more; the text says why, to the student."""


class Child:
    """A student's process with some cells; it is killed when the block ends.

    Args:
        sandbox: where it runs.
        cells: each with "source" and "released".

    Raises:
        Lost: it does not even begin.
    """

    def __init__(self, sandbox: Sandbox, cells: list[dict[str, Any]]) -> None:
        self._sandbox = sandbox
        self._asked = 0
        self._number, self._socket = sandbox.begin()
        self.alive = True
        try:
            runs = self.ask({"do": "look", "cells": cells}, 20.0).get("runs")
            if type(runs) is not list or len(runs) != len(cells):
                raise self._lose("its reply cannot be read")
        except BaseException:
            self.close()
            raise
        #: For each cell, whether it has to run.
        self.runs = [run is True for run in runs]

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process and all that it has begun."""
        if self._socket is not None:
            self._socket.close()
            self._sandbox.end(self._number)
        self._socket, self.alive = None, False

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a message and return the reply.

        Raises:
            Lost: there is none in time, or none that can be read. The process is then killed.
        """
        if not self.alive:
            raise Lost("its process had ended before")
        self._asked += 1
        end = seconds_now() + seconds
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(wire.pack({**message, "n": self._asked}))
            (length,) = wire.HEADER.unpack(self._read(wire.HEADER.size, end))
            if length > wire.LONGEST:
                raise self._lose("its reply is longer than 8 MB")
            reply = wire.unpack(self._read(length, end))
        except TimeoutError:
            raise self._lose(f"it did not answer within {seconds:.0f} seconds") from None
        except OSError:
            raise self._lose("its process ended") from None
        except wire.BadMessage:
            raise self._lose("its reply cannot be read") from None
        if reply.get("n") != self._asked:
            raise self._lose("its reply cannot be read")
        return reply

    def _read(self, size: int, end: float) -> bytes:
        pieces, left = [], size
        while left:
            seconds = end - seconds_now()
            if seconds <= 0:
                raise TimeoutError
            self._socket.settimeout(seconds)
            piece = self._socket.recv(min(left, _PIECE))
            if not piece:
                raise self._lose("its process ended")
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _lose(self, why: str) -> Lost:
        self.close()
        return Lost(why)
