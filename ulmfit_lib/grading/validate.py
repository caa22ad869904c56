"""The instructor's own proof that the course still holds here and today: every notebook, every grader, one verdict."""

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ulmfit_lib.grading.course import ROOT

_NBVAL = ("-p", "ulmfit_lib.authoring.nbval_environment", "--nbval", "--nbval-current-env")
#: What is proven, and what pytest is asked for it.
PARTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("chapters give what they show", (*_NBVAL, "book")),
    ("solutions give what they show", (*_NBVAL, "solutions")),
    ("graders catch every known mistake", ("tests/test_graders.py",)),
    ("attacks earn no point", ("tests/test_attacks_nbgrader.py", "tests/test_attacks_checker.py")),
    ("broken but honest work is marked", ("tests/test_grading_honest.py",)),
    ("releases and printed points agree", ("tests/test_nbgrader_path.py",)),
)


@dataclass(frozen=True)
class Part:
    """What one part gave.

    Args:
        says: what it proves.
        passed: whether it does.
        counts: pytest's last line, such as "12 passed, 1 skipped".
        failed: names of the tests that failed.
        seconds: how long it took.
    """

    says: str
    passed: bool
    counts: str
    failed: tuple[str, ...]
    seconds: float


def run_part(says: str, options: Sequence[str], root: Path = ROOT) -> Part:
    """Run one part in a process of its own."""
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    lines = done.stdout.strip().split("\n")
    failed = [match.group(1) for line in lines if (match := re.match(r"(?:FAILED|ERROR) (\S+)", line))]
    counts = re.sub(r" in [\d.]+s.*", "", lines[-1].strip("= "))
    return Part(says, done.returncode == 0, counts, tuple(failed), time.monotonic() - began)


def verdict(parts: Sequence[Part]) -> str:
    """Return the verdict on one screen."""
    lines = []
    for part in parts:
        word = "holds" if part.passed else "FAILS"
        lines.append(f"{word}  {part.says:38} {part.counts} ({part.seconds:.0f} s)")
        lines += [f"       {name}" for name in part.failed[:4]]
        if len(part.failed) > 4:
            lines.append(f"       ... and {len(part.failed) - 4} more")
    wrong = sum(not part.passed for part in parts)
    lines.append("")
    lines.append("The course holds on this machine." if not wrong else f"{wrong} of {len(parts)} parts do not hold.")
    return "\n".join(lines)


def main() -> int:
    """Run every part and print the verdict; 1 if one does not hold."""
    parts = []
    for says, options in PARTS:
        print(f"... {says}", file=sys.stderr, flush=True)
        parts.append(run_part(says, options))
    print(verdict(parts))
    return 0 if all(part.passed for part in parts) else 1
