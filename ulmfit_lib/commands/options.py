"""Options that several commands have, said once, and the file that may hold them."""

import os
import signal
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ulmfit_lib.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from rich.console import Console

    from ulmfit_lib.data import Texts as DataTexts
    from ulmfit_lib.recipe import Recipe
    from ulmfit_lib.single_stages import Sitting, StageReport
    from ulmfit_lib.unfinished import Unfinished

MOST_THREADS = 4  # a small LSTM gains nothing from more
_RECIPE = "ulmfit recipe entries"


def read_config(context: typer.Context, path: Path | None) -> Path | None:
    """Let the entries of a TOML file stand for the options that are not given.

    Raises:
        ConfigError: there is no such file, it is no TOML, or it has an entry that the command has no option for.
    """
    if path is None:
        return None
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError("there is no such file.", where=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"this is no TOML: {error}.", where=str(path)) from error
    entries = {key.replace("-", "_"): value for key, value in entries.items()}
    options = {parameter.name for parameter in context.command.params} - {"config", "help"}
    of_recipe: set[str] = set()
    if "recipe" in options:
        from ulmfit_lib.recipe import Recipe

        of_recipe = {field.name for field in fields(Recipe)}
    for key in entries:
        if key not in options | of_recipe:
            raise ConfigError(
                f"`ulmfit {context.info_name}` has no option {key!r}.",
                where=str(path),
                fix=f"There are {', '.join(sorted(options | of_recipe))}.",
            )
    context.default_map = {key: value for key, value in entries.items() if key in options}
    context.meta[_RECIPE] = ({key: value for key, value in entries.items() if key not in options}, path)
    return path


def chosen_recipe(context: typer.Context, name: str | None, changes: dict[str, Any]) -> "Recipe":
    """Return the recipe of this name (the one for small corpora by default, see `usual_recipe`), with the entries of
    the file that `--config` names, and then those of `changes` that are not None.

    Raises:
        ConfigError: there is no such recipe, or an entry makes no sense.
    """
    from ulmfit_lib.recipe import check_entries, load_recipe, usual_recipe

    entries, path = context.meta.get(_RECIPE, ({}, None))
    wanted = check_entries(entries, path) | {key: value for key, value in changes.items() if value is not None}
    return replace(usual_recipe(wanted) if name is None else load_recipe(name), **wanted)


Config = Annotated[
    Path | None,
    typer.Option(
        help="A TOML file with options of this command; those on the command line win.",
        is_eager=True,
        callback=read_config,
        show_default=False,
    ),
]
MOST_SEED = 2**63 - 1  # what PyTorch takes
Seed = Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Everything random depends on it alone.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda; auto takes a GPU if there is one.")]
Precision = Annotated[str, typer.Option(help="fp32, bf16, or fp16 on a GPU.")]
OneDirection = Annotated[str, typer.Option(help="forward or backward: in which direction texts are read.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what an interrupted one has left, if it has.")]
Minutes = Annotated[float, typer.Option(min=0.001, help="Minutes from one checkpoint to the next.")]
Steps = Annotated[
    int | None, typer.Option(min=1, help="Steps from one checkpoint to the next, at most.", show_default="no limit")
]
Threads = Annotated[int, typer.Option(min=0, help=f"Threads on the CPU. 0 takes one a core, {MOST_THREADS} at most.")]
Processes = Annotated[
    int, typer.Option(min=1, help="Processes that share each batch, a GPU each where there are GPUs.")
]
Texts = Annotated[
    str | None,
    typer.Option(
        help="A .csv, .tsv or .parquet file with the columns text, label and perhaps split (train, valid, test or "
        "unsup), or a folder with a folder a label, such as aclImdb; imdb and imdb_sample are fetched from fastai's "
        "server once. By default the reviews that come with the project.",
        show_default=False,
    ),
]
RecipeName = Annotated[
    str | None,
    typer.Option(
        help="Sizes, lengths and rates: notes, book, paper, ours, small, or a .toml file.",
        show_default="for small corpora on two cores",
    ),
]
Pretrained = Annotated[
    str | None,
    typer.Option(
        help="What the language model begins with: none, small, wt103 (fastai's, fetched once), or a folder with "
        "language_model-forward and language_model-backward.",
        show_default="the recipe's",
    ),
]
TokenizerKind = Annotated[str | None, typer.Option(help="words or subwords.", show_default="the recipe's")]
Lang = Annotated[
    str | None, typer.Option(help="The language, as spaCy calls it: en, de, fr ...", show_default="the recipe's")
]
Leak = Annotated[
    bool | None,
    typer.Option(
        "--leak/--leak-free",
        help="Whether the language model reads the texts of the test too (never their labels).",
        show_default="the recipe's",
    ),
]
Restart = Annotated[bool, typer.Option("--restart", help="Delete what an interrupted one has left, and begin anew.")]
ClassifierFolders = Annotated[
    list[Path],
    typer.Option(
        help="A classifier's artifact, or the folder of a run with those of both directions; may be given twice.",
        show_default=False,
    ),
]


def train_a_stage(
    train: "Callable[[Any, Sitting], StageReport]",
    texts: "DataTexts",
    threads: int,
    device: str,
    command: str,
    resume: bool,
    restart: bool,
    every_steps: int | None,
    every_minutes: float,
    processes: int = 1,
) -> None:
    """Train one stage behind bars, and say what came of it and where it lies."""
    from rich.console import Console

    from ulmfit_lib.display import Bars, lines_table

    console = Console(stderr=True)
    console.print(f"{len(texts):,} texts. Loading PyTorch and fastai ...")
    with leaving_at_once():
        from ulmfit_lib import single_stages

    set_threads(threads)
    with Bars(console) as bars:
        how = (device, command, bars, resume, restart, every_steps, every_minutes, processes)
        sitting = single_stages.Sitting(*how)
        report = train(single_stages, sitting)
    plain = Console()
    plain.print(lines_table([report.line], texts.name))
    say_lines(plain, [f"- {note}" for note in report.notes])
    say_lines(plain, [f"{path}{'/' if path.is_dir() else ''}" for path in sorted(report.out.iterdir())])


@contextmanager
def counting(title: str, total: int | None) -> "Iterator[Callable[[int], None]]":
    """Show a bar with the time left inside the block, and give what is called with each number of things done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)


def say_lines(console: "Console", lines: Iterable[str]) -> None:
    """Print lines as they are, however wide the terminal is."""
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def set_threads(threads: int) -> None:
    """Let torch use so many threads; 0 stands for one a core, a few at most."""
    import torch

    torch.set_num_threads(threads or min(torch.get_num_threads(), MOST_THREADS))


def quiet_threads() -> None:
    """Let threads sleep while they wait; said before torch is loaded, which reads it then.

    Threads that spin while they wait bring a busy machine to a halt.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@contextmanager
def file_made(
    out: Path | None,
    same: dict[str, Any],
    receipt: dict[str, Any],
    resume: bool,
    restart: bool,
    texts: str | None = None,
) -> "Iterator[tuple[Unfinished | None, dict[str, Any]]]":
    """Give where the pieces of a file are kept while it is made, and its receipt; for the terminal none are kept.

    Raises:
        ConfigError: `resume` or `restart` without a file, the file of the texts themselves, or as `unfinished` says.
    """
    if out is None:
        if resume or restart:
            raise ConfigError("--resume and --restart need --out: what is only shown is not kept.")
        yield None, receipt
        return
    from ulmfit_lib.unfinished import unfinished

    if texts is not None and out.is_file() and Path(texts).exists() and out.samefile(texts):
        what = "--out names the file of the texts, which would be lost."
        raise ConfigError(what, where=str(out), fix="Give another.")
    with unfinished(out, same, receipt, resume=resume, restart=restart, is_file=True) as work:
        yield work, {**work.begun["receipt"], "sittings": work.begun["sittings"]}


def receipt_beside(out: Path) -> Path:
    """Return where the receipt of a file lies; two files of different names never share one.

    >>> receipt_beside(Path("films.csv")).name, receipt_beside(Path("films.jsonl")).name
    ('films.csv.run.json', 'films.jsonl.run.json')
    """
    return out.with_name(f"{out.name}.run.json")


@contextmanager
def leaving_at_once() -> Iterator[None]:
    """End the process at Ctrl-C without an exception, which some libraries swallow while they are imported."""

    def leave(_signal: int, _frame: FrameType | None) -> None:
        os.write(2, b"ulmfit: interrupted; nothing was left behind.\n")
        os._exit(130)

    before = signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def said(name: str, **options: Any) -> str:
    """Return a command as a reader would type it, without paths: `ulmfit NAME --option value`.

    >>> said("run", texts="a.csv", lm_epochs=None, resume=True, seed=1)
    'ulmfit run --texts a.csv --resume --seed 1'
    """
    words = ["ulmfit", name]
    for option, value in options.items():
        if value is None or value is False:
            continue
        words.append(f"--{option.replace('_', '-')}")
        if value is not True:
            words.append(value.name if isinstance(value, Path) else str(value))
    return " ".join(words)


def choose(device: str) -> "torch.device":
    """Return the device of this name; "auto" is the first GPU, or else the processor.

    Raises:
        ConfigError: there is no such device.
    """
    import torch

    from ulmfit_lib.pipeline import choose_device

    return torch.device(choose_device(device))
