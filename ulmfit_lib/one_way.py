"""One direction of a run: a language model, its encoder saved, a classifier on top of it, and its predictions."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ulmfit_lib.awd_lstm import classifier_config, lm_config
from ulmfit_lib.checkpoints import Checkpoints
from ulmfit_lib.classifier_files import save_classifier
from ulmfit_lib.classifying import predict_probs, train_classifier
from ulmfit_lib.curves import draw_training, summary
from ulmfit_lib.distributed import fine_tune_in_processes, train_in_processes
from ulmfit_lib.ensemble import accuracy_interval
from ulmfit_lib.fine_tuning import fine_tune_language_model, load_encoder, save_encoder
from ulmfit_lib.material import Material
from ulmfit_lib.parallel import Tell
from ulmfit_lib.pretrained import PretrainedLM, save_language_model
from ulmfit_lib.pretrained_models import model_sizes, pretrained_model
from ulmfit_lib.recipe import Recipe, classifier_batch_size, language_model_batch_size
from ulmfit_lib.unfinished import RESUME, mark_done, what_was_done
from ulmfit_lib.watching import Stage

LANGUAGE_MODEL, CLASSIFIER = "language model", "classifier"


@dataclass(frozen=True)
class Line:
    """A line of the closing table.

    Of a language model, `loss` and `accuracy` are those of the next word on validation texts; of what classifies they
    are those on the scored texts, with the 95 % interval of the accuracy from `low` to `high`.
    """

    stage: str
    direction: str
    loss: float
    accuracy: float
    perplexity: float | None = None
    low: float | None = None
    high: float | None = None
    seconds: float | None = None


class Job(NamedTuple):
    """What each direction is handed."""

    material: Material
    recipe: Recipe
    folder: Path
    receipt: dict[str, Any]
    label_names: list[str]
    n_labelled: int  # training texts with a label, those held out included
    where: dict[str, Any]  # seed, device and precision, as the stages call them
    every_steps: int | None = None
    every_minutes: float | None = 10.0
    encoder: Path | None = None  # the one to classify with, where it is not made in `folder`
    processes: int = 1  # that share a training, see `distributed`

    def checkpoints(self, stage: str) -> Checkpoints:
        """Return where the checkpoints of a stage lie; what is found there is gone on with."""
        place = self.folder / RESUME / f"{stage}.checkpoint"
        return Checkpoints(place, self.every_steps, self.every_minutes, resume=True)


class OneWay(NamedTuple):
    """What one direction came to: lines of the closing table, probabilities (n_asked, n_classes), and how each stage
    learnt."""

    lines: list[Line]
    probs: np.ndarray
    trainings: dict[str, Any]


def stages(recipe: Recipe, way: str, n_labelled: int, labelled_share: float) -> list[Stage]:
    """Return what `train_one_way` will tell of; the costs are in epochs of the language model, as measured.

    Args:
        recipe: what is done.
        way: "forward" or "backward".
        n_labelled: training texts that have a label.
        labelled_share: their share of all texts that are learned from.
    """
    n_epochs = sum(stage.epochs for stage in recipe.unfreezing_plan(n_labelled).stages)
    return [
        Stage(f"{LANGUAGE_MODEL} {way}", f"{LANGUAGE_MODEL}, {way}", recipe.n_lm_epochs, recipe.n_lm_epochs),
        Stage(f"{CLASSIFIER} {way}", f"{CLASSIFIER}, {way}", n_epochs, 0.6 * labelled_share * n_epochs),
    ]


def train_one_way(job: Job, way: str, tell: Tell) -> OneWay:
    """Train, save and ask the models of one direction; a stage that an earlier sitting has done is not done again.

    Args:
        job: what to learn from, and how.
        way: "forward" or "backward".
        tell: called as `Watch.step` is: the stage, the number of steps done, a line of text, the share of the next.
    """
    line, learnt = train_language_model_stage(job, way, tell)
    classifier, learnt_later, probs = train_classifier_stage(job, way, tell)
    return OneWay([line, classifier], probs, {f"{LANGUAGE_MODEL} {way}": learnt, f"{CLASSIFIER} {way}": learnt_later})


class _Teller:
    """Tells of a stage: a line of text is an epoch that is done, unless it speaks of a checkpoint."""

    def __init__(self, tell: Tell, stage: str) -> None:
        self.tell, self.stage, self.n = tell, stage, 0

    def epoch(self, line: str) -> None:
        n = int(line.startswith("epoch "))
        self.n += n
        self.tell(self.stage, n, line)

    def share(self, share: float) -> None:
        self.tell(self.stage, 0, "", share)

    def rest(self, n_steps: int, text: str = "") -> None:
        """Tell of what an earlier sitting has done."""
        if n_steps > self.n or text:
            self.tell(self.stage, n_steps - self.n, text)


def language_model_options(recipe: Recipe, material: Material, pretrained: PretrainedLM | None) -> dict[str, Any]:
    """Return sizes and dropout, batch size and window of the language model that a recipe makes of a material."""
    n_tokens, n_valid = (sum(map(len, part.docs)) for part in (material.unlabelled, material.valid))
    sizes = model_sizes(recipe, pretrained)
    return {
        "config": lm_config(len(material.vocab), recipe.lm_drop_mult, **sizes),
        "bs": recipe.lm_bs or language_model_batch_size(n_tokens, n_valid),
        "seq_len": recipe.seq_len,
    }


def train_language_model_stage(job: Job, way: str, tell: Tell) -> tuple[Line, dict[str, Any]]:
    """Train the language model of one direction, and save it and its encoder."""
    place = job.folder / RESUME / f"language-model-{way}"
    teller, recipe = _Teller(tell, f"{LANGUAGE_MODEL} {way}"), job.recipe
    if done := what_was_done(place):
        teller.rest(recipe.n_lm_epochs, "done before")
        return Line(**done["line"]), done["learnt"]
    material = job.material
    pretrained = pretrained_model(recipe.pretrained, way)
    checkpoints = job.checkpoints(place.name)
    data = (material.unlabelled.docs, material.valid.docs, material.vocab)
    options = {
        "direction": way,
        "pretrained": pretrained,
        "plan": recipe.fine_tuning_plan(),
        **language_model_options(recipe, material, pretrained),
        **job.where,
    }
    if job.processes > 1:
        result = fine_tune_in_processes(job.processes, *data, tell=teller.epoch, checkpoints=checkpoints, **options)
    else:
        result = fine_tune_language_model(
            *data, progress=teller.epoch, ticks=teller.share, checkpoints=checkpoints, **options
        )
    teller.rest(recipe.n_lm_epochs)
    about = (material.vocab, way, job.receipt)
    save_language_model(job.folder / f"language_model-{way}", result.model, *about, tokenizer=material.tokenizer)
    save_encoder(job.folder / f"encoder-{way}", result.model, *about, tokenizer=material.tokenizer)
    draw_training(job.folder / f"language_model-{way}.png", result.history, f"Language model, {way}")
    line = Line(
        LANGUAGE_MODEL,
        way,
        loss=result.valid_loss,
        accuracy=result.accuracy,
        perplexity=result.perplexity,
        seconds=sum(log.seconds for log in result.history.epochs),
    )
    learnt = summary(result.history)
    mark_done(place, {"line": asdict(line), "learnt": learnt})
    checkpoints.remove()
    return line, learnt


def train_classifier_stage(job: Job, way: str, tell: Tell) -> tuple[Line, dict[str, Any], np.ndarray]:
    """Train the classifier of one direction on the encoder that was saved, and ask it about the texts."""
    place = job.folder / RESUME / f"classifier-{way}"
    teller, recipe, material = _Teller(tell, f"{CLASSIFIER} {way}"), job.recipe, job.material
    plan = recipe.unfreezing_plan(job.n_labelled)
    n_epochs = sum(stage.epochs for stage in plan.stages)
    if done := what_was_done(place):
        teller.rest(n_epochs, "done before")
        return Line(**done["line"]), done["learnt"], done["probs"].numpy()
    names = job.label_names
    bs = recipe.classifier_bs or classifier_batch_size(len(material.train))
    encoder = load_encoder(job.encoder or job.folder / f"encoder-{way}", direction=way, vocab=material.vocab)
    sizes = {name: getattr(encoder.config, name) for name in ("emb_sz", "n_hid", "n_layers")}
    config = classifier_config(len(material.vocab), recipe.classifier_drop_mult, **sizes)
    checkpoints = job.checkpoints(place.name)
    data = (
        material.train.docs,
        [names[label] for label in material.train.labels],
        material.valid.docs,
        [names[label] for label in material.valid.labels],
        material.vocab,
    )
    options = {
        "encoder": encoder,
        "config": config,
        "plan": plan,
        "clip": recipe.classifier_clip,
        "wd": recipe.classifier_wd,
        "bs": bs,
        "direction": way,
        "seq_len": recipe.seq_len,
        "max_len": recipe.max_len,
        "checkpoints": checkpoints,
        **job.where,
    }
    if job.processes > 1:
        result = train_in_processes(job.processes, train_classifier, *data, tell=teller.epoch, **options)
        result.model.to(job.where["device"])
    else:
        result = train_classifier(*data, progress=teller.epoch, ticks=teller.share, **options)
    teller.rest(n_epochs)
    save_classifier(
        job.folder / f"classifier-{way}",
        result.model,
        material.vocab,
        result.label_names,
        way,
        job.receipt,
        tokenizer=material.tokenizer,
    )
    draw_training(job.folder / f"classifier-{way}.png", result.history, f"Classifier, {way}")
    probs = predict_probs(result.model, material.asked.docs, bs, way, job.where["precision"])
    seconds = sum(epoch.seconds for epoch in result.history.epochs)
    line, learnt = scored(CLASSIFIER, way, probs, material, seconds), summary(result.history)
    mark_done(place, {"line": asdict(line), "learnt": learnt, "probs": torch.from_numpy(probs)})
    checkpoints.remove()
    return line, learnt, probs


def scored(stage: str, way: str, probs: np.ndarray, material: Material, seconds: float | None = None) -> Line:
    """Return the line of what gave `probs` (n_asked, n_classes): accuracy and loss on the texts that have a label."""
    rows = [row for row, label in enumerate(material.asked.labels) if label is not None]
    labels = np.array([material.asked.labels[row] for row in rows])
    known = probs[rows]  # (n_scored, n_classes)
    right = np.clip(known[np.arange(len(rows)), labels], 1e-12, 1)
    accuracy, low, high = accuracy_interval(int((known.argmax(axis=1) == labels).sum()), len(rows))
    return Line(stage, way, float(-np.log(right).mean()), accuracy, low=low, high=high, seconds=seconds)
