"""As many epochs as fit into a time: some steps of a language model are timed, and the epochs that do not fit left out.

Only epochs of the language model are: they take most of the time. The classifier learns as its recipe says, and a
quarter of the time is kept for it.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from ulmfit_lib.checkpoint_files import read_checkpoint, write_checkpoint
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.fine_tuning import FineTuningPlan, fine_tune_language_model
from ulmfit_lib.material import Material
from ulmfit_lib.one_way import language_model_options
from ulmfit_lib.pretrained_models import pretrained_model
from ulmfit_lib.recipe import Recipe

_SHARE_OF_LANGUAGE_MODEL = 0.75  # of the time: the classifier reads fewer texts, and has no softmax
_PROBE_STEPS = 40


class Fitted(NamedTuple):
    """A recipe that fits into a time, and what is to be said of it."""

    recipe: Recipe
    said: str


def check_minutes(minutes: float | None) -> None:
    """Refuse what is no time; None is no limit.

    Raises:
        ConfigError: `minutes` is no number above 0.
    """
    if minutes is not None and not (math.isfinite(minutes) and minutes > 0):
        raise ConfigError(f"minutes must be a number above 0, not {minutes:g}.")


def fit_into(
    minutes: float, recipe: Recipe, material: Material, direction: str, device: str, precision: str = "fp32"
) -> Fitted:
    """Return the recipe with as many epochs of the language model as the time allows, one at least.

    Args:
        minutes: for one direction, language model and classifier.
        recipe: what is to be done; epochs with frozen layers are kept.
        material: what is learned from.
        direction: in which the pretrained model reads, of which the sizes are taken.
        device, precision: what is trained on.

    Raises:
        ConfigError: `minutes` is no number above 0.
    """
    check_minutes(minutes)
    rate = tokens_per_second(recipe, material, direction, device, precision)
    an_epoch = sum(map(len, material.unlabelled.docs)) / rate / 60
    frozen = recipe.n_lm_epochs - recipe.lm_epochs
    fits = int(minutes * _SHARE_OF_LANGUAGE_MODEL / an_epoch) - frozen
    measured = f"An epoch of the language model takes {an_epoch:.1f} min at {rate:,.0f} tokens/s"
    given = f"{minutes:g} min a direction"
    if fits >= recipe.lm_epochs:
        return Fitted(recipe, f"{measured}: all of them fit into {given}.")
    if fits < 1:
        said = f"{measured}: none fits into {given}, so it learns for 1 of {recipe.lm_epochs} and takes longer."
    else:
        said = f"{measured}: it learns for {fits} of {recipe.lm_epochs} epochs, to take about {given}."
    return Fitted(replace(recipe, lm_epochs=max(1, fits)), said)


def fit_once(
    place: Path,
    minutes: float,
    recipe: Recipe,
    material: Material,
    direction: str,
    device: str,
    precision: str,
    threads: int,
) -> Fitted:
    """Return what `fit_into` does with so many threads; what an earlier sitting found, and kept at `place`, holds."""
    try:
        kept = read_checkpoint(place).state
    except ArtifactError:
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            fitted = fit_into(minutes, recipe, material, direction, device, precision)
        finally:
            torch.set_num_threads(before)
        write_checkpoint(place, {"lm_epochs": fitted.recipe.lm_epochs, "said": fitted.said})
        return fitted
    return Fitted(replace(recipe, lm_epochs=kept["lm_epochs"]), kept["said"])


def tokens_per_second(
    recipe: Recipe, material: Material, direction: str, device: str, precision: str = "fp32"
) -> float:
    """Return how fast a language model of these sizes learns here, measured on some steps that are then forgotten."""
    options = language_model_options(recipe, material, pretrained_model(recipe.pretrained, direction))
    bs, docs, n = options["bs"], [], 0
    for doc in material.unlabelled.docs:
        docs.append(doc)
        n += len(doc)
        if n > (_PROBE_STEPS + 1) * bs * recipe.seq_len:
            break
    options["bs"] = min(bs, max(1, n // (4 * recipe.seq_len)))
    result = fine_tune_language_model(
        docs,
        docs[: max(1, len(docs) // 4)],
        material.vocab,
        plan=FineTuningPlan.from_scratch(1, 1e-4),
        device=device,
        precision=precision,
        **options,
    )
    return result.history.epochs[-1].tokens_per_second
