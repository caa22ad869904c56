"""Every problem set on the grader's road: the solution full, the release nothing, a known mistake known there too."""

import json
import random

import pytest
from conftest import ROOT
from graders import as_student_code
from grading_kit import hand_in

from ulmfit_lib.checks.sets import SLUGS, problem_set
from ulmfit_lib.grading.checker import mark, uses_torch
from ulmfit_lib.grading.marking import release_of
from ulmfit_lib.grading.sandbox import Sandbox


@pytest.fixture(scope="module")
def boxes(sandbox):
    """One sandbox with torch and one without, for all sets."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with Sandbox(torch=True) as heavy, Sandbox() as light:
        yield {True: heavy, False: light}
    torch.set_num_threads(threads)


def given(slug, notebook, boxes, folder):
    return mark(
        hand_in(folder, notebook, f"{slug}.ipynb"),
        student="ada",
        answers=problem_set(slug),
        release=release_of(ROOT, slug),
        sandbox=boxes[uses_torch(slug)],
        seed=0,
    )


def notebook_of(kind, slug):
    return json.loads((ROOT / kind / slug / f"{slug}.ipynb").read_text(encoding="utf-8"))


@pytest.mark.parametrize("slug", SLUGS)
def test_the_solution_is_full_and_the_release_nothing(boxes, tmp_path, slug):
    full = given(slug, notebook_of("solutions", slug), boxes, tmp_path)
    assert full.status == "done", full.reason
    assert {one.name: one.message for one in full.functions if one.kind} == {}
    empty = given(slug, notebook_of("exercises", slug), boxes, tmp_path)
    assert empty.points == 0
    assert {one.kind for one in empty.functions} == {"defined"}


@pytest.mark.parametrize("slug", SLUGS)
def test_a_known_mistake_is_known_in_the_sandbox(boxes, tmp_path, slug):
    """One function of each set, drawn once: as in the notebook, it gets nothing, and its cause is said."""
    exercise = random.Random(slug).choice(problem_set(slug).exercises)
    mistake = random.Random(slug).choice(exercise.mistakes)
    notebook = notebook_of("solutions", slug)
    for cell in notebook["cells"]:
        if cell["id"] == exercise.name:
            cell["source"] = as_student_code(mistake.function, exercise.name)
    outcome = given(slug, notebook, boxes, tmp_path)
    wrong = {one.name: one.mistake for one in outcome.functions if one.kind}
    assert wrong[exercise.name] == mistake.name
