"""The one form in which a notebook is stored, and what may not stand in it.

A notebook in this form is the same to the byte whoever executed it: cell ids are stable, nothing tells when or on
which machine it ran, and each output can be compared with that of the next run.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from ulmfit_lib.authoring import colab

EXCUSED = "nbval-ignore-output"  # tag of a cell whose output is not compared: it times, or it samples
MAY_RAISE = "raises-exception"
#: The greatest part of a notebook's cells with output that may be excused from comparison.
MOST_EXCUSED = 0.2

#: Where a volatile cell remembers the sources that its stored output comes from.
STORED_FOR = "stored_for"
_CELL_METADATA = {"tags", "nbgrader", "deletable", "editable", "jupyter", "mystnb", STORED_FOR}
_NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

_VALID_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]{6,}")
_FRAME_FILE = re.compile(r"(?<=File )\S+?(?=:\d+)|(?<=File \")[^\"]+(?=\")")
_PROGRESS = re.compile(r"<progress|\r|\b\d+%\|")
_NBVAL_COMMENT = re.compile(r"^\s*#\s*((?:NBVAL|PYTEST_VALIDATE)_\w+)", re.MULTILINE)
_FENCED = re.compile(r"^( {0,3})(`{3,}+|~{3,}+)(?!\s*\{)[^\n]*\n.*?^\1\2`*~*\s*$", re.MULTILINE | re.DOTALL)
_SPHINX = {
    "a directive": re.compile(r"^\s*(?:`{3,}|~{3,})\s*\{[\w:.+-]+\}", re.MULTILINE),
    "a colon fence": re.compile(r"^\s*:{3,}", re.MULTILINE),
    "a role": re.compile(r"(?<!`)\{[a-zA-Z][\w:.+-]*\}`[^`]"),
    "a target": re.compile(r"^\([\w:.-]+\)=\s*$", re.MULTILINE),
}


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells that hold code, in order; an empty one is never executed and does not count."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def tags(cell: NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def normalise(notebook: NotebookNode, root: Path) -> None:
    """Bring an executed notebook into the one form, in place.

    Args:
        notebook: format 4.
        root: folder of the repository; in a stored traceback, files are named from there.
    """
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = NotebookNode({name: NotebookNode(value) for name, value in _NOTEBOOK_METADATA.items()})
    _give_ids(notebook)
    for cell in notebook.cells:
        cell.metadata = NotebookNode(
            {name: cell.metadata[name] for name in sorted(_CELL_METADATA & set(cell.metadata))}
        )
        if EXCUSED not in tags(cell):
            cell.metadata.pop(STORED_FOR, None)
        if cell.cell_type == "code":
            cell.outputs = [_normal_output(output, root) for output in _merge_streams(cell.outputs)]
            if not cell.source.strip():
                cell.execution_count = None
    for count, cell in enumerate(code_cells(notebook), start=1):
        if cell.execution_count is None:
            continue  # never executed: its count must not say that it was
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count


def _give_ids(notebook: NotebookNode) -> None:
    """Keep each valid id that comes first, call a graded cell by its grade_id, name the rest by their source."""
    taken: set[str] = set()
    for cell in notebook.cells:
        wanted = cell.metadata.get("nbgrader", {}).get("grade_id") or cell.get("id", "")
        if not _VALID_ID.fullmatch(wanted) or wanted in taken:
            wanted = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        name, repeat = wanted, 1
        while name in taken:
            repeat += 1
            name = f"{wanted}-{repeat}"
        taken.add(name)
        cell["id"] = name


def _merge_streams(outputs: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Join stream outputs that follow one another: where a stream is cut depends on the speed of the machine."""
    last: NotebookNode | None = None
    for output in outputs:
        if last is not None and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
            continue
        if last is not None:
            yield last
        last = NotebookNode(output)
    if last is not None:
        yield last


def _normal_output(output: NotebookNode, root: Path) -> NotebookNode:
    output.pop("transient", None)
    if output.output_type == "error":
        # Not compared by nbval, but read on the site: no colours, no places on this machine.
        plain = [_COLOUR.sub("", line) for line in output.traceback]
        output.traceback = [_FRAME_FILE.sub(lambda found: _short_path(found.group(), root), line) for line in plain]
    return output


def _short_path(path: str, root: Path) -> str:
    full = Path(path).expanduser()
    if "site-packages" in full.parts:
        return "/".join(full.parts[full.parts.index("site-packages") :])
    return full.relative_to(root).as_posix() if full.is_relative_to(root) else full.name


def fingerprint(notebook: NotebookNode, cell: NotebookNode) -> str:
    """Return a hash of all the code that a cell's output depends on: its own and that of the cells before it."""
    sources = []
    for earlier in code_cells(notebook):
        if earlier.get("id") != colab.ID:  # no output depends on it
            sources.append(earlier.source)
        if earlier is cell:
            break
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def excused_share(notebook: NotebookNode) -> tuple[int, int]:
    """Return how many cells with output are excused from comparison, and how many cells have output."""
    with_output = [cell for cell in code_cells(notebook) if cell.outputs]
    return sum(EXCUSED in tags(cell) for cell in with_output), len(with_output)


def complaints(notebook: NotebookNode, machine_paths: tuple[str, ...] = ()) -> list[str]:
    """Say what must not be stored, one sentence each, with the number and the id of the cell.

    Args:
        notebook: executed and normalised.
        machine_paths: folders whose names must not occur in an output.
    """
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        where = f"cell {number} ({cell.get('id', 'no id')})"
        if cell.cell_type == "markdown":
            found += [f"{where}: {what}, which only Sphinx understands." for what in sphinx_syntax(cell.source)]
        elif cell.cell_type == "code":
            found += [f"{where} {what}." for what in _code_complaints(cell, machine_paths)]
    excused, with_output = excused_share(notebook)
    if excused > MOST_EXCUSED * with_output:
        found.append(
            f"{excused} of {with_output} cells with output are tagged {EXCUSED}; at most {MOST_EXCUSED:.0%} may be."
        )
    return found


def sphinx_syntax(markdown: str) -> list[str]:
    """Name the constructs of a Markdown text that Jupyter, Colab and VS Code would show as they stand.

    >>> sphinx_syntax("See {doc}`glossary`.")
    ['a role']
    """
    markdown = _FENCED.sub("", markdown)
    return [what for what, pattern in _SPHINX.items() if pattern.search(markdown)]


def _code_complaints(cell: NotebookNode, machine_paths: tuple[str, ...]) -> Iterator[str]:
    if comment := _NBVAL_COMMENT.search(cell.source):
        yield f"holds the comment {comment[1]}; use the tag {EXCUSED}, which is counted"
    if "nbval-skip" in tags(cell):
        yield "is tagged nbval-skip; every cell runs"
    for output in cell.outputs:
        kind = output.output_type
        if kind == "error" and MAY_RAISE not in tags(cell):
            yield f"raises {output.ename}: {output.evalue}"
        if kind == "stream" and output.name == "stderr":
            yield f"writes to stderr: {output.text.strip().splitlines()[0] if output.text.strip() else ''!r}"
        text = output_text(output)
        if _PROGRESS.search(text) or "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
            yield "stores a progress bar or a widget, which is different each time: switch it off"
        if _COLOUR.search(text):
            yield "stores colour codes"
        if address := _ADDRESS.search(text):
            yield f"stores an object's address ({address.group()}), which is different each time"
        for path in machine_paths:
            if path in text:
                yield f"stores a path of this machine ({path})"


def output_text(output: NotebookNode) -> str:
    """Return all that is text in an output."""
    parts = [output.get("text", ""), output.get("evalue", ""), *output.get("traceback", [])]
    parts += [value for name, value in output.get("data", {}).items() if name != "image/png" and isinstance(value, str)]
    return "\n".join(part for part in parts if part)
