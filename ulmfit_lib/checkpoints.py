"""Stopping a training at any moment, and going on to the same weights, bit for bit.

What the next step depends on is all that a checkpoint holds:

    weights, optimizer              what has been learnt
    random state                    which activations the next dropout drops
    phase, epoch, batch, schedule   where the training stands
    hidden state                    what the language model has just read
    history                         what has been told so far

The order of the documents is not stored: it follows from the seed and the number of the epoch. A checkpoint is written
every so many steps or minutes, at the end of each epoch, and when Ctrl-C (or SIGTERM) asks the training to stop: that
loses nothing, and `kill -9`, a power cut or a full disk loses the steps since the last one.
"""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from fastai.text.all import Callback, CancelEpochException, CancelFitException

from ulmfit_lib import checkpoint_files
from ulmfit_lib.checkpoint_state import (
    Checkpoints,
    check_same_training,
    differences,
    fingerprint,
    load_optimizer,
    made_with,
    optimizer_state,
    random_state,
    set_random_state,
    stopped_by,
)
from ulmfit_lib.errors import ArtifactError, TrainingError, UlmfitError

if TYPE_CHECKING:
    from ulmfit_lib.distributed import Together

__all__ = ["Checkpointer", "Checkpoints", "fingerprint"]


class Checkpointer(Callback):
    """Writes the checkpoints of a training and brings a learner to where one was made.

    Callbacks whose state counts have three methods: `saved()` gives it, `load(saved)` takes it before the checkpoint's
    epoch begins, and `load_epoch(saved)` in the midst of that epoch.

    Args:
        checkpoints: where and how often; None makes a callback that does nothing.
        training: what the training is, in values that fit into JSON; a checkpoint of another one is refused by name.
        progress: is told in a line of text what there is to know of a checkpoint.
    """

    order = 90  # when all others have done their part of a step

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        training: Mapping[str, Any] | None = None,
        progress: Callable[[str], None] | Any = None,
    ) -> None:
        self.checkpoints, self.progress = checkpoints, progress
        self.training_is = json.loads(json.dumps(dict(training or {})))  # as it will come back: tuples become lists
        self.phase, self.since, self.wrote_at = 0, 0, time.monotonic()
        self.asked_to_stop: int | None = None
        self.found: dict[str, Any] | None = None
        self.epoch_to_resume: int | None = None
        self.last_step: int | None = None

    def open(self) -> int:
        """Read the checkpoint to go on from, if there is one, and return the number of the phase it was made in.

        Raises:
            ArtifactError: the checkpoint is damaged, or belongs to another training; the message names what differs.
        """
        if self.checkpoints is None or not self.checkpoints.resume:
            return 0
        if not checkpoint_files.exists(self.checkpoints.file):
            return 0
        saved = checkpoint_files.read_checkpoint(self.checkpoints.file)
        check_same_training(saved.state["training"], self.training_is, str(self.checkpoints.file))
        self.found, position = saved.state, saved.state["position"]
        self.last_step = position["step"]
        for note in (saved.note, *differences(saved.state["made_with"], made_with(self.learn.model))):
            self._say(note)
        self._say(f"going on from the checkpoint of step {position['step']:,}")
        return position["phase"]

    # ----------------------------------------------------------------------------------------- bringing a learner there

    def before_fit(self) -> None:
        self.wrote_at, self.since = time.monotonic(), 0
        self.epoch_to_resume = None
        if self.found is None or self.phase != self.found["position"]["phase"]:
            return
        self.epoch_to_resume = self.found["position"]["epoch"]
        self.learn.model.load_state_dict(self.found["model"])
        load_optimizer(self.learn.opt, self.found["optimizer"])
        self.learn.dls.train.set_epoch(self.found["position"]["loader_epoch"])
        for callback, saved in self._with_state():
            callback.load(saved)
        set_random_state(self._of_this_process()["random"], next(self.learn.model.parameters()).device)
        if self.found.get("scaler") and getattr(self.learn, "scaler", None) is not None:
            self.learn.scaler.load_state_dict(self.found["scaler"])

    def before_epoch(self) -> None:
        if self.epoch_to_resume is not None and self.learn.epoch < self.epoch_to_resume:
            raise CancelEpochException()

    def before_train(self) -> None:
        if not self._resumes_here():
            return
        position = self.found["position"]
        self.learn.train_iter = position["train_iter"]
        if self._is_in_the_midst():
            loader, self.learn.pct_train = self.learn.dls.train, position["pct_train"]
            loader.start = position["batch"] if position["part"] == "train" else len(loader)
            for callback, saved in self._with_state():
                callback.load_epoch(saved)
        if position["part"] == "train":
            self.found = None

    def before_validate(self) -> None:
        if not self._resumes_here():
            return
        self.learn.dls.valid.start = self.found["position"]["batch"]
        for callback, saved in self._with_state():
            callback.load_epoch(saved)
        self.found = None

    def _resumes_here(self) -> bool:
        return self.found is not None and self.learn.epoch == self.epoch_to_resume

    def _is_in_the_midst(self) -> bool:
        position = self.found["position"]
        return position["part"] == "valid" or position["batch"] > 0

    def _with_state(self) -> Iterator[tuple[Callback, dict[str, Any]]]:
        for callback in self.learn.cbs:
            if hasattr(callback, "load_epoch"):
                yield callback, self._of_this_process()["callbacks"][callback.name]

    def _of_this_process(self) -> dict[str, Any]:
        return self.found["ranks"][0 if self._together is None else self._together.group.rank]

    @property
    def _together(self) -> "Together | None":
        """What several processes that share this training agree through."""
        return getattr(self.learn, "together", None)

    # -------------------------------------------------------------------------------------------- writing a checkpoint

    def after_batch(self) -> None:
        if self.checkpoints is None:
            return
        self.since += 1
        every_steps, every_minutes = self.checkpoints.every_steps, self.checkpoints.every_minutes
        due = (every_steps is not None and self.since >= every_steps) or (
            every_minutes is not None and time.monotonic() - self.wrote_at >= 60 * every_minutes
        )
        if self._together is not None:
            (due,) = self._together.agree(due)
        stop = self._is_to_stop()
        if due or stop:
            self.write("train" if self.learn.training else "valid", self.learn.epoch, self._batches_done())
        if stop:
            self._stop_if_asked()

    def after_epoch(self) -> None:
        if self.checkpoints is None or (self.epoch_to_resume is not None and self.learn.epoch < self.epoch_to_resume):
            return
        self.write("train", self.learn.epoch + 1, 0)
        if self._is_to_stop():
            self._stop_if_asked()

    def _batches_done(self) -> int:
        return self.learn.dl.begun_at + self.learn.iter + 1

    def write(self, part: str, epoch: int, batch: int) -> None:
        """Write a checkpoint from which `batch` of this part of this epoch comes next."""
        learn, loader = self.learn, self.learn.dls.train
        mine = {
            "random": random_state(next(learn.model.parameters()).device),
            "callbacks": {cb.name: cb.saved() for cb in learn.cbs if hasattr(cb, "load_epoch")},
        }
        # With its last batch, a pass has moved on to the next one already.
        inside = part == "train" and 0 < batch < len(loader)
        scaler = getattr(learn, "scaler", None)
        step = self._step()
        state = {
            "training": self.training_is,
            "made_with": made_with(learn.model),
            "position": {
                "phase": self.phase,
                "epoch": epoch,
                "part": part,
                "batch": batch,
                "step": step,
                "train_iter": learn.train_iter,
                "pct_train": learn.pct_train,
                "loader_epoch": loader.epoch_of_pass if inside else loader.epoch,
            },
            "model": learn.model.state_dict(),
            "optimizer": optimizer_state(learn.opt),
            "scaler": scaler.state_dict() if scaler is not None else None,
            # Of several processes each has read, and dropped, what is its own.
            "ranks": [mine] if self._together is None else self._together.gather(mine),
        }
        self._check_numbers()
        try:
            if state["ranks"] is not None:  # the first process writes for all
                checkpoint_files.write_checkpoint(self.checkpoints.file, state)
        except ArtifactError as error:
            self._give_up(error)
        self.wrote_at, self.since, self.last_step = time.monotonic(), 0, step

    def _step(self) -> int:
        """Return how many steps have been made in all phases."""
        return len(self.learn.record.history.lrs)

    def _check_numbers(self) -> None:
        """Refuse to keep weights that are spoilt: the checkpoint to go on from has to be a good one."""
        guard = self.learn.finite_loss
        if guard.unchecked:
            guard.check(last_step=self.learn.train_iter - 1)
        # What the sum of the squares is not, one of them is not.
        norms = [torch.linalg.vector_norm(p.detach()) for p in self.learn.model.parameters()]
        if not torch.stack(norms).isfinite().all():
            self._give_up(
                TrainingError(
                    f"a weight is no finite number any more after step {self.learn.train_iter - 1} of epoch "
                    f"{self.learn.epoch}.",
                    fix="Try a lower learning rate, gradient clipping, or precision fp32.",
                )
            )

    def _give_up(self, error: UlmfitError) -> NoReturn:
        # fastai would wrap the message of any other exception into its own; who called the fit raises this one.
        self.learn.finite_loss.failure = error
        raise CancelFitException() from error

    # ------------------------------------------------------------------------------------------------ being stopped

    @contextmanager
    def running(self) -> Iterator[None]:
        """Inside the block, Ctrl-C and SIGTERM stop the training after its step, with a checkpoint; twice, at once.

        Raises:
            TrainingError: as it came, with the word that a good checkpoint is kept.
        """
        if self.checkpoints is None:
            yield
            return
        before = {}
        if threading.current_thread() is threading.main_thread():  # where alone a handler may be set
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, self._ask_to_stop)
        try:
            yield
            self._stop_if_asked()
        except TrainingError as error:
            if self.last_step is None:
                raise
            kept = f"The checkpoint of step {self.last_step:,} is kept."
            raise TrainingError(error.what, where=error.where, fix=f"{error.fix} {kept}".strip()) from error
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask_to_stop(self, number: int, _frame: FrameType | None) -> None:
        if self.asked_to_stop is not None:
            raise stopped_by(number)
        self.asked_to_stop = number

    def _is_to_stop(self) -> bool:
        """Return whether the training was asked to stop; if one of several processes was, all of them stop."""
        stop = self.asked_to_stop is not None
        if self._together is not None:
            (stop,) = self._together.agree(stop)
            if stop and self.asked_to_stop is None:
                self.asked_to_stop = signal.SIGTERM
        return stop

    def _stop_if_asked(self) -> None:
        if self.asked_to_stop is not None:
            number, self.asked_to_stop = self.asked_to_stop, None
            raise stopped_by(number)

    def _say(self, text: str) -> None:
        if text and self.progress is not None:
            getattr(self.progress, "print", self.progress)(text)
