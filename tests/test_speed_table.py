"""The README's table of speeds is what the receipts say, and the benchmarks' arithmetic is right."""

import importlib.util
import sys

import pytest
from conftest import ROOT

from ulmfit_lib.receipts import start_receipt, write_receipt


def benchmark(name):
    """Return a script of benchmarks/ as a module."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.pop(0)


table, side_by_side = benchmark("table"), benchmark("side_by_side")


def test_the_readme_shows_the_receipts():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert table.with_table(readme, table.table(ROOT / "results")) == readme, "run python benchmarks/table.py"


def test_a_row_by_hand(tmp_path):
    times = {"cpu_seconds": {"fastai": [9.0, 4.0, 5.0], "bf16": [1.0, 2.0, 2.5], "fp32": [5.0, 5.0, 5.0]}}
    times["seconds"] = {name: [t * 2 for t in ts] for name, ts in times["cpu_seconds"].items()}
    times["seconds"]["bf16"] = [10.0, 10.0, 10.0]
    results = side_by_side.compare(times, 1_000, "tokens")
    assert results["ratio"] == {"bf16": 2.5, "fp32": 1.0}
    assert results["wall_ratio"] == {"bf16": 1.0, "fp32": 1.0}
    assert side_by_side.compare(times, 1_000, "tokens", "cuda")["ratio"] == results["wall_ratio"]
    receipt = {**start_receipt("by hand"), "results": results}
    write_receipt(tmp_path / "speed_lm_step.json", receipt)
    lines = table.table(tmp_path).split("\n")
    assert "| the same in bf16 | 200 tokens/s | 500 tokens/s | 2.5 | processor | 3 |" in lines
    assert not any("classifier" in line for line in lines), "no receipt, no row"


def test_turns_are_taken():
    order = []
    works = {name: lambda name=name: order.append(name) or name for name in ("fastai", "ours")}
    times, given = side_by_side.take_turns(works, repeats=2)
    assert order == ["fastai", "ours", "fastai", "ours"]
    assert given == {"fastai": "fastai", "ours": "ours"}
    assert [len(times[clock]["ours"]) for clock in ("seconds", "cpu_seconds")] == [2, 2]


def test_markers_must_be_there():
    with pytest.raises(ValueError, match="each once"):
        table.with_table("no markers", "| |")
    readme = f"above\n{table.BEGIN}\nold\n{table.END}\nbelow"
    assert table.with_table(readme, "new") == f"above\n{table.BEGIN}\nnew\n{table.END}\nbelow"
