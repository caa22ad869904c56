"""Grading a class: every submission of a problem set that has no mark yet, or whose notebook or checks have changed.

Processes mark; this one alone writes, submission by submission: the autograded notebook, the gradebook, the record.
Killed at any moment, it loses no mark, and the next run goes on where it was.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ulmfit_lib.errors import UlmfitError
from ulmfit_lib.files import write_atomically
from ulmfit_lib.grading.checker import fingerprint
from ulmfit_lib.grading.gradebook import gradebook_of, late_days, store
from ulmfit_lib.grading.marking import Marker, release_of, submitted
from ulmfit_lib.grading.mend import mended
from ulmfit_lib.grading.outcome import DONE, Outcome, from_json
from ulmfit_lib.grading.records import Record, Records
from ulmfit_lib.grading.release import register
from ulmfit_lib.grading.sandbox import Limits
from ulmfit_lib.grading.submission import Release, SubmissionError, read
from ulmfit_lib.parallel import in_processes

Tell = Callable[..., None]


@dataclass
class ClassRun:
    """What one run of the grader did.

    Args:
        slug: the problem set.
        marked: the records that this run wrote.
        kept: students whose mark still holds.
    """

    slug: str
    marked: list[Record] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)


def students_of(root: Path, slug: str) -> list[str]:
    """Return the students who handed in a notebook of this set."""
    return sorted(path.parts[-3] for path in (root / "submissions").glob(f"*/{slug}/{slug}.ipynb"))


def grade_class(
    root: Path,
    slug: str,
    *,
    only: Sequence[str] = (),
    again: bool = False,
    jobs: int = 1,
    limits: Limits | None = None,
    confined: bool = True,
    due: datetime | None = None,
    tell: Tell = lambda *_: None,
) -> ClassRun:
    """Mark every submission of a set that needs it, and write the marks.

    Args:
        root: the folder of the course.
        slug: the problem set.
        only: these students alone; by default all.
        again: mark them also where a mark still holds.
        jobs: processes that mark at once.
        limits: what a student's code may use.
        confined: False to do without a sandbox, on purpose.
        due: when it was due, in UTC and without a time zone; kept in the gradebook.
        tell: is called with "begin" and the number of submissions, then with "marked" and the record of each.

    Raises:
        UlmfitError: there is nothing to mark, or another grader is at work.
    """
    students = [one for one in students_of(root, slug) if not only or one in only]
    if not students:
        whose = f"none of {', '.join(only)}" if only else "nobody"
        raise UlmfitError(
            f"{whose} handed in {slug}.",
            where="submissions/",
            fix="make grade SUBMISSIONS=folder-or-zip takes notebooks in.",
        )
    release, records, run = release_of(root, slug), Records(root), ClassRun(slug)
    with _alone(root):
        register(root, slug)
        late = late_days(root)
        with gradebook_of(root) as gradebook:
            if due is not None:
                gradebook.update_or_create_assignment(slug, duedate=due)
            known = {one.student.id for one in gradebook.assignment_submissions(slug)}
            holding = {} if again else {one: record for one in students if (record := _holds(records, slug, one, root))}

            def write(outcome: Outcome) -> None:
                submission = _write_notebook(root, outcome, release)
                handed_in = _handed_in(root, outcome.student, slug)
                store(gradebook, outcome, submission=submission, release=release, handed_in=handed_in, late=late)
                run.marked.append(records.keep(outcome))
                tell("marked", run.marked[-1])

            for student, record in holding.items():
                if student not in known:  # the gradebook was begun anew: the marks are still ours
                    write(record.outcome)
                else:
                    run.kept.append(student)
            waiting = [one for one in students if one not in holding]
            tell("begin", len(waiting))
            if not waiting:
                return run
            records.seed(slug, "")  # made here, before several processes ask for it
            jobs = max(1, min(jobs, len(waiting)))
            work = [(str(root), slug, waiting[number::jobs], limits, confined) for number in range(jobs)]
            if jobs == 1:
                mark_some(*work[0], tell=lambda outcome: write(from_json(outcome)))
            else:
                in_processes(mark_some, work, lambda outcome: write(from_json(outcome)))
    return run


def mark_some(root: str, slug: str, students: list[str], limits: Limits | None, confined: bool, tell: Tell) -> int:
    """Mark these students' submissions, telling each outcome as JSON; the work of one process."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with Marker(Path(root), slug, limits=limits, confined=confined) as marker:
        for student in students:
            tell(marker.mark(student).as_json())
    return len(students)


def _holds(records: Records, slug: str, student: str, root: Path) -> Record | None:
    """Return the record of a mark that need not be given again."""
    record = records.find(slug, student)
    if record is None or record.outcome.status != DONE or record.outcome.checks != fingerprint(slug):
        return None
    data = submitted(root, student, slug).read_bytes()
    return record if record.outcome.digest == hashlib.sha256(data).hexdigest() else None


def _write_notebook(root: Path, outcome: Outcome, release: Release):  # noqa: ANN202
    """Write the notebook with its marks where nbgrader keeps it; return the submission, None if it cannot be read."""
    path = submitted(root, outcome.student, outcome.slug)
    target = root / "runs" / "grading" / "autograded" / outcome.student / outcome.slug / path.name
    try:
        if outcome.status != DONE:
            raise SubmissionError(outcome.reason)
        submission = read(path)
    except SubmissionError:
        target.unlink(missing_ok=True)
        return None
    release.recognise(submission)
    notebook = mended(submission, release, outcome)
    write_atomically(target, json.dumps(notebook, ensure_ascii=True, indent=1, sort_keys=True) + "\n")
    stamp = path.parent / "timestamp.txt"
    if stamp.is_file():
        write_atomically(target.parent / stamp.name, stamp.read_bytes()[:100])
    return submission


def _handed_in(root: Path, student: str, slug: str) -> datetime | None:
    from nbgrader.utils import parse_utc

    stamp = submitted(root, student, slug).parent / "timestamp.txt"
    try:
        return parse_utc(stamp.read_text(encoding="utf-8", errors="replace").strip()[:60])
    except (OSError, ValueError, OverflowError):
        return None


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keep other graders of this course out; the system opens the lock again however this process ends."""
    path = root / "runs" / "grading" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UlmfitError("another grader of this course is at work.", fix="Wait until it is done.") from None
        yield
