"""Work in processes of its own: results in order, errors by name, nothing left running."""

import os
import signal
import time

import pytest

from ulmfit_lib.errors import DataError, TrainingError
from ulmfit_lib.parallel import in_processes, in_this_process


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


def swallow_one_interrupt(tell):
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    except KeyboardInterrupt:  # as a library does that catches every exception
        tell("going on")


def test_an_interrupt_that_got_lost_comes_again_with_the_next_word():
    told = []
    with pytest.raises(KeyboardInterrupt):
        in_this_process(swallow_one_interrupt, [()], lambda *words: told.append(words))
    assert told == []


def test_jobs_in_this_process_give_their_results_in_order():
    told = []
    assert in_this_process(double, [(1,), (5,)], lambda *words: told.append(words)) == [
        (2, os.getpid()),
        (10, os.getpid()),
    ]
    assert told == [("begun", 1), ("begun", 5)]


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
