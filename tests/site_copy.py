"""The book with one page more, which holds each kind of content that a page can hold, built once for all tests."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml
from conftest import sandbox_works
from filelock import FileLock
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ulmfit_lib.authoring import notebook_form, site_live
from ulmfit_lib.pictures import house_style, show

ROOT = Path(__file__).resolve().parents[1]
ALT = 'A line that rises from "low" to high & stays there.'
SAMPLE = r"""# Sample page

A formula in a line, $h_t = o_t \odot \tanh(c_t)$, and one that is too wide for a telephone:

$$
p(w_t \mid w_1, \dots, w_{t-1}) = \frac{\exp(z_{w_t})}{\sum_{j=1}^{|V|} \exp(z_j)}
  = \operatorname{softmax}(W h_t + b)_{w_t} = \frac{\exp(z_{w_t} - \max_k z_k)}{\sum_{j=1}^{|V|} \exp(z_j - \max_k z_k)}
$$

| rule | effect |
|---|---|
| `replace_rep` | a repeated character becomes a count |

See the [glossary](glossary.md). The word for the search test is quokkatoken.
"""
TABLE = '<div><table border="1" class="dataframe"><thead><tr><th></th><th>a</th></tr></thead></table></div>'


def sample_notebook() -> nbformat.NotebookNode:
    """A notebook as `make notebooks` would store it."""
    import matplotlib.pyplot as plt

    with house_style():
        figure, axes = plt.subplots()
        axes.plot([1, 2, 3], [1, 2, 2], label="loss")
        axes.legend()
        picture = show(figure, ALT)
    bundle = {**picture._repr_mimebundle_()}
    error = new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=["division by zero"])
    cells = [
        new_markdown_cell(SAMPLE),
        new_code_cell("print('x' * 300)", outputs=[new_output("stream", text="x" * 300 + "\n")]),
        new_code_cell("draw()", outputs=[new_output("execute_result", data=bundle, execution_count=2)]),
        new_markdown_cell("## The same picture again"),
        new_code_cell(
            "draw()",
            outputs=[new_output("execute_result", data=bundle, execution_count=3)],
            metadata={"tags": ["hide-input"]},
        ),
        new_code_cell("table", outputs=[new_output("display_data", data={"text/html": TABLE, "text/plain": "a"})]),
        new_code_cell(
            "said",
            outputs=[new_output("display_data", data={"text/markdown": "| a |\n|---|\n| $b^2$ |", "text/plain": "b"})],
        ),
        new_code_cell("1 / 0", outputs=[error], metadata={"tags": [notebook_form.MAY_RAISE]}),
    ]
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    notebook = new_notebook(cells=cells)
    notebook_form.normalise(notebook, ROOT)
    return notebook


def copy_of_book(folder: Path) -> Path:
    """Copy the sources of the site to `folder` and add the sample page."""
    shutil.copytree(ROOT / "book", folder / "book")
    shutil.copy(ROOT / "_config.yml", folder)
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    contents["parts"].append({"caption": "Sample", "chapters": [{"file": "book/sample"}]})
    (folder / "_toc.yml").write_text(yaml.safe_dump(contents), encoding="utf-8")
    nbformat.write(sample_notebook(), folder / "book" / "sample.ipynb")
    for entry in ROOT.iterdir():  # pages link to files of the repository
        if not entry.name.startswith((".", "_")) and not (folder / entry.name).exists():
            (folder / entry.name).symlink_to(entry)
    return folder


def built_site(shared: Path) -> Path:
    """Build the copy once, however many workers ask for it, and return the folder of its HTML.

    Where there is a sandbox, it is built without a network; `built.txt` beside the sources says so, and holds what
    the command printed.

    Args:
        shared: a folder that all workers of a test run have in common.
    """
    root = shared / "site"
    with FileLock(shared / "site.lock"):
        if not (root / "built.txt").exists():
            shutil.rmtree(root, ignore_errors=True)
            root.mkdir()
            site_live.pyodide()  # the build has no network, and must find it
            offline = ["bwrap", "--dev-bind", "/", "/", "--unshare-net"] if sandbox_works() else []
            command = [sys.executable, "-m", "ulmfit_lib.authoring.book", "--root", str(copy_of_book(root))]
            done = subprocess.run([*offline, *command], capture_output=True, encoding="utf-8")
            assert done.returncode == 0, done.stderr
            (root / "built.txt").write_text(f"{'offline' if offline else 'online'}\n{done.stdout}", encoding="utf-8")
    return root / "_build" / "html"
