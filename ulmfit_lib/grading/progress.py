"""How far a student is: which functions of the notebooks in work/ pass, and what is left. Offline, and no marks.

It is the same road as the grader's, in the sandbox if there is one, with the inputs that the notebook's checks use.
"""

from dataclasses import dataclass
from pathlib import Path

from ulmfit_lib.checks.sets import SLUGS, problem_set
from ulmfit_lib.grading.checker import mark_functions, uses_torch
from ulmfit_lib.grading.marking import release_of
from ulmfit_lib.grading.outcome import FunctionMark
from ulmfit_lib.grading.sandbox import Sandbox
from ulmfit_lib.grading.submission import SubmissionError, read


@dataclass(frozen=True)
class SetProgress:
    """How far a student is with one set.

    Args:
        slug: the set.
        marks: of its functions; empty if the set is not begun or cannot be read.
        problem: why it cannot be read.
    """

    slug: str
    marks: tuple[FunctionMark, ...] = ()
    problem: str = ""

    @property
    def points(self) -> float:
        return sum(one.points for one in self.marks)


def progress_of(root: Path, slugs: list[str] | None = None) -> list[SetProgress]:
    """Return the progress of each set; one that is not in work/ is not begun."""
    found = []
    for slug in slugs or SLUGS:
        path = root / "work" / slug / f"{slug}.ipynb"
        if not path.exists():
            found.append(SetProgress(slug))
            continue
        try:
            submission, release = read(path), release_of(root, slug)
        except SubmissionError as error:
            found.append(SetProgress(slug, problem=str(error)))
            continue
        release.recognise(submission)
        with Sandbox(torch=uses_torch(slug)) as sandbox:
            marks = mark_functions(submission, problem_set(slug).exercises, release, sandbox, "None")
        found.append(SetProgress(slug, tuple(marks)))
    return found


def as_text(found: list[SetProgress]) -> str:
    """Return the progress as lines: a set a line, and behind it what is left."""
    lines = []
    for one in found:
        if one.problem:
            lines.append(f"{one.slug:24} cannot be read: {one.problem}")
        elif not one.marks:
            lines.append(f"{one.slug:24} not begun")
        else:
            right = sum(not mark.kind for mark in one.marks)
            left = [mark.name for mark in one.marks if mark.kind]
            behind = f"left: {', '.join(left)}" if left else "done"
            total = sum(mark.maximum for mark in one.marks)
            lines.append(f"{one.slug:24} {right} of {len(one.marks)} functions, {one.points:g} of {total:g} points")
            lines.append(f"{'':24} {behind}")
    return "\n".join(lines)
