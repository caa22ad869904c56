"""One command for a class: take in, mark with a progress bar, and close with a table, files and what to look at."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ulmfit_lib.errors import ConfigError, UlmfitError
from ulmfit_lib.files import write_atomically
from ulmfit_lib.grading.feedback import write_pages
from ulmfit_lib.grading.grade import ClassRun, grade_class, students_of
from ulmfit_lib.grading.intake import Intake, take_in
from ulmfit_lib.grading.marks import rows_of, write_marks
from ulmfit_lib.grading.outcome import FAILED
from ulmfit_lib.grading.records import Record, Records
from ulmfit_lib.grading.sandbox import UNCONFINED
from ulmfit_lib.grading.statistics import statistics_of, write_statistics
from ulmfit_lib.grading.students import sets_meant
from ulmfit_lib.grading.submission import cleaned

_MOST_JOBS = 4
_MOST_LINES = 12


def sets_with_marks(root: Path, which: str) -> list[str]:
    """Return the problem sets that are meant and have marks.

    Raises:
        UlmfitError: none has.
    """
    found = [slug for slug in sets_meant(which) if slug in Records(root).slugs()]
    if not found:
        raise UlmfitError("nothing is marked yet.", fix="Run: make grade SUBMISSIONS=folder-or-zip")
    return found


def grade_and_report(
    root: Path,
    source: Path | None,
    which: str,
    *,
    only: Sequence[str] = (),
    again: bool = False,
    due: str = "",
    jobs: int = 0,
    confined: bool = True,
) -> list[ClassRun]:
    """Take in what `source` holds, mark it, write every file, and say on the console what came of it.

    Args:
        root: the folder of the course.
        source: a folder or zip; None for what is in submissions/ already.
        which: a problem set; empty for all that were handed in.
        only: these students alone.
        again: mark them also where a mark still holds.
        due: a date and time in this machine's time zone.
        jobs: processes; 0 for one a core.
        confined: False to do without a sandbox.

    Raises:
        UlmfitError: there is nothing to mark.
    """
    console = Console()
    sets = sets_meant(which)
    if source is not None and source.resolve() != (root / "submissions").resolve():
        intake = take_in(source, root, sets)
        _say_taken(console, root, intake)
        sets = sorted({slug for _, slug in intake.taken} or {slug for slug in sets if students_of(root, slug)})
    sets = [slug for slug in sets if students_of(root, slug)]
    if not sets:
        raise UlmfitError("nobody handed in anything.", fix="Run: make grade SUBMISSIONS=folder-or-zip")
    runs = []
    for slug in sets:
        with _bar(console, slug) as bar:
            task = bar.add_task(slug, total=None)

            def tell(what: str, value: object, bar: Progress = bar, task: object = task) -> None:
                if what == "begin":
                    bar.update(task, total=value)
                else:
                    bar.advance(task)

            runs.append(
                grade_class(
                    root,
                    slug,
                    only=only,
                    again=again,
                    jobs=jobs or min(_cores(), _MOST_JOBS),
                    confined=confined,
                    due=_utc(due),
                    tell=tell,
                )
            )
        _say(console, root, runs[-1])
    return runs


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _bar(console: Console, slug: str) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def _utc(due: str) -> datetime | None:
    if not due:
        return None
    try:
        return datetime.fromisoformat(due).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        raise ConfigError(f"--due {due!r} is no date and time.", fix="Write it so: '2026-05-01 23:59'.") from None


def _say_taken(console: Console, root: Path, intake: Intake) -> None:
    """Say what was taken in and what was not: on the console the first, in a file all of it."""
    console.print(f"{len(intake.taken)} notebooks taken in, {intake.same} were there already")
    _list(console, "students of one name: look at them", intake.alike, most=len(intake.alike))
    path = root / "runs" / "grading" / "left_out.txt"
    write_atomically(path, cleaned("".join(f"{line}\n" for line in [*intake.alike, *intake.refused])))
    _list(console, "left out", intake.refused, more=str(path))


def _say(console: Console, root: Path, run: ClassRun) -> None:
    slug = run.slug
    records = Records(root).all(slug)
    outcomes = [record.outcome for record in records]
    folder = root / "runs" / "grading"
    files = [*write_marks(root, slug), *write_statistics(folder / "statistics", slug, outcomes)]
    pages = write_pages(root, slug)
    table = Table(title=f"{slug}: {len(records)} submissions, {len(run.marked)} marked now")
    for name in ("function", "right", "not written", "most frequent mistakes"):
        table.add_column(name, justify="left" if name in ("function", "most frequent mistakes") else "right")
    for one in statistics_of(outcomes):
        known = ", ".join(f"{name} ({count})" for name, count in one.mistakes[:2])
        table.add_row(one.name, f"{one.right} of {one.students}", str(one.unwritten or ""), known)
    console.print(table)
    rows = rows_of(root, slug)
    totals = [row.total for row in rows if row.total is not None]
    if totals:
        middle = sorted(totals)[len(totals) // 2]
        console.print(f"points: {min(totals):g} to {max(totals):g}, in the middle {middle:g}")
    _list(console, "failed, without a mark", [f"{o.student}: {o.reason}" for o in outcomes if o.status == FAILED])
    waiting = [row.student for row in rows if row.status == "read"]
    _list(console, "a written answer waits for a person, in nbgrader's formgrader", waiting)
    _list(console, "to be looked at", [f"{o.student}, {look}" for o in outcomes for look in o.look])
    _list(console, "another mark than before", [text for record in run.marked if (text := _change(record))])
    if any(one.way == UNCONFINED for one in outcomes):
        console.print("unconfined: no sandbox here, so trust these marks as far as you trust the class.", style="bold")
    for path in files:
        console.print(str(path), highlight=False)
    if pages:
        console.print(f"{pages[0].parent}/ ({len(pages)} pages of feedback)", highlight=False)


def _change(record: Record) -> str:
    if not record.before:
        return ""
    old, new = record.before[-1], record.outcome
    if (old["points"], old["status"]) == (new.points, new.status):
        return ""
    points = ["failed" if p is None else f"{p:g}" for p in (old["points"], new.points)]
    return f"{new.student}: {points[0]} -> {points[1]}, for {old['why']}"


def _list(
    console: Console, title: str, lines: Sequence[str], *, most: int = _MOST_LINES, more: str = "the marks CSV"
) -> None:
    if lines:
        console.print(f"{title} ({len(lines)}):", style="bold", highlight=False)
        for line in lines[:most]:
            console.print(f"  {cleaned(line)}", highlight=False, markup=False, soft_wrap=True)
        if len(lines) > most:
            console.print(
                f"  ... and {len(lines) - most} more, in {more}", highlight=False, markup=False, soft_wrap=True
            )
