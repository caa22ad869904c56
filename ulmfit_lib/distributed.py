"""One training in several processes, a GPU or a share of the processor each: the same steps, in less time.

Each process has the whole model and reads some of the mini-streams, carrying their hidden state itself. After the
backward pass the gradients are averaged, so all processes make the same step and their models stay alike, bit for bit.

    process 0    mini-streams 0 to 31  -> gradient \\
                                                    mean -> the same step in both
    process 1    mini-streams 32 to 63 -> gradient /

Every mini-stream has as many tokens as any other, so the mean of the processes' losses is the loss of the whole batch.
The classifier's head looks at all documents of a batch at once (batch normalisation does). So what the processes have
read and pooled is gathered, and each of them works out head and loss for all documents:

    process 0    documents 0, 2, 4 ... -> pooled \\
                                                    all of them -> head -> the same loss in both
    process 1    documents 1, 3, 5 ... -> pooled /

fastai's `distrib_ctx` does the same for its own data loaders; both stand on `torch.distributed`.
"""

import pickle
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from fastai.text.all import Callback

from ulmfit_lib.errors import ConfigError
from ulmfit_lib.parallel import Tell, in_processes


class Group(NamedTuple):
    """Which of how many processes this one is."""

    rank: int
    size: int

    def rows(self, bs: int) -> slice:
        """Return the mini-streams of this process, of `bs` in all.

        Raises:
            ConfigError: the processes would not have the same number of them.

        >>> Group(rank=1, size=2).rows(bs=64)
        slice(32, 64, None)
        """
        if bs % self.size:
            raise ConfigError(
                f"A batch size of {bs} cannot be shared evenly by {self.size} processes.",
                fix=f"Give a multiple of {self.size}.",
            )
        n_rows = bs // self.size
        return slice(self.rank * n_rows, (self.rank + 1) * n_rows)


class Together(Callback):
    """Makes the processes of a group act as one: one model at first, one loss, one gradient."""

    order = 10  # the loss is that of all before anybody looks whether it is a number

    def __init__(self, group: Group) -> None:
        self.group = group

    def before_fit(self) -> None:
        for tensor in self.learn.model.state_dict().values():
            dist.broadcast(tensor, src=0)

    def after_loss(self) -> None:
        self.learn.loss = self.mean(self.learn.loss.detach().clone())
        if not self.learn.training and hasattr(self.learn.loss_func, "n_correct"):
            dist.all_reduce(self.learn.loss_func.n_correct)

    def after_backward(self) -> None:
        gradients = [parameter.grad for parameter in self.learn.model.parameters() if parameter.grad is not None]
        flat = self.mean(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))

    def agree(self, *flags: bool) -> list[bool]:
        """Return for each flag whether it is up in any of the processes; all of them get the same answer."""
        device = next(self.learn.model.parameters()).device
        raised = torch.tensor(flags, dtype=torch.int32, device=device)
        dist.all_reduce(raised, op=dist.ReduceOp.MAX)
        return [bool(flag) for flag in raised.tolist()]

    def gather(self, value: Any) -> list[Any] | None:
        """Return the values of all processes in the order of their ranks to the first, and None to the others."""
        found = [None] * self.group.size if self.group.rank == 0 else None
        dist.gather_object(value, found)
        return found

    def mean(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the mean over the processes, in the memory of `tensor`."""
        dist.all_reduce(tensor)
        return tensor.div_(self.group.size)


class SharedDocuments(Callback):
    """Lets a process read its share of each batch of documents, and the classifier's head see what all have read."""

    order = -1  # before `Penalties` asks the model for more than logits

    def __init__(self, group: Group) -> None:
        self.group, self.n_docs = group, 0

    def before_fit(self) -> None:
        self.hook = self.learn.model.head.register_forward_pre_hook(
            lambda _head, pooled: _RowsOfAll.apply(*pooled, self.group, self.n_docs)
        )

    def after_fit(self) -> None:
        self.hook.remove()

    def before_batch(self) -> None:
        (ids,) = self.learn.xb
        self.n_docs = len(ids)
        mine = ids[self.group.rank :: self.group.size]
        # A process that has none, at the end of a validation, reads one that counts for nothing.
        self.learn.xb = (mine if len(mine) else ids[:1],)


class _RowsOfAll(torch.autograd.Function):
    """The rows of all processes in the order of the batch, of which each has every `size`-th."""

    @staticmethod
    def forward(ctx: Any, mine: torch.Tensor, group: Group, n_rows: int) -> torch.Tensor:
        ctx.group, ctx.shape = group, mine.shape
        whole = mine.new_zeros(-(-n_rows // group.size), mine.shape[1])  # as many rows in each process
        whole[: len(mine)] = mine
        parts = [torch.empty_like(whole) for _ in range(group.size)]
        dist.all_gather(parts, whole)
        return torch.stack(parts, dim=1).flatten(0, 1)[:n_rows]

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        group, gradient = ctx.group, grad.new_zeros(ctx.shape)  # 0 for a row that counts for nothing
        own = grad[group.rank :: group.size]
        # The loss is that of all rows in each process: its gradients are added up, where `Together` takes their mean.
        gradient[: len(own)] = group.size * own
        return gradient, None, None


def fine_tune_in_processes(n_processes: int, *data: Any, **options: Any) -> Any:
    """Fine-tune a language model in several processes; see `train_in_processes`.

    Args:
        n_processes: how many; on GPUs one each.
        data: the first arguments of `fine_tune_language_model`: training and validation documents, and the vocabulary.
        options: its other arguments, and `tell` and `threads`.

    Raises:
        ConfigError: the batch size cannot be shared evenly, or as `train_in_processes`.
        UlmfitError: as `fine_tune_language_model`.
    """
    from ulmfit_lib.fine_tuning import fine_tune_language_model

    Group(0, n_processes).rows(options.get("bs", 64))
    return train_in_processes(n_processes, fine_tune_language_model, *data, **options)


def train_in_processes(
    n_processes: int,
    train: Callable[..., Any],
    *data: Any,
    tell: Tell | None = None,
    threads: int | None = None,
    **options: Any,
) -> Any:
    """Train a model in several processes; a script that does needs `if __name__ == "__main__":`.

    Args:
        n_processes: how many; on GPUs one each.
        train: `fine_tune_language_model` or `train_classifier`.
        data: its first arguments.
        tell: called with the line of each epoch.
        threads: threads of each process on the CPU; None leaves it at what PyTorch takes.
        options: its other arguments, but for `progress`, `ticks` and `out`.

    Returns:
        what `train` returns, its model on the CPU.

    Raises:
        ConfigError: an option that cannot be had in several processes, or fewer GPUs than processes.
        UlmfitError: as `train`.
    """
    for name in ("progress", "ticks", "out"):
        if options.get(name) is not None:
            raise ConfigError(f"{name} cannot be had in several processes.", fix="Save the result, or use one process.")
    on_gpus = str(options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")).startswith("cuda")
    if on_gpus and torch.cuda.device_count() < n_processes:
        raise ConfigError(f"There are {torch.cuda.device_count()} GPUs for {n_processes} processes.")
    port = _free_port()
    jobs = [(train, Group(rank, n_processes), port, data, options, on_gpus) for rank in range(n_processes)]
    return pickle.loads(in_processes(_train, jobs, tell or (lambda *_told: None), threads)[0])


def _train(
    train: Callable[..., Any],
    group: Group,
    port: int,
    data: tuple,
    options: Mapping[str, Any],
    on_gpus: bool,
    tell: Tell,
) -> bytes | None:
    device = f"cuda:{group.rank}" if on_gpus else "cpu"
    with _joined(group, port, on_gpus):
        progress = tell if group.rank == 0 else None
        result = train(*data, **{**options, "device": device}, progress=progress, group=group)
    result.model.cpu()
    # As bytes: tensors would travel as handles of this process, which is about to end.
    return pickle.dumps(result) if group.rank == 0 else None


@contextmanager
def _joined(group: Group, port: int, on_gpus: bool) -> Iterator[None]:
    if on_gpus:
        torch.cuda.set_device(group.rank)
    dist.init_process_group(
        "nccl" if on_gpus else "gloo",
        init_method=f"tcp://127.0.0.1:{port}",
        rank=group.rank,
        world_size=group.size,
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
