"""`ulmfit grading ...`: what an instructor needs, from a class's notebooks to its marks."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands.app import app

grading = typer.Typer(
    help="Mark a class: take in its notebooks, mark them in a sandbox, give marks and feedback.",
    no_args_is_help=True,
)
app.add_typer(grading, name="grading")
_ROOT = Path()
SetName = Annotated[str, typer.Option("--set", help="The problem set: 1, 01 or a part of its name. By default all.")]


@grading.command(epilog="Example: ulmfit grading grade class.zip --set 1")
def grade(
    submissions: Annotated[
        Path | None,
        typer.Argument(help="A folder or zip of notebooks to take in first; by default what is in submissions/."),
    ] = None,
    which: SetName = "",
    student: Annotated[list[str] | None, typer.Option(help="Only this student; may be given again.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Mark also what has a mark that still holds.")] = False,
    due: Annotated[str, typer.Option(help="When it was due, such as '2026-05-01 23:59', in this machine's time.")] = "",
    jobs: Annotated[int, typer.Option(min=0, help="Processes that mark at once; 0 takes one a core, 4 at most.")] = 0,
    unconfined: Annotated[
        bool, typer.Option("--unconfined", help="Do without a sandbox; every mark then says so.")
    ] = False,
) -> None:
    """Mark a class, and write marks, statistics and feedback."""
    from ulmfit_lib.grading.report import grade_and_report

    grade_and_report(
        _ROOT, submissions, which, only=student or [], again=again, due=due, jobs=jobs, confined=not unconfined
    )


@grading.command(epilog="Example: ulmfit grading marks --set 1")
def marks(which: SetName = "") -> None:
    """Write the marks as CSV: plain, for Canvas and for Moodle."""
    from ulmfit_lib.grading.marks import write_marks
    from ulmfit_lib.grading.report import sets_with_marks

    for slug in sets_with_marks(_ROOT, which):
        for path in write_marks(_ROOT, slug):
            typer.echo(path)


@grading.command(epilog="Example: ulmfit grading feedback --set 1")
def feedback(which: SetName = "") -> None:
    """Write a page of feedback for each student."""
    from ulmfit_lib.grading.feedback import write_pages
    from ulmfit_lib.grading.report import sets_with_marks

    for slug in sets_with_marks(_ROOT, which):
        paths = write_pages(_ROOT, slug)
        typer.echo(f"{len(paths)} pages in runs/grading/pages/{slug}/")


@grading.command(epilog="Example: ulmfit grading roster class.csv")
def roster(
    path: Annotated[Path, typer.Argument(help="A CSV with the columns id, first_name, last_name, email.")],
) -> None:
    """Put a class's names into the gradebook."""
    from ulmfit_lib.grading.roster import read_roster

    typer.echo(f"{read_roster(path, _ROOT)} students in the gradebook")


@grading.command(epilog="Example: ulmfit grading release")
def release() -> None:
    """Make the student release of every problem set."""
    from ulmfit_lib.grading.release import main

    raise typer.Exit(main([]))


@grading.command(epilog="Example: ulmfit grading validate")
def validate() -> None:
    """Run every notebook and every proof of the graders again on this machine, and give a verdict."""
    from ulmfit_lib.grading.validate import main

    raise typer.Exit(main())
