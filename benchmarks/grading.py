"""Mark the same class with this course's grader and with nbgrader's own autograde, in one run, and compare.

    python benchmarks/grading.py                                  # 200 submissions of set 01
    python benchmarks/grading.py --set 09_classifier --size 50
    python benchmarks/grading.py --size 12                        # a quick look

Our time is that of the whole command: reading, sandbox, marks, autograded notebooks, gradebook, CSV, statistics and
feedback. Theirs is one `nbgrader autograde` over the same files, with its own execution in a kernel. A third of the
class has everything right, the others one known mistake each or an unwritten function. On a busy machine look at the
seconds of processor time, which waiting does not touch. Writes results/grading_NN_stage.json.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ulmfit_lib.checks.sets import SLUGS, problem_set
from ulmfit_lib.grading.marks import rows_of
from ulmfit_lib.receipts import finish_receipt, start_receipt

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

# nbgrader as it comes: its own steps, and its marks from what happens in the kernel.
PLAIN = """
c.Autograde.sanitize_preprocessors = ["nbgrader.preprocessors." + name for name in (
    "ClearOutput", "DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", "CheckCellMetadata")]
c.Autograde.autograde_preprocessors = ["nbgrader.preprocessors." + name for name in (
    "Execute", "IgnorePattern", "LimitOutput", "SaveAutoGrades", "AssignLatePenalties", "CheckCellMetadata")]
c.Execute.timeout = 120
"""


def class_of(slug: str, size: int) -> list[dict]:
    """Return the notebooks of a class: right ones, and ones with a mistake that people make."""
    from graders import as_student_code

    released = json.loads((ROOT / "exercises" / slug / f"{slug}.ipynb").read_text(encoding="utf-8"))
    solved = json.loads((ROOT / "solutions" / slug / f"{slug}.ipynb").read_text(encoding="utf-8"))
    answers = {cell["id"]: cell["source"] for cell in solved["cells"]}
    exercises, rng, notebooks = problem_set(slug).exercises, random.Random(slug), []
    names = {exercise.name for exercise in exercises}
    for number in range(size):
        notebook = json.loads(json.dumps(released))
        chosen = rng.choice(exercises)
        for cell in notebook["cells"]:
            if cell["id"] not in names or (number % 3 == 2 and number % 2 and cell["id"] == chosen.name):
                continue
            cell["source"] = answers[cell["id"]]
            if number % 3 == 1 and cell["id"] == chosen.name:
                cell["source"] = as_student_code(rng.choice(chosen.mistakes).function, chosen.name)
        notebooks.append(notebook)
    return notebooks


def course_with(folder: Path, slug: str, notebooks: list[dict], more: str = "") -> Path:
    """Make a course of one set in a folder, with the class's notebooks handed in."""
    for kind in ("solutions", "exercises"):
        shutil.copytree(ROOT / kind / slug, folder / kind / slug)
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (folder / "nbgrader_config.py").write_text(config + more, encoding="utf-8")
    for number, notebook in enumerate(notebooks):
        target = folder / "submissions" / f"student-{number:03}" / slug / f"{slug}.ipynb"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(notebook), encoding="utf-8")
    return folder


def seconds_of(command: list[str], folder: Path) -> tuple[float, float | None]:
    """Return how long a command takes in a folder, and how much processor time it and all that it begins use.

    The processor time is counted by a control group, for a sandbox's processes are nobody's to wait for; None where no
    such group can be made (it takes root).
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    with control_group() as group:
        if group:
            command = ["sh", "-c", f'echo $$ > {group}/cgroup.procs; exec "$@"', "sh", *command]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        seconds = time.perf_counter() - start
        used = processor_seconds(group)
    if done.returncode:
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    return seconds, used


@contextlib.contextmanager
def control_group() -> Iterator[Path | None]:
    """Make a control group that counts processor time, version 1 or 2, and remove it; None where that is not to be."""
    found = None
    for place in (Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup")):
        with contextlib.suppress(OSError):
            group = place / f"ulmfit-benchmark-{os.getpid()}"
            group.mkdir()
            found = group if processor_seconds(group) is not None else None
            break
    yield found
    if found:
        for _ in range(50):  # it can go once the last process in it has
            with contextlib.suppress(OSError):
                found.rmdir()
                return
            time.sleep(0.1)


def processor_seconds(group: Path | None) -> float | None:
    """Return the processor time that a control group has counted."""
    if group is None:
        return None
    with contextlib.suppress(OSError):
        return int((group / "cpuacct.usage").read_text()) / 1e9
    with contextlib.suppress(OSError, KeyError):
        counts = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        return int(counts["usage_usec"]) / 1e6
    return None


def marks_in(folder: Path, slug: str) -> dict[str, dict[str, float | None]]:
    """Return the points of each student and cell, out of the gradebook."""
    return {row.student: row.functions for row in rows_of(folder, slug)}


def main() -> int:
    """Run the command line above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", dest="slug", default=SLUGS[0], choices=SLUGS)
    parser.add_argument("--size", type=int, default=200, help="submissions")
    parser.add_argument("--dry", action="store_true", help="write no receipt")
    options = parser.parse_args()
    slug, size = options.slug, options.size
    command = " ".join(["python benchmarks/grading.py", *sys.argv[1:]])
    receipt = start_receipt(command, data={"name": f"a class of {size}, made of known answers", "rows": size})
    notebooks = class_of(slug, size)
    binaries = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        ours = course_with(Path(first), slug, notebooks)
        theirs = course_with(Path(second), slug, notebooks, PLAIN)
        for folder in (ours, theirs):  # made before the clock runs: both need it, and once a term
            subprocess.run(
                [
                    sys.executable,
                    "-c",
                    f"from pathlib import Path; from ulmfit_lib.grading.release import register; "
                    f"register(Path('.'), {slug!r})",
                ],
                cwd=folder,
                check=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                capture_output=True,
            )
        load = os.getloadavg()[0]
        our_seconds, our_work = seconds_of([str(binaries / "ulmfit"), "grading", "grade"], ours)
        print(f"ours:     {our_seconds:8.1f} s, {our_seconds / size:.3f} a submission", flush=True)
        their_seconds, their_work = seconds_of([str(binaries / "nbgrader"), "autograde", slug], theirs)
        print(f"nbgrader: {their_seconds:8.1f} s, {their_seconds / size:.3f} a submission", flush=True)
        our_marks, their_marks = marks_in(ours, slug), marks_in(theirs, slug)
        way = re.search(r"unconfined", (ours / "runs/grading/marks" / f"{slug}.plain.csv").read_text())
    same = sum(our_marks[student] == their_marks.get(student) for student in our_marks)
    results = {
        "set": slug,
        "submissions": size,
        "sandbox": "unconfined" if way else "bubblewrap",
        "seconds": {"ours": round(our_seconds, 2), "nbgrader": round(their_seconds, 2)},
        "seconds_a_submission": {"ours": round(our_seconds / size, 3), "nbgrader": round(their_seconds / size, 3)},
        "processor_seconds": {"ours": our_work, "nbgrader": their_work},
        "ratio": round(their_seconds / our_seconds, 2),
        "ratio_of_processor_time": round(their_work / our_work, 2) if our_work else None,
        "same_marks": same,
        "load_before": round(load, 1),
    }
    print(f"{results['ratio']} times as fast, {results['ratio_of_processor_time']} by processor time")
    print(f"{same} of {size} students with the same marks")
    if not options.dry:
        finish_receipt(receipt, results, ROOT / "results" / f"grading_{slug}.json")
    return 0 if same == size else 1


if __name__ == "__main__":
    sys.exit(main())
