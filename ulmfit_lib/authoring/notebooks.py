"""Execute the notebooks and store them in one form: `python -m ulmfit_lib.authoring.notebooks [FILES...]`.

Without files: every notebook of book/ and solutions/. A second run changes nothing, to the byte: a cell tagged
`nbval-ignore-output` keeps the output that it has for as long as its own code and that of the cells before it stay
the same. A notebook that fails or stores what it must not is named with the cell, and its file is left as it was.
"""

import argparse
import copy
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from ulmfit_lib.authoring import colab
from ulmfit_lib.authoring import notebook_form as form
from ulmfit_lib.errors import DataError, UlmfitError
from ulmfit_lib.files import write_atomically

ROOT = Path(__file__).resolve().parents[2]


def kernel_environment() -> dict[str, str]:
    """Return the environment variables under which a notebook gives the same outputs on every machine."""
    return {
        "COLUMNS": "100",
        "CUDA_VISIBLE_DEVICES": "",  # a GPU rounds differently
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "NO_COLOR": "1",
        "OMP_NUM_THREADS": "1",  # the order of a sum depends on the number of threads
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYTHONWARNINGS": "ignore::DeprecationWarning,ignore::FutureWarning,ignore::PendingDeprecationWarning",
        "TERM": "dumb",
        "TOKENIZERS_PARALLELISM": "false",
        "TZ": "UTC",
    }


def build_font_cache() -> None:
    """Let matplotlib look for fonts now: in a notebook it would say so on stderr the first time."""
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    import matplotlib.font_manager  # noqa: F401


def all_notebooks(root: Path = ROOT) -> list[Path]:
    """Return every notebook that is kept with its outputs."""
    return sorted((root / "book").glob("*.ipynb")) + sorted((root / "solutions").glob("*/*.ipynb"))


class _Client(NotebookClient):
    """Runs a notebook; notes where it is, and each cell that takes an output back, which nbval cannot follow."""

    def __init__(self, notebook: NotebookNode, **settings: object) -> None:
        super().__init__(notebook, **settings)
        self.took_back: set[int] = set()
        self.running = 0

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, **settings: object) -> NotebookNode:
        self.running = cell_index
        return await super().async_execute_cell(cell, cell_index, **settings)

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        if msg["msg_type"] in ("clear_output", "update_display_data"):
            self.took_back.add(cell_index)
        return super().process_message(msg, cell, cell_index)


def execute(notebook: NotebookNode, folder: Path, timeout: float = 600) -> None:
    """Run all cells in a fresh kernel that starts in `folder`, in place; outputs are as the kernel gave them.

    Raises:
        DataError: a cell raised, took too long, killed the kernel, or shows something that it changes later.
    """
    client = _Client(
        notebook,
        km=AsyncKernelManager(kernel_name="python3"),
        timeout=timeout,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
    )
    try:
        client.execute(env={**os.environ, **kernel_environment()}, stderr=subprocess.DEVNULL)
    except CellTimeoutError as error:
        raise DataError(f"{_name(notebook, client.running)} took longer than {timeout:g} s.") from error
    except DeadKernelError as error:
        raise DataError(f"{_name(notebook, client.running)} ended the kernel.") from error
    except CellExecutionError as error:
        raise DataError(f"{_name(notebook, client.running)} raises {error.ename}: {error.evalue}") from error
    if client.took_back:
        number = min(client.took_back)
        raise DataError(
            f"{_name(notebook, number)} shows something and changes it later, as a progress bar does.",
            fix="Switch the bar off: for fastai, `with learn.no_bar():`.",
        )


def _name(notebook: NotebookNode, index: int) -> str:
    return f"cell {index + 1} ({notebook.cells[index].get('id', 'no id')})"


def keep_volatile(notebook: NotebookNode, stored: NotebookNode) -> None:
    """Give volatile cells their stored outputs back, unless the code that these come from has changed, in place.

    Args:
        notebook: just executed.
        stored: the same notebook as it was read, with the same cells in the same order.
    """
    for cell, before in zip(notebook.cells, stored.cells, strict=True):
        if cell.cell_type != "code" or form.EXCUSED not in form.tags(cell):
            continue
        now = form.fingerprint(notebook, cell)
        if before.outputs and before.metadata.get(form.STORED_FOR) == now:
            cell.outputs = before.outputs
        cell.metadata[form.STORED_FOR] = now


class Result(NamedTuple):
    """What became of one notebook."""

    line: str  # one line for the author
    changed: bool
    failed: bool


def refresh(
    path: Path, *, root: Path = ROOT, check: bool = False, run: bool = True, fresh: bool = False, timeout: float = 600
) -> Result:
    """Execute one notebook, bring it into the one form and write it if that changes the file.

    Args:
        path: the notebook.
        root: folder of the repository.
        check: write nothing.
        run: execute it; without, only the form is mended.
        fresh: do not keep the stored output of volatile cells.
        timeout: seconds that a cell may take.
    """
    started = time.perf_counter()
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    try:
        before, stored = _read(path)
        colab.see_to(stored, path, root)
        notebook = copy.deepcopy(stored)
        if run:
            execute(notebook, path.parent, timeout)
            if not fresh:
                keep_volatile(notebook, stored)
        form.normalise(notebook, root)
        nbformat.validate(notebook)
        if found := form.complaints(notebook, _machine_paths(root)):
            raise DataError("\n  ".join(found))
    except UlmfitError as error:
        return Result(f"{name}: {error}", changed=False, failed=True)
    except nbformat.ValidationError as error:
        return Result(f"{name}: is no valid notebook: {error.message}", changed=False, failed=True)
    after = nbformat.writes(notebook, version=4).rstrip("\n") + "\n"
    changed = after != before
    if changed and not check:
        write_atomically(path, after)
    excused, with_output = form.excused_share(notebook)
    did = ("would change" if check else "written") if changed else "unchanged"
    line = (
        f"{name}: {did}; {with_output} cells with output, {excused} excused from comparison; "
        f"{time.perf_counter() - started:.1f} s"
    )
    return Result(line, changed=changed, failed=False)


def _read(path: Path) -> tuple[str, NotebookNode]:
    """Return a notebook's text and content; what is invalid in it and cannot be mended is found later."""
    try:
        text = path.read_bytes().decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of cells without an id
            return text, nbformat.reads(text, as_version=4, capture_validation_error={})
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise DataError(f"cannot be read as a notebook: {str(error).splitlines()[0]}") from error


def _machine_paths(root: Path) -> tuple[str, ...]:
    folders = (str(root), str(Path.home()), sys.prefix, tempfile.gettempdir())
    return tuple(f"{folder}{os.sep}" for folder in dict.fromkeys(folders) if folder != os.sep)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ulmfit_lib.authoring.notebooks", description=__doc__.splitlines()[0]
    )
    parser.add_argument("files", nargs="*", type=Path, help="notebooks; all of book/ and solutions/ if none is named")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a notebook would change")
    parser.add_argument("--no-run", action="store_true", help="mend the form without executing")
    parser.add_argument("--fresh", action="store_true", help="take new outputs for volatile cells too")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="notebooks at a time")
    parser.add_argument("--timeout", type=float, default=600, help="seconds that a cell may take")
    options = parser.parse_args(arguments)
    files = [path.resolve() for path in options.files] or all_notebooks()
    build_font_cache()
    work = partial(refresh, check=options.check, run=not options.no_run, fresh=options.fresh, timeout=options.timeout)
    results = []
    with ThreadPoolExecutor(max_workers=max(1, options.jobs)) as pool:
        for result in pool.map(work, files):
            print(result.line, file=sys.stderr if result.failed else sys.stdout, flush=True)
            results.append(result)
    changed, failed = sum(result.changed for result in results), sum(result.failed for result in results)
    print(f"{len(results)} notebooks, {changed} {'would change' if options.check else 'changed'}, {failed} failed")
    return 1 if failed or (options.check and changed) else 0


if __name__ == "__main__":
    sys.exit(main())
