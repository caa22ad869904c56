"""`ulmfit show`: what lies in a folder."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app


@app.command(epilog="Example: ulmfit show runs/reviews")
def show(
    folder: Annotated[Path, typer.Argument(help="A run, an artifact, or a run that was interrupted.")],
) -> None:
    """Say what a run came to, or what an artifact is and how it was made."""
    from rich.console import Console

    from ulmfit_lib.showing import describe

    console = Console()
    for part in describe(folder):
        if isinstance(part, str):
            options.say_lines(console, [part])
        else:
            console.print(part)
