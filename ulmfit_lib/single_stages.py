"""One stage of the road at a time: fine-tune a language model on texts, train a classifier on an encoder.

Each makes a folder of artifacts that the next one takes, can be interrupted and gone on with, and leaves a receipt and
a picture of its training, as a whole run does.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from ulmfit_lib.artifacts import load_artifact
from ulmfit_lib.data import Texts, check_labels
from ulmfit_lib.data_rows import TEST, TRAIN, VALID
from ulmfit_lib.direction import check_direction
from ulmfit_lib.material import Material, prepare, prepare_unlabelled
from ulmfit_lib.one_way import Job, Line, train_classifier_stage, train_language_model_stage
from ulmfit_lib.pipeline import check_asked, check_out, choose_device
from ulmfit_lib.pretrained import ENCODER
from ulmfit_lib.pretrained_models import pretrained_note, words_to_keep
from ulmfit_lib.receipts import finish_receipt, start_receipt
from ulmfit_lib.recipe import Recipe
from ulmfit_lib.unfinished import unfinished
from ulmfit_lib.watching import Stage, Watch

RECEIPT = "run.json"


class StageReport(NamedTuple):
    """What a stage came to: its line, the receipt, what there is to know, and the folder of its artifacts."""

    line: Line
    receipt: dict[str, Any]
    notes: list[str]
    out: Path


class Sitting(NamedTuple):
    """How a stage is run; what it comes to is the same, but for dropout where several processes share it."""

    device: str = "auto"
    command: str = ""
    watch: Watch | None = None
    resume: bool = False
    restart: bool = False
    every_steps: int | None = None
    every_minutes: float | None = 10.0
    processes: int = 1


def finetune(
    texts: Texts,
    out: str | Path,
    *,
    direction: str,
    recipe: Recipe | None = None,
    seed: int = 0,
    precision: str = "fp32",
    sitting: Sitting | None = None,
) -> StageReport:
    """Fine-tune a language model on texts, labelled or not, and save it, its encoder, a picture and a receipt.

    The texts of "test" are left out unless the recipe says `leak`; "valid", or a tenth of the texts, measures.

    Raises:
        UlmfitError: texts, options or weights that do not fit, a training that went wrong, a full disk.
    """
    check_direction(direction)
    recipe, sitting = recipe or Recipe(), sitting or Sitting()
    names = (f"language_model-{direction}", f"encoder-{direction}", f"language_model-{direction}.png", RECEIPT)
    out = check_out(out, names)
    watch = sitting.watch or Watch()
    key = f"language model {direction}"
    watch.plan(
        [
            Stage("tokens", "split into tokens", len(texts), cost=0.2),
            Stage(key, f"language model, {direction}", recipe.n_lm_epochs, recipe.n_lm_epochs),
        ]
    )

    def material(notes: list[str]) -> Material:
        found = prepare_unlabelled(
            texts,
            min_freq=recipe.min_freq,
            max_vocab=recipe.max_vocab,
            more_words=words_to_keep(recipe),
            leak=recipe.leak,
            seed=seed,
            progress=lambda n: watch.step("tokens", n),
            tokenizer=recipe.tokenizer,
            lang=recipe.lang,
        )
        notes += [*found.notes, pretrained_note(recipe.pretrained)]
        return found

    asked = _Asked("finetune", texts, out, direction, recipe, seed, precision, sitting)
    return _run(asked, {}, material, train_language_model_stage)


def classify(
    texts: Texts,
    encoder: str | Path,
    out: str | Path,
    *,
    direction: str | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    precision: str = "fp32",
    sitting: Sitting | None = None,
) -> StageReport:
    """Train a classifier on a saved encoder; tokenizer, vocabulary and direction are the encoder's.

    Args:
        texts: labelled texts; those of "test", or of "valid" where there are none, are scored at the end.
        encoder: the artifact.
        out: the folder to make.
        direction: refused by name where the encoder reads in the other one; None takes the encoder's.
        recipe: lengths and rates; the sizes are the encoder's.
        seed, precision, sitting: as in `finetune`.

    Raises:
        UlmfitError: texts, options or weights that do not fit, a training that went wrong, a full disk.
    """
    recipe, sitting, encoder = recipe or Recipe(), sitting or Sitting(), Path(encoder)
    check_labels(texts)
    artifact = load_artifact(encoder, direction=direction, kind=ENCODER)
    direction = artifact.direction
    out = check_out(out, (f"classifier-{direction}", f"classifier-{direction}.png", RECEIPT))
    watch = sitting.watch or Watch()
    n_labelled = len(texts.subset(TRAIN, labelled=True))
    n_epochs = sum(stage.epochs for stage in recipe.unfreezing_plan(n_labelled).stages)
    watch.plan(
        [
            Stage("tokens", "split into tokens", len(texts), cost=0.2),
            Stage(f"classifier {direction}", f"classifier, {direction}", n_epochs, n_epochs),
        ]
    )

    def material(notes: list[str]) -> Material:
        labelled = texts.subset(TRAIN, VALID, TEST)
        found = prepare(
            labelled,
            seed=seed,
            progress=lambda n: watch.step("tokens", n),
            vocab=artifact.vocab,
            split=artifact.config.get("tokenizer"),
        )
        check_asked(found, texts)
        watch.step("tokens", len(texts) - len(labelled))
        notes += [note for note in found.notes if "language model" not in note]
        return found

    asked = _Asked("classify", texts, out, direction, recipe, seed, precision, sitting)
    same = {"encoder": artifact.config["files"]["model.safetensors"]["sha256"]}
    return _run(asked, same, material, train_classifier_stage, encoder)


class _Asked(NamedTuple):
    """A stage as it was asked for."""

    stage: str
    texts: Texts
    out: Path
    direction: str
    recipe: Recipe
    seed: int
    precision: str
    sitting: Sitting


def _run(
    asked: _Asked,
    same: dict[str, Any],
    prepare_material: Callable[[list[str]], Material],
    train: Callable[..., tuple],
    encoder: Path | None = None,
) -> StageReport:
    sitting, texts = asked.sitting, asked.texts
    where = {"seed": asked.seed, "device": choose_device(sitting.device), "precision": asked.precision}
    options = {"direction": asked.direction, **where, **asked.recipe.for_receipt()}
    command = sitting.command or f"ulmfit_lib.single_stages.{asked.stage}"
    receipt = start_receipt(command, seed=asked.seed, data=texts, options=options)
    same = {**same, **options, **asdict(asked.recipe), "stage": asked.stage, "texts": texts.content}
    del same["device"]  # what was begun on one may be gone on with on another
    watch = sitting.watch or Watch()
    with unfinished(asked.out, same, receipt, resume=sitting.resume, restart=sitting.restart) as work:
        receipt, notes = {**work.begun["receipt"], "sittings": work.begun["sittings"]}, []
        n_labelled = len(texts.subset(TRAIN, labelled=True))
        job = Job(
            *(prepare_material(notes), asked.recipe, work.folder, receipt, texts.label_names, n_labelled, where),
            every_steps=sitting.every_steps,
            every_minutes=sitting.every_minutes,
            encoder=encoder,
            processes=sitting.processes,
        )
        line, learnt, *_ = train(job, asked.direction, watch.step)
        results = {"lines": [asdict(line)], "notes": notes, "trainings": {f"{line.stage} {line.direction}": learnt}}
        receipt = finish_receipt(receipt, results, work.folder / RECEIPT)
    return StageReport(line, receipt, notes, asked.out)
