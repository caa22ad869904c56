"""`ulmfit pretrain`: a language model from a packed corpus, one stretch at a time."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app


@app.command(epilog="Example: ulmfit pretrain --corpus runs/wiki --direction forward --out runs/wiki-forward")
def pretrain(
    corpus: Annotated[Path, typer.Option(help="What `ulmfit pack` made.")],
    out: Annotated[Path, typer.Option(help="The artifact to make.")],
    direction: Annotated[str, typer.Option(help="forward or backward.")],
    start_from: Annotated[
        Path | None, typer.Option(help="The artifact of the stretch before, to go on from.", show_default=False)
    ] = None,
    pieces: Annotated[
        int | None, typer.Option(min=1, help="Read so many pieces of the corpus at most.", show_default="all")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the corpus.")] = 1,
    lr: Annotated[float, typer.Option(min=0, help="The highest rate.")] = 1e-2,
    emb_sz: Annotated[int, typer.Option(min=8, help="Size of the embedding (first stretch).")] = 128,
    n_hid: Annotated[int, typer.Option(min=8, help="Size of the hidden layers (first stretch).")] = 256,
    n_layers: Annotated[int, typer.Option(min=1, help="Number of layers (first stretch).")] = 2,
    drop_mult: Annotated[float, typer.Option(min=0, help="Share of fastai's dropout.")] = 0.1,
    bs: Annotated[int, typer.Option(min=1, help="Mini-streams side by side.")] = 64,
    seq_len: Annotated[int, typer.Option(min=1, help="Tokens of each in a step.")] = 72,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint of an interrupted stretch, if there is one.")
    ] = False,
    restart: options.Restart = False,
    every_minutes: Annotated[float, typer.Option(min=0.01, help="Minutes from one checkpoint to the next.")] = 10,
    half: Annotated[
        bool, typer.Option("--half", help="Store the weights in half precision, as the models that ship.")
    ] = False,
    config: options.Config = None,
) -> None:
    """Train a language model on general text, from random weights or from an earlier stretch."""
    options.quiet_threads()
    from ulmfit_lib.packing import unpack

    packed = unpack(corpus, most_pieces=pieces)
    tokens = {part: found.n_tokens for part, found in packed.parts.items()}
    typer.echo(f"{packed.name}: {', '.join(f'{n:,} tokens {part}' for part, n in tokens.items())}", err=True)
    from ulmfit_lib.pipeline import choose_device
    from ulmfit_lib.pretraining import PretrainingRecipe, ship
    from ulmfit_lib.pretraining import pretrain as train

    recipe = PretrainingRecipe(emb_sz, n_hid, n_layers, epochs, lr, drop_mult=drop_mult, bs=bs, seq_len=seq_len)
    command = f"ulmfit pretrain --corpus {packed.name} --direction {direction} --epochs {epochs} --lr {lr:g}"
    command += "" if pieces is None else f" --pieces {pieces}"
    command += "" if start_from is None else f" --start-from {start_from.name}"
    train(
        packed,
        out,
        direction=direction,
        recipe=recipe,
        start_from=start_from,
        seed=seed,
        device=choose_device(device),
        precision=precision,
        command=f"{command} --precision {precision} --seed {seed}",
        progress=lambda line: typer.echo(line, err=True),
        resume=resume,
        restart=restart,
        every_minutes=every_minutes,
    )
    if half:
        ship(out, out)
    typer.echo(f"{out}/")
