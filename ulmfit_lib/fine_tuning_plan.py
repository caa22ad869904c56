"""What a fine-tuning does when: phases, each with some layers frozen and a one-cycle schedule of its own.

Source: Howard and Ruder (2018), section 3.2; the book's recipe is that of Howard and Gugger, chapter 10.
"""

from dataclasses import dataclass
from typing import Any

from ulmfit_lib.errors import ConfigError
from ulmfit_lib.training import MOMS


@dataclass(frozen=True)
class Phase:
    """Some epochs of one-cycle training with the parameter groups before `freeze_to` frozen.

    Args:
        freeze_to: the first group that learns, counted from the end if negative; 0 lets all learn.
        epochs: how many.
        lr: the highest rate.
    """

    freeze_to: int
    epochs: int
    lr: float


@dataclass(frozen=True)
class FineTuningPlan:
    """All that is decided about a fine-tuning beside the model and the data; the defaults are the book's.

    Args:
        phases: what is trained when, and at what rate.
        wd: weight decay.
        moms: momentum at the start, at the highest rate and at the end of each phase.
        clip: the largest norm of the gradients; None for no limit.
        alpha, beta: the weights of AR and TAR.

    Raises:
        ConfigError: there is no phase, or one without epochs or a positive rate.

    >>> [phase.epochs for phase in FineTuningPlan.book(epochs=3).phases]
    [1, 3]
    """

    phases: tuple[Phase, ...] = (Phase(-1, 1, 2e-2), Phase(0, 10, 2e-3))
    wd: float = 0.01
    moms: tuple[float, float, float] = MOMS
    clip: float | None = None
    alpha: float = 2.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        if not self.phases:
            raise ConfigError("A plan needs at least one phase.")
        for phase in self.phases:
            if phase.epochs < 1 or phase.lr <= 0:
                raise ConfigError(f"A phase needs an epoch or more and a rate above 0: {phase}.")

    @classmethod
    def book(cls, epochs: int = 10, lr: float = 2e-3, scale: float = 1.0, **changes: Any) -> "FineTuningPlan":
        """Return the book's recipe: one frozen epoch at ten times `lr`, then `epochs` of all at `lr`.

        Args:
            epochs: how many with all learning.
            lr: their highest rate, at the book's batch size of 128.
            scale: multiplies all rates; halve it when the batch size is halved.
        """
        return cls(phases=(Phase(-1, 1, 10 * lr * scale), Phase(0, epochs, lr * scale)), **changes)

    @classmethod
    def from_scratch(cls, epochs: int = 10, lr: float = 1e-2, **changes: Any) -> "FineTuningPlan":
        """Return a plan for a model that starts from random weights: all of it learns from the first step."""
        return cls(phases=(Phase(0, epochs, lr),), **changes)

    @property
    def n_epochs(self) -> int:
        """How many epochs the phases have together."""
        return sum(phase.epochs for phase in self.phases)
