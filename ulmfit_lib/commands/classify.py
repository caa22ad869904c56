"""`ulmfit classify`: a classifier on a saved encoder."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app


@app.command(epilog="Example: ulmfit classify --texts reviews.csv --encoder runs/lm/encoder-forward --out runs/clas")
def classify(
    context: typer.Context,
    encoder: Annotated[Path, typer.Option(help="The encoder's artifact, as `ulmfit finetune` or `run` saves it.")],
    out: Annotated[Path, typer.Option(help="The folder to make: classifier, picture, receipt.")],
    texts: options.Texts = None,
    recipe: options.RecipeName = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs after all is unfrozen.", show_default="the recipe's")
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(help="Refuse an encoder that reads in the other direction.", show_default="the encoder's"),
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    threads: options.Threads = 0,
    processes: options.Processes = 1,
    resume: options.Resume = False,
    restart: options.Restart = False,
    checkpoint_minutes: options.Minutes = 10.0,
    checkpoint_steps: options.Steps = None,
    config: options.Config = None,
) -> None:
    """Train a classifier by gradual unfreezing, and say how good it is."""
    options.quiet_threads()
    from ulmfit_lib.data import find_texts

    chosen = options.chosen_recipe(context, recipe, {})
    if epochs is not None:
        chosen = chosen.with_last_epochs(epochs)
    material = find_texts(texts, seed=seed)
    command = options.said(
        "classify",
        texts=material.name if texts else None,
        encoder=encoder,
        recipe=recipe and Path(recipe),
        epochs=epochs,
        direction=direction,
        seed=seed,
        config=config,
    )
    options.train_a_stage(
        lambda stages, sitting: stages.classify(
            material, encoder, out, direction=direction, recipe=chosen, seed=seed, precision=precision, sitting=sitting
        ),
        material,
        threads,
        *(device, command, resume, restart, checkpoint_steps, checkpoint_minutes, processes),
    )
