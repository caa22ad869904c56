"""What drives a training: fastai's `Learner`, with our model, batches, loss and groups plugged in.

The loop is fastai's and so are the optimizer, the schedule and the clipping. Ours are the callbacks in
`training_callbacks`, small pieces that the loop calls at fixed moments of every step:

    before_batch    CarriedState gives the model the state that the batch before left behind
    (forward)
    after_pred      CarriedState keeps the new state, and hands the output to the loss
    (loss)
    after_loss      Penalties adds AR and TAR; FiniteLoss stops a training that has gone wrong
    (backward, step)
    after_batch     Record notes the loss and the rate
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

import torch
from fastai.text.all import Adam, Callback, DataLoaders, GradientClip, Learner, MixedPrecision, TrainEvalCallback
from torch import nn

from ulmfit_lib.errors import ConfigError
from ulmfit_lib.history import History, Progress, Record
from ulmfit_lib.training_callbacks import Autocast, CarriedState, FiniteLoss, Penalties

__all__ = [
    "MOMS",
    "PRECISIONS",
    "Autocast",
    "CarriedState",
    "FiniteLoss",
    "History",
    "Loader",
    "Penalties",
    "Progress",
    "bfloat16_works",
    "fit_one_cycle",
    "make_learner",
    "no_cudnn_warning",
    "seeded",
]

PRECISIONS = ("fp32", "bf16", "fp16")
#: Momentum at the start, at the highest rate and at the end of a one-cycle schedule; fastai's for texts.
MOMS = (0.8, 0.7, 0.8)


def make_learner(
    model: nn.Module,
    train: Iterable,
    valid: Iterable,
    loss_func: Callable,
    splitter: Callable[[nn.Module], Sequence[Sequence[nn.Parameter]]],
    *,
    cbs: Iterable[Callback] = (),
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    clip: float | None = None,
    wd: float = 0.01,
    moms: tuple[float, float, float] = MOMS,
    opt_func: Callable = Adam,
) -> Learner:
    """Return a fastai `Learner` with our parts and none of its own display.

    Args:
        model: called with what the batches hold before their last element.
        train, valid: loaders with a length that yield tuples of tensors.
        loss_func: called with the model's result and the last element of the batch.
        splitter: gives the parameter groups of the model.
        cbs: further callbacks.
        device: where the model and the batches go.
        precision: "fp32", "bf16", or "fp16" (GPUs only, with scaled gradients).
        clip: the largest norm of the gradients; None for no limit.
        wd: weight decay (decoupled), for everything but biases of linear layers and normalisation.
        moms: momentum at the start, at the highest rate and at the end.
        opt_func: makes the optimizer.

    Raises:
        ConfigError: there is no such precision, or not on this device.
    """
    device = torch.device(device)
    callbacks = [TrainEvalCallback(), FiniteLoss(every=1 if device.type == "cpu" else 50), *cbs]
    if precision not in PRECISIONS:
        raise ConfigError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}.")
    if precision == "fp16" and device.type != "cuda":
        raise ConfigError(f"fp16 needs a GPU, and the device is {device}.", fix="Use bf16 or fp32.")
    if precision == "bf16":
        if not bfloat16_works(device.type):
            raise ConfigError(f"This {device.type} cannot train in bf16.", fix="Use fp32.")
        callbacks.append(Autocast(device.type))
    if precision == "fp16":
        callbacks.append(MixedPrecision())
    if clip is not None:
        callbacks.append(GradientClip(clip))
    return Learner(
        DataLoaders(Loader(train, device), Loader(valid, device), device=device),
        model.to(device),
        loss_func=loss_func,
        opt_func=opt_func,
        splitter=splitter,
        wd=wd,
        moms=moms,
        cbs=callbacks,
        default_cbs=False,
    )


@contextmanager
def no_cudnn_warning() -> Iterator[None]:
    """Keep cuDNN from saying at every step that dropped weights do not lie in one piece: they are a copy, and must."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single contiguous")
        yield


def bfloat16_works(device_type: str) -> bool:
    """Return whether an LSTM runs in bfloat16 on such a device, by trying: many processors lack what it takes."""
    lstm, x = nn.LSTM(8, 8).to(device_type), torch.zeros(2, 2, 8, device=device_type)
    try:
        with torch.autocast(device_type, dtype=torch.bfloat16):
            lstm(x)[0].sum().backward()
    except RuntimeError:
        return False
    return True


class Loader:
    """What fastai's `DataLoaders` asks of a loader, around anything with a length that yields tuples of tensors.

    It can begin in the midst of a pass: `start` says before which batch the next one begins, and goes back to 0 then.
    Batches that differ from pass to pass have an attribute `epoch` that says which is next; `epoch_of_pass` is what it
    was when the last pass began, and `begun_at` where that began.
    """

    def __init__(self, batches: Iterable, device: torch.device) -> None:
        self.batches, self.device = batches, device
        self.start, self.begun_at, self.epoch_of_pass = 0, 0, None

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator:
        self.begun_at, self.start = self.start, 0
        self.epoch_of_pass = self.epoch
        if self.begun_at >= len(self):
            return iter(())
        if hasattr(self.batches, "start"):  # they know how to leave out batches without making them
            self.batches.start = self.begun_at
            return iter(self.batches)
        return islice(self.batches, self.begun_at, None)

    @property
    def epoch(self) -> int | None:
        """Which pass comes next, where passes differ."""
        return getattr(self.batches, "epoch", None)

    def set_epoch(self, epoch: int | None) -> None:
        """Say which pass comes next, where passes differ."""
        if epoch is not None:
            self.batches.epoch = epoch

    def to(self, device: torch.device) -> None:
        """Give batches on this device from now on."""
        self.device = device


@contextmanager
def seeded(seed: int, device: str | torch.device = "cpu") -> Iterator[None]:
    """Make dropout depend on `seed` alone inside the block, and leave the caller's random state as it was.

    >>> with seeded(1):
    ...     first = torch.rand(1)
    >>> with seeded(1):
    ...     bool(first == torch.rand(1))
    True
    """
    device = torch.device(device)
    # What is forked is the processor's generator, and that of the one GPU in use.
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type="cuda" if device.type == "cpu" else device.type):
        torch.manual_seed(seed)
        yield


def fit_one_cycle(
    learn: Learner, n_epoch: int, lr: float, history: History, progress: Progress | None = None, first_epoch: int = 0
) -> None:
    """Train for `n_epoch` epochs: rate up to `lr` and down again, momentum the other way round.

    Raises:
        TrainingError: a loss was not a finite number; the weights are those before that step on a CPU.

    Source: Smith (2018), "A disciplined approach to neural network hyper-parameters"; fastai `fit_one_cycle`.
    """
    learn.finite_loss.failure = None
    record = Record(history, progress, first_epoch)
    try:
        with no_cudnn_warning():
            learn.fit_one_cycle(n_epoch, lr, cbs=[record])
    finally:  # whatever stopped it, Ctrl-C included
        record.flush()
        if hasattr(learn, "autocast"):
            learn.autocast.leave()
    if learn.finite_loss.failure is not None:
        raise learn.finite_loss.failure
