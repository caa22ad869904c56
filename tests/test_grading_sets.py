"""Every problem set on the grader's road: the solution full, the release nothing, a known mistake known there too."""

import importlib
import json
import random

import pytest
from conftest import ROOT
from graders import RIGHT_ANSWERS, as_student_code
from grading_kit import hand_in

from ulmfit_lib.checks.forbidden import FORBIDDEN, used_by
from ulmfit_lib.checks.sets import EXERCISE_NAMES, SLUGS, exercise, problem_set
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
    chosen = random.Random(slug).choice(problem_set(slug).exercises)
    mistake = random.Random(slug).choice(chosen.mistakes)
    notebook = notebook_of("solutions", slug)
    for cell in notebook["cells"]:
        if cell["id"] == chosen.name:
            cell["source"] = as_student_code(mistake.function, chosen.name)
    outcome = given(slug, notebook, boxes, tmp_path)
    wrong = {one.name: one.mistake for one in outcome.functions if one.kind}
    assert wrong[chosen.name] == mistake.name


ALIASED = {
    # Each does the whole of it under a name that its source does not show.
    "lstm_cell": "def lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh):\n"
    "    return getattr(torch, 'lstm' + '_cell')(x, (h, c), w_ih, w_hh, b_ih, b_hh)",
    "dropout_mask": "def dropout_mask(like, size, p):\n"
    "    return getattr(torch.nn, 'Drop' + 'out')(p)(torch.ones(size, dtype=like.dtype))",
    "rnn_dropout": "def rnn_dropout(x, p, training):\n"
    "    drop = getattr(torch.nn.functional, 'drop' + 'out1d')\n"
    "    return drop(x.transpose(1, 2), p, training).transpose(1, 2)",
    "tied_logits": "def tied_logits(output, weight, bias):\n"
    "    return getattr(torch.nn.functional, 'lin' + 'ear')(output, weight, bias)",
    "batch_norm": "def batch_norm(x, norm, training):\n"
    "    return getattr(torch.nn.functional, 'batch' + '_norm')(x, norm['mean'].clone(), norm['var'].clone(), "
    "norm['weight'], norm['bias'], training)",
}


@pytest.mark.parametrize("name", ALIASED)
def test_a_call_that_is_the_answer_itself_is_refused_by_name(boxes, tmp_path, name):
    slug = EXERCISE_NAMES[name]
    notebook = notebook_of("exercises", slug)
    cell = next(cell for cell in notebook["cells"] if cell["id"] == name)
    shown = {
        "lstm_cell": "torch.nn.LSTMCell",
        "dropout_mask": "torch.nn.Dropout",
        "rnn_dropout": "torch.nn.Dropout1d",
        "tied_logits": "torch.nn.Linear",
        "batch_norm": "torch.nn.BatchNorm1d",
    }
    for source in (ALIASED[name], f"def {name}(*args):\n    return {shown[name]}(*args)"):
        cell["source"] = f"import torch\n{source}"
        mark = next(one for one in given(slug, notebook, boxes, tmp_path).functions if one.name == name)
        assert mark.points == 0
        assert "does the whole of this exercise" in " ".join(mark.message.split())


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_refused_is_there_and_no_right_answer_uses_it(name):
    for dotted in FORBIDDEN[name]:
        module, _, last = dotted.rpartition(".")
        assert hasattr(importlib.import_module(module), last)
    answers = [function for other, _, function in RIGHT_ANSWERS if other.name == name]
    assert answers
    assert not any(used_by(function, name) for function in answers)


def test_the_notebook_says_it_kindly():
    from ulmfit_lib.checks.engine import run_check

    def one_cycle(step, n_steps, lr):
        import torch

        return torch.optim.lr_scheduler.OneCycleLR(None, lr, n_steps)

    failure = run_check(exercise("one_cycle"), one_cycle).failure
    assert failure.kind == "copied"
    assert failure.problem.startswith("torch.optim.lr_scheduler.OneCycleLR does the whole of this exercise.")
