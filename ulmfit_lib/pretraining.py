"""Pretraining: a language model that learns general English before it meets the texts at hand.

Training on tens of millions of words takes hours on a processor. So it goes in stretches: each begins where the
artifact of the one before ended, has a one-cycle schedule of its own, and ends in an artifact again. The receipt of
each holds those of all stretches before it, so that what ships says how many tokens it has read.

Source: Howard and Ruder (2018), section 3.1; fastai's own recipe is `examples/train_wt103.py` of fastai 1.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ulmfit_lib import checkpoint_files
from ulmfit_lib.artifacts import refuse_other_files
from ulmfit_lib.awd_lstm import LanguageModel, lm_config
from ulmfit_lib.checkpoints import Checkpoints
from ulmfit_lib.curves import thinned
from ulmfit_lib.direction import check_direction
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.files import refuse_the_folder_one_is_in
from ulmfit_lib.fine_tuning import FineTuningPlan, Score, evaluate_language_model, fine_tune_language_model
from ulmfit_lib.history import Progress
from ulmfit_lib.packing import Packed
from ulmfit_lib.pretrained import load_pretrained, save_language_model
from ulmfit_lib.receipts import finish_receipt, read_receipt, start_receipt

#: The tokenizer that the texts of the artifact were split with.
TOKENIZER = {"kind": "words", "lang": "en"}


@dataclass(frozen=True)
class PretrainingRecipe:
    """The choices of a stretch; sizes count for the first one only, later ones have those of their artifact.

    Args:
        emb_sz, n_hid, n_layers: sizes of the AWD-LSTM.
        epochs, lr, wd, clip: of the one-cycle schedule and Adam.
        drop_mult: share of fastai's dropout. A small model that sees each text once or twice cannot learn it by heart.
        alpha, beta: weights of AR and TAR, off for the same reason.
        bs, seq_len: mini-streams side by side, and tokens of each in a step.
    """

    emb_sz: int = 128
    n_hid: int = 256
    n_layers: int = 2
    epochs: int = 1
    lr: float = 1e-2
    wd: float = 0.01
    clip: float | None = 0.25
    drop_mult: float = 0.1
    alpha: float = 0.0
    beta: float = 0.0
    bs: int = 64
    seq_len: int = 72

    def __post_init__(self) -> None:
        for name in ("emb_sz", "n_hid", "n_layers", "epochs", "lr", "bs", "seq_len"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be more than 0, not {getattr(self, name)}.")


def pretrain(
    corpus: Packed,
    out: Path,
    *,
    direction: str,
    recipe: PretrainingRecipe | None = None,
    start_from: Path | None = None,
    seed: int = 0,
    device: str | None = None,
    precision: str = "fp32",
    command: str = "",
    progress: Progress | None = None,
    resume: bool = False,
    restart: bool = False,
    every_minutes: float = 10.0,
) -> Path:
    """Train a language model on the part "train" of a packed corpus, and save it with its receipt.

    Args:
        corpus: with the parts "train" and "valid"; every further part is scored at the end as well.
        out: the artifact to make.
        direction: in which direction the model reads.
        recipe: the defaults are for two cores.
        start_from: the artifact of the stretch before; its vocabulary, sizes and direction must be these.
        seed, device, precision, progress: as in `fine_tune_language_model`.
        command: what a reader would type to have the same run, for the receipt.
        resume: go on from the checkpoint that an interrupted stretch left beside `out`, if there is one.
        restart: delete that checkpoint, and begin anew.
        every_minutes: minutes from one checkpoint to the next.

    An error that leaves a checkpoint has a note that says how to go on.

    Raises:
        ArtifactError: the artifact to start from has another vocabulary or direction, or a part is missing, or `out`
            holds other files than an artifact's.
        ConfigError: an interrupted stretch is there, and neither `resume` nor `restart` was said.
        TrainingError: a loss was not a finite number.
    """
    check_direction(direction)
    recipe = recipe or PretrainingRecipe()
    for part in ("train", "valid"):
        if part not in corpus.parts:
            raise ArtifactError(f"the packed corpus {corpus.name!r} has no part {part!r}.")
    refuse_the_folder_one_is_in(out)  # before hours of work
    refuse_other_files(out)
    file = out.with_name(f"{out.name}.checkpoint")
    if checkpoint_files.exists(file) and not (resume or restart):
        raise ConfigError(
            "an interrupted stretch lies here.",
            where=str(file),
            fix="Go on with it by --resume, or delete it and begin anew by --restart.",
        )
    pretrained, stretches = None, []
    if start_from is not None:
        pretrained = load_pretrained(start_from, direction=direction)
        if pretrained.tokens != corpus.vocab.tokens:
            raise ArtifactError(
                "these weights belong to another vocabulary than the packed corpus.",
                where=str(start_from),
                fix="Pack the corpus with the vocabulary of the artifact.",
            )
        sizes = {name: pretrained.sizes[name] for name in ("emb_sz", "n_hid", "n_layers")}
        recipe = replace(recipe, **sizes)
        stretches = read_receipt(Path(start_from) / "run.json")["results"]["stretches"]
    receipt = start_receipt(command, seed=seed, data={"name": corpus.name, **corpus.origin}, recipe=asdict(recipe))
    began = time.perf_counter()
    checkpoints = Checkpoints(file, every_minutes=every_minutes, resume=resume)
    if restart:
        checkpoints.remove()
    with _saying_what_is_left(file):
        result = fine_tune_language_model(
            corpus.parts["train"].docs,
            corpus.parts["valid"].docs,
            corpus.vocab,
            direction=direction,
            config=lm_config(
                len(corpus.vocab), recipe.drop_mult, emb_sz=recipe.emb_sz, n_hid=recipe.n_hid, n_layers=recipe.n_layers
            ),
            pretrained=pretrained,
            plan=FineTuningPlan.from_scratch(
                recipe.epochs, recipe.lr, wd=recipe.wd, clip=recipe.clip, alpha=recipe.alpha, beta=recipe.beta
            ),
            bs=recipe.bs,
            seq_len=recipe.seq_len,
            seed=seed,
            device=device,
            precision=precision,
            progress=progress,
            checkpoints=checkpoints,
        )
        n_tokens = sum(result.history.tokens)
        stretch = {
            "files": corpus.origin.get("files", []),
            "recipe": asdict(recipe),
            "precision": precision,
            "tokens": n_tokens,
            "seconds": round(time.perf_counter() - began, 1),
            "valid_loss": result.valid_loss,
            "losses": [round(loss, 4) for loss in thinned(result.history.losses)],
        }
        stretches = [*stretches, stretch]
        scores = score_parts(result.model, corpus, direction, [part for part in corpus.parts if part != "train"])
        results = {"tokens_seen": sum(one["tokens"] for one in stretches), "scores": scores, "stretches": stretches}
        save_language_model(
            out, result.model, corpus.vocab, direction, finish_receipt(receipt, results), tokenizer=TOKENIZER
        )
    checkpoints.remove()
    return out


@contextmanager
def _saying_what_is_left(file: Path) -> Iterator[None]:
    """Note on what ends the block that its checkpoint is kept, unless it says itself what to do."""
    try:
        yield
    except BaseException as error:
        if checkpoint_files.exists(file) and not getattr(error, "fix", ""):
            error.add_note(f"Its checkpoint lies in {file}; the same command with --resume goes on.")
        raise


def score_parts(
    model: LanguageModel, corpus: Packed, direction: str, parts: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return loss, perplexity and accuracy of a model on each of these parts of a packed corpus."""
    scores = {}
    for part in parts:
        docs = corpus.parts[part].docs
        # Few mini-streams, so that little is left out; the result hardly depends on their number.
        score: Score = evaluate_language_model(model, docs, bs=16, direction=direction)
        unknown = sum(int((doc == 0).sum()) for doc in docs) / max(1, sum(len(doc) for doc in docs))
        scores[part] = {**score._asdict(), "unknown_rate": unknown}
    return scores


def ship(artifact: Path, out: Path) -> Path:
    """Save a pretrained language model with its weights in half precision: half the bytes, the same answers nearly.

    Raises:
        ArtifactError: it is damaged or no language model.
    """
    from ulmfit_lib.artifacts import load_artifact, save_artifact
    from ulmfit_lib.pretrained import LANGUAGE_MODEL

    found = load_artifact(artifact, kind=LANGUAGE_MODEL)
    halves: dict[int, torch.Tensor] = {}
    # Tied weights are one tensor, and have to stay one.
    state = {name: halves.setdefault(tensor.data_ptr(), tensor.half()) for name, tensor in found.state.items()}
    kept = ("kind", "direction", "sizes", "model", "tokenizer")
    config: dict[str, Any] = {name: found.config[name] for name in kept}
    return save_artifact(out, state, config, found.vocab, found.receipt)
