"""Two steps in nbgrader's own `autograde`, so that its commands and formgrader give the marks of the checker.

`nbgrader_config.py` puts `Mend` before nbgrader's sanitising and `Mark` in the place of `Execute`: no kernel is
started, and no student's code runs but in the sandbox.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.preprocessors import NbGraderPreprocessor

from ulmfit_lib.grading.course import GradingError
from ulmfit_lib.grading.marking import kept_marker, release_of, submitted
from ulmfit_lib.grading.mend import mended
from ulmfit_lib.grading.outcome import FAILED
from ulmfit_lib.grading.records import Records
from ulmfit_lib.grading.submission import read


class _Step(NbGraderPreprocessor):
    def _where(self, resources: dict[str, Any]) -> tuple[Path, str, str, Path]:
        """Return the root of the course, student, problem set and the notebook as it was handed in."""
        root = Path(self.parent.parent.coursedir.root)
        student, slug = resources["nbgrader"]["student"], resources["nbgrader"]["assignment"]
        return root, student, slug, submitted(root, student, slug)


class Mend(_Step):
    """Gives nbgrader the notebook in its own form, whatever was split, copied, renamed or lost."""

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the mended notebook in the place of the one that nbgrader read."""
        root, _, slug, path = self._where(resources)
        release = release_of(root, slug)
        submission = read(path)
        release.recognise(submission)
        return nbformat.from_dict(mended(submission, release)), resources


class Mark(_Step):
    """Marks in the place of `Execute`: what the check says becomes the output of the test cell."""

    def preprocess(self, nb: Any, resources: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the notebook with the marks as outputs.

        Raises:
            GradingError: the submission could not be marked; nbgrader says so and goes on with the next.
        """
        root, student, slug, path = self._where(resources)
        marker = kept_marker(root, slug)
        outcome = marker.mark(student)
        Records(root).keep(outcome)
        if outcome.status == FAILED:
            raise GradingError(outcome.reason, where=f"{student}, {slug}")
        submission = read(path)
        marker.release.recognise(submission)
        for look in outcome.look:
            self.log.warning("To be looked at: %s, %s", student, look)
        return nbformat.from_dict(mended(submission, marker.release, replace(outcome))), resources
