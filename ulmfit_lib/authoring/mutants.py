"""Change each solution in every small way, and see whether the check notices: a measure of the checks, not of people.

    python -m ulmfit_lib.authoring.mutants                  # every set
    python -m ulmfit_lib.authoring.mutants 01_tokenization  # one
    python -m ulmfit_lib.authoring.mutants --write          # and keep the counts in results/mutants.json

A mutant that the check takes for right either shows a hole in the check or does the same as the solution. Those that do
the same are listed in `equivalent_mutants.toml`, each with a proof of one line. 1 if fewer than 98 % of the others are
noticed, or if something is listed that is not so.
"""

import json
import os
import select
import signal
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ulmfit_lib.authoring.mutations import Mutant, mutants_of
from ulmfit_lib.checks.engine import first_wrong, random_inputs
from ulmfit_lib.checks.exercise import Exercise
from ulmfit_lib.checks.sets import SLUGS, problem_set
from ulmfit_lib.grading.confined.cells import needed_and_later
from ulmfit_lib.receipts import finish_receipt, start_receipt

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.toml")
ENOUGH = 0.98
_SECONDS = 5.0  # a mutant that takes longer has lost its way, and a student would notice


@dataclass(frozen=True)
class Survivor:
    """A mutant that the check takes for right."""

    slug: str
    function: str
    mutant: Mutant

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by in the list of equivalent ones."""
        return self.function, self.mutant.before, self.mutant.after


def solutions_of(slug: str) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the source of each answer of a set, and the names that they find when they run."""
    notebook = json.loads((ROOT / "solutions" / slug / f"{slug}.ipynb").read_text(encoding="utf-8"))
    names = {exercise.name for exercise in problem_set(slug).exercises}
    code = [(cell.get("id"), "".join(cell["source"])) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code = [(name, source) for name, source in code if not str(name).startswith("test_")]
    runs, _ = needed_and_later([{"source": source, "released": name not in names} for name, source in code], {})
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for (_, source), run in zip(code, runs, strict=True):
        if run:
            exec(compile(source, f"<{slug}>", "exec"), namespace)
    return {name: source for name, source in code if name in names}, namespace


def survives(exercise: Exercise, mutant: Mutant, namespace: dict[str, Any]) -> bool:
    """Whether the check takes a mutant for right; it runs in a fork, which may hang or die."""
    here, there = os.pipe()
    process = os.fork()
    if process == 0:
        _try(exercise, mutant, namespace, there)
    os.close(there)
    try:
        ready, _, _ = select.select([here], [], [], _SECONDS)
        return bool(ready) and os.read(here, 1) == b"s"
    finally:
        os.close(here)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _try(exercise: Exercise, mutant: Mutant, namespace: dict[str, Any], there: int) -> None:
    """Check the mutant and say "s" if it is taken for right; never returns."""
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        names = dict(namespace)
        exec(compile(mutant.tree, "<mutant>", "exec"), names)
        inputs = [*exercise.examples, *random_inputs(exercise, None, 100)]
        if first_wrong(exercise, names[exercise.name], inputs) is None:
            os.write(there, b"s")
    finally:
        os._exit(0)


def survivors_of(slug: str) -> tuple[int, list[Survivor]]:
    """Return how many mutants a set has, and those that the checks take for right."""
    sources, namespace = solutions_of(slug)
    total, found = 0, []
    for exercise in problem_set(slug).exercises:
        for mutant in mutants_of(sources[exercise.name]):
            total += 1
            if survives(exercise, mutant, namespace):
                found.append(Survivor(slug, exercise.name, mutant))
    return total, found


def known_equivalents(path: Path = EQUIVALENT) -> dict[tuple[str, str, str], str]:
    """Return the proof of each mutant that is known to do the same as the solution."""
    listed = tomllib.loads(path.read_text(encoding="utf-8")).get("equivalent", []) if path.exists() else []
    return {(one["function"], one["before"], one["after"]): one["proof"] for one in listed}


def main(arguments: Sequence[str]) -> int:
    """Run the command line above."""
    slugs = [one for one in arguments if not one.startswith("-")] or list(SLUGS)
    receipt = start_receipt("make mutants")
    proofs, began = known_equivalents(), time.monotonic()
    counts: dict[str, dict[str, int]] = {}
    holes: list[Survivor] = []
    used: set[tuple[str, str, str]] = set()
    for slug in slugs:
        total, survivors = survivors_of(slug)
        same = [one for one in survivors if one.key in proofs]
        used |= {one.key for one in same}
        holes += [one for one in survivors if one.key not in proofs]
        counts[slug] = {"mutants": total, "killed": total - len(survivors), "equivalent": len(same)}
        print(f"{slug:26} {total:4} mutants, {total - len(survivors):4} noticed, {len(same):3} do the same", flush=True)
    for one in holes:
        print(f"not noticed: {one.function}, line {one.mutant.line}: {one.mutant.before}  ->  {one.mutant.after}")
    names = {exercise.name for slug in slugs for exercise in problem_set(slug).exercises}
    stale = [key for key in proofs if key[0] in names and key not in used]
    for function, before, after in stale:
        print(f"listed, but noticed or gone: {function}: {before}  ->  {after}")
    killed = sum(one["killed"] for one in counts.values())
    different = sum(one["mutants"] - one["equivalent"] for one in counts.values())
    print(
        f"{killed} of {different} that are not equivalent: {killed / different:.1%} in {time.monotonic() - began:.0f} s"
    )
    if "--write" in arguments:
        results = {"sets": counts, "killed": killed, "not_equivalent": different, "ratio": round(killed / different, 4)}
        finish_receipt(receipt, results, ROOT / "results" / "mutants.json")
    return 0 if killed >= ENOUGH * different and not stale else 1


if __name__ == "__main__":
    # Forks of a process that has used several threads of torch can hang.
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.exit(main(sys.argv[1:]))
