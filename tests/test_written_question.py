"""A question that a person reads: it is released without its answer, waits for its marks, and gets them in nbgrader."""

import shutil

import nbformat
import pytest
from conftest import ROOT

from ulmfit_lib.checks.sets import problem_set
from ulmfit_lib.grading.course import nbgrader_api, succeed

SLUG = "11_backward_and_ensemble"
QUESTION = "written_answer"
POINTS = 4


def cell_of(notebook, grade_id):
    return next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


@pytest.fixture(scope="module")
def released():
    return nbformat.read(ROOT / "exercises" / SLUG / f"{SLUG}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def graded(released, tmp_path_factory):
    """Two submissions without code, one with an answer in words, after autograding and after a person read them."""
    course = tmp_path_factory.mktemp("course")
    shutil.copy(ROOT / "nbgrader_config.py", course)
    shutil.copytree(ROOT / "solutions" / SLUG, course / "solutions" / SLUG)
    found = {}
    with nbgrader_api(course) as api:
        succeed(api.generate_assignment(SLUG, create=True), "to release")
        for student in ("answers", "is silent"):
            notebook = nbformat.read(course / "exercises" / SLUG / f"{SLUG}.ipynb", as_version=4)
            # What is not graded takes time and changes no mark.
            notebook.cells = [c for c in notebook.cells if "nbgrader" in c.metadata or c.id == "imports"]
            if student == "answers":
                cell_of(notebook, QUESTION).source = "Before a capital there stands a full stop."
            folder = course / "submissions" / student / SLUG
            folder.mkdir(parents=True)
            nbformat.write(notebook, folder / f"{SLUG}.ipynb")
            succeed(api.autograde(SLUG, student), f"to grade {student}")
            with api.gradebook as gradebook:
                grade = gradebook.find_grade(QUESTION, SLUG, SLUG, student)
                found[student, "autograded"] = (grade.score, grade.max_score, bool(grade.needs_manual_grade))
                if student == "answers":
                    grade.manual_score = 3
                    gradebook.db.commit()
                    grade = gradebook.find_grade(QUESTION, SLUG, SLUG, student)
                    found[student, "read"] = (grade.score, grade.max_score)
    return found


def test_the_release_asks_and_does_not_answer(released):
    cell = cell_of(released, QUESTION)
    assert cell.cell_type == "markdown"
    assert cell.source == "*Your answer here.*"
    assert "Rubric" not in nbformat.writes(released)
    assert not cell.metadata.nbgrader.locked


def test_the_rubric_stands_in_the_solution_and_adds_up():
    solution = nbformat.read(ROOT / "solutions" / SLUG / f"{SLUG}.ipynb", as_version=4)
    cell = cell_of(solution, QUESTION)
    _, rubric = cell.source.split(f"**Rubric** ({POINTS} points)")
    worth = [int(line.split()[1]) for line in rubric.split("\n") if line.startswith("- ")]
    assert sum(worth) == cell.metadata.nbgrader.points == POINTS


def test_its_points_are_printed_beside_those_of_the_checks(released):
    text = "\n".join(cell.source for cell in released.cells if cell.cell_type == "markdown")
    assert f"| written question, read by a person | {POINTS} |" in text
    assert QUESTION not in [exercise.name for exercise in problem_set(SLUG).exercises]


def test_an_answer_waits_for_a_person_and_then_has_the_points_given(graded):
    assert graded["answers", "autograded"] == (0, POINTS, True)
    assert graded["answers", "read"] == (3, POINTS)


def test_no_answer_is_no_work_for_anybody(graded):
    assert graded["is silent", "autograded"] == (0, POINTS, False)
