"""Train a classifier for an epoch and let it predict: fastai's `Learner` with its model and batches, ours with ours.

    python benchmarks/classifier_speed.py
    python benchmarks/classifier_speed.py --device cuda --size full

Documents of random ids, as long as IMDb's reviews (a median of 220 tokens, a mean of 270). An epoch ends with the
optimizer's last step; there is no validation. fp32 and bf16 have receipts of their own, because many processors cannot
do bf16: it is left out there. On a GPU fastai runs in mixed precision (fp16). Writes
results/speed_classifier_{epoch,prediction}[_bf16][_cuda_SIZE].json.
"""

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from fastai.text.all import (
    AWD_LSTM,
    CrossEntropyLossFlat,
    DataLoaders,
    Learner,
    MixedPrecision,
    SortedDL,
    TensorCategory,
    TensorText,
    awd_lstm_clas_config,
    get_text_classifier,
    pad_input_chunk,
    rnn_cbs,
)
from lm_step import BS, SEQ_LEN, SIZES, NoValidation
from side_by_side import compare, finish, parser, receipt_of, take_turns

from ulmfit_lib.awd_lstm import AWDLSTM, classifier_config
from ulmfit_lib.classifier import TextClassifier
from ulmfit_lib.classifier_batches import ShuffledBatches, SortedBatches, read_docs
from ulmfit_lib.classifier_training import Penalties
from ulmfit_lib.classifying import predict_probs
from ulmfit_lib.freezing import parameter_groups
from ulmfit_lib.training import bfloat16_works, make_learner, no_cudnn_warning


def documents(n_docs: int, vocab_sz: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Return documents of random ids, as long as IMDb's reviews, and their classes."""
    rng = np.random.default_rng(0)
    lengths = np.clip(rng.lognormal(5.4, 0.65, n_docs), 20, 2_500).astype(int)
    return [rng.integers(9, vocab_sz, n) for n in lengths], rng.integers(0, 2, n_docs)


def fastai_learner(docs: list[np.ndarray], labels: np.ndarray, size: dict, device: str) -> Learner:
    """Return fastai's own model, loss, callbacks, loop and batches."""
    items = [(TensorText(doc), TensorCategory(int(label))) for doc, label in zip(docs, labels, strict=True)]
    pad = partial(pad_input_chunk, seq_len=SEQ_LEN)
    train, valid = (
        SortedDL(items, bs=BS, shuffle=shuffle, before_batch=pad, num_workers=0, device=torch.device(device))
        for shuffle in (True, False)
    )
    config = {**awd_lstm_clas_config, **{name: value for name, value in size.items() if name != "vocab_sz"}}
    model = get_text_classifier(AWD_LSTM, size["vocab_sz"], 2, seq_len=SEQ_LEN, config=config).to(device)
    cbs = [*rnn_cbs(2.0, 1.0), NoValidation(), *([MixedPrecision()] if device == "cuda" else [])]
    return Learner(DataLoaders(train, valid, device=device), model, CrossEntropyLossFlat(), cbs=cbs)


def our_learner(docs: list[np.ndarray], labels: np.ndarray, size: dict, device: str, precision: str) -> Learner:
    """Return our model, loss, callbacks, loop and batches."""
    model = TextClassifier(AWDLSTM(classifier_config(**size, output_p=0.0)), 2, SEQ_LEN)
    docs = read_docs(docs, size["vocab_sz"], "forward")
    return make_learner(
        model,
        ShuffledBatches(docs, labels, BS, seed=0),
        SortedBatches(docs, labels, BS),
        F.cross_entropy,
        parameter_groups,
        cbs=[Penalties(2.0, 1.0), NoValidation()],
        device=device,
        precision=precision,
    )


def epoch(learn: Learner, device: str) -> None:
    """Train for an epoch, and wait for the device."""
    with learn.no_bar(), learn.no_logging(), no_cudnn_warning():
        learn.fit(1, 1e-3)
    if device == "cuda":
        torch.cuda.synchronize()


def fastai_predictions(learn: Learner) -> np.ndarray:
    """Return what fastai's `get_preds` gives, in the order of the data."""
    learn.remove_cb(NoValidation)
    with learn.no_bar(), learn.no_logging(), no_cudnn_warning():
        probs = learn.get_preds(dl=learn.dls.valid, reorder=True)[0].numpy()
    learn.add_cb(NoValidation())
    return probs


def suffix(precision: str) -> str:
    """Return what the name of a receipt says of the precision."""
    return "" if precision == "fp32" else f"_{precision}"


def report(
    receipt: dict, times: dict[str, dict], precision: str, n_docs: int, device: str, name: str, **more: float
) -> None:
    """Write what one precision took beside fastai."""
    these = {clock: {way: by[way] for way in ("fastai", precision)} for clock, by in times.items()}
    finish(receipt, {**compare(these, n_docs, "reviews", device), **more}, name)


def main() -> int:
    """Run the command line above; 1 if the probabilities in fp32 and in bf16 are far apart."""
    options = parser(__doc__)
    options.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    options.add_argument("--size", default="small", choices=SIZES)
    options.add_argument("--docs", type=int, default=320)
    options = options.parse_args()
    torch.set_num_threads(options.threads)
    device, size = options.device, SIZES[options.size]
    docs, labels = documents(options.docs, size["vocab_sz"])
    about = {"seed": 0, "data": {"name": "random ids", "rows": len(docs)}, "model": size, "bs": BS, "seq_len": SEQ_LEN}
    precisions = ["fp32", "bf16"] if bfloat16_works(device) else ["fp32"]
    learners = {"fastai": fastai_learner(docs, labels, size, device)}
    learners |= {precision: our_learner(docs, labels, size, device, precision) for precision in precisions}
    place = f"_{device}_{options.size}" if device == "cuda" else ""

    receipts = {precision: receipt_of("classifier_speed", **about) for precision in precisions}
    epochs = {name: partial(epoch, learn, device) for name, learn in learners.items()}
    for work in epochs.values():
        work()  # what is done once is not counted
    times, _ = take_turns(epochs, options.repeats)
    for precision, receipt in receipts.items():
        report(receipt, times, precision, len(docs), device, f"classifier_epoch{suffix(precision)}{place}")

    receipts = {precision: receipt_of("classifier_speed", **about) for precision in precisions}
    model = learners["fp32"].model
    predictions: dict[str, Callable] = {"fastai": partial(fastai_predictions, learners["fastai"])}
    for precision in precisions:
        predictions[precision] = partial(predict_probs, model, docs, BS, precision=precision)
    times, given = take_turns(predictions, options.repeats)
    apart = {precision: float(np.abs(given["fp32"] - given[precision]).max()) for precision in precisions}
    for precision, receipt in receipts.items():
        name = f"classifier_prediction{suffix(precision)}{place}"
        report(receipt, times, precision, len(docs), device, name, probabilities_apart_from_fp32=apart[precision])
    return int(max(apart.values()) > 0.02)


if __name__ == "__main__":
    sys.exit(main())
