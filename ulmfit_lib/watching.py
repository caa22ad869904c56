"""What a run tells of itself while it runs, and who listens."""

from typing import NamedTuple


class Stage(NamedTuple):
    """A stage of a run: `cost` is how long it takes compared with the others, and serves the time left alone."""

    key: str
    title: str
    steps: int
    cost: float


class Watch:
    """Somebody who is told of the progress of a run; this one does nothing with it. `display.Bars` shows it."""

    def plan(self, stages: list[Stage]) -> None:
        """Be told, once and first, what is going to be done."""

    def shorten(self, key: str, steps: int) -> None:
        """Be told that a stage will have only so many steps."""

    def step(self, key: str, n: int = 1, text: str = "", share: float = 0.0) -> None:
        """Be told that `n` more steps of a stage are done and `share` of the next one, and what there is to say of
        them, such as a loss."""
