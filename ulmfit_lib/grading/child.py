"""One student's process, seen from the grader: every read has a deadline and a cap, and every reply is doubted."""

from collections import deque
from typing import Any

from ulmfit_lib.grading.confined import wire
from ulmfit_lib.grading.sandbox import Sandbox, seconds_now

_PIECE = 1 << 16
_MOST_AHEAD, _MOST_BYTES_AHEAD = 8, 1 << 15


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
        #: Numbers and sizes of the messages whose replies are still to come.
        self._waiting: deque[tuple[int, int]] = deque()
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
        """Send a message and return the reply; replies to what was sent ahead are passed over.

        Raises:
            Lost: there is none in time, or none that can be read. The process is then killed.
        """
        self.pass_over(seconds)
        self.send(message, seconds)
        return self.receive(seconds)

    def pass_over(self, seconds: float) -> None:
        """Receive the replies to all that was sent ahead, and forget them.

        Raises:
            Lost: they do not come in time.
        """
        end = seconds_now() + seconds
        while self._waiting:
            self.receive(max(0.0, end - seconds_now()))

    def has_room(self) -> bool:
        """Whether one more message may be sent ahead: so few that neither side ever waits to be read."""
        return len(self._waiting) < _MOST_AHEAD and sum(size for _, size in self._waiting) < _MOST_BYTES_AHEAD

    def send(self, message: dict[str, Any], seconds: float) -> None:
        """Send a message whose reply `receive` will return; the process works on one at a time, in their order.

        Raises:
            Lost: it takes none.
        """
        if not self.alive:
            raise Lost("its process had ended before")
        self._asked += 1
        data = wire.pack({**message, "n": self._asked})
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(data)
        except TimeoutError:
            raise self._lose(f"it did not answer within {seconds:.0f} seconds") from None
        except OSError:
            raise self._lose("its process ended") from None
        self._waiting.append((self._asked, len(data)))

    def receive(self, seconds: float) -> dict[str, Any]:
        """Return the reply to the first message that still waits for one.

        Raises:
            Lost: there is none in time, or none that can be read. The process is then killed.
        """
        if not self.alive:
            raise Lost("its process had ended before")
        number, _ = self._waiting.popleft()
        end = seconds_now() + seconds
        try:
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
        if reply.get("n") != number:
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
