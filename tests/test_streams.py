"""The windows of a language model: worked by hand, as properties, and side by side with fastai's."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib.errors import ConfigError, DataError
from ulmfit_lib.streams import LMStream, batch_length, concat_documents, document_order, window_bounds

documents = st.lists(st.lists(st.integers(0, 50_000), max_size=12), min_size=1, max_size=12)


def numbered(lengths):
    """Documents whose tokens are numbered through, so that every token says where it came from."""
    ids = iter(range(sum(lengths)))
    return [[next(ids) for _ in range(length)] for length in lengths]


def test_the_picture_in_the_docstring():
    batches = list(LMStream([list(range(13))], bs=3, seq_len=2).batches())
    assert [x.tolist() for x, _ in batches] == [[[0, 1], [4, 5], [8, 9]], [[2, 3], [6, 7], [10, 11]]]
    assert [y.tolist() for _, y in batches] == [[[1, 2], [5, 6], [9, 10]], [[3, 4], [7, 8], [11, 12]]]


def test_last_window_is_short_and_the_rest_is_left_out():
    # 18 tokens: 17 inputs, 5 a row; three windows of 2, 2 and 1; tokens 16 and 17 are nobody's input.
    batches = list(LMStream([list(range(18))], bs=3, seq_len=2).batches())
    assert [x.shape for x, _ in batches] == [(3, 2), (3, 2), (3, 1)]
    assert batches[-1][0].tolist() == [[4], [9], [14]]
    assert batches[-1][1].tolist() == [[5], [10], [15]]


def test_batch_length_sets_one_token_aside_for_the_last_target():
    assert batch_length(13, 3) == 4
    assert batch_length(12, 3) == 3
    assert window_bounds(4, 2) == [(0, 2), (2, 4)]


def test_backward_reverses_each_document_and_leaves_it_in_its_place():
    assert concat_documents([[2, 10, 11], [2, 20]], direction="backward").tolist() == [11, 10, 2, 20, 2]
    (x, y), *_ = LMStream([[2, 10, 11], [2, 20]], bs=1, seq_len=4, direction="backward").batches()
    assert x.tolist() == [[11, 10, 2, 20]]
    assert y.tolist() == [[10, 2, 20, 2]]


@given(documents, st.integers(1, 5), st.integers(1, 6), st.integers(0, 3), st.sampled_from(["forward", "backward"]))
def test_rows_are_the_documents_end_to_end(docs, bs, seq_len, epoch, direction):
    if sum(map(len, docs)) <= bs:
        with pytest.raises(DataError):
            LMStream(docs, bs, seq_len, direction)
        return
    stream = LMStream(docs, bs, seq_len, direction, shuffle=True, seed=7)
    order = document_order(len(docs), 7, epoch)
    line = [token for i in order for token in (docs[i] if direction == "forward" else docs[i][::-1])]
    assert stream.ids(epoch).tolist() == line
    assert stream.ids(epoch).tolist() == concat_documents(docs, order, direction).tolist()

    batches = list(stream.batches(epoch))
    assert len(batches) == len(stream)
    assert all(x.shape == y.shape and x.dtype == y.dtype == np.int64 for x, y in batches)
    x, y = (np.concatenate(parts, axis=1) for parts in zip(*batches, strict=True))
    assert x.ravel().tolist() == line[: bs * stream.batch_length]
    assert y.ravel().tolist() == line[1 : bs * stream.batch_length + 1]
    assert len(line) - 1 - x.size < bs  # no more is left out than has to be


@given(documents, st.integers(1, 3), st.integers(1, 4), st.data())
def test_starting_at_any_window_gives_the_rest_of_the_epoch(docs, bs, seq_len, data):
    if sum(map(len, docs)) <= bs:
        return
    stream = LMStream(docs, bs, seq_len, shuffle=True, seed=1)
    start = data.draw(st.integers(0, len(stream)))
    whole = [(x.tolist(), y.tolist()) for x, y in stream.batches(epoch=2)]
    rest = [(x.tolist(), y.tolist()) for x, y in LMStream(docs, bs, seq_len, shuffle=True, seed=1).batches(2, start)]
    assert rest == whole[start:]


def test_the_order_depends_on_seed_and_epoch_alone():
    first = document_order(50, seed=3, epoch=4)
    np.random.default_rng(99).random(10)
    assert (document_order(50, seed=3, epoch=4) == first).all()
    assert sorted(first) == list(range(50))
    assert (document_order(50, seed=3, epoch=5) != first).any()
    assert (document_order(50, seed=4, epoch=4) != first).any()


def test_shuffling_moves_documents_and_nothing_inside_them():
    docs = numbered([5, 0, 3, 8, 1])
    stream = LMStream(docs, bs=1, seq_len=4, shuffle=True, seed=2)
    for epoch in range(5):
        line = stream.ids(epoch).tolist()
        for doc in filter(None, docs):
            at = line.index(doc[0])
            assert line[at : at + len(doc)] == doc
    assert len({tuple(stream.ids(epoch)) for epoch in range(5)}) > 1


def test_any_kind_of_integer_list_will_do_and_is_left_alone():
    docs = [[2, 5, 6], np.array([2, 60_000], dtype=np.uint16), (2, 7)]
    before = [list(map(int, doc)) for doc in docs]
    x, y = next(LMStream(docs, bs=1, seq_len=6, direction="backward").batches())
    assert [*x[0], y[0, -1]] == [6, 5, 2, 60_000, 2, 7, 2]
    x += 1
    assert [list(map(int, doc)) for doc in docs] == before


def test_a_batch_may_be_changed_without_changing_the_stream():
    stream = LMStream([list(range(9))], bs=2, seq_len=2)
    for x, y in stream.batches():
        x.fill(0)
        y.fill(0)
    assert next(stream.batches())[0].tolist() == [[0, 1], [4, 5]]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("bs", "seq_len"), [(3, 4), (5, 7), (2, 100), (4, 1)])
def test_same_windows_as_fastai_for_the_same_order(bs, seq_len, shuffle):
    from fastai.text.all import L, LMDataLoader, TensorText, set_seed, tensor

    docs = numbered([7, 1, 12, 5, 30, 2, 9])
    set_seed(1)
    theirs = LMDataLoader(L(docs).map(lambda doc: TensorText(tensor(doc))), bs=bs, seq_len=seq_len, shuffle=shuffle)
    for _ in range(2):
        # fastai reshuffles when an epoch begins, so its order can only be asked for afterwards.
        expected = [(x.tolist(), y.tolist()) for x, y in theirs]
        order = list(theirs.items.idxs)
        ours = LMStream([docs[i] for i in order], bs=bs, seq_len=seq_len)
        assert [(x.tolist(), y.tolist()) for x, y in ours.batches()] == expected
        assert len(ours) == len(theirs)
        assert (order != list(range(len(docs)))) == shuffle


def test_same_windows_as_fastai_backward():
    from fastai.text.all import L, LMDataLoader, TensorText, reverse_text, tensor

    docs = numbered([7, 1, 12, 5])
    theirs = LMDataLoader(L(docs).map(lambda doc: reverse_text(TensorText(tensor(doc)))), bs=2, seq_len=5)
    ours = LMStream(docs, bs=2, seq_len=5, direction="backward")
    assert [(x.tolist(), y.tolist()) for x, y in ours.batches()] == [(x.tolist(), y.tolist()) for x, y in theirs]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"bs": 0}, ConfigError, "bs must be at least 1"),
        ({"seq_len": 0}, ConfigError, "seq_len must be at least 1"),
        ({"direction": "up"}, ConfigError, "direction must be"),
        ({"bs": 5}, DataError, "5 tokens, too few for 5 mini-streams"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        LMStream([[2, 3, 4, 5, 6]], **{"bs": 2, "seq_len": 2, **options})


@pytest.mark.parametrize(("wrong", "document"), [(9, 2), (-1, 2)])
def test_ids_outside_of_the_vocabulary_are_refused_by_document(wrong, document):
    docs = [[2, 3], [], [wrong, 2], [8, 8]]
    with pytest.raises(DataError, match=f"document {document}: the id {wrong} is not in the vocabulary"):
        LMStream(docs, bs=1).check_ids(9)
    LMStream([[2, 3], [8, 8]], bs=1).check_ids(9)


def test_no_texts_at_all_are_refused():
    with pytest.raises(DataError, match="0 tokens"):
        LMStream([], bs=2)
    assert concat_documents([]).tolist() == []


@pytest.mark.parametrize("start", [-1, 3])
def test_a_start_outside_of_the_epoch_is_refused(start):
    stream = LMStream([list(range(9))], bs=2, seq_len=2)
    assert list(stream.batches(start=2)) == []
    with pytest.raises(ConfigError, match="from 0 to 2"):
        next(stream.batches(start=start))


def test_the_module_alone_loads_nothing_heavy():
    code = "import sys, ulmfit_lib.streams; print({'numpy', 'torch', 'fastai', 'spacy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"
