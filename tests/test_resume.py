"""Trainings killed by SIGKILL at twenty moments each, and gone on with to the bits of one that nobody touched."""

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PARTS = ("train", "valid")
HOLDS = ("half written", "written", "between the renames")


class Zygote:
    """A process with everything imported that forks the trainings to be killed; see resume_zygote.py."""

    def __init__(self) -> None:
        self.child: int | None = None
        self.events, there = os.pipe()
        # The threads are those that PyTorch takes by itself.
        env = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        env |= {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONPATH": f"{HERE.parent}:{HERE}"}
        self.process = subprocess.Popen(
            [sys.executable, HERE / "resume_zygote.py", str(there)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
            pass_fds=[there],
        )
        os.close(there)
        self.told = os.fdopen(self.events)
        assert self.process.stdout.readline() == "ready\n"

    def begin(self, **job) -> int:
        """Begin a training and return the number of its process."""
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        self.child = int(self.process.stdout.readline())
        return self.child

    def end(self) -> int:
        """Wait for the training's end and return its exit code."""
        for line in self.told:
            if line == "ended\n":
                break
        return self.code()

    def code(self) -> int:
        """Return the exit code of the training that has ended."""
        self.child = None
        return int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.stdin.close()
        if self.child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, 9)  # a test that failed has left it waiting
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.told.close()


@pytest.fixture(scope="module")
def zygote():
    process = Zygote()
    yield process
    process.close()


def place(words):
    """Return where in the training an event happened, so that later ones are greater."""
    phase, epoch, part, batch = words
    return int(phase), int(epoch), PARTS.index(part), int(batch)


def moments(places, n, seed):
    """Return `n` places in order, spread over the whole training, and what is to happen at each."""
    chance = random.Random(seed)
    size = len(places) / n
    chosen = [places[int(size * (i + chance.random()))] for i in range(n)]
    # Every third is held in the midst of a checkpoint's writing; the others are killed some milliseconds later.
    return [(at, HOLDS[i // 3 % 3] if i % 3 == 2 else None, chance.uniform(0, 0.02)) for i, at in enumerate(chosen)]


@pytest.mark.parametrize("case", ["language model", "classifier"])
def test_killed_twenty_times_it_ends_in_the_same_bits(zygote, tmp_path, case):
    whole, out, file = tmp_path / "whole.json", tmp_path / "out.json", tmp_path / "a.checkpoint"
    zygote.begin(case=case, file=str(file), out=str(whole), keep=False)
    places = []
    for line in zygote.told:
        kind, *words = line.split()
        if kind == "ended":
            break
        if kind == "batch":
            places.append(place(words))
    assert zygote.code() == 0
    assert {(phase, part) for phase, _, part, _ in places} == {(phase, part) for phase in range(3) for part in (0, 1)}

    kept, killed, held = (0, 0, 0, 0), [], []
    for number, (target, wanted, delay) in enumerate(moments(places, 20, seed=7)):
        child = zygote.begin(
            case=case, file=str(file), out=str(out), keep=True, hold=wanted, after=0 if number % 2 else 1, linger=True
        )
        first, kept_before = None, kept
        for line in zygote.told:
            kind, *words = line.split()
            assert kind != "ended", f"attempt {number} ended by itself"
            if kind == "batch":
                first = first or place(words)
            if kind == "kept":
                kept = max(kept, place(words))
            if kind in ("held", "finished") or (wanted is None and kind == "batch" and place(words) >= target):
                break
        assert first is None or first >= kept_before, "steps before the last checkpoint were made again"
        held += [words] if kind == "held" else []
        time.sleep(delay if kind == "batch" else 0)
        os.kill(child, 9)
        killed.append((kind, place(words) if kind == "batch" else None))
        # What the child had still told before it died counts.
        for line in zygote.told:
            kind, *words = line.split()
            if kind == "ended":
                break
            if kind == "kept":
                kept = max(kept, place(words))
        assert zygote.code() == -9
    assert len(killed) == 20
    parts = {at[2] for kind, at in killed if kind == "batch"}
    assert parts == {0, 1}, "no kill in the training, or none in the validation"
    assert sorted({" ".join(words) for words in held}) == sorted(HOLDS)

    zygote.begin(case=case, file=str(file), out=str(out), keep=True)
    assert zygote.end() == 0
    assert json.loads(out.read_text()) == json.loads(whole.read_text())
