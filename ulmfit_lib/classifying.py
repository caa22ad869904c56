"""Training the classifier stage by stage, and asking it about texts.

Each stage of the plan unfreezes more of the model and has a schedule of its own. The loop is fastai's, see
`training`; the model, the batches, the groups, the rates and the regularisation are ours.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ulmfit_lib.awd_lstm import AWDLSTM, AWDConfig, classifier_config
from ulmfit_lib.checkpoints import Checkpointer, Checkpoints, fingerprint
from ulmfit_lib.classifier import TextClassifier
from ulmfit_lib.classifier_batches import Docs, ShuffledBatches, SortedBatches, number_labels, read_docs
from ulmfit_lib.classifier_files import save_classifier
from ulmfit_lib.classifier_training import ClassifierHistory, Penalties, Record, follow_plan
from ulmfit_lib.direction import FORWARD
from ulmfit_lib.errors import ArtifactError, ConfigError, DataError
from ulmfit_lib.freezing import UnfreezingPlan, parameter_groups
from ulmfit_lib.history import Ticks
from ulmfit_lib.padding import restore_order
from ulmfit_lib.reading import read_and_pool
from ulmfit_lib.training import MOMS, Progress, bfloat16_works, make_learner, no_cudnn_warning, seeded

if TYPE_CHECKING:
    from ulmfit_lib.distributed import Group
    from ulmfit_lib.vocab import Vocab

#: What matrix products are made in; for fp32 the entry is not used.
DTYPES = {"fp32": torch.bfloat16, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class ClassifierResult:
    """A trained classifier and how it did on the validation documents after its last epoch.

    `valid_probs` is (n_valid, n_classes): rows in the order of the data, columns in the order of `label_names`;
    `valid_labels` (n_valid,) holds the number of each document's class.
    """

    model: TextClassifier
    history: ClassifierHistory
    valid_probs: np.ndarray
    valid_labels: np.ndarray
    accuracy: float
    label_names: tuple
    direction: str


def train_classifier(
    train_docs: Docs,
    train_labels: Sequence,
    valid_docs: Docs,
    valid_labels: Sequence,
    vocab: "Vocab",
    *,
    encoder: AWDLSTM | Mapping[str, Tensor] | None = None,
    config: AWDConfig | None = None,
    plan: UnfreezingPlan | None = None,
    bs: int = 64,
    direction: str = FORWARD,
    seed: int = 0,
    device: str | torch.device | None = None,
    precision: str = "fp32",
    progress: Progress | None = None,
    out: Path | None = None,
    receipt: Mapping[str, Any] | None = None,
    seq_len: int = 72,
    max_len: int = 1440,
    lin_ftrs: Sequence[int] = (50,),
    ps: Sequence[float] = (0.1,),
    wd: float = 0.01,
    moms: tuple[float, float, float] = MOMS,
    alpha: float = 2.0,
    beta: float = 1.0,
    clip: float | None = None,
    checkpoints: Checkpoints | None = None,
    ticks: Callable[[float], None] | None = None,
    group: "Group | None" = None,
    **about: Any,
) -> ClassifierResult:
    """Train a classifier by a plan of gradual unfreezing, judging the validation documents after each epoch.

    On the CPU the same arguments give the same weights, bit for bit; the caller's random state is left as it was.

    Args:
        train_docs, valid_docs: token ids, a list for each document, in reading order whatever the direction.
        train_labels, valid_labels: one label a document, strings or numbers.
        vocab: the tokens of these ids.
        encoder: the language model's encoder or its state dict, which is copied; None knows no language yet.
        config: sizes and dropout of the encoder; by default its own sizes with half of fastai's classifier dropout.
        plan: which groups learn when and how fast; the book's by default.
        bs: documents a batch, at least 2.
        direction: in which direction the encoder learned to read.
        seed: what the head's first weights, the order of the documents and dropout depend on.
        device: a GPU if there is one, by default.
        precision: "fp32", "bf16" or "fp16".
        progress: told a line of text an epoch, see `history.Progress`; None for silence.
        out, receipt: a folder to save the classifier in as an artifact, with this receipt; None to save nothing.
        seq_len, max_len, lin_ftrs, ps: see `TextClassifier`.
        wd, moms, clip: see `make_learner`; `moms` are those of each stage.
        alpha, beta: the weights of AR and TAR.
        checkpoints: where and how often the training is kept, and whether to go on with it. When the artifact is
            saved, the checkpoints are deleted; without `out` they stay.
        ticks: called some times a second with the share of the epoch that is done.
        group: which of several processes this is, see `distributed`.
        about: what the artifact's config.json is to say beside, such as `tokenizer=...`.

    Raises:
        ArtifactError: the encoder's weights have other sizes, or the checkpoint belongs to another training.
        ConfigError: an option makes no sense.
        DataError: no documents, an empty one, an id outside the vocabulary, or labels that do not fit.
        TrainingError: a loss was not a finite number.

    Source: Howard and Ruder 2018, section 3.3; fastai `text_classifier_learner`.
    """
    least = 2 if group is None else max(2, group.size)
    if bs < least:
        raise ConfigError(
            "Batch normalisation needs two documents a batch, and each process one.", fix=f"Use bs={least} or more."
        )
    label_names, y_train, y_valid = number_labels(train_labels, valid_labels)
    train = read_docs(train_docs, len(vocab), direction, "training document")
    valid = read_docs(valid_docs, len(vocab), direction, "validation document")
    for name, docs, y, fewest in (("training", train, y_train, least), ("validation", valid, y_valid, 1)):
        if len(docs) != len(y):
            raise DataError(f"There are {len(docs)} {name} documents and {len(y)} labels for them.")
        if len(docs) < fewest:
            raise DataError(f"There are {len(docs)} {name} documents; at least {fewest} are needed.")
    plan = plan or UnfreezingPlan.book()
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))

    config = config or _usual_config(encoder, len(vocab))
    model = TextClassifier(
        _copy_encoder(encoder, config, len(vocab), seed),
        len(label_names),
        seq_len,
        max_len,
        lin_ftrs,
        ps,
        config.output_p,
        seed,
    )
    batches = ShuffledBatches(train, y_train, bs, seed, model.pad_id, least)
    valid_batches = SortedBatches(valid, y_valid, bs, model.pad_id)
    record = Record(valid_batches, progress)
    learn = make_learner(
        model,
        batches,
        valid_batches,
        F.cross_entropy,
        parameter_groups,
        cbs=[Penalties(alpha, beta), record, Ticks(ticks)],
        device=device,
        precision=precision,
        clip=clip,
        wd=wd,
        moms=moms,
    )
    if group is not None:
        from ulmfit_lib.distributed import SharedDocuments, Together

        learn.add_cbs([SharedDocuments(group), Together(group)])
    training = {
        "kind": "classifier",
        "direction": direction,
        "model": asdict(model.encoder.config),
        "head": [list(lin_ftrs), list(ps)],
        "reading": [seq_len, max_len],
        "vocabulary": fingerprint(vocab.tokens),
        "labels": [str(name) for name in label_names],
        "training texts": fingerprint(np.concatenate([*train, y_train])),
        "validation texts": fingerprint(np.concatenate([*valid, y_valid])),
        "batch size": bs,
        "seed": seed,
        "plan": asdict(plan),
        "regularisation": [wd, list(moms), alpha, beta, clip],
        "encoder": fingerprint(model.encoder.encoder.weight.detach().cpu().numpy()),
        "processes": 1 if group is None else group.size,
    }
    checkpointer = Checkpointer(checkpoints, training, progress)
    # Each process drops other activations: what it drops belongs to its own documents.
    with seeded(seed if group is None else seed + 1000 * group.rank, device):
        follow_plan(learn, plan, batches, record, checkpointer)

    accuracy = record.history.epochs[-1].accuracy
    result = ClassifierResult(
        model.eval(), record.history, record.valid_probs, y_valid, accuracy, label_names, direction
    )
    if out is not None:
        save_classifier(out, model, vocab, label_names, direction, receipt, **about)
        if checkpoints is not None:
            checkpoints.remove()
    return result


def predict_probs(
    model: TextClassifier, docs: Docs, bs: int = 64, direction: str = FORWARD, precision: str = "fp32"
) -> np.ndarray:
    """Return the probability of each class for each document, in the order of the data.

    The documents are read where the model is. What one of them gets does not depend on the others, nor on `bs`.

    Args:
        docs: token ids, a list for each document, in reading order whatever the direction.
        bs: documents a batch.
        direction: in which direction the model learned to read.
        precision: "fp32", or "bf16" or "fp16", which are faster on a GPU and good to two digits or so.

    Returns:
        float32 array (n, n_classes), each row summing to 1; (0, n_classes) for no documents.

    Raises:
        DataError: a document is empty or has an id outside the vocabulary.
        ConfigError: there is no such direction, or no such precision on this device.
    """
    device = next(model.parameters()).device
    if precision not in DTYPES:
        raise ConfigError(f"precision must be one of {', '.join(DTYPES)}, not {precision!r}.")
    if (precision == "bf16" and not bfloat16_works(device.type)) or (precision == "fp16" and device.type != "cuda"):
        raise ConfigError(f"This {device.type} cannot predict in {precision}.", fix="Use fp32.")
    arrays = read_docs(docs, model.encoder.config.vocab_sz, direction, pad_id=model.pad_id)
    if not arrays:
        return np.zeros((0, model.n_classes), dtype=np.float32)
    # What is padded must stand at the end.
    batches = SortedBatches([ids[ids != model.pad_id] for ids in arrays], None, bs, model.pad_id)
    half = torch.autocast(device.type, dtype=DTYPES[precision], enabled=precision != "fp32")
    was_training, probs = model.training, []
    model.eval()
    try:
        with torch.inference_mode(), half, no_cudnn_warning():
            for batch, (ids,) in zip(batches.batches, batches, strict=True):
                pooled = read_and_pool(model, ids.to(device), [batches.lengths[index] for index in batch])
                probs.append(F.softmax(model.head(pooled).float(), dim=1))
    finally:
        model.train(was_training)
    return restore_order(torch.cat(probs).cpu().numpy(), batches.order)


def _usual_config(given: AWDLSTM | Mapping[str, Tensor] | None, vocab_sz: int) -> AWDConfig:
    sizes = {}
    if isinstance(given, AWDLSTM):
        sizes = {name: getattr(given.config, name) for name in ("emb_sz", "n_hid", "n_layers", "pad_id")}
    return classifier_config(vocab_sz, drop_mult=0.5, **sizes)


def _copy_encoder(given: AWDLSTM | Mapping[str, Tensor] | None, config: AWDConfig, vocab_sz: int, seed: int) -> AWDLSTM:
    """Return a new encoder with the weights given, so that the caller's own stays as it is."""
    if config.vocab_sz != vocab_sz:
        raise ConfigError(f"The config is for {config.vocab_sz:,} tokens, and the vocabulary has {vocab_sz:,}.")
    # `output_p` is for a decoder; the head has a dropout of its own and reads the raw output.
    encoder = AWDLSTM(replace(config, output_p=0.0), seed)
    if given is not None:
        state = given.state_dict() if isinstance(given, AWDLSTM) else given
        try:
            encoder.load_state_dict(state)
        except RuntimeError as error:
            raise ArtifactError(
                f"The encoder's weights do not fit: {error}.",
                fix="Give the language model's sizes in `config`, and the vocabulary that it was trained with.",
            ) from error
    return encoder
