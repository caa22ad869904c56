"""The windows of a language model's stream as tensors, for the training loop."""

from collections.abc import Iterator

import torch
from fastai.text.all import Callback
from torch import Tensor

from ulmfit_lib.streams import LMStream


class LMLoader:
    """The windows of an `LMStream` as tensors, with the epoch's tokens moved to the device once.

    `epoch` says which epoch's order of documents the next pass reads, and `start` at which window it begins (it goes
    back to 0 when the pass has begun); both are what a checkpoint has to save of the data. `rows` are the mini-streams
    that are read here, where several processes share them.
    """

    def __init__(self, stream: LMStream, device: str | torch.device = "cpu") -> None:
        self.stream, self.device = stream, torch.device(device)
        self.epoch, self.start, self.rows = 0, 0, slice(None)

    def __len__(self) -> int:
        return len(self.stream)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        start, self.start = self.start, 0
        bs, length = self.stream.bs, self.stream.batch_length
        ids = torch.from_numpy(self.stream.ids(self.epoch)[: bs * length + 1]).to(self.device)
        x, y = ids[:-1].view(bs, length), ids[1:].view(bs, length)  # the table of `streams`, and one token further on
        x, y = x[self.rows], y[self.rows]
        for first, last in self.stream.windows[start:]:
            yield x[:, first:last].long(), y[:, first:last].long()  # (bs, seq_len)


class NextEpoch(Callback):
    """Tells the training loader which epoch of the whole plan begins."""

    order, run_valid = -5, False

    def __init__(self, loader: LMLoader) -> None:
        self.loader, self.first_epoch = loader, 0

    def before_train(self) -> None:
        self.loader.epoch = self.first_epoch + self.learn.epoch
