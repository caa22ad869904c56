"""Gradual unfreezing: which parameters learn, at what rate, and when.

The encoder arrives knowing the language; the head arrives knowing nothing. So the head learns first, alone, while
the rest is frozen; then the layers under it are unfrozen one after the other. What is nearer to the words learns
more slowly, each group 2.6 times slower than the one above it, and within a stage the rate rises and falls again.

    group                 emb        rnn 1      rnn 2     rnn 3    head
    freeze_to(-1)          .          .          .         .       learns
    freeze_to(-2)          .          .          .       learns    learns
    freeze_to(0)         learns     learns     learns    learns    learns
    rate                lr/2.6^4   lr/2.6^3   lr/2.6^2   lr/2.6      lr

Source: Howard and Ruder 2018, section 3.3 (gradual unfreezing) and 3.2 (discriminative fine-tuning, slanted
triangular learning rates); fastai's `Learner.freeze_to` and `fit_one_cycle`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from torch import nn

from ulmfit_lib.errors import ConfigError

SCHEDULES = ("one_cycle", "slanted_triangular", "constant")


def parameter_groups(model: nn.Module) -> list[list[nn.Parameter]]:
    """Return the parameters of a classifier in groups, from the words up: [embedding, layer 1, ..., head].

    A parameter that is shared stands in the first group that holds it, so each stands in one group.

    Args:
        model: a `TextClassifier`.

    Raises:
        ConfigError: the model has no encoder with an embedding and layers, or a parameter belongs to no group.

    Source: fastai `text.models.awdlstm.awd_lstm_clas_split`.
    """
    try:
        modules = [model.encoder.encoder, *model.encoder.rnns, model.head]
    except AttributeError as error:
        raise ConfigError(f"{type(model).__name__} is not a text classifier: {error}.") from error
    seen: set[int] = set()
    groups = []
    for module in modules:
        group = [p for p in module.parameters() if id(p) not in seen]
        seen.update(id(p) for p in group)
        groups.append(group)
    left_out = [name for name, p in model.named_parameters() if id(p) not in seen]
    if left_out:
        raise ConfigError(f"No group holds the parameter {left_out[0]}; it would never learn.")
    return groups


def freeze_to(groups: Sequence[Sequence[nn.Parameter]], n: int) -> None:
    """Let the groups from the n-th on learn and freeze those before it; a negative `n` counts from the end.

    `freeze_to(groups, -1)` leaves the head alone to learn, `freeze_to(groups, 0)` lets all learn.

    Raises:
        ConfigError: there is no n-th group, so nothing would learn.

    Source: fastai `Optimizer.freeze_to`.

    >>> layers = [nn.Linear(1, 1) for _ in range(3)]
    >>> freeze_to([list(layer.parameters()) for layer in layers], -2)
    >>> [layer.weight.requires_grad for layer in layers]
    [False, True, True]
    """
    first = check_freeze_to(n, len(groups))
    for index, group in enumerate(groups):
        for parameter in group:
            parameter.requires_grad_(index >= first)
            if index < first:
                # A gradient left over from before would let an optimizer's weight decay go on.
                parameter.grad = None


def check_freeze_to(n: int, n_groups: int) -> int:
    """Return the index of the first group that learns under `freeze_to(n)`.

    Raises:
        ConfigError: there is no n-th group.

    >>> check_freeze_to(-2, n_groups=5)
    3
    """
    if not -n_groups <= n < n_groups:
        raise ConfigError(
            f"freeze_to({n}) does not fit a model of {n_groups} groups.",
            fix=f"Use a number from {-n_groups} (all learn) to {n_groups - 1} (the head alone).",
        )
    return n % n_groups


def discriminative_lrs(lr: float, n_groups: int, factor: float = 2.6) -> list[float]:
    """Return one rate a group, `lr` for the last and `factor` times less for each group before.

    Raises:
        ConfigError: the factor is not positive.

    Source: Howard and Ruder 2018, section 3.2; in fastai `slice(lr / 2.6**4, lr)` over five groups.

    >>> discriminative_lrs(8.0, n_groups=3, factor=2)
    [2.0, 4.0, 8.0]
    """
    if factor <= 0:
        raise ConfigError(f"The factor between the rates of two groups must be positive, not {factor}.")
    return [lr / factor ** (n_groups - 1 - index) for index in range(n_groups)]


def cosine(start: float, end: float, position: float) -> float:
    """Return the value at `position` (0 to 1) on half a cosine wave from `start` to `end`: slow, fast, slow.

    Source: fastai `callback.schedule.SchedCos`.

    >>> [round(cosine(0, 8, position), 2) for position in (0, 0.25, 0.5, 0.75, 1)]
    [0.0, 1.17, 4.0, 6.83, 8.0]
    """
    return start + (end - start) * (1 - math.cos(math.pi * position)) / 2


def one_cycle(
    step: float, n_steps: int, lr: float, div: float = 25.0, div_final: float = 1e5, pct_start: float = 0.25
) -> float:
    """Return the learning rate of a step: up a cosine from `lr / div` to `lr`, then down to `lr / div_final`.

    Args:
        step: from 0 to `n_steps`.
        lr: the highest rate.
        pct_start: the share of the steps that go up.

    Raises:
        ConfigError: the step is not between 0 and `n_steps`, or `pct_start` not between 0 and 1.

    Source: fastai `Learner.fit_one_cycle`.

    >>> [round(one_cycle(step, 8, lr=1.0), 5) for step in (0, 1, 2, 5, 8)]
    [0.04, 0.52, 1.0, 0.50001, 1e-05]
    """
    return _up_and_down(step, n_steps, pct_start, lr / div, lr, lr / div_final)


def one_cycle_momentum(
    step: float, n_steps: int, moms: tuple[float, float, float] = (0.8, 0.7, 0.8), pct_start: float = 0.25
) -> float:
    """Return the momentum of a step: it falls while the rate rises, and rises while the rate falls.

    Source: fastai `Learner.fit_one_cycle`; (.8, .7, .8) is what fastai's text learners use.

    >>> [round(one_cycle_momentum(step, 8), 3) for step in (0, 2, 8)]
    [0.8, 0.7, 0.8]
    """
    return _up_and_down(step, n_steps, pct_start, *moms)


def slanted_triangular(step: float, n_steps: int, lr: float, cut_frac: float = 0.1, ratio: float = 32) -> float:
    """Return the learning rate of a step: up a straight line to `lr` in the first `cut_frac` of the steps, then down.

    It begins, and would end after the last step, at `lr / ratio`. The paper's formula goes down by `1 / (cut * (1 /
    cut_frac - 1))` a step, which passes below zero where `cut_frac * n_steps` is not whole; here the way down
    always ends at `n_steps`. Where it is whole, the two are equal.

    Raises:
        ConfigError: the step is not between 0 and `n_steps`, or `cut_frac` not between 0 and 1.

    Source: Howard and Ruder 2018, section 3.2, equation 3.

    >>> [slanted_triangular(step, 20, lr=32.0) for step in (0, 1, 2, 11, 20)]
    [1.0, 16.5, 32.0, 16.5, 1.0]
    """
    _check_step(step, n_steps, cut_frac)
    cut = min(max(math.floor(n_steps * cut_frac), 1), n_steps - 1) if n_steps > 1 else 0
    p = step / cut if step < cut else 1 - (step - cut) / (n_steps - cut)
    return lr * (1 + p * (ratio - 1)) / ratio


def _up_and_down(step: float, n_steps: int, pct_start: float, start: float, middle: float, end: float) -> float:
    _check_step(step, n_steps, pct_start)
    position = step / n_steps
    if position < pct_start:
        return cosine(start, middle, position / pct_start)
    return cosine(middle, end, (position - pct_start) / (1 - pct_start))


def _check_step(step: float, n_steps: int, share: float) -> None:
    if n_steps < 1 or not 0 <= step <= n_steps:
        raise ConfigError(f"Step {step} is not one of {n_steps} steps.")
    if not 0 < share < 1:
        raise ConfigError(f"The share of the steps that go up must lie between 0 and 1, not {share}.")


@dataclass(frozen=True)
class Stage:
    """One stage of the training: what learns, how fast, for how long.

    Args:
        freeze_to: the first group that learns; negative counts from the end.
        lr: the highest rate of the last group; the others follow from the plan's factor.
        epochs: how many times all documents are seen; give either this or `steps`.
        steps: how many batches are seen.
        schedule: "one_cycle", "slanted_triangular" or "constant".

    Raises:
        ConfigError: both or neither of `epochs` and `steps`, a rate or a length that is not positive, an unknown
            schedule.
    """

    freeze_to: int
    lr: float
    epochs: int | None = None
    steps: int | None = None
    schedule: str = "one_cycle"

    def __post_init__(self) -> None:
        length = self.epochs if self.steps is None else self.steps
        if (self.epochs is None) == (self.steps is None) or length < 1:
            raise ConfigError(f"A stage lasts some epochs or some steps: got epochs={self.epochs}, steps={self.steps}.")
        if not 0 < self.lr < math.inf:
            raise ConfigError(f"A learning rate must be positive and finite, not {self.lr}.")
        if self.schedule not in SCHEDULES:
            raise ConfigError(f"There is no schedule {self.schedule!r}.", fix=f"Use one of {', '.join(SCHEDULES)}.")

    def n_steps(self, steps_an_epoch: int) -> int:
        """Return how many batches this stage sees when an epoch has `steps_an_epoch`."""
        return self.steps if self.steps is not None else self.epochs * steps_an_epoch

    def lr_at(self, step: float, n_steps: int) -> float:
        """Return the rate of the last group at a step of this stage, which has `n_steps`."""
        if self.schedule == "one_cycle":
            return one_cycle(step, n_steps, self.lr)
        if self.schedule == "slanted_triangular":
            return slanted_triangular(step, n_steps, self.lr)
        return self.lr


@dataclass(frozen=True)
class UnfreezingPlan:
    """Gradual unfreezing as one object: the stages in order, and the factor between the rates of two groups.

    >>> for stage in UnfreezingPlan.book().stages:
    ...     print(stage.freeze_to, stage.lr, stage.epochs)
    -1 0.02 1
    -2 0.01 1
    -3 0.005 1
    0 0.001 2
    """

    stages: tuple[Stage, ...]
    factor: float = 2.6

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))
        if not self.stages:
            raise ConfigError("A plan needs at least one stage.")

    @classmethod
    def book(cls, scale: float = 1.0, epochs: Sequence[int] = (1, 1, 1, 2)) -> Self:
        """Return the plan of the fastai book, chapter 10: the head, two groups, three groups, all.

        Args:
            scale: multiplies every rate; halve it when you halve the batch size of 128.
            epochs: how long each of the four stages lasts; small data needs more.
        """
        return cls._four(scale, epochs, (2e-2, 1e-2, 5e-3, 1e-3))

    @classmethod
    def high_rates(cls, scale: float = 1.0, epochs: Sequence[int] = (1, 1, 1, 2)) -> Self:
        """Return the book's stages with five times its rates, which want weight decay 0.1 and a batch size of 128.

        Source: the notebook `ULMFit.ipynb` of fastai 1.
        """
        return cls._four(scale, epochs, (1e-1, 5e-2, 2.5e-2, 5e-3))

    @classmethod
    def paper(cls, n_groups: int = 5, epochs: int = 50, lr: float = 1e-2) -> Self:
        """Return the plan of the paper: one more group each epoch from the last on, then all of them for the rest
        of `epochs`.

        Raises:
            ConfigError: fewer epochs than groups.

        Source: Howard and Ruder 2018, section 3.3 and section 4.1 (rate 0.01, 50 epochs at most).
        """
        if epochs < n_groups:
            raise ConfigError(f"To unfreeze {n_groups} groups one an epoch takes {n_groups} epochs, not {epochs}.")
        one_by_one = [Stage(-n, lr, epochs=1, schedule="slanted_triangular") for n in range(1, n_groups)]
        rest = Stage(0, lr, epochs=epochs - n_groups + 1, schedule="slanted_triangular")
        return cls((*one_by_one, rest))

    @classmethod
    def _four(cls, scale: float, epochs: Sequence[int], lrs: Sequence[float]) -> Self:
        if len(epochs) != 4:
            raise ConfigError(f"This plan has four stages; {len(epochs)} lengths were given.")
        stages = zip((-1, -2, -3, 0), lrs, epochs, strict=True)
        return cls(tuple(Stage(n, lr * scale, epochs=length) for n, lr, length in stages))

    def in_steps(self, steps: Sequence[int]) -> Self:
        """Return the same plan with its stages counted in steps (batches): one number a stage.

        Raises:
            ConfigError: more numbers or fewer than stages.
        """
        if len(steps) != len(self.stages):
            raise ConfigError(f"This plan has {len(self.stages)} stages; {len(steps)} lengths were given.")
        changed = (replace(stage, epochs=None, steps=n) for stage, n in zip(self.stages, steps, strict=True))
        return replace(self, stages=tuple(changed))

    def n_steps(self, steps_an_epoch: int) -> int:
        """Return how many batches the whole plan sees when an epoch has `steps_an_epoch`.

        >>> UnfreezingPlan.book().n_steps(steps_an_epoch=100)
        500
        """
        return sum(stage.n_steps(steps_an_epoch) for stage in self.stages)
