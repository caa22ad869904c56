"""The walk of a check: defined, callable, runs, type, value, properties, input left alone.

The same walk serves the notebook (the student's function is called as it is), the tests, and the grader (the
function is a stand-in that sends each call into a sandbox).
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

from ulmfit_lib.checks.adapters import InputChanged, find_adapter, find_shower
from ulmfit_lib.checks.adapters.tensors import is_array
from ulmfit_lib.checks.compare import first_difference, form_difference, show, wrong_shape, wrong_type
from ulmfit_lib.checks.exercise import Args, Exercise, Mistake
from ulmfit_lib.checks.forbidden import refusal, used_by
from ulmfit_lib.checks.result import CheckResult, Failure
from ulmfit_lib.checks.stand_in import NoAnswer, RaisedElsewhere, StandIn

N_RANDOM = 100  # random inputs that an answer is tried on
_OUR_CODE = str(Path(__file__).resolve().parent.parent)
_LONGEST_ERROR = 300  # characters of an error's text in a message
# Inputs that are drawn to make a wrong one smaller, while a student waits: an example of ours is small already.
N_SMALLER_THAN_OURS, N_SMALLER_THAN_DRAWN = 75, 250
N_PROBES = 40  # random inputs on which an answer is held against the known mistakes


class Wrong(Exception):
    """A failure and the arguments that showed it; an exception, so that Hypothesis can make them smaller."""

    def __init__(self, args: Args, failure: Failure) -> None:
        super().__init__(failure.problem)
        self.arguments, self.failure = args, failure


class _Enough(BaseException):
    """The search for a smaller input has had its draws. Hypothesis lets through what is no `Exception`."""


def run_check(
    exercise: Exercise,
    function: Callable[..., Any] | None,
    *,
    seed: int | str | None = None,
    n_random: int = N_RANDOM,
    make_smaller: "Callable[[Exercise, Callable[..., Any], int], Wrong | None] | None" = None,
) -> CheckResult:
    """Check a student's function against the reference.

    Args:
        exercise: what the function should do.
        function: the answer.
        seed: seeds the random inputs; None gives the same ones each time, as a notebook wants.
        n_random: how many random inputs to try beside the fixed ones; with 0, none is drawn.
        make_smaller: another way than Hypothesis's to find a small input that the answer gets wrong.

    Returns:
        The result; wrong answers do not raise.
    """

    def result(failure: Failure | None) -> CheckResult:
        return CheckResult(exercise, failure, len(exercise.examples), n_random)

    if failure := _before_any_call(exercise, function):
        return result(failure)
    inputs = [*exercise.examples, *random_inputs(exercise, seed, n_random)]
    if isinstance(function, StandIn):
        function.foresee(inputs)
    found = first_wrong(exercise, function, inputs)
    if found is None or found.failure.kind in ("defined", "lost"):
        return result(found and found.failure)
    ours = any(found.arguments is example for example in exercise.examples)
    n_draws = N_SMALLER_THAN_OURS if ours else N_SMALLER_THAN_DRAWN
    smaller = (make_smaller or smallest_wrong_input)(exercise, function, n_draws) if n_random else None
    wrong = min([w for w in (smaller, found) if w and w.failure.kind != "lost"], key=lambda w: len(repr(w.arguments)))
    return result(_with_cause(exercise, function, wrong))


def _before_any_call(exercise: Exercise, function: Callable[..., Any] | None) -> Failure | None:
    if function is None or function is Ellipsis:
        return Failure("defined", f"There is no {exercise.name} yet: write it, and run its cell.")
    if not callable(function):
        return Failure("callable", f"{exercise.name} is {show(function)}, which is no function: begin it with def.")
    module = getattr(function, "__module__", None) or ""
    if module.split(".")[0] in ("ulmfit_lib", "fastai", "torch") and not module.startswith("ulmfit_lib.checks"):
        return Failure("copied", f"This is {module}'s own. Compare yours with it, but write yours: that is the fun.")
    if name := used_by(function, exercise.name):
        return Failure("copied", refusal(name))
    return _wrong_signature(exercise, function)


def _wrong_signature(exercise: Exercise, function: Callable[..., Any]) -> Failure | None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None  # some built-ins have none; calling them will tell
    fewest, most = _given(exercise)
    if any(_can_take(signature, n) for n in range(fewest, most + 1)):
        return None
    arguments = "1 argument" if most == 1 else f"{most} arguments"
    problem = f"{exercise.name}{signature} cannot be called with {arguments}: keep the first line as it was given."
    return Failure("callable", problem)


def _given(exercise: Exercise) -> tuple[int, int]:
    """Return how many arguments at least and at most the answer is called with.

    An adapter may make them of more or fewer plain ones; there the reference tells.
    """
    if not exercise.adapter:
        return len(exercise.examples[0]), len(exercise.examples[0])
    parameters = inspect.signature(exercise.reference).parameters.values()
    by_place = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return sum(one.default is one.empty for one in by_place), len(by_place)


def _can_take(signature: inspect.Signature, n: int) -> bool:
    try:
        signature.bind(*range(n))
    except TypeError:
        return False
    return True


def _call_text(exercise: Exercise, args: Args) -> str:
    if exercise.adapter:
        return find_shower(exercise.adapter)(exercise.name, args)
    return f"{exercise.name}({', '.join(show(arg) for arg in args)})"


def call_answer(exercise: Exercise, function: Callable[..., Any], args: Args) -> Any:
    """Call an answer with arguments of its own, through the exercise's adapter if it has one.

    Raises:
        InputChanged: the answer changed its arguments. Whatever the answer raises goes through.
    """
    if isinstance(function, StandIn):  # what is sent elsewhere is a copy
        return function.answer(args)
    handed = deepcopy(args)
    if exercise.adapter:
        return find_adapter(exercise.adapter)(function, handed)
    returned = function(*handed)
    if first_difference(handed, args):
        raise InputChanged(show(handed[0] if len(handed) == 1 else handed), returned)
    return returned


def _try_call(exercise: Exercise, function: Callable[..., Any], args: Args, expected: Any) -> None:
    """Call the answer once and raise `Wrong` at the first step that fails.

    Args:
        exercise: what the function should do.
        function: the answer.
        args: what it is called with; a copy, so that an answer that changes its arguments in place spoils nothing.
        expected: what the reference returned for the same arguments.
    """
    # Adapters turn the tensors that a student works with into arrays.
    arrays = "tensor" if exercise.adapter else "array"

    def wrong(kind: str, problem: str, with_expected: bool = True, **parts: str) -> Wrong:
        # To show values takes longer than to compare them, so nothing is shown before something is wrong.
        if "returned" not in parts:
            parts["returned"] = show(got, arrays)
        # Where numbers are drawn at random, an example of what was expected would mislead.
        if with_expected and not exercise.random:
            parts["expected"] = show(expected, arrays)
        return Wrong(args, Failure(kind, problem, called=_call_text(exercise, args), **parts))

    changed = None
    try:
        got = call_answer(exercise, function, args)
    except InputChanged as change:  # told last: a wrong value says more
        got, changed = change.returned, change.now
    except NotImplementedError as error:
        message = str(error) or "write it, and run its cell."
        raise Wrong(args, Failure("defined", f"{exercise.name} is not written yet: {message}")) from None
    except NoAnswer as error:
        raise wrong("lost", f"It gave no answer: {error}.", returned="") from None
    except Exception as error:
        kind = error.kind if isinstance(error, RaisedElsewhere) else type(error).__name__
        raised = f"{kind}: {_one_line(error)}{_line_of(error)}"
        raise wrong("runs", "It raised an error.", returned=raised) from None
    if mismatch := wrong_type(got, expected, arrays):
        raise wrong("type", f"It returned {mismatch}.{_type_help(got, expected, arrays)}")
    if mismatch := wrong_shape(got, expected, arrays):
        raise wrong("type", f"It returned {mismatch}.")
    compare = form_difference if exercise.random else first_difference
    if difference := compare(got, expected, exercise.tolerance, arrays):
        if exercise.random:
            raise wrong("type", "It returned a value of another form than expected.", differs=difference)
        raise wrong("value", "It returned another value than expected.", differs=difference)
    for prop in exercise.properties:
        if not prop.holds(deepcopy(args), got):
            raise wrong("property", f"For every right answer, {prop.says}; not here.", with_expected=False)
    if changed is not None:
        problem = "It changed its input. Work on a copy."
        raise wrong("input", problem, with_expected=False, differs=f"now {changed}")


def _type_help(got: Any, expected: Any, arrays: str) -> str:
    """Return a sentence that helps with a wrong type, with a space before it, or nothing."""
    if got is None:
        return " Did you forget to return it?"
    if is_array(got) and isinstance(expected, int | float):
        return " Its method item() gives the number in it." if got.ndim == 0 else ""
    if is_array(got) and isinstance(expected, list):
        return " Its method tolist() makes a list of it."
    if is_array(expected) and arrays == "tensor" and isinstance(got, list | tuple | int | float):
        return " torch.tensor makes a tensor of numbers, torch.stack one of several tensors."
    return ""


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]} ..."


def _line_of(error: BaseException) -> str:
    """Say in which line of the answer an error arose: the outermost line that is not ours."""
    lines = []
    place = error.__traceback__
    while place is not None:
        code = place.tb_frame.f_code
        if not code.co_filename.startswith(_OUR_CODE):
            lines.append((code.co_name, place.tb_lineno - code.co_firstlineno + 1))
        place = place.tb_next
    return f" (line {lines[0][1]} of {lines[0][0]})" if lines else ""


def first_wrong(
    exercise: Exercise, function: Callable[..., Any], inputs: Iterable[Args], expected: Sequence[Any] | None = None
) -> Wrong | None:
    """Return the failure on the first of the inputs that the answer gets wrong, or None.

    Args:
        exercise: what the function should do.
        function: the answer.
        inputs: the arguments of each call.
        expected: what the reference returns for each, where that is known; else it is asked.
    """
    for number, args in enumerate(inputs):
        right = call_answer(exercise, exercise.reference, args) if expected is None else expected[number]
        try:
            _try_call(exercise, function, args, right)
        except Wrong as wrong:
            return wrong
    return None


def random_inputs(exercise: Exercise, seed: int | None, n: int) -> list[Args]:
    """Return `n` random inputs; the same ones for the same exercise and seed."""
    rng = Random(f"{exercise.name} {seed}")
    return [exercise.inputs(rng) for _ in range(n)]


def smallest_wrong_input(exercise: Exercise, function: Callable[..., Any], n_draws: int) -> Wrong | None:
    """Let Hypothesis look for a wrong answer, and make the input that shows it as small as so many draws allow."""
    import hypothesis
    from hypothesis import strategies as st

    smallest: Wrong | None = None
    n_drawn = 0

    def inputs(rng: Random) -> Args:
        nonlocal n_drawn
        n_drawn += 1
        return exercise.inputs(rng)

    @hypothesis.settings(
        max_examples=n_draws,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
        verbosity=hypothesis.Verbosity.quiet,
        print_blob=False,
    )
    @hypothesis.given(st.randoms(use_true_random=False).map(inputs))
    def attempt(args: Args) -> None:
        nonlocal smallest
        if n_drawn > n_draws:
            raise _Enough
        try:
            _try_call(exercise, function, args, call_answer(exercise, exercise.reference, args))
        except Wrong as wrong:
            if smallest is None or len(repr(wrong.arguments)) <= len(repr(smallest.arguments)):
                smallest = wrong
            raise

    try:
        attempt()
    except Wrong as wrong:
        return wrong
    except _Enough:
        return smallest
    except hypothesis.errors.Flaky:  # wrong at one time and not at another: then no input is the smallest
        return None
    return None


def _with_cause(exercise: Exercise, function: Callable[..., Any], wrong: Wrong) -> Failure:
    mistake = recognise(exercise, function, wrong.arguments)
    if mistake is None:
        return wrong.failure
    return Failure(**{**vars(wrong.failure), "mistake": mistake.name, "because": mistake.cause})


def recognise(exercise: Exercise, function: Callable[..., Any], args: Args) -> Mistake | None:
    """Return the known mistake that gives the same as the answer on every probe, or None.

    Args:
        exercise: with its mistakes.
        function: the answer.
        args: an input on which the answer is wrong; the mistake must be wrong there in the same way.
    """
    probes = [args, *exercise.examples, *random_inputs(exercise, 0, N_PROBES)]
    # Only what is drawn at random is held against what the reference returns.
    rights = [[call_answer(exercise, exercise.reference, one)] if exercise.random else None for one in probes]

    def outcomes(answer: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
        return (_outcome(exercise, answer, probe, right) for probe, right in zip(probes, rights, strict=True))

    answers = list(outcomes(function))
    for mistake in exercise.mistakes:
        if all(map(_same, answers, outcomes(mistake.function))):
            return mistake
    return None


def _outcome(
    exercise: Exercise, function: Callable[..., Any], args: Args, expected: Sequence[Any] | None = None
) -> tuple[str, Any]:
    if exercise.random:  # two answers hardly ever draw the same numbers: hold what is wrong with them side by side
        wrong = first_wrong(exercise, function, [args], expected)
        return "failed", wrong and (wrong.failure.kind, wrong.failure.problem)
    try:
        return "returned", call_answer(exercise, function, args)
    except InputChanged as change:
        return "changed", (change.now, change.returned)
    except Exception as error:
        return "raised", error.kind if isinstance(error, RaisedElsewhere) else type(error).__name__


def _same(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    return one[0] == other[0] and first_difference(one[1], other[1], 1e-9) is None
