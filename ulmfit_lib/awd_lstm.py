"""The AWD-LSTM: an ordinary LSTM language model with dropout in five places, and two penalties on its activations.

    ids -> embedding (whole words dropped: embed_p) -> dropout (input_p)
        -> LSTM (recurrent weights dropped: weight_p) -> dropout (hidden_p) -> ... -> last LSTM = raw output
        -> dropout (output_p) = dropped output -> decoder, which shares the embedding's weights -> logits

The hidden state is an argument and a result, never an attribute: `raw, dropped, state = encoder(ids, state)`. A model
therefore gives the same answer to the same input whatever it was asked before, two threads can ask it at once, and
a checkpoint knows what to save.

Source: Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models" (2017); fastai `AWD_LSTM`.
"""

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ulmfit_lib.errors import ConfigError

#: The hidden state of a model: one (h, c) for each layer, each (1, bs, size of the layer).
State = list[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class AWDConfig:
    """The sizes and the dropout probabilities of an AWD-LSTM; the defaults are those of fastai's language model.

    Raises:
        ConfigError: a size below one, or a probability outside [0, 1).

    Source: fastai `awd_lstm_lm_config`.

    >>> AWDConfig(vocab_sz=60).layer_sizes
    [(400, 1152), (1152, 1152), (1152, 400)]
    """

    vocab_sz: int
    emb_sz: int = 400
    n_hid: int = 1152
    n_layers: int = 3
    pad_id: int = 1
    tie_weights: bool = True
    out_bias: bool = True
    output_p: float = 0.1
    hidden_p: float = 0.15
    input_p: float = 0.25
    embed_p: float = 0.02
    weight_p: float = 0.2

    def __post_init__(self) -> None:
        for name in ("vocab_sz", "emb_sz", "n_hid", "n_layers"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}.")
        for name in self.dropout_names():
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(
                    f"{name} must be at least 0 and below 1, not {getattr(self, name):g}.",
                    fix="Give a smaller drop_mult." if getattr(self, name) >= 1 else "",
                )

    @classmethod
    def dropout_names(cls) -> list[str]:
        """Return the names of the five dropout probabilities."""
        return [field.name for field in fields(cls) if field.name.endswith("_p")]

    @property
    def layer_sizes(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each LSTM layer: the last goes back to `emb_sz`, so that the decoder can be tied."""
        sizes = [self.emb_sz, *[self.n_hid] * (self.n_layers - 1), self.emb_sz]
        return list(pairwise(sizes))

    def scaled(self, drop_mult: float) -> "AWDConfig":
        """Return the same sizes with each dropout probability times `drop_mult`.

        >>> AWDConfig(vocab_sz=60).scaled(0.5).input_p
        0.125
        """
        return replace(self, **{name: getattr(self, name) * drop_mult for name in self.dropout_names()})


def lm_config(vocab_sz: int, drop_mult: float = 1.0, **changes: Any) -> AWDConfig:
    """Return fastai's sizes and probabilities for a language model, the probabilities times `drop_mult`.

    Source: fastai `awd_lstm_lm_config`.

    >>> lm_config(60, drop_mult=2, emb_sz=8).weight_p
    0.4
    """
    return AWDConfig(vocab_sz, **changes).scaled(drop_mult)


def classifier_config(vocab_sz: int, drop_mult: float = 1.0, **changes: Any) -> AWDConfig:
    """Return fastai's sizes and probabilities for a classifier's encoder, the probabilities times `drop_mult`.

    Source: fastai `awd_lstm_clas_config`.

    >>> classifier_config(60, drop_mult=0.5).weight_p
    0.25
    """
    defaults = {"output_p": 0.4, "hidden_p": 0.3, "input_p": 0.4, "embed_p": 0.05, "weight_p": 0.5}
    return AWDConfig(vocab_sz, **{**defaults, **changes}).scaled(drop_mult)


def dropout_mask(like: Tensor, size: tuple[int, ...], p: float) -> Tensor:
    """Return a mask of `size`, zero with probability `p` and 1 / (1 - p) elsewhere, so that its mean is 1.

    Type and device are those of `like`. Source: fastai `dropout_mask`.
    """
    return like.new_empty(size).bernoulli_(1 - p).div_(1 - p)


class RNNDropout(nn.Module):
    """Variational dropout: a feature that is dropped is dropped at every time step of the sequence.

    Ordinary dropout would draw a new mask at each step, and a recurrent layer would average the noise away.

    Source: Gal and Ghahramani (2016); fastai `RNNDropout`.

    >>> dropped = RNNDropout(0.5)(torch.ones(4, 3, 5))  # (bs, seq_len, features)
    >>> bool((dropped == dropped[:, :1]).all())
    True
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop features of `x`, (bs, seq_len, features); outside training return it as it is."""
        if not self.training or self.p == 0:
            return x
        return x * dropout_mask(x, (x.shape[0], 1, x.shape[2]), self.p)  # the 1 is what repeats over time

    def extra_repr(self) -> str:
        """Return what `repr` shows of this layer."""
        return f"p={self.p}"


class EmbeddingDropout(nn.Module):
    """An embedding that drops whole words: all of a word's features, wherever it stands in the batch.

    Source: Gal and Ghahramani (2016); fastai `EmbeddingDropout`.
    """

    def __init__(self, vocab_sz: int, emb_sz: int, embed_p: float, pad_id: int = 1) -> None:
        super().__init__()
        self.embed_p, self.pad_id = embed_p, pad_id
        self.weight = nn.Parameter(torch.empty(vocab_sz, emb_sz))

    def forward(self, ids: Tensor) -> Tensor:
        """Look up `ids`, (bs, seq_len), giving (bs, seq_len, emb_sz)."""
        vectors = F.embedding(ids, self.weight, padding_idx=self.pad_id)  # (bs, seq_len, emb_sz)
        if not self.training or self.embed_p == 0:
            return vectors
        # One number a word of the vocabulary, looked up like the word itself: cheaper than masking all the weights.
        mask = dropout_mask(self.weight, (self.weight.shape[0], 1), self.embed_p)
        return vectors * F.embedding(ids, mask)  # (bs, seq_len, emb_sz) * (bs, seq_len, 1)

    def extra_repr(self) -> str:
        """Return what `repr` shows of this layer."""
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}, embed_p={self.embed_p}"


class WeightDropLSTM(nn.Module):
    """One LSTM layer whose hidden-to-hidden weights are dropped in training (DropConnect).

    The same mask serves every time step of a forward pass. The stored weights are never written to: each pass works on
    a dropped copy, so nothing has to be restored afterwards.

    Source: Merity et al. (2017), section 2; fastai `WeightDropout`.
    """

    def __init__(self, n_in: int, n_out: int, weight_p: float) -> None:
        super().__init__()
        self.n_out, self.weight_p = n_out, weight_p
        # The four gates lie one under the other, in PyTorch's order: input, forget, cell, output.
        self.weight_ih = nn.Parameter(torch.empty(4 * n_out, n_in))
        self.weight_hh = nn.Parameter(torch.empty(4 * n_out, n_out))
        self.bias_ih = nn.Parameter(torch.empty(4 * n_out))
        self.bias_hh = nn.Parameter(torch.empty(4 * n_out))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Read `x`, (bs, seq_len, n_in), from `state` = (h, c), each (1, bs, n_out).

        Returns the outputs, (bs, seq_len, n_out), and the state after the last time step.
        """
        weight_hh = F.dropout(self.weight_hh, self.weight_p, self.training)
        weights = [self.weight_ih, weight_hh, self.bias_ih, self.bias_hh]
        # What nn.LSTM itself calls; it alone takes weights that are not parameters of a module.
        output, h, c = torch.lstm(
            x,
            state,
            weights,
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=self.training,
            bidirectional=False,
            batch_first=True,
        )
        return output, (h, c)

    def extra_repr(self) -> str:
        """Return what `repr` shows of this layer."""
        return f"{self.weight_ih.shape[1]}, {self.n_out}, weight_p={self.weight_p}"


class BlankLinear(nn.Linear):
    """A linear layer whose weights are the caller's to set.

    `nn.Linear` draws weights from the caller's random numbers. (`nn.utils.skip_init` would not, but it loads a whole
    system for symbolic mathematics: seconds at every start.)
    """

    def reset_parameters(self) -> None:
        """Draw nothing."""


def detach_state(state: State) -> State:
    """Return the same numbers cut off from the graph that made them: gradients stop here.

    Between two batches this is what truncates back-propagation through time.
    """
    return [(h.detach(), c.detach()) for h, c in state]


class AWDLSTM(nn.Module):
    """The encoder: ids in, one vector a token out, and the hidden state to go on from.

    Args:
        config: sizes and dropout probabilities.
        seed: what the initial weights depend on.

    Source: fastai `AWD_LSTM`.

    >>> encoder = AWDLSTM(AWDConfig(vocab_sz=10, emb_sz=4, n_hid=6, n_layers=2)).eval()
    >>> raw, dropped, state = encoder(torch.tensor([[2, 5, 7]]))
    >>> raw.shape, [tuple(h.shape) for h, c in state]
    (torch.Size([1, 3, 4]), [(1, 1, 6), (1, 1, 4)])
    """

    def __init__(self, config: AWDConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.encoder = EmbeddingDropout(config.vocab_sz, config.emb_sz, config.embed_p, config.pad_id)
        self.input_dp = RNNDropout(config.input_p)
        self.rnns = nn.ModuleList(WeightDropLSTM(n_in, n_out, config.weight_p) for n_in, n_out in config.layer_sizes)
        self.hidden_dps = nn.ModuleList(RNNDropout(config.hidden_p) for _ in range(config.n_layers - 1))
        self.output_dp = RNNDropout(config.output_p)
        self._initialise(torch.Generator().manual_seed(seed))

    def _initialise(self, generator: torch.Generator) -> None:
        """Draw the weights from the distributions that fastai and PyTorch draw them from."""
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1, generator=generator)
        for lstm in self.rnns:
            bound = lstm.n_out**-0.5
            for weight in lstm.parameters():
                nn.init.uniform_(weight, -bound, bound, generator=generator)

    def initial_state(self, bs: int) -> State:
        """Return the state before the first token, all zeros: (h, c) a layer, each (1, bs, size of the layer)."""
        weight = self.encoder.weight
        return [
            (weight.new_zeros(1, bs, n_out), weight.new_zeros(1, bs, n_out)) for _, n_out in self.config.layer_sizes
        ]

    def forward(self, ids: Tensor, state: State | None = None) -> tuple[Tensor, Tensor, State]:
        """Read `ids`, (bs, seq_len), from `state` (by default the zeros of `initial_state`).

        Returns:
            The last layer's output before and after `output_p`, both (bs, seq_len, emb_sz), and the new state. The
            state still belongs to the graph: call `detach_state` where gradients have to stop.
        """
        if state is None:
            state = self.initial_state(ids.shape[0])
        output = self.input_dp(self.encoder(ids))  # (bs, seq_len, emb_sz)
        new_state = []
        for layer, lstm in enumerate(self.rnns):
            if layer > 0:
                output = self.hidden_dps[layer - 1](output)
            output, layer_state = lstm(output, state[layer])  # (bs, seq_len, n_hid), at last (bs, seq_len, emb_sz)
            new_state.append(layer_state)
        return output, self.output_dp(output), new_state


class LMOutput(NamedTuple):
    """What a language model gives for a batch: logits (bs, seq_len, vocab_sz), the encoder's two outputs, the state.

    `logits` is None where only the outputs were asked for.
    """

    logits: Tensor | None
    raw: Tensor
    dropped: Tensor
    state: State


class LanguageModel(nn.Module):
    """The encoder with a decoder on top: for each token, a score for every word that could come next.

    With `tie_weights` the decoder uses the embedding's weights: what reads a word also writes it.

    Source: fastai `get_language_model`, `LinearDecoder`; Merity et al. (2017), section 4.5, on tying.

    >>> model = LanguageModel(AWDConfig(vocab_sz=10, emb_sz=4, n_hid=6, n_layers=2)).eval()
    >>> output = model(torch.tensor([[2, 5, 7]]))
    >>> output.logits.shape
    torch.Size([1, 3, 10])
    >>> later = model(torch.tensor([[8]]), output.state)  # goes on where the first three tokens ended
    """

    def __init__(self, config: AWDConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.encoder = AWDLSTM(config, seed)
        self.decoder = BlankLinear(config.emb_sz, config.vocab_sz, bias=config.out_bias)
        if config.tie_weights:
            self.decoder.weight = self.encoder.encoder.weight
        else:
            nn.init.uniform_(self.decoder.weight, -0.1, 0.1, generator=torch.Generator().manual_seed(seed + 1))
        if config.out_bias:
            nn.init.zeros_(self.decoder.bias)

    def initial_state(self, bs: int) -> State:
        """Return the state before the first token, all zeros: (h, c) a layer, each (1, bs, size of the layer)."""
        return self.encoder.initial_state(bs)

    def forward(self, ids: Tensor, state: State | None = None, decode: bool = True) -> LMOutput:
        """Read `ids`, (bs, seq_len), from `state`; with `decode=False` leave the logits to the loss.

        The logits are by far the largest tensor of a step, and a loss can do without ever holding all of them.
        """
        raw, dropped, state = self.encoder(ids, state)
        logits = self.decoder(dropped) if decode else None  # (bs, seq_len, vocab_sz)
        return LMOutput(logits, raw, dropped, state)


def activation_regularization(dropped: Tensor, alpha: float = 2.0) -> Tensor:
    """Return the penalty on large activations (AR): `alpha` times the mean square of `dropped`, any shape.

    Source: Merity et al. (2017), section 4.6; fastai `RNNRegularizer`.

    >>> activation_regularization(torch.tensor([[[1.0, 3.0]]]), alpha=2).item()
    10.0
    """
    return alpha * dropped.float().pow(2).mean()


def temporal_activation_regularization(raw: Tensor, beta: float = 1.0) -> Tensor:
    """Return the penalty on change over time (TAR): `beta` times the mean square of the steps of `raw`.

    `raw` is (bs, seq_len, features). A sequence of one token has no step, and no penalty. (fastai asks instead whether
    the *batch* has more than one row: it leaves out the penalty for a batch of one, and gives NaN for one token.)

    Source: Merity et al. (2017), section 4.6; fastai `RNNRegularizer`.

    >>> temporal_activation_regularization(torch.tensor([[[1.0], [3.0], [3.0]]]), beta=1).item()
    2.0
    """
    if raw.shape[1] < 2:
        return raw.new_zeros((), dtype=torch.float32)
    return beta * (raw[:, 1:] - raw[:, :-1]).float().pow(2).mean()
