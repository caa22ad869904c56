"""Beginning with what another model knows: its weights, matched to a new vocabulary, whatever file they come from.

A word that both vocabularies hold keeps its row of the embedding. A new word gets the mean of all rows: a word about
which nothing is known is taken for an average one. The LSTM layers know no words, and are copied as they are.

    old vocabulary   the  film  actor            new vocabulary   film  popcorn  the
    rows              a    b     c       ->      rows              b   (a+b+c)/3   a

Source: Howard and Ruder (2018), section 3.2; fastai `match_embeds`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ulmfit_lib.awd_lstm import AWDLSTM, AWDConfig, LanguageModel
from ulmfit_lib.direction import check_direction
from ulmfit_lib.errors import ArtifactError

if TYPE_CHECKING:
    from ulmfit_lib.vocab import Vocab

LANGUAGE_MODEL, ENCODER = "language model", "encoder"

StateDict = dict[str, Tensor]

# Our name of an encoder's weight and fastai's, `(\d+)` being the number of the layer.
_FASTAI_NAMES = (
    (r"encoder\.weight", "encoder.weight"),
    (r"rnns\.(\d+)\.weight_ih", r"rnns.\1.module.weight_ih_l0"),
    (r"rnns\.(\d+)\.weight_hh", r"rnns.\1.weight_hh_l0_raw"),
    (r"rnns\.(\d+)\.bias_ih", r"rnns.\1.module.bias_ih_l0"),
    (r"rnns\.(\d+)\.bias_hh", r"rnns.\1.module.bias_hh_l0"),
)
_OUR_NAMES = (
    (r"encoder\.weight", "encoder.weight"),
    (r"rnns\.(\d+)\.module\.(weight_ih|bias_ih|bias_hh)_l0", r"rnns.\1.\2"),
    (r"rnns\.(\d+)\.weight_hh_l0_raw", r"rnns.\1.weight_hh"),
)
# The order of fastai's names within the embedding, each layer and the decoder.
_FASTAI_ORDER = (
    "encoder.weight",
    "encoder_dp.emb.weight",
    "weight_hh_l0_raw",
    "weight_ih_l0",
    "bias_ih_l0",
    "bias_hh_l0",
    "decoder.weight",
    "decoder.bias",
)
# Second copies of weights that fastai's files hold under another name as well.
_COPIES = re.compile(r"(0\.)?(encoder_dp\.emb\.weight|rnns\.\d+\.module\.weight_hh_l0)")


def match_embeddings(old_weight: Tensor, old_tokens: Sequence[str], new_tokens: Sequence[str]) -> Tensor:
    """Return a row for each new token: its old row, or the mean of all old rows if it had none.

    Args:
        old_weight: (old vocab_sz, emb_sz), or (old vocab_sz,) for a bias.
        old_tokens: the token of each row.
        new_tokens: the tokens to have rows for.

    Returns:
        (new vocab_sz, emb_sz), or (new vocab_sz,), a copy.

    Raises:
        ArtifactError: there are not as many rows as old tokens.

    Source: fastai `match_embeds`.

    >>> match_embeddings(torch.tensor([[1.0], [2.0], [6.0]]), ["the", "film", "actor"], ["film", "popcorn"])
    tensor([[2.],
            [3.]])
    """
    if len(old_weight) != len(old_tokens):
        raise ArtifactError(
            f"The weights have {len(old_weight):,} rows and their vocabulary {len(old_tokens):,} tokens.",
            fix="Give the vocabulary that these weights were trained with.",
        )
    row_of = {token: row for row, token in enumerate(old_tokens)}
    mean_row = len(old_tokens)  # the mean stands one row after the last
    rows = torch.cat([old_weight, old_weight.mean(dim=0, keepdim=True)])  # (old vocab_sz + 1, ...)
    return rows[[row_of.get(token, mean_row) for token in new_tokens]]


def match_bias(old_bias: Tensor, old_tokens: Sequence[str], new_tokens: Sequence[str]) -> Tensor:
    """Return a bias for each new token, (new vocab_sz,): its old one, or the mean of the old ones.

    Raises:
        ArtifactError: there are not as many biases as old tokens.

    >>> match_bias(torch.tensor([1.0, 3.0]), ["the", "film"], ["popcorn", "the"])
    tensor([2., 1.])
    """
    return match_embeddings(old_bias, old_tokens, new_tokens)


def match_language_model(
    state: Mapping[str, Tensor], old_tokens: Sequence[str], new_tokens: Sequence[str]
) -> StateDict:
    """Return a language model's state dict with its embedding, decoder and bias matched to the new tokens.

    Each has one row a token: (vocab_sz, emb_sz), and (vocab_sz,) for the bias.
    What is tied in `state` is tied in the result. Names are ours, see `from_fastai_names`.
    """
    matched = dict(state)
    matched["encoder.encoder.weight"] = match_embeddings(state["encoder.encoder.weight"], old_tokens, new_tokens)
    if torch.equal(state["decoder.weight"], state["encoder.encoder.weight"]):
        matched["decoder.weight"] = matched["encoder.encoder.weight"]
    else:
        matched["decoder.weight"] = match_embeddings(state["decoder.weight"], old_tokens, new_tokens)
    if "decoder.bias" in state:
        matched["decoder.bias"] = match_bias(state["decoder.bias"], old_tokens, new_tokens)
    return matched


def _rename(name: str, rules: Sequence[tuple[str, str]]) -> str:
    for pattern, new in rules:
        if re.fullmatch(pattern, name):
            return re.sub(pattern, new, name)
    raise ArtifactError(f"{name!r} is not the name of a weight of an AWD-LSTM.", fix="Give an AWD-LSTM's weights.")


def to_fastai_names(state: Mapping[str, Tensor]) -> StateDict:
    """Return the state dict of a language model, or of an encoder alone, under fastai's names and in fastai's order.

    The order counts: fastai's `load_pretrained` puts weights into a model one after the other, whatever their names.

    Raises:
        ArtifactError: a name is not one of ours.

    Source: fastai `AWD_LSTM`, `LinearDecoder`.

    >>> list(to_fastai_names({"rnns.0.weight_hh": torch.zeros(4, 1)}))
    ['rnns.0.weight_hh_l0_raw']
    """
    renamed: StateDict = {}
    for name, tensor in state.items():
        if name.startswith("decoder."):
            renamed[f"1.{name}"] = tensor
        elif name == "encoder.weight" or name.startswith("rnns."):
            renamed[_rename(name, _FASTAI_NAMES)] = tensor
        else:
            renamed["0." + _rename(name.removeprefix("encoder."), _FASTAI_NAMES)] = tensor
        # fastai's dropout wraps the embedding and so names it a second time.
        if name in ("encoder.weight", "encoder.encoder.weight"):
            prefix = "" if name == "encoder.weight" else "0."
            renamed[f"{prefix}encoder_dp.emb.weight"] = tensor
    return dict(sorted(renamed.items(), key=lambda item: _fastai_place(item[0])))


def _fastai_place(name: str) -> tuple[int, int, int]:
    """Return what a fastai name is sorted by: embedding, layers or decoder; the layer; the place within it."""
    layer = re.search(r"rnns\.(\d+)\.", name)
    part = 1 if layer else 2 if "decoder." in name else 0
    within = next(place for place, ending in enumerate(_FASTAI_ORDER) if name.endswith(ending))
    return part, int(layer[1]) if layer else 0, within


def from_fastai_names(state: Mapping[str, Tensor]) -> StateDict:
    """Return a language model's or an encoder's state dict, saved by fastai, under our names.

    Raises:
        ArtifactError: a name is not one of a fastai AWD-LSTM.

    >>> list(from_fastai_names({"0.rnns.1.weight_hh_l0_raw": torch.zeros(4, 1), "1.decoder.bias": torch.zeros(2)}))
    ['encoder.rnns.1.weight_hh', 'decoder.bias']
    """
    renamed: StateDict = {}
    for name, tensor in state.items():
        if _COPIES.fullmatch(name):
            continue
        if name in ("1.decoder.weight", "1.decoder.bias"):
            renamed[name.removeprefix("1.")] = tensor
        elif name.startswith("0."):
            renamed["encoder." + _rename(name.removeprefix("0."), _OUR_NAMES)] = tensor
        else:
            renamed[_rename(name, _OUR_NAMES)] = tensor
    return renamed


@dataclass(frozen=True)
class PretrainedLM:
    """A language model's weights under our names, with what has to be known to use them.

    Args:
        state: the state dict of a `LanguageModel`.
        tokens: the token of each row of the embedding.
        direction: the direction in which the model reads.
        where: the file or folder they came from, for messages.
    """

    state: StateDict
    tokens: list[str]
    direction: str
    where: str = ""

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes that the weights have: vocab_sz, emb_sz, n_hid and n_layers."""
        n_layers = sum(name.endswith(".weight_hh") for name in self.state)
        vocab_sz, emb_sz = self.state["encoder.encoder.weight"].shape
        n_hid = self.state["encoder.rnns.0.weight_hh"].shape[1]
        return {"vocab_sz": vocab_sz, "emb_sz": emb_sz, "n_hid": n_hid, "n_layers": n_layers}


def start_from(model: LanguageModel, pretrained: PretrainedLM, vocab: "Vocab", direction: str) -> None:
    """Put pretrained weights, matched to `vocab`, into `model`; nothing is changed unless all of it fits.

    Raises:
        ArtifactError: the weights read in the other direction, or have other sizes than the model.
    """
    if pretrained.direction != check_direction(direction):
        raise ArtifactError(
            f"these weights read texts {pretrained.direction}, and {direction} ones are needed.",
            where=pretrained.where,
            fix=f"Give weights that were trained {direction}.",
        )
    for name in ("emb_sz", "n_layers", "n_hid"):
        found, wanted = pretrained.sizes[name], getattr(model.config, name)
        if name == "n_hid" and model.config.n_layers == 1:
            continue  # a single layer goes from emb_sz to emb_sz
        if found != wanted:
            raise ArtifactError(
                f"these weights have {name} {found}, and the model has {name} {wanted}.",
                where=pretrained.where,
                fix=f"Give a config with {name}={found}.",
            )
    matched = match_language_model(pretrained.state, pretrained.tokens, vocab.tokens)
    if model.config.out_bias and "decoder.bias" not in matched:
        matched["decoder.bias"] = torch.zeros(len(vocab))
    if not model.config.out_bias:
        matched.pop("decoder.bias", None)
    model.load_state_dict(matched)


def artifact_config(config: AWDConfig, kind: str, direction: str, **more: Any) -> dict[str, Any]:
    """Return what an artifact's config.json says of a language model or an encoder."""
    sizes = {name: getattr(config, name) for name in ("vocab_sz", "emb_sz", "n_hid", "n_layers")}
    return {"kind": kind, "direction": check_direction(direction), "sizes": sizes, "model": asdict(config), **more}


def save_language_model(
    folder: Path,
    model: LanguageModel,
    vocab: "Vocab",
    direction: str,
    receipt: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """Save a language model as an artifact; `more` (such as `tokenizer=...`) goes into its config.json.

    Raises:
        ArtifactError: the folder cannot be written.
    """
    from ulmfit_lib.artifacts import save_artifact

    return save_artifact(
        folder, model, artifact_config(model.config, LANGUAGE_MODEL, direction, **more), vocab, receipt
    )


def load_language_model(
    folder: Path, *, direction: str | None = None, vocab: "Vocab | None" = None
) -> tuple[LanguageModel, "Vocab"]:
    """Load a language model, in evaluation mode, and its vocabulary; what is given must be what the artifact has.

    Raises:
        ArtifactError: it is damaged, or of another kind, direction or vocabulary.
    """
    from ulmfit_lib.artifacts import load_artifact

    artifact = load_artifact(folder, direction=direction, vocab=vocab, kind=LANGUAGE_MODEL)
    model = LanguageModel(AWDConfig(**artifact.config["model"]))
    model.load_state_dict(artifact.state)
    return model.eval(), artifact.vocab


def load_pretrained(folder: Path, *, direction: str | None = None) -> PretrainedLM:
    """Load a language model's artifact as something to start from, see `start_from`.

    Raises:
        ArtifactError: it is damaged, not a language model, or of the other direction.
    """
    from ulmfit_lib.artifacts import load_artifact

    artifact = load_artifact(folder, direction=direction, kind=LANGUAGE_MODEL)
    return PretrainedLM(artifact.state, artifact.vocab.tokens, artifact.direction, str(folder))


def save_encoder(
    folder: Path,
    model: LanguageModel,
    vocab: "Vocab",
    direction: str,
    receipt: Mapping[str, Any] | None = None,
    **more: Any,
) -> Path:
    """Save the encoder of a language model, all that a classifier needs of it, as an artifact.

    Raises:
        ArtifactError: the folder cannot be written.
    """
    from ulmfit_lib.artifacts import save_artifact

    config = artifact_config(model.config, ENCODER, direction, **more)
    return save_artifact(folder, model.encoder, config, vocab, receipt)


def load_encoder(
    folder: Path, *, direction: str | None = None, vocab: "Vocab | None" = None, config: AWDConfig | None = None
) -> AWDLSTM:
    """Load an encoder; `config` gives the dropout of its new use (its sizes must be the artifact's).

    Raises:
        ArtifactError: it is damaged, or of another kind, direction, vocabulary or size.
    """
    from ulmfit_lib.artifacts import load_artifact

    sizes = None if config is None else artifact_config(config, ENCODER, direction or "forward")["sizes"]
    artifact = load_artifact(folder, direction=direction, vocab=vocab, sizes=sizes, kind=ENCODER)
    encoder = AWDLSTM(config or AWDConfig(**artifact.config["model"]))
    encoder.load_state_dict(artifact.state)
    return encoder.eval()
