"""What the tests of grading share: notebooks as a student would hand them in, and a quick way to mark one."""

import copy
import json
from dataclasses import replace

from conftest import ROOT

from ulmfit_lib.checks.sets import problem_set
from ulmfit_lib.grading.checker import mark
from ulmfit_lib.grading.sandbox import Limits
from ulmfit_lib.grading.submission import Release

SLUG = "01_tokenization"
SET = problem_set(SLUG)
NAMES = [exercise.name for exercise in SET.exercises]
RELEASE = Release(ROOT / "exercises" / SLUG / f"{SLUG}.ipynb", NAMES)
# Three of the set, so that a notebook is marked in no time.
SMALL = replace(SET, exercises=[one for one in SET.exercises if one.name in ("replace_rep", "lowercase", "fix_html")])
QUICK = Limits(call=1.0, cell=1.0, function=3.0, submission=30.0)
RIGHT = {"fix_html": 2, "replace_rep": 3, "lowercase": 2}
NOTHING = dict.fromkeys(RIGHT, 0)


def released():
    """Return the released notebook, as JSON."""
    return copy.deepcopy(RELEASE.notebook)


def answers():
    """Return the source of each right answer."""
    solved = json.loads((ROOT / "solutions" / SLUG / f"{SLUG}.ipynb").read_text(encoding="utf-8"))
    return {cell["id"]: "".join(cell["source"]) for cell in solved["cells"] if cell["id"] in NAMES}


def solved(**changes):
    """Return a notebook with right answers, but for the cells named in `changes`."""
    notebook = released()
    sources = {**answers(), **changes}
    for cell in notebook["cells"]:
        if cell["id"] in sources:
            cell["source"] = sources[cell["id"]]
    return notebook


def stubs(**changes):
    """Return a notebook in which nothing is answered, but for the cells named in `changes`."""
    notebook = released()
    for cell in notebook["cells"]:
        if cell["id"] in changes:
            cell["source"] = changes[cell["id"]]
    return notebook


def code(source, **more):
    """Return a cell that a student added."""
    return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None, **more}


def place(notebook, name):
    """Return where the cell with this id stands."""
    return next(number for number, cell in enumerate(notebook["cells"]) if cell.get("id") == name)


def hand_in(folder, notebook, name=f"{SLUG}.ipynb"):
    """Write a notebook (JSON or bytes) into a folder and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(notebook if isinstance(notebook, bytes) else json.dumps(notebook).encode("utf-8"))
    return path


def marked(folder, notebook, box, *, answered=SMALL, seed=0):
    """Return the outcome of a notebook."""
    path = hand_in(folder, notebook)
    return mark(path, student="ada", answers=answered, release=RELEASE, sandbox=box, seed=seed)


def points(outcome):
    """Return the points of each function."""
    return {one.name: one.points for one in outcome.functions}
