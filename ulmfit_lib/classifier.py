"""From an encoder that reads a language to a classifier of documents.

A document is longer than what backpropagation can go through at once, so it is read in chunks of `seq_len` tokens;
the LSTM's state is carried from one chunk to the next, the gradient is not. The documents of a batch all *end* in
the last chunk, and begin where their length says; so at every moment the rows that are being read hold words, and
never padding alone:

    step          0        1        2           seq_len = 3
    doc 0       a b c    d e f    g h .         three chunks, the last one not full
    doc 1                k l m    n . .         joins at step 1 with a fresh state
    doc 2                         x y z         joins at step 2

Only the last `max_len` tokens of a document are kept for pooling and get a gradient; what stands before them is
read without one, so the memory that a document needs does not grow with its length. Three views of the kept outputs
go to the head: the last, the largest and the mean over time. What is padding is masked everywhere, so the logits of
a document are the same alone, in any company, in any order and with padding at either end.

Source: Howard and Ruder 2018, section 3.3 (BPTT for text classification, concat pooling); fastai `text.models.core`
(`SentenceEncoder`, `masked_concat_pool`, `PoolingLinearClassifier`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ulmfit_lib.awd_lstm import AWDLSTM, BlankLinear, State, detach_state
from ulmfit_lib.errors import ConfigError, DataError


def first_pooled_token(length: int, seq_len: int, max_len: int) -> int:
    """Return where pooling begins in a document: the first chunk that starts inside its last `max_len` tokens.

    Source: fastai `SentenceEncoder`, for a document that stands alone.

    >>> first_pooled_token(length=10, seq_len=4, max_len=6), first_pooled_token(length=5, seq_len=4, max_len=6)
    (4, 0)
    """
    chunks_before = -(-max(length - max_len, 0) // seq_len)
    return chunks_before * seq_len


def encode_in_chunks(
    encoder: AWDLSTM, ids: Tensor, lengths: Sequence[int], seq_len: int = 72, max_len: int = 1440
) -> tuple[Tensor, Tensor]:
    """Read documents chunk by chunk with carried state and return the outputs that are pooled.

    Args:
        encoder: called as `encoder(ids, state)`, gives `(raw_output, dropped_output, state)`.
        ids: (bs, longest) documents, filled up behind their last token; what fills them does not matter.
        lengths: how many tokens of each row are the document, each at least 1.
        seq_len: tokens a chunk; no gradient passes from a chunk to the one before it.
        max_len: only chunks that start in the last `max_len` tokens of a document are kept and get a gradient.

    Returns:
        output (bs, n_kept, emb_sz), n_kept at most `max_len` rounded up to whole chunks, and
        mask (bs, n_kept), True where an output is *not* part of the document or of what is pooled.

    Raises:
        ConfigError: `max_len` is shorter than `seq_len`, so that some documents would keep nothing.
        DataError: a document is empty.

    Source: fastai `text.models.core.SentenceEncoder`.
    """
    check_lengths(seq_len, max_len)
    for row, length in enumerate(lengths):
        if length < 1:
            raise DataError("A document has no tokens.", where=f"row {row} of the batch", fix="Leave it out.")

    n_chunks = [-(-length // seq_len) for length in lengths]
    n_steps = max(n_chunks)
    # Longest first: the rows that are being read at a step are then the first ones.
    order = sorted(range(len(lengths)), key=lambda row: n_chunks[row], reverse=True)
    aligned, position = _align_ends(ids, lengths, n_chunks, order, seq_len)  # both (bs, n_tokens)
    first = torch.tensor([first_pooled_token(lengths[row], seq_len, max_len) for row in order], device=ids.device)
    last = torch.tensor([lengths[row] for row in order], device=ids.device)
    mask = (position < first[:, None]) | (position >= last[:, None])  # (bs, n_tokens)
    chunks_kept = max(n_chunks[row] - first_pooled_token(lengths[row], seq_len, max_len) // seq_len for row in order)

    state: State | None = None
    outputs = []
    for step in range(n_steps):
        rows = sum(n >= n_steps - step for n in n_chunks)
        chunk = aligned[:rows, step * seq_len : (step + 1) * seq_len]  # (rows, seq_len)
        keep = step >= n_steps - chunks_kept
        with torch.set_grad_enabled(keep and torch.is_grad_enabled()):
            output, _, state = encoder(chunk, _grow(encoder, state, rows))  # (rows, seq_len, emb_sz)
        state = detach_state(state)
        if keep:
            not_yet = output.new_zeros(len(lengths) - rows, *output.shape[1:])
            outputs.append(torch.cat([output, not_yet]))  # (bs, seq_len, emb_sz)

    kept = torch.cat(outputs, dim=1)  # (bs, n_kept, emb_sz)
    mask = mask[:, -kept.shape[1] :]  # (bs, n_kept)
    if order == sorted(order):
        return kept, mask  # as our own batches come: putting nothing back saves a copy
    back = torch.tensor(order, device=ids.device).argsort()
    return kept[back], mask[back]


def masked_concat_pool(output: Tensor, mask: Tensor) -> Tensor:
    """Return the last output of each document, the maximum over time and the mean over time, side by side.

    Args:
        output: (bs, seq_len, emb_sz).
        mask: (bs, seq_len), True where an output is to be ignored; every row needs one that is not.

    Returns:
        (bs, 3 * emb_sz): [last, max, mean].

    Source: Howard and Ruder 2018, section 3.3; fastai `text.models.core.masked_concat_pool`.

    >>> output = torch.tensor([[[1.0], [5.0], [3.0], [9.0]]])
    >>> mask = torch.tensor([[False, False, False, True]])
    >>> masked_concat_pool(output, mask)
    tensor([[3., 5., 3.]])
    """
    time = torch.arange(output.shape[1], device=output.device)
    last = time.masked_fill(mask, -1).amax(dim=1)  # (bs,)
    last_output = output[torch.arange(len(output), device=output.device), last]  # (bs, emb_sz)
    ignored = mask[:, :, None]  # (bs, seq_len, 1)
    largest = output.masked_fill(ignored, float("-inf")).max(dim=1).values  # (bs, emb_sz)
    mean = output.masked_fill(ignored, 0).sum(dim=1) / (~mask).sum(dim=1, keepdim=True)  # (bs, emb_sz)
    return torch.cat([last_output, largest, mean], dim=1)  # (bs, 3 * emb_sz)


class ClassifierHead(nn.Module):
    """Layers from pooled outputs to logits: batch normalisation, dropout, linear, with ReLU between two of them.

    Args:
        n_in: size of what comes in, 3 * emb_sz.
        n_classes: size of what goes out.
        lin_ftrs: sizes of the hidden layers.
        ps: dropout before each linear layer, one more than `lin_ftrs`.
        seed: what the initial weights depend on.

    Raises:
        ConfigError: the numbers of sizes and of dropouts do not fit, or there are fewer than two classes.

    Source: fastai `text.models.core.PoolingLinearClassifier`, `layers.LinBnDrop`.
    """

    def __init__(
        self,
        n_in: int,
        n_classes: int,
        lin_ftrs: Sequence[int] = (50,),
        ps: Sequence[float] = (0.4, 0.1),
        seed: int = 0,
    ) -> None:
        super().__init__()
        sizes = [n_in, *lin_ftrs, n_classes]
        if len(ps) != len(sizes) - 1:
            raise ConfigError(f"A head of {len(sizes) - 1} linear layers needs as many dropouts, not {len(ps)}.")
        if n_classes < 2:
            raise ConfigError(f"A classifier needs at least two classes, not {n_classes}.")
        generator = torch.Generator().manual_seed(seed)
        layers: list[nn.Module] = []
        for size_in, size_out, p in zip(sizes[:-1], sizes[1:], ps, strict=True):
            norm = nn.BatchNorm1d(size_in)
            nn.init.constant_(norm.bias, 1e-3)  # as fastai begins
            # It needs no bias: the batch normalisation before it has one already.
            linear = BlankLinear(size_in, size_out, bias=False)
            bound = size_in**-0.5  # PyTorch's own
            nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
            layers += [norm, nn.Dropout(p), linear, nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        self.lin_ftrs, self.ps = list(lin_ftrs), list(ps)

    def forward(self, pooled: Tensor) -> Tensor:
        """Return logits (bs, n_classes) for pooled outputs (bs, n_in).

        Raises:
            ConfigError: one document alone, in training.
        """
        if self.training and len(pooled) == 1:
            raise ConfigError(
                "Batch normalisation cannot learn from a batch of one document.", fix="Use a batch size of 2 or more."
            )
        return self.layers(pooled)


class ClassifierOutput(NamedTuple):
    """Logits (bs, n_classes), and what was pooled: output (bs, n_kept, emb_sz) and mask (bs, n_kept), True
    outside."""

    logits: Tensor
    output: Tensor
    mask: Tensor


class TextClassifier(nn.Module):
    """An encoder, concat pooling and a head: documents in, one logit a class out.

    Args:
        encoder: the AWD-LSTM of the language model.
        n_classes: how many classes.
        seq_len: tokens a chunk.
        max_len: how many of the last tokens of a document are pooled and get a gradient.
        lin_ftrs: sizes of the head's hidden layers.
        ps: dropouts before each linear layer but the first.
        output_p: dropout before the first linear layer.
        seed: what the initial weights of the head depend on.

    Raises:
        ConfigError: the sizes do not fit together.

    Source: fastai `text.models.core.get_text_classifier`.
    """

    def __init__(
        self,
        encoder: AWDLSTM,
        n_classes: int,
        seq_len: int = 72,
        max_len: int = 1440,
        lin_ftrs: Sequence[int] = (50,),
        ps: Sequence[float] = (0.1,),
        output_p: float = 0.4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_lengths(seq_len, max_len)
        self.encoder = encoder
        self.head = ClassifierHead(3 * encoder.config.emb_sz, n_classes, lin_ftrs, (output_p, *ps), seed)
        self.pad_id, self.seq_len, self.max_len, self.n_classes = encoder.config.pad_id, seq_len, max_len, n_classes

    def forward(self, ids: Tensor, with_output: bool = False) -> Tensor | ClassifierOutput:
        """Return logits (bs, n_classes) for documents (bs, longest), padded anywhere.

        With `with_output` return what was pooled beside them, which regularisation looks at.

        Raises:
            DataError: a row holds nothing but padding.
        """
        output, mask = self.encode(ids)
        logits = self.head(masked_concat_pool(output, mask))
        return ClassifierOutput(logits, output, mask) if with_output else logits

    def encode(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is pooled: output (bs, n_kept, emb_sz), and mask (bs, n_kept), True where not part of it.

        Raises:
            DataError: a row holds nothing but padding.
        """
        ids, lengths = padding_to_the_end(ids, self.pad_id)
        # One wait for the device a batch: the number of chunks must be known before they are read.
        return encode_in_chunks(self.encoder, ids, lengths.tolist(), self.seq_len, self.max_len)


def padding_to_the_end(ids: Tensor, pad_id: int = 1) -> tuple[Tensor, Tensor]:
    """Move the padding of each row behind its words, which keep their order, and count the words.

    Args:
        ids: (bs, longest), padding anywhere.

    Returns:
        ids (bs, longest) with the padding at the end, and lengths (bs,).

    >>> ids, lengths = padding_to_the_end(torch.tensor([[1, 1, 7, 8], [5, 6, 1, 1]]))
    >>> ids.tolist(), lengths.tolist()
    ([[7, 8, 1, 1], [5, 6, 1, 1]], [2, 2])
    """
    is_pad = ids == pad_id  # (bs, longest)
    words_first = is_pad.to(torch.uint8).argsort(dim=1, stable=True)
    return ids.gather(1, words_first), (~is_pad).sum(dim=1)


def check_lengths(seq_len: int, max_len: int) -> None:
    """Refuse lengths with which some document would have nothing to pool.

    Raises:
        ConfigError: `seq_len` is less than 1 or `max_len` less than `seq_len`.
    """
    if seq_len < 1 or max_len < seq_len:
        raise ConfigError(
            f"With chunks of seq_len={seq_len} and pooling over the last max_len={max_len}, some documents keep none.",
            fix="Let max_len be at least seq_len, and seq_len at least 1.",
        )


def _align_ends(
    ids: Tensor, lengths: Sequence[int], n_chunks: Sequence[int], order: Sequence[int], seq_len: int
) -> tuple[Tensor, Tensor]:
    """Return the rows in `order`, moved right by whole chunks so that all end in the same one, and for each cell its
    position in the document (negative before it begins); both (bs, n_tokens)."""
    n_steps = max(n_chunks)
    last_chunk = max(length - (n - 1) * seq_len for length, n in zip(lengths, n_chunks, strict=True))
    n_tokens = (n_steps - 1) * seq_len + last_chunk
    begin = torch.tensor([(n_steps - n_chunks[row]) * seq_len for row in order], device=ids.device)
    position = torch.arange(n_tokens, device=ids.device) - begin[:, None]  # (bs, n_tokens)
    rows = ids[torch.tensor(order, device=ids.device)]
    return rows.gather(1, position.clamp(0, ids.shape[1] - 1)), position


def _grow(encoder: AWDLSTM, state: State | None, rows: int) -> State:
    """Return the state with fresh rows behind those it has; each tensor (1, rows, n_hid of the layer)."""
    if state is None:
        return encoder.initial_state(rows)
    missing = rows - state[0][0].shape[1]
    if missing == 0:
        return state
    fresh = encoder.initial_state(missing)
    return [
        (torch.cat([h, new_h], dim=1), torch.cat([c, new_c], dim=1))
        for (h, c), (new_h, new_c) in zip(state, fresh, strict=True)
    ]
