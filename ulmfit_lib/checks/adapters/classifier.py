"""A toy encoder for the exercises on the classifier: its memory halves with each token that it reads."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ulmfit_lib.checks.adapters.tensors import refuse_changes, show_value, to_plain

if TYPE_CHECKING:
    from torch import Tensor

VOCAB_SZ = 64
#: Stands in the plain arguments where the answer gets the encoder.
ENCODER = "encoder"


class ToyEncoder:
    """Reads ids (bs, n) from a state, and gives an output (bs, n, 2) and the next state, a list of one tensor (bs, 2).

    The output at a token is that token's two numbers plus half of the output before it. All of it is exact in floating
    point.
    """

    def __init__(self) -> None:
        import torch

        ids = torch.arange(VOCAB_SZ)
        numbers = torch.stack([ids * 7 % 16 - 6, ids * 5 % 16 - 9], dim=1)  # (vocab_sz, 2)
        self.table = numbers.double().requires_grad_()

    def __call__(self, ids: "Tensor", state: "list[Tensor] | None" = None) -> "tuple[Tensor, list[Tensor]]":
        import torch

        memory = torch.zeros(len(ids), 2, dtype=torch.float64) if state is None else state[0]
        if len(memory) != len(ids):
            raise ValueError(f"The state has {len(memory)} rows, and the ids have {len(ids)}.")
        outputs = []
        for column in ids.T:  # (bs,)
            memory = memory / 2 + self.table[column]
            outputs.append(memory)
        return torch.stack(outputs, dim=1), [memory]


def read(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with a toy encoder, and say beside what it returned which tokens got a gradient.

    What stands at masked places does not matter, so it is made 0. The gradient is that of the sum of the others. The
    mask comes first, because the other two depend on it.
    """
    import torch

    _, ids, *sizes = args
    encoder, handed = ToyEncoder(), torch.from_numpy(ids.copy())
    returned = function(encoder, handed, *sizes)
    if type(returned) is not tuple or len(returned) != 2:
        return to_plain(returned)
    output, mask = returned
    if not _fit(output, mask):
        return {"mask": to_plain(mask)}, {"output": _plain(output)}
    output = output.masked_fill(mask[:, :, None], 0)
    gradient = torch.zeros_like(encoder.table)
    if output.requires_grad:
        output.sum().backward()
        gradient = encoder.table.grad
    real = torch.arange(handed.shape[1]) < torch.tensor(sizes[0])[:, None]  # (bs, longest)
    of_each_token = gradient[:, 0][torch.from_numpy(ids)] * real  # (bs, longest)
    plain = (
        {"mask": to_plain(mask)},
        {"output, 0 where the mask is True": _plain(output)},
        {"gradient of each token": _plain(of_each_token)},
    )
    refuse_changes(handed, torch.from_numpy(ids), plain)
    return plain


def _plain(numbers: Any) -> Any:
    """Return the plain value; the toy encoder's small numbers need no double precision, and are shorter without."""
    import torch

    return to_plain(numbers.float() if getattr(numbers, "dtype", None) == torch.float64 else numbers)


def _fit(output: Any, mask: Any) -> bool:
    import torch

    if not isinstance(output, torch.Tensor) or not isinstance(mask, torch.Tensor):
        return False
    return output.ndim == 3 and output.shape[:2] == mask.shape and mask.dtype == torch.bool


def show_read(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it."""
    return f"{function}({', '.join([ENCODER, *map(show_value, args[1:])])})"
