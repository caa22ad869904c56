"""`ulmfit generate`: a language model goes on writing."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app


@app.command(epilog='Example: ulmfit generate --language-model runs/reviews/language_model-forward "This film is"')
def generate(
    language_model: Annotated[Path, typer.Option(help="The artifact of a language model.")],
    prompt: Annotated[str, typer.Argument(help="What the text begins with; backward, what it ends with.")] = "",
    n: Annotated[int, typer.Option(min=1, help="Tokens to write at most.")] = 60,
    temperature: Annotated[float, typer.Option(min=0, help="Below 1 more decided, above 1 more daring.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(min=1, help="Draw from the k most probable tokens alone.")] = None,
    min_p: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Draw only what is at least so many times as probable as the likeliest."),
    ] = None,
    seed: options.Seed = 0,
    direction: Annotated[
        str | None,
        typer.Option(help="Refuse a model that reads in the other direction.", show_default="the model's"),
    ] = None,
    device: options.Device = "auto",
    raw: Annotated[bool, typer.Option("--raw", help="Print the tokens as they are, marks and all.")] = False,
    config: options.Config = None,
) -> None:
    """Write on from a prompt, each word as it is drawn."""
    options.quiet_threads()
    with options.leaving_at_once():
        from ulmfit_lib.artifacts import read_config
        from ulmfit_lib.direction import BACKWARD
        from ulmfit_lib.generation import UNWRITABLE
        from ulmfit_lib.generation import generate as draw
        from ulmfit_lib.pretrained import load_language_model
        from ulmfit_lib.rules import BOS
        from ulmfit_lib.splitting import splitter
        from ulmfit_lib.writing import stream_words, written_in_pieces

    model, vocab = load_language_model(language_model, direction=direction)
    saved = read_config(language_model)
    model.to(options.choose(device))
    tokens = splitter(saved.get("tokenizer"))(prompt)
    drawn = draw(
        *(model, vocab, tokens, n),
        temperature=temperature,
        top_k=top_k,
        min_p=min_p,
        forbid=written_in_pieces(UNWRITABLE),
        stop=written_in_pieces((BOS,)),
        direction=saved["direction"],
        seed=seed,
    )
    if saved["direction"] == BACKWARD:
        # What is drawn first stands last, so nothing can be shown before all is there.
        before = list(drawn)[::-1]
        typer.echo(" ".join(before) if raw else "".join(stream_words(before, saved.get("tokenizer"))), nl=False)
        typer.echo(f" | {prompt}")
        return
    if prompt:
        typer.echo(f"{prompt} |", nl=False)
    for piece in (f" {token}" for token in drawn) if raw else stream_words(drawn, saved.get("tokenizer")):
        typer.echo(piece, nl=False)
    typer.echo("")
