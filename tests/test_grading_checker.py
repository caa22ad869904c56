"""The values-only checker: the same verdict and the same words as in the notebook, from values that came out."""

import base64
from dataclasses import replace

import numpy as np
import pytest
from conftest import ROOT
from graders import as_student_code, as_student_function
from grading_kit import NOTHING, QUICK, RIGHT, SET, SMALL, code, hand_in, marked, points, solved, stubs

from ulmfit_lib.checks.engine import random_inputs, run_check
from ulmfit_lib.checks.sets import problem_set
from ulmfit_lib.grading.checker import mark
from ulmfit_lib.grading.confined import wire
from ulmfit_lib.grading.confined.cells import as_python, needed_and_later
from ulmfit_lib.grading.sandbox import CONFINED, UNCONFINED, Sandbox
from ulmfit_lib.grading.submission import Release


@pytest.fixture(scope="module")
def box(sandbox):
    with Sandbox(limits=QUICK) as one:
        yield one


def test_here_the_sandbox_is_one(box):
    assert box.way == CONFINED
    assert box.warm


def test_right_answers_get_all_points(box, tmp_path):
    outcome = marked(tmp_path, solved(), box, answered=SET)
    assert (outcome.status, outcome.points, outcome.maximum) == ("done", SET.points, SET.points)
    assert outcome.way == CONFINED
    assert outcome.notes == outcome.look == []


def test_the_release_gets_nothing(box, tmp_path):
    outcome = marked(tmp_path, stubs(), box, answered=SET)
    assert outcome.points == 0
    assert {one.kind for one in outcome.functions} == {"defined"}


def test_a_mistake_is_told_in_the_words_of_the_notebook(box, tmp_path):
    """The same walk: what the student reads after marking is what the check printed."""
    mistakes = {one.name: one.mistakes[0].function for one in SMALL.exercises}
    sources = {name: as_student_code(function, name) for name, function in mistakes.items()}
    outcome = marked(tmp_path, solved(**sources), box)
    for exercise, given in zip(SMALL.exercises, outcome.functions, strict=True):
        here = run_check(exercise, as_student_function(mistakes[exercise.name], exercise.name), seed=0)
        assert given.message == str(here)
        assert given.mistake == exercise.mistakes[0].name
        assert given.points == 0


def test_the_seed_is_the_students_and_the_same_again(box, tmp_path):
    """A table of the inputs of one seed is worth nothing with another."""
    lowercase = next(one for one in SMALL.exercises if one.name == "lowercase")
    inputs = [*lowercase.examples, *random_inputs(lowercase, "known", 100)]
    table = {args: lowercase.reference(*args) for args in inputs}
    source = f"TABLE = {table!r}\ndef lowercase(*args):\n    return TABLE[args]"
    by_seed = [
        points(marked(tmp_path, solved(lowercase=source), box, seed=seed))["lowercase"]
        for seed in ("known", "known", "other")
    ]
    assert by_seed == [2, 2, 0]


def test_helpers_in_added_cells_and_imports_work(box, tmp_path):
    notebook = solved(lowercase="def lowercase(text, add_bos=True, add_eos=False):\n    return finish(text, add_bos)")
    helper = "from functools import partial\ndef finish(text, bos):\n    return ('xxbos ' if bos else '') + text"
    notebook["cells"].append(code(helper + ".lower().strip()"))
    assert points(marked(tmp_path, notebook, box))["lowercase"] == 0  # add_eos is left out
    notebook["cells"][-1]["source"] = "from ulmfit_lib.data import shipped_reviews\nREVIEWS = shipped_reviews().texts"
    right = "def lowercase(text, add_bos=True, add_eos=False):\n    assert len(REVIEWS) > 1 and REVIEWS[0]\n"
    right += "    return 'xxbos ' * add_bos + text.lower().strip() + ' xxeos' * add_eos"
    notebook["cells"][[c.get("id") for c in notebook["cells"]].index("lowercase")]["source"] = right
    assert points(marked(tmp_path, notebook, box)) == RIGHT


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        ("def lowercase(text:\n    return 1", "defined", "SyntaxError"),
        ("lowercase = 3", "callable", "lowercase is 3, which is no function"),
        ("lowercase = None", "defined", "There is no lowercase yet"),
        ("x = 1", "defined", "its cell does not define it"),
        ("def lowercase(text, add_bos=True, add_eos=False): return text", "value", "expected"),
        ("def lowercase(): return ''", "callable", "lowercase() cannot be called"),
        ("def lowercase(text, a=1, b=2): raise KeyError('oh')", "runs", "KeyError: 'oh' (line 1 of lowercase)"),
        ("from ulmfit_lib.rules import lowercase", "runs", "must work without it"),
        ("def lowercase(text, a=1, b=2): return None", "type", "Did you forget to return it?"),
        ("def lowercase(text, a=1, b=2):\n    while True: pass", "lost", "did not answer within 1 seconds"),
        ("def lowercase(text, a=1, b=2):\n    import os; os._exit(0)", "lost", "its process ended"),
        ("def lowercase(text, a=1, b=2): exit()", "runs", "NameError"),
        ("def lowercase(text, a=1, b=2): raise SystemExit", "runs", "SystemExit"),
    ],
)
def test_what_is_wrong_is_said_and_costs_its_own_points_only(box, tmp_path, source, kind, says):
    outcome = marked(tmp_path, solved(lowercase=source), box)
    assert points(outcome) == {**RIGHT, "lowercase": 0}
    one = outcome.functions[-1]
    assert (one.name, one.kind) == ("lowercase", kind)
    assert says in one.message


def test_changing_the_argument_is_told(box, tmp_path):
    streams = problem_set("04_streams")
    exercise = next(one for one in streams.exercises if one.name == "in_direction")
    source = "def in_direction(docs, direction):\n    if direction == 'backward':\n        for doc in docs:\n"
    source += "            doc.reverse()\n    return docs"
    notebook = {"cells": [code(source)]}
    release = Release(ROOT / "exercises" / "04_streams" / "04_streams.ipynb", [exercise.name])
    given = mark(
        hand_in(tmp_path, notebook),
        student="ada",
        answers=replace(streams, exercises=[exercise]),
        release=release,
        sandbox=box,
        seed=0,
    )
    assert given.functions[0].kind == "input"
    assert "It changed its input" in given.functions[0].message


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        10**50,
        2.5,
        float("inf"),
        "aé\ud800",
        b"\x00\xff",
        [1, [2, "x"]],
        (1, (2,)),
        {1: "a", (2, 3): [None]},
        {1, 2},
        frozenset({"a"}),
        np.float64(2.5),
        np.int32(7),
        np.str_("x"),
    ],
    ids=repr,
)
def test_plain_values_come_back_as_they_were(value):
    back = wire.decode(wire.unpack(wire.pack({"v": wire.encode(value)})[4:])["v"])
    assert type(back) is type(value)
    assert back == value


@pytest.mark.parametrize("array", [np.arange(6).reshape(2, 3), np.zeros((0, 3), "float32"), np.array(["a", "bc"])])
def test_arrays_come_back_as_they_were(array):
    back = wire.decode(wire.encode(array))
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert (back == array).all()


def test_what_is_no_plain_value_equals_nothing():
    class Yes(str):
        def __eq__(self, other):
            return True

        __hash__ = str.__hash__

    for value in (Yes("a"), object(), (x for x in "a"), np.array([object()]), 10**5000):
        back = wire.decode(wire.encode(value))
        assert isinstance(back, wire.Opaque)
        assert back != value
        assert back != back
    assert type(wire.decode(wire.encode(Yes("a")))).__name__ in ("Yes", "subclass_of_str")


@pytest.mark.parametrize(
    "encoded",
    [
        {"t": 1},
        {"d": [[1]]},
        {"d": [[{"d": []}, 1]]},
        {"n": "AAAA"},
        {"n": 3},
        {"o": ["a"]},
        {"b": "%"},
        {},
        {"n": wire.encode(np.zeros(3))["n"][:-8]},
    ],
    ids=str,
)
def test_forged_values_are_refused(encoded):
    with pytest.raises(wire.BadMessage):
        wire.decode(encoded)
    with pytest.raises(wire.BadMessage):
        wire.decode([encoded])


def test_an_array_that_claims_to_be_huge_is_refused_before_anything_is_made_of_it():
    head = b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
    text = b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }".ljust(117) + b"\n"
    with pytest.raises(wire.BadMessage):
        wire.decode({"n": base64.b64encode(head + text).decode(), "scalar": False})


@pytest.mark.parametrize(
    ("source", "plain"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("!pip install x\ny = 2", "pass\ny = 2"),
        ("if True:\n    %time f()\n    x = 1", "if True:\n    pass\n    x = 1"),
        ("%time x = f(1)\ny = 2", "x = f(1)\ny = 2"),
        ("%time x == 1\ny = 2", "pass\ny = 2"),
        ("%time f()\ny = (7\n% (3)\n)", "pass\ny = (7\n% (3)\n)"),
        ("files = !ls\nz = 3", "files = None\nz = 3"),
        ("len?\nx = 1", "pass\nx = 1"),
        ("%%time\nx = 1", "\nx = 1"),
        ("%%bash\nrm -rf /", ""),
        ("x = 7 % 3", "x = 7 % 3"),
        ('s = """\n%not magic\n"""', 's = """\n%not magic\n"""'),
    ],
)
def test_magics_are_left_out(source, plain):
    assert as_python(source) == plain


def test_demonstrations_run_only_where_they_are_needed():
    cells = [
        {"source": "import re", "released": True},
        {"source": "TABLE = []", "released": True},
        {"source": "TABLE.append(1)", "released": True},
        {"source": "for r in load(): print(train(r))", "released": True},
        {"source": "def f(x): return re.sub('a', TABLE[0], x)", "released": False},
    ]
    assert needed_and_later(cells, {})[0] == [True, True, True, False, True]
    assert needed_and_later([*cells, {"source": "eval('1')\nglobals()", "released": False}], {})[0] == [True] * 6


def test_without_a_sandbox_it_still_marks_and_says_so(tmp_path):
    with Sandbox(limits=QUICK, confined=False) as plain:
        outcome = marked(tmp_path, solved(lowercase="def lowercase(t, a=1, b=2):\n    while True: pass"), plain)
    assert outcome.way == UNCONFINED
    assert points(outcome) == {**RIGHT, "lowercase": 0}
    assert any("unconfined" in note for note in outcome.notes)


def test_where_the_sandbox_makes_no_namespaces_each_submission_has_a_sandbox_of_its_own(sandbox, tmp_path):
    with Sandbox(limits=QUICK) as cold:
        cold._end_server()
        cold.warm = False
        outcome = marked(tmp_path, solved(lowercase="x = 1"), cold)
        assert outcome.way == CONFINED
        assert points(outcome) == {**RIGHT, "lowercase": 0}


def test_nothing_of_ours_but_adapters_and_names_is_in_the_sandbox(box, tmp_path):
    source = "import os\nFOUND = [os.path.join(f, n) for f, _, ns in os.walk('/inside') for n in ns]\n"
    source += "def lowercase(text, a=1, b=2): raise ValueError(' '.join(FOUND))"
    message = marked(tmp_path, stubs(lowercase=source), box).functions[-1].message
    assert "/inside/checks/adapters/tensors.py" in message
    assert not any(word in message for word in ("/sets", "mistakes", "/rules.py", "solutions"))


def test_an_empty_release_is_worth_nothing_also_function_by_function(box, tmp_path):
    assert points(marked(tmp_path, stubs(), box)) == NOTHING
