"""The word splitter against the installed fastai and its spaCy."""

import pytest
from fastai.text.all import Tokenizer as FastaiTokenizer
from fastai.text.all import TokenizeWithRules
from fastai.text.all import WordTokenizer as FastaiWordTokenizer
from fastai.text.core import _join_texts
from hypothesis import example, given
from hypothesis import strategies as st
from pandas import DataFrame
from test_rules import TEXTS

from ulmfit_lib.errors import ConfigError
from ulmfit_lib.tokenizer import Tokenizer, WordTokenizer, join_fields, stream_tokens, tokenize

# Words on which spaCy's own rules act: contractions, abbreviations, smileys, addresses, units, dashes.
SPACY_PIECES = st.sampled_from(
    (
        "don't can't I'll it's U.S. e.g. Mr. a.m. 10am :) :-( ;) $1.00 Rs1.00 (well) \"quoted\" end. end... and/or "
        "'' '' ( ) : ; 8 - --dash-- re-do 3:30 50% http://a.org/b?c=d me@a.org 'tis y'all gonna … — 100km a,b "
        "xxmaj xxup xxrep"
    ).split(" ")
)
WORDY = st.lists(st.tuples(SPACY_PIECES, st.sampled_from(["", " ", "  ", "\n", " \n", "\t "])), max_size=12).map(
    lambda pairs: "".join(piece + space for piece, space in pairs)
)


@pytest.fixture(scope="module")
def theirs():
    return FastaiWordTokenizer()


@pytest.fixture(scope="module")
def ours():
    return WordTokenizer()


def test_by_hand(ours):
    assert ours("This costs  $1.50, doesn't it?") == [
        *("This", "costs", " ", "$", "1.50", ",", "does", "n't", "it", "?"),
    ]


def test_white_space_that_is_not_one_space_is_a_token(ours):
    assert ours("a\n\nb  c") == ["a", "\n\n", "b", " ", "c"]
    assert ours(" a ") == [" ", "a"]
    assert ours("") == []


@given(st.one_of(WORDY, TEXTS))
@example(":\n) : )")
def test_words_are_those_of_fastai(ours, theirs, text):
    assert ours(text) == list(next(theirs([text])))
    assert ours(text) == list(next(theirs([text]))), "the second time, from memory"


@given(st.one_of(WORDY, TEXTS))
def test_rules_and_words_together_are_those_of_fastai(ours, theirs, text):
    assert Tokenizer(ours)(text) == list(next(TokenizeWithRules(theirs)([text])))


def test_tokens_of_real_reviews_are_those_of_fastai(theirs, outside_data):
    import pandas as pd

    texts = pd.read_csv(outside_data / "imdb_sample" / "texts.csv").text[:300]
    for mine, their in zip(tokenize(texts), TokenizeWithRules(theirs)(texts), strict=True):
        assert mine == list(their)


def test_a_special_token_is_never_split(ours):
    assert ours("xxbos (xxunk)") == ["xxbos", "(", "xxunk", ")"]


def test_fields_are_marked_as_in_fastai():
    rows = DataFrame({"title": ["Jaws"], "text": ["Never again."]})
    assert join_fields(["Jaws", "Never again."]) == _join_texts(rows, mark_fields=True)[0]


def test_many_processes_give_the_same_tokens_in_the_same_order():
    texts = [f"Text number {i}, don't lose it!" for i in range(40)]
    seen = []
    assert list(stream_tokens(texts, n_workers=2, chunk_size=7, progress=seen.append)) == tokenize(texts)
    assert sum(seen) == len(texts)


def test_texts_are_read_as_they_are_needed():
    """An endless iterator of texts can be tokenized: only what is asked for is read, chunk by chunk."""
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 1
            yield "again"

    tokens = stream_tokens(endless(), chunk_size=5)
    assert next(tokens) == ["xxbos", "again"]
    assert read == 5


def test_another_language():
    assert WordTokenizer("de")("z.B. das Kino") == ["z.B.", "das", "Kino"]


def test_a_language_that_spacy_lacks_is_named():
    with pytest.raises(ConfigError, match="'xy'"):
        WordTokenizer("xy")


def test_a_language_whose_splitter_takes_no_special_tokens_is_named():
    with pytest.raises(ConfigError, match=r"language 'zh' can take no special tokens\. Split the texts into subwords"):
        WordTokenizer("zh")


def test_negative_workers_are_refused():
    with pytest.raises(ConfigError, match="n_workers"):
        tokenize(["a"], n_workers=-1)


def test_fastais_one_call_gives_our_tokens():
    """What a reader of the book types first."""
    assert list(FastaiTokenizer(FastaiWordTokenizer())("It's so-so.")) == Tokenizer()("It's so-so.")
