"""The vocabulary against the installed fastai."""

from collections import Counter

import fastai.text.data as fastai_data
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib.errors import ConfigError
from ulmfit_lib.rules import SPECIAL_TOKENS
from ulmfit_lib.vocab import FILLER, Vocab, count_tokens, make_vocab

WORDS = st.text("abc", min_size=1, max_size=2) | st.sampled_from(SPECIAL_TOKENS)
DOCS = st.lists(st.lists(WORDS, max_size=30), max_size=5)


def test_by_hand():
    counts = Counter({"the": 5, "film": 3, "zyzzyva": 2, "xxmaj": 9})
    assert make_vocab(counts) == [*SPECIAL_TOKENS, "the", "film", *[FILLER] * 5]


@given(DOCS, st.integers(1, 4), st.integers(10, 24))
def test_same_tokens_in_the_same_places_as_fastai(docs, min_freq, max_vocab):
    counts = count_tokens(docs)
    assert make_vocab(counts, min_freq, max_vocab) == fastai_data.make_vocab(counts, min_freq, max_vocab)


@given(DOCS)
def test_same_ids_as_fastai(docs):
    theirs = fastai_data.Numericalize(min_freq=2)
    theirs.setups(docs)
    ours = Vocab(make_vocab(count_tokens(docs), min_freq=2))
    assert ours.tokens == list(theirs.vocab)
    for doc in docs:
        assert ours.numericalize(doc) == theirs.encodes(doc).tolist()


@given(DOCS)
def test_known_tokens_come_back(docs):
    vocab = Vocab(make_vocab(count_tokens(docs), min_freq=1))
    for doc in docs:
        assert vocab.denumericalize(vocab.numericalize(doc)) == doc
        assert vocab.unknown_rate(doc) == 0


@given(DOCS, st.integers(10, 24))
def test_size_is_a_multiple_of_eight(docs, max_vocab):
    assert len(make_vocab(count_tokens(docs), 1, max_vocab)) % 8 == 0


def test_an_own_vocabulary():
    vocab = Vocab(["xxunk", "xxpad", "film"])
    assert vocab.numericalize(["film", "jaws"]) == [2, 0]
    assert vocab.unknown_rate(["film", "jaws"]) == 0.5
    assert vocab.unknown_rate([]) == 0
    assert "film" in vocab
    assert "jaws" not in vocab


def test_a_filler_in_a_text_is_unknown():
    vocab = Vocab(make_vocab(Counter({"film": 3})))
    assert vocab.tokens[-1] == FILLER
    assert vocab.numericalize([FILLER]) == [0]


@pytest.mark.parametrize(
    ("tokens", "message"), [([], "begins with 'xxunk'"), (["a"], "begins with"), (["xxunk", "a", "a"], "'a' more than")]
)
def test_a_list_that_is_no_vocabulary_is_refused(tokens, message):
    with pytest.raises(ConfigError, match=message):
        Vocab(tokens)


@pytest.mark.parametrize("number", [-1, 2])
def test_an_id_outside_the_vocabulary_is_named(number):
    with pytest.raises(ConfigError, match=f"id {number} "):
        Vocab(["xxunk", "xxpad"]).denumericalize([number])


def test_no_room_for_words():
    with pytest.raises(ConfigError, match="max_vocab is 9"):
        make_vocab(Counter(), max_vocab=9)
