"""The road of a mark in nbgrader: generate, submit, autograde, feedback, export. Points printed are points given.

`autograde` is nbgrader's own; our steps in it mark in the sandbox, and no kernel is started.
"""

import copy
import csv
import re
import shutil
from itertools import pairwise

import nbformat
import pytest
from conftest import ROOT
from graders import as_student_code

from ulmfit_lib.checks.sets import SLUGS, problem_set
from ulmfit_lib.grading.course import GradingError, nbgrader_api, succeed
from ulmfit_lib.grading.records import Records
from ulmfit_lib.grading.release import generate, outdated

SLUG = "01_tokenization"
SET = problem_set(SLUG)


def cells_by_id(notebook):
    return {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}


def test_points_in_the_notebook_are_the_points_of_the_checks(root):
    for slug in SLUGS:
        notebook = nbformat.read(root / "solutions" / slug / f"{slug}.ipynb", as_version=4)
        cells = cells_by_id(notebook)
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        for exercise in problem_set(slug).exercises:
            says = f"| `{exercise.name}` | {exercise.points} | {exercise.difficulty} | {exercise.minutes} |"
            assert says in text
            assert cells[f"test_{exercise.name}"].metadata.nbgrader.points == exercise.points
            answer = cells[exercise.name].source
            worth = f"{exercise.points} point{'s' if exercise.points > 1 else ''}"
            head = f"# {exercise.name}: {worth}, difficulty {exercise.difficulty}, about {exercise.minutes} minutes"
            assert answer.startswith(head)
            assert f"\n## {exercise.section}" in f"\n{text}"
        total = sum(exercise.points for exercise in problem_set(slug).exercises)
        minutes = sum(exercise.minutes for exercise in problem_set(slug).exercises)
        assert f"| **together** | **{total}** | | **{minutes}** |" in text


def test_the_release_is_the_one_that_the_solutions_give():
    assert outdated() == []


def test_the_release_holds_no_answer_and_no_hidden_test(root):
    for slug in SLUGS:
        released = (root / "exercises" / slug / f"{slug}.ipynb").read_text(encoding="utf-8")
        assert "SOLUTION" not in released
        assert "HIDDEN" not in released
        assert not re.search(r"checks\.\w+\(\w+, seed=", released)
        solved = cells_by_id(nbformat.read(root / "solutions" / slug / f"{slug}.ipynb", as_version=4))
        notebook = nbformat.reads(released, as_version=4)
        stubs = cells_by_id(notebook)
        shown = [line.strip() for cell in notebook.cells for line in cell.source.split("\n")]
        # A line alone may well stand in a demonstration, too; two of a solution in a row would give it away.
        pairs = set(pairwise(shown))
        for exercise in problem_set(slug).exercises:
            stub, solution = stubs[exercise.name].source, solved[exercise.name].source
            assert "raise NotImplementedError" in stub
            written = solution.split("### BEGIN SOLUTION")[1].split("### END SOLUTION")[0]
            lines = [line.strip() for line in written.strip().split("\n")]
            assert not pairs & {pair for pair in pairwise(lines) if all(len(line) > 8 for line in pair)}, exercise.name
            assert len(lines) > 1 or lines[0] not in shown, exercise.name


def test_generating_twice_gives_the_same_bytes(root):
    assert generate(root, [SLUG]) == generate(root, [SLUG])


@pytest.fixture(scope="module")
def graded(root, tmp_path_factory):
    """A class graded by nbgrader: its marks, function by function, and where its feedback lies."""
    course = tmp_path_factory.mktemp("course")
    shutil.copy(root / "nbgrader_config.py", course)
    shutil.copytree(root / "solutions" / SLUG, course / "solutions" / SLUG)
    with nbgrader_api(course) as api:
        succeed(api.generate_assignment(SLUG, create=True), "to release")
        released = nbformat.read(course / "exercises" / SLUG / f"{SLUG}.ipynb", as_version=4)
        for student, change in SUBMISSIONS.items():
            notebook = nbformat.reads(nbformat.writes(released), as_version=4)
            change(notebook)
            folder = course / "submissions" / student / SLUG
            folder.mkdir(parents=True)
            nbformat.write(notebook, folder / f"{SLUG}.ipynb")
        for student in SUBMISSIONS:
            succeed(api.autograde(SLUG, student), f"to grade {student}")
            succeed(api.generate_feedback(SLUG, student), f"to give feedback to {student}")
        with api.gradebook as gradebook:
            marks = {
                student: {
                    grade.name: (grade.score, grade.max_score)
                    for grade in gradebook.find_submission_notebook(SLUG, SLUG, student).grades
                }
                for student in SUBMISSIONS
            }
        export(api, course / "marks.csv")
    return marks, course


def export(api, path):
    from nbgrader.plugins.export import CsvExportPlugin

    plugin = CsvExportPlugin(parent=api)
    plugin.to = str(path)
    with api.gradebook as gradebook:
        plugin.export(gradebook)


def solve(notebook):
    solved = cells_by_id(nbformat.read(ROOT / "solutions" / SLUG / f"{SLUG}.ipynb", as_version=4))
    for name, cell in cells_by_id(notebook).items():
        if cell.metadata.nbgrader.solution:
            cell.source = solved[name].source


def solve_with_a_mistake(notebook):
    solve(notebook)
    mistake = next(one for one in SET.exercises if one.name == "replace_rep").mistakes[0]
    cells_by_id(notebook)["replace_rep"].source = as_student_code(mistake.function, "replace_rep")


def solve_with_a_syntax_error(notebook):
    solve(notebook)
    cells_by_id(notebook)["lowercase"].source = "def lowercase(text:\n    return text"


def solve_without_a_test(notebook):
    solve(notebook)
    notebook.cells = [c for c in notebook.cells if c.get("id") != "test_fix_html"]


def solve_with_an_endless_loop(notebook):
    solve(notebook)
    cells_by_id(notebook)["rm_useless_spaces"].source = "def rm_useless_spaces(text):\n    while True:\n        pass"


def solve_with_cells_copied_and_renamed(notebook):
    """What a click too many does: nbgrader's own autograde fails on it or takes the points away."""
    solve(notebook)
    cells = cells_by_id(notebook)
    notebook.cells.append(copy.deepcopy(cells["fix_html"]))
    notebook.cells.append(copy.deepcopy(cells["test_fix_html"]))
    cells["test_replace_rep"].metadata.nbgrader.grade_id = "something_else"
    del cells["lowercase"].metadata["nbgrader"]


def leave_as_it_is(notebook):
    pass


SUBMISSIONS = {
    "perfect": solve,
    "empty": leave_as_it_is,
    "mistaken": solve_with_a_mistake,
    "syntax": solve_with_a_syntax_error,
    "deleted": solve_without_a_test,
    "copied": solve_with_cells_copied_and_renamed,
    "endless": solve_with_an_endless_loop,
}


def lost(marks):
    return {name: maximum for name, (score, maximum) in marks.items() if score != maximum}


def test_a_perfect_submission_gets_the_points_that_are_printed(graded):
    marks, _ = graded
    assert {name: maximum for name, (_, maximum) in marks["perfect"].items()} == {
        f"test_{exercise.name}": exercise.points for exercise in SET.exercises
    }
    assert lost(marks["perfect"]) == {}


def test_an_empty_submission_gets_nothing(graded):
    marks, _ = graded
    assert all(score == 0 for score, _ in marks["empty"].values())
    assert len(marks["empty"]) == len(SET.exercises)


@pytest.mark.parametrize(
    ("student", "loses"),
    [
        ("mistaken", {"test_replace_rep": 3}),
        ("syntax", {"test_lowercase": 2}),
        ("endless", {"test_rm_useless_spaces": 1}),
    ],
)
def test_what_is_wrong_costs_its_own_points_only(graded, student, loses):
    marks, _ = graded
    assert lost(marks[student]) == loses


def test_a_submission_that_cannot_be_marked_fails_in_nbgrader_too_and_the_others_go_on(graded):
    """Its row is there and has no mark; what nbgrader's own CSV makes 0, ours leaves empty."""
    marks, course = graded
    folder = course / "submissions" / "broken" / SLUG
    folder.mkdir(parents=True)
    (folder / f"{SLUG}.ipynb").write_text('{"cells": []}')
    with nbgrader_api(course) as api, pytest.raises(GradingError, match="the notebook is empty"):
        succeed(api.autograde(SLUG, "broken"), "to grade broken")
    shutil.rmtree(folder.parent)
    with nbgrader_api(course) as api:
        with api.gradebook as gradebook:
            grades = gradebook.find_submission_notebook(SLUG, SLUG, "broken").grades
            assert all(grade.auto_score is None for grade in grades)
            gradebook.remove_student("broken")
        succeed(api.autograde(SLUG, "perfect", force=True), "to grade perfect again")
    assert lost(marks["perfect"]) == {}


def test_cells_deleted_copied_or_renamed_cost_nothing(graded):
    marks, course = graded
    assert lost(marks["deleted"]) == lost(marks["copied"]) == {}
    for student in ("deleted", "copied"):
        path = course / "runs" / "grading" / "autograded" / student / SLUG / f"{SLUG}.ipynb"
        names = [
            cell.metadata.nbgrader.grade_id
            for cell in nbformat.read(path, as_version=4).cells
            if "nbgrader" in cell.metadata
        ]
        assert sorted(names) == sorted([*(one.name for one in SET.exercises), *marks["perfect"]])


def test_the_record_has_the_marks_of_the_gradebook(graded):
    marks, course = graded
    for record in Records(course).all(SLUG):
        given = {f"test_{one.name}": (one.points, one.maximum) for one in record.outcome.functions}
        assert given == marks[record.outcome.student]


def test_the_marks_are_exported(graded):
    _, course = graded
    with open(course / "marks.csv", newline="") as file:
        scores = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    full = SET.points
    assert scores == {
        "perfect": full,
        "empty": 0,
        "mistaken": full - 3,
        "syntax": full - 2,
        "deleted": full,
        "copied": full,
        "endless": full - 1,
    }


def test_the_feedback_says_what_went_wrong(graded):
    _, course = graded
    page = course / "runs" / "grading" / "feedback" / "mistaken" / SLUG / f"{SLUG}.html"
    text = page.read_text(encoding="utf-8")
    assert "It asks for four in a row" in text


def test_what_nbgrader_says_is_passed_on():
    with pytest.raises(GradingError, match="no such notebook"):
        succeed({"success": False, "log": "no such notebook"}, "to release 99")


@pytest.mark.parametrize(
    "name",
    [
        "ada_l_01_tokenization",
        "ada_l/01_tokenization",
        "ada_l_01_tokenization_attempt_2026-05-01-10-00-00_01_tokenization",
    ],
)
def test_zip_collect_knows_whose_a_notebook_is(name):
    from nbgrader.plugins.zipcollect import FileNameCollectorPlugin
    from traitlets.config import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()
    found = FileNameCollectorPlugin(config=config).collect(f"/course/downloaded/01_tokenization/extracted/{name}.ipynb")
    assert found == {"student_id": "ada_l", "file_id": "01_tokenization"}
