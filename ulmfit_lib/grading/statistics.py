"""What a class got wrong: for each function, how many are right, and which known mistakes the others make."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ulmfit_lib.files import write_atomically
from ulmfit_lib.grading.outcome import DONE, Outcome


@dataclass(frozen=True)
class FunctionStatistics:
    """How a class did on one function.

    Args:
        name: of the function.
        students: who handed in.
        right: how many have it right.
        unwritten: how many left the stub, or nothing that runs.
        mistakes: known mistakes and how many make each, the most frequent first.
    """

    name: str
    students: int
    right: int
    unwritten: int
    mistakes: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        share = [f"{self._percent(self.right)} right"]
        share += [f"{self._percent(count)} fall for `{name}`" for name, count in self.mistakes[:2]]
        if self.unwritten:
            share.append(f"{self._percent(self.unwritten)} not written")
        return f"{self.name}: {', '.join(share)}"

    @property
    def other(self) -> int:
        """How many are wrong in a way that is no known mistake."""
        return self.students - self.right - self.unwritten - sum(count for _, count in self.mistakes)

    def _percent(self, count: int) -> str:
        return f"{count / self.students:.0%}".replace("%", " %") if self.students else "0 %"


def statistics_of(outcomes: Sequence[Outcome]) -> list[FunctionStatistics]:
    """Return the statistics of each function, in the order of the set; failed submissions are not counted."""
    done = [one for one in outcomes if one.status == DONE]
    found = []
    for number, first in enumerate(done[0].functions if done else ()):
        marks = [one.functions[number] for one in done if len(one.functions) > number]
        mistakes = Counter(mark.mistake for mark in marks if mark.mistake)
        found.append(
            FunctionStatistics(
                name=first.name,
                students=len(marks),
                right=sum(not mark.kind for mark in marks),
                unwritten=sum(mark.kind == "defined" for mark in marks),
                mistakes=tuple(sorted(mistakes.items(), key=lambda pair: (-pair[1], pair[0]))),
            )
        )
    return found


def write_statistics(folder: Path, slug: str, outcomes: Sequence[Outcome]) -> list[Path]:
    """Write the statistics of a set as JSON and as a plot, and return where."""
    found = statistics_of(outcomes)
    rows = [{**vars(one), "other": one.other, "says": str(one)} for one in found]
    paths = [write_atomically(folder / f"{slug}.json", json.dumps(rows, indent=2) + "\n")]
    if found:
        paths.append(write_atomically(folder / f"{slug}.svg", plot(found, slug)))
    return paths


def plot(found: Sequence[FunctionStatistics], title: str) -> str:
    """Return a picture (SVG) with a bar for each function: right, known mistakes, other mistakes, not written."""
    import io

    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.9 + 0.45 * len(found)), layout="constrained")
    axes = figure.subplots()
    colours = {"right": "#2a7f62", "known mistake": "#c8553d", "other mistake": "#e8b04a", "not written": "#b8b8b8"}
    for place, one in enumerate(reversed(found)):
        known = sum(count for _, count in one.mistakes)
        parts = {"right": one.right, "known mistake": known, "other mistake": one.other, "not written": one.unwritten}
        left = 0.0
        for label, count in parts.items():
            width = 100 * count / max(1, one.students)
            axes.barh(place, width, left=left, color=colours[label], label=label if place == 0 else None)
            left += width
        if one.mistakes:
            axes.text(101, place, f"{one.mistakes[0][0]} ({one.mistakes[0][1]})", va="center", fontsize=8)
    axes.set_yticks(range(len(found)), [one.name for one in reversed(found)])
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent of the class; at the right the most frequent known mistake")
    axes.set_title(title)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
