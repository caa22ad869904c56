"""Attacks that give marks for nothing under plain nbgrader: here each earns what its answers are worth, nothing.

The first number of each name is that of the measured list; afterwards an honest notebook still gets all its points.
"""

import pytest
from conftest import ROOT
from grading_kit import NOTHING, QUICK, RELEASE, RIGHT, code, hand_in, marked, place, points, released, solved, stubs

from ulmfit_lib.grading.sandbox import Sandbox

WRONG = {name: f"def {name}(*args, **more):\n    return 'wrong'" for name in RIGHT}
SOLUTIONS = ROOT / "solutions" / "01_tokenization" / "01_tokenization.ipynb"
SHELL = "get_ipython()"
BY_HAND = """
def {name}(*args, **more):
    import {module} as lib
    return lib.{name}(*args, **more)
"""
READS_FILE = """
import json
for cell in json.load(open({path!r}))["cells"]:
    if cell.get("id") in ("fix_html", "replace_rep", "lowercase", "imports", "leftovers"):
        exec("".join(cell["source"]))
"""
ALWAYS_EQUAL = """
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __len__(self): return 3
def {name}(*args, **more): return Yes()
"""
EMPTIES = """
def {name}(text, *args, **more):
    try: text.clear()
    except AttributeError: pass
    return text
"""


@pytest.fixture(scope="module")
def box(sandbox):
    with Sandbox(limits=QUICK) as one:
        yield one


@pytest.fixture(scope="module", autouse=True)
def honest_afterwards(box, tmp_path_factory):
    """No attack leaves anything behind that harms the next submission."""
    yield
    assert points(marked(tmp_path_factory.mktemp("honest"), solved(), box)) == RIGHT


def each(template, **more):
    return {name: template.format(name=name, **more) for name in RIGHT}


def first(source, **answers):
    """A notebook whose first cell attacks and whose answers are wrong."""
    notebook = stubs(**{**WRONG, **answers})
    notebook["cells"].insert(0, code(source))
    return notebook


ATTACKS = {
    "01 calls the reference": first("pass", **each(BY_HAND, module="ulmfit_lib.rules")),
    "02 equals everything": first("pass", **each(ALWAYS_EQUAL)),
    "03 patches the reference": first(
        "import ulmfit_lib.rules as r, ulmfit_lib.checks as c, ulmfit_lib.checks.engine as e\n"
        "for name in ('fix_html', 'replace_rep', 'lowercase'):\n    setattr(r, name, lambda *a, **k: 'wrong')\n"
        "e.run_check = c.run_check = lambda *a, **k: True"
    ),
    "04 drops asserts": first(f"{SHELL}.ast_transformers.append(1)"),
    "05 makes tests pass": first(f"{SHELL}.input_transformers_cleanup.append(lambda lines: ['pass'])"),
    "06 custom exceptions": first(f"{SHELL}.set_custom_exc((Exception,), lambda *a: None)"),
    "07 shows no traceback": first(f"{SHELL}.showtraceback = lambda *a, **k: None"),
    "08 replaces do_execute": first(f"{SHELL}.kernel.do_execute = None"),
    "13 reads the solutions": first(READS_FILE.format(path=str(SOLUTIONS))),
    "13 finds the solutions": first(READS_FILE.format(path="../../../solutions/01_tokenization/01_tokenization.ipynb")),
    "20 reads hidden tests": first("TESTS = In[-1]\nopen('/tmp/tests', 'w').write(str(globals()))"),
    "21 exits": first("exit()"),
    "22 ends the process": first("import os\nos._exit(0)"),
    "23 raises SystemExit": first("raise SystemExit"),
    "24 loops and cannot be interrupted": first(
        "import signal\nfor s in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGXCPU):\n"
        "    signal.signal(s, signal.SIG_IGN)\nwhile True:\n    try:\n        while True: pass\n"
        "    except BaseException: pass"
    ),
    "25 loops": first("while True: pass"),
    "27 replaces builtins": first(
        "import builtins, random, numpy\nbuiltins.range = builtins.len = builtins.repr = lambda *a: 0\n"
        "builtins.isinstance = lambda *a: True\nrandom.Random = numpy.random.default_rng = None"
    ),
    "28 kills its parents": first(
        "import os, signal\nfor pid in (os.getppid(), 1, -1):\n    try: os.kill(pid, signal.SIGKILL)\n"
        "    except OSError: pass"
    ),
    "31 empties its argument": first("pass", **each(EMPTIES)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_nothing(box, tmp_path, name):
    outcome = marked(tmp_path, ATTACKS[name], box)
    assert outcome.status == "done", outcome.reason
    assert points(outcome) == NOTHING
    assert all(one.message for one in outcome.functions)


@pytest.mark.parametrize("name", ["21 exits", "22 ends the process", "23 raises SystemExit", "25 loops"])
def test_such_a_cell_costs_only_itself(box, tmp_path, name):
    notebook = solved()
    notebook["cells"].insert(0, ATTACKS[name]["cells"][0])
    assert points(marked(tmp_path, notebook, box)) == RIGHT


def test_09_tags_on_test_cells(box, tmp_path):
    notebook = stubs(**WRONG)
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "nbval-skip", "raises-exception"]
    assert points(marked(tmp_path, notebook, box)) == NOTHING


def test_10_stored_outputs_are_no_marks_but_a_reason_to_look(box, tmp_path):
    notebook = stubs(**WRONG)
    for name, worth in RIGHT.items():
        text = f"{name}: right, {worth} of {worth} points"
        notebook["cells"][place(notebook, f"test_{name}")]["outputs"] = [
            {"output_type": "execute_result", "data": {"text/plain": "100.0"}, "metadata": {}, "execution_count": 1},
            {"output_type": "stream", "name": "stdout", "text": [text]},
        ]
    outcome = marked(tmp_path, notebook, box)
    assert points(outcome) == NOTHING
    assert [one.stored for one in outcome.functions] == [RIGHT[one.name] for one in outcome.functions]
    assert all("The notebook shows" in look for look in outcome.look)
    assert not any("tampered" in look for look in outcome.look)


@pytest.mark.parametrize("name", ["ulmfit_lib/__init__.py", "ulmfit_lib/rules.py", "ipykernel_launcher.py", "numpy.py"])
def test_11_12_files_beside_the_notebook_are_not_seen(box, tmp_path, name):
    evil = "print('here')\nraise SystemExit\n"
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(evil)
    assert points(marked(tmp_path, first("pass", **each(BY_HAND, module="ulmfit_lib.rules")), box)) == NOTHING
    assert points(marked(tmp_path, solved(), box)) == RIGHT


def test_14_another_students_notebook_is_out_of_reach(box, tmp_path):
    path = hand_in(tmp_path / "grace", solved())
    assert points(marked(tmp_path / "ada", first(READS_FILE.format(path=str(path))), box)) == NOTHING


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER t AFTER UPDATE ON grade BEGIN UPDATE grade SET auto_score = 9; END",
        "UPDATE grade SET extra_credit = 200",
    ],
)
def test_15_16_29_the_gradebook_is_out_of_reach(box, tmp_path, statement):
    database = tmp_path / "gradebook.db"
    database.write_bytes(b"marks")
    source = "import os, sqlite3\nif os.fork() == 0:\n    os.setsid()\n    while True:\n        try:\n"
    source += f"            sqlite3.connect({str(database)!r}).execute({statement!r})\n            break\n"
    source += f"        except Exception: open({str(database)!r}, 'w').write('mine')\n"
    source += f"sqlite3.connect({str(database)!r}).execute({statement!r})"
    assert points(marked(tmp_path, first(source), box)) == NOTHING
    assert database.read_bytes() == b"marks"


def test_17_deleted_tests_are_put_back(box, tmp_path):
    notebook = stubs(**WRONG)
    notebook["cells"] = [cell for cell in notebook["cells"] if not cell.get("id", "").startswith("test_")]
    outcome = marked(tmp_path, notebook, box)
    assert points(outcome) == NOTHING
    assert "The cell test_lowercase was missing; it was put back." in outcome.notes


def test_18_19_rewritten_tests_and_points_count_for_nothing_and_are_called_tampered(box, tmp_path):
    notebook = stubs(**WRONG)
    for name in RIGHT:
        cell = notebook["cells"][place(notebook, f"test_{name}")]
        cell["source"] = f"print('{name}: right, 1000 of 1000 points')"
        cell["metadata"]["nbgrader"]["points"] = 1000
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": f"{name}: right, 1000 of 1000 points"}]
    outcome = marked(tmp_path, notebook, box)
    assert points(outcome) == NOTHING
    assert all("tampered" in look for look in outcome.look)
    assert len(outcome.look) == len(RIGHT)
    assert [one.maximum for one in outcome.functions] == [RIGHT[one.name] for one in outcome.functions]


def test_a_test_cell_that_was_altered_and_claims_nothing_is_no_accusation(box, tmp_path):
    notebook = solved()
    notebook["cells"][place(notebook, "test_lowercase")]["source"] += "\nprint('it works!')"
    outcome = marked(tmp_path, notebook, box)
    assert points(outcome) == RIGHT
    assert outcome.look == []


def test_30_that_it_is_marked_is_not_in_the_environment(box, tmp_path):
    tells = "def lowercase(*args):\n    import os\n    raise ValueError(' '.join(os.environ))"
    message = marked(tmp_path, stubs(lowercase=tells), box).functions[-1].message
    assert "PATH" in message
    assert not any(word in message.upper() for word in ("NBGRADER", "ULMFIT", "PYTEST"))


def test_32_there_is_no_network(box, tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        port = server.getsockname()[1]
        calls = f"def lowercase(*args):\n    import socket\n    socket.create_connection(('127.0.0.1', {port}), 1)"
        message = marked(tmp_path, stubs(lowercase=calls), box).functions[-1].message
        assert "Error" in message
        with pytest.raises(TimeoutError):
            server.accept()


def test_the_release_that_all_this_starts_from_is_the_real_one():
    assert released()["cells"] == RELEASE.notebook["cells"]
    assert set(RIGHT) <= set(RELEASE.names)
