"""The same work on several things at once, one process each: two directions take the time of one on two cores.

The processes share nothing but what is handed over; they end with the one that began them, whatever ends it.
"""

import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import connection, get_context
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from ulmfit_lib.errors import TrainingError, UlmfitError

Tell = Callable[..., None]
_SECONDS_TO_END = 20


def in_processes(work: Callable[..., Any], jobs: Sequence[tuple], tell: Tell, threads: int | None = None) -> list[Any]:
    """Call `work(*job, tell)` for each job in a process of its own, and return the results in the order of the jobs.

    Args:
        work: a function at the top of a module; what it takes and returns must be picklable.
        jobs: the arguments of each call but the last.
        tell: is called here with what a job calls its own `tell` with, as it comes.
        threads: threads of torch in each process; None leaves it at that.

    Raises:
        UlmfitError: what a job raised; the other jobs are then ended. Any other exception comes as a RuntimeError that
            holds its traceback.
        TrainingError: a process died, for want of memory perhaps.
    """
    context = _context()
    processes, ends = [], []
    results: dict[int, Any] = {}
    try:
        for job in jobs:
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, threads), daemon=True)
            with _interrupts_ignored():
                process.start()
            processes.append(process)
            ends.append(here)
            there.close()  # so that the death of the process is noticed here
            # Not as an argument of the process: to understand it takes imports, for which `start` would wait.
            try:
                here.send((work, job))
            except OSError as error:
                raise _died() from error
        with _interrupts_noted() as interrupts:
            while len(results) < len(jobs):
                open_ends = [end for number, end in enumerate(ends) if number not in results]
                for end in connection.wait(open_ends):
                    kind, value = _received(end)
                    if kind == "told":
                        tell(*value)
                    elif kind == "done":
                        results[ends.index(end)] = value
                    elif isinstance(value, UlmfitError):
                        raise value
                    else:
                        raise RuntimeError(value)
                if interrupts:
                    raise KeyboardInterrupt
    finally:
        _end(processes)
    return [results[number] for number in range(len(jobs))]


def _end(processes: Sequence[BaseProcess]) -> None:
    """Ask processes to end, which lets them write a checkpoint, and end those that do not in `_SECONDS_TO_END`."""
    for process in processes:
        process.terminate()
    latest = time.monotonic() + _SECONDS_TO_END
    for process in processes:
        process.join(max(0, latest - time.monotonic()))
        if process.is_alive():  # a signal can get lost in a library that catches every exception
            process.kill()
            process.join()


def _context() -> BaseContext:
    """Return how processes are begun: never as forks of this one, which hang once torch has used its threads.

    On Linux they are forks of a process that has imported everything and done nothing yet: so all of them, and those
    that come later, share one import of fastai. What has spoken to a GPU must not be forked either, and importing
    fastai does.
    """
    torch = sys.modules.get("torch")
    if sys.platform != "linux" or torch is None or torch.cuda.is_available():
        return get_context("spawn")
    context = get_context("forkserver")
    if "fastai" in sys.modules:  # what this process needed, the others will need too
        context.set_forkserver_preload(["ulmfit_lib.one_way"])
    return context


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Let the processes that begin inside the block ignore Ctrl-C from their first moment.

    Ctrl-C reaches every process of a terminal; the one that began the others decides what it means.
    """
    if threading.current_thread() is not threading.main_thread():  # where no handler may be set
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _interrupts_noted() -> Iterator[list[int]]:
    """Give a list that is not empty after a Ctrl-C: the exception alone is lost where Python ignores exceptions."""
    noted: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield noted
        return

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


def _received(end: connection.Connection) -> tuple[str, Any]:
    try:
        return end.recv()
    except (EOFError, OSError) as error:
        raise _died() from error


def _died() -> TrainingError:
    return TrainingError("a process of the run died.", fix="Is there enough memory?")


def _work(there: connection.Connection, threads: int | None) -> None:
    try:
        work, job = there.recv()
        if threads is not None:
            import torch

            torch.set_num_threads(threads)
        there.send(("done", work(*job, lambda *told: there.send(("told", told)))))
    except UlmfitError as error:
        there.send(("failed", error))
    except (BrokenPipeError, EOFError):
        return  # nobody waits any more
    except SystemExit:
        return  # asked to end, and its checkpoint is written
    except BaseException:
        there.send(("failed", traceback.format_exc()))
