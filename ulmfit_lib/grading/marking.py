"""Marking one submission of a course after the other: the sandbox is kept warm, inputs are each student's own."""

import contextlib
from pathlib import Path
from types import TracebackType

from ulmfit_lib.checks.sets import SLUGS, problem_set
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.grading.checker import mark, uses_torch
from ulmfit_lib.grading.outcome import Outcome
from ulmfit_lib.grading.records import Records
from ulmfit_lib.grading.sandbox import Limits, Sandbox
from ulmfit_lib.grading.submission import Release


class Marker:
    """Marks the submissions of one problem set. Use it as a context manager.

    Args:
        root: the folder of the course.
        slug: the problem set.
        limits: what a student's code may use.
        confined: False to do without a sandbox, on purpose.

    Raises:
        ConfigError: there is no such set.
        SubmissionError: it was not released.
        SandboxError: no student's code can be run at all.
    """

    def __init__(self, root: Path, slug: str, *, limits: Limits | None = None, confined: bool = True) -> None:
        if slug not in SLUGS:
            raise ConfigError(f"There is no problem set {slug!r}.", fix=f"There are: {', '.join(SLUGS)}.")
        self.root, self.slug = root, slug
        self.answers = problem_set(slug)
        self.release = release_of(root, slug)
        self._records = Records(root)
        if uses_torch(slug):
            import torch

            torch.set_num_threads(1)  # on values as small as these, threads only wait for each other
        self.sandbox = Sandbox(torch=uses_torch(slug), limits=limits, confined=confined)

    def __enter__(self) -> "Marker":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox."""
        self.sandbox.close()

    def mark(self, student: str, path: Path | None = None) -> Outcome:
        """Mark what a student handed in (or the notebook at `path`) and return the outcome; nothing is written."""
        return mark(
            path or submitted(self.root, student, self.slug),
            student=student,
            answers=self.answers,
            release=self.release,
            sandbox=self.sandbox,
            seed=self._records.seed(self.slug, student),
        )


def release_of(root: Path, slug: str) -> Release:
    """Return the release of a problem set.

    Raises:
        SubmissionError: it was not released.
    """
    names = [exercise.name for exercise in problem_set(slug).exercises]
    return Release(root / "exercises" / slug / f"{slug}.ipynb", names)


def submitted(root: Path, student: str, slug: str) -> Path:
    """Return where a student's notebook lies, in nbgrader's layout."""
    return root / "submissions" / student / slug / f"{slug}.ipynb"


_MARKERS: dict[tuple[Path, str], Marker] = {}


def kept_marker(root: Path, slug: str) -> Marker:
    """Return a marker that stays for the life of this process, for programs that come back for each submission."""
    import atexit

    key = (root.resolve(), slug)
    if key not in _MARKERS:
        if not _MARKERS:
            atexit.register(close_markers)
        _MARKERS[key] = Marker(root, slug)
    return _MARKERS[key]


def close_markers() -> None:
    """End the sandboxes of all kept markers."""
    while _MARKERS:
        _, marker = _MARKERS.popitem()
        with contextlib.suppress(OSError):
            marker.close()
