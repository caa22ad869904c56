"""`ulmfit tokenize`: what the texts become before a model reads them."""

import hashlib
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app
from ulmfit_lib.errors import ConfigError

#: So many texts are split and kept at a time.
AT_ONCE = 5_000


@app.command(epilog='Example: ulmfit tokenize "What a GREAT film!!!"')
def tokenize(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[TEXT]...", help="Texts to be split.", show_default=False)
    ] = None,
    texts: options.Texts = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="A .jsonl file to write: a line a text, with its tokens, label and split; a receipt beside it."
        ),
    ] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show what each rule does to a text.")] = False,
    artifact: Annotated[
        Path | None, typer.Option(help="Split as this artifact's texts were split.", show_default=False)
    ] = None,
    lang: Annotated[str, typer.Option(help="The language, as spaCy calls it: en, de, fr ...")] = "en",
    workers: Annotated[int, typer.Option(min=0, help="Processes that share the work; 0 does it in this one.")] = 0,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            max=options.MOST_SEED,
            help="Which texts are held out for validation depends on it, where no split is given.",
        ),
    ] = 0,
    resume: options.Resume = False,
    restart: options.Restart = False,
    config: options.Config = None,
) -> None:
    """Split texts into tokens, and show or store these."""
    if bool(words) == bool(texts or out):
        raise ConfigError("Give texts, or --texts and --out.", fix='For example: ulmfit tokenize "A good film."')
    if (texts is not None or out is not None) and out is None:
        raise ConfigError("--texts needs --out, a .jsonl file to write.")
    from ulmfit_lib import splitting

    entries = splitting.words(lang)
    if artifact is not None:
        from ulmfit_lib.artifacts import read_config

        entries = read_config(artifact).get("tokenizer") or entries
    if words:
        _show(words, entries, trace)
        return
    from ulmfit_lib.data import find_texts
    from ulmfit_lib.pieces import pieces
    from ulmfit_lib.receipts import finish_receipt, start_receipt

    found = find_texts(texts, seed=seed, needs_labels=False)
    command = options.said("tokenize", texts=found.name if texts else None, lang=lang, workers=workers, seed=seed)
    receipt = start_receipt(command, seed=seed, data=found)
    model = hashlib.sha256(entries.get("model", "").encode()).hexdigest()  # itself it would fill the screen
    same = {"texts": found.sha256, "tokenizer": {**entries, "model": model}, "seed": seed}

    def docs(n_there: int) -> Iterator[list[list[str]]]:
        stream = splitting.stream_texts(found.texts[n_there * AT_ONCE :], entries, n_workers=workers)
        yield from iter(lambda: list(islice(stream, AT_ONCE)), [])

    rows = zip(found.labels, found.splits, strict=True)
    n_tokens = 0
    with (
        options.file_made(out, same, receipt, resume, restart, texts) as (work, receipt),
        options.counting("texts split into tokens", len(found)) as progress,
    ):
        made = work.folder / out.name
        with open(made, "w", encoding="utf-8") as file:
            for piece in pieces(work, docs):
                for doc, (label, split) in zip(piece, rows, strict=False):
                    line = {"tokens": doc, "label": label, "split": split}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
                n_tokens += sum(map(len, piece))
                progress(len(piece))
            file.flush()
            os.fsync(file.fileno())
        results = {"texts": len(found), "tokens": n_tokens, "tokenizer": entries["kind"]}
        finish_receipt(receipt, results, options.receipt_beside(out))
        os.replace(made, out)
    typer.echo(f"{len(found):,} texts, {n_tokens:,} tokens: {out}", err=True)


def _show(texts: list[str], entries: dict, trace: bool) -> None:
    from ulmfit_lib import rules, splitting

    split = splitting.splitter(entries)
    for text in texts:
        if trace:
            for step in rules.trace(text):
                typer.echo(f"{step.rule:18}{'' if step.changed else '(nothing) '}{step.after}")
        typer.echo(" ".join(split(text)))
