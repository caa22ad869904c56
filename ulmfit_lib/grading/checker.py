"""The values-only checker: marks a submission from the plain values that its functions return in the sandbox.

References, inputs and expected values stay here; the walk and the comparison are the checks' own.
"""

import hashlib
import inspect
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from ulmfit_lib.checks import engine
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet
from ulmfit_lib.checks.forbidden import refusal
from ulmfit_lib.checks.result import CheckResult, Failure
from ulmfit_lib.checks.sets import exercise as exercise_by_name
from ulmfit_lib.checks.sets import problem_set
from ulmfit_lib.grading.child import Lost
from ulmfit_lib.grading.outcome import DONE, FAILED, FunctionMark, Outcome
from ulmfit_lib.grading.sandbox import UNCONFINED, Sandbox, SandboxError, seconds_now
from ulmfit_lib.grading.session import Answer, Session
from ulmfit_lib.grading.stored import with_stored
from ulmfit_lib.grading.submission import Cell, Release, Submission, SubmissionError, read

FIRST_WITH_TORCH = 5
_NEVER_TORCH = ("08_classifier_batches",)
N_RANDOM = 100


def uses_torch(slug: str) -> bool:
    """Whether answers of this set may use torch."""
    number = slug.partition("_")[0]
    return number.isdigit() and int(number) >= FIRST_WITH_TORCH and slug not in _NEVER_TORCH


def mark(
    path: Path, *, student: str, answers: ProblemSet, release: Release, sandbox: Sandbox, seed: int | str
) -> Outcome:
    """Mark a submission; whatever is wrong with it is in the outcome, not raised.

    Args:
        path: of the notebook.
        student: whose it is.
        answers: the problem set that it answers.
        release: the notebook that students were given.
        sandbox: where their code runs.
        seed: of the random inputs; the same at a regrade.

    Raises:
        SandboxError: no student's code can be run at all.
    """
    began = seconds_now()
    outcome = Outcome(student, answers.slug, way=sandbox.way, checks=fingerprint(answers.slug))
    try:
        outcome = replace(outcome, digest=_digest(path))
        submission = read(path)
        release.recognise(submission)
        release.refuse_another_set(submission)
        marks = mark_functions(submission, answers.exercises, release, sandbox, seed)
    except SandboxError:
        raise
    except (SubmissionError, OSError) as error:
        return replace(outcome, status=FAILED, reason=str(error), seconds=seconds_now() - began)
    except Exception as error:  # a fault of ours: the class goes on, and this one is marked by hand
        reason = f"the grader failed ({type(error).__name__}: {str(error)[:200]}); mark it by hand and report this"
        return replace(outcome, status=FAILED, reason=reason, seconds=seconds_now() - began)
    notes = _notes(submission, release, outcome.way)
    return replace(outcome, status=DONE, functions=marks, notes=notes, seconds=seconds_now() - began)


def mark_functions(
    submission: Submission, exercises: Iterable[Exercise], release: Release, sandbox: Sandbox, seed: int | str
) -> list[FunctionMark]:
    """Return the mark of each function of a submission that was read."""
    running = [cell for cell in submission.cells if _runs(cell, release)]
    cells = [{"source": cell.source, "released": release.is_unchanged(cell)} for cell in running]
    exercises = list(exercises)
    checks = {exercise.name: _cells_before(exercise.name, submission, running) for exercise in exercises}
    with Session(sandbox, cells, checks) as session:
        results = [_check(exercise, session, running, seed) for exercise in exercises]
        # Only now, so that it takes no time from another function.
        results = [_as_it_stood(result, session, running, seed) for result in results]
        hides = [session.said_of("hides", exercise.name) for exercise in exercises]
    marks = [with_stored(_mark_of(result), submission, release) for result in results]
    return [_to_be_read(one, name) if name and one.points else one for one, name in zip(marks, hides, strict=True)]


def _mark_of(result: CheckResult) -> FunctionMark:
    failure = result.failure
    return FunctionMark(
        name=result.exercise.name,
        points=float(result.points),
        maximum=float(result.exercise.points),
        message=str(result),
        kind=failure.kind if failure else "",
        mistake=failure.mistake if failure else "",
    )


def _to_be_read(mark: FunctionMark, hides: str) -> FunctionMark:
    """Return the mark of a right answer, with the reason why a person should read it."""
    why = f"It uses {hides}, behind which a call that is not allowed could hide: read it. "
    return replace(mark, look=f"{why}{mark.look}".strip())


def _cells_before(name: str, submission: Submission, running: list[Cell]) -> int:
    """Return how many of the cells that run stand before the check of a function, or all where it has none."""
    places = [place for place, cell in enumerate(submission.cells) if cell.grade_id == f"test_{name}"]
    ids = {id(cell) for cell in running}
    return sum(id(cell) in ids for cell in submission.cells[: places[-1] if places else None])


def _as_it_stood(result: CheckResult, session: Session, cells: list[Cell], seed: int | str) -> CheckResult:
    """Return the result of a function as it stood at its check, as the notebook saw it, if it was right only there."""
    if not result.failure or not session.was_changed_later(result.exercise.name):
        return result
    with session.up_to(result.exercise.name) as early:
        there = _check(result.exercise, early, cells, seed, make_smaller=lambda *_: None)
    return result if there.failure else there


def _runs(cell: Cell, release: Release) -> bool:
    """Code runs, and so does an answer whose cell was turned into text; the release's own tests do not."""
    return (cell.kind == "code" or cell.grade_id in release.names) and not release.is_test(cell)


def _check(
    exercise: Exercise, session: Session, cells: list[Cell], seed: int | str, make_smaller: Any = None
) -> CheckResult:
    def failed(failure: Failure) -> CheckResult:
        return CheckResult(exercise, failure, len(exercise.examples), N_RANDOM)

    try:
        said = session.describe(exercise.name)
    except Lost as lost:
        return failed(Failure("lost", f"It gave no answer: {lost}."))
    if said.get("defined") is not True:
        return failed(Failure("defined", _why_undefined(exercise, session, cells)))
    if refused := session.said_of("refused", exercise.name):
        return failed(Failure("copied", refusal(refused)))
    function: Any = Answer(session, exercise, said)
    if said.get("none") is True:
        function = None
    elif said.get("callable") is not True:
        function = _Shown(str(said.get("shown", ""))[:100])
    search = make_smaller or _small_input
    result = engine.run_check(exercise, function, seed=seed, n_random=N_RANDOM, make_smaller=search)
    if result.failure and (error := _error_of(exercise, session, cells)):
        problem = f"{result.failure.problem} (Of its cell not all ran: {error}.)"
        result = replace(result, failure=replace(result.failure, problem=problem))
    return result


def _small_input(exercise: Exercise, function: Answer, n_draws: int) -> engine.Wrong | None:
    """Find a small input that an answer gets wrong, with few calls into the sandbox if its mistake is a known one.

    What Hypothesis finds for an answer, it finds for the mistake that gives the same; so it is asked once, here.
    """
    function.remember([*exercise.examples, *engine.random_inputs(exercise, 0, engine.N_PROBES)])
    mistake = engine.recognise(exercise, function, exercise.examples[0])
    if mistake is not None and (known := _known_small_input(exercise.name, mistake.name)) is not None:
        wrong = engine.first_wrong(exercise, function, [known])
        if wrong is not None:
            return wrong
    return engine.smallest_wrong_input(exercise, function, n_draws)


@cache
def _known_small_input(exercise_name: str, mistake_name: str) -> Args | None:
    one = exercise_by_name(exercise_name)
    mistake = next(mistake for mistake in one.mistakes if mistake.name == mistake_name)
    wrong = engine.smallest_wrong_input(one, mistake.function, engine.N_SMALLER_THAN_OURS)
    return wrong and wrong.arguments


def _error_of(exercise: Exercise, session: Session, cells: list[Cell]) -> str:
    """Return what went wrong in the cell of an answer, or nothing."""
    for number, problem in session.errors.items():
        if cells[number].grade_id == exercise.name or f"def {exercise.name}(" in cells[number].source:
            return problem
    return ""


def _why_undefined(exercise: Exercise, session: Session, cells: list[Cell]) -> str:
    if problem := _error_of(exercise, session, cells):
        return f"There is no {exercise.name}, for its cell did not run: {problem}."
    if not any(cell.grade_id == exercise.name for cell in cells):
        return f"There is no {exercise.name}: its cell is missing. Copy it from a fresh release, and answer there."
    return f"There is no {exercise.name}: its cell does not define it. Begin with def {exercise.name}(...)."


class _Shown:
    """Something that is no function, as the student's process showed it."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __repr__(self) -> str:
        return self._shown


def _notes(submission: Submission, release: Release, way: str) -> list[str]:
    notes = list(submission.notes)
    present = [cell.grade_id for cell in submission.cells]
    for name in release.tests:
        if name not in present:
            notes.append(f"The cell {name} was missing; it was put back.")
    for name in release.sources:
        if present.count(name) > 1:
            notes.append(f"The cell {name} is there {present.count(name)} times; they all ran, the last one counts.")
    if way == UNCONFINED:
        notes.append("Marked unconfined: on this machine no sandbox could be had.")
    return notes


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@cache
def fingerprint(slug: str) -> str:
    """Return what changes when a check of this set, its reference or the way of checking changes."""
    exercises = problem_set(slug).exercises
    checks = Path(engine.__file__).parent
    module = inspect.getmodule(exercises[0].inputs).__name__.rpartition(".")[2]
    files = {*checks.glob("*.py"), *checks.glob("adapters/*.py"), *Path(__file__).parent.glob("confined/*.py")}
    files |= {*checks.glob(f"sets/{module}*.py"), *checks.glob(f"mistakes/{module}*.py")}
    files |= {Path(inspect.getsourcefile(inspect.unwrap(exercise.reference))) for exercise in exercises}
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
