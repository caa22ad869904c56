"""The small pieces that the training loop calls at fixed moments of every step; `training` says how they play together.

A callback that asks for a number makes a GPU's queue run empty. So losses are kept as tensors while an epoch runs, and
are turned into numbers when it ends.
"""

import math
from typing import Any

import torch
from fastai.text.all import Callback, CancelFitException, MixedPrecision

from ulmfit_lib.awd_lstm import State, activation_regularization, detach_state, temporal_activation_regularization
from ulmfit_lib.errors import TrainingError, UlmfitError


class CarriedState(Callback):
    """Passes the hidden state from each batch to the next, as an argument of the model.

    Training and validation each begin with zeros, unless they go on from a checkpoint.

    Source: fastai `ModelResetter` and `RNNCallback`, which keep the state on the model.
    """

    order = 5

    def __init__(self) -> None:
        self.state: State | None = None
        self.output: Any = None

    def before_train(self) -> None:
        self.state = None

    def before_validate(self) -> None:
        self.state = None

    def before_batch(self) -> None:
        # The third argument leaves the logits to the loss.
        self.learn.xb = (self.learn.xb[0], self.state, False)

    def after_pred(self) -> None:
        self.output = self.learn.pred
        self.state = detach_state(self.output.state)
        self.learn.pred = self.output.dropped

    def after_batch(self) -> None:
        self.output = None  # holds the whole graph of the step

    def after_fit(self) -> None:
        self.state = None

    def saved(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {"state": self.state}

    def load(self, saved: dict[str, Any]) -> None:
        """Do nothing: an epoch begins with zeros."""

    def load_epoch(self, saved: dict[str, Any]) -> None:
        """Go on reading where a checkpoint was made."""
        if saved["state"] is not None:
            device = next(self.learn.model.parameters()).device
            self.state = [(h.to(device), c.to(device)) for h, c in saved["state"]]


class Penalties(Callback):
    """Adds AR and TAR to what is differentiated; the loss that is recorded stays the cross-entropy alone.

    Source: fastai `RNNRegularizer`.
    """

    order, run_valid = CarriedState.order + 1, False

    def __init__(self, carried: CarriedState, alpha: float = 2.0, beta: float = 1.0) -> None:
        self.carried, self.alpha, self.beta = carried, alpha, beta

    def after_loss(self) -> None:
        if self.alpha:
            self.learn.loss_grad = self.learn.loss_grad + activation_regularization(
                self.carried.output.dropped, self.alpha
            )
        if self.beta:
            self.learn.loss_grad = self.learn.loss_grad + temporal_activation_regularization(
                self.carried.output.raw, self.beta
            )


class Autocast(Callback):
    """Runs the model and the loss in bfloat16 where that is safe, on any device.

    bfloat16 has the range of float32, so the gradients need no scaling. (fastai's `MixedPrecision` knows GPUs only.)
    """

    order = MixedPrecision.order

    def __init__(self, device_type: str) -> None:
        self.context = torch.autocast(device_type, dtype=torch.bfloat16)
        self.inside = False

    def before_batch(self) -> None:
        self.context.__enter__()
        self.inside = True

    def after_loss(self) -> None:
        self.leave()

    def after_cancel_batch(self) -> None:
        self.leave()

    def leave(self) -> None:
        """Leave the context if it was entered."""
        if self.inside:
            self.inside = False
            self.context.__exit__(None, None, None)


class FiniteLoss(Callback):
    """Stops the training at a loss that is not a finite number, and says at which step it was.

    Looking costs a wait for the device, so on a GPU it looks every `every` steps; the step it names is still exact.
    """

    order, run_valid = 20, False

    def __init__(self, every: int = 1) -> None:
        self.every = every
        self.failure: UlmfitError | None = None  # what the fit failed of, here or in another callback
        self.unchecked: list[torch.Tensor] = []

    def before_fit(self) -> None:
        self.unchecked = []

    def after_loss(self) -> None:
        self.unchecked.append(self.learn.loss.detach())
        if len(self.unchecked) >= self.every:
            self.check(last_step=self.learn.train_iter)

    def after_train(self) -> None:
        if self.unchecked:
            self.check(last_step=self.learn.train_iter - 1)

    def check(self, last_step: int) -> None:
        """Look at the losses since the last look."""
        losses, self.unchecked = torch.stack(self.unchecked).tolist(), []
        for step, loss in enumerate(losses, start=last_step - len(losses) + 1):
            if not math.isfinite(loss):
                self.failure = TrainingError(
                    f"the loss is {loss} at step {step} of epoch {self.learn.epoch}.",
                    fix="Try a lower learning rate, gradient clipping, or precision fp32.",
                )
                # fastai would wrap any other exception's message into its own.
                raise CancelFitException()
