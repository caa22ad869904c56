"""The cell that fetches the course where a notebook was opened in Colab, in which nothing of it is installed.

It stands in each chapter and each problem set, after the title, and is written here alone. Everywhere else it does
nothing; a page of the site does not show it, and JupyterLab shows it folded.
"""

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ulmfit_lib.authoring.site_check import repository_of

ID = "colab"
_CELL = """\
# Only in Colab: fetch the course, which takes some minutes.
if "google.colab" in str(get_ipython()):
    %cd -q /content
    !git clone -q --depth 1 {address}
    %pip install -q ./{name}
    %cd -q {name}{folder}"""


def see_to(notebook: NotebookNode, path: Path, root: Path) -> None:
    """Give a chapter or a problem set the cell as it should be, in place; any other notebook is left alone.

    Args:
        notebook: format 4.
        path: where it lies.
        root: folder of the repository; its address is the one in `_config.yml`.
    """
    config = root / "_config.yml"
    if not (config.exists() and path.is_relative_to(root) and path.relative_to(root).parts[0] in ("book", "solutions")):
        return
    metadata = {"tags": ["remove-cell"], "jupyter": {"source_hidden": True}}
    cell = nbformat.v4.new_code_cell(source(path, root), id=ID, metadata=metadata)
    for number, other in enumerate(notebook.cells):
        if other.get("id") == ID:
            cell.execution_count = other.execution_count
            notebook.cells[number] = cell
            return
    notebook.cells.insert(1, cell)


def source(path: Path, root: Path) -> str:
    """Return the cell's code for a notebook; it ends where the notebook finds the library and the results."""
    address = repository_of(root)["url"]
    # A chapter reads results from ../results, as it does at home. A problem set reads them beside the library, so it
    # takes the library from the folder that was fetched: the installed one has no results.
    folder = "/book" if path.relative_to(root).parts[0] == "book" else ""
    return _CELL.format(address=address, name=address.rpartition("/")[2], folder=folder)
