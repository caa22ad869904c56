"""What is kept of a training: a loss and a rate for every step, a line for every epoch."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
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

    def saved(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it; numbers stay exactly what they are."""
        return {
            **{name: torch.tensor(getattr(self, name), dtype=torch.float64) for name in ("losses", "lrs", "moms")},
            "tokens": torch.tensor(self.tokens, dtype=torch.int64),
            "epoch_starts": list(self.epoch_starts),
            "epochs": [asdict(log) for log in self.epochs],
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Become what `saved` gave."""
        for name in ("losses", "lrs", "moms", "tokens"):
            setattr(self, name, saved[name].tolist())
        self.epoch_starts = list(saved["epoch_starts"])
        self.epochs = [EpochLog(**log) for log in saved["epochs"]]


def smoothed(losses: Sequence[float], beta: float = 0.98) -> list[float]:
    """Return the running mean of losses, in which each step counts `beta` times as much as the one after it.

    Source: fastai `AvgSmoothLoss`, which is what its progress bar shows; the first steps are not drawn towards 0.

    >>> smoothed([4.0, 2.0], beta=0.5)
    [4.0, 2.6666666666666665]
    """
    mean, means = 0.0, []
    for step, loss in enumerate(losses, start=1):
        mean = beta * mean + (1 - beta) * loss
        means.append(mean / (1 - beta**step))
    return means


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
        self.began, self.tokens_read, self.train_seconds = time.perf_counter(), 0, 0.0
        self.valid_losses, self.valid_tokens, self.n_correct = [], [], []

    def before_train(self) -> None:
        self.history.epoch_starts.append(len(self.history.losses))

    def after_batch(self) -> None:
        loss, n_tokens = self.learn.loss.detach(), self.learn.yb[0].numel() * self._n_processes()
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

    def _n_processes(self) -> int:
        """Return among how many processes each batch is shared."""
        return self.learn.together.group.size if hasattr(self.learn, "together") else 1

    def before_validate(self) -> None:
        self.flush()
        self.train_seconds = time.perf_counter() - self.began

    def saved(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the history, and how far this epoch has come."""
        self.flush()
        return {
            "history": self.history.saved(),
            "seconds": time.perf_counter() - self.began,
            "train_seconds": self.train_seconds,
            "tokens_read": self.tokens_read,
            "valid": {
                "losses": torch.stack(self.valid_losses) if self.valid_losses else None,
                "tokens": list(self.valid_tokens),
                "n_correct": torch.stack(self.n_correct) if self.n_correct else None,
            },
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Go on with the history of a checkpoint, before its epoch begins."""
        self.history.load(saved["history"])

    def load_epoch(self, saved: dict[str, Any]) -> None:
        """Go on in the midst of a checkpoint's epoch; the seconds of all sittings are added up."""
        self.history.load(saved["history"])
        self.began = time.perf_counter() - saved["seconds"]
        self.tokens_read, self.train_seconds = saved["tokens_read"], saved["train_seconds"]
        valid, device = saved["valid"], next(self.learn.model.parameters()).device
        self.valid_losses, self.n_correct = (
            [] if valid[name] is None else list(valid[name].to(device).unbind()) for name in ("losses", "n_correct")
        )
        self.valid_tokens = list(valid["tokens"])

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


class Ticks(Callback):
    """Says some times a second which share of the epoch's batches, those of the validation too, are done.

    Args:
        tell: called with a number from 0 to 1; None for silence.
        seconds: at least so many lie between two calls.
    """

    order = 95

    def __init__(self, tell: Callable[[float], None] | None, seconds: float = 0.25) -> None:
        self.tell, self.seconds, self.told_at = tell, seconds, 0.0

    def after_batch(self) -> None:
        now = time.monotonic()
        if self.tell is None or now - self.told_at < self.seconds:
            return
        self.told_at = now
        n_train, n_valid = len(self.learn.dls.train), len(self.learn.dls.valid)
        # A batch of the validation needs no backward pass: about a third of the time.
        done = self.learn.dl.begun_at + self.learn.iter + 1
        done = done if self.learn.training else n_train + done / 3
        self.tell(min(done / (n_train + n_valid / 3), 1.0))


def _mean(losses: Sequence[float], tokens: Sequence[int]) -> float:
    """Return the mean over tokens of losses that are means over so many tokens each."""
    return math.fsum(loss * n for loss, n in zip(losses, tokens, strict=True)) / sum(tokens)
