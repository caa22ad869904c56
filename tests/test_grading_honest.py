"""Broken but honest: whatever happened to a notebook on its way, each gets what its right parts earn."""

import copy
import json

import pytest
from conftest import ROOT
from grading_kit import QUICK, RIGHT, SET, SLUG, answers, code, marked, place, points, released, solved

from ulmfit_lib.checks.sets import SLUGS
from ulmfit_lib.grading import checker
from ulmfit_lib.grading.confined.stand_ins import NotHere
from ulmfit_lib.grading.marking import release_of
from ulmfit_lib.grading.mend import mended, unanswered
from ulmfit_lib.grading.sandbox import Sandbox
from ulmfit_lib.grading.submission import SubmissionError, parse


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


def notebook_of(kind, slug):
    return json.loads((ROOT / kind / slug / f"{slug}.ipynb").read_text(encoding="utf-8"))


def stripped(notebook):
    """A notebook whose cells have lost their metadata and ids."""
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)
    return notebook


def test_the_notebook_of_another_set_fails_and_is_no_zero(box, tmp_path):
    outcome = marked(tmp_path, notebook_of("exercises", "02_subwords"), box)
    assert (outcome.status, outcome.points) == ("failed", None)
    assert outcome.reason.startswith(
        "this looks like 02_subwords: the notebook holds no answer cell of 01_tokenization."
    )
    outcome = marked(tmp_path, {"cells": [code("print('hello')")]}, box)
    assert (outcome.status, outcome.points) == ("failed", None)
    assert "holds no answer cell of 01_tokenization" in outcome.reason


def test_an_answer_that_no_cell_tells_is_marked(box, tmp_path):
    source = answers()["lowercase"].split("\n", 1)[1].replace("def lowercase(", "def small(") + "\nlowercase = small"
    assert points(marked(tmp_path, {"cells": [code(source)]}, box)) == {"fix_html": 0, "replace_rep": 0, "lowercase": 2}


@pytest.mark.parametrize("slug", SLUGS)
def test_a_set_is_told_from_every_other(root, slug):
    release = release_of(root, slug)
    for other in SLUGS:
        for notebook in (notebook_of("exercises", other), stripped(notebook_of("solutions", other))):
            submission = parse(json.dumps(notebook).encode())
            release.recognise(submission)
            if other == slug:
                release.refuse_another_set(submission)
                continue
            with pytest.raises(SubmissionError, match=f"this looks like {other}"):
                release.refuse_another_set(submission)


WRITTEN, QUESTION = "11_backward_and_ensemble", "written_answer"
WORDS = "The average moved 12 reviews."


def text(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def in_its_cell(notebook, at):
    notebook["cells"][at]["source"] = WORDS


def in_its_cell_without_metadata(notebook, at):
    in_its_cell(notebook, at)
    stripped(notebook)


def in_a_cell_below(notebook, at):
    notebook["cells"].insert(at + 1, text(WORDS))


def in_a_cell_below_without_metadata(notebook, at):
    in_a_cell_below(notebook, at)
    stripped(notebook)


def one_cell_lower(notebook, at):
    in_its_cell_without_metadata(notebook, at)
    notebook["cells"].insert(at + 1, notebook["cells"].pop(at))


def in_the_question_itself(notebook, at):
    notebook["cells"][at - 1]["source"] = "\n\n".join(["".join(notebook["cells"][at - 1]["source"]), WORDS])


def in_the_first_of_two(notebook, at):
    notebook["cells"].insert(at, {**copy.deepcopy(notebook["cells"][at]), "source": WORDS, "id": "a1b2c3d4"})


PLACES = (
    in_its_cell,
    in_its_cell_without_metadata,
    in_a_cell_below,
    in_a_cell_below_without_metadata,
    one_cell_lower,
    in_the_question_itself,
    in_the_first_of_two,
)


def mended_with_words(root, put):
    """A submission of the set with a written answer, recognised, its release, and what nbgrader is given."""
    notebook = notebook_of("exercises", WRITTEN)
    put(notebook, place(notebook, QUESTION))
    release = release_of(root, WRITTEN)
    submission = parse(json.dumps(notebook).encode())
    release.recognise(submission)
    given = mended(submission, release)
    cells = [c for c in given["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == QUESTION]
    assert len(cells) == 1
    return submission, release, cells[0]["source"], given


@pytest.mark.parametrize("put", PLACES, ids=lambda put: put.__name__)
def test_words_are_read_by_a_person_wherever_they_stand(root, put):
    submission, release, shown, given = mended_with_words(root, put)
    assert not unanswered(submission, release, QUESTION)
    # nbgrader takes a cell that stands as released for an empty one, so its text is another.
    assert shown.strip() != release.sources[QUESTION].strip()
    assert sum(WORDS in cell["source"] for cell in given["cells"]) == 1
    assert unanswered(submission, release, "mcnemar")


@pytest.mark.parametrize("put", PLACES[:2], ids=lambda put: put.__name__)
def test_words_are_recognised_by_their_place(root, put):
    assert mended_with_words(root, put)[2] == WORDS


@pytest.mark.parametrize("put", [lambda *_: None, lambda notebook, _: stripped(notebook)], ids=["kept", "stripped"])
def test_no_words_are_no_work_for_anybody(root, put):
    submission, release, shown, _ = mended_with_words(root, put)
    assert unanswered(submission, release, QUESTION)
    assert shown == release.sources[QUESTION]


SPIN = "def spin():\n    while True:\n        pass\n"


@pytest.mark.parametrize("hangs", ["spin()", "seconds = spin()", "one = spin()\ntwo = spin()"])
def test_a_statement_that_does_not_end_costs_no_more_than_itself(box, tmp_path, hangs):
    """Such as `seconds = timeit.timeit(...)` below an answer; what stands above it has run and is kept."""
    source = "TABLE = {}\nfor letter in 'ab':\n    TABLE[letter] = 1\n"
    source += "def lowercase(text, add_bos=True, add_eos=False):\n    assert len(TABLE) == 2\n"
    source += "    return 'xxbos ' * add_bos + text.lower().strip() + ' xxeos' * add_eos\n"
    assert points(marked(tmp_path, solved(lowercase=f"{SPIN}{source}{hangs}"), box)) == RIGHT


def test_the_statement_that_took_longest_is_left_out_and_not_the_last(box, tmp_path):
    source = "import time\ntime.sleep(0.9)\ndef slow():\n    time.sleep(0.4)\n    return ' xxeos'\nEND = slow()\n"
    source += "def lowercase(text, add_bos=True, add_eos=False):\n"
    source += "    return 'xxbos ' * add_bos + text.lower().strip() + END * add_eos"
    assert points(marked(tmp_path, solved(lowercase=source), box)) == RIGHT


@pytest.mark.parametrize("late", ["print(STATE.pop())", "clear(STATE)", "spoil()", "from gone import *\nSTATE.clear()"])
def test_what_a_later_call_spoils_was_right_at_its_check(box, tmp_path, late):
    head = "STATE = [1]\ndef spoil():\n    global STATE\n    STATE = []\ndef clear(items):\n    items.clear()\n"
    right = "def lowercase(text, add_bos=True, add_eos=False):\n    assert STATE\n"
    right += "    return 'xxbos ' * add_bos + text.lower().strip() + ' xxeos' * add_eos\n"
    notebook = solved(lowercase=head + right)
    notebook["cells"].append(code(late))
    assert points(marked(tmp_path, notebook, box)) == RIGHT


def test_a_second_look_takes_no_time_from_another_function(box, tmp_path, monkeypatch):
    """First every function as the notebook leaves it; then those that were wrong, as they stood at their checks."""
    seen, check = [], checker._check
    monkeypatch.setattr(
        checker, "_check", lambda exercise, *rest, **more: seen.append(exercise.name) or check(exercise, *rest, **more)
    )
    notebook = solved()
    notebook["cells"].append(code("def fix_html(text):\n    return 1"))
    assert points(marked(tmp_path, notebook, box)) == RIGHT
    assert seen == [*RIGHT, "fix_html"]


def test_a_slow_stub_does_not_cost_the_next_function(box, tmp_path):
    stub = "import time\ndef fix_html(text):\n    time.sleep(0.2)\n    raise NotImplementedError"
    assert points(marked(tmp_path, solved(fix_html=stub), box)) == {**RIGHT, "fix_html": 0}


def test_a_future_import_holds_for_the_cells_below(box, tmp_path):
    notebook = solved(lowercase=answers()["lowercase"].replace("text: str", "text: Text"))
    assert points(marked(tmp_path, notebook, box)) == {**RIGHT, "lowercase": 0}
    notebook["cells"].insert(0, code("from __future__ import annotations"))
    assert points(marked(tmp_path, notebook, box)) == RIGHT


def test_a_setting_of_a_package_that_is_not_there_is_no_error():
    settings = NotHere("matplotlib.pyplot.rcParams")
    settings["figure.figsize"] = (6, 3)
    with pytest.raises(ImportError, match="must work without it"):
        settings["figure.figsize"]
