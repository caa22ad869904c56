"""What a student reads: every part of a check's message, and the help."""

import functools
import subprocess
import sys

import pytest

from ulmfit_lib import checks, rules
from ulmfit_lib.checks.compare import first_difference, show
from ulmfit_lib.checks.engine import run_check
from ulmfit_lib.checks.exercise import MistakeBook
from ulmfit_lib.checks.result import CheckFailed
from ulmfit_lib.checks.sets import EXERCISE_NAMES, SLUGS, exercise, problem_set
from ulmfit_lib.errors import ConfigError


def fail(name, function):
    """Return the failure that a check finds in a function."""
    return run_check(exercise(name), function).failure


def test_a_right_answer_is_said_to_be_right(capsys):
    checks.rm_useless_spaces(lambda text: rules.rm_useless_spaces(text))
    assert capsys.readouterr().out == "rm_useless_spaces: right, 1 of 1 points (8 fixed inputs, 100 random ones)\n"


def test_the_message_in_full():
    def replace_rep(text):
        import re

        return re.sub(r"(\S)(\1{3,})", lambda m: f" xxrep {len(m[2]) + 1} {m[1]} ", text)

    with pytest.raises(CheckFailed) as caught:
        checks.replace_rep(replace_rep)
    assert str(caught.value).split("\n") == [
        "replace_rep: not yet, 0 of 3 points",
        "  problem   It returned another value than expected.",
        "  called    replace_rep('ccc')",
        "  returned  'ccc'",
        "  expected  ' xxrep 3 c '",
        "  differs   at character 0: 'ccc' instead of ' xxrep 3 c '",
        "  because   It asks for four in a row: the group itself is the first, so \\1{2,} are the two or more that",
        "            follow.",
        "  reread    the section “2. A character again and again”, or ask checks.hint('replace_rep')",
    ]


def test_jupyter_shows_the_message_without_a_traceback():
    result = run_check(exercise("lowercase"), None)
    assert CheckFailed(result)._render_traceback_() == str(result).split("\n")


def test_a_failing_input_is_made_small():
    failure = fail("rm_useless_spaces", lambda text: text if len(text) > 9 else rules.rm_useless_spaces(text))
    called = failure.called.removeprefix("rm_useless_spaces(").removesuffix(")")
    assert 10 <= len(eval(called)) <= 12


@pytest.mark.parametrize("answer", [None, ...])
def test_not_defined(answer):
    assert fail("lowercase", answer).kind == "defined"


def test_a_stub_names_its_task():
    def lowercase(text, add_bos=True, add_eos=False):
        raise NotImplementedError("Exercise 8: lower it")

    failure = fail("lowercase", lowercase)
    assert failure.kind == "defined"
    assert "Exercise 8: lower it" in failure.problem


def test_not_callable():
    assert "'a text', which is no function" in fail("lowercase", "a text").problem


def test_another_number_of_arguments():
    failure = fail("lowercase", lambda text: text)
    assert failure.kind == "callable"
    assert "3 arguments" in failure.problem


def test_an_error_names_its_class_and_line():
    def rm_useless_spaces(text):
        first = text[0]
        return first + rules.rm_useless_spaces(text)[1:]

    failure = fail("rm_useless_spaces", rm_useless_spaces)
    assert failure.kind == "runs"
    assert failure.returned == "IndexError: string index out of range (line 2 of rm_useless_spaces)"


def test_a_forgotten_return():
    failure = fail("rm_useless_spaces", lambda text: None)
    assert failure.kind == "type"
    assert failure.problem == "It returned None instead of a str. Did you forget to return it?"


def test_a_subclass_is_not_the_type():
    class Always(str):
        def __eq__(self, other):
            return True

        __hash__ = str.__hash__

    assert fail("rm_useless_spaces", lambda text: Always(text)).kind == "type"


def test_changing_the_input_is_seen():
    def apply_rules(text, rules):
        while rules:
            text = rules.pop(0)(text)
        return text

    # apply_rules has an adapter that builds the list anew; an exercise without one is handed its list as it is.
    from dataclasses import replace

    plain = replace(
        exercise("rm_useless_spaces"),
        reference=lambda items: len(items),
        examples=[([1],)],
        inputs=lambda rng: ([rng.randint(0, 9) for _ in range(rng.randint(0, 3))],),
        properties=(),
        mistakes=(),
    )

    def empties(items):
        count = len(items)
        items.clear()
        return count

    failure = run_check(plain, empties).failure
    assert failure.kind == "input"
    assert failure.differs == "now []"


def test_the_expected_value_cannot_be_spoilt_by_the_answer():
    """`f(x) == reference(x)` compares ruins when f empties x; here the reference sees its own copy, first."""
    from dataclasses import replace

    plain = replace(
        exercise("rm_useless_spaces"),
        reference=sum,
        examples=[([1, 2],)],
        inputs=lambda rng: ([rng.randint(0, 9) for _ in range(rng.randint(0, 3))],),
        properties=(),
        mistakes=(),
    )

    def empties_and_sums(items):
        items.clear()
        return sum(items)

    first_example = run_check(plain, empties_and_sums, n_random=0).failure
    assert first_example.kind == "value"
    assert (first_example.returned, first_example.expected) == ("0", "3")


def test_a_property_is_named_when_only_it_fails():
    from dataclasses import replace

    from ulmfit_lib.checks.exercise import Property

    never = replace(exercise("rm_useless_spaces"), properties=(Property("pigs fly", lambda args, got: False),))
    failure = run_check(never, lambda text: rules.rm_useless_spaces(text)).failure
    assert failure.kind == "property"
    assert failure.problem == "For every right answer, pigs fly; not here."


def test_handing_in_the_library_is_said_kindly():
    failure = fail("replace_rep", rules.replace_rep)
    assert failure.kind == "copied"
    assert "write yours" in failure.problem


def test_an_unknown_wrong_answer_gets_no_cause():
    failure = fail("replace_rep", lambda text: text.upper())
    assert failure.mistake == ""
    assert failure.because == ""


def test_no_message_prints_a_solution():
    from inspect import getsource

    from graders import MISTAKES

    # One mistake an exercise: what a message is made of is the same for all of them.
    for one, mistake in {one.name: (one, mistake) for one, mistake in MISTAKES}.values():
        lines = [line.strip() for line in getsource(one.reference).split("\n")]
        code = [line for line in lines if line.startswith(("return ", "for ", "text = "))]
        message = str(run_check(one, mistake.function))
        assert not any(line in message for line in code)


def test_the_same_check_says_the_same_twice():
    answer = lambda text: text.replace("  ", " ")  # noqa: E731
    one = exercise("rm_useless_spaces")
    assert str(run_check(one, answer)) == str(run_check(one, answer))
    assert str(run_check(one, answer, seed=7)) == str(run_check(one, answer, seed=7))


def test_three_steps_of_help(capsys):
    for name in EXERCISE_NAMES:
        for step in (1, 2, 3):
            checks.hint(name, step)
    assert "Reread" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="steps 1 to 3"):
        checks.hint("replace_rep", 4)
    with pytest.raises(ConfigError, match="no exercise 'rep'"):
        checks.hint("rep")


def test_a_name_that_is_no_exercise():
    with pytest.raises(AttributeError, match="replace_rep"):
        checks.replace_ref  # noqa: B018
    assert set(EXERCISE_NAMES) < set(dir(checks))


@pytest.mark.parametrize("slug", SLUGS)
def test_names_listed_are_names_defined(slug):
    listed = [name for name, where in EXERCISE_NAMES.items() if where == slug]
    assert listed == [one.name for one in problem_set(slug).exercises]


def test_a_set_that_is_not_there():
    with pytest.raises(ConfigError, match="'99_end'"):
        problem_set("99_end")


def test_checks_of_the_first_sets_import_nothing_heavy():
    code = (
        "import sys; from ulmfit_lib import checks; from ulmfit_lib.checks.sets import exercise; "
        "from ulmfit_lib.checks.engine import run_check; run_check(exercise('replace_rep'), lambda text: text); "
        "print([m for m in ('torch', 'fastai', 'spacy', 'pandas') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_a_mistake_needs_a_cause():
    with pytest.raises(ValueError, match="needs a docstring"):
        MistakeBook().of("x")(lambda: None)


@pytest.mark.parametrize(
    ("got", "expected", "difference"),
    [
        ("abc", "abc", None),
        ("abc", "ab", "at character 2: 'c' is too much"),
        ("ab", "abc", "at character 2: 'c' is missing"),
        ([1], [1, 2], "1 items instead of 2"),
        ((1, "a"), (1, "b"), "at index 1: at character 0: 'a' instead of 'b'"),
        ({"a": 1}, {"a": 1, "b": 2}, "the key 'b' is missing"),
        ({"a": 1, "c": 2}, {"a": 1}, "the key 'c' is too much"),
        ({"a": 1}, {"a": 2}, "at key 'a': 1 instead of 2"),
        (True, 1, "a bool instead of an int"),
        (1, 1.0, None),  # the same number
        (1.0, 1, "a float instead of an int"),
        (True, 1.0, "a bool instead of a float"),
        (2, 1.0, "2 instead of 1.0"),
        (10**30, float("nan"), f"{10**30} instead of nan"),
        (-(10**400), 1.0, f"-1{'0' * 78} ... {'0' * 80} (402 characters) instead of 1.0"),
        (0.3, 0.1 + 0.2, None),
        (0.3, 0.4, "0.3 instead of 0.4"),
        (float("nan"), float("nan"), None),
        (None, "a", "None instead of a str"),
    ],
)
def test_first_difference(got, expected, difference):
    assert first_difference(got, expected, tolerance=1e-9) == difference


def test_first_difference_of_arrays():
    import numpy as np

    one = np.array([[1, 2], [3, 4]])
    assert first_difference(one, one.copy()) is None
    assert first_difference(one, np.array([[1, 2], [9, 4]])) == "at [1, 0]: 3 instead of 9"
    assert first_difference(one, one[:1]) == "an array of shape (2, 2) instead of (1, 2)"
    assert first_difference(one, one.astype("float64")) == "an array of dtype int64 instead of float64"
    as_tensors = first_difference([one], [one.astype("float32")], arrays="tensor")
    assert as_tensors == "at index 0: a tensor of dtype torch.int64 instead of torch.float32"
    assert first_difference(one / 3, one / 3 + 1e-12, tolerance=1e-9) is None


def test_long_values_are_shown_short():
    assert len(show("a" * 1000)) < 200
    assert show("short") == "'short'"


def test_long_arrays_are_shown_with_their_shape():
    import numpy as np

    shown = show(np.arange(60.0).reshape(3, 20), "tensor")
    assert shown.startswith("tensor of shape (3, 20), which begins [[0.0, 1.0, 2.0,")
    assert len(shown) < 200
    assert show(np.array([[1, 2]])) == "array([[1, 2]])"
    assert show([np.array([0.5])], "tensor") == "[tensor([0.5], dtype=torch.float64)]"
    assert show(np.zeros((0, 3), dtype="float32"), "tensor") == "tensor([], size=(0, 3))"


def tensor_exercise(reference, **changes):
    """An exercise on a tensor of two floats, always the same ones."""
    import numpy as np

    from ulmfit_lib.checks.exercise import Exercise

    one_and_two = (np.array([1, 2], dtype=np.float32),)
    pieces = {
        "name": "double",
        "points": 1,
        "difficulty": 1,
        "minutes": 1,
        "section": "Doubling",
        "reference": reference,
        "examples": [one_and_two],
        "inputs": lambda rng: one_and_two,
        "hints": ("a", "b", "c"),
        "tolerance": 1e-6,
        "adapter": "tensors.call",
    }
    return Exercise(**{**pieces, **changes})


def double(x):
    return 2 * x


@pytest.mark.parametrize(
    ("answer", "kind", "problem", "returned", "differs"),
    [
        (
            lambda x: [2 * one for one in x.tolist()],
            "type",
            "It returned a list instead of a tensor. torch.tensor makes a tensor of numbers, torch.stack one of "
            "several tensors.",
            "[2.0, 4.0]",
            "",
        ),
        (lambda x: None, "type", "It returned None instead of a tensor. Did you forget to return it?", "None", ""),
        (
            lambda x: (2 * x)[None],
            "type",
            "It returned a tensor of shape (1, 2) instead of (2,).",
            "tensor([[2.0, 4.0]])",
            "",
        ),
        (
            lambda x: 2 * x.double(),
            "type",
            "It returned a tensor of dtype torch.float64 instead of torch.float32.",
            "tensor([2.0, 4.0], dtype=torch.float64)",
            "",
        ),
        (
            lambda x: x * x + 1,
            "value",
            "It returned another value than expected.",
            "tensor([2.0, 5.0])",
            "at [1]: 5.0 instead of 4.0",
        ),
        (lambda x: x.mul_(2), "input", "It changed its input. Work on a copy.", "tensor([2.0, 4.0])", "now {}"),
        (
            lambda x: (2 * x).numpy(),
            "runs",
            "It raised an error.",
            "TypeError: it returned a NumPy array where a tensor is asked for; torch.from_numpy makes one of it",
            "",
        ),
    ],
)
def test_messages_speak_of_tensors(answer, kind, problem, returned, differs):
    failure = run_check(tensor_exercise(double), answer, n_random=0).failure
    assert (failure.kind, failure.problem, failure.returned) == (kind, problem, returned)
    assert failure.called == "double(tensor([1.0, 2.0]))"
    assert failure.expected == ("" if kind == "input" else "tensor([2.0, 4.0])")
    assert failure.differs == differs.format("tensor([2.0, 4.0])")


def test_a_tensor_in_place_of_a_number_or_a_list():
    of_a_number = tensor_exercise(lambda x: x.sum().item())
    assert "item()" in run_check(of_a_number, lambda x: x.sum()).failure.problem
    assert run_check(of_a_number, lambda x: x).failure.problem == "It returned a tensor instead of a float."
    of_a_list = tensor_exercise(lambda x: x.tolist())
    assert "tolist()" in run_check(of_a_list, lambda x: x).failure.problem


def test_an_error_inside_torch_names_the_line_of_the_answer_and_is_one_line():
    def answer(x):
        wide = x.repeat(2)
        return wide @ x

    failure = run_check(tensor_exercise(double), answer).failure
    assert failure.kind == "runs"
    assert failure.returned.startswith("RuntimeError: ")
    assert failure.returned.endswith("(line 3 of answer)")
    assert "\n" not in failure.returned


def test_changes_of_the_input_are_seen_however_deep_and_nan_is_no_change():
    import numpy as np
    import torch

    from ulmfit_lib.checks.adapters import InputChanged
    from ulmfit_lib.checks.adapters.tensors import call

    args = ([np.array([1.0, np.nan])], {"a": np.array([2])})

    def looks(items, named):
        return items[0].nansum()

    def pops(items, named):
        return items.pop()

    def adds(items, named):
        named["a"] += 1
        return named["a"]

    def replaces(items, named):
        items[0] = torch.zeros(2)
        return items[0]

    assert call(looks, args) == 1.0
    for answer, now in ((pops, "[]"), (adds, "{'a': tensor([3])}"), (replaces, "[tensor([0.0, 0.0])]")):
        with pytest.raises(InputChanged) as caught:
            call(answer, args)
        assert caught.value.now == now
    assert args[1]["a"].tolist() == [2]


def test_a_function_that_draws_is_judged_by_form_and_property_and_seeded():
    import numpy as np
    import torch

    from ulmfit_lib.checks.exercise import Property

    def noise(size):
        return torch.randint(0, 2, (size,))

    bits = Property("each entry is 0 or 1", lambda args, got: bool(np.isin(got, (0, 1)).all()))
    one = tensor_exercise(
        noise,
        examples=[(0, 50)],
        inputs=lambda rng: (0, 50),
        adapter="tensors.call_seeded",
        random=True,
        properties=(bits,),
    )
    assert run_check(one, lambda size: 1 - noise(size)).passed
    twice = run_check(one, lambda size: 2 * noise(size), n_random=0).failure
    assert twice.problem == "For every right answer, each entry is 0 or 1; not here."
    assert twice.called == "torch.manual_seed(0); double(50)"
    assert (twice.expected, twice.mistake) == ("", "")
    assert run_check(one, lambda seed, size: noise(size)).failure.kind == "callable"
    too_short = run_check(one, lambda size: noise(size - 1), n_random=0).failure
    assert too_short.problem == "It returned a tensor of shape (49,) instead of (50,)."
    torch.manual_seed(0)
    assert twice.returned == show((2 * noise(50)).numpy(), "tensor")


def test_handing_in_torchs_own_function_is_said_kindly():
    import torch

    failure = run_check(tensor_exercise(double), torch.nn.functional.relu).failure
    assert failure.kind == "copied"


@pytest.mark.parametrize("name", ["lstm_cell", "weight_dropout", "classifier_head"])
def test_a_check_calls_a_wrong_answer_a_few_hundred_times_at_the_most(name):
    """So that the message comes at once; `benchmarks/checks.py` shows in how many seconds."""
    one = exercise(name)
    wrong = one.mistakes[0].function
    calls = []

    @functools.wraps(wrong)
    def counted(*args):
        calls.append(args)
        return wrong(*args)

    result = run_check(one, counted)
    assert result.failure.mistake == one.mistakes[0].name
    assert len(calls) < 400
