"""A trained classifier on the disk: an artifact that knows its direction, its labels and its vocabulary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ulmfit_lib.artifacts import load_artifact, save_artifact
from ulmfit_lib.awd_lstm import AWDLSTM, AWDConfig
from ulmfit_lib.classifier import TextClassifier
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.pretrained import artifact_config

if TYPE_CHECKING:
    from ulmfit_lib.vocab import Vocab

KIND = "classifier"


def save_classifier(
    folder: Path,
    model: TextClassifier,
    vocab: "Vocab",
    label_names: Sequence,
    direction: str,
    receipt: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """Save a classifier as an artifact; `more` (such as `tokenizer=...`) goes into its config.json.

    Raises:
        ArtifactError: the folder cannot be written.
        ConfigError: the labels or `more` do not fit into JSON, or there is no such direction.
    """
    head = {
        "n_classes": model.n_classes,
        "seq_len": model.seq_len,
        "max_len": model.max_len,
        "lin_ftrs": model.head.lin_ftrs,
        "output_p": model.head.ps[0],
        "ps": model.head.ps[1:],
    }
    config = artifact_config(model.encoder.config, KIND, direction, head=head, labels=list(label_names), **more)
    return save_artifact(folder, model, config, vocab, receipt)


@dataclass(frozen=True)
class LoadedClassifier:
    """A classifier out of an artifact, ready to be asked; `config` is the artifact's whole config.json."""

    model: TextClassifier
    vocab: "Vocab"
    label_names: tuple
    direction: str
    config: dict[str, Any]


def load_classifier(folder: Path, *, direction: str | None = None, vocab: "Vocab | None" = None) -> LoadedClassifier:
    """Load what `save_classifier` saved, on the CPU and in evaluation mode.

    Raises:
        ArtifactError: it is damaged, no classifier, or of another direction or vocabulary than asked for.
    """
    artifact = load_artifact(folder, direction=direction, vocab=vocab, kind=KIND)
    try:
        model = TextClassifier(AWDLSTM(AWDConfig(**artifact.config["model"])), **artifact.config["head"])
        model.load_state_dict(artifact.state)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ArtifactError(f"its weights do not fit its config: {error}.", where=str(folder)) from error
    labels = tuple(artifact.config["labels"])
    return LoadedClassifier(model.eval(), artifact.vocab, labels, artifact.direction, artifact.config)
