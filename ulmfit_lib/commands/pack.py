"""`ulmfit pack`: texts as ids in compressed pieces, to be trained on here or on another machine."""

from pathlib import Path
from typing import Annotated

import typer

from ulmfit_lib.commands.app import app

_FILES = "Tables of running text (.csv, .tsv, .parquet, also .xz or .gz) with a column text; give it once a file."


@app.command(epilog="Example: ulmfit pack --train wiki-00.csv.xz --valid wiki-valid.csv.xz --out runs/wiki")
def pack(
    out: Annotated[Path, typer.Option(help="The folder to make.")],
    train: Annotated[list[Path] | None, typer.Option(help=_FILES, show_default=False)] = None,
    valid: Annotated[list[Path] | None, typer.Option(help="The same, to be measured on.", show_default=False)] = None,
    test: Annotated[
        list[Path] | None, typer.Option(help="The same, to be measured on at the end.", show_default=False)
    ] = None,
    texts: Annotated[
        Path | None,
        typer.Option(help="Instead of these: labelled texts with their splits, as `ulmfit run` takes them."),
    ] = None,
    vocab_of: Annotated[
        Path | None, typer.Option(help="A packed corpus or an artifact whose vocabulary is to be used.")
    ] = None,
    max_vocab: Annotated[int, typer.Option(min=16, help="The largest vocabulary.")] = 60_000,
    min_freq: Annotated[int, typer.Option(min=1, help="How often a token must occur to be in it.")] = 3,
    leak: Annotated[
        bool, typer.Option(help="Let the words of the test texts into the vocabulary, as is usual on IMDb.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="What receipts call the corpus; by default its folder.")] = None,
) -> None:
    """Split texts into tokens and store their ids in compressed pieces with checksums."""
    from ulmfit_lib.errors import ConfigError
    from ulmfit_lib.files import refuse_the_folder_one_is_in
    from ulmfit_lib.pack_texts import pack_files, pack_labelled
    from ulmfit_lib.packing import check_folder

    given = {"train": train or [], "valid": valid or [], "test": test or []}
    if (texts is None) == (not any(given.values())):
        raise ConfigError("Give either --texts, or --train (with --valid and --test).")

    refuse_the_folder_one_is_in(out)  # before minutes of work
    check_folder(out)

    def tell(file: str, n: int) -> None:
        typer.echo(f"{file}: {n:,} texts", err=True)

    options = {
        "name": name or out.name,
        "vocab": None if vocab_of is None else _vocab(vocab_of),
        "min_freq": min_freq,
        "max_vocab": max_vocab,
        "progress": tell,
    }
    if texts is not None:
        pack_labelled(texts, out, leak=leak, **options)
    else:
        pack_files({part: files for part, files in given.items() if files}, out, **options)
    size = sum(path.stat().st_size for path in out.iterdir())
    typer.echo(f"{out}/ ({size / 1e6:.1f} MB)")


def _vocab(folder: Path) -> "object":
    from ulmfit_lib.artifacts import load_artifact
    from ulmfit_lib.packing import INDEX, unpack

    return unpack(folder, parts=[]).vocab if (folder / INDEX).exists() else load_artifact(folder).vocab
