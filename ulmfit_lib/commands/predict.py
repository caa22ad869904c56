"""`ulmfit predict`: labels and probabilities for texts."""

import csv
import io
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app
from ulmfit_lib.errors import ConfigError


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
    config: options.Config = None,
) -> None:
    """Say what texts are taken for, in their order; forward and backward probabilities are averaged."""
    if bool(words) == bool(texts):
        raise ConfigError("Give texts, or --texts and a file.", fix='For example: ulmfit predict ... "A good film."')
    options.quiet_threads()
    from ulmfit_lib.receipts import finish_receipt, start_receipt

    rows, name = list(words or []), None
    if texts is not None:
        from ulmfit_lib.data import read_texts

        found = read_texts(texts, needs_labels=False)
        rows, name = found.texts, found.name
    command = options.said("predict", texts=name, direction=direction, bs=bs, precision=precision)
    command += "".join(f" --classifier {folder.name}" for folder in classifier)
    receipt = start_receipt(command, data=found if texts is not None else None)
    with options.leaving_at_once():
        from ulmfit_lib.asking import load_classifiers, only

    asked = load_classifiers(*classifier)
    asked = asked if direction is None else only(asked, direction)
    options.set_threads(threads)
    asked.to(options.choose(device))
    with options.counting("texts split into tokens", len(rows) * asked.n_splits) as progress:
        guesses = asked.predict(rows, bs=bs, precision=precision, progress=progress)
    columns = ["text_number", "label", *(f"p({name})" for name in asked.label_names)]
    lines = [
        [number, guess.label, *(f"{guess.probs[name]:.6f}" for name in asked.label_names)]
        for number, guess in enumerate(guesses, start=1)
    ]
    if out is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows([columns, *lines])
        return
    from ulmfit_lib.files import write_atomically

    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([columns, *lines])
    write_atomically(out, file.getvalue())
    counts = Counter(str(guess.label) for guess in guesses)
    finish_receipt(receipt, {"texts": len(lines), "labels": dict(counts)}, out.with_suffix(".run.json"))
    typer.echo(f"{len(lines):,} texts: {out}", err=True)
