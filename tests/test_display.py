"""Bars, the time left, and the closing table."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from ulmfit_lib import display
from ulmfit_lib.one_way import Line
from ulmfit_lib.pipeline import RunReport
from ulmfit_lib.watching import Stage

STAGES = [Stage("a", "split into tokens", 10, 1.0), Stage("b", "language model, forward", 2, 3.0)]


def show(console, steps):
    with display.Bars(console) as bars:
        bars.plan(STAGES)
        for key, n, text in steps:
            bars.step(key, n, text)
    return bars


def test_the_bars_add_up():
    bars = show(Console(file=io.StringIO(), force_terminal=True), [("a", 4, ""), ("a", 6, ""), ("b", 1, "loss 2.5")])
    tokens, model, whole = bars.progress.tasks
    assert (tokens.completed, tokens.finished) == (10, True)
    assert (model.completed, model.started, model.finished) == (1, True, False)
    assert whole.completed == pytest.approx(100 * (1 + 1.5) / 4)  # by cost, not by steps


def test_a_stage_that_became_shorter_ends_sooner():
    with display.Bars(Console(file=io.StringIO(), force_terminal=True)) as bars:
        bars.plan(STAGES)
        bars.shorten("b", 1)
        bars.step("a", 10)
        _, model, whole = bars.progress.tasks
        assert (model.total, model.finished) == (1, False)
        assert whole.completed == pytest.approx(100 * 1 / 2.5)
        bars.step("b")
        assert (model.finished, whole.completed) == (True, 100)


def test_where_there_is_no_terminal_lines_alone_are_printed():
    file = io.StringIO()
    show(Console(file=file), [("a", 10, ""), ("b", 1, "epoch 0  loss 2.5"), ("b", 1, "epoch 1  loss [2.4]")])
    assert file.getvalue().splitlines() == [
        "language model, forward: epoch 0  loss 2.5",
        "language model, forward: epoch 1  loss [2.4]",
    ]


def test_in_a_terminal_there_are_bars_with_the_time_left(monkeypatch):
    clock = iter(range(0, 10_000, 1))
    monkeypatch.setattr(display.time, "monotonic", lambda: float(next(clock)))
    file = io.StringIO()
    show(Console(file=file, force_terminal=True, width=100), [("a", 5, ""), ("a", 5, ""), ("b", 1, "")])
    shown = file.getvalue()
    assert "split into tokens" in shown
    assert "the whole run" in shown
    assert "left" in shown


def test_the_time_left_is_that_of_the_steps_to_come(monkeypatch):
    now = 0.0
    monkeypatch.setattr(display.time, "monotonic", lambda: now)
    bars = display.Bars(Console(file=io.StringIO(), force_terminal=True))
    bars.progress.get_time = lambda: now
    bars.plan(STAGES)
    left, task = display._TimeLeft(), bars.progress.tasks[0]
    assert str(left.render(task)) == ""  # nothing is known yet
    now = 20.0
    bars.step("a", 4)
    assert str(left.render(task)) == "30 s left"  # 20 s for 4 of 10
    now = 29.0
    assert str(left.render(task)) == "21 s left"  # the clock runs on between two steps
    now = 100.0
    assert str(left.render(task)) == "0 s left"
    bars.step("a", 6)
    assert str(left.render(task)) == "took 1:40 min"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1:00 min"), (3599.7, "1:00 h"), (90061, "25:01 h")]
)
def test_durations(seconds, said):
    assert display.duration(seconds) == said


def test_the_closing_table_fits_into_80_columns():
    lines = [
        Line("language model", "backward", 5.1234, 0.1234, perplexity=12345.67, seconds=7200.0),
        Line("classifier", "backward", 0.6931, 0.5, low=0.404, high=0.596, seconds=12.3),
        Line("ensemble", "both", 0.25, 1.0, low=0.9, high=1.0),
        Line("TF-IDF floor", "", 0.5, 0.75, low=0.7, high=0.8, seconds=0.2),
    ]
    receipt = {"data": {"name": "films.csv"}, "results": {"scored_split": "test", "scored_texts": 1234}}
    report = RunReport(lines, [], {}, ["a", "b"], Path("runs/films"), receipt)
    file = io.StringIO()
    Console(file=file, width=80).print(display.closing_table(report))
    shown = file.getvalue()
    assert "…" not in shown
    assert "films.csv: 1,234 texts of 'test' scored" in shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["language", "model", "backward", "5.123", "12345.7", "12.3", "%", "7,200", "s"] in rows
    assert ["classifier", "backward", "0.693", "50.0", "%", "40.4", "to", "59.6", "12", "s"] in rows
    assert ["ensemble", "both", "0.250", "100.0", "%", "90.0", "to", "100.0"] in rows
    assert ["TF-IDF", "floor", "0.500", "75.0", "%", "70.0", "to", "80.0", "0", "s"] in rows
