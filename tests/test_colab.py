"""A notebook that is opened in Colab fetches the course, and at home does nothing of the kind."""

import json
from pathlib import Path

import nbformat
import pytest
import yaml
from conftest import ROOT
from IPython.core.inputtransformer2 import TransformerManager

from ulmfit_lib.authoring import colab
from ulmfit_lib.authoring.notebooks import all_notebooks

RELEASED = sorted((ROOT / "exercises").glob("*/*.ipynb"))


class Colab:
    """What the cell asks of IPython, noted instead of done."""

    def __init__(self) -> None:
        self.asked = []

    def run_line_magic(self, name, line):
        self.asked.append(f"%{name} {line}")

    def system(self, command):
        self.asked.append(f"!{command}")

    def __str__(self) -> str:
        return "<google.colab._shell.Shell object>"


class AtHome(Colab):
    def __str__(self) -> str:
        return "<ipykernel.zmqshell.ZMQInteractiveShell object>"


def asked_by(source: str, shell: Colab) -> list[str]:
    exec(TransformerManager().transform_cell(source), {"get_ipython": lambda: shell})
    return shell.asked


@pytest.mark.parametrize("path", [*all_notebooks(), *RELEASED], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_cell_stands_after_the_title_and_acts_in_colab_alone(path):
    address = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    title, cell, *_ = nbformat.read(path, as_version=4).cells
    assert title.cell_type == "markdown"
    assert (cell.id, cell.metadata.tags) == (colab.ID, ["remove-cell"])
    assert asked_by(cell.source, AtHome()) == []
    name = Path(address).name
    assert asked_by(cell.source, Colab()) == [
        "%cd -q /content",
        f"!git clone -q --depth 1 {address}",
        f"%pip install -q ./{name}",
        f"%cd -q {name}{'/book' if path.parent.name == 'book' else ''}",
    ]


def test_it_is_put_in_and_renewed(tmp_path):
    (tmp_path / "_config.yml").write_text("repository: {url: 'https://example.org/a/films'}")
    path = tmp_path / "book" / "one.ipynb"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One")])
    colab.see_to(notebook, path, tmp_path)
    assert "https://example.org/a/films" in notebook.cells[1].source
    notebook.cells[1].source, notebook.cells[1].execution_count = "old", 1
    once = json.dumps(notebook.cells[0])
    colab.see_to(notebook, path, tmp_path)
    assert len(notebook.cells) == 2
    assert notebook.cells[1].source == colab.source(path, tmp_path)
    assert notebook.cells[1].execution_count == 1
    assert json.dumps(notebook.cells[0]) == once


def test_a_notebook_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "_config.yml").write_text("repository: {url: 'https://example.org/a/films'}")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One")])
    for path, root in ((tmp_path / "mine" / "one.ipynb", tmp_path), (tmp_path / "book" / "one.ipynb", tmp_path / "no")):
        colab.see_to(notebook, path, root)
        assert len(notebook.cells) == 1
