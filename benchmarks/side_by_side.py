"""What the benchmarks share: two ways of doing the same work take turns, and the medians of their times are compared.

Both clocks are kept. Wall time is what one waits for; on a machine that others use at the same moment, processor time
(of all threads of this process) is the fairer of the two, and `ratio` is made of it on a CPU. On a GPU the processor
waits for the device, and wall time counts.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ulmfit_lib.receipts import finish_receipt, start_receipt

RESULTS = Path(__file__).resolve().parent.parent / "results"
CLOCKS = {"seconds": time.perf_counter, "cpu_seconds": time.process_time}


def parser(description: str, repeats: int = 5) -> argparse.ArgumentParser:
    """Return a parser of the options that every benchmark has."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--repeats", type=int, default=repeats, help="how often each takes its turn")
    made.add_argument("--threads", type=int, default=1, help="threads of torch")
    return made


def take_turns(works: dict[str, Callable[[], Any]], repeats: int) -> tuple[dict[str, dict], dict[str, Any]]:
    """Return the times of each work by clock, `{"seconds": {name: [...]}, ...}`, and what each gave at last."""
    times: dict[str, dict[str, list[float]]] = {clock: {name: [] for name in works} for clock in CLOCKS}
    given: dict[str, Any] = {}
    for repeat in range(repeats):
        for name, work in works.items():
            given.pop(name, None)  # what the last turn gave is not to weigh on this one
            began = {clock: now() for clock, now in CLOCKS.items()}
            given[name] = work()
            for clock, now in CLOCKS.items():
                times[clock][name].append(now() - began[clock])
        last = ", ".join(f"{name} {times['cpu_seconds'][name][-1]:.2f}" for name in works)
        print(f"turn {repeat + 1} of {repeats}, processor seconds: {last}", flush=True)
    return times, given


def compare(times: dict[str, dict], amount: float, unit: str, device: str = "cpu") -> dict[str, Any]:
    """Return the times with medians and ratios: fastai's median over ours, for each of our ways.

    Args:
        times: as `take_turns` gives them; one of the names is "fastai".
        amount, unit: what was worked through in one turn, such as 1,000,000 "tokens".
        device: on which clock it is judged, see above.
    """
    judge = "cpu_seconds" if device == "cpu" else "seconds"
    median = {clock: {name: statistics.median(ts) for name, ts in by.items()} for clock, by in times.items()}
    ours = [name for name in times[judge] if name != "fastai"]
    return {
        **{clock: {name: [round(t, 4) for t in ts] for name, ts in by.items()} for clock, by in times.items()},
        "amount": amount,
        "unit": unit,
        "judged_by": judge,
        f"{unit}_per_second": {name: round(amount / t) for name, t in median[judge].items()},
        "ratio": {name: round(median[judge]["fastai"] / median[judge][name], 2) for name in ours},
        "wall_ratio": {name: round(median["seconds"]["fastai"] / median["seconds"][name], 2) for name in ours},
    }


def receipt_of(script: str, **more: Any) -> dict[str, Any]:
    """Open the receipt of a benchmark."""
    return start_receipt(" ".join([f"python benchmarks/{script}.py", *sys.argv[1:]]), **more)


def finish(receipt: dict[str, Any], results: dict[str, Any], name: str) -> None:
    """Write the receipt to results/speed_<name>.json and say the ratios."""
    finish_receipt(receipt, results, RESULTS / f"speed_{name}.json")
    for who, ratio in results.get("ratio", {}).items():
        print(f"{who}: {ratio} times as fast as fastai (by the clock on the wall {results['wall_ratio'][who]})")
