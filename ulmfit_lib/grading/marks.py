"""The marks of a class, out of nbgrader's gradebook: one row a student, as plain CSV, for Canvas and for Moodle."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

from ulmfit_lib.files import write_atomically
from ulmfit_lib.grading.gradebook import gradebook_of
from ulmfit_lib.grading.outcome import FAILED
from ulmfit_lib.grading.records import Record, Records

KINDS = ("plain", "canvas", "moodle")


@dataclass
class Row:
    """The mark of a student for one set.

    Args:
        student: the id.
        name: first and last name, as the roster has it.
        email: as the roster has it.
        slug: the problem set.
        status: "done", "failed", "read" (a person has something to read) or "missing".
        points: with a grader's own points and without the penalty; None where there is no mark.
        maximum: what the set is worth.
        penalty: points taken away for late days.
        days_late: begun days.
        functions: points of each graded cell.
        comments: what a grader wrote, by cell.
        record: ours.
        reason: why there is no mark.
    """

    student: str
    slug: str
    name: str = ""
    email: str = ""
    status: str = "missing"
    points: float | None = None
    maximum: float = 0.0
    penalty: float = 0.0
    days_late: int = 0
    functions: dict[str, float | None] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    record: Record | None = None
    reason: str = ""

    @property
    def total(self) -> float | None:
        """Points after the penalty; None where there is no mark."""
        return None if self.points is None else round(max(0.0, self.points - self.penalty), 2)


def rows_of(root: Path, slug: str) -> list[Row]:
    """Return the row of each student on the roster or with a submission, by id."""
    from nbgrader.api import MissingEntry

    from ulmfit_lib.grading.late import days_late

    records = {record.outcome.student: record for record in Records(root).all(slug)}
    rows = {}
    with gradebook_of(root) as gradebook:
        try:
            maximum = gradebook.find_assignment(slug).max_score
            submissions = gradebook.assignment_submissions(slug)
        except MissingEntry:
            maximum, submissions = 0.0, []
        for student in gradebook.students:
            name = " ".join(part for part in (student.first_name, student.last_name) if part)
            rows[student.id] = Row(student.id, slug, name=name, email=student.email or "", maximum=maximum)
        for submitted in submissions:
            row = rows[submitted.student.id]
            row.record = records.get(row.student)
            row.days_late = days_late(submitted.total_seconds_late)
            row.status = "done"
            for notebook in submitted.notebooks:
                row.penalty += notebook.late_submission_penalty or 0.0
                for grade in notebook.grades:
                    given = grade.manual_score if grade.manual_score is not None else grade.auto_score
                    row.functions[grade.name] = given
                row.comments |= {one.name: one.comment for one in notebook.comments if one.comment}
                if notebook.needs_manual_grade:
                    row.status = "read"
            row.points = sum(value or 0.0 for value in row.functions.values())
            by_hand = any(g.manual_score is not None for n in submitted.notebooks for g in n.grades)
            if not by_hand and (why := _why_failed(row)):
                row.status, row.points, row.functions, row.reason = FAILED, None, {}, why
    return [rows[student] for student in sorted(rows)]


def _why_failed(row: Row) -> str:
    """Say why a submission has no mark; empty if it has one."""
    if row.record:
        return row.record.outcome.reason if row.record.outcome.status == FAILED else ""
    if any(value is not None for value in row.functions.values()):
        return ""
    return "nbgrader could not read it: `make grade` says why"


def as_csv(rows: list[Row], kind: str = "plain") -> str:
    """Return the rows as CSV: "plain", "canvas" or "moodle". A failed submission has an empty mark, never 0."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    lines = {"plain": _plain, "canvas": _canvas, "moodle": _moodle}[kind](rows)
    writer.writerows([[_safe(value) for value in line] for line in lines])
    return file.getvalue()


def _safe(value: object) -> object:
    # A spreadsheet would run a text that begins like a formula.
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _plain(rows: list[Row]) -> list[list[object]]:
    cells = list(dict.fromkeys(name for row in rows for name in row.functions))
    head = "student name email set status total points maximum penalty days_late sandbox look reason".split()
    lines: list[list[object]] = [[*head, *(name.removeprefix("test_") for name in cells)]]
    for row in rows:
        outcome = row.record.outcome if row.record else None
        lines.append(
            [row.student, row.name, row.email, row.slug, row.status]
            + [_number(row.total), _number(row.points), _number(row.maximum), _number(row.penalty), row.days_late]
            + [outcome.way if outcome else "", "; ".join(outcome.look) if outcome else "", row.reason]
            + [_number(row.functions.get(name)) for name in cells]
        )
    return lines


def _canvas(rows: list[Row]) -> list[list[object]]:
    slug, maximum = (rows[0].slug, rows[0].maximum) if rows else ("", 0.0)
    lines: list[list[object]] = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", slug]]
    lines.append(["    Points Possible", "", "", "", "", _number(maximum)])
    return lines + [[row.name, "", row.student, row.email, "", _number(row.total)] for row in rows]


def _moodle(rows: list[Row]) -> list[list[object]]:
    lines: list[list[object]] = [["ID number", "Full name", "Email address", "Grade", "Maximum Grade", "Feedback"]]
    for row in rows:
        lines.append([row.student, row.name, row.email, _number(row.total), _number(row.maximum), row.reason])
    return lines


def write_marks(root: Path, slug: str) -> list[Path]:
    """Write the three files of a set's marks, and return where."""
    rows = rows_of(root, slug)
    folder = root / "runs" / "grading" / "marks"
    return [write_atomically(folder / f"{slug}.{kind}.csv", as_csv(rows, kind)) for kind in KINDS]
