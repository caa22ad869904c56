"""A submission in nbgrader's form again: every cell of the release once, tests as released, nothing unknown left.

nbgrader stumbles over cells that were split, copied, renamed, deleted or lost their metadata. What comes out of here
it takes without a word, and the student's own cells stand where they stood.
"""

import copy
from typing import Any

from ulmfit_lib.grading.outcome import FunctionMark, Outcome
from ulmfit_lib.grading.submission import Cell, Release, Submission, same_code

# So that nbgrader, too, asks a person to read: to it a cell that stands as it was released is no answer.
_ELSEWHERE = "\n\n*(Not answered here, but the notebook holds text that is not the release's: read that.)*"


def mended(submission: Submission, release: Release, outcome: Outcome | None = None) -> dict[str, Any]:
    """Return the submission as a notebook of format 4.5, without outputs but for those that say the marks.

    Args:
        submission: with the names of its cells recognised.
        release: what students were given.
        outcome: what marking gave; with it, each test cell shows what the check says, failed ones as an error.
    """
    last = {cell.grade_id: number for number, cell in enumerate(submission.cells) if cell.grade_id}
    originals = {_grade_id(cell): cell for cell in release.notebook["cells"] if _grade_id(cell)}
    cells: list[dict[str, Any]] = []
    for number, cell in enumerate(submission.cells):
        original = originals.get(cell.grade_id) if last.get(cell.grade_id) == number else None
        if original is None:
            cells.append(_added(cell, number))
        else:
            cells.append(_in_form(original, cell))
    _put_back(cells, list(originals.values()))
    for cell in cells:
        if (name := _grade_id(cell)) in release.written and same_code(cell["source"], release.sources[name]):
            cell["source"] += "" if unanswered(submission, release, name) else _ELSEWHERE
    if outcome is not None:
        marks = {f"test_{mark.name}": mark for mark in outcome.functions}
        for cell in cells:
            if (mark := marks.get(_grade_id(cell))) and cell["cell_type"] == "code":
                cell["outputs"] = [_shown(mark)]
    metadata = copy.deepcopy(release.notebook.get("metadata", {}))
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _grade_id(cell: dict[str, Any]) -> str:
    return cell["metadata"].get("nbgrader", {}).get("grade_id", "")


def _in_form(original: dict[str, Any], cell: Cell) -> dict[str, Any]:
    """Return a released cell, with what the student wrote if it is one to write in."""
    new = copy.deepcopy(original)
    if new["metadata"]["nbgrader"].get("solution"):
        new["source"] = cell.source
    if new["cell_type"] == "code":
        new["outputs"], new["execution_count"] = [], None
    return new


def _added(cell: Cell, number: int) -> dict[str, Any]:
    new = {"cell_type": cell.kind, "id": f"own-{number}", "metadata": {}, "source": cell.source}
    return {**new, "outputs": [], "execution_count": None} if cell.kind == "code" else new


def _put_back(cells: list[dict[str, Any]], originals: list[dict[str, Any]]) -> None:
    """Insert each released cell that is missing behind the one before it in the release."""
    place = 0
    present = {_grade_id(cell): number for number, cell in enumerate(cells)}
    for original in originals:
        name = _grade_id(original)
        if name in present:
            place = next(number for number, cell in enumerate(cells) if _grade_id(cell) == name) + 1
            continue
        new = copy.deepcopy(original)
        if new["cell_type"] == "code":
            new["outputs"], new["execution_count"] = [], None
        cells.insert(place, new)
        place += 1


def _shown(mark: FunctionMark) -> dict[str, Any]:
    message = mark.message if not mark.look else f"{mark.message}\n  to be looked at: {mark.look}"
    if mark.points >= mark.maximum:
        return {"output_type": "stream", "name": "stdout", "text": message + "\n"}
    lines = message.split("\n")
    return {"output_type": "error", "ename": "CheckFailed", "evalue": lines[0], "traceback": lines}


def unanswered(submission: Submission, release: Release, name: str) -> bool:
    """Whether the cell of that name is missing or stands there as it was released.

    A written answer may also stand in a copy of its cell, or in any text that is not the release's.
    """
    same = [same_code(cell.source, release.sources[name]) for cell in submission.cells if cell.grade_id == name]
    if name in release.written:
        return all(same) and not any(release.is_own_text(cell) for cell in submission.cells)
    return not same or same[-1]
