"""A tiny classifier built from a few choices, and its parameters by name instead of by value."""

from collections.abc import Callable
from functools import cache
from typing import Any

#: Heads to choose from: what stands in one, in the order in which it is applied.
HEADS = ("linear", "two_linear", "norm_and_linear")


def call(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call the answer with a classifier, and return for each parameter that comes back its name in the model.

    The one argument says how many LSTM layers it has, which of the `HEADS`, whether its layers have a bias, how many
    of its parameters are frozen when the answer is called, and whether the head's last layer uses the embedding's
    weight.
    """
    (described,) = args
    n_layers, head, bias, n_frozen, shared = described
    model = _model(n_layers, head, bias, shared)
    # One model serves every call, and an earlier answer may have frozen some of it.
    for number, parameter in enumerate(model.parameters()):
        parameter.requires_grad_(number >= n_frozen)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return _named(function(model), names)


def show_call(function: str, args: tuple[Any, ...]) -> str:
    """Return the call as a student would type it, and behind it what the model is."""
    n_layers, head, bias, n_frozen, shared = args[0]
    parts = [f"{n_layers} LSTM layer{'s' if n_layers > 1 else ''}", f"head: {head.replace('_', ' ')}"]
    parts.append("with biases" if bias else "no biases")
    if n_frozen:
        parts.append(f"the first {n_frozen} of its parameters frozen")
    if shared:
        parts.append("the head's last layer uses the embedding's weight")
    return f"{function}(model)    # {', '.join(parts)}"


@cache
def _model(n_layers: int, head: str, bias: bool, shared: bool) -> Any:
    """Return the classifier; to build it takes longer than to ask for its groups."""
    from torch import nn

    emb_sz, n_hid = 2, 3
    model = nn.Module()
    model.encoder = nn.Module()
    model.encoder.encoder = nn.Embedding(4, emb_sz)
    sizes = [emb_sz] + [n_hid] * (n_layers - 1) + [emb_sz]
    layers = [nn.LSTM(sizes[i], sizes[i + 1], bias=bias) for i in range(n_layers)]
    model.encoder.rnns = nn.ModuleList(layers)
    before = {
        "linear": [],
        "two_linear": [nn.Linear(emb_sz, emb_sz, bias=bias), nn.ReLU()],
        "norm_and_linear": [nn.BatchNorm1d(emb_sz), nn.Dropout(0.1)],
    }[head]
    last = nn.Linear(emb_sz, 4, bias=bias)
    if shared:
        last.weight = model.encoder.encoder.weight
    model.head = nn.Sequential(*before, last)
    return model


def _named(value: Any, names: dict[int, str]) -> Any:
    """Return the value with names for parameters. Within a group their order does not matter, so it is sorted."""
    if isinstance(value, list | tuple):
        found = [_named(one, names) for one in value]
        if found and all(isinstance(one, str) for one in found):
            found.sort()
        return type(value)(found)
    if isinstance(value, int | float | str | type(None)):
        return value
    return names.get(id(value), f"a {type(value).__name__} that is no parameter of the model")
