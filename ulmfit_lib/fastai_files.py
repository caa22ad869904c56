"""Weights from fastai's files and back, without ever running what is inside them.

A fastai language model is two files: weights (`.pth`, written by `torch.save`) and a vocabulary (`.pkl`, a pickled list
of words). A pickle can call any function when it is loaded. So the weights are read under `weights_only=True`, which
lets tensors and plain containers through, and the words by an unpickler that knows no names at all.
"""

import io
import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ulmfit_lib.awd_lstm import LanguageModel
from ulmfit_lib.direction import FORWARD, check_direction
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.files import write_atomically
from ulmfit_lib.pretrained import PretrainedLM, from_fastai_names, to_fastai_names

if TYPE_CHECKING:
    from ulmfit_lib.vocab import Vocab


class _FastcoreList(list):
    """Stands in for fastcore's list, the one class that fastai's optimizer state needs."""

    def __setstate__(self, state: Any) -> None:
        self.extend(state.get("items", ()) if isinstance(state, dict) else ())


class _WordsUnpickler(pickle.Unpickler):
    """An unpickler for lists of strings: anything that has to be looked up by name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise ArtifactError(f"it asks to run {module}.{name}; a list of words needs nothing of the kind.")


def read_fastai_vocab(path: Path) -> list[str]:
    """Return the tokens in a fastai vocabulary file, `.pkl`.

    Raises:
        ArtifactError: the file is missing or damaged, asks to run code, or holds something other than words.
    """
    try:
        with open(path, "rb") as file:
            tokens = _WordsUnpickler(file).load()
    except ArtifactError as error:
        raise ArtifactError(error.what, where=str(path), fix="Do not use this file.") from error
    except FileNotFoundError as error:
        raise ArtifactError("there is no such file.", where=str(path)) from error
    except Exception as error:  # a damaged pickle can raise almost anything
        raise ArtifactError(f"this is not a pickled list of words ({error}).", where=str(path)) from error
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ArtifactError("this is not a list of words.", where=str(path))
    return tokens


def read_fastai_weights(path: Path) -> dict[str, torch.Tensor]:
    """Return the state dict in a fastai weights file, `.pth`, under our names; an optimizer's state is left out.

    Raises:
        ArtifactError: the file is missing or damaged, needs code to be run, or is not an AWD-LSTM's.
    """
    allowed = [(_FastcoreList, "fastcore.foundation.L")]
    try:
        with torch.serialization.safe_globals(allowed):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ArtifactError("there is no such file.", where=str(path)) from error
    except pickle.UnpicklingError as error:
        raise ArtifactError(
            f"it holds more than weights: {_refused_global(error)}.", where=str(path), fix="Do not use this file."
        ) from error
    except Exception as error:  # a file cut short can raise almost anything
        raise ArtifactError(f"the weights cannot be read ({error}).", where=str(path)) from error
    if isinstance(content, dict) and set(content) == {"model", "opt"}:
        content = content["model"]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise ArtifactError("this is not a model's state dict.", where=str(path))
    return from_fastai_names(content)


def _refused_global(error: Exception) -> str:
    """Pick the name that was refused out of PyTorch's long explanation."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    return found[1] if found else "something that is no tensor"


def load_fastai_language_model(weights: Path, vocab: Path, direction: str = FORWARD) -> PretrainedLM:
    """Return what a pair of fastai files holds; fastai does not note the direction, so it has to be said.

    Raises:
        ArtifactError: a file is missing, damaged, needs code to be run, or is not a language model's.
    """
    state, tokens = read_fastai_weights(Path(weights)), read_fastai_vocab(Path(vocab))
    if "encoder.encoder.weight" not in state or "decoder.weight" not in state:
        raise ArtifactError("these are not the weights of a whole language model.", where=str(weights))
    return PretrainedLM(state, tokens, check_direction(direction), str(weights))


def download_fastai_language_model(direction: str = FORWARD) -> PretrainedLM:
    """Return fastai's model of Wikipedia (WikiText-103), downloading it once into fastai's own folder.

    Raises:
        ArtifactError: the download fails, or is not what is expected.

    Source: fastai `untar_data`, `URLs.WT103_FWD`, `URLs.WT103_BWD`.
    """
    from fastai.text.all import URLs, untar_data

    url = URLs.WT103_FWD if check_direction(direction) == FORWARD else URLs.WT103_BWD
    try:
        folder = untar_data(url, c_key="model")
    except OSError as error:
        raise ArtifactError(
            f"the download of {url} failed ({error}).", fix="Download it by hand and give the two files."
        ) from error
    return load_fastai_folder(folder, direction)


def load_fastai_folder(folder: Path, direction: str = FORWARD) -> PretrainedLM:
    """Return the language model in a folder that holds one `.pth` and one `.pkl`, as fastai's downloads do.

    Raises:
        ArtifactError: there is not exactly one of each, or see `load_fastai_language_model`.
    """
    found = {ending: sorted(Path(folder).glob(f"*{ending}")) for ending in (".pth", ".pkl")}
    for ending, files in found.items():
        if len(files) != 1:
            raise ArtifactError(f"it holds {len(files)} {ending} files, and one is needed.", where=str(folder))
    return load_fastai_language_model(found[".pth"][0], found[".pkl"][0], direction)


def export_to_fastai(
    folder: Path, model: LanguageModel, vocab: "Vocab | Sequence[str]", name: str = "lm"
) -> list[Path]:
    """Write `name.pth` and `name.pkl`, which fastai's `language_model_learner(pretrained_fnames=...)` loads.

    Returns:
        The two paths, in the order in which fastai wants their stems.

    Raises:
        ArtifactError: they cannot be written.
    """
    folder = Path(folder)
    tokens = list(getattr(vocab, "tokens", vocab))
    weights, words = folder / f"{name}.pth", folder / f"{name}.pkl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        torch.save(to_fastai_names({k: v.detach().cpu() for k, v in model.state_dict().items()}), buffer)
        write_atomically(weights, buffer.getvalue())
        write_atomically(words, pickle.dumps(tokens))
    except OSError as error:
        raise ArtifactError(f"the files cannot be written: {error.strerror}.", where=str(folder)) from error
    return [weights, words]
