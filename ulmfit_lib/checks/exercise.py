"""What an exercise is: the function to write, its points, its help, its inputs and its well-known wrong answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

Args = tuple[Any, ...]


@dataclass(frozen=True)
class Property:
    """Something that holds for every right answer.

    Args:
        says: the sentence shown when it fails, such as "no two spaces stand side by side".
        holds: takes the arguments and what came back, and says whether it holds.
    """

    says: str
    holds: Callable[[Args, Any], bool]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people really give, kept as a function that gives it.

    Args:
        name: what it is called in statistics, such as "needs_four".
        cause: one or two sentences to the student: what probably went wrong. Never the solution.
        function: the wrong answer.
    """

    name: str
    cause: str
    function: Callable[..., Any]


@dataclass(frozen=True)
class Exercise:
    """One function that a student writes.

    Args:
        name: the function's name.
        points: what it is worth.
        difficulty: 1 (a line) to 5 (an evening).
        minutes: how long it takes most people.
        section: the heading in the notebook to reread.
        reference: the right answer, from `ulmfit_lib`.
        examples: arguments that are always tried, small ones first: the boundary cases.
        inputs: draws arguments with the random number generator that it is given. Where Hypothesis makes a wrong
            input small, that generator is Hypothesis's, and it prefers small numbers and first choices.
        hints: three steps of help: a nudge, a smaller case worked out, what to reread.
        properties: what must hold beside equality with the reference.
        tolerance: how far floats may lie apart; 0 for exact.
        adapter: "module.function" in `ulmfit_lib.checks.adapters`: calls the student's function with what it builds of
            the plain arguments (tensors of arrays, rules of names), and gives back plain values.
        random: whether the function draws at random. Then what it returns must have the form of what the reference
            returns (types, lengths, shapes, dtypes), and its values are judged by the properties alone.
        mistakes: the named wrong answers.
    """

    name: str
    points: int
    difficulty: int
    minutes: int
    section: str
    reference: Callable[..., Any]
    examples: Sequence[Args]
    inputs: Callable[[Random], Args]
    hints: tuple[str, str, str]
    properties: Sequence[Property] = ()
    tolerance: float = 0.0
    adapter: str | None = None
    random: bool = False
    mistakes: Sequence[Mistake] = field(default=(), repr=False)


@dataclass(frozen=True)
class ProblemSet:
    """The exercises of one stage, in the order of the notebook."""

    slug: str
    title: str
    exercises: Sequence[Exercise]

    @property
    def points(self) -> int:
        return sum(exercise.points for exercise in self.exercises)


class MistakeBook:
    """Collects the wrong answers of a problem set; the docstring of each is its cause.

    >>> book = MistakeBook()
    >>> @book.of("double")
    ... def adds_two(number):
    ...     "It adds 2 where it should multiply by 2."
    ...     return number + 2
    >>> [mistake.name for mistake in book["double"]]
    ['adds_two']
    """

    def __init__(self) -> None:
        self._mistakes: dict[str, list[Mistake]] = {}

    def of(self, exercise: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Decorate a wrong answer to the exercise of that name."""

        def add(function: Callable[..., Any]) -> Callable[..., Any]:
            if not function.__doc__:
                raise ValueError(f"The wrong answer {function.__name__} needs a docstring: its cause.")
            cause = " ".join(function.__doc__.split())
            self._mistakes.setdefault(exercise, []).append(Mistake(function.__name__, cause, function))
            return function

        return add

    def __getitem__(self, exercise: str) -> tuple[Mistake, ...]:
        return tuple(self._mistakes.get(exercise, ()))
