"""A toy model that writes, and a toy choice of the next token; both leave nothing to chance."""

from collections.abc import Callable
from typing import Any, NamedTuple

from ulmfit_lib.checks.adapters import InputChanged

N_TOKENS = 6  # in the toy model's vocabulary


class _Output(NamedTuple):
    logits: Any  # (1, tokens, N_TOKENS)
    state: int


def writing(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with (model, ids, n, choose, stop) of (number of the toy model, ids, n, stop)."""
    number, ids, n, stop = args
    handed = list(ids)
    model = _toy_model(number, most=len(ids) + n)
    returned = function(model, handed, n, _most_probable, stop)
    if handed != ids:
        raise InputChanged(repr(handed), returned)
    return returned


def show_writing(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it."""
    number, ids, n, stop = args
    return f"{function}(model, {ids}, {n}, choose, {stop}), where model is toy model number {number}"


def _toy_model(number: int, most: int) -> Callable[..., _Output]:
    """Return a model that foretells from all that it has read, and that will not read more tokens than are needed.

    Its count is no attribute of it, so that no answer can put it back to 0 by accident or by `model.n_read = 0`.
    """
    n_read = 0

    def model(ids: Any, state: int | None = None) -> _Output:
        nonlocal n_read
        import torch

        if not isinstance(ids, torch.Tensor) or ids.dim() != 2 or ids.shape[0] != 1 or ids.dtype != torch.int64:
            raise TypeError("the model takes ids as a tensor of whole numbers of the shape (1, tokens)")
        n_read += ids.shape[1]
        if n_read > most:
            raise RuntimeError(
                f"the model was given {n_read} tokens where {most} are enough: "
                "give it only what it has not read, and the state"
            )
        state = number if state is None else state
        rows = []
        for token in ids[0].tolist():
            state = (state * 31 + token * 7 + 3) % 1009
            rows.append([(state * (place + 2)) % 13 + place / 100 for place in range(N_TOKENS)])
        return _Output(torch.tensor([rows]), state)

    return model


def _most_probable(logits: Any) -> int:
    if getattr(logits, "shape", None) != (N_TOKENS,):
        raise TypeError(f"choose takes the logits for one token, a tensor of the shape ({N_TOKENS},)")
    return int(logits.argmax())
