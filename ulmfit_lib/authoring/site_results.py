"""Numbers of `.md` pages: a role that reads them from a receipt, and the cards of the models that ship.

In a page, `` {result}`corpus results.shipped.rows:,` `` is the entry `results.shipped.rows` of `results/corpus.json`,
written with Python's format `,`. A receipt or an entry that does not exist is a warning, and warnings are errors.

`{problem-sets}` lists the problem sets with the points and minutes that stand in their notebooks.

A model gets a card by its receipt in `results/`: one with an entry `model_card`, an object with `title` and sentences
under `what`, `use` and `limits`. Nothing else needs to be written.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.receipts import read_receipt

_ASKED = re.compile(r"(?P<receipt>[\w-]+)\s+(?P<entry>[\w.-]+)(?::(?P<form>.*))?")
_NO_MODEL = "No trained model ships with this version of the course."
_EXERCISE = re.compile(r"# (\w+): (\d+) points?, difficulty (\d), about (\d+) minutes")
_FACTS = ("command", "commit", "seed", "data", "hardware", "libraries", "start", "end")
_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{28,}\b")


def stated(asked: str, folder: Path) -> str:
    """Return the entry of a receipt that is asked for, as text.

    Args:
        asked: the name of the receipt, a space, the way to the entry (keys, or places in a list, with dots between),
            and, after a colon, a format.
        folder: the folder of receipts.

    Raises:
        ArtifactError: there is no such receipt or entry, or the format does not fit it.
    """
    match = _ASKED.fullmatch(asked.strip())
    if match is None:
        raise ArtifactError(f"{asked!r} does not name a receipt and an entry.", fix="Such as `corpus results.rows:,`.")
    value: Any = read_receipt(folder / f"{match['receipt']}.json")
    for step in match["entry"].split("."):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise ArtifactError(f"there is no entry {match['entry']}.", where=f"{match['receipt']}.json") from error
    try:
        return format(value, match["form"] or "")
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"{value!r} cannot be written as {match['form']!r}.", where=asked) from error


class Result(SphinxRole):
    """The role `{result}`."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the text of the entry, or a message that stops the build."""
        source = Path(self.env.srcdir) / "results"
        self.env.note_dependency(str(source / f"{self.text.split()[0]}.json"))
        try:
            return [nodes.Text(stated(self.text, source))], []
        except ArtifactError as error:
            return [], [self.inliner.reporter.error(str(error), line=self.lineno)]


def flattened(entries: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield what nested entries hold, each with the way to it; a list of simple values is one entry.

    >>> list(flattened({"accuracy": {"valid": 0.9}, "seeds": [1, 2]}))
    [('accuracy, valid', '0.9'), ('seeds', '1, 2')]
    """
    if isinstance(entries, dict):
        for key, value in entries.items():
            yield from flattened(value, f"{name}, {key}" if name else str(key))
    elif isinstance(entries, list) and any(isinstance(value, dict | list) for value in entries):
        for number, value in enumerate(entries):
            yield from flattened(value, f"{name}, {number}")
    else:
        yield name, ", ".join(map(_shown, entries if isinstance(entries, list) else [entries]))


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    large = isinstance(value, int) and abs(value) >= 10_000
    return f"{value:,}" if large else _HASH.sub(r"\1…", str(value))


def cards(folder: Path) -> list[str]:
    """Return the card of each model that has one, as Markdown: forward before backward, then by the receipts' names."""
    found = []
    for path in sorted(folder.glob("*.json"), key=lambda path: ("backward" in path.stem, path.stem)):
        receipt = read_receipt(path)
        if card := receipt.get("model_card"):
            results = receipt.get("results", {})
            facts = {key: receipt[key] for key in _FACTS if key in receipt}
            said = "\n\n".join(
                f"**{name}** {card[key]}"
                for key, name in (("what", "What it is."), ("use", "What it is for."), ("limits", "What it cannot do."))
                if key in card
            )
            rest = f"```{{dropdown}} How it was made and measured\n{_table(facts)}\n```"
            shown = [_scores(results.get("scores", {})), _table({k: v for k, v in results.items() if k != "scores"})]
            found.append("\n\n".join([f"## {card['title']}", said, *filter(None, shown), f"{rest}\n"]))
    return found


def _scores(scores: dict[str, dict[str, float]]) -> str:
    """Return a table of scores, a row for each set of texts and a column for each measure; "" if there are none."""
    if not scores:
        return ""
    measures = list(dict.fromkeys(measure for of_texts in scores.values() for measure in of_texts))
    heads = " | ".join(measure.replace("_", " ") for measure in measures)
    rows = [
        f"| {name} | {' | '.join(f'{of_texts[m]:.4g}' if m in of_texts else '–' for m in measures)} |"
        for name, of_texts in scores.items()
    ]
    return "\n".join([f"| measured on | {heads} |", "|---" * (len(measures) + 1) + "|", *rows])


def _table(entries: dict[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {_cell(value)} |" for name, value in flattened(entries))
    return f"| entry | value |\n|---|---|\n{rows}"


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("\n", " ") or "–"


class ModelCards(SphinxDirective):
    """The directive `{model-cards}`: the card of every model that ships."""

    def run(self) -> list[nodes.Node]:
        """Return the cards, or a sentence if there are none."""
        text = "\n".join(cards(Path(self.env.srcdir) / "results")) or _NO_MODEL
        return self.parse_text_to_nodes(StringList(text.splitlines(), source="results"), allow_section_headings=True)


def problem_sets(exercises: Path) -> str:
    """Return a table of the problem sets: the title, number of functions, points and minutes of each."""
    rows, totals = [], [0, 0, 0]
    for path in sorted(exercises.glob("[0-9][0-9]_*/[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title = "".join(cells[0]["source"]).split("\n")[0].removeprefix("# Problem set ")
        found = [_EXERCISE.match("".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]
        graded = [match for match in found if match]
        numbers = [len(graded), sum(int(match[2]) for match in graded), sum(int(match[4]) for match in graded)]
        totals = [total + number for total, number in zip(totals, numbers, strict=True)]
        rows.append(f"| {title} | {' | '.join(map(str, numbers))} |")
    head = "| problem set | functions | points | minutes |\n|---|---|---|---|"
    return "\n".join([head, *rows, f"| all | {' | '.join(map(str, totals))} |"])


class ProblemSets(SphinxDirective):
    """The directive `{problem-sets}`: a table of all problem sets."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        text = problem_sets(Path(self.env.srcdir) / "exercises")
        return self.parse_text_to_nodes(StringList(text.splitlines(), source="exercises"))


class Chapter(SphinxRole):
    """The role `{chapter}`: the number of a chapter, as a link to it if it has been written."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return "chapter NN", linked if there is such a page."""
        name = nodes.inline("", f"chapter {self.text}")
        page = next((page for page in sorted(self.env.found_docs) if page.startswith(f"book/{self.text}_")), None)
        if page is None:
            return [name], []
        link = addnodes.pending_xref(
            "", refdomain="std", reftype="doc", refexplicit=True, reftarget=f"/{page}", refdoc=self.env.docname
        )
        link += name
        return [link], []


def setup(app: Sphinx) -> None:
    """Register the role and the directive."""
    app.add_role("result", Result())
    app.add_role("chapter", Chapter())
    app.add_directive("model-cards", ModelCards)
    app.add_directive("problem-sets", ProblemSets)
