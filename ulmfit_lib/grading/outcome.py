"""What marking a submission gave, function by function, and whether somebody should look at it."""

from dataclasses import asdict, dataclass, field
from typing import Any

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class FunctionMark:
    """The mark of one function.

    Args:
        name: of the function.
        points: what it got.
        maximum: what it is worth.
        message: what the student reads: the check's own words.
        kind: which step of the check failed; empty for a right answer.
        mistake: the known wrong answer that it behaves like, if one does.
        stored: the points that the notebook itself shows below the test cell; None where it shows none.
        look: why somebody should look at this mark; empty if nobody need.
    """

    name: str
    points: float
    maximum: float
    message: str
    kind: str = ""
    mistake: str = ""
    stored: float | None = None
    look: str = ""


@dataclass(frozen=True)
class Outcome:
    """A marked submission, or one that could not be marked.

    Args:
        student: whose it is.
        slug: the problem set.
        status: "done" or "failed". A failed one has a reason and no points, not even 0.
        reason: why it failed.
        functions: their marks, in the order of the set.
        notes: what the student should know, such as a cell that was recognised without its metadata.
        way: "bubblewrap" or "unconfined": how the student's code ran.
        digest: SHA-256 of the notebook.
        checks: fingerprint of the checks that it was marked with.
        seconds: how long it took.
    """

    student: str
    slug: str
    status: str = DONE
    reason: str = ""
    functions: list[FunctionMark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    way: str = ""
    digest: str = ""
    checks: str = ""
    seconds: float = 0.0

    @property
    def points(self) -> float | None:
        """All points together; None for a submission that failed."""
        return sum(one.points for one in self.functions) if self.status == DONE else None

    @property
    def maximum(self) -> float:
        return sum(one.maximum for one in self.functions)

    @property
    def look(self) -> list[str]:
        """Why somebody should look at it, function by function."""
        return [f"{one.name}: {one.look}" for one in self.functions if one.look]

    def as_json(self) -> dict[str, Any]:
        """Return what JSON can hold of it."""
        return asdict(self)


def from_json(record: dict[str, Any]) -> Outcome:
    """Return the outcome that `as_json` wrote."""
    functions = [FunctionMark(**one) for one in record["functions"]]
    return Outcome(**{**record, "functions": functions})
