"""The mutator changes what it says, and a mutant that a check takes for right is seen."""

import ast

import pytest

from ulmfit_lib.authoring import mutants
from ulmfit_lib.authoring.mutations import mutants_of
from ulmfit_lib.checks.exercise import Exercise
from ulmfit_lib.checks.sets import EXERCISE_NAMES

SOLUTION = '''
def total(numbers, start=0):
    """Sum them up."""
    for number in numbers:
        if number < 0:
            continue
        start += number
    return start
'''


def total(numbers, start=0):
    return start + sum(number for number in numbers if number >= 0)


def exercise(*examples):
    return Exercise(
        name="total",
        points=1,
        difficulty=1,
        minutes=1,
        section="Sums",
        reference=total,
        examples=examples,
        inputs=lambda rng: examples[0],
        hints=("a", "b", "c"),
    )


def changes(source):
    return {(one.before, one.after) for one in mutants_of(source)}


def test_each_change_is_one_change_and_still_python():
    found = list(mutants_of(SOLUTION))
    for mutant in found:
        compile(mutant.tree, "<mutant>", "exec")
        assert ast.unparse(mutant.tree) != ast.unparse(ast.parse(SOLUTION))
    assert len({ast.unparse(mutant.tree) for mutant in found}) == len(found)
    assert {
        ("if number < 0:", "if number <= 0:"),
        ("if number < 0:", "if True:"),
        ("continue", "break"),
        ("start += number", "start -= number"),
        ("start += number", "pass"),
        ("def total(numbers, start=0):", "def total(numbers, start=1):"),
    } <= changes(SOLUTION)


@pytest.mark.parametrize(
    ("source", "change"),
    [
        ("x = a[1:n]", ("x = a[1:n]", "x = a[:n]")),
        ("x = not a", ("x = not a", "x = a")),
        ("x = a and b", ("x = a and b", "x = a or b")),
        ("x = 'a'", ("x = 'a'", "x = 'ax'")),
        ("x = f(a, b)", ("x = f(a, b)", "x = f(b, a)")),
        ("x = sorted(a, reverse=True)", ("x = sorted(a, reverse=True)", "x = sorted(a)")),
        ("x = max(a)", ("x = max(a)", "x = min(a)")),
        ("x = b if a else c", ("x = b if a else c", "x = b if False else c")),
        ("while a < b:\n    a += 1", ("while a < b:", "while a <= b:")),
    ],
)
def test_what_is_changed(source, change):
    assert change in changes(source)


def test_words_for_people_are_left_alone():
    assert changes('def f(x: "int" = 1) -> "str":\n    """Say 1."""\n    raise ValueError("not 2")') == {
        ("def f(x: 'int'=1) -> 'str':", "def f(x: 'int'=2) -> 'str':"),
        ("def f(x: 'int'=1) -> 'str':", "def f(x: 'int'=0) -> 'str':"),
    }


def test_a_check_that_looks_nowhere_lets_them_live_and_a_good_one_does_not():
    blind, good = exercise(([],)), exercise(([1, -2, 0, 3],), ([2], 5), ([-1, -1],))
    survivors = [
        {m.after for m in mutants_of(SOLUTION) if mutants.survives(one, m, {"__name__": "__main__"})}
        for one in (blind, good)
    ]
    assert "start -= number" in survivors[0]
    # Only those that do the same with whole numbers: 0 may be added or left out.
    assert survivors[1] == {"if number <= 0:", "if number < 1:"}


def test_a_mutant_without_end_is_noticed(monkeypatch):
    monkeypatch.setattr(mutants, "_SECONDS", 0.5)
    source = "def total(numbers, start=0):\n    n = 0\n    while n < len(numbers):\n        n += 1\n    return 6"
    found = {one.after: mutants.survives(exercise(([1, 2, 3],)), one, {}) for one in mutants_of(source)}
    assert found["n -= 1"] is False
    assert found["n = 1"] is True


def test_each_that_is_called_equivalent_has_a_proof_and_an_exercise():
    listed = mutants.known_equivalents()
    assert listed
    for (function, before, after), proof in listed.items():
        assert function in EXERCISE_NAMES
        assert before != after
        assert len(proof) > 20
        assert "\n" not in proof
        assert proof.endswith(".")


def test_what_is_listed_as_equivalent_is_a_mutant_of_the_solution():
    for function, before, after in mutants.known_equivalents():
        sources, _ = mutants.solutions_of(EXERCISE_NAMES[function])
        assert (before, after) in changes(sources[function])
