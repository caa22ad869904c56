"""Broken but honest: whatever happened to a notebook on its way, each gets what its right parts earn."""

import copy
import json

import pytest
from grading_kit import QUICK, RIGHT, SET, SLUG, answers, code, marked, place, points, released, solved

from ulmfit_lib.grading.marking import release_of
from ulmfit_lib.grading.mend import mended
from ulmfit_lib.grading.sandbox import Sandbox
from ulmfit_lib.grading.submission import parse


@pytest.fixture(scope="module")
def box(sandbox):
    with Sandbox(limits=QUICK) as one:
        yield one


def old_format():
    """Format 3, as notebooks were saved before 2015."""
    cells = [
        {"cell_type": "code", "input": cell["source"], "outputs": [], "metadata": cell["metadata"]}
        if cell["cell_type"] == "code"
        else {"cell_type": "heading", "level": 1, "source": "A heading"}
        for cell in solved()["cells"]
    ]
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": cells}]}


def format_4_0():
    notebook = solved()
    notebook["nbformat_minor"] = 0
    for cell in notebook["cells"]:
        del cell["id"]
    return notebook


def without_metadata():
    notebook = solved()
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    del notebook["metadata"]
    return notebook


def without_metadata_and_ids():
    notebook = without_metadata()
    for cell in notebook["cells"]:
        cell.pop("id")
    return notebook


def windows_line_ends():
    notebook = solved()
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")
    return b"\xef\xbb\xbf" + json.dumps(notebook, indent=1).replace("\n", "\r\n").encode()


def utf_16():
    return json.dumps(solved()).encode("utf-16")


def lines_as_lists():
    notebook = solved()
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    return notebook


def not_utf_8():
    return json.dumps(solved(), ensure_ascii=False).encode().replace(b"# fix_html: 2", b"# caf\xe9 fix_html: 2")


def output_of_50_mb():
    notebook = solved()
    output = {"output_type": "stream", "name": "stdout", "text": "x" * 50_000_000}
    notebook["cells"].append(code("print('x')", outputs=[output]))
    return notebook


def prints_a_lot():
    noise = "import sys\nprint('y' * 3_000_000)\nprint('warning', file=sys.stderr)\n"
    return solved(lowercase=noise + answers()["lowercase"].replace("    text =", "    print(text)\n    text ="))


def magics():
    notebook = solved(lowercase="%%time\n" + answers()["lowercase"])
    notebook["cells"].insert(0, code("%load_ext autoreload\n%matplotlib inline\n!pip install numpy"))
    return notebook


def a_broken_cell_of_their_own():
    notebook = solved()
    notebook["cells"].insert(0, code("this is not python"))
    notebook["cells"].insert(1, code("1 / 0"))
    notebook["cells"].insert(2, code("input('name? ')"))
    notebook["cells"].insert(3, code("import pandas as pd\nimport matplotlib.pyplot as plt\npd.DataFrame()"))
    return notebook


def a_helper_in_an_added_cell():
    source = "def lowercase(text, add_bos=True, add_eos=False):\n    return helper(text, add_bos, add_eos)"
    notebook = solved(lowercase=source)
    notebook["cells"].insert(3, code(answers()["lowercase"].replace("def lowercase", "def helper")))
    return notebook


def answer_and_test_copied():
    notebook = solved()
    for name in ("fix_html", "test_fix_html", "test_fix_html"):
        notebook["cells"].append(copy.deepcopy(notebook["cells"][place(notebook, name)]))
    return notebook


def answer_split_in_two():
    """A helper above, the function below; Jupyter gives both halves the metadata and one a new id."""
    notebook = solved()
    number = place(notebook, "lowercase")
    half = copy.deepcopy(notebook["cells"][number])
    half["source"], half["id"] = "# my thoughts\nSPACE = ' '", "a1b2c3d4"
    notebook["cells"].insert(number, half)
    return notebook


def deleted_tests():
    notebook = solved()
    notebook["cells"] = [cell for cell in notebook["cells"] if not cell.get("id", "").startswith("test_")]
    return notebook


def renamed_tests():
    notebook = solved()
    for cell in notebook["cells"]:
        if cell.get("id", "").startswith("test_"):
            cell["metadata"]["nbgrader"]["grade_id"] += "-copy"
            cell["id"] = "x" + cell["id"]
    return notebook


def cells_in_another_order():
    notebook = solved()
    notebook["cells"] = [notebook["cells"][0]] + notebook["cells"][:0:-1]
    # Imports last would be wrong in a notebook, too.
    for name in ("leftovers", "imports"):
        notebook["cells"].insert(0, notebook["cells"].pop(place(notebook, name)))
    return notebook


def answer_turned_into_text():
    notebook = solved()
    cell = notebook["cells"][place(notebook, "lowercase")]
    cell["cell_type"] = "markdown"
    del cell["outputs"], cell["execution_count"]
    return notebook


def annotations_of_packages_that_are_not_there():
    source = "import torch\nfrom fastai.text.all import *\n"
    return solved(lowercase=source + answers()["lowercase"])


def widget_state_and_unknown_fields():
    notebook = solved()
    notebook["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}}}
    notebook["surprise"] = [1, 2]
    for cell in notebook["cells"]:
        cell["attachments"] = {}
        cell["collapsed"] = True
    return notebook


WHOLE = (
    old_format,
    format_4_0,
    without_metadata,
    without_metadata_and_ids,
    windows_line_ends,
    utf_16,
    lines_as_lists,
    not_utf_8,
    output_of_50_mb,
    prints_a_lot,
    magics,
    a_broken_cell_of_their_own,
    a_helper_in_an_added_cell,
    answer_and_test_copied,
    answer_split_in_two,
    deleted_tests,
    renamed_tests,
    cells_in_another_order,
    answer_turned_into_text,
    annotations_of_packages_that_are_not_there,
    widget_state_and_unknown_fields,
)


@pytest.mark.parametrize("make", WHOLE, ids=lambda make: make.__name__)
def test_the_right_parts_earn_all_their_points(box, tmp_path, make):
    outcome = marked(tmp_path, make(), box)
    assert outcome.status == "done", outcome.reason
    assert points(outcome) == RIGHT, [one.message for one in outcome.functions]
    assert outcome.look == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def lowercase(text:\n    return text", "SyntaxError: '(' was never closed (line 1)."),
        ("def lowercase(text):\nreturn text", "IndentationError"),
        ("", "its cell does not define it"),
        ("def Lowercase(text): return text", "its cell does not define it"),
        ("import not_there\ndef lowercase(text): return text", "No module named 'not_there'"),
        ("def lowercase(text, a=1, b=2): return helper(text)", "NameError: name 'helper' is not defined"),
    ],
)
def test_a_broken_answer_costs_only_itself_and_says_why(box, tmp_path, source, says):
    outcome = marked(tmp_path, solved(lowercase=source), box)
    assert points(outcome) == {**RIGHT, "lowercase": 0}
    assert says in " ".join(outcome.functions[-1].message.split())


def test_a_deleted_answer_says_what_to_mend(box, tmp_path):
    notebook = solved()
    notebook["cells"].pop(place(notebook, "lowercase"))
    outcome = marked(tmp_path, notebook, box)
    assert points(outcome) == {**RIGHT, "lowercase": 0}
    assert "its cell is missing. Copy it from a fresh release" in outcome.functions[-1].message


def test_notes_say_what_was_put_right(box, tmp_path):
    assert "The cell lowercase has lost its metadata" in " ".join(marked(tmp_path, without_metadata(), box).notes)
    notes = marked(tmp_path, answer_and_test_copied(), box).notes
    assert "The cell fix_html is there 2 times; they all ran, the last one counts." in notes
    assert "UTF-8" in " ".join(marked(tmp_path, not_utf_8(), box).notes)


@pytest.mark.parametrize("make", WHOLE, ids=lambda make: make.__name__)
def test_nbgrader_is_given_its_own_form(root, make):
    """Each released cell once, tests and points as released, answers as handed in: nothing for nbgrader to refuse."""
    import nbformat
    from nbgrader.utils import compute_checksum

    data = make() if isinstance(make(), bytes) else json.dumps(make()).encode()
    release = release_of(root, SLUG)
    submission = parse(data)
    release.recognise(submission)
    notebook = nbformat.from_dict(mended(submission, release))
    nbformat.validate(notebook)
    cells = {c.metadata.nbgrader.grade_id: c for c in notebook.cells if "nbgrader" in c.metadata}
    original = {c["metadata"]["nbgrader"]["grade_id"]: c for c in released()["cells"] if "nbgrader" in c["metadata"]}
    assert set(cells) == set(original)
    assert sum("nbgrader" in c.metadata for c in notebook.cells) == len(original)
    for name, cell in cells.items():
        assert cell.metadata == original[name]["metadata"]
        if cell.metadata.nbgrader.grade:
            assert compute_checksum(cell) == cell.metadata.nbgrader.checksum
    for exercise in SET.exercises:
        assert f"def {exercise.name}(" in cells[exercise.name].source
