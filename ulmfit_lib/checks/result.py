"""What a check found, and the message that it prints."""

from dataclasses import dataclass
from textwrap import wrap

from ulmfit_lib.checks.exercise import Exercise

_WIDTH = 96
_LABEL = 10


@dataclass(frozen=True)
class Failure:
    """The smallest call that went wrong.

    Args:
        kind: which step of the check it was: "defined", "callable", "runs", "type", "value", "property", "input",
            "copied", or "lost" (where it runs elsewhere and does not answer any more).
        problem: one sentence.
        called: the call, as it would be typed; empty where nothing was called.
        returned: what came back, or what was raised.
        expected: what should have come back; empty where that is not the point.
        differs: the first place where the two differ.
        mistake: the name of the known wrong answer that gives the same values, if one does.
        because: the cause of that mistake.
    """

    kind: str
    problem: str
    called: str = ""
    returned: str = ""
    expected: str = ""
    differs: str = ""
    mistake: str = ""
    because: str = ""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check: right, or the failure that was found first and made small.

    Args:
        exercise: what was checked.
        failure: None for a right answer.
        n_examples: fixed inputs tried.
        n_random: random inputs tried.
    """

    exercise: Exercise
    failure: Failure | None
    n_examples: int
    n_random: int

    @property
    def passed(self) -> bool:
        return self.failure is None

    @property
    def points(self) -> int:
        return self.exercise.points if self.passed else 0

    def __str__(self) -> str:
        name, worth = self.exercise.name, self.exercise.points
        if self.failure is None:
            tried = f"{self.n_examples} fixed inputs, {self.n_random} random ones"
            return f"{name}: right, {worth} of {worth} points ({tried})"
        return "\n".join([f"{name}: not yet, 0 of {worth} points", *_lines(self.failure, self.exercise)])


def _lines(failure: Failure, exercise: Exercise) -> list[str]:
    rows = [
        ("problem", failure.problem),
        ("called", failure.called),
        ("returned", failure.returned),
        ("expected", failure.expected),
        ("differs", failure.differs),
        ("because", failure.because),
        ("reread", f"the section “{exercise.section}”, or ask checks.hint({exercise.name!r})"),
    ]
    return [line for label, text in rows if text for line in _row(label, text)]


def _row(label: str, text: str) -> list[str]:
    # Values are shown as they are: to break one at a space would change what the reader sees.
    parts = [text] if label in ("called", "returned", "expected") else wrap(text, _WIDTH) or [""]
    return [f"  {name:<{_LABEL}}{part}" for name, part in zip([label] + [""] * len(parts), parts, strict=False)]


class CheckFailed(AssertionError):
    """Raised by a check in a notebook, so that the cell fails; Jupyter shows the message without a traceback."""

    def __init__(self, result: CheckResult) -> None:
        super().__init__(str(result))
        self.result = result

    def _render_traceback_(self) -> list[str]:
        return str(self.result).split("\n")
