"""What a run looks like in a terminal: bars with the time left while it works, and a closing table."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from ulmfit_lib.watching import Stage, Watch

if TYPE_CHECKING:
    from ulmfit_lib.pipeline import Line, RunReport


class Bars(Watch):
    """A bar for each stage and one for the whole; each epoch's metrics stay above them as a line.

    Use it as a context manager: the bars are drawn inside the block. Where the output is no terminal, lines alone
    are printed.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _TimeLeft(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.stages: dict[str, Stage] = {}
        self.tasks: dict[str, TaskID] = {}
        self.done: dict[str, int] = {}
        self.whole: TaskID | None = None

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def plan(self, stages: list[Stage]) -> None:
        """Make a bar for each stage."""
        self.stages = {stage.key: stage for stage in stages}
        self.tasks = {
            stage.key: self.progress.add_task(stage.title, total=stage.steps, start=False) for stage in stages
        }
        self.whole = self.progress.add_task("[bold]the whole run", total=100, start=True)
        self.progress.start_task(self.tasks[stages[0].key])

    def shorten(self, key: str, steps: int) -> None:
        """Make the bar of a stage end after so many steps."""
        stage = self.stages[key]
        self.stages[key] = stage._replace(steps=steps, cost=stage.cost * steps / stage.steps)
        self.progress.update(self.tasks[key], total=steps)

    def step(self, key: str, n: int = 1, text: str = "", share: float = 0.0) -> None:
        """Move the bar of a stage on by `n` steps, and print the line that comes with it, if one does."""
        stage, task = self.stages[key], self.tasks[key]
        if text:
            self.console.print(f"{stage.title}: {text}", highlight=False, markup=False, soft_wrap=True)
        self.done[key] = self.done.get(key, 0) + n
        self.progress.update(task, completed=self.done[key] + share)
        costs = {other.key: other.cost * self._task(self.tasks[other.key]).percentage for other in self.stages.values()}
        whole_cost = sum(other.cost for other in self.stages.values())
        self.progress.update(self.whole, completed=round(sum(costs.values()) / whole_cost, 6))
        if self._task(task).finished:
            waiting = [other for other in self.tasks.values() if not self._task(other).started]
            if waiting:
                self.progress.start_task(waiting[0])
        elif not self._task(task).started:
            self.progress.start_task(task)

    def _task(self, task: TaskID) -> Task:
        return next(other for other in self.progress.tasks if other.id == task)


class _TimeLeft(ProgressColumn):
    """The time left, from all of the time so far; rich's own looks back 30 seconds, less than an epoch may take."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: dict[TaskID, tuple[float, float]] = {}

    def render(self, task: Task) -> Text:
        if task.finished:
            return Text(f"took {duration(task.finished_time or 0)}", style="green")
        if not task.started or not task.completed:
            return Text("")
        # Between two steps the estimate must fall with the clock.
        now = time.monotonic()
        completed, since = self.seen.get(task.id, (None, now))
        if completed != task.completed:
            self.seen[task.id] = (task.completed, since := now)
        until_step = (task.elapsed or 0) - (now - since)
        left = until_step / task.completed * (task.total - task.completed) - (now - since)
        return Text(f"{duration(max(left, 0))} left", style="cyan")


def duration(seconds: float) -> str:
    """Return a length of time as one reads it.

    >>> duration(7.2), duration(95), duration(7325)
    ('7 s', '1:35 min', '2:02 h')
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60}:{seconds % 60:02} min"
    return f"{seconds // 3600}:{seconds % 3600 // 60:02} h"


def closing_table(report: "RunReport") -> Table:
    """Return what a run came to as a table for rich."""
    name, results = report.receipt["data"]["name"], report.receipt["results"]
    table = lines_table(
        report.lines, f"{name}: {results['scored_texts']:,} texts of '{results['scored_split']}' scored"
    )
    table.caption = (
        "A language model's loss, perplexity and accuracy are those of the next word. The floor counts words and pairs "
        "of words: no language model."
    )
    return table


def lines_table(lines: "Sequence[Line]", title: str) -> Table:
    """Return lines of a closing table, of one stage or of several, as a table for rich."""
    table = Table(
        title=title,
        box=box.SIMPLE_HEAD,
        collapse_padding=True,  # so that it fits into 80 columns
        pad_edge=False,
    )
    table.add_column("stage", no_wrap=True)
    table.add_column("direction", no_wrap=True)
    for name in ("loss", "perplexity", "accuracy", "95 % interval", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*_cells(line), style="bold" if line.stage == "ensemble" else None)
    return table


def _cells(line: "Line") -> list[str]:
    return [
        line.stage,
        line.direction,
        f"{line.loss:.3f}",
        "" if line.perplexity is None else f"{line.perplexity:.1f}",
        f"{100 * line.accuracy:.1f} %",
        "" if line.low is None else f"{100 * line.low:.1f} to {100 * line.high:.1f}",
        "" if line.seconds is None else f"{line.seconds:,.0f} s",
    ]
