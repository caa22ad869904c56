"""One training in several processes, a GPU or a share of the processor each: the same steps, in less time.

Each process has the whole model and reads some of the mini-streams, carrying their hidden state itself. After the
backward pass the gradients are averaged, so all processes make the same step and their models stay alike, bit for bit.

    process 0    mini-streams 0 to 31  -> gradient \\
                                                    mean -> the same step in both
    process 1    mini-streams 32 to 63 -> gradient /

Every mini-stream has as many tokens as any other, so the mean of the processes' losses is the loss of the whole batch.
fastai's `distrib_ctx` does the same for its own data loaders; both stand on `torch.distributed`.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
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
        self.learn.loss = self._mean(self.learn.loss.detach().clone())
        if not self.learn.training:
            dist.all_reduce(self.learn.loss_func.n_correct)

    def after_backward(self) -> None:
        gradients = [parameter.grad for parameter in self.learn.model.parameters() if parameter.grad is not None]
        flat = self._mean(torch.cat([gradient.flatten() for gradient in gradients]))
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

    def _mean(self, tensor: torch.Tensor) -> torch.Tensor:
        dist.all_reduce(tensor)
        return tensor.div_(self.group.size)


def fine_tune_in_processes(
    n_processes: int, *data: Any, tell: Tell | None = None, threads: int | None = None, **options: Any
) -> Any:
    """Fine-tune a language model in several processes; a script that does needs `if __name__ == "__main__":`.

    Args:
        n_processes: how many; on GPUs one each.
        data: the first arguments of `fine_tune_language_model`: training and validation documents, and the vocabulary.
        tell: called with the line of each epoch.
        threads: threads of each process on the CPU; None leaves it at what PyTorch takes.
        options: the others, but for `progress`, `ticks` and `out`.

    Returns:
        an `LMResult`, its model on the CPU.

    Raises:
        ConfigError: an option that cannot be had in several processes, a batch size that cannot be shared, or fewer
            GPUs than processes.
        UlmfitError: as `fine_tune_language_model`.
    """
    from ulmfit_lib.awd_lstm import AWDConfig, LanguageModel
    from ulmfit_lib.fine_tuning import LMResult
    from ulmfit_lib.history import History

    for name in ("progress", "ticks", "out"):
        if options.get(name) is not None:
            raise ConfigError(f"{name} cannot be had in several processes.", fix="Save the result, or use one process.")
    on_gpus = str(options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")).startswith("cuda")
    if on_gpus and torch.cuda.device_count() < n_processes:
        raise ConfigError(f"There are {torch.cuda.device_count()} GPUs for {n_processes} processes.")
    Group(0, n_processes).rows(options.get("bs", 64))
    port = _free_port()
    jobs = [(Group(rank, n_processes), port, data, options, on_gpus) for rank in range(n_processes)]
    found = in_processes(_train, jobs, tell or (lambda *_told: None), threads)[0]
    model, history = LanguageModel(AWDConfig(**found["config"])), History()
    model.load_state_dict({name: torch.from_numpy(array) for name, array in found["state"].items()})
    history.load(found["history"])
    last = history.epochs[-1]
    return LMResult(model.eval(), history, last.valid_loss, last.perplexity, last.accuracy)


def _train(
    group: Group, port: int, data: tuple, options: Mapping[str, Any], on_gpus: bool, tell: Tell
) -> dict[str, Any] | None:
    from ulmfit_lib.fine_tuning import fine_tune_language_model

    device = f"cuda:{group.rank}" if on_gpus else "cpu"
    with _joined(group, port, on_gpus):
        progress = tell if group.rank == 0 else None
        result = fine_tune_language_model(*data, **{**options, "device": device}, progress=progress, group=group)
    if group.rank:
        return None
    # Plain values: tensors would travel as handles of this process, which is about to end.
    history = {k: v.numpy() if isinstance(v, torch.Tensor) else v for k, v in result.history.saved().items()}
    state = {name: tensor.cpu().numpy() for name, tensor in result.model.state_dict().items()}
    return {"config": asdict(result.model.config), "state": state, "history": history}


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
