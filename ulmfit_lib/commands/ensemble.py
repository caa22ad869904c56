"""`ulmfit ensemble`: how good classifiers are, alone and together."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app


@app.command(
    epilog="Example: ulmfit ensemble --texts reviews.csv --classifier runs/fwd/classifier-forward "
    "--classifier runs/bwd/classifier-backward"
)
def ensemble(
    classifier: options.ClassifierFolders,
    texts: options.Texts = None,
    split: Annotated[
        str | None, typer.Option(help="The texts to judge by.", show_default="test, or valid where there are none")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A .json file for the receipt, with all that was found.", show_default=False)
    ] = None,
    bs: Annotated[int, typer.Option(min=1, help="Texts a batch; changes the speed alone.")] = 64,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "fp32",
    threads: options.Threads = 0,
    resume: options.Resume = False,
    restart: options.Restart = False,
    config: options.Config = None,
) -> None:
    """Judge a forward and a backward classifier on labelled texts, alone and averaged, and compare them."""
    options.quiet_threads()
    from rich.console import Console

    from ulmfit_lib.data import find_texts
    from ulmfit_lib.display import lines_table
    from ulmfit_lib.receipts import finish_receipt, start_receipt

    found = find_texts(texts, seed=seed)
    with options.leaving_at_once():
        from ulmfit_lib.asking import load_classifiers
        from ulmfit_lib.judging import judge, say

    asked = load_classifiers(*classifier)
    options.set_threads(threads)
    asked.to(options.choose(device))
    command = options.said("ensemble", texts=found.name if texts else None, split=split, seed=seed, precision=precision)
    command += "".join(f" --classifier {folder.name}" for folder in classifier)
    receipt = start_receipt(command, seed=seed, data=found)
    same = {"texts": found.sha256, "split": split, "seed": seed, "precision": precision, "classifiers": asked.sha256}
    with options.file_made(out, same, receipt, resume, restart, texts) as (work, receipt):
        with options.counting("texts", None) as progress:
            verdict = judge(asked, found, split=split, bs=bs, precision=precision, progress=progress, work=work)
        if out is not None:
            finish_receipt(receipt, {**verdict.findings, "lines": [vars(line) for line in verdict.lines]}, out)
    plain = Console()
    title = f"{found.name}: {verdict.findings['texts']:,} texts of '{verdict.findings['split']}'"
    plain.print(lines_table(verdict.lines, title))
    options.say_lines(plain, [f"- {sentence}" for sentence in say(verdict.findings)])
