"""`ulmfit run`: the whole road, from raw texts to an ensemble and its accuracy."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app


@app.command(epilog="Example: ulmfit run --texts reviews.csv --out runs/reviews --seed 1")
def run(
    context: typer.Context,
    texts: options.Texts = None,
    out: Annotated[
        Path | None, typer.Option(help="The folder to make. By default runs/ and the name of the texts.")
    ] = None,
    recipe: options.RecipeName = None,
    pretrained: options.Pretrained = None,
    tokenizer: options.TokenizerKind = None,
    lang: options.Lang = None,
    leak: options.Leak = None,
    lm_epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of each language model.", show_default="the recipe's")
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs of each classifier after all is unfrozen.", show_default="the recipe's"),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            help="Time for the whole run: epochs of the language models that do not fit are left out, and the run says "
            "how many.",
            show_default="no limit",
        ),
    ] = None,
    seed: options.Seed = 0,
    direction: Annotated[str, typer.Option(help="both, forward or backward.")] = "both",
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    threads: Annotated[
        int,
        typer.Option(
            min=0,
            help="Threads on the CPU; two or more are shared by both directions, which then run at once. 0 takes one a "
            f"core, {options.MOST_THREADS} at most.",
        ),
    ] = 0,
    resume: options.Resume = False,
    restart: options.Restart = False,
    checkpoint_minutes: options.Minutes = 10.0,
    checkpoint_steps: options.Steps = None,
    config: options.Config = None,
) -> None:
    """Go from raw texts to a forward and backward classifier, and say how good it is."""
    options.quiet_threads()
    from rich.console import Console

    from ulmfit_lib.data import find_texts
    from ulmfit_lib.display import Bars, closing_table

    # Read before torch is loaded: bad input is answered at once.
    changes = {"pretrained": pretrained, "tokenizer": tokenizer, "lang": lang, "leak": leak, "lm_epochs": lm_epochs}
    chosen = options.chosen_recipe(context, recipe, changes)
    if epochs is not None:
        chosen = chosen.with_last_epochs(epochs)
    material = find_texts(texts, seed=seed)
    out = Path("runs") / material.name.partition(".")[0] if out is None else out
    console = Console(stderr=True)
    console.print(f"{len(material):,} texts, {len(material.label_names)} labels. Loading PyTorch and fastai ...")
    with options.leaving_at_once():
        import torch

        from ulmfit_lib.pipeline import choose_device
        from ulmfit_lib.pipeline import run as run_pipeline

    options.set_threads(threads)
    # Two processes use two cores better than two threads do; one GPU is shared badly, two are not shared at all.
    several = torch.get_num_threads() > 1 if choose_device(device) == "cpu" else torch.cuda.device_count() > 1
    command = options.said(
        "run",
        texts=material.name if texts else None,
        recipe=None if recipe is None else Path(recipe),
        seed=seed,
        direction=direction,
        lm_epochs=lm_epochs,
        epochs=epochs,
        minutes=minutes,
        pretrained=None if pretrained is None else Path(pretrained),
        tokenizer=tokenizer,
        lang=lang,
        leak=leak,
        precision=None if precision == "fp32" else precision,
        config=config,
    )
    with Bars(console) as bars:
        report = run_pipeline(
            material,
            out=out,
            seed=seed,
            direction=direction,
            device=device,
            precision=precision,
            processes=2 if several else 1,
            recipe=chosen,
            command=command,
            watch=bars,
            resume=resume,
            restart=restart,
            every_steps=checkpoint_steps,
            every_minutes=checkpoint_minutes,
            minutes=minutes,
        )
    plain = Console()
    plain.print(closing_table(report))
    options.say_lines(plain, [f"- {note}" for note in report.notes])
    options.say_lines(plain, [f"{path}{'/' if path.is_dir() else ''}" for path in sorted(out.iterdir())])
