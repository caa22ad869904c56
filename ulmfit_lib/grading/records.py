"""Our own record of each mark, a JSON file a submission: what makes grading go on where it was killed.

A record is written last, after nbgrader's gradebook: a submission without one is marked again, with the same inputs,
and what is written then is the same.
"""

import hashlib
import json
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ulmfit_lib.files import write_atomically
from ulmfit_lib.grading.outcome import Outcome, from_json


@dataclass(frozen=True)
class Record:
    """The outcome of a submission and the ones before it.

    Args:
        outcome: the last one.
        marked: when, as a time in UTC.
        before: earlier marks: each with "points", "status", "marked" and "why" it was marked again.
    """

    outcome: Outcome
    marked: str = ""
    before: list[dict[str, Any]] = field(default_factory=list)


class Records:
    """The records of a course.

    Args:
        root: the folder of the course.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / "runs" / "grading"

    def path(self, slug: str, student: str) -> Path:
        """Return where the record of a submission lies."""
        return self.folder / "records" / slug / f"{student}.json"

    def find(self, slug: str, student: str) -> Record | None:
        """Return the record of a submission; None if there is none, or none that can be read."""
        try:
            record = json.loads(self.path(slug, student).read_text(encoding="utf-8"))
            return Record(from_json(record["outcome"]), record["marked"], record["before"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def all(self, slug: str) -> list[Record]:
        """Return the records of a problem set, by student."""
        names = sorted(path.stem for path in (self.folder / "records" / slug).glob("*.json"))
        return [record for name in names if (record := self.find(slug, name))]

    def slugs(self) -> list[str]:
        """Return the problem sets that have records."""
        return sorted(path.name for path in (self.folder / "records").glob("*") if path.is_dir())

    def keep(self, outcome: Outcome) -> Record:
        """Write the record of an outcome; the one before becomes a line of its history if it was another mark."""
        old = self.find(outcome.slug, outcome.student)
        before = list(old.before) if old else []
        if old and (why := why_again(old.outcome, outcome)):
            before.append(
                {"points": old.outcome.points, "status": old.outcome.status, "marked": old.marked, "why": why}
            )
        record = Record(outcome, datetime.now(UTC).isoformat(timespec="seconds"), before)
        content = {"outcome": outcome.as_json(), "marked": record.marked, "before": before}
        text = json.dumps(content, indent=1, ensure_ascii=True) + "\n"
        write_atomically(self.path(outcome.slug, outcome.student), text)
        return record

    def seed(self, slug: str, student: str) -> str:
        """Return the seed of a student's random inputs: the same at a regrade, and nobody's to guess."""
        path = self.folder / "seed.txt"
        if not path.exists():
            write_atomically(path, secrets.token_hex(16) + "\n")
        secret = path.read_text(encoding="utf-8").strip()
        return hashlib.sha256(f"{secret} {slug} {student}".encode()).hexdigest()[:16]


def why_again(old: Outcome, new: Outcome) -> str:
    """Say why a submission has a new mark; empty if it is the old one again."""
    if replace(old, seconds=0) == replace(new, seconds=0):
        return ""
    if old.digest != new.digest:
        return "another notebook was handed in"
    if old.checks != new.checks:
        return "a check was changed"
    if old.way != new.way:
        return f"it ran {new.way} this time"
    return "it was marked again"
