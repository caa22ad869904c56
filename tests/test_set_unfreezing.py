"""Sets 10 and 11 in the sandbox, where torch is and this project is not; and what set 10 says of odd answers."""

import json

import pytest
from conftest import ROOT

from ulmfit_lib.checks.engine import call_answer, run_check
from ulmfit_lib.checks.sets import exercise, problem_set
from ulmfit_lib.grading.checker import mark, uses_torch
from ulmfit_lib.grading.sandbox import Sandbox
from ulmfit_lib.grading.submission import Release

SETS = ("10_gradual_unfreezing", "11_backward_and_ensemble")


@pytest.fixture(scope="module")
def box(sandbox):
    with Sandbox(torch=True) as one:
        yield one


@pytest.mark.parametrize("slug", SETS)
@pytest.mark.parametrize("answered", [True, False], ids=["solved", "empty"])
def test_the_sandbox_gives_all_points_or_none(box, tmp_path, slug, answered):
    assert uses_torch(slug)
    answers = problem_set(slug)
    names = [one.name for one in answers.exercises]
    released = ROOT / "exercises" / slug / f"{slug}.ipynb"
    notebook = json.loads(released.read_text(encoding="utf-8"))
    if answered:
        solution = json.loads((ROOT / "solutions" / slug / f"{slug}.ipynb").read_text(encoding="utf-8"))
        sources = {cell["id"]: cell["source"] for cell in solution["cells"]}
        for cell in notebook["cells"]:
            if cell["id"] in names:
                cell["source"] = sources[cell["id"]]
    path = tmp_path / f"{slug}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    outcome = mark(path, student="ada", answers=answers, release=Release(released, names), sandbox=box, seed=1)
    assert (outcome.status, outcome.maximum) == ("done", answers.points)
    assert outcome.points == (answers.points if answered else 0)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda model: None, "None instead of a list. Did you forget to return it?"),
        (lambda model: [part.parameters() for part in [model.encoder, model.head]], "a generator that is no parameter"),
        (lambda model: list(model.parameters()), "a str instead of a list"),
        (lambda model: [[model.encoder.encoder.weight.detach()]], "a Tensor that is no parameter of the model"),
    ],
    ids=["nothing", "generators", "flat", "copies"],
)
def test_an_answer_of_another_form_is_told_what_it_is(answer, says):
    result = run_check(exercise("parameter_groups"), answer)
    assert result.points == 0
    assert says in " ".join(str(result).split())


def test_freezing_the_model_in_one_answer_does_not_spoil_the_next():
    def freezes(model):
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        return []

    one = exercise("parameter_groups")
    nothing_frozen = one.examples[0]
    only_learning = next(m.function for m in one.mistakes if m.name == "leaves_out_what_is_frozen")
    assert run_check(one, freezes).points == 0
    assert call_answer(one, only_learning, nothing_frozen) == call_answer(one, one.reference, nothing_frozen)
