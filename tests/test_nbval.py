"""What `make notebooks` stores, nbval finds again, in a process whose own settings differ; and it notices a change."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from ulmfit_lib.authoring import notebook_form, notebooks

ROOT = Path(__file__).resolve().parents[1]
PICTURE = """import matplotlib.pyplot as plt
from ulmfit_lib.pictures import house_style, show
house_style()
figure, axes = plt.subplots()
axes.plot([1, 2, 3], [1 / 3, 2 / 3, 3 / 7], label="loss")
axes.legend()
show(figure, "The loss rises once and falls once.")"""


def cell(source: str, *tags: str) -> nbformat.NotebookNode:
    return new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> dict[str, str]:
    """Cell by cell, what nbval says about a notebook as it was stored and about one that was then changed."""
    folder = tmp_path_factory.mktemp("book")
    same, changed = folder / "same.ipynb", folder / "changed.ipynb"
    cells = [
        cell("import os, time\nprint(hash('words'), os.environ['COLUMNS'])"),
        cell(PICTURE),
        cell("[].missing", notebook_form.MAY_RAISE),
        cell("time.perf_counter()", notebook_form.EXCUSED),
        cell("{'b', 'a', 'c'}.pop()"),
    ]
    nbformat.write(new_notebook(cells=cells), same)
    result = notebooks.refresh(same, root=folder)
    assert not result.failed, result.line
    text = same.read_text(encoding="utf-8")
    assert "has no attribute 'missing'" in text
    tampered = text.replace("has no attribute 'missing'", "has no attribute 'other'").replace("%230072b2", "%23009e73")
    assert tampered.count("%23009e73") > text.count("%23009e73")
    changed.write_text(tampered, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "ulmfit_lib.authoring.nbval_environment",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(ROOT),
        ]
        + ["--nbval", "--nbval-current-env", "-v", "--color=no", str(folder)],
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONHASHSEED": "1", "COLUMNS": "60"},
        capture_output=True,
        encoding="utf-8",
    )
    lines = [line.split() for line in done.stdout.splitlines() if ".ipynb::Cell" in line and "%]" in line]
    return {f"{line[0].split('/')[-1]} {line[1]}": line[2] for line in lines}


def test_every_stored_output_is_found_again(outcome):
    assert {name: said for name, said in outcome.items() if name.startswith("same")} == {
        f"same.ipynb::Cell {number}": "PASSED" for number in range(5)
    }


def test_a_picture_or_an_error_that_changed_is_noticed_and_nothing_else(outcome):
    failed = {name for name, said in outcome.items() if said == "FAILED"}
    assert failed == {"changed.ipynb::Cell 1", "changed.ipynb::Cell 2"}
