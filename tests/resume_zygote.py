"""A process that has imported everything and forks a child for each training that a test kills.

It reads a job a line from stdin and answers with the child's number, and with how it ended. A child tells on the pipe
whose descriptor is the first argument what it is doing, one line an event, before it does it.
"""

import json
import os
import signal
import sys
from pathlib import Path

from fastai.text.all import Callback
from resume_cases import CASES, LARGER, digest

from ulmfit_lib import checkpoint_files, checkpoints, files
from ulmfit_lib.checkpoints import Checkpoints

PIPE = int(sys.argv[1]) if __name__ == "__main__" else -1  # imported where docstrings are looked for


def tell(*words):
    os.write(PIPE, (" ".join(map(str, words)) + "\n").encode())


def hold(name, wanted):
    """Stop and wait for the end, if it is here that it is to come."""
    if name == wanted:
        tell("held", name)
        signal.pause()


class Tell(Callback):
    """Tells of each batch before it is made."""

    order = -90

    def before_batch(self):
        part = "train" if self.learn.training else "valid"
        tell("batch", self.learn.checkpointer.phase, self.learn.epoch, part, self.learn.dl.begun_at + self.learn.iter)


def instrument(wanted, after):
    """Make checkpoints tell of themselves; the one after so many is held where `wanted` says."""
    count = 0
    write, replace, plain_open = checkpoints.Checkpointer.write, os.replace, open
    running = checkpoints.Checkpointer.running

    def telling_running(self):
        if not hasattr(self.learn, "tell"):
            self.learn.add_cb(Tell())
        return running(self)

    def telling_write(self, part, epoch, batch):
        nonlocal count
        count += 1
        tell("write", self.phase, epoch, part, batch)
        write(self, part, epoch, batch)
        tell("kept", self.phase, epoch, part, batch)

    def due():
        return wanted if count > after else None

    class HalfWritten:
        """A file that is written in two halves."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_error):
            self.file.close()

        def __getattr__(self, name):
            return getattr(self.file, name)

        def write(self, content):
            middle = len(content) // 2
            self.file.write(content[:middle])
            self.file.flush()
            hold("half written", due())
            self.file.write(content[middle:])

    def telling_open(path, mode="r", **options):
        file = plain_open(path, mode, **options)
        return HalfWritten(file) if mode == "xb" else file

    def telling_replace(source, target):
        hold("between the renames" if str(source).endswith(".partial") else "written", due())
        replace(source, target)

    checkpoints.Checkpointer.running = telling_running
    checkpoints.Checkpointer.write = telling_write
    files.open = telling_open
    checkpoint_files.os = type("os", (), {"replace": staticmethod(telling_replace)})


def work(job):
    instrument(job.get("hold"), job.get("after", 0))
    kept = Checkpoints(Path(job["file"]), every_steps=3, resume=True)
    result = CASES[job["case"]](kept if job["keep"] else None, **LARGER)
    if job.get("linger"):  # who is to be killed does not slip away
        tell("finished")
        signal.pause()
    Path(job["out"]).write_text(json.dumps(digest(result)))


def main():
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(json.loads(line))
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        tell("ended")
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
