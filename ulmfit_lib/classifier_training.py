"""What the `Learner` is told to do with a classifier: rates, regularisation, history, one stage after the other."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from fastai.text.all import Callback, Learner
from torch import Tensor

from ulmfit_lib.checkpoints import Checkpointer
from ulmfit_lib.classifier_batches import ShuffledBatches, SortedBatches
from ulmfit_lib.freezing import (
    Stage,
    UnfreezingPlan,
    check_freeze_to,
    discriminative_lrs,
    freeze_to,
    one_cycle_momentum,
    parameter_groups,
)
from ulmfit_lib.padding import restore_order
from ulmfit_lib.training import Progress, no_cudnn_warning


@dataclass(frozen=True)
class ClassifierEpoch:
    """What one epoch came to: mean losses a document; epochs count from 0 through all stages, stages from 1."""

    stage: int
    epoch: int
    train_loss: float
    valid_loss: float
    accuracy: float
    seconds: float

    def line(self) -> str:
        """Return the epoch as one line of text.

        >>> ClassifierEpoch(2, 1, 0.5, 0.4, 0.8125, 12.3).line()
        'epoch  1  stage 2  train 0.5000  valid 0.4000  accuracy 0.8125  12.3 s'
        """
        return (
            f"epoch {self.epoch:>2}  stage {self.stage}  train {self.train_loss:.4f}  valid {self.valid_loss:.4f}  "
            f"accuracy {self.accuracy:.4f}  {self.seconds:.1f} s"
        )


@dataclass
class ClassifierHistory:
    """A training in plain lists: loss, rate and momentum of each step, and what each epoch came to.

    `lrs` are the last group's. The losses leave out AR and TAR. `epoch_starts` has the number of the first step of each
    epoch that was ended.
    """

    losses: list[float] = field(default_factory=list)
    lrs: list[float] = field(default_factory=list)
    moms: list[float] = field(default_factory=list)
    epoch_starts: list[int] = field(default_factory=list)
    epochs: list[ClassifierEpoch] = field(default_factory=list)

    def saved(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it; numbers stay exactly what they are."""
        steps = {name: torch.tensor(getattr(self, name), dtype=torch.float64) for name in ("losses", "lrs", "moms")}
        return {**steps, "epoch_starts": list(self.epoch_starts), "epochs": [asdict(epoch) for epoch in self.epochs]}

    def load(self, saved: dict[str, Any]) -> None:
        """Become what `saved` gave."""
        for name in ("losses", "lrs", "moms"):
            setattr(self, name, saved[name].tolist())
        self.epoch_starts = list(saved["epoch_starts"])
        self.epochs = [ClassifierEpoch(**epoch) for epoch in saved["epochs"]]


def follow_plan(
    learn: Learner,
    plan: UnfreezingPlan,
    batches: ShuffledBatches,
    record: "Record",
    checkpointer: Checkpointer | None = None,
) -> None:
    """Train stage after stage.

    Raises:
        ArtifactError: the checkpoint to go on from is damaged or belongs to another training, or none can be written.
        ConfigError: a stage does not fit the number of groups; nothing is trained then.
        TrainingError: a loss was not a finite number.
    """
    groups = parameter_groups(learn.model)
    for stage in plan.stages:
        check_freeze_to(stage.freeze_to, len(groups))
    learn.create_opt()
    checkpointer = checkpointer or Checkpointer(None)
    learn.add_cb(checkpointer)
    begin = checkpointer.open()
    with checkpointer.running():
        for number, stage in enumerate(plan.stages, start=1):
            if number - 1 < begin:
                continue
            record.stage = number
            checkpointer.phase = number - 1
            batches.steps = stage.steps
            freeze_to(groups, stage.freeze_to)
            learn.opt.clear_state()
            rates = Rates(stage, stage.n_steps(batches.steps_an_epoch), plan.factor, learn.moms)
            learn.finite_loss.failure = None
            try:
                with no_cudnn_warning():
                    learn.fit(stage.epochs or 1, cbs=rates)
            finally:  # whatever stopped it, Ctrl-C included
                if hasattr(learn, "autocast"):
                    learn.autocast.leave()
            if learn.finite_loss.failure is not None:
                raise learn.finite_loss.failure
    learn.remove_cb(checkpointer)


def activation_penalty(
    output: Tensor,
    mask: Tensor,
    alpha: float = 2.0,
    beta: float = 1.0,
    count: Callable[[Tensor], Tensor] = lambda n: n,
) -> Tensor:
    """Return AR and TAR over the words of documents: mean squares of the outputs and of their steps in time.

    Args:
        output: (bs, seq_len, emb_sz).
        mask: (bs, seq_len), True where an output does not count.
        alpha, beta: what the one and the other are multiplied by.
        count: by what the sums over words are divided, given how many there are; several processes that share a batch
            divide by their mean.

    Source: Merity et al. (2017), section 4.6; fastai `RNNRegularizer`, which counts the padding too.

    >>> output = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> float(activation_penalty(output, torch.tensor([[False, False, True]]), alpha=1, beta=10))
    45.0
    """
    words = (~mask).float()  # (bs, seq_len)
    pairs = words[:, 1:] * words[:, :-1]  # (bs, seq_len - 1)
    # Documents of one word have no step in time; the 1 keeps the quotient defined.
    ar, tar = alpha / count(words.sum()), beta / count(pairs.sum()).clamp(min=1)
    return _Squares.apply(output, words * ar / output.shape[2], pairs * tar / output.shape[2])


class _Squares(torch.autograd.Function):
    """Weighted sums of squares: of outputs, and of their steps in time.

    The gradient is written down, for autograd's own makes a dozen tensors as large as all outputs of a batch.
    """

    @staticmethod
    def forward(ctx: Any, output: Tensor, at_tokens: Tensor, at_steps: Tensor) -> Tensor:
        """Return the sum; output (bs, seq_len, emb_sz), weights (bs, seq_len) and (bs, seq_len - 1)."""
        ctx.save_for_backward(output, at_tokens, at_steps)
        x = output.float()
        square = torch.linalg.vector_norm(x, dim=2).square()  # (bs, seq_len)
        step = torch.linalg.vector_norm(x[:, 1:] - x[:, :-1], dim=2).square()  # (bs, seq_len - 1)
        return (square * at_tokens).sum() + (step * at_steps).sum()

    @staticmethod
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient for the outputs; the weights get none."""
        output, at_tokens, at_steps = ctx.saved_tensors
        x = output.float()
        gradient = x * (2 * above * at_tokens)[:, :, None]
        steps = (x[:, 1:] - x[:, :-1]) * (2 * above * at_steps)[:, :, None]
        gradient[:, 1:] += steps
        gradient[:, :-1] -= steps
        return gradient.to(output.dtype), None, None


class Penalties(Callback):
    """Adds AR and TAR to what is differentiated; the loss that is recorded stays the cross-entropy alone."""

    def __init__(self, alpha: float, beta: float) -> None:
        self.alpha, self.beta = alpha, beta

    def before_batch(self) -> None:
        self.learn.xb = (self.learn.xb[0], True)

    def after_pred(self) -> None:
        self.learn.pred, self.output, self.mask = self.learn.pred

    def after_loss(self) -> None:
        if self.learn.training:
            shared = {"count": self.learn.together.mean} if hasattr(self.learn, "together") else {}
            penalty = activation_penalty(self.output, self.mask, self.alpha, self.beta, **shared)
            self.learn.loss_grad = self.learn.loss_grad + penalty
        self.output = self.mask = None


class Rates(Callback):
    """Sets the rate of each group and the momentum before each step of a stage."""

    run_valid = False

    def __init__(self, stage: Stage, n_steps: int, factor: float, moms: tuple[float, float, float]) -> None:
        self.stage, self.n_steps, self.factor, self.moms = stage, n_steps, factor, moms

    def before_batch(self) -> None:
        step = self.learn.train_iter
        lr = self.stage.lr_at(step, self.n_steps)
        self.learn.opt.set_hyper("lr", discriminative_lrs(lr, len(self.learn.opt.hypers), self.factor))
        self.learn.opt.set_hyper("mom", one_cycle_momentum(step, self.n_steps, self.moms))


class Record(Callback):
    """Keeps the history and the validation's probabilities, and says one line an epoch."""

    order = 50

    def __init__(self, valid_batches: SortedBatches, progress: Progress | None) -> None:
        self.valid_batches, self.progress = valid_batches, progress
        self.history = ClassifierHistory()
        self.stage, self.valid_probs = 0, None

    def before_epoch(self) -> None:
        self.losses, self.sizes, self.logits, self.began = [], [], [], time.perf_counter()

    def after_batch(self) -> None:
        if not self.learn.training:
            self.logits.append(self.learn.pred)
            return
        self.losses.append(self.learn.loss.detach())
        self.sizes.append(len(self.learn.yb[0]))
        self.history.lrs.append(self.learn.opt.hypers[-1]["lr"])
        self.history.moms.append(self.learn.opt.hypers[-1]["mom"])

    def saved(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: the history, and how far this epoch has come."""
        return {
            "history": self.history.saved(),
            "valid_probs": None if self.valid_probs is None else torch.from_numpy(self.valid_probs),
            "losses": torch.stack(self.losses) if self.losses else None,
            "sizes": list(self.sizes),
            "logits": list(self.logits),
            "seconds": time.perf_counter() - self.began,
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Go on with the history of a checkpoint, before its epoch begins."""
        self.history.load(saved["history"])
        self.valid_probs = None if saved["valid_probs"] is None else saved["valid_probs"].numpy()

    def load_epoch(self, saved: dict[str, Any]) -> None:
        """Go on in the midst of a checkpoint's epoch; the seconds of all sittings are added up."""
        self.load(saved)
        device = next(self.learn.model.parameters()).device
        self.losses = [] if saved["losses"] is None else list(saved["losses"].to(device).unbind())
        self.sizes, self.logits = list(saved["sizes"]), [logits.to(device) for logits in saved["logits"]]
        self.began = time.perf_counter() - saved["seconds"]

    def after_epoch(self) -> None:
        if not self.logits:
            return  # the epoch was skipped
        # Numbers are asked for once an epoch: each time makes a GPU's queue run empty.
        losses = torch.stack(self.losses).float().tolist()
        logits = restore_order(torch.cat(self.logits).float().cpu().numpy(), self.valid_batches.order)
        logits, labels = torch.from_numpy(logits), torch.from_numpy(self.valid_batches.labels)
        self.valid_probs = F.softmax(logits, dim=1).numpy()  # (n_valid, n_classes)
        epoch = ClassifierEpoch(
            stage=self.stage,
            epoch=len(self.history.epochs),
            train_loss=math.fsum(loss * n for loss, n in zip(losses, self.sizes, strict=True)) / sum(self.sizes),
            valid_loss=float(F.cross_entropy(logits, labels)),
            accuracy=float((logits.argmax(dim=1) == labels).double().mean()),
            seconds=time.perf_counter() - self.began,
        )
        self.history.epoch_starts.append(len(self.history.losses))
        self.history.losses += losses
        self.history.epochs.append(epoch)
        if self.progress is not None:
            getattr(self.progress, "print", self.progress)(epoch.line())
