"""Writing marks into nbgrader's gradebook and reading them out again; only the grader itself ever does."""

import contextlib
import warnings
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ulmfit_lib.grading.course import alembic_found, gradebook_path
from ulmfit_lib.grading.mend import unanswered
from ulmfit_lib.grading.outcome import FAILED, Outcome
from ulmfit_lib.grading.submission import Release, Submission

if TYPE_CHECKING:
    from nbgrader.api import Gradebook, SubmittedAssignment

    from ulmfit_lib.grading.late import LateDays


@contextlib.contextmanager
def gradebook_of(root: Path) -> Iterator["Gradebook"]:
    """Open the gradebook of the course in `root`; it is made when it is missing."""
    from nbgrader.api import Gradebook

    path = gradebook_path(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    with alembic_found(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Gradebook(f"sqlite:///{path}", course_id="ulmfit") as gradebook:
            yield gradebook


def knows(root: Path, slug: str) -> bool:
    """Return whether the gradebook knows a problem set."""
    from nbgrader.api import MissingEntry

    with gradebook_of(root) as gradebook:
        try:
            gradebook.find_assignment(slug)
        except MissingEntry:
            return False
    return True


def store(
    gradebook: "Gradebook",
    outcome: Outcome,
    *,
    submission: Submission | None = None,
    release: Release | None = None,
    handed_in: datetime | None = None,
    late: "LateDays | None" = None,
) -> None:
    """Write an outcome: points, what needs a person, and the penalty for late days. To write it twice changes nothing.

    A failed submission has no points, and each of its cells asks for a person.

    Args:
        gradebook: an open one.
        outcome: the marks.
        submission: what was read, to tell written answers from empty ones; None if it could not be read.
        release: what students were given.
        handed_in: when, in UTC and without a time zone, as nbgrader keeps it.
        late: what late days cost.
    """
    student, slug = outcome.student, outcome.slug
    gradebook.update_or_create_student(student)
    times = {} if handed_in is None else {"timestamp": handed_in}
    submitted = gradebook.update_or_create_submission(slug, student, **times)
    notebook = gradebook.find_submission_notebook(slug, slug, student)
    # Read in one go; otherwise each grade and comment asks the database for its cell.
    source = gradebook.find_notebook(slug, slug)
    names = {cell.id: cell.name for cell in [*source.grade_cells, *source.solution_cells, *source.task_cells]}
    points = {f"test_{one.name}": one.points for one in outcome.functions}
    failed = outcome.status == FAILED
    for grade in notebook.grades:
        if failed:
            grade.auto_score, grade.needs_manual_grade = None, True
        elif (name := names[grade.cell_id]) in points:
            grade.auto_score = points[name]
            grade.needs_manual_grade = grade.manual_score is not None
        else:  # a written answer: a person reads it, unless there is nothing to read
            empty = submission is None or unanswered(submission, release, name)
            grade.auto_score = 0.0 if empty else None
            grade.needs_manual_grade = grade.manual_score is not None or not empty
    for comment in notebook.comments:
        empty = submission is not None and unanswered(submission, release, names[comment.cell_id])
        comment.auto_comment = "No response." if empty else None
    gradebook.db.flush()
    notebook.late_submission_penalty = _penalty(submitted, notebook.score, late)
    gradebook.db.commit()


def _penalty(submitted: "SubmittedAssignment", score: float, late: "LateDays | None") -> float | None:
    seconds = submitted.total_seconds_late
    if seconds <= 0 or late is None:
        return None
    penalty = late.late_submission_penalty("", score, seconds)
    return None if penalty is None else min(max(penalty, 0.0), score)


def late_days(root: Path) -> "LateDays":
    """Return what late days cost in this course: `c.LateDays` in nbgrader_config.py."""
    from traitlets.config import Config, PyFileConfigLoader

    from ulmfit_lib.grading.late import LateDays

    return LateDays(config=Config(PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()))
