"""One page of feedback a student: no scripts, nothing fetched, readable on a phone and in a dark room."""

from html import escape
from pathlib import Path

from ulmfit_lib.files import write_atomically
from ulmfit_lib.grading.marks import Row, rows_of
from ulmfit_lib.grading.outcome import FAILED, FunctionMark
from ulmfit_lib.grading.submission import cleaned

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1e7a55; --bad: #b3412b; }
@media (prefers-color-scheme: dark) { :root { --good: #6cc9a1; --bad: #f0907c; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.05rem; margin: 0; display: flex; justify-content: space-between; gap: 1rem; flex-wrap: wrap; }
.total { font-size: 1.8rem; font-weight: 700; margin: 0; }
section { border-top: 1px solid var(--line); padding: .9rem 0; }
.good b { color: var(--good); } .bad b { color: var(--bad); }
code, dd { font-family: ui-monospace, monospace; }
dl { margin: .6rem 0 0; }
dt { font-size: .8rem; opacity: .75; margin-top: .5rem; }
dd { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
dd.words { font-family: inherit; }
"""
_WORDS = ("problem", "because", "differs", "reread")


def page(row: Row) -> str:
    """Return the page of a student for one set."""
    outcome = row.record.outcome if row.record else None
    body = [f"<h1>{escape(row.slug)}: {escape(row.name or row.student)}</h1>"]
    if row.status == FAILED or row.total is None:
        reason = outcome.reason if outcome else "nothing was handed in"
        body.append(f'<p class="total">No mark yet</p><p>This could not be marked: {escape(reason)}</p>')
    else:
        body.append(f'<p class="total">{row.total:g} of {row.maximum:g} points</p>')
        if row.status == "read":
            body.append("<p>A written answer is still to be read by a person.</p>")
    if row.days_late:
        cost = f"; this costs {row.penalty:g} points" if row.penalty else ""
        body.append(f"<p>Handed in {row.days_late} day{'s' if row.days_late > 1 else ''} late{cost}.</p>")
    if outcome:
        body += [f"<p>{escape(note)}</p>" for note in outcome.notes]
        body += [_function(mark, row) for mark in outcome.functions]
        shown = {f"test_{mark.name}" for mark in outcome.functions}
        body += [_written(name, given, row) for name, given in row.functions.items() if name not in shown]
    if row.record and row.record.before:
        last = row.record.before[-1]
        before = "no mark" if last["points"] is None else f"{last['points']:g} points"
        body.append(f"<section><p>Marked again, for {escape(last['why'])}; before: {before}.</p></section>")
    return cleaned(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(row.slug)}: feedback</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{chr(10).join(body)}\n</body></html>\n"
    )


def _function(mark: FunctionMark, row: Row) -> str:
    given = row.functions.get(f"test_{mark.name}", mark.points)
    given = mark.points if given is None else given
    kind = "good" if given >= mark.maximum else "bad"
    head = f"<h2><code>{escape(mark.name)}</code><b>{given:g} of {mark.maximum:g}</b></h2>"
    said = row.comments.get(mark.name) or row.comments.get(f"test_{mark.name}")
    comment = f"<p>{escape(said)}</p>" if said else ""
    return f'<section class="{kind}">{head}{_message(mark)}{comment}</section>'


def _message(mark: FunctionMark) -> str:
    """Return the check's message as a list of terms; its columns would not fit a phone."""
    if not mark.kind:
        return ""
    parts: list[tuple[str, str]] = []
    for line in mark.message.split("\n")[1:]:
        label, text = line[2:12].strip(), line[12:]
        if label or not parts:
            parts.append((label, text))
        else:
            parts[-1] = (parts[-1][0], f"{parts[-1][1]} {text}")
    items = [
        f"<dt>{escape(label)}</dt><dd{' class=words' if label in _WORDS else ''}>{escape(text)}</dd>"
        for label, text in parts
    ]
    return f"<dl>{''.join(items)}</dl>"


def _written(name: str, given: float | None, row: Row) -> str:
    points = "not read yet" if given is None else f"{given:g}"
    said = f"<p>{escape(row.comments[name])}</p>" if name in row.comments else ""
    return f"<section><h2><code>{escape(name)}</code><b>{points}</b></h2>{said}</section>"


def write_pages(root: Path, slug: str) -> list[Path]:
    """Write the page of each student who handed in, and return where they lie."""
    folder = root / "runs" / "grading" / "pages" / slug
    rows = [row for row in rows_of(root, slug) if row.record]
    return [write_atomically(folder / f"{row.student}.html", page(row)) for row in rows]
