"""How long a student waits for a check: a right answer, and the wrong answer that takes longest, of every exercise.

    python benchmarks/checks.py
    python benchmarks/checks.py --repeats 1

Processor seconds, without the imports and without a grader's sandbox. Writes results/speed_checks.json.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from side_by_side import RESULTS, parser, receipt_of
from tqdm import tqdm

from ulmfit_lib.checks.engine import run_check
from ulmfit_lib.checks.exercise import Exercise
from ulmfit_lib.checks.sets import EXERCISE_NAMES, exercise
from ulmfit_lib.receipts import finish_receipt


def seconds_of(one: Exercise, answer: Callable[..., Any], repeats: int) -> float:
    """Return the median of the processor time that checking an answer takes."""
    times = []
    for _ in range(repeats):
        began = time.process_time()
        run_check(one, answer)
        times.append(time.process_time() - began)
    return statistics.median(times)


def measure(one: Exercise, repeats: int) -> dict[str, Any]:
    """Return what a right answer to an exercise takes, and its slowest named wrong one."""
    run_check(one, one.mistakes[0].function, n_random=1)  # the imports

    def right(*args: Any, **kwargs: Any) -> Any:
        return one.reference(*args, **kwargs)

    wrong = {mistake.name: seconds_of(one, mistake.function, repeats) for mistake in one.mistakes}
    slowest = max(wrong, key=wrong.__getitem__)
    return {
        "right": round(seconds_of(one, right, repeats), 3),
        "slowest_wrong": round(wrong[slowest], 3),
        "which": slowest,
    }


def main() -> int:
    """Run the command line above; 1 if a check in the middle of them takes half a second or more."""
    options = parser(__doc__, repeats=3).parse_args()
    torch.set_num_threads(options.threads)  # one that waits for work takes processor time, too
    receipt = receipt_of("checks")
    checks = {name: measure(exercise(name), options.repeats) for name in tqdm(EXERCISE_NAMES)}
    medians = {
        what: round(statistics.median(one[what] for one in checks.values()), 3) for what in ("right", "slowest_wrong")
    }
    finish_receipt(receipt, {"median_cpu_seconds": medians, "cpu_seconds": checks}, RESULTS / "speed_checks.json")
    print(f"in the middle: right {medians['right']} s, the slowest wrong answer {medians['slowest_wrong']} s")
    return int(max(medians.values()) >= 0.5)


if __name__ == "__main__":
    sys.exit(main())
