"""Attacks on this grader itself: no point that is not earned, nothing that hangs, and nobody else harmed."""

import ast
import io
import json
import stat
import time
import zipfile
from dataclasses import replace

import pytest
from conftest import ROOT
from grading_kit import NOTHING, QUICK, RIGHT, SLUG, code, hand_in, marked, place, points, solved, stubs

from ulmfit_lib.checks.adapters.generation import writing
from ulmfit_lib.checks.sets import problem_set
from ulmfit_lib.errors import DataError
from ulmfit_lib.grading.checker import mark
from ulmfit_lib.grading.confined.reaching import hidden_by, named_by
from ulmfit_lib.grading.feedback import page
from ulmfit_lib.grading.intake import take_in
from ulmfit_lib.grading.marks import Row, as_csv
from ulmfit_lib.grading.records import Record
from ulmfit_lib.grading.sandbox import Limits, Sandbox
from ulmfit_lib.grading.submission import LARGEST, Release, SubmissionError, parse, read

SECONDS = 20  # for one attack; each has a second for a call and three for a function
WRONG = {name: f"def {name}(*args, **more):\n    return 'wrong'" for name in RIGHT}
# Finds the socket to the grader among the descriptors, as an attacker would.
FINDS = """
import json, os, struct, threading, time
def _is_socket(number):
    try:
        return os.fstat(number).st_mode & 0o170000 == 0o140000
    except OSError:
        return False
SOCKETS = [number for number in range(64) if _is_socket(number)]
assert SOCKETS
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


def body(text, head=""):
    """The attack as the body of `replace_rep`; the other two functions are honest and right."""
    lines = "\n".join(f"    {line}" for line in text.strip().split("\n"))
    return solved(replace_rep=f"{head}\ndef replace_rep(text):\n{lines}")


def top(text):
    """The attack at the top of the notebook; every answer is wrong."""
    notebook = stubs(**WRONG)
    notebook["cells"].insert(0, code(text))
    return notebook


# What replies at the end of the line, taken over by a student's code.
TAKES_OVER = """
import sys
frame = sys._getframe()
while 'message' not in frame.f_locals or 'self' not in frame.f_locals:
    frame = frame.f_back
answers = frame.f_locals['self']
"""
IN_CALLS = {
    "half a reply": ("os.write(SOCKETS[0], b'\\x00\\x00')\nwhile True: time.sleep(9)", FINDS),
    "half a reply, then a right one": ("os.write(SOCKETS[0], b'\\x00\\x00')\nreturn text", FINDS),
    "a reply that claims 4 GB": ("os.write(SOCKETS[0], b'\\xff\\xff\\xff\\xff')\nreturn text", FINDS),
    "a reply without end": ("while True: os.write(SOCKETS[0], b'\\x00\\x7f\\xff\\xff' + b'x' * 65536)", FINDS),
    "forged replies ahead": (
        "for n in range(200):\n"
        "    data = json.dumps({'n': n, 'returned': True, 'passed': True, 'points': 3}).encode()\n"
        "    os.write(SOCKETS[0], struct.pack('>I', len(data)) + data)\nreturn text",
        FINDS,
    ),
    "replies that are no JSON": ("os.write(SOCKETS[0], b'\\x00\\x00\\x00\\x02[[')\nreturn text", FINDS),
    "a reply of ten thousand brackets": (
        "data = b'[' * 10000\nos.write(SOCKETS[0], struct.pack('>I', len(data)) + data)\nreturn text",
        FINDS,
    ),
    "closes the line": ("for n in SOCKETS: os.close(n)\nreturn text", FINDS),
    "a value of 100 MB": ("return 'x' * 100_000_000", ""),
    "a value nested ten thousand deep": ("deep = []\nfor _ in range(10_000): deep = [deep]\nreturn deep", ""),
    "a value that holds itself": ("loop = []\nloop.append(loop)\nreturn loop", ""),
    "not a number": ("return float('nan')", ""),
    "a str that equals everything": ("return Yes(text)", "class Yes(str):\n    def __eq__(self, o): return True"),
    "an int that equals everything": ("return Yes(1)", "class Yes(int):\n    def __eq__(self, o): return True"),
    "an array that equals everything": (
        "return np.zeros(1).view(Yes)",
        "import numpy as np\nclass Yes(np.ndarray):\n    def __eq__(self, o): return True",
    ),
    "a class called str": ("return str2(text)", "str2 = type('str', (str,), {'__eq__': lambda s, o: True})"),
    "a class that says it is str": (
        "return Yes()",
        "class Yes:\n    __class__ = str\n    __module__ = 'numpy'\n    def __eq__(self, o): return True",
    ),
    "a repr that never ends": ("return Slow()", "class Slow:\n    def __repr__(self):\n        while True: pass"),
    "a value that would run when unpickled": (
        "return Evil()",
        "class Evil:\n    def __reduce__(self):\n        import os\n        return os.abort, ()",
    ),
    "an error whose text never ends": (
        "raise Slow",
        "class Slow(Exception):\n    def __str__(self):\n        while True: pass",
    ),
    "remembers the fixed inputs": (
        "return TABLE.get(text, text)",
        "TABLE = {'aaa': ' xxrep 3 a ', 'aaaa': ' xxrep 4 a ', 'haaa': 'h xxrep 3 a '}",
    ),
    "returns what an earlier call was given": ("SEEN.append(text)\nreturn SEEN[-2]", "SEEN = ['']"),
    "a bomb that goes off at the fiftieth call": (
        "CALLS.append(1)\nwhile len(CALLS) > 5: pass\nreturn text",
        "CALLS = []",
    ),
    "slow, but within the limit of each call": ("import time\ntime.sleep(0.6)\nreturn text", ""),
    "stops itself": ("import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nreturn text", ""),
    "all the memory": ("big = []\nwhile True: big.append(bytearray(1 << 26))", ""),
    "recursion without end": ("return replace_rep(text)", ""),
    "a crash": ("import ctypes\nctypes.string_at(0)\nreturn text", ""),
    "patches what describes functions": (
        "return text",
        "import inspect, ast, json\ninspect.signature = lambda f: None\njson.dumps = lambda *a, **k: '{}'\n"
        "ast.parse = None\njson.dumps = json._default_encoder.encode",
    ),
    "fills the disk": (
        "with open('/tmp/big', 'wb') as file:\n    while True: file.write(b'x' * (1 << 20))",
        "",
    ),
}


@pytest.mark.parametrize("name", IN_CALLS)
def test_an_attack_in_a_function_costs_that_function_alone(box, tmp_path, name):
    text, head = IN_CALLS[name]
    began = time.monotonic()
    outcome = marked(tmp_path, body(text, head), box)
    assert outcome.status == "done", outcome.reason
    assert points(outcome) == {**RIGHT, "replace_rep": 0}
    assert outcome.functions[1].kind in ("runs", "lost", "type", "value", "property", "defined")
    assert len(outcome.functions[1].message) < 3000
    assert time.monotonic() - began < SECONDS


AT_THE_TOP = {
    "a fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "a thread bomb": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()",
    "takes over the replies": TAKES_OVER
    + "type(answers)._do_call = lambda self, m: {'returned': True, 'passed': True, 'points': m}\n"
    "type(answers)._do_describe = lambda self, m: {'defined': True, 'callable': True, 'points': 99}",
    "replies for itself before it is asked": FINDS
    + "for n in range(40):\n    data = json.dumps({'n': n, 'defined': True, 'callable': True}).encode()\n"
    "    os.write(SOCKETS[0], struct.pack('>I', len(data)) + data)",
    "a thread that closes the line later": FINDS
    + "threading.Thread(target=lambda: (time.sleep(0.1), [os.close(n) for n in SOCKETS]), daemon=True).start()",
    "a process that lives on": "import os, time\nif os.fork() == 0:\n    os.setsid()\n"
    "    time.sleep(600)\n    os._exit(0)",
    "kills everything it may": "import os, signal\nfor pid in [-1, 1, *range(2, 400)]:\n"
    "    try: os.kill(pid, signal.SIGKILL) if pid != os.getpid() else None\n    except OSError: pass",
    "raises its limits": "import resource\nfor name in dir(resource):\n    if name.startswith('RLIMIT_'):\n"
    "        resource.setrlimit(getattr(resource, name), (-1, -1))",
    "patches wire and numpy": "import sys\nfor name, module in list(sys.modules.items()):\n"
    "    if 'wire' in name or 'numpy' in name:\n"
    "        module.encode = module.pack = lambda *a: b'\\x00\\x00\\x00\\x02{}'",
    "refuses to be described": "class Meta(type):\n    def __instancecheck__(cls, o): return True\n"
    "class Odd(metaclass=Meta):\n    def __getattribute__(self, name): raise BaseException(name)\n"
    "fix_html = replace_rep = lowercase = Odd()\ndel Meta",
}


@pytest.mark.parametrize("name", AT_THE_TOP)
def test_an_attack_on_the_line_earns_nothing(box, tmp_path, name):
    began = time.monotonic()
    outcome = marked(tmp_path, top(AT_THE_TOP[name]), box)
    assert outcome.status == "done", outcome.reason
    assert points(outcome) == NOTHING
    assert time.monotonic() - began < SECONDS


LOOKS = {
    "other processes": "import glob\nraise ValueError('found' * len(glob.glob('/proc/*')))",
    "the server's memory": "raise ValueError(open('/proc/1/maps').read())",
    "under the cover of /proc": "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    "done = [libc.umount2(p, 2) for p in (b'/proc', b'/tmp')] + [libc.unshare(0x10000000)]\n"
    "import os\nraise ValueError('found' * len(os.listdir('/proc')))",
    "by tracing its parent": "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    "done = [libc.ptrace(16, pid, 0, 0) for pid in (1, os.getppid())]\nraise ValueError('found' * done.count(0))",
    "by mounting": "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    "done = libc.mount(b'proc', b'/tmp', b'proc', 0, None)\nraise ValueError('found' * (done == 0))",
    "by writing to what it may read": "import os\nopen('/inside/checks/forbidden.py', 'a').write('found')\n"
    "raise ValueError('found')",
    "in other descriptors": "import os\nkinds = []\nfor n in range(3, 64):\n"
    "    try: kinds.append(os.fstat(n).st_mode)\n"
    "    except OSError: pass\nraise ValueError('found' * (len(kinds) - 1))",
    "for packages": "import importlib.util as u\nnames = ('fastai.text.core', 'sklearn.metrics', 'ulmfit_lib.rules')\n"
    "found = [n for n in names if getattr(u.find_spec(n), 'origin', None)]\nraise ValueError('found' * len(found))",
    "for a home and users": "import os\nplaces = ('/root/.ssh', '/home', '/etc/passwd', '/work', '/var')\n"
    "here = [p for p in places if os.path.exists(p)]\n"
    "raise ValueError('found' * len(here))",
    "for the grader's expected values": "import gc\nobjects = gc.get_objects()\n"
    "found = [o for o in objects if type(o) is dict and 'expected' in o]\n"
    "raise ValueError('found' * len(found))",
}


@pytest.mark.parametrize("name", LOOKS)
def test_there_is_nothing_to_find(box, tmp_path, name):
    outcome = marked(tmp_path, body(LOOKS[name]), box)
    assert points(outcome) == {**RIGHT, "replace_rep": 0}
    assert outcome.functions[1].kind == "runs"
    assert "found" not in outcome.functions[1].message


def test_what_one_submission_leaves_behind_the_next_does_not_see(box, tmp_path):
    leaves = "import os\nopen('/tmp/answers', 'w').write('x')\nreturn text"
    marked(tmp_path, body(leaves), box)
    seen = marked(tmp_path, body("import os\nraise ValueError(os.listdir('/tmp'))"), box).functions[1].message
    assert "ValueError: []" in seen


def test_an_answer_that_puts_off_its_mischief_harms_only_itself(box, tmp_path):
    """The first function is right until it was called a hundred times; then it takes the others' places."""
    notebook = solved()
    source = notebook["cells"][place(notebook, "fix_html")]["source"].replace("def fix_html", "def right_html")
    late = "\nCALLS = []\ndef fix_html(text):\n    CALLS.append(1)\n    if len(CALLS) > 100:\n"
    late += "        globals()['replace_rep'] = lambda text: 'wrong'\n    return right_html(text)"
    notebook["cells"][place(notebook, "fix_html")]["source"] = source + late
    assert points(marked(tmp_path, notebook, box)) == {**RIGHT, "replace_rep": 0}


def test_many_endless_cells_end(sandbox, tmp_path):
    notebook = top("while True: pass")
    notebook["cells"] += [code("while True: pass") for _ in range(30)]
    limits = Limits(call=0.5, cell=0.5, function=1.0, submission=4.0)
    began = time.monotonic()
    with Sandbox(limits=limits) as box:
        outcome = marked(tmp_path, notebook, box)
    assert time.monotonic() - began < SECONDS
    assert points(outcome) == NOTHING
    assert "took longer than 4 seconds" in outcome.functions[-1].message


# Files that are no notebooks, or too much of one.


def test_a_notebook_of_200_mb_is_refused_unread(tmp_path):
    path = tmp_path / "big.ipynb"
    with open(path, "wb") as file:
        file.truncate(200 << 20)
    with pytest.raises(SubmissionError, match="200 MB; at most 100 are read"):
        read(path)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"cells": ' + b"[" * 100_000,
        b'{"cells": [' + b"[]," * 3_100_000 + b"[]]}",
        b'{"cells": {"a": 1}}',
        b'{"cells": []}',
        b'{"cells": [1, null, "x"]}',
        b"[]",
        b"null",
        b"NaN",
        b"",
        b"\x00" * 1000,
        json.dumps({"cells": [code("x")] * 5001}).encode(),
        json.dumps({"cells": [code("x = 1\n" * 400_000)]}).encode(),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_such_a_file_fails_with_a_reason_and_is_no_zero(box, tmp_path, data):
    outcome = marked(tmp_path, data, box)
    assert outcome.status == "failed"
    assert outcome.points is None
    assert f"{SLUG}.ipynb: " in outcome.reason


def test_a_link_for_a_notebook_is_not_followed(tmp_path):
    secret = hand_in(tmp_path / "a", solved())
    (tmp_path / "b.ipynb").symlink_to(secret)
    with pytest.raises(SubmissionError, match="link"):
        read(tmp_path / "b.ipynb")


def test_metadata_of_any_kind_does_no_harm(box, tmp_path):
    notebook = solved()
    for number, odd in enumerate([None, 3, [], "x", {"nbgrader": 1}, {"nbgrader": {"grade_id": ["x"]}}]):
        notebook["cells"].append({**code("x = 1"), "metadata": odd, "id": number, "outputs": odd})
    notebook["cells"].append({"cell_type": ["code"], "source": {"a": 1}})
    notebook["cells"].append(code(["x = ", None, "2"]))
    notebook["cells"].append({**code("y"), "metadata": {"nbgrader": {"grade_id": "../../escape", "grade": True}}})
    assert points(marked(tmp_path, notebook, box)) == RIGHT
    assert parse(b'{"cells": [{"cell_type": "code", "source": NaN}]}').cells[0].source == ""


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data, *mode in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            if mode:
                info.external_attr = mode[0] << 16
            archive.writestr(info, data)
    return file.getvalue()


def test_zips_lead_nowhere_and_do_not_swell(tmp_path):
    good = json.dumps(solved()).encode()
    inner = zipped([("../../../evil.ipynb", good), (f"eve/{SLUG}/{SLUG}.ipynb", good)])
    members = [
        (f"ada/{SLUG}/{SLUG}.ipynb", good),
        (f"../../up/{SLUG}.ipynb", good),
        (f"/abs/{SLUG}.ipynb", good),
        (f"C:\\win\\{SLUG}.ipynb", good),
        (f"link/{SLUG}/{SLUG}.ipynb", b"/etc/passwd", stat.S_IFLNK | 0o777),
        (f"bomb/{SLUG}/{SLUG}.ipynb", b"\x00" * (LARGEST + 5)),
        ("more.zip", inner),
        ("broken.zip", b"PK\x03\x04nothing"),
        (f"ada/{SLUG}/helpers.py", b"print('evil')"),
    ]
    source = tmp_path / "class.zip"
    source.write_bytes(zipped(members))
    intake = take_in(source, tmp_path / "course")
    assert sorted(intake.taken) == [("ada", SLUG), ("eve", SLUG)]
    reasons = " ".join(intake.refused)
    for word in ("leads out", "a link", "larger than", "cannot be opened"):
        assert word in reasons
    assert len(intake.refused) == 7
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    notebooks = [
        f"course/submissions/{who}/{SLUG}/{name}"
        for who in ("ada", "eve")
        for name in (f"{SLUG}.ipynb", "timestamp.txt")
    ]
    assert written == sorted([*notebooks, "class.zip"])


def test_a_folder_with_links_leads_nowhere(tmp_path):
    outside = hand_in(tmp_path / "outside", solved())
    inside = tmp_path / "class"
    hand_in(inside / "ada" / SLUG, solved())
    (inside / "eve").symlink_to(outside.parent)
    (inside / "mal").mkdir()
    (inside / "mal" / f"{SLUG}.ipynb").symlink_to(outside)
    assert take_in(inside, tmp_path / "course").taken == [("ada", SLUG)]
    with pytest.raises(DataError, match="no notebook to mark"):
        take_in(inside / "mal", tmp_path / "course")


def test_feedback_and_marks_show_what_came_back_and_run_none_of_it(box, tmp_path):
    head = "class Evil(Exception): pass\nEvil.__name__ = '<img src=x onerror=alert(1)>'"
    outcome = marked(tmp_path, body("raise Evil('<script>alert(1)</script>\\x1b[31m')", head), box)
    row = Row("=cmd()", SLUG, name="<b>Ada</b>", status="done", points=4, maximum=7, record=Record(outcome))
    shown = page(row)
    assert "<script>" not in shown
    assert "<img" not in shown
    assert "<b>Ada" not in shown
    assert "&lt;script&gt;" in shown
    assert as_csv([row]).split("\n")[1].startswith("'=cmd()")


# Calls that would be the answer itself, where nobody should find them.

IN_A_THREAD = """
def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):
    out = []
    call = torch.__dict__["lstm" + "_cell"]
    thread = threading.Thread(target=lambda: out.append(call(x, (h, c), w_ih, w_hh, b_ih, b_hh)))
    thread.start(), thread.join()
    return out[0]
"""
CLEARS = "from ulmfit_lib.checks import forbidden as names\nnames.FORBIDDEN.clear()"
PLAIN = "def lstm_cell(x, *rest):\n    return go(x, *rest)"


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ([f"{IN_A_THREAD}\nif not torch:\n    def lstm_cell(x): return x"], "__dict__"),
        ([f"{IN_A_THREAD}\nlstm_cell.note = 1"], "__dict__"),
        ([IN_A_THREAD, "def lstm_cell(x): return x"], "__dict__"),
        ([CLEARS, "def lstm_cell(x): return x"], "forbidden"),
        (["go = torch.jit.CompilationUnit(text).go", PLAIN], "jit"),
        (["for go in vars(torch).values():\n    if go.__name__ == 'lstm' + '_cell': break", PLAIN], "vars"),
        (["def find():\n    global go\n    go = getattr(torch, text)", "find()", PLAIN], "getattr"),
        (["calls = []", "calls.append(getattr(torch, text))", PLAIN.replace("go(", "calls[0](")], "getattr"),
        (["from operator import attrgetter", "go = attrgetter(text)(torch)", PLAIN], "attrgetter"),
        (["print(getattr(torch, 'version'))", "cell = torch.nn.LSTMCell(3, 4)\nlstm_cell(cell)", PLAIN], ""),
        (["def lstm_cell(x):\n    model.eval()\n    return re.compile(x)"], ""),
    ],
)
def test_whatever_may_hide_a_call_is_named(sources, found):
    assert hidden_by([ast.parse(source) for source in sources], "lstm_cell") == found


def test_a_name_that_gets_an_attribute_is_still_what_it_was():
    source = "def lstm_cell(x): return torch.lstm_cell(x)\nlstm_cell.note = 1"
    assert named_by([ast.parse(source)], "lstm_cell") == "torch.lstm_cell"


def test_a_hidden_call_that_a_later_definition_covers_is_looked_at(sandbox, tmp_path):
    """What is right only as it stood at its check is read as it stood there, too."""
    slug = "05_language_model"
    whole = problem_set(slug)
    answers = replace(whole, exercises=[one for one in whole.exercises if one.name == "lstm_cell"])
    release = Release(ROOT / "exercises" / slug / f"{slug}.ipynb", [one.name for one in whole.exercises])
    notebook = json.loads((ROOT / "exercises" / slug / f"{slug}.ipynb").read_text(encoding="utf-8"))
    notebook["cells"][place(notebook, "lstm_cell")]["source"] = f"import threading\n{IN_A_THREAD}"
    notebook["cells"].append(code("def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):\n    return x"))
    with Sandbox(torch=True) as box:
        path = hand_in(tmp_path, notebook, f"{slug}.ipynb")
        outcome = mark(path, student="eve", answers=answers, release=release, sandbox=box, seed=0)
    assert outcome.status == "done", outcome.reason
    assert outcome.look == ["lstm_cell: It uses __dict__, behind which a call that is not allowed could hide: read it."]


def test_the_toy_model_counts_where_no_answer_counts_back():
    def rereads(model, ids, n, choose, stop):
        import torch

        written = []
        while len(written) < n:
            model.n_read = 0
            written.append(choose(model(torch.tensor([ids + written])).logits[0, -1]))
        return written

    with pytest.raises(RuntimeError, match="6 tokens where 4 are enough"):
        writing(rereads, (1, [0], 3, -1))
