"""`ulmfit doctor`: what is installed here."""

import typer

from ulmfit_lib.commands.app import app


@app.command(epilog="Example: ulmfit doctor")
def doctor() -> None:
    """Say what is installed, what is missing, and what to do about it."""
    from ulmfit_lib.doctor import main

    raise typer.Exit(main())
