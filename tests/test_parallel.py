"""Work in processes of its own: results in order, errors by name, nothing left running."""

import os
import time

import pytest

from ulmfit_lib.errors import DataError, TrainingError
from ulmfit_lib.parallel import in_processes


def double(number, tell):
    tell("begun", number)
    time.sleep(0.1 / number)  # the first job ends last
    return 2 * number, os.getpid()


def count_threads(tell):
    import torch

    return torch.get_num_threads()


def fail(how, tell):
    if how == "ours":
        raise DataError("the text is missing.", where="row 7")
    if how == "a bug":
        raise ZeroDivisionError("of mine")
    if how == "killed":
        os.kill(os.getpid(), 9)
    time.sleep(600)


def test_results_come_in_the_order_of_the_jobs():
    told = []
    results = in_processes(double, [(1,), (5,)], lambda *words: told.append(words))
    assert [number for number, _ in results] == [2, 10]
    assert len({os.getpid(), *(process for _, process in results)}) == 3
    assert sorted(told) == [("begun", 1), ("begun", 5)]


def test_each_process_has_the_threads_it_is_given():
    assert in_processes(count_threads, [()], print, threads=1) == [1]


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ("ours", DataError, "row 7: the text is missing"),
        ("a bug", RuntimeError, "ZeroDivisionError: of mine"),
        ("killed", TrainingError, "a process of the run died"),
    ],
)
def test_what_goes_wrong_is_named_and_the_other_job_is_ended(how, error, message):
    began = time.perf_counter()
    with pytest.raises(error, match=message):
        in_processes(fail, [("sleep",), (how,)], print)
    assert time.perf_counter() - began < 60  # the other would have slept for ten minutes


def test_an_interruption_ends_the_jobs():
    def interrupt(*_):
        raise KeyboardInterrupt

    began = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        in_processes(double, [(0.001,), (0.001,)], interrupt)
    assert time.perf_counter() - began < 60
