"""One student's process, seen from the grader: every read has a deadline and a cap, and every reply is doubted."""

from collections import deque
from typing import Any

from ulmfit_lib.grading.confined import wire
from ulmfit_lib.grading.sandbox import Sandbox, seconds_now

_PIECE = 1 << 16
# Messages on their way: so few that neither side ever waits to be read, so many that neither wakes for each alone.
_MOST_AHEAD, _MOST_BYTES_AHEAD = 32, 1 << 15


class Lost(Exception):
    """The student's process does not answer any more; the text says why, to the student."""


class Child:
    """A student's process with some cells; it is killed when the block ends.

    Args:
        sandbox: where it runs.
        cells: each with "source" and "released".
        checks: the functions that will be asked for, and how many of the cells stand before the check of each.

    Raises:
        Lost: it does not even begin.
    """

    def __init__(self, sandbox: Sandbox, cells: list[dict[str, Any]], checks: dict[str, int]) -> None:
        self._sandbox = sandbox
        self._asked = 0
        #: Numbers and sizes of the messages whose replies are still to come.
        self._waiting: deque[tuple[int, int]] = deque()
        self._came = bytearray()
        self._number, self._socket = sandbox.begin()
        self.alive = True
        try:
            #: What it says of the cells before any of them runs.
            self.said = self.ask({"do": "look", "cells": cells, "checks": checks}, 20.0)
            runs = self.said.get("runs")
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

    @property
    def waited_for(self) -> bool:
        """Whether replies are still to come."""
        return bool(self._waiting)

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a message and return the reply; replies to what was sent ahead are passed over.

        Raises:
            Lost: there is none in time, or none that can be read. The process is then killed.
        """
        self.pass_over(seconds)
        self.send(deque([message]), seconds)
        return self.receive(seconds)

    def pass_over(self, seconds: float) -> None:
        """Receive the replies to all that was sent ahead, and forget them.

        Raises:
            Lost: they do not come in time.
        """
        end = seconds_now() + seconds
        while self._waiting:
            self.receive(max(0.0, end - seconds_now()))

    def send(self, messages: deque[dict[str, Any]], seconds: float) -> None:
        """Send the first of these messages, as many as may be on their way, unless many still are.

        What is sent leaves `messages`; `receive` returns the replies. The process works on one at a time, in order.

        Raises:
            Lost: it takes none.
        """
        if not self.alive:
            raise Lost("its process had ended before")
        if not messages or len(self._waiting) > _MOST_AHEAD // 2:
            return
        on_their_way, data = sum(size for _, size in self._waiting), []
        while messages and len(self._waiting) < _MOST_AHEAD and on_their_way < _MOST_BYTES_AHEAD:
            self._asked += 1
            data.append(wire.pack({**messages.popleft(), "n": self._asked}))
            self._waiting.append((self._asked, len(data[-1])))
            on_their_way += len(data[-1])
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(b"".join(data))
        except TimeoutError:
            raise self._lose(f"it did not answer within {seconds:.0f} seconds") from None
        except OSError:
            raise self._lose("its process ended") from None

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
        while len(self._came) < size:
            seconds = end - seconds_now()
            if seconds <= 0:
                raise TimeoutError
            self._socket.settimeout(seconds)
            piece = self._socket.recv(_PIECE)
            if not piece:
                raise self._lose("its process ended")
            self._came += piece
        data = bytes(self._came[:size])
        del self._came[:size]
        return data

    def _lose(self, why: str) -> Lost:
        self.close()
        return Lost(why)
