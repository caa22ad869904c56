"""The graders are graded: stubs get nothing, right answers all, and each wrong answer is caught and named."""

from collections import Counter
from functools import lru_cache

import pytest
from graders import EXERCISES, MISTAKES, RIGHT_ANSWERS, as_student_function

from ulmfit_lib.checks.engine import _outcome, _same, call_answer, first_wrong, random_inputs, run_check
from ulmfit_lib.checks.sets import exercise as exercise_named

SEEDS = range(200)


def name_of(value):
    return getattr(value, "name", value) if not callable(value) else ""


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_a_stub_gets_nothing(exercise):
    def stub(*args):
        raise NotImplementedError("write it")

    result = run_check(exercise, stub)
    assert result.points == 0
    assert result.failure.kind == "defined"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_there_are_enough_answers_to_prove_a_grader(exercise):
    assert len(exercise.mistakes) >= 4
    assert sum(other is exercise for other, *_ in RIGHT_ANSWERS) >= 2


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.name)
def test_right_answers_get_full_marks_on_every_seed(exercise):
    """Other algorithms than the solution's."""
    answers = {label: function for other, label, function in RIGHT_ANSWERS if other is exercise}
    answers = {label: as_student_function(function, exercise.name) for label, function in answers.items()}
    for label, answer in answers.items():
        assert run_check(exercise, answer).points == exercise.points, label
    for seed in SEEDS:
        inputs = random_inputs(exercise, seed, 20)
        expected = [call_answer(exercise, exercise.reference, args) for args in inputs]
        for label, answer in answers.items():
            wrong = first_wrong(exercise, answer, inputs, expected)
            assert wrong is None, f"{label}, seed {seed}: {wrong.failure}"


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=name_of)
def test_a_wrong_answer_is_caught_and_its_cause_named(exercise, mistake):
    result = run_check(exercise, as_student_function(mistake.function, exercise.name))
    assert result.points == 0
    assert result.failure.mistake == mistake.name
    assert mistake.cause.split()[0] in str(result)


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=name_of)
def test_a_wrong_answer_is_caught_whatever_the_seed(exercise, mistake):
    """A fixed input catches it, and those are tried with every seed."""
    wrong = first_wrong(exercise, as_student_function(mistake.function, exercise.name), exercise.examples)
    assert wrong is not None
    assert wrong.failure.kind in ("value", "type", "property", "input", "runs")


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=name_of)
def test_a_wrong_answer_is_one_that_people_give(exercise, mistake):
    """It agrees with the solution on at least half of the typical inputs; else no one would think it right."""
    typical = typical_outcomes(exercise.name)
    agreed = sum(_same(_outcome(exercise, mistake.function, args), outcome) for args, outcome in typical)
    assert agreed >= 0.5 * len(typical)


@lru_cache(maxsize=1)  # an exercise's mistakes come one after the other
def typical_outcomes(name):
    """Return 300 random inputs, each with what the solution makes of it."""
    exercise = exercise_named(name)
    return [(args, _outcome(exercise, exercise.reference, args)) for args in random_inputs(exercise, 1, 300)]


def test_names_of_mistakes_are_unique_within_an_exercise():
    counts = Counter((exercise.name, mistake.name) for exercise, mistake in MISTAKES)
    assert max(counts.values()) == 1
