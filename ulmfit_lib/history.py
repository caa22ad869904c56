"""What is kept of a training: a loss and a rate for every step, a line for every epoch."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from fastai.text.all import Callback

#: What is told a line of text an epoch: `print`, or anything with a method `print`, such as a rich console.
Progress = Callable[[str], None] | Any


def perplexity(loss: float) -> float:
    """Return the exponential of a mean loss: among how many equally likely words the model hesitates.

    >>> round(perplexity(math.log(50)), 6)
    50.0
    """
    return math.exp(loss) if loss < 700 else math.inf


@dataclass(frozen=True)
class EpochLog:
    """What one epoch came to. The losses are means over tokens, `seconds` includes the validation."""

    epoch: int
    train_loss: float
    valid_loss: float
    accuracy: float
    seconds: float
    tokens_per_second: float

    @property
    def perplexity(self) -> float:
        """The perplexity of the validation texts."""
        return perplexity(self.valid_loss)

    def line(self) -> str:
        """Return the epoch as one line of text.

        >>> EpochLog(0, 5.0, 4.0, 0.25, 12.3, 6789.0).line()
        'epoch  0  train 5.0000  valid 4.0000  accuracy 0.2500  perplexity 54.60  12.3 s  6,789 tokens/s'
        """
        return (
            f"epoch {self.epoch:>2}  train {self.train_loss:.4f}  valid {self.valid_loss:.4f}  "
            f"accuracy {self.accuracy:.4f}  perplexity {self.perplexity:.2f}  "
            f"{self.seconds:.1f} s  {self.tokens_per_second:,.0f} tokens/s"
        )


@dataclass
class History:
    """A training in plain lists: loss, rate and momentum of each step, and a log of each epoch.

    `lrs` and `moms` are those of the last parameter group. The losses leave out AR and TAR, and are means over so many
    `tokens`. `epoch_starts` has the number of the first step of each epoch that was begun.
    """

    losses: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    lrs: list[float] = field(default_factory=list)
    moms: list[float] = field(default_factory=list)
    epoch_starts: list[int] = field(default_factory=list)
    epochs: list[EpochLog] = field(default_factory=list)


class Record(Callback):
    """Keeps the history of a training and says one line an epoch.

    Args:
        history: what is written to.
        progress: called with the line of each epoch, see `Progress`; None for silence.
        first_epoch: the number of the first epoch of this fit.
    """

    order = 50

    def __init__(self, history: History, progress: Progress | None = None, first_epoch: int = 0) -> None:
        self.history, self.progress, self.first_epoch = history, progress, first_epoch
        self.pending: list[torch.Tensor] = []
        self.valid_losses: list[torch.Tensor] = []

    def before_epoch(self) -> None:
        self.began, self.tokens_read = time.perf_counter(), 0
        self.valid_losses, self.valid_tokens, self.n_correct = [], [], []

    def before_train(self) -> None:
        # An epoch that goes on after an interruption is in the history already.
        if len(self.history.epoch_starts) <= self.first_epoch + self.learn.epoch:
            self.history.epoch_starts.append(len(self.history.losses))

    def after_batch(self) -> None:
        loss, n_tokens = self.learn.loss.detach(), self.learn.yb[0].numel()
        if self.learn.training:
            self.pending.append(loss)
            self.tokens_read += n_tokens
            self.history.tokens.append(n_tokens)
            self.history.lrs.append(self.learn.opt.hypers[-1]["lr"])
            self.history.moms.append(self.learn.opt.hypers[-1]["mom"])
        else:
            self.valid_losses.append(loss)
            self.valid_tokens.append(n_tokens)
            self.n_correct.append(self.learn.loss_func.n_correct)

    def before_validate(self) -> None:
        self.flush()
        self.train_seconds = time.perf_counter() - self.began

    def flush(self) -> None:
        """Put the losses of the steps since the last flush into the history."""
        if self.pending:
            self.history.losses.extend(torch.stack(self.pending).tolist())
            self.pending = []

    def after_epoch(self) -> None:
        if not self.valid_losses:
            return  # the epoch was skipped
        n_valid, this_epoch = sum(self.valid_tokens), slice(self.history.epoch_starts[-1], None)
        log = EpochLog(
            epoch=self.first_epoch + self.learn.epoch,
            train_loss=_mean(self.history.losses[this_epoch], self.history.tokens[this_epoch]),
            valid_loss=_mean(torch.stack(self.valid_losses).tolist(), self.valid_tokens),
            accuracy=int(torch.stack(self.n_correct).sum()) / n_valid,
            seconds=time.perf_counter() - self.began,
            tokens_per_second=self.tokens_read / self.train_seconds,
        )
        self.history.epochs.append(log)
        if self.progress is not None:
            getattr(self.progress, "print", self.progress)(log.line())


def _mean(losses: Sequence[float], tokens: Sequence[int]) -> float:
    """Return the mean over tokens of losses that are means over so many tokens each."""
    return math.fsum(loss * n for loss, n in zip(losses, tokens, strict=True)) / sum(tokens)
