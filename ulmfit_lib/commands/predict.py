"""`ulmfit predict`: labels and probabilities for texts."""

import csv
import hashlib
import io
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app
from ulmfit_lib.errors import ConfigError

if TYPE_CHECKING:
    from ulmfit_lib.asking import Guess


@app.command(epilog='Example: ulmfit predict --classifier runs/reviews "A joy from start to end."')
def predict(
    classifier: options.ClassifierFolders,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts to be classified.", show_default=False)
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(help="A table with the column text, or a folder of texts; labels are not needed."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A .csv file to write, with a receipt beside it, instead of the terminal.")
    ] = None,
    direction: Annotated[
        str | None, typer.Option(help="Ask the classifier of this direction alone.", show_default="all that are given")
    ] = None,
    bs: Annotated[int, typer.Option(min=1, help="Texts a batch; changes the speed alone.")] = 64,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    threads: options.Threads = 0,
    resume: options.Resume = False,
    restart: options.Restart = False,
    config: options.Config = None,
) -> None:
    """Say what texts are taken for, in their order; forward and backward probabilities are averaged."""
    if bool(words) == bool(texts):
        raise ConfigError("Give texts, or --texts and a file.", fix='For example: ulmfit predict ... "A good film."')
    options.quiet_threads()
    from ulmfit_lib.receipts import finish_receipt, start_receipt

    rows, name = list(words or []), None
    sha256 = hashlib.sha256("\0".join(rows).encode()).hexdigest()
    if texts is not None:
        from ulmfit_lib.data import read_texts

        found = read_texts(texts, needs_labels=False)
        rows, name, sha256 = found.texts, found.name, found.sha256
    command = options.said("predict", texts=name, direction=direction, bs=bs, precision=precision)
    command += "".join(f" --classifier {folder.name}" for folder in classifier)
    receipt = start_receipt(command, data=found if texts is not None else None)
    with options.leaving_at_once():
        from ulmfit_lib.asking import load_classifiers, only

    asked = load_classifiers(*classifier)
    asked = asked if direction is None else only(asked, direction)
    options.set_threads(threads)
    asked.to(options.choose(device))
    same = {"texts": sha256, "precision": precision, "classifiers": asked.sha256}
    with options.file_made(out, same, receipt, resume, restart, texts) as (work, receipt):
        with options.counting("texts", len(rows)) as progress:
            guesses = asked.predict(rows, bs=bs, precision=precision, progress=progress, work=work)
        table = _table(guesses, asked.label_names)
        if out is None:
            sys.stdout.write(table)
            return
        from ulmfit_lib.files import write_atomically

        counts = Counter(str(guess.label) for guess in guesses)
        finish_receipt(receipt, {"texts": len(guesses), "labels": dict(counts)}, options.receipt_beside(out))
        write_atomically(out, table)
    typer.echo(f"{len(guesses):,} texts: {out}", err=True)


def _table(guesses: "list[Guess]", label_names: tuple) -> str:
    file = io.StringIO()
    lines = csv.writer(file, lineterminator="\n")
    lines.writerow(["text_number", "label", *(f"p({name})" for name in label_names)])
    for number, guess in enumerate(guesses, start=1):
        lines.writerow([number, guess.label, *(f"{guess.probs[name]:.6f}" for name in label_names)])
    return file.getvalue()
