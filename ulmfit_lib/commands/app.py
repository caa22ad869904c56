"""What every command hangs on: the program itself, its help and its version."""

from typing import Annotated

import typer

from ulmfit_lib import __version__

app = typer.Typer(
    name="ulmfit",
    help="Train a text classifier the ULMFiT way: a language model first, then a classifier on top of it, reading "
    "forward and backward.",
    epilog="Example: ulmfit run --texts reviews.csv",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ulmfit {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass
