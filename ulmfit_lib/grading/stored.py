"""The mark that a notebook shows by itself: read from its stored outputs, never run, and never given."""

import re
from dataclasses import replace

from ulmfit_lib.grading.outcome import FunctionMark
from ulmfit_lib.grading.submission import Cell, Release, Submission, joined, same_code

_MOST_TEXT = 100_000


def with_stored(mark: FunctionMark, submission: Submission, release: Release) -> FunctionMark:
    """Return the mark with what the notebook shows, and, where that is more, why somebody should look at it.

    A notebook may show more for honest reasons: an answer that needs what the sandbox has not. So this is no
    accusation. "Tampered" is said only of a test cell whose text was altered.
    """
    name = f"test_{mark.name}"
    cells = [cell for cell in submission.cells if cell.grade_id == name]
    if not cells:
        return mark
    shown = [points for cell in cells if (points := _points_shown(cell, mark)) is not None]
    stored = max(shown) if shown else None
    look = ""
    if stored is not None and stored > mark.points:
        look = f"The notebook shows {stored:g} of {mark.maximum:g} points, the grader gave {mark.points:g}."
        if any(not same_code(cell.source, release.tests.get(name, cell.source)) for cell in cells):
            look = f"tampered: the text of its test cell was altered. {look}"
    return replace(mark, stored=stored, look=look)


def _points_shown(cell: Cell, mark: FunctionMark) -> float | None:
    """Return the points in the check's own words below a test cell; None where it was not run."""
    points = None
    for output in cell.outputs:
        if output.get("output_type") in ("error", "pyerr"):
            return 0.0
        data = output.get("data")
        text = joined(output.get("text") or (data.get("text/plain") if isinstance(data, dict) else ""))[:_MOST_TEXT]
        for found in re.finditer(rf"{re.escape(mark.name)}: right, (\d{{1,4}}) of \d{{1,4}} point", text):
            points = float(found.group(1))
    return points
