"""`ulmfit tokenize`: what the texts become before a model reads them."""

import json
from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands import options
from ulmfit_lib.commands.app import app
from ulmfit_lib.errors import ConfigError


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
    from ulmfit_lib.files import write_atomically
    from ulmfit_lib.receipts import finish_receipt, start_receipt

    found = find_texts(texts, needs_labels=False)
    command = options.said("tokenize", texts=found.name if texts else None, lang=lang, workers=workers)
    receipt = start_receipt(command, data=found)
    with options.counting("texts split into tokens", len(found)) as progress:
        docs = splitting.split_texts(found.texts, entries, n_workers=workers, progress=progress)
    rows = zip(docs, found.labels, found.splits, strict=True)
    lines = (
        json.dumps({"tokens": doc, "label": label, "split": split}, ensure_ascii=False) for doc, label, split in rows
    )
    write_atomically(out, "\n".join(lines) + "\n")
    results = {"texts": len(docs), "tokens": sum(map(len, docs)), "tokenizer": entries["kind"]}
    finish_receipt(receipt, results, out.with_suffix(".run.json"))
    typer.echo(f"{len(docs):,} texts, {sum(map(len, docs)):,} tokens: {out}", err=True)


def _show(texts: list[str], entries: dict, trace: bool) -> None:
    from ulmfit_lib import rules, splitting

    split = splitting.splitter(entries)
    for text in texts:
        if trace:
            for step in rules.trace(text):
                typer.echo(f"{step.rule:18}{'' if step.changed else '(nothing) '}{step.after}")
        typer.echo(" ".join(split(text)))
