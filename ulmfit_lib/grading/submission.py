"""Reading what a student handed in: the notebook as text and no more, however old, odd or broken it is."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from ulmfit_lib.checks.sets import EXERCISE_NAMES
from ulmfit_lib.errors import UlmfitError

LARGEST = 100 << 20  # bytes of a notebook; pictures and printed tables are in it
_MOST_CODE = 2 << 20  # characters of code
_MOST_BRACKETS = 3_000_000  # lists and objects in the JSON: each costs Python 60 bytes and more
_MOST_CELLS = 5000


class SubmissionError(UlmfitError):
    """A submission that cannot be marked as it is; the text says what to mend."""


@dataclass
class Cell:
    """A cell of a notebook, in the one form that all versions of the format are read into.

    Args:
        kind: "code", "markdown" or "raw".
        source: its text, lines ended by a line feed.
        grade_id: nbgrader's name for it; empty for a cell that is not nbgrader's.
        identity: the cell's own id, which Jupyter keeps when metadata is lost.
        outputs: what the notebook shows below it.
    """

    kind: str
    source: str
    grade_id: str = ""
    identity: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Submission:
    """A notebook that was read, with what had to be guessed on the way."""

    cells: list[Cell]
    notes: list[str] = field(default_factory=list)


def read(path: Path) -> Submission:
    """Read a notebook without running or trusting anything in it.

    Raises:
        SubmissionError: it is no notebook, or far too large.
    """
    if path.is_symlink() or not path.is_file():
        raise SubmissionError("there is no such file, or it is a link.", where=path.name)
    size = path.stat().st_size
    if size > LARGEST:
        raise SubmissionError(
            f"the notebook has {size / 2**20:,.0f} MB; at most {LARGEST >> 20} are read.",
            where=path.name,
            fix="Clear its outputs (Edit, Clear Outputs of All Cells), save it and hand it in again.",
        )
    return parse(path.read_bytes(), path.name)


def parse(data: bytes, name: str = "notebook") -> Submission:
    """Read a notebook from the bytes of its file; see `read`."""
    notes: list[str] = []
    text = _text(data, notes)
    if text.count("[") + text.count("{") > _MOST_BRACKETS:
        raise SubmissionError("the notebook is built of millions of pieces, which no notebook is.", where=name)
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SubmissionError(
            f"this is no notebook: {_short(error)}.",
            where=name,
            fix="Open it in Jupyter; if it does not open, hand in the last version that does.",
        ) from None
    cells = _cells_of(notebook)
    if cells is None:
        raise SubmissionError("this is JSON, but no notebook: it has no cells.", where=name)
    if len(cells) > _MOST_CELLS:
        raise SubmissionError(f"the notebook has {len(cells):,} cells; at most {_MOST_CELLS:,} are read.", where=name)
    found = [_cell(one) for one in cells if isinstance(one, dict)]
    if len(found) < len(cells):
        notes.append("Something in the notebook that is no cell was left out.")
    if sum(len(cell.source) for cell in found if cell.kind == "code") > _MOST_CODE:
        raise SubmissionError("the notebook has more than two million characters of code.", where=name)
    if not found:
        raise SubmissionError("the notebook is empty.", where=name)
    return Submission(found, notes)


def _text(data: bytes, notes: list[str]) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        notes.append("The notebook is not saved as UTF-8: characters that could not be read are shown as �.")
        return data.decode("utf-8", errors="replace")


def _short(error: Exception) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:100]


def _cells_of(notebook: Any) -> list[Any] | None:
    if not isinstance(notebook, dict):
        return None
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):  # formats 2 and 3
        sheets = [sheet.get("cells") for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for sheet in sheets if isinstance(sheet, list) for cell in sheet]
    return cells if isinstance(cells, list) else None


def _cell(cell: dict[str, Any]) -> Cell:
    kind = cell.get("cell_type")
    metadata = cell.get("metadata")
    ours = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = ours.get("grade_id") if isinstance(ours, dict) else None
    outputs = cell.get("outputs")
    return Cell(
        kind=kind if kind in ("code", "markdown") else "raw",
        source=joined(cell.get("source", cell.get("input"))),
        grade_id=grade_id if isinstance(grade_id, str) else "",
        identity=cell["id"] if isinstance(cell.get("id"), str) else "",
        outputs=[one for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else [],
    )


def joined(text: Any) -> str:
    """Return the text of a source or an output, which the format keeps as one string or as a list of lines."""
    if isinstance(text, list):
        text = "".join(line for line in text if isinstance(line, str))
    return cleaned(text.replace("\r\n", "\n").replace("\r", "\n")) if isinstance(text, str) else ""


def cleaned(text: str) -> str:
    """Return a text that can be written: half of a surrogate pair, which is no character, becomes a question mark.

    >>> cleaned("a\\ud83d")
    'a?'
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def same_code(one: str, other: str) -> bool:
    """Whether two sources are the same, but for white space at the ends of lines and of the cell."""
    return _bare(one) == _bare(other)


def _bare(source: str) -> list[str]:
    return [line.rstrip() for line in source.strip().split("\n")]


def _set_of_answer(cell: Cell) -> str:
    """Return the problem set that a cell is an answer of; empty if it is of none."""
    found = re.match(r"# (\w+): \d+ point", cell.source) or re.search(r"^def (\w+)\(", cell.source, re.M)
    return EXERCISE_NAMES.get(cell.identity) or EXERCISE_NAMES.get(found[1] if found else "", "")


class Release:
    """The notebook that students were given: which cells are answers, which are tests, and what the others say.

    Args:
        path: of the released notebook.
        names: of the problem set's exercises.

    Raises:
        SubmissionError: there is no such release.
    """

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        self.notebook = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"cells": []}
        self.names = list(names)
        self.sources: dict[str, str] = {}
        self.tests: dict[str, str] = {}
        self.points: dict[str, float] = {}
        self.others: list[str] = []
        self.solutions: set[str] = set()
        #: Each written answer, with the text of the cell before it.
        self.written: dict[str, str] = {}
        self._words: list[str] = []
        before = ""
        for cell in self.notebook["cells"]:
            ours, source = cell["metadata"].get("nbgrader", {}), joined(cell["source"])
            cell["source"] = source
            grade_id = ours.get("grade_id", "")
            if grade_id:
                self.sources[grade_id] = source
            if cell["cell_type"] == "markdown":
                self._words.append(source)
            if grade_id and ours.get("solution"):
                self.solutions.add(grade_id)
                if cell["cell_type"] == "markdown":
                    self.written[grade_id] = before
            before = source
            if ours.get("grade") and not ours.get("solution"):
                self.tests[grade_id] = source
                self.points[grade_id] = float(ours["points"])
            elif not ours.get("solution") and cell["cell_type"] == "code":
                self.others.append(source)
        if not self.sources:
            raise SubmissionError("there is no such release.", where=str(path), fix="Run `make release` first.")

    def recognise(self, submission: Submission) -> None:
        """Give back their names to cells of the release that have lost them, and say so in the notes."""
        taken = {cell.grade_id for cell in submission.cells}
        for cell in submission.cells:
            if cell.grade_id in self.sources:
                continue
            name = self._name_of(cell)
            cell.grade_id = ""
            if name and name not in taken:
                cell.grade_id = name
                taken.add(name)
                submission.notes.append(f"The cell {name} has lost its metadata; it was recognised all the same.")
        for name, before in self.written.items():
            if name not in taken and (cell := self._behind(before, submission)):
                cell.grade_id = name
                submission.notes.append(f"The cell {name} has lost its metadata; it was recognised by its place.")

    def _behind(self, before: str, submission: Submission) -> Cell | None:
        """Return a student's own words that stand behind a cell of the release."""
        for one, cell in pairwise(submission.cells):
            if same_code(one.source, before) and self.is_own_text(cell):
                return cell
        return None

    def is_own_text(self, cell: Cell) -> bool:
        """Whether it is text that is not the release's."""
        if cell.kind == "code" or cell.grade_id or not cell.source.strip():
            return False
        return not any(same_code(cell.source, source) for source in self._words)

    def _name_of(self, cell: Cell) -> str:
        if cell.identity in self.sources:
            return cell.identity
        for name, source in self.tests.items():
            if cell.kind == "code" and same_code(cell.source, source):
                return name
        for name in self.names:
            if re.match(rf"# {name}: \d+ point", cell.source) or re.search(rf"^def {name}\(", cell.source, re.M):
                return name
        for name in self.written:
            if cell.kind == "markdown" and same_code(cell.source, self.sources[name]):
                return name
        return ""

    def refuse_another_set(self, submission: Submission) -> None:
        """See that a submission, whose cells were recognised, answers this problem set.

        Raises:
            SubmissionError: it holds no answer cell of it, nor a name of one; or more of another set's.
        """
        slug = EXERCISE_NAMES.get(self.names[0], "this problem set")
        ours = sum(cell.grade_id in self.solutions for cell in submission.cells)
        theirs = Counter(other for cell in submission.cells if (other := _set_of_answer(cell)) not in ("", slug))
        (other, most), *_ = [*theirs.most_common(1), ("", 0)]
        if ours >= most and (ours or self._is_named_in(submission)):
            return
        looks = f"this looks like {other}: " if other else ""
        holds = f"fewer answers of {slug} than of {other}" if ours else f"no answer cell of {slug}"
        raise SubmissionError(
            f"{looks}the notebook holds {holds}.",
            fix=f"Hand in {slug}.ipynb, with the answers in its own cells.",
        )

    def _is_named_in(self, submission: Submission) -> bool:
        """Whether code names a function of the set: it may be answered in a way that no cell tells."""
        names = re.compile(rf"\b({'|'.join(map(re.escape, self.names))})\b")
        return any(cell.kind == "code" and names.search(cell.source) for cell in submission.cells)

    def is_test(self, cell: Cell) -> bool:
        """Whether it is one of the release's test cells (or a copy of one), which the grader does without."""
        if cell.grade_id in self.tests:
            return True
        return any(same_code(cell.source, source) for source in self.tests.values())

    def is_unchanged(self, cell: Cell) -> bool:
        """Whether a cell that is no answer stands there as it was released."""
        return cell.grade_id not in self.names and any(same_code(cell.source, source) for source in self.others)
