"""How a notebook is run and read while it is marked: as Jupyter would have it, and so that one line costs one line."""

import ast

import pytest
from grading_kit import QUICK, RIGHT, answers, code, marked, place, points, solved
from test_grading_sets import boxes, given, notebook_of  # noqa: F401 (boxes is a fixture)

from ulmfit_lib.grading.confined.cells import needed_and_later
from ulmfit_lib.grading.confined.reaching import hidden_by, named_by
from ulmfit_lib.grading.sandbox import Sandbox


@pytest.fixture(scope="module")
def box(sandbox):
    with Sandbox(limits=QUICK) as one:
        yield one


def front(source, notebook=None):
    notebook = notebook or solved()
    notebook["cells"].insert(place(notebook, "fix_html"), code(source))
    return notebook


@pytest.mark.parametrize(
    "first",
    [
        "import seaborn as sns",
        "import matplotlib.pyplot as plt\nplt.rcParams['figure.figsize'] = (6, 3)",
        "get_ipython().run_line_magic('matplotlib', 'inline')",
        "import pandas as pd\ndef both(x: 'int') -> pd.Series | str: ...\ndef neither() -> None | pd.Series: ...",
        "1 / 0",
    ],
)
def test_a_line_that_no_answer_needs_costs_no_more_than_itself(box, tmp_path, first):
    notebook = front(first + "\nimport re as rex\nPATTERN = rex.compile(r'(\\S)(\\1{2,})')")
    at = place(notebook, "replace_rep")
    notebook["cells"][at]["source"] = (
        "def replace_rep(text):\n    return PATTERN.sub(lambda m: f' xxrep {len(m[2]) + 1} {m[1]} ', text)"
    )
    assert points(marked(tmp_path, notebook, box)) == RIGHT


def test_a_future_import_holds_for_its_cell(box, tmp_path):
    source = answers()["lowercase"].replace("text: str", "text: Nothing")
    notebook = solved(lowercase=f"from __future__ import annotations\n{source}")
    assert points(marked(tmp_path, notebook, box)) == RIGHT


def test_what_hangs_below_a_function_does_not_cost_the_function(box, tmp_path):
    source = answers()["lowercase"] + "\nwhile True:\n    pass"
    assert points(marked(tmp_path, solved(lowercase=source), box)) == RIGHT


def test_a_function_is_judged_as_it_stood_at_its_check(box, tmp_path):
    notebook = solved()
    notebook["cells"].append(code("len = 3\nre = None"))
    assert points(marked(tmp_path, notebook, box)) == RIGHT
    shared = {
        name: f"def helper(text):\n    return {name}_of(text)\n{source.replace(f'def {name}(', f'def {name}_of(')}\n"
        f"def {name}(text):\n    return helper(text)"
        for name, source in answers().items()
        if name in ("fix_html", "replace_rep")
    }
    assert points(marked(tmp_path, solved(**shared), box)) == RIGHT


def test_a_function_that_was_wrong_at_its_check_and_mended_below_is_right(box, tmp_path):
    notebook = solved(lowercase="def lowercase(text, add_bos=True, add_eos=False):\n    return text")
    notebook["cells"].append(code(answers()["lowercase"]))
    assert points(marked(tmp_path, notebook, box)) == RIGHT


def made_later(cells, name, place):
    return needed_and_later(cells, {name: place})[1] == [name]


def test_what_is_made_later_is_found_by_name():
    cells = [
        {"source": "import re", "released": True},
        {"source": "def f(x):\n    return helper(x)", "released": False},
        {"source": "def helper(x):\n    return re.sub('a', 'b', x)", "released": False},
        {"source": "import re\nother = 1", "released": False},
    ]
    assert not made_later(cells, "f", 3)
    for late in ("helper = 1", "re = 1", "def sub(): ...\nhelper.x = 1", "from os import *"):
        assert made_later([*cells, {"source": late, "released": False}], "f", 3), late
    assert not made_later([*cells, {"source": "print(helper)", "released": True}], "f", 3)


def test_a_slow_right_answer_does_not_cost_the_next_one(box, tmp_path):
    slow = answers()["replace_rep"].replace('"""\n', '"""\n    import time\n    time.sleep(0.3)\n', 1)
    assert "time.sleep" in slow
    outcome = marked(tmp_path, solved(replace_rep=slow), box)
    assert points(outcome) == {**RIGHT, "replace_rep": 0}
    assert "longer than 3 seconds" in next(one.message for one in outcome.functions if one.name == "replace_rep")


def trees(*sources):
    return [ast.parse(source) for source in sources]


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        (["def lstm_cell(x): return x", "cell = torch.nn.LSTMCell(3, 4)\nlstm_cell(cell)"], ""),
        (["from torch.nn import LSTMCell, Module", "def lstm_cell(x): return Module(x)"], ""),
        (["from torch.nn import LSTMCell as C, Module", "def lstm_cell(x): return C(x)"], "torch.nn.LSTMCell"),
        (["def lstm_cell(x): return torch.lstm_cell(x)", "def lstm_cell(x): return x"], ""),
        (
            ["def lstm_cell(x): return help(x)", "if True:\n    def help(x): return torch.lstm_cell(x)"],
            "torch.lstm_cell",
        ),
        (["def mine(x): return torch.lstm_cell(x)", "try:\n    lstm_cell = mine\nexcept E: pass"], "torch.lstm_cell"),
    ],
)
def test_only_what_an_answer_reaches_is_looked_at(sources, found):
    assert named_by(trees(*sources), "lstm_cell") == found


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("return getattr(torch, 'lstm' + '_cell')(x)", "getattr"),
        ("return [torch._C.DisableTorchFunction(), mine(x)]", "DisableTorchFunction"),
        ("import threading; threading.Thread(target=f).start()", "threading"),
        ("from ulmfit_lib.checks import forbidden; forbidden.FORBIDDEN.clear()", "forbidden"),
        ("return torch.sigmoid(x)", ""),
    ],
)
def test_what_a_call_could_hide_behind_is_named(body, found):
    assert hidden_by(trees(f"def lstm_cell(x): {body}"), "lstm_cell") == found
    assert hidden_by(trees(f"def lowercase(x): {body}"), "lowercase") == ""


def test_a_comparison_with_torch_costs_nothing_and_a_hidden_call_is_looked_at(boxes, tmp_path):  # noqa: F811
    slug = "05_language_model"
    notebook = notebook_of("solutions", slug)
    compare = "cell = torch.nn.LSTMCell(3, 4)\nx, h, c = torch.zeros(2, 3), torch.zeros(2, 4), torch.zeros(2, 4)\n"
    compare += "print(torch.allclose(lstm_cell(x, h, c, *cell.parameters())[0], cell(x, (h, c))[0]))"
    notebook["cells"].append(code(compare))
    full = given(slug, notebook, boxes, tmp_path)
    assert {one.name: one.message for one in full.functions if one.kind} == {}
    assert full.look == []
    at = place(notebook, "lstm_cell")
    hidden = "def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):\n    from ulmfit_lib.checks import forbidden\n"
    hidden += (
        "    forbidden.FORBIDDEN = {}\n    return getattr(torch, 'lstm' + '_cell')(x, (h, c), w_ih, w_hh, b_ih, b_hh)"
    )
    notebook["cells"][at]["source"] = hidden
    by_name = {one.name: one for one in given(slug, notebook, boxes, tmp_path).functions}
    assert not by_name["lstm_cell"].points or "It uses " in by_name["lstm_cell"].look
    notebook["cells"][at]["source"] = hidden.replace("getattr(torch, 'lstm' + '_cell')", "torch.lstm_cell")
    refused = {one.name: one for one in given(slug, notebook, boxes, tmp_path).functions}["lstm_cell"]
    assert (refused.points, refused.kind) == (0, "copied")
