"""`ulmfit run`: the whole road, from raw texts to an ensemble and its accuracy."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from ulmfit_lib.commands.app import app

_MOST_THREADS = 4  # a small LSTM gains nothing from more


@app.command(epilog="Example: ulmfit run --texts reviews.csv --out runs/reviews --seed 1")
def run(
    texts: Annotated[
        Path | None,
        typer.Option(
            help="A .csv, .tsv or .parquet file with the columns text, label and perhaps split (train, valid, test or "
            "unsup), or a folder with a folder a label, such as aclImdb. By default the reviews that come with the "
            "project.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to make. By default runs/ and the name of the texts.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Everything random depends on it alone.")] = 0,
    direction: Annotated[str, typer.Option(help="both, forward or backward.")] = "both",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda; auto takes a GPU if there is one.")] = "auto",
    lm_epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of each language model.", show_default="the recipe's")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs of each classifier after all is unfrozen.", show_default="the recipe's"),
    ] = None,
    threads: Annotated[
        int,
        typer.Option(
            min=0,
            help="Threads on the CPU; two or more are shared by both directions, which then run at once. 0 takes one a "
            f"core, {_MOST_THREADS} at most.",
        ),
    ] = 0,
) -> None:
    """Go from raw texts to a forward and backward classifier, and say how good it is."""
    # Threads that spin while they wait bring a busy machine to a halt. Read when torch is loaded, so said before.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from dataclasses import replace

    from rich.console import Console

    from ulmfit_lib.data import read_texts, shipped_reviews
    from ulmfit_lib.display import Bars, closing_table

    # Read before torch is loaded: bad input is answered at once.
    material = shipped_reviews() if texts is None else read_texts(texts, seed=seed)
    out = Path("runs") / material.name.partition(".")[0] if out is None else out
    console = Console(stderr=True)
    console.print(f"{len(material):,} texts, {len(material.label_names)} labels. Loading PyTorch and fastai ...")
    with _leaving_at_once():
        import torch

        from ulmfit_lib.pipeline import choose_device
        from ulmfit_lib.pipeline import run as run_pipeline
        from ulmfit_lib.recipe import Recipe

    torch.set_num_threads(threads or min(torch.get_num_threads(), _MOST_THREADS))
    # Two processes use two cores better than two threads do; a GPU is one, and both would wait for it.
    processes = 2 if choose_device(device) == "cpu" and torch.get_num_threads() > 1 else 1
    recipe = Recipe()
    if lm_epochs is not None:
        recipe = replace(recipe, lm_epochs=lm_epochs)
    if epochs is not None:
        recipe = replace(recipe, classifier_epochs=(*recipe.classifier_epochs[:3], epochs))
    command = f"ulmfit run{f' --texts {material.name}' if texts else ''} --seed {seed} --direction {direction}"
    command += "".join(
        f" --{name} {value}" for name, value in (("lm-epochs", lm_epochs), ("epochs", epochs)) if value is not None
    )
    with Bars(console) as bars:
        report = run_pipeline(
            material,
            out=out,
            seed=seed,
            direction=direction,
            device=device,
            processes=processes,
            recipe=recipe,
            command=command,
            watch=bars,
        )
    plain = Console()
    plain.print(closing_table(report))
    for note in report.notes:
        plain.print(f"- {note}", highlight=False, markup=False, soft_wrap=True)
    for path in sorted(out.iterdir()):
        plain.print(f"{path}{'/' if path.is_dir() else ''}", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _leaving_at_once() -> Iterator[None]:
    """End the process at Ctrl-C without an exception, which some libraries swallow while they are imported."""

    def leave(_signal: int, _frame: FrameType | None) -> None:
        os.write(2, b"ulmfit: interrupted; nothing was left behind.\n")
        os._exit(130)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
