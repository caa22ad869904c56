"""A function that lives elsewhere: the same walk of a check asks it, call by call, over whatever road it has."""

from collections.abc import Iterable
from typing import Any


class NoAnswer(Exception):
    """The function elsewhere does not answer any more; the text says why."""


class RaisedElsewhere(Exception):
    """The function elsewhere raised an error.

    Args:
        kind: the name of its class.
        text: what it said, with the line of the answer where it arose.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class StandIn:
    """Stands for a student's function that runs elsewhere; a check takes it as if it were the function."""

    def foresee(self, inputs: Iterable[tuple[Any, ...]]) -> None:
        """Be told with which arguments it will be called first, in this order."""

    def answer(self, args: tuple[Any, ...]) -> Any:
        """Call the function with these arguments, through the exercise's adapter, and return the plain value.

        Raises:
            InputChanged: it changed its arguments.
            NotImplementedError: it is still the stub.
            RaisedElsewhere: it raised.
            NoAnswer: it does not answer.
        """
        raise NotImplementedError

    def __call__(self, *args: Any) -> Any:
        return self.answer(args)
