"""Train a language model for some steps: fastai's `Learner` with its model, ours with ours, on the same batches.

    python benchmarks/lm_step.py                              # the small model of the course, on a CPU
    python benchmarks/lm_step.py --threads 2
    python benchmarks/lm_step.py --device cuda --size full    # 60,000 words, 400/1152/3 layers; fastai in fp16

A turn is a fit of some steps with all that belongs to it: forward, backward, optimizer, schedule, the keeping of the
losses; no validation. fp32 of ours has the loss of fastai's, which is tested first with dropout off; bf16 is reported
beside it. On a GPU fastai runs in mixed precision (fp16). Writes results/speed_lm_step[_threads2][_cuda].json.
"""

import sys
from collections.abc import Callable

import numpy as np
import torch
from fastai.text.all import (
    AWD_LSTM,
    Callback,
    CancelValidException,
    CrossEntropyLossFlat,
    DataLoaders,
    Learner,
    MixedPrecision,
    awd_lstm_lm_config,
    get_language_model,
    rnn_cbs,
)
from side_by_side import compare, finish, parser, receipt_of, take_turns

from ulmfit_lib.awd_lstm import LanguageModel, lm_config
from ulmfit_lib.fine_tuning import FineTuningPlan, LMLoader, make_lm_learner
from ulmfit_lib.history import History, Record
from ulmfit_lib.lm_loss import LanguageModelLoss
from ulmfit_lib.pretrained import to_fastai_names
from ulmfit_lib.streams import LMStream
from ulmfit_lib.training import no_cudnn_warning

SIZES = {
    "small": {"vocab_sz": 8_000, "emb_sz": 128, "n_hid": 256, "n_layers": 2},
    "full": {"vocab_sz": 60_000, "emb_sz": 400, "n_hid": 1_152, "n_layers": 3},
}
BS, SEQ_LEN = 64, 72


class NoValidation(Callback):
    """Skips the validation of each epoch."""

    def before_validate(self) -> None:
        raise CancelValidException()


def stream_of(steps: int, vocab_sz: int) -> LMStream:
    """Return so many windows of random ids."""
    ids = np.random.default_rng(0).integers(9, vocab_sz, BS * SEQ_LEN * steps + 1)
    return LMStream([ids], BS, SEQ_LEN)


def fastai_learner(size: dict, stream: LMStream, device: str, drop_mult: float = 1.0) -> Learner:
    """Return fastai's own model, loss, callbacks and loop, with the batches of `stream`."""
    sizes = {name: value for name, value in size.items() if name != "vocab_sz"}
    config = {**awd_lstm_lm_config, **sizes}
    model = get_language_model(AWD_LSTM, size["vocab_sz"], config, drop_mult=drop_mult).to(device)
    loader = LMLoader(stream, device)
    cbs = [*rnn_cbs(2.0, 1.0), NoValidation(), *([MixedPrecision()] if device == "cuda" else [])]
    return Learner(DataLoaders(loader, loader, device=device), model, CrossEntropyLossFlat(), cbs=cbs)


def our_learner(size: dict, stream: LMStream, device: str, precision: str, method: str = "chunked") -> Learner:
    """Return our model, loss, callbacks and loop, with the same batches."""
    model = LanguageModel(lm_config(**size))
    learn = make_lm_learner(
        model, stream, stream, FineTuningPlan(), device=device, precision=precision, loss_method=method
    )
    learn.add_cb(NoValidation())
    return learn


def fit(learn: Learner, device: str, *cbs: Callback) -> None:
    """Train for an epoch, and wait for the device."""
    with learn.no_bar(), learn.no_logging(), no_cudnn_warning():
        learn.fit_one_cycle(1, 1e-3, cbs=list(cbs))
    if device == "cuda":
        torch.cuda.synchronize()


def difference_of_losses(steps: int) -> float:
    """Return how far the two losses are apart at most in some steps with dropout off, from the same weights."""
    size, losses = {"vocab_sz": 500, "emb_sz": 16, "n_hid": 24, "n_layers": 2}, []
    stream = stream_of(steps, 500)
    model = LanguageModel(lm_config(**size, drop_mult=0.0))
    # Without any weight dropout fastai's model cannot be reset; nothing is dropped with a probability so small.
    theirs = fastai_learner(size, stream, "cpu", drop_mult=1e-12)
    theirs.model.load_state_dict(to_fastai_names(model.state_dict()))
    ours = make_lm_learner(model, stream, stream, FineTuningPlan())
    ours.add_cb(NoValidation())

    class Keep(Callback):
        def after_loss(self) -> None:
            losses[-1].append(float(self.learn.loss))

    for learn in (theirs, ours):
        learn.moms = (0.8, 0.7, 0.8)
        losses.append([])
        fit(learn, "cpu", Keep())
    return max(abs(a - b) for a, b in zip(*losses, strict=True))


def work_of(learn: Learner, device: str, ours: bool) -> Callable[[], None]:
    """Return a turn: a fit, with the history kept as in a real training."""
    return lambda: fit(learn, device, *([Record(History())] if ours else []))


def main() -> int:
    """Run the command line above; 1 if the losses differ."""
    options = parser(__doc__)
    options.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options.add_argument("--size", default="small", choices=SIZES)
    options.add_argument("--steps", type=int, default=4, help="steps a turn")
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    device, size = options.device, SIZES[options.size]
    apart = difference_of_losses(steps=20)
    print(f"with dropout off the losses of 20 steps are at most {apart:.1e} apart", flush=True)
    if apart > 1e-4:
        return 1
    receipt = receipt_of("lm_step", seed=0, data={"name": "random ids"}, model=size, bs=BS, seq_len=SEQ_LEN)
    stream = stream_of(options.steps, size["vocab_sz"])
    learners = {"fastai": fastai_learner(size, stream, device)}
    for precision in ("fp32", "bf16"):
        learners[precision] = our_learner(size, stream, device, precision)
    if device == "cuda":
        has_fused = hasattr(torch.nn.functional, "linear_cross_entropy")
        for method in ("plain", "compiled", *(["fused"] if has_fused else [])):
            learners[f"bf16 {method} loss"] = our_learner(size, stream, device, "bf16", method)
    assert isinstance(learners["fp32"].loss_func, LanguageModelLoss)
    works = {name: work_of(learn, device, ours=name != "fastai") for name, learn in learners.items()}
    for work in works.values():
        work()  # what is done once, such as the choice of kernels, is not counted
    times, _ = take_turns(works, options.repeats)
    results = compare(times, options.steps * BS * SEQ_LEN, "tokens", device)
    results["losses_apart_without_dropout"] = apart
    name = "lm_step" + (f"_threads{options.threads}" if options.threads > 1 else "")
    finish(receipt, results, name + (f"_{device}_{options.size}" if device == "cuda" else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
