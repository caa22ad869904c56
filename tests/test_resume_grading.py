"""A grader killed at any moment loses no mark and marks nobody twice."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from grading_kit import QUICK, SET, SLUG, hand_in, solved, stubs
from test_grading_class import by_student, course_in

from ulmfit_lib.grading import grade as grading
from ulmfit_lib.grading.grade import grade_class
from ulmfit_lib.grading.gradebook import gradebook_of
from ulmfit_lib.grading.records import Records
from ulmfit_lib.grading.release import register

STUDENTS = {"ada": solved(), "bob": stubs(), "cleo": solved()}
WANTED = {"ada": SET.points, "bob": 0, "cleo": SET.points}


@pytest.fixture(scope="module")
def registered(sandbox, tmp_path_factory):
    """A course whose gradebook knows the problem set, and whose students have handed in."""
    root = course_in(tmp_path_factory.mktemp("course"))
    register(root, SLUG)
    for student, notebook in STUDENTS.items():
        hand_in(root / "submissions" / student / SLUG, notebook)
    return root


def everything_is_there_once(root):
    assert {name: row.total for name, row in by_student(root).items()} == WANTED
    with gradebook_of(root) as gradebook:
        submissions = gradebook.assignment_submissions(SLUG)
        assert sorted(one.student.id for one in submissions) == sorted(WANTED)
        assert all(len(one.notebooks) == 1 for one in submissions)
        assert all(len(one.notebooks[0].grades) == len(SET.exercises) for one in submissions)
    assert all(record.before == [] for record in Records(root).all(SLUG))


@pytest.mark.parametrize("step", ["_write_notebook", "store", "keep"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_between_any_two_writes(registered, tmp_path, monkeypatch, step, after):
    root = shutil.copytree(registered, tmp_path / "course")
    place = Records if step == "keep" else grading
    real, calls = getattr(place, step), []

    def killed(*args, **more):
        calls.append(1)
        if len(calls) == 2 and not after:
            raise KeyboardInterrupt
        value = real(*args, **more)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return value

    with monkeypatch.context() as patch:
        patch.setattr(place, step, killed)
        with pytest.raises(KeyboardInterrupt):
            grade_class(root, SLUG, limits=QUICK)
    first = {record.outcome.student: record.marked for record in Records(root).all(SLUG)}
    assert "ada" in first
    run = grade_class(root, SLUG, limits=QUICK)
    assert "ada" in run.kept
    everything_is_there_once(root)
    assert Records(root).find(SLUG, "ada").marked == first["ada"]


def test_killed_without_warning(registered, tmp_path):
    """SIGKILL as soon as the first record is there; the sandbox goes with it."""
    root = shutil.copytree(registered, tmp_path / "course")
    command = [sys.executable, "-c", "from ulmfit_lib.cli import main; main()", "grading", "grade", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=root, env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True)
    end = time.monotonic() + 120
    while not Records(root).all(SLUG) and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {record.outcome.student for record in Records(root).all(SLUG)}
    assert kept
    run = grade_class(root, SLUG, limits=QUICK)
    assert kept <= set(run.kept)
    everything_is_there_once(root)


def test_the_inputs_are_the_same_at_a_regrade_and_each_students_own(tmp_path):
    records = Records(tmp_path)
    one, other = records.seed(SLUG, "ada"), records.seed(SLUG, "bob")
    assert one != other
    assert Records(tmp_path).seed(SLUG, "ada") == one
    assert records.seed("02_subwords", "ada") != one
