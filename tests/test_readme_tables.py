"""The README's tables are what the receipts say, and the benchmarks' arithmetic is right."""

import importlib.util
import shutil
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


readme, side_by_side = benchmark("readme"), benchmark("side_by_side")


def test_the_readme_shows_the_receipts():
    written = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.with_tables(written, ROOT / "results") == written, "run python benchmarks/readme.py"


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
    lines = readme.speed_table(tmp_path).split("\n")
    assert "| the same in bf16 | 200 tokens/s | 500 tokens/s | 2.5 | processor | 3 |" in lines
    assert not any("classifier" in line for line in lines), "no receipt, no row"


def a_run(folder, recipe, *, gpu=None, memory=None, asked="test", ensemble=True):
    """Write the receipt of a full run, as `full_run.py report` does."""
    ways = ("forward", "backward") if ensemble else ("forward",)
    scores = {way: {"accuracy": 0.95, "low": 0.947, "high": 0.953} for way in ways}
    if ensemble:
        scores["ensemble"] = {"accuracy": 0.955, "low": 0.9524, "high": 0.9575}
    results = {
        "asked": asked,
        "scores": scores,
        "minutes": dict.fromkeys(ways, 11.6),
        "lm_tokens_per_second": 123_456.7,
        "peak_gpu_memory_gb": memory,
    }
    receipt = start_receipt("by hand")
    receipt |= {"hardware": {**receipt["hardware"], "processor": "a processor", "gpu": gpu}, "results": results}
    write_receipt(folder / f"imdb_{recipe}.json", receipt)


def test_full_runs_stand_beside_what_others_published(tmp_path):
    shutil.copy(ROOT / "results" / "published_imdb.json", tmp_path)
    nothing = readme.accuracy_table(tmp_path)
    assert "No run of ours on a GPU" in nothing
    assert "ours, recipe" not in nothing
    a_run(tmp_path, "rehearsal", ensemble=False)
    a_run(tmp_path, "tried_valid", asked="valid", gpu=["a card"])
    rehearsed = readme.accuracy_table(tmp_path)
    assert "No run of ours on a GPU" in rehearsed
    assert "The rehearsal is" in rehearsed
    assert "tried" not in rehearsed
    assert (
        "| ours, recipe `rehearsal` | 95.00 % | – | – | 94.70 to 95.30 "
        "| 12 minutes, 123,457 tokens/s, on a processor |" in rehearsed.split("\n")
    )
    a_run(tmp_path, "ours", gpu=["a card"], memory=12.34)
    done = readme.accuracy_table(tmp_path)
    assert "No run of ours on a GPU" not in done
    assert (
        "| ours, recipe `ours` | 95.00 % | 95.00 % | 95.50 % | 95.24 to 95.75 "
        "| 12 + 12 minutes, 123,457 tokens/s, 12.3 GB, on a card |" in done.split("\n")
    )
    published = [line for line in done.split("\n") if "arxiv.org" in line]
    assert len(published) == 1
    assert "| 94.70 % | – | 95.40 % |" in published[0]


def test_turns_are_taken():
    order = []
    works = {name: lambda name=name: order.append(name) or name for name in ("fastai", "ours")}
    times, given = side_by_side.take_turns(works, repeats=2)
    assert order == ["fastai", "ours", "fastai", "ours"]
    assert given == {"fastai": "fastai", "ours": "ours"}
    assert [len(times[clock]["ours"]) for clock in ("seconds", "cpu_seconds")] == [2, 2]


def test_markers_must_be_there():
    with pytest.raises(ValueError, match="each once"):
        readme.with_table("no markers", "speed", "| |")
    begin, end = "<!-- speed: begin (benchmarks/readme.py writes this) -->", "<!-- speed: end -->"
    written = readme.with_table(f"above\n{begin}\nold\n{end}\nbelow", "speed", "new")
    assert written == f"above\n{begin}\nnew\n{end}\nbelow"
