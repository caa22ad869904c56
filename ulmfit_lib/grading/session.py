"""A submission while it is marked: its cells in a student's process, which is begun again where one is lost."""

import contextlib
import inspect
from collections import deque
from collections.abc import Iterable
from typing import Any

from ulmfit_lib.checks.adapters import InputChanged
from ulmfit_lib.checks.compare import first_difference, show
from ulmfit_lib.checks.exercise import Exercise
from ulmfit_lib.checks.stand_in import NoAnswer, RaisedElsewhere, StandIn
from ulmfit_lib.grading.child import Child, Lost
from ulmfit_lib.grading.confined import wire
from ulmfit_lib.grading.sandbox import Sandbox, seconds_now

_SECONDS_TO_LOAD = 40.0  # all cells of a notebook together, with every new beginning
_MOST_LEFT_OUT = 2  # statements of one cell; if one more takes too long, the cell does not run


class Session:
    """The cells of one submission, in a process that is begun again when it is lost.

    Args:
        sandbox: where it runs.
        cells: each with "source" and "released"; the test cells are not among them.
        checks: the functions that will be asked for, and how many of the cells stand before the check of each.
        before: the session whose time this one shares.
    """

    def __init__(
        self, sandbox: Sandbox, cells: list[dict[str, Any]], checks: dict[str, int], before: "Session | None" = None
    ) -> None:
        self.limits, self._sandbox, self._cells, self.checks = sandbox.limits, sandbox, cells, checks
        self._child: Child | None = None
        self._end = before._end if before else seconds_now() + sandbox.limits.submission
        self._loading = 0.0
        #: What went wrong in a cell, by its number.
        self.errors: dict[int, str] = {}
        #: For each cell the statements, by their places, that took too long or ended the process.
        self._left_out: dict[int, list[int]] = before._left_out if before else {}
        self._said: dict[str, Any] | None = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.close()

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Ask the student's process, which is begun and given the cells first if there is none.

        Raises:
            Lost: it does not answer; the next question begins a new one.
        """
        child = self._loaded()
        return child.ask(message, min(seconds, self._seconds_left()))

    def ask_in_turn(self, ahead: deque[dict[str, Any]], seconds: float) -> dict[str, Any]:
        """Return the reply to the first message of `ahead` that has none, and send the next ones meanwhile.

        Messages leave `ahead` when they are sent.
        """
        child = self._loaded()
        child.send(ahead, min(seconds, self._seconds_left()))
        return child.receive(min(seconds, self._seconds_left()))

    def describe(self, name: str) -> dict[str, Any]:
        """Ask what a name stands for. Calls of the function before that still wait are waited for, or lost.

        Raises:
            Lost: there is no answer.
        """
        with contextlib.suppress(Lost):
            self.pass_over(self.limits.call)
        return self.ask({"do": "describe", "name": name}, self.limits.call)

    def said_of(self, what: str, name: str) -> str:
        """Return what was said of a function before any cell ran: what it may not use, or what it could hide behind."""
        said = self._said.get(what) if self._said else None
        return str(said.get(name, ""))[:100] if isinstance(said, dict) else ""

    def was_changed_later(self, name: str) -> bool:
        """Whether a cell behind the check of a function makes anew what the function uses."""
        later = self._said.get("later") if self._said else None
        return isinstance(later, list) and name in later

    def up_to(self, name: str) -> "Session":
        """Return a session of the cells before the check of a function, in what is left of the time."""
        place = self.checks[name]
        return Session(self._sandbox, self._cells[:place], {name: place}, before=self)

    def give_up(self) -> None:
        """End the process if it is still busy with calls that nobody waits for; the next question begins another."""
        if self._child is not None and self._child.waited_for:
            self._child.close()

    def pass_over(self, seconds: float) -> None:
        """Forget the replies to what was sent ahead.

        Raises:
            Lost: they do not come in time.
        """
        self._loaded().pass_over(min(seconds, self._seconds_left()))

    def _seconds_left(self) -> float:
        left = self._end - seconds_now()
        if left <= 0:
            raise Lost(f"the whole notebook took longer than {self.limits.submission:.0f} seconds")
        return left

    def _loaded(self) -> Child:
        while self._child is None or not self._child.alive:
            self._seconds_left()
            began = seconds_now()
            self._child = Child(self._sandbox, self._cells, self.checks)
            self._said = self._said or self._child.said
            try:
                for number, runs in enumerate(self._child.runs):
                    if runs and len(self._left_out.get(number, ())) <= _MOST_LEFT_OUT:
                        self._run_cell(number, self._loading + seconds_now() - began)
            except Lost as lost:
                self.errors.setdefault(number, str(lost))
            self._loading += seconds_now() - began
        return self._child

    def _run_cell(self, number: int, seconds: float) -> None:
        """Run a cell, statement by statement, so that one that does not end is known.

        Raises:
            Lost: one takes too long, or ends the process; it is left out from then on.
        """
        if seconds > _SECONDS_TO_LOAD:
            self.errors[number] = f"it was not run: the cells before it took {_SECONDS_TO_LOAD:.0f} seconds"
            return
        message = {"do": "cell", "number": number, "without": self._left_out.get(number, [])}
        end, took = seconds_now() + self.limits.cell, []
        while True:
            began = seconds_now()
            try:
                reply = self._child.ask(message, max(0.0, end - began))
            except Lost as lost:
                took.append(seconds_now() - began)
                late = seconds_now() >= end
                blamed = took.index(max(took)) if late else len(took) - 1
                self._left_out.setdefault(number, []).append(blamed)
                raise Lost(f"it did not answer within {self.limits.cell:.0f} seconds" if late else str(lost)) from None
            took.append(seconds_now() - began)
            if "ended" in reply:
                return
            message = {"do": "step"}
            if "raised" in reply:
                kind, text, line = texts(reply["raised"], 3)
                self.errors.setdefault(number, f"it raised {kind}: {text}{f' ({line})' if line else ''}")


def texts(value: Any, count: int) -> list[str]:
    """Return a list of that many strings, whatever a reply holds."""
    found = [str(one)[:400] for one in value if isinstance(one, str)] if isinstance(value, list) else []
    return (found + [""] * count)[:count]


class Answer(StandIn):
    """A student's function, called in the session.

    Args:
        session: where it is.
        exercise: what it answers.
        description: what the student's process said about it.
    """

    def __init__(self, session: Session, exercise: Exercise, description: dict[str, Any]) -> None:
        self._session, self._exercise = session, exercise
        self._seconds = 0.0
        self._lost = ""
        self._expected: deque[tuple[tuple[Any, ...], Any]] = deque()
        self._ahead: deque[dict[str, Any]] = deque()
        self._remembered: dict[str, dict[str, Any]] | None = None
        self.__module__ = str(description.get("module", ""))[:200]
        signature = _signature(description.get("parameters"))
        if signature is not None:
            self.__signature__ = signature

    def foresee(self, inputs: Iterable[tuple[Any, ...]]) -> None:
        """Say with which arguments it will be called first, in this order, so that calls can be sent ahead."""
        self._expected = deque((args, wire.encode(args)) for args in inputs)
        self._ahead = deque(self._message(encoded) for _, encoded in self._expected)

    def remember(self, inputs: Iterable[tuple[Any, ...]]) -> None:
        """From here on, call it but once with the same arguments; these come first.

        Only for an answer that is known to be wrong, whose mistake is looked for.
        """
        self._remembered = {}
        try:
            self._session.pass_over(self._session.limits.call)
        except Lost as lost:
            self._lost = str(lost)
        self.foresee({repr(wire.encode(args)): args for args in inputs}.values())

    def answer(self, args: tuple[Any, ...]) -> Any:
        """Call it; see `StandIn`. Once it is lost it stays lost, so that it costs one deadline and not a hundred."""
        if self._lost:
            raise NoAnswer(self._lost)
        limits, began = self._session.limits, seconds_now()
        known = bool(self._expected) and self._expected[0][0] is args
        encoded = self._expected[0][1] if known else wire.encode(args)
        key = repr(encoded) if self._remembered is not None else ""
        if self._remembered is not None and key in self._remembered:
            return self._read(self._remembered[key], args)
        try:
            if self._seconds > limits.function:
                raise Lost(f"all its calls together took longer than {limits.function:.0f} seconds")
            if self._expected and self._expected.popleft()[1] == encoded:
                reply = self._session.ask_in_turn(self._ahead, limits.call)
            else:
                self._expected.clear()
                reply = self._session.ask(self._message(encoded), limits.call)
            if self._remembered is not None:
                self._remembered[key] = reply
            return self._read(reply, args)
        except (Lost, wire.BadMessage) as lost:
            self._lost = str(lost)
            self._session.give_up()
            raise NoAnswer(self._lost) from None
        finally:
            self._seconds += seconds_now() - began

    def _message(self, encoded: Any) -> dict[str, Any]:
        return {"do": "call", "name": self._exercise.name, "adapter": self._exercise.adapter, "args": encoded}

    def _read(self, reply: dict[str, Any], args: tuple[Any, ...]) -> Any:
        if "stub" in reply:
            raise NotImplementedError(str(reply["stub"])[:400])
        if "raised" in reply:
            kind, text, line = texts(reply["raised"], 3)
            raise RaisedElsewhere(kind, f"{text} ({line})" if line else text)
        if "returned" not in reply:
            raise wire.BadMessage("its reply cannot be read")
        returned = wire.decode(reply["returned"])
        if "now" in reply:
            raise InputChanged(str(reply["now"])[:400], returned)
        if "after" in reply:
            after = wire.decode(reply["after"])
            if first_difference(after, args):
                one = after[0] if isinstance(after, tuple) and len(after) == 1 else after
                raise InputChanged(show(one), returned)
        return returned


def _signature(parameters: Any) -> inspect.Signature | None:
    """Return the signature that the student's process described, or None if that makes no sense."""
    try:
        kinds = list(inspect.Parameter.POSITIONAL_ONLY.__class__)
        return inspect.Signature(
            [
                inspect.Parameter(name, kinds[kind], default=_Default() if has_default else inspect.Parameter.empty)
                for name, kind, has_default in parameters
            ]
        )
    except (TypeError, ValueError, IndexError):
        return None


class _Default:
    def __repr__(self) -> str:
        return "..."
