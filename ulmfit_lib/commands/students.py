"""`ulmfit student`, `submit` and `progress`: what a student needs, all of it offline."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands.app import app

SetName = Annotated[str, typer.Argument(metavar="SET", help="A problem set: 1, 01 or a part of its name.")]


@app.command(epilog="Example: ulmfit student 1")
def student(
    which: SetName = "",
    jupyter: Annotated[bool, typer.Option("--jupyter/--no-jupyter", help="Open JupyterLab afterwards.")] = True,
) -> None:
    """Copy the problem sets into work/ (never over what is there) and open Jupyter."""
    from ulmfit_lib.grading.students import copy_release, open_jupyter, sets_meant

    root = Path.cwd()
    for slug, copied in copy_release(root, sets_meant(which)).items():
        typer.echo(f"work/{slug:26} {'copied' if copied else 'is there already and stays as it is'}")
    if jupyter:
        raise typer.Exit(open_jupyter(root, sets_meant(which)))


@app.command(epilog="Example: ulmfit submit 1")
def submit(
    which: SetName = "",
    name: Annotated[str, typer.Option(help="Your name or number, as your course wants it in the file's name.")] = "",
) -> None:
    """Zip your notebook of a problem set, to hand it in."""
    from ulmfit_lib.errors import ConfigError
    from ulmfit_lib.grading.progress import as_text, progress_of
    from ulmfit_lib.grading.students import sets_meant, zip_work

    if not which:
        raise ConfigError(
            "Which problem set do you hand in?", fix="For the first: make submit SET=1, or ulmfit submit 1."
        )
    for slug in sets_meant(which):
        path = zip_work(Path.cwd(), slug, name)
        typer.echo(as_text(progress_of(Path.cwd(), [slug])))
        typer.echo(f"Hand in {path.relative_to(Path.cwd())}")


@app.command(epilog="Example: ulmfit progress")
def progress(which: SetName = "") -> None:
    """Say which functions of the notebooks in work/ pass, and what is left."""
    from ulmfit_lib.grading.progress import as_text, progress_of
    from ulmfit_lib.grading.students import sets_meant

    typer.echo(as_text(progress_of(Path.cwd(), sets_meant(which))))
