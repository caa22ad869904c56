"""Where a pretrained language model comes from: the small ones that ship, fastai's published ones, or a folder.

The small ones, one for each direction, are stored beside the code (a few megabytes) and can be fine-tuned on two cores
in minutes. What they were trained on, for how long, and how good they are stands in the receipt of each.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ulmfit_lib.artifacts import RECEIPT, VOCAB, read_config
from ulmfit_lib.direction import FORWARD, check_direction
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.receipts import read_receipt

if TYPE_CHECKING:
    from ulmfit_lib.pretrained import PretrainedLM
    from ulmfit_lib.recipe import Recipe

NONE, SMALL, WT103 = "none", "small", "wt103"
SHIPPED = Path(__file__).parent / "shipped"
_AGAIN = "Get it back with `git checkout -- ulmfit_lib/shipped`, or install the package again."


def pretrained_model(source: str, direction: str) -> "PretrainedLM | None":
    """Return the pretrained language model of a direction, or None for random weights.

    Args:
        source: "none", "small", "wt103", or a folder that holds the artifacts `language_model-forward` and
            `language_model-backward`.
        direction: "forward" or "backward".

    Raises:
        ArtifactError: it is missing, damaged or of another direction, or cannot be fetched.
        ConfigError: there is no such source.
    """
    check_direction(direction)
    if source == NONE:
        return None
    if source == WT103:
        from ulmfit_lib.fastai_files import download_fastai_language_model

        return download_fastai_language_model(direction)
    from ulmfit_lib.pretrained import load_pretrained

    folder = model_folder(source, direction)
    try:
        found = load_pretrained(folder, direction=direction)
    except ArtifactError as error:
        if source != SMALL:
            raise
        raise ArtifactError(error.what, where=error.where, fix=_AGAIN) from error
    floats: dict[int, Any] = {}
    # Tied weights are one tensor, and have to stay one.
    found.state.update({n: floats.setdefault(t.data_ptr(), t.float()) for n, t in found.state.items()})
    return found


def model_folder(source: str, direction: str = FORWARD) -> Path:
    """Return the folder of the artifact of "small", or of a folder of both directions.

    Raises:
        ConfigError: there is no such source.
    """
    if source != SMALL and not Path(source).is_dir():
        raise ConfigError(
            f"there are no pretrained weights {source!r}.", fix='Give "none", "small", "wt103" or a folder of models.'
        )
    return (SHIPPED if source == SMALL else Path(source)) / f"language_model-{check_direction(direction)}"


def pretrained_tokens(source: str) -> list[str]:
    """Return the tokens that a pretrained model knows, which are the same in both directions; none for "none".

    Raises:
        ArtifactError: they are missing or damaged.
        ConfigError: there is no such source.
    """
    if source == NONE:
        return []
    if source == WT103:
        return pretrained_model(source, FORWARD).tokens
    path = model_folder(source) / VOCAB
    try:
        return json.loads(path.read_text(encoding="utf-8"))["tokens"]
    except (OSError, ValueError, KeyError) as error:
        fix = _AGAIN if source == SMALL else ""
        raise ArtifactError("the vocabulary is missing or damaged.", where=str(path), fix=fix) from error


def words_to_keep(recipe: "Recipe") -> list[str]:
    """Return the tokens that join a run's vocabulary because its pretrained model knows them; none if not asked for.

    Raises: as `pretrained_tokens`.
    """
    return pretrained_tokens(recipe.pretrained) if recipe.keep_pretrained_words else []


def pretrained_note(source: str) -> str:
    """Return a sentence that says what a run begins with."""
    return {
        NONE: "The language model begins from random weights: no pretrained ones are used.",
        SMALL: "The language model begins from the small pretrained one that comes with the project.",
        WT103: "The language model begins from fastai's, pretrained on WikiText-103.",
    }.get(source, "The language model begins from pretrained weights of yours.")


def model_sizes(recipe: "Recipe", pretrained: "PretrainedLM | None") -> dict[str, int]:
    """Return the sizes that a language model gets: those of the pretrained weights, or else the recipe's."""
    names = ("emb_sz", "n_hid", "n_layers")
    if pretrained is None:
        return {name: getattr(recipe, name) for name in names}
    return {name: pretrained.sizes[name] for name in names}


def small_model_card(direction: str) -> dict[str, Any]:
    """Return what is known of a shipped model: its config and its receipt.

    Raises:
        ArtifactError: a file is missing or was altered.
    """
    folder = model_folder(SMALL, direction)
    try:
        return {"config": read_config(folder), "receipt": read_receipt(folder / RECEIPT)}
    except ArtifactError as error:
        raise ArtifactError(error.what, where=error.where or str(folder), fix=_AGAIN) from error
