"""`ulmfit finetune`: a language model on texts of one's own."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app


@app.command(epilog="Example: ulmfit finetune --texts reviews.csv --pretrained small --out runs/lm --direction forward")
def finetune(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The folder to make: language model, encoder, picture, receipt.")],
    texts: options.Texts = None,
    recipe: options.RecipeName = None,
    pretrained: options.Pretrained = None,
    tokenizer: options.TokenizerKind = None,
    lang: options.Lang = None,
    leak: options.Leak = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs in which all of it learns.", show_default="the recipe's")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Their highest rate.", show_default="the recipe's")] = None,
    direction: options.OneDirection = "forward",
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
    """Fine-tune a language model on texts, labelled or not, and save it and its encoder."""
    options.quiet_threads()
    from ulmfit_lib.data import find_texts

    changes = {"pretrained": pretrained, "tokenizer": tokenizer, "lang": lang, "leak": leak}
    chosen = options.chosen_recipe(context, recipe, {**changes, "lm_epochs": epochs, "lm_lr": lr})
    material = find_texts(texts, seed=seed, needs_labels=False)
    command = options.said(
        "finetune",
        texts=material.name if texts else None,
        recipe=recipe and Path(recipe),
        direction=direction,
        epochs=epochs,
        lr=lr,
        seed=seed,
        **{**changes, "pretrained": pretrained and Path(pretrained)},
        config=config,
    )
    options.train_a_stage(
        lambda stages, sitting: stages.finetune(
            material, out, direction=direction, recipe=chosen, seed=seed, precision=precision, sitting=sitting
        ),
        material,
        threads,
        *(device, command, resume, restart, checkpoint_steps, checkpoint_minutes, processes),
    )
