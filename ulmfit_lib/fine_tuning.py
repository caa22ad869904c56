"""Fine-tuning a language model: what it knows of the language in general is carried over to the texts at hand.

First everything is frozen but the embedding, whose rows for new words are only means, and the decoder that shares them.
Then everything learns, at a tenth of the rate.

Source: Howard and Ruder (2018), section 3.2; the book's recipe is that of Howard and Gugger, chapter 10.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from fastai.text.all import Learner
from torch import nn

from ulmfit_lib.awd_lstm import AWDConfig, LanguageModel, lm_config
from ulmfit_lib.checkpoints import Checkpointer, Checkpoints, fingerprint
from ulmfit_lib.direction import FORWARD, check_direction
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.fine_tuning_plan import FineTuningPlan, Phase
from ulmfit_lib.history import History, Progress, Ticks, perplexity
from ulmfit_lib.lm_loader import LMLoader, NextEpoch
from ulmfit_lib.lm_loss import LanguageModelLoss
from ulmfit_lib.pretrained import PretrainedLM, load_encoder, save_encoder, save_language_model, start_from
from ulmfit_lib.streams import Docs, LMStream
from ulmfit_lib.training import CarriedState, Penalties, fit_one_cycle, make_learner, no_cudnn_warning, seeded

if TYPE_CHECKING:
    from ulmfit_lib.distributed import Group
    from ulmfit_lib.vocab import Vocab

__all__ = [
    "FineTuningPlan",
    "LMLoader",
    "LMResult",
    "Phase",
    "Score",
    "evaluate_language_model",
    "fine_tune_language_model",
    "follow_plan",
    "language_model_groups",
    "load_encoder",
    "make_lm_learner",
    "save_encoder",
]


def language_model_groups(model: LanguageModel) -> list[list[nn.Parameter]]:
    """Return the parameters in groups: one for each LSTM layer, and last the embedding with the decoder.

    The embedding stands at the bottom of the model and in the last group, because the decoder shares its weights.

    Source: fastai `awd_lstm_lm_split`.
    """
    layers = [list(rnn.parameters()) for rnn in model.encoder.rnns]
    # A ModuleList counts a shared weight once.
    words = list(nn.ModuleList([model.encoder.encoder, model.decoder]).parameters())
    return [*layers, words]


def make_lm_learner(
    model: LanguageModel,
    train: LMStream,
    valid: LMStream,
    plan: FineTuningPlan,
    *,
    device: str | torch.device = "cpu",
    precision: str = "fp32",
    loss_method: str = "chunked",
) -> Learner:
    """Return a fastai `Learner` that trains `model` on the windows of `train`, following all of `plan` but its phases.

    Raises:
        ConfigError: the precision or the loss's method is not to be had.
    """
    carried = CarriedState()
    loader = LMLoader(train, device)
    return make_learner(
        model,
        loader,
        LMLoader(valid, device),
        LanguageModelLoss(model.decoder, loss_method),
        language_model_groups,
        cbs=[carried, Penalties(carried, plan.alpha, plan.beta), NextEpoch(loader)],
        device=device,
        precision=precision,
        clip=plan.clip,
        wd=plan.wd,
        moms=plan.moms,
    )


@dataclass(frozen=True)
class LMResult:
    """A fine-tuned language model and how it did on the validation texts after its last epoch."""

    model: LanguageModel
    history: History
    valid_loss: float
    perplexity: float
    accuracy: float


def fine_tune_language_model(
    train_docs: Docs,
    valid_docs: Docs,
    vocab: "Vocab",
    *,
    direction: str = FORWARD,
    config: AWDConfig | None = None,
    pretrained: PretrainedLM | None = None,
    plan: FineTuningPlan | None = None,
    bs: int = 64,
    seq_len: int = 72,
    seed: int = 0,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: Progress | None = None,
    out: Path | None = None,
    checkpoints: Checkpoints | None = None,
    ticks: Callable[[float], None] | None = None,
    group: "Group | None" = None,
) -> LMResult:
    """Train a language model on documents, phase by phase, from pretrained weights or from scratch.

    On the CPU the same arguments give the same weights, bit for bit; the caller's random state is left as it was.

    Args:
        train_docs, valid_docs: token ids, a list for each document, in reading order whatever the direction.
        vocab: the tokens of these ids.
        direction: in which direction the model learns to read.
        config: sizes and dropout; fastai's by default. Its `vocab_sz` must be the vocabulary's.
        pretrained: weights to start from; None to start from random ones.
        plan: phases and regularisation; the book's by default, or `from_scratch` where there are no pretrained weights.
        bs: mini-streams side by side.
        seq_len: tokens of each in a step.
        seed: what the first weights, the order of the documents and dropout depend on.
        device: a GPU if there is one, by default.
        precision: "fp32", "bf16" or "fp16".
        progress: called with a line of text an epoch, such as `print`; None for silence.
        out: a folder for two artifacts, `language_model` and `encoder`; None to save nothing.
        checkpoints: where and how often the training is kept, and whether to go on with it. When the artifacts are
            saved, the checkpoints are deleted; without `out` they stay.
        ticks: called some times a second with the share of the epoch that is done.
        group: which of several processes this is, see `distributed`.

    Raises:
        ArtifactError: the pretrained weights are of another direction or size, or the checkpoint belongs to another
            training.
        ConfigError: an option makes no sense.
        DataError: the texts are too short for `bs` mini-streams, or hold ids that the vocabulary lacks.
        TrainingError: a loss was not a finite number.
    """
    check_direction(direction)
    config = lm_config(len(vocab)) if config is None else config
    if config.vocab_sz != len(vocab):
        raise ConfigError(f"The config is for {config.vocab_sz:,} tokens, and the vocabulary has {len(vocab):,}.")
    if plan is None:
        plan = FineTuningPlan() if pretrained is not None else FineTuningPlan.from_scratch()
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model = LanguageModel(config, seed)
    if pretrained is not None:
        start_from(model, pretrained, vocab, direction)
    train = LMStream(train_docs, bs, seq_len, direction, shuffle=True, seed=seed)
    valid = LMStream(valid_docs, bs, seq_len, direction)
    for stream in (train, valid):
        stream.check_ids(len(vocab))
    learn = make_lm_learner(model, train, valid, plan, device=device, precision=precision)
    learn.add_cb(Ticks(ticks))
    if group is not None:
        share_work(learn, group)
    history = History()
    training = describe_training(model, vocab, train, valid, plan, seed, pretrained)
    training["processes"] = 1 if group is None else group.size
    # Each process drops other activations: what it drops belongs to its own rows.
    with seeded(seed if group is None else seed + 1000 * group.rank, device):
        follow_plan(learn, plan, history, progress, Checkpointer(checkpoints, training, progress))
    model.eval()
    last = history.epochs[-1]
    if out is not None:
        save_language_model(Path(out) / "language_model", model, vocab, direction)
        save_encoder(Path(out) / "encoder", model, vocab, direction)
        if checkpoints is not None:
            checkpoints.remove()
    return LMResult(model, history, last.valid_loss, last.perplexity, last.accuracy)


class Score(NamedTuple):
    """How well a language model foretells texts; the loss is a mean over tokens."""

    loss: float
    perplexity: float
    accuracy: float


@torch.no_grad()
def evaluate_language_model(
    model: LanguageModel, docs: Docs, *, bs: int = 64, seq_len: int = 72, direction: str = FORWARD
) -> Score:
    """Score a language model on documents, with carried state and without dropout, on the device where it is.

    Raises:
        DataError: the texts are too short for `bs` mini-streams, or hold ids that the model lacks.
    """
    stream, loss_func = LMStream(docs, bs, seq_len, direction), LanguageModelLoss(model.decoder)
    stream.check_ids(model.encoder.config.vocab_sz)
    was_training, state = model.training, None
    losses, n_correct = [], []
    try:
        model.eval()
        with no_cudnn_warning():
            for ids, targets in LMLoader(stream, model.decoder.weight.device):
                output = model(ids, state, decode=False)
                state = output.state
                losses.append(loss_func(output.dropped, targets) * targets.numel())
                n_correct.append(loss_func.n_correct)
    finally:
        model.train(was_training)
    n_tokens = stream.bs * stream.batch_length
    loss = math.fsum(torch.stack(losses).tolist()) / n_tokens
    return Score(loss, perplexity(loss), int(torch.stack(n_correct).sum()) / n_tokens)


def share_work(learn: Learner, group: "Group") -> None:
    """Let a learner do its part of a training that several processes share.

    Raises:
        ConfigError: the mini-streams cannot be shared evenly.
    """
    from ulmfit_lib.distributed import Together

    for loader in (learn.dls.train, learn.dls.valid):
        loader.batches.rows = group.rows(loader.batches.stream.bs)
    learn.add_cb(Together(group))


def describe_training(
    model: LanguageModel,
    vocab: "Vocab",
    train: LMStream,
    valid: LMStream,
    plan: FineTuningPlan,
    seed: int,
    pretrained: PretrainedLM | None = None,
) -> dict[str, Any]:
    """Return what makes a training this one and no other: a checkpoint of another one must not be gone on with."""
    return {
        "kind": "language model",
        "direction": train.direction,
        "model": asdict(model.config),
        "vocabulary": fingerprint(vocab.tokens),
        "training texts": fingerprint(train.ids()),
        "validation texts": fingerprint(valid.ids()),
        "batch size": train.bs,
        "sequence length": train.seq_len,
        "seed": seed,
        "plan": asdict(plan),
        "pretrained weights": None
        if pretrained is None
        else fingerprint(pretrained.state["encoder.encoder.weight"].numpy()),
    }


def follow_plan(
    learn: Learner,
    plan: FineTuningPlan,
    history: History,
    progress: Progress | None = None,
    checkpointer: Checkpointer | None = None,
) -> None:
    """Train phase after phase, the epochs counted through all of them; at last nothing is frozen any more.

    Raises:
        ArtifactError: the checkpoint to go on from is damaged or belongs to another training, or none can be written.
        ConfigError: the model has no such group as a phase's `freeze_to`.
        TrainingError: a loss was not a finite number.
    """
    n_groups = len(learn.splitter(learn.model))
    for phase in plan.phases:
        if not -n_groups <= phase.freeze_to < n_groups:
            raise ConfigError(f"freeze_to={phase.freeze_to} does not fit a model of {n_groups} parameter groups.")
    checkpointer = checkpointer or Checkpointer(None)
    learn.add_cb(checkpointer)
    begin, first_epoch = checkpointer.open(), 0
    with checkpointer.running():
        for number, phase in enumerate(plan.phases):
            if number >= begin:
                learn.next_epoch.first_epoch, checkpointer.phase = first_epoch, number
                learn.freeze_to(phase.freeze_to)
                fit_one_cycle(learn, phase.epochs, phase.lr, history, progress, first_epoch)
            first_epoch += phase.epochs
    learn.remove_cb(checkpointer)
    learn.unfreeze()
