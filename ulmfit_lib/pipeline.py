"""The whole road in one call: from raw text to the accuracy of a forward and backward ensemble.

    from ulmfit_lib.data import read_texts
    from ulmfit_lib.pipeline import run

    report = run(read_texts("reviews.csv"), out="runs/reviews")
    print(report.accuracy)

What is scored is looked at once, at the end: no choice is made on it.
"""

import csv
import io
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ulmfit_lib.artifacts import read_config
from ulmfit_lib.baseline import tfidf_floor
from ulmfit_lib.checkpoint_files import read_checkpoint, write_checkpoint
from ulmfit_lib.data import Texts, check_labels
from ulmfit_lib.data_rows import TRAIN, UNSUP
from ulmfit_lib.direction import DIRECTIONS, check_direction
from ulmfit_lib.ensemble import average_probs
from ulmfit_lib.errors import ArtifactError, ConfigError, DataError
from ulmfit_lib.files import refuse_to_replace, write_atomically
from ulmfit_lib.material import Material, SplitTexts, prepare
from ulmfit_lib.one_way import CLASSIFIER, LANGUAGE_MODEL, Job, Line, scored, stages, train_one_way
from ulmfit_lib.parallel import in_processes
from ulmfit_lib.pretrained_models import NONE, WT103, model_folder, pretrained_note, words_to_keep
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import Recipe
from ulmfit_lib.time_budget import check_minutes, fit_once
from ulmfit_lib.unfinished import RESUME, Unfinished, unfinished
from ulmfit_lib.vocab import Vocab
from ulmfit_lib.watching import Stage, Watch

BOTH, ENSEMBLE, FLOOR = "both", "ensemble", "TF-IDF floor"


@dataclass(frozen=True)
class RunReport:
    """What a run came to, and where everything lies.

    `probs` has for each direction, for "ensemble" and for "TF-IDF floor" an array (n_texts, n_classes): the texts of
    the split that is scored in their order, the classes in the order of `label_names`.
    """

    lines: list[Line]
    notes: list[str]
    probs: dict[str, np.ndarray] = field(repr=False)
    label_names: list[str]
    out: Path
    receipt: dict[str, Any] = field(repr=False)

    @property
    def accuracy(self) -> float:
        """The accuracy of the ensemble, or of the one direction that was trained."""
        return next(line.accuracy for line in reversed(self.lines) if line.stage in (ENSEMBLE, CLASSIFIER))


def run(
    texts: Texts,
    *,
    out: str | Path,
    seed: int = 0,
    direction: str = BOTH,
    device: str = "auto",
    precision: str = "fp32",
    processes: int = 1,
    recipe: Recipe | None = None,
    command: str = "ulmfit_lib.pipeline.run",
    watch: Watch | None = None,
    resume: bool = False,
    restart: bool = False,
    every_steps: int | None = None,
    every_minutes: float | None = 10.0,
    minutes: float | None = None,
) -> RunReport:
    """Train a language model, a classifier on its encoder, and an ensemble of both directions; save and score them.

    `out` appears when all is done: the language model, the encoder and the classifier of each direction as artifacts,
    pictures of their trainings, `predictions.csv` and the receipt `run.json`. Until then all that is done, with
    checkpoints, lies in a folder of the same name that ends in `.unfinished`; a run that was interrupted, however, goes
    on from there with `resume=True`, and on the CPU comes to the same bits as one that was not.

    Args:
        texts: what `data.read_texts` gives. Scored are the texts of "test", or of "valid" where there are none.
        out: the folder to make; an older run's is replaced.
        seed: everything random depends on it alone.
        direction: "both", "forward" or "backward".
        device: "auto" takes a GPU if there is one.
        precision: "fp32", "bf16" or, on a GPU, "fp16".
        processes: 2 trains the two directions at once, each in a process of its own with its share of the threads, and
            on a GPU of its own where there are two; a script that asks for it needs `if __name__ == "__main__":`.
        recipe: sizes, lengths and rates.
        command: what the receipt names as the command.
        watch: is told of the progress.
        resume: go on with what an interrupted run has left, if there is something.
        restart: delete what an interrupted run has left.
        every_steps, every_minutes: from one checkpoint to the next; None for no such limit.
        minutes: for the whole run: epochs of the language models that do not fit are left out, see `time_budget`.

    Raises:
        UlmfitError: texts, options or weights that do not fit, a training that went wrong, a full disk.

    Source: Howard and Ruder 2018, section 3.
    """
    directions = DIRECTIONS if direction == BOTH else (check_direction(direction),)
    device, out = choose_device(device), check_out(out)
    recipe, watch = recipe or Recipe(), watch or Watch()
    n_processes = len(directions) if processes > 1 else 1
    check_labels(texts)
    check_minutes(minutes)
    _check_groups(recipe, directions)
    options = {"direction": direction, "processes": n_processes, "threads": _threads(n_processes), "minutes": minutes}
    where = {"seed": seed, "device": device, "precision": precision}
    receipt = start_receipt(command, seed=seed, data=texts, options={**options, **where, **recipe.for_receipt()})
    same = {
        "direction": direction,
        "seed": seed,
        "precision": precision,
        "texts": texts.content,
        "minutes": minutes,
        **asdict(recipe),
    }
    watch.plan(_stages(texts, recipe, directions))
    with unfinished(out, same, receipt, resume=resume, restart=restart) as work:
        receipt = {**work.begun["receipt"], "sittings": work.begun["sittings"]}
        material = _material(texts, recipe, seed, work, watch)
        if minutes is not None:
            # Directions that are trained one after the other share the time, and those at once share the threads.
            for_each, threads = minutes * n_processes / len(directions), _threads(n_processes)
            fitted = fit_once(
                work.place("minutes"), for_each, recipe, material, directions[0], device, precision, threads
            )
            recipe = fitted.recipe
            material.notes.append(fitted.said)
            watch.step(f"{LANGUAGE_MODEL} {directions[0]}", 0, fitted.said)
            for way in directions:
                watch.shorten(f"{LANGUAGE_MODEL} {way}", recipe.n_lm_epochs)
        n_labelled = len(texts.subset(TRAIN, labelled=True))
        job = Job(
            *(material, recipe, work.folder, receipt, texts.label_names, n_labelled, where),
            every_steps=every_steps,
            every_minutes=every_minutes,
        )
        lines, probs, trainings = _train_and_score(job, texts, directions, n_processes, watch)
        write_atomically(work.folder / "predictions.csv", _predictions(texts, material, probs))
        results = {
            "scored_split": material.scored_split,
            "scored_texts": len(material.asked.labelled()),
            "vocabulary": len(material.vocab),
            "tokens": sum(map(len, material.unlabelled.docs)),
            "lines": [asdict(line) for line in lines],
            "notes": material.notes,
            "trainings": trainings,
        }
        receipt = finish_receipt(receipt, results, work.folder / "run.json")
    return RunReport(lines, material.notes, probs, texts.label_names, out, receipt)


def _material(texts: Texts, recipe: Recipe, seed: int, work: Unfinished, watch: Watch) -> Material:
    """Return the material; the ids of the texts are kept, for a sitting to come."""
    place = work.place("texts.ids")
    before = _kept_ids(place, len(texts))
    if before is not None:
        watch.step("tokens", len(texts))
    material = prepare(
        texts,
        min_freq=recipe.min_freq,
        max_vocab=recipe.max_vocab,
        more_words=words_to_keep(recipe),
        leak=recipe.leak,
        seed=seed,
        progress=lambda n: watch.step("tokens", n),
        tokenizer=recipe.tokenizer,
        lang=recipe.lang,
        before=before,
        keep=lambda split: _keep_ids(place, split),
    )
    check_asked(material, texts)
    material.notes.append(pretrained_note(recipe.pretrained))
    return material


def check_asked(material: Material, texts: Texts) -> None:
    """Refuse texts of which none can be scored, before anything is trained.

    Raises:
        DataError: no text with a label is for validation or test, and there are too few to hold any out.
    """
    if not len(material.asked.labelled()):
        raise DataError(
            "no text with a label is left to be scored.", where=texts.name, fix="Give some the split 'valid' or 'test'."
        )


def _keep_ids(place: Path, split: SplitTexts) -> None:
    flat = np.concatenate([np.asarray(doc, dtype=np.int32) for doc in split.ids])
    lengths = np.array([len(doc) for doc in split.ids], dtype=np.int64)
    ids = {"flat": torch.from_numpy(flat), "lengths": torch.from_numpy(lengths)}
    write_checkpoint(place, {"tokenizer": split.tokenizer, "vocab": split.vocab.tokens, "ids": ids})


def _kept_ids(place: Path, n_texts: int) -> SplitTexts | None:
    """Return what an earlier sitting kept; None where that is missing, damaged, or of another number of texts."""
    try:
        kept = SplitTexts(**read_checkpoint(place).state)
        flat, lengths = kept.ids["flat"].numpy(), kept.ids["lengths"].numpy()
    except (ArtifactError, TypeError, KeyError):
        return None
    if len(lengths) != n_texts or lengths.sum() != len(flat):
        return None
    docs = [doc.tolist() for doc in np.split(flat, np.cumsum(lengths)[:-1])]
    return kept._replace(ids=docs, vocab=Vocab(kept.vocab))


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


def check_out(out: str | Path, ours: Collection[str] | None = None) -> Path:
    """Return `out` if a run may be put there: it is not there yet, empty, or an older run and nothing else.

    Args:
        out: the folder.
        ours: the names that may stand in it; by default those of a whole run.

    Raises:
        ConfigError: something else is there, which would be lost.
    """
    out = Path(out)
    if ours is None:
        ours = {"run.json", "predictions.csv"}
        for way in DIRECTIONS:
            ours.update(f"{kind}-{way}" for kind in ("language_model", "encoder", "classifier"))
            ours.update(f"{kind}-{way}.png" for kind in ("language_model", "classifier"))
    refuse_to_replace(out, {*ours, RESUME}, "a run's", fix="Give another --out.")
    return out


def _check_groups(recipe: Recipe, directions: Sequence[str]) -> None:
    """Refuse, before anything is trained, stages that do not fit the layers of the pretrained models."""
    if recipe.pretrained == WT103:
        recipe.check_groups(3)
    elif recipe.pretrained != NONE:
        for way in directions:
            n_layers = read_config(model_folder(recipe.pretrained, way))["sizes"].get("n_layers")
            if isinstance(n_layers, int):  # a damaged one is named when the weights are loaded
                recipe.check_groups(n_layers)


def _stages(texts: Texts, recipe: Recipe, directions: Sequence[str]) -> list[Stage]:
    n_labelled = len(texts.subset(TRAIN, labelled=True))
    share = n_labelled / (n_labelled + len(texts.subset(UNSUP)))
    tokens = Stage("tokens", "split into tokens", len(texts), cost=0.2)
    return [tokens, *(stage for way in directions for stage in stages(recipe, way, n_labelled, share))]


def _threads(n_processes: int) -> int:
    return max(1, torch.get_num_threads() // n_processes)


def _train_and_score(
    job: Job, texts: Texts, directions: Sequence[str], n_processes: int, watch: Watch
) -> tuple[list[Line], dict[str, np.ndarray], dict[str, Any]]:
    if n_processes == 1:
        results = [train_one_way(job, way, watch.step) for way in directions]
    else:
        jobs = [(_on_device_of_its_own(job, number), way) for number, way in enumerate(directions)]
        results = in_processes(train_one_way, jobs, watch.step, _threads(n_processes))
    lines = [line for result in results for line in result.lines]
    probs = {way: result.probs for way, result in zip(directions, results, strict=True)}
    trainings = {name: learnt for result in results for name, learnt in result.trainings.items()}
    if len(directions) > 1:
        probs[ENSEMBLE] = average_probs(*probs.values())
        lines.append(scored(ENSEMBLE, BOTH, probs[ENSEMBLE], job.material))
    try:
        line, probs[FLOOR] = _floor(texts, job.material)
        lines.append(line)
    except DataError as error:  # a yardstick that cannot be had is no reason to lose what was trained
        job.material.notes.append(f"There is no {FLOOR}: {error.what}")
    return lines, probs, trainings


def _on_device_of_its_own(job: Job, number: int) -> Job:
    """Return the job on the GPU of this number, where there are several."""
    if job.where["device"] != "cuda" or torch.cuda.device_count() < 2:
        return job
    return job._replace(where={**job.where, "device": f"cuda:{number % torch.cuda.device_count()}"})


def _floor(texts: Texts, material: Material) -> tuple[Line, np.ndarray]:
    """Ask what needs no language model; it learns from all training texts, also those held out above."""
    began = time.perf_counter()
    train = texts.subset(TRAIN)
    asked = [texts.texts[i] for i in material.asked.places]
    probs = tfidf_floor(train.texts, train.label_ids(), asked).probs
    return scored(FLOOR, "", probs, material, time.perf_counter() - began), probs


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
