"""The tool that executes the notebooks and keeps them in one form."""

import copy
import json
from pathlib import Path

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ulmfit_lib.authoring import notebook_form as form
from ulmfit_lib.authoring import notebooks
from ulmfit_lib.errors import DataError

ROOT = Path(__file__).resolve().parents[1]
GRADED = {"grade": True, "grade_id": "rules-test", "locked": True, "points": 2, "schema_version": 3, "solution": False}
VOLATILE = {"tags": [form.EXCUSED]}


def code(source: str, *outputs: NotebookNode, **metadata: object) -> NotebookNode:
    return new_code_cell(source, outputs=list(outputs), metadata=metadata, execution_count=1)


def printed(text: str, name: str = "stdout") -> NotebookNode:
    return new_output("stream", name=name, text=text)


def value(text: str) -> NotebookNode:
    return new_output("execute_result", data={"text/plain": text}, execution_count=1)


def write(path: Path, *cells: NotebookNode, **metadata: object) -> Path:
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), path)
    return path


def outputs_of(path: Path) -> list[str]:
    return ["".join(map(form.output_text, cell.outputs)) for cell in form.code_cells(nbformat.read(path, 4))]


# --- executing ---


@pytest.fixture(scope="module")
def executed(tmp_path_factory) -> tuple[Path, notebooks.Result, notebooks.Result, bytes, bytes]:
    """A notebook executed twice, as it was stored after each."""
    path = write(
        tmp_path_factory.mktemp("book") / "sample.ipynb",
        new_markdown_cell("# Sample"),
        code("import os\nprint(os.environ['PYTHONHASHSEED'], os.path.basename(os.getcwd())[:4])\nprint(hash('a') % 7)"),
        code("for word in ['one', 'two']:\n    print(word, flush=True)"),
        code("os.urandom(8).hex()", **VOLATILE),
        code("1 / 0", tags=[form.MAY_RAISE]),
        code("1 + 1", nbgrader=GRADED, scrolled=True),
        code("{'b': 1}"),
        code(""),
        widgets={"state": {}},
    )
    first = notebooks.refresh(path, root=path.parent.parent)
    stored = path.read_bytes()
    second = notebooks.refresh(path, root=path.parent.parent)
    return path, first, second, stored, path.read_bytes()


def test_outputs_are_those_of_a_run_in_the_folder_of_the_notebook(executed):
    outputs = outputs_of(executed[0])
    assert outputs[0].startswith("0 book\n")
    assert outputs[1] == "one\ntwo\n"
    assert "ZeroDivisionError" in outputs[3]
    assert outputs[4:6] == ["2", "{'b': 1}"]


def test_a_second_run_changes_no_byte(executed):
    _, first, second, stored, stored_again = executed
    assert first.changed
    assert not first.failed, first.line
    assert not second.changed
    assert stored == stored_again


def test_the_file_is_in_the_one_form(executed):
    text = executed[4].decode()
    stored = json.loads(text)
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    assert stored["metadata"] == {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert (stored["nbformat"], stored["nbformat_minor"]) == (4, 5)
    counts = [cell["execution_count"] for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert counts == [1, 2, 3, 4, 5, 6, None]
    graded = stored["cells"][5]
    assert graded["id"] == "rules-test"
    assert graded["metadata"] == {"nbgrader": GRADED}
    assert "excused from comparison" in executed[1].line


def test_a_volatile_output_is_kept_until_code_before_it_changes(executed, tmp_path):
    path = tmp_path / "sample.ipynb"
    path.write_bytes(executed[4])
    before = outputs_of(path)[2]
    notebook = nbformat.read(path, 4)
    notebook.cells[0].source = "# Another title"
    notebook.cells[5].source = "1 + 2"
    nbformat.write(notebook, path)
    notebooks.refresh(path, root=tmp_path)
    assert outputs_of(path)[2] == before
    assert outputs_of(path)[4] == "3"

    notebook = nbformat.read(path, 4)
    notebook.cells[1].source += "\n"
    nbformat.write(notebook, path)
    assert not notebooks.refresh(path, root=tmp_path).failed
    assert outputs_of(path)[2] != before


def test_a_cell_that_fails_is_named_and_the_file_is_left_alone(tmp_path, capsys):
    path = write(tmp_path / "bad.ipynb", code("x = 1"), code("x.no_such_thing"))
    before = path.read_bytes()
    assert notebooks.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    said = capsys.readouterr().err
    assert "bad.ipynb: cell 2 (" in said
    assert "AttributeError" in said


def test_a_cell_that_ends_the_kernel_or_takes_too_long_is_named(tmp_path):
    for source, said in (
        ("import os; os._exit(3)", "ended the kernel"),
        ("import time; time.sleep(60)", "longer than 2 s"),
    ):
        with pytest.raises(DataError, match=rf"cell 2 .* {said}"):
            notebooks.execute(new_notebook(cells=[code("1"), code(source)]), tmp_path, timeout=2)


def test_an_output_that_is_taken_back_is_refused(tmp_path):
    source = "from IPython.display import clear_output\nprint('10 %')\nclear_output()\nprint('done')"
    with pytest.raises(DataError, match=r"cell 1 .* changes it later"):
        notebooks.execute(new_notebook(cells=[code(source)]), tmp_path)


def test_check_writes_nothing_and_names_what_would_change(tmp_path, capsys):
    path = write(tmp_path / "old.ipynb", code("1 + 1", value("2"), scrolled=True))
    before = path.read_bytes()
    assert notebooks.main(["--check", "--no-run", str(path)]) == 1
    assert path.read_bytes() == before
    assert "old.ipynb: would change" in capsys.readouterr().out
    assert notebooks.main(["--no-run", str(path)]) == 0
    assert notebooks.main(["--check", "--no-run", str(path)]) == 0


@pytest.mark.parametrize("content", ["", "not JSON", '{"cells": 3}', "\xff"])
def test_a_file_that_is_no_notebook_is_named(tmp_path, capsys, content):
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content.encode("latin-1"))
    assert notebooks.main(["--no-run", str(path)]) == 1
    assert "broken.ipynb: cannot be read as a notebook" in capsys.readouterr().err
    assert notebooks.main(["--no-run", str(tmp_path / "absent.ipynb")]) == 1
    assert "absent.ipynb" in capsys.readouterr().err


# --- the form ---

CELLS = st.builds(
    lambda kind, source, name: {"cell_type": kind, "source": source, "id": name},
    st.sampled_from(["markdown", "code"]),
    st.sampled_from(["", "a", "b = 1", "print()"]),
    st.sampled_from(["a", "b", "with space", "", "x" * 65, "a-2"]),
)


def made_from(cells: list[dict]) -> NotebookNode:
    full = [
        {**cell, "metadata": {}, **({"outputs": [], "execution_count": 7} if cell["cell_type"] == "code" else {})}
        for cell in cells
    ]
    return nbformat.from_dict({"cells": full, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@given(st.lists(CELLS, max_size=8))
def test_ids_are_valid_and_unique_and_the_form_is_its_own_form(cells):
    notebook = made_from(cells)
    form.normalise(notebook, ROOT)
    nbformat.validate(notebook)
    names = [cell.id for cell in notebook.cells]
    assert len(set(names)) == len(names)
    again = copy.deepcopy(notebook)
    form.normalise(again, ROOT)
    assert again == notebook


def test_a_valid_id_is_kept_and_a_missing_one_depends_on_the_source_alone():
    cells = [{"cell_type": "code", "source": "x", "id": "mine"}, {"cell_type": "code", "source": "y", "id": ""}]
    notebook, turned = made_from(cells), made_from(cells[::-1])
    form.normalise(notebook, ROOT)
    form.normalise(turned, ROOT)
    assert notebook.cells[0].id == "mine"
    assert notebook.cells[1].id == turned.cells[0].id
    assert len(notebook.cells[1].id) == 12


def test_streams_that_follow_one_another_become_one():
    outputs = [printed("a"), printed("b\n"), value("1"), printed("c")]
    notebook = new_notebook(cells=[code("pass", *outputs)])
    form.normalise(notebook, ROOT)
    assert [form.output_text(output) for output in notebook.cells[0].outputs] == ["ab\n", "1", "c"]


def test_a_traceback_names_files_from_the_repository_and_has_no_colours():
    lines = [
        f"File \x1b[32m{ROOT}/ulmfit_lib/rules.py:12\x1b[0m, in f",
        "File /opt/py/lib/python3.11/site-packages/torch/nn/modules/module.py:17, in g",
        "File /usr/lib/python3.11/json/decoder.py:3",
    ]
    error = new_output("error", ename="E", evalue="", traceback=lines)
    notebook = new_notebook(cells=[code("f()", error, tags=[form.MAY_RAISE])])
    form.normalise(notebook, ROOT)
    assert notebook.cells[0].outputs[0].traceback == [
        "File ulmfit_lib/rules.py:12, in f",
        "File site-packages/torch/nn/modules/module.py:17, in g",
        "File decoder.py:3",
    ]


# --- what must not be stored ---


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (code("f", value("<function f at 0x7f3a2b1c>")), "an object's address"),
        (code("f", printed("careful!\n", "stderr")), "writes to stderr: 'careful!'"),
        (code("f", printed("10%|██        |")), "progress bar"),
        (code("f", printed("1\r2")), "progress bar"),
        (code("f", new_output("display_data", data={"text/html": "<progress value=1>"})), "progress bar"),
        (code("f", printed("\x1b[31mred\x1b[0m")), "colour codes"),
        (code("f", printed("/secret/place/data.csv")), "path of this machine (/secret/place/)"),
        (code("f", new_output("error", ename="ValueError", evalue="no", traceback=[])), "raises ValueError: no"),
        (code("# NBVAL_IGNORE_OUTPUT\nf"), "the comment NBVAL_IGNORE_OUTPUT"),
        (code("f", tags=["nbval-skip"]), "every cell runs"),
        (new_markdown_cell("```{note}\nx\n```"), "a directive"),
    ],
)
def test_what_must_not_be_stored_is_said_with_the_cell(cell, said):
    cell["id"] = "here"
    found = form.complaints(new_notebook(cells=[new_markdown_cell("x"), cell]), ("/secret/place/",))
    assert len(found) == 1
    assert found[0].startswith("cell 2 (here)")
    assert said in found[0]


def test_plain_outputs_pass():
    cell = code("f", printed("100 % of 3|4, at 0x7 and 50%\n"), value("array([1, 2])"))
    assert form.complaints(new_notebook(cells=[cell]), ("/secret/place/",)) == []


def test_at_most_a_fifth_of_the_outputs_may_be_excused():
    plain = [code("f", value("1")) for _ in range(8)]
    excused = [code("g", value("2"), **VOLATILE) for _ in range(2)]
    silent = code("pass", **VOLATILE)
    assert form.excused_share(new_notebook(cells=[*plain, *excused, silent])) == (2, 10)
    assert form.complaints(new_notebook(cells=[*plain, *excused])) == []
    (found,) = form.complaints(new_notebook(cells=[*plain[:7], *excused]))
    assert found.startswith("2 of 9 cells with output are tagged")


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("````{admonition} Title\nText\n````", ["a directive"]),
        ("text\n\n~~~{code-cell} python\n~~~", ["a directive"]),
        (":::{note}\nText\n:::", ["a colon fence"]),
        ("See {ref}`there` and {py:func}`f`.", ["a role"]),
        ("(my-target)=\n# Title", ["a target"]),
        ("```python\nf'{x}'\n```\n\n`{x}` and $\\{a\\}$, [a link](b.ipynb), a set {1, 2}: x", []),
        ("~~~\n:::{note}\n~~~", []),
        ("The shape is {`bs`, `seq_len`}.", []),
    ],
)
def test_sphinx_only_syntax_is_found(markdown, found):
    assert form.sphinx_syntax(markdown) == found


# --- the notebooks of the course ---


@pytest.mark.parametrize("path", notebooks.all_notebooks(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_notebook_is_stored_executed_and_in_the_one_form(path):
    result = notebooks.refresh(path, check=True, run=False)
    assert not result.failed, result.line
    assert not result.changed, f"{result.line}: run `make notebooks`"
    stored = nbformat.read(path, as_version=4)
    assert all(cell.execution_count for cell in form.code_cells(stored)), "run `make notebooks`"
