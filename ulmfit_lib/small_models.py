"""The small language models that come with the project, one for each direction, pretrained on general English.

They are small enough to be stored beside the code (a few megabytes) and to be fine-tuned on two cores in minutes. What
they were trained on, how long, and how good they are stands in the receipt of each.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ulmfit_lib.artifacts import CONFIG, RECEIPT, read_config
from ulmfit_lib.direction import check_direction
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.receipts import read_receipt

if TYPE_CHECKING:
    from ulmfit_lib.pretrained import PretrainedLM

SHIPPED = Path(__file__).parent / "shipped"
_AGAIN = "Get it back with `git checkout -- ulmfit_lib/shipped`, or install the package again."


def small_model_folder(direction: str) -> Path:
    """Return the folder of the artifact of this direction."""
    return SHIPPED / f"language_model-{check_direction(direction)}"


def small_language_model(direction: str) -> "PretrainedLM":
    """Return the shipped language model of this direction, to start from.

    Raises:
        ArtifactError: a file is missing or was altered; the message says how to get it back.
    """
    from ulmfit_lib.pretrained import load_pretrained

    folder = small_model_folder(direction)
    try:
        found = load_pretrained(folder, direction=direction)
    except ArtifactError as error:
        raise ArtifactError(error.what, where=error.where, fix=_AGAIN) from error
    found.state.update({name: tensor.float() for name, tensor in found.state.items()})
    return found


def small_model_tokens() -> list[str]:
    """Return the tokens of the shipped language models, which is the same list in both directions.

    Raises:
        ArtifactError: it is missing or damaged.
    """
    import json

    path = small_model_folder("forward") / "vocab.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))["tokens"]
    except (OSError, ValueError, KeyError) as error:
        raise ArtifactError("the vocabulary is missing or damaged.", where=str(path), fix=_AGAIN) from error


def small_model_card(direction: str) -> dict[str, Any]:
    """Return what is known of a shipped model: its config and its receipt.

    Raises:
        ArtifactError: a file is missing or was altered.
    """
    folder = small_model_folder(direction)
    try:
        return {"config": read_config(folder), "receipt": read_receipt(folder / RECEIPT)}
    except ArtifactError as error:
        raise ArtifactError(error.what, where=error.where or str(folder / CONFIG), fix=_AGAIN) from error
