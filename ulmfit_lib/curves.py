"""A training in a picture: its losses, the smoothed loss, the validation, and the rate of each step."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ulmfit_lib.history import smoothed

if TYPE_CHECKING:
    from ulmfit_lib.classifier_training import ClassifierHistory
    from ulmfit_lib.history import History


def draw_training(path: Path, history: "History | ClassifierHistory", title: str) -> Path:
    """Save a PNG with the loss of each step above and its learning rate below.

    Args:
        path: the file to make.
        history: of a language model or a classifier.
        title: what stands over it.

    Raises:
        OSError: it cannot be written.
    """
    # Not pyplot: it opens windows, and keeps every figure until it is told to let go.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.plot(history.losses, color="0.8", linewidth=0.8, label="each step")
    above.plot(smoothed(history.losses), color="tab:blue", label="smoothed")
    ends = _ends_of_epochs(history)
    above.plot(ends, [log.valid_loss for log in history.epochs], "o-", color="tab:orange", label="validation")
    above.set(ylabel="loss", title=title)
    above.legend(frameon=False)
    below.plot(history.lrs, color="tab:green")
    below.set(xlabel="step", ylabel="learning rate")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100, metadata={"Software": None})
    return path


def thinned(values: Sequence[float], most: int = 200) -> list[float]:
    """Return the mean of each of at most `most` equal pieces of a long list: enough to draw it.

    >>> thinned([1.0, 3.0, 5.0, 7.0], most=2)
    [2.0, 6.0]
    """
    step = max(1, -(-len(values) // most))
    pieces = [values[start : start + step] for start in range(0, len(values), step)]
    return [sum(piece) / len(piece) for piece in pieces]


def summary(history: "History | ClassifierHistory") -> dict[str, Any]:
    """Return a training for a receipt: its curves in at most 200 points, and every epoch."""
    return {
        "steps": len(history.losses),
        "losses": [round(loss, 5) for loss in thinned(history.losses)],
        "rates": [float(f"{lr:.4g}") for lr in thinned(history.lrs)],
        "epochs": [dict(vars(log)) for log in history.epochs],
    }


def _ends_of_epochs(history: "History | ClassifierHistory") -> list[int]:
    """Return the number of steps made when each epoch ended."""
    starts = history.epoch_starts
    return [*starts[1 : len(history.epochs)], len(history.losses)][: len(history.epochs)]
