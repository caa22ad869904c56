"""Padding and batches: against fastai's `pad_input` and `SortedDL`, and by what must hold for any lengths."""

import random
import subprocess
import sys
from itertools import chain

import numpy as np
import pytest
import torch
from fastai.text.all import SortedDL, TensorText, pad_input
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib.errors import ConfigError, DataError
from ulmfit_lib.padding import (
    BATCHES_A_GROUP,
    pad_batch,
    padding_waste,
    restore_order,
    sorted_batches,
    token_budget_batches,
)

documents = st.lists(st.lists(st.integers(2, 99), min_size=0, max_size=12), min_size=1, max_size=8)
lengths_lists = st.lists(st.integers(0, 40), max_size=60)


def test_the_short_are_filled_up_behind_or_in_front():
    assert pad_batch([[2, 7, 8], [2], []]).tolist() == [[2, 7, 8], [2, 1, 1], [1, 1, 1]]
    assert pad_batch([[2, 7, 8], [2]], pad_id=0, pad_first=True).tolist() == [[2, 7, 8], [0, 0, 2]]
    assert pad_batch([np.array([2, 7], dtype=np.int32)]).dtype == np.int64


@pytest.mark.parametrize("pad_first", [False, True])
@given(docs=documents)
def test_the_layout_is_fastais(pad_first, docs):
    samples = [(TensorText(torch.tensor(doc, dtype=torch.int64)), 0) for doc in docs]
    theirs = torch.stack([torch.as_tensor(x) for x, _ in pad_input(samples, pad_idx=1, pad_first=pad_first)])
    assert pad_batch(docs, pad_first=pad_first).tolist() == theirs.tolist()


def test_no_documents_are_no_batch():
    with pytest.raises(DataError, match="at least one document"):
        pad_batch([])


def test_documents_and_inputs_are_left_as_they_were():
    docs = [[2, 7, 8], [2]]
    lengths = [3, 1]
    pad_batch(docs)[:] = 0
    sorted_batches(lengths, 1, shuffle=True)
    token_budget_batches(lengths, 4)
    assert docs == [[2, 7, 8], [2]]
    assert lengths == [3, 1]


def fastai_loader(lengths, bs):
    """fastai's loader over documents of these lengths; it is asked for indices only."""
    return SortedDL([(list(range(n)), 0) for n in lengths], bs=bs, res=lengths, shuffle=True, num_workers=0)


@given(lengths=lengths_lists.filter(len))
def test_without_shuffling_the_order_is_fastais(lengths):
    theirs = SortedDL([([0] * n, 0) for n in lengths], bs=4, res=lengths, shuffle=False, num_workers=0).get_idxs()
    assert list(chain.from_iterable(sorted_batches(lengths, 4))) == theirs


@pytest.mark.parametrize("n_docs", [1, 3, 4, 5, 9, 230, 402])
def test_with_the_same_random_numbers_the_shuffled_order_is_fastais(n_docs, monkeypatch):
    lengths = [random.Random(i).randrange(30) for i in range(n_docs)]
    rng = random.Random("sorted_batches 5 2")

    def permutation(what):
        shuffled = list(range(what)) if isinstance(what, int) else list(what)
        rng.shuffle(shuffled)
        return np.array(shuffled) if isinstance(what, int) else shuffled

    loader = fastai_loader(lengths, bs=4)
    monkeypatch.setattr(np.random, "permutation", permutation)
    theirs = [int(index) for index in loader.shuffle_fn(None)]
    assert list(chain.from_iterable(sorted_batches(lengths, 4, shuffle=True, seed=5, epoch=2))) == theirs


@given(lengths=lengths_lists, bs=st.integers(1, 9), shuffle=st.booleans(), seed=st.integers(0, 5))
def test_every_document_stands_in_one_batch(lengths, bs, shuffle, seed):
    batches = sorted_batches(lengths, bs, shuffle, seed)
    assert sorted(chain.from_iterable(batches)) == list(range(len(lengths)))
    assert all(len(batch) == bs for batch in batches[:-1])
    if lengths:
        assert max(lengths[index] for index in batches[0]) == max(lengths)


def test_epochs_and_seeds_shuffle_differently_and_repeat():
    lengths = [i % 17 for i in range(100)]
    first = sorted_batches(lengths, 8, shuffle=True, seed=1, epoch=0)
    assert first == sorted_batches(lengths, 8, shuffle=True, seed=1, epoch=0)
    assert first != sorted_batches(lengths, 8, shuffle=True, seed=1, epoch=1)
    assert first != sorted_batches(lengths, 8, shuffle=True, seed=2, epoch=0)
    state = random.getstate()
    sorted_batches(lengths, 8, shuffle=True)
    assert random.getstate() == state


def test_shuffling_costs_little_padding():
    rng = random.Random(0)
    lengths = [int(rng.lognormvariate(5, 0.7)) + 1 for _ in range(BATCHES_A_GROUP * 16 * 2)]
    unsorted = [list(range(start, start + 16)) for start in range(0, len(lengths), 16)]
    assert padding_waste(lengths, sorted_batches(lengths, 16)) < 0.03
    assert padding_waste(lengths, sorted_batches(lengths, 16, shuffle=True)) < 0.06
    assert padding_waste(lengths, unsorted) > 0.4


@given(lengths=lengths_lists, budget=st.integers(1, 100))
def test_a_budget_is_kept_and_nobody_is_left_out(lengths, budget):
    batches = token_budget_batches(lengths, budget)
    assert sorted(chain.from_iterable(batches)) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget
    # Greedy: the first document of a batch would not have fitted into the batch before it.
    for before in batches[:-1]:
        assert (len(before) + 1) * lengths[before[0]] > budget


def test_a_budget_by_hand():
    # 9 | 7 | 4 4 | 2 2 1: two of four tokens are 8, three would be 12.
    assert token_budget_batches([2, 9, 4, 7, 1, 4, 2], max_tokens=10) == [[1], [3], [2, 5], [0, 6, 4]]


@pytest.mark.parametrize("call", [lambda: sorted_batches([1], 0), lambda: token_budget_batches([1], 0)])
def test_sizes_below_one_are_refused(call):
    with pytest.raises(ConfigError, match="at least 1"):
        call()


@given(docs=documents, bs=st.integers(1, 4))
def test_waste_is_the_share_of_padding_that_is_really_there(docs, bs):
    lengths = [len(doc) for doc in docs]
    batches = sorted_batches(lengths, bs)
    ids = [pad_batch([docs[index] for index in batch], pad_id=1) for batch in batches]
    cells = sum(array.size for array in ids)
    pads = sum(int((array == 1).sum()) for array in ids)
    assert padding_waste(lengths, batches) == pytest.approx(pads / cells if cells else 0.0)


@given(order=st.permutations(range(7)))
def test_the_order_of_the_data_comes_back(order):
    data = [f"text {i}" for i in range(7)]
    assert restore_order([data[i] for i in order], order) == data
    array = np.arange(14).reshape(7, 2)
    np.testing.assert_array_equal(restore_order(array[list(order)], order), array)


@pytest.mark.parametrize("order", [[0, 1], [0, 0, 1], [0, 1, 3]])
def test_an_order_that_is_none_is_refused(order):
    with pytest.raises(ConfigError, match="each of the 3 documents once"):
        restore_order("abc", order)


def test_importing_needs_the_standard_library_alone():
    heavy = (
        "import sys, ulmfit_lib.padding as p; p.sorted_batches([1, 2], 1); print({'numpy', 'torch'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stdout == "set()\n"
