"""The whole road in one call: from raw text to the accuracy of a forward and backward ensemble.

from ulmfit_lib.data import read_texts
from ulmfit_lib.pipeline import run

report = run(read_texts("reviews.csv"), out="runs/reviews")
print(report.accuracy)
"""

import csv
import io
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ulmfit_lib.awd_lstm import classifier_config, lm_config
from ulmfit_lib.baseline import tfidf_floor
from ulmfit_lib.classifying import predict_probs, train_classifier
from ulmfit_lib.data import Texts
from ulmfit_lib.data_rows import TRAIN
from ulmfit_lib.direction import DIRECTIONS, check_direction
from ulmfit_lib.ensemble import accuracy_interval, average_probs
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.files import folder_written_atomically, write_atomically
from ulmfit_lib.fine_tuning import FineTuningPlan, fine_tune_language_model, load_encoder, save_encoder
from ulmfit_lib.freezing import UnfreezingPlan
from ulmfit_lib.material import Material, prepare
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import Recipe, classifier_batch_size, language_model_batch_size
from ulmfit_lib.watching import Stage, Watch

BOTH, ENSEMBLE, FLOOR = "both", "ensemble", "TF-IDF floor"
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


@dataclass(frozen=True)
class RunReport:
    """What a run came to, and where everything lies.

    `probs` has for each direction, for "ensemble" and for "TF-IDF floor" an array (n_texts, n_classes): the texts of
    `scored_split` in their order, the classes in the order of `label_names`.
    """

    lines: list[Line]
    notes: list[str]
    probs: dict[str, np.ndarray] = field(repr=False)
    label_names: list[str]
    scored_split: str
    n_scored: int
    out: Path
    receipt: dict[str, Any] = field(repr=False)

    @property
    def accuracy(self) -> float:
        """The accuracy of the ensemble, or of the one direction that was trained."""
        return next(line.accuracy for line in reversed(self.lines) if line.stage in (ENSEMBLE, CLASSIFIER))


class _Run(NamedTuple):
    """What every stage of a run needs to know."""

    material: Material
    recipe: Recipe
    folder: Path
    receipt: dict[str, Any]
    watch: Watch
    label_names: list[str]
    where: dict[str, Any]  # seed, device and precision, as the stages call them


def run(
    texts: Texts,
    *,
    out: str | Path,
    seed: int = 0,
    direction: str = BOTH,
    device: str = "auto",
    precision: str = "fp32",
    recipe: Recipe | None = None,
    command: str = "ulmfit_lib.pipeline.run",
    watch: Watch | None = None,
) -> RunReport:
    """Train a language model, a classifier on its encoder, and an ensemble of both directions; save and score them.

    `out` appears when all is done: the encoder and the classifier of each direction as artifacts, `predictions.csv`
    and the receipt `run.json`. A run that fails or is interrupted leaves what was there before.

    Args:
        texts: what `data.read_texts` gives. Scored are the texts of "test", or of "valid" where there are none.
        out: the folder to make; an older run's is replaced.
        seed: everything random depends on it alone.
        direction: "both", "forward" or "backward".
        device: "auto" takes a GPU if there is one.
        precision: "fp32" or "bf16".
        recipe: sizes, lengths and rates.
        command: what the receipt names as the command.
        watch: is told of the progress.

    Raises:
        UlmfitError: texts, options or weights that do not fit, a training that went wrong, a full disk.

    Source: Howard and Ruder 2018, section 3.
    """
    directions = DIRECTIONS if direction == BOTH else (check_direction(direction),)
    device, out = choose_device(device), check_out(out)
    recipe, watch = recipe or Recipe(), watch or Watch()
    options = {"direction": direction, "device": device, "precision": precision, **asdict(recipe)}
    receipt = start_receipt(command, seed=seed, data=texts, options=options)
    watch.plan(_stages(texts, recipe, directions))
    material = prepare(
        texts,
        min_freq=recipe.min_freq,
        max_vocab=recipe.max_vocab,
        seed=seed,
        progress=lambda n: watch.step("tokens", n),
    )
    notes = [*material.notes, "The language model began from random weights: no pretrained ones were used."]
    lines: list[Line] = []
    probs: dict[str, np.ndarray] = {}
    try:
        with folder_written_atomically(out) as beside:
            where = {"seed": seed, "device": device, "precision": precision}
            this = _Run(material, recipe, beside, receipt, watch, texts.label_names, where)
            for way in directions:
                lines.append(_language_model(this, way))
                line, probs[way] = _classifier(this, way)
                lines.append(line)
            if len(directions) > 1:
                probs[ENSEMBLE] = average_probs(*(probs[way] for way in directions))
                lines.append(_scored(ENSEMBLE, BOTH, probs[ENSEMBLE], material))
            line, probs[FLOOR] = _floor(texts, material)
            lines.append(line)
            write_atomically(beside / "predictions.csv", _predictions(texts, material, probs))
            n_scored = len(material.asked.labelled())
            results = {
                "scored_split": material.scored_split,
                "scored_texts": n_scored,
                "vocabulary": len(material.vocab),
                "tokens": sum(map(len, material.unlabelled.docs)),
                "lines": [asdict(line) for line in lines],
                "notes": notes,
            }
            receipt = finish_receipt(receipt, results, beside / "run.json")
    except OSError as error:
        raise ArtifactError(f"the run cannot be saved: {error.strerror}.", where=str(out)) from error
    return RunReport(lines, notes, probs, texts.label_names, material.scored_split, n_scored, out, receipt)


def choose_device(device: str) -> str:
    """Return the device that torch is to use: "auto" is the first GPU, or the processor where there is none.

    Raises:
        ConfigError: there is no such device.

    >>> choose_device("cpu")
    'cpu'
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"there is no device {device!r} here.", fix="Use auto, cpu or cuda.") from error
    return device


def check_out(out: str | Path) -> Path:
    """Return `out` if a run may be put there: it is not there yet, empty, or an older run and nothing else.

    Raises:
        ConfigError: something else is there, which would be lost.
    """
    out = Path(out)
    if not out.exists():
        return out
    if not out.is_dir():
        raise ConfigError("there is a file of this name.", where=str(out), fix="Give another --out.")
    ours = {"run.json", "predictions.csv"}
    ours.update(f"{kind}-{way}" for kind in ("encoder", "classifier") for way in DIRECTIONS)
    others = sorted(path.name for path in out.iterdir() if path.name not in ours)
    if others:
        raise ConfigError(
            f"this folder is not a run's: it holds {others[0]!r}, which would be lost.",
            where=str(out),
            fix="Give another --out.",
        )
    return out


def _stages(texts: Texts, recipe: Recipe, directions: tuple[str, ...]) -> list[Stage]:
    # Costs in epochs of the language model, as measured; they serve the time left alone.
    learned = len(texts.subset(TRAIN)) / max(1, len(texts.subset(TRAIN, "unsup")))
    stages = [Stage("tokens", "split into tokens", len(texts), cost=0.2)]
    for way in directions:
        n_epochs = sum(recipe.classifier_epochs)
        stages.append(Stage(_name(LANGUAGE_MODEL, way), f"{LANGUAGE_MODEL}, {way}", recipe.lm_epochs, recipe.lm_epochs))
        stages.append(Stage(_name(CLASSIFIER, way), f"{CLASSIFIER}, {way}", n_epochs, 0.5 * learned * n_epochs))
    return stages


def _name(stage: str, way: str) -> str:
    return f"{stage} {way}"


def _language_model(this: _Run, way: str) -> Line:
    """Train the language model of one direction and save its encoder."""
    began = time.perf_counter()
    material, recipe = this.material, this.recipe
    sizes = {"emb_sz": recipe.emb_sz, "n_hid": recipe.n_hid, "n_layers": recipe.n_layers}
    n_tokens, n_valid = (sum(map(len, part.docs)) for part in (material.unlabelled, material.valid))
    result = fine_tune_language_model(
        material.unlabelled.docs,
        material.valid.docs,
        material.vocab,
        direction=way,
        config=lm_config(len(material.vocab), recipe.lm_drop_mult, **sizes),
        plan=FineTuningPlan.from_scratch(recipe.lm_epochs, recipe.lm_lr),
        bs=recipe.lm_bs or language_model_batch_size(n_tokens, n_valid),
        seq_len=recipe.seq_len,
        progress=lambda text: this.watch.step(_name(LANGUAGE_MODEL, way), 1, text),
        **this.where,
    )
    save_encoder(this.folder / f"encoder-{way}", result.model, material.vocab, way, this.receipt, tokenizer=_TOKENIZER)
    return Line(
        LANGUAGE_MODEL,
        way,
        loss=result.valid_loss,
        accuracy=result.accuracy,
        perplexity=result.perplexity,
        seconds=time.perf_counter() - began,
    )


_TOKENIZER = {"kind": "words", "lang": "en"}


def _classifier(this: _Run, way: str) -> tuple[Line, np.ndarray]:
    """Train the classifier of one direction on the encoder that was saved, and ask it about the texts."""
    began = time.perf_counter()
    material, recipe = this.material, this.recipe
    names = this.label_names
    bs = recipe.classifier_bs or classifier_batch_size(len(material.train))
    sizes = {"emb_sz": recipe.emb_sz, "n_hid": recipe.n_hid, "n_layers": recipe.n_layers}
    config = classifier_config(len(material.vocab), recipe.classifier_drop_mult, **sizes)
    result = train_classifier(
        material.train.docs,
        [names[label] for label in material.train.labels],
        material.valid.docs,
        [names[label] for label in material.valid.labels],
        material.vocab,
        encoder=load_encoder(this.folder / f"encoder-{way}", direction=way, vocab=material.vocab),
        config=config,
        plan=UnfreezingPlan.book(recipe.classifier_scale, recipe.classifier_epochs),
        bs=bs,
        direction=way,
        seq_len=recipe.seq_len,
        max_len=recipe.max_len,
        progress=lambda text: this.watch.step(_name(CLASSIFIER, way), 1, text),
        out=this.folder / f"classifier-{way}",
        receipt=this.receipt,
        **this.where,
    )
    probs = predict_probs(result.model, material.asked.docs, bs, way, this.where["precision"])
    return _scored(CLASSIFIER, way, probs, material, time.perf_counter() - began), probs


def _floor(texts: Texts, material: Material) -> tuple[Line, np.ndarray]:
    """Ask what needs no language model; it learns from all training texts, also those held out above."""
    began = time.perf_counter()
    train = texts.subset(TRAIN)
    asked = [texts.texts[i] for i in material.asked.places]
    probs = tfidf_floor(train.texts, train.label_ids(), asked).probs
    return _scored(FLOOR, "", probs, material, time.perf_counter() - began), probs


def _scored(stage: str, way: str, probs: np.ndarray, material: Material, seconds: float | None = None) -> Line:
    rows = [row for row, label in enumerate(material.asked.labels) if label is not None]
    labels = np.array([material.asked.labels[row] for row in rows])
    known = probs[rows]  # (n_scored, n_classes)
    right = np.clip(known[np.arange(len(rows)), labels], 1e-12, 1)
    accuracy, low, high = accuracy_interval(int((known.argmax(axis=1) == labels).sum()), len(rows))
    return Line(stage, way, float(-np.log(right).mean()), accuracy, low=low, high=high, seconds=seconds)


def _predictions(texts: Texts, material: Material, probs: dict[str, np.ndarray]) -> str:
    """Return the predictions as CSV; `text_number` counts the texts of the file from 1."""
    best = ENSEMBLE if ENSEMBLE in probs else next(iter(probs))
    columns = ["text_number", "split", "label", *probs, *(f"p({name})" for name in texts.label_names)]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    for row, place in enumerate(material.asked.places):
        guesses = [texts.label_names[p[row].argmax()] for p in probs.values()]
        shares = [f"{share:.6f}" for share in probs[best][row]]
        writer.writerow([place + 1, material.scored_split, texts.labels[place] or "", *guesses, *shares])
    return file.getvalue()
