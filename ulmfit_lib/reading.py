"""Reading documents for a prediction alone: what pooling needs is worked out on the way, and no output is kept.

Training reads in the chunks that its gradient ends at, and all documents of a batch end in the last one. A prediction
has no gradient, and the state is carried: whatever the chunks are, the outputs are the same. So the documents begin
together here and the chunks are short, which leaves little padding to be read:

    chunk         0        1        2
    doc 0       a b c    d e f    g h i         longest first: the rows that are not at their end
    doc 1       k l m    n o .                  are then always the first ones
    doc 2       x y .

A document of any length takes the memory of one chunk.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ulmfit_lib.awd_lstm import State
from ulmfit_lib.classifier import TextClassifier, first_pooled_token

#: Tokens a chunk on a processor; a GPU is fed better by the model's own, longer chunks.
STEP = 24


def read_and_pool(model: TextClassifier, ids: Tensor, lengths: Sequence[int]) -> Tensor:
    """Return what `masked_concat_pool` gives for documents, without a gradient: (bs, 3 * emb_sz), [last, max, mean].

    Args:
        model: in evaluation mode, on the device of `ids`.
        ids: (bs, longest) documents, longest first, filled up behind their last token.
        lengths: how many tokens of each row are the document, each at least 1.
    """
    step = STEP if ids.device.type == "cpu" else model.seq_len
    first = [first_pooled_token(length, model.seq_len, model.max_len) for length in lengths]
    begin, end = (torch.tensor(places, device=ids.device)[:, None] for places in (first, lengths))  # both (bs, 1)
    last = model.encoder.encoder.weight.new_zeros(len(ids), model.encoder.config.emb_sz)  # (bs, emb_sz)
    largest, total = torch.full_like(last, float("-inf")), torch.zeros_like(last)
    state: State | None = None
    for start in range(0, lengths[0], step):
        rows = sum(length > start for length in lengths)
        if state is not None:
            state = [(h[:, :rows], c[:, :rows]) for h, c in state]
        output, _, state = model.encoder(ids[:rows, start : start + step], state)  # (rows, step, emb_sz)
        output = output.float()  # sums are never made in half precision
        # Mostly all of a chunk is pooled: then nothing has to be masked.
        for_largest = for_total = output
        if start < max(first[:rows]) or lengths[rows - 1] < start + output.shape[1]:
            position = torch.arange(start, start + output.shape[1], device=ids.device)  # (step,)
            ignored = ((position < begin[:rows]) | (position >= end[:rows]))[:, :, None]  # (rows, step, 1)
            for_largest, for_total = output.masked_fill(ignored, float("-inf")), output.masked_fill(ignored, 0)
        largest[:rows] = torch.maximum(largest[:rows], for_largest.amax(dim=1))
        total[:rows] += for_total.sum(dim=1)
        at_end = (end[:rows] - 1 - start).clamp(0, output.shape[1] - 1)  # the last token, or the last one so far
        last[:rows] = output.gather(1, at_end[:, :, None].expand(-1, -1, output.shape[2])).squeeze(1)
    return torch.cat([last, largest, total / (end - begin)], dim=1)
