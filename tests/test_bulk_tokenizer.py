"""Many texts at once give the tokens that each gives alone, and those are fastai's."""

import gc

import pytest
from fastai.text.all import TokenizeWithRules
from fastai.text.all import WordTokenizer as FastaiWordTokenizer
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_rules import TEXTS
from test_tokenizer import WORDY

from ulmfit_lib import bulk_tokenizer, rules
from ulmfit_lib.bulk_tokenizer import BulkTokenizer
from ulmfit_lib.tokenizer import Tokenizer, WordTokenizer

# What reaches across white space, glued together in every way: words that are repeated, repetitions that make words,
# marks that get spaces, parts of spaCy's special cases, and all kinds of white space.
REACHING = st.sampled_from(
    "3 33 333 3333 3.33 4444 4 a aa aaa aaaa a, aaa, aa-aaa no no No no. no-1 xxrep xxwrep / # \\ // ### *** !!! ... "
    ": ( ) :) 8 - ' '' s 's it It It's ;-) or and/or /or O OO OOO . .m <br /> nbsp; &nbsp; \\n \u2028 \x1c \x00".split(
        " "
    )
)
SPACES = st.sampled_from([" ", " ", " ", "", "  ", "\n", " \n", "\n ", "\n\n", "\t", " \n \n ", "\u00a0"])
CROSSING = st.lists(st.tuples(REACHING, SPACES), max_size=9).map(lambda pairs: "".join(a + b for a, b in pairs))


@pytest.fixture(scope="module")
def words():
    return WordTokenizer()


@pytest.fixture(scope="module")
def theirs():
    return TokenizeWithRules(FastaiWordTokenizer())


@pytest.fixture(scope="module")
def old_hand(words):
    """One that remembers what it saw in earlier examples."""
    return BulkTokenizer(Tokenizer(words))


@settings(max_examples=300)
@given(st.lists(CROSSING, max_size=3))
@example(
    [
        "333 3",
        "no no\nno",
        "no\nno no",
        "aaa a a",
        "xxrep xxrep xxrep",
        "a\n/b",
        "a \n/b",
        ") : )",
        "a\n \n b",
        "3\n 333",
        "",
    ]
)
@example(["3 33 333", "4444 4", "!!!\n!", "x1x1x1 1 1", "aaa\na a"])
def test_tokens_are_those_of_each_text_alone(words, old_hand, texts):
    expected = [Tokenizer(words)(text) for text in texts]
    assert BulkTokenizer(Tokenizer(words))(texts) == expected
    assert old_hand(texts) == expected
    assert old_hand(texts) == expected, "the second time, from memory"


# Capitals and marks at every place of a run: what decides whether any rule has to look at it.
CAPITALS = st.text(st.sampled_from("ofFIA.,'’-(\"…5é "), max_size=30)


@settings(max_examples=300)
@given(st.lists(CAPITALS, max_size=5))
@example(["The the (The 'The Of. OF. oF I I. A' It's It'S Well-known Well-Known ooo Ooo OOo ...of 'em Don't fo'5 Éof"])
def test_capitals_are_marked_where_the_rules_mark_them(words, old_hand, texts):
    assert old_hand(texts) == [Tokenizer(words)(text) for text in texts]


@settings(max_examples=60)
@given(st.lists(st.one_of(CROSSING, WORDY, TEXTS), max_size=5))
def test_tokens_are_those_of_fastai(old_hand, theirs, texts):
    assert old_hand(texts) == [list(tokens) for tokens in theirs(texts)]


@pytest.fixture(scope="module")
def alone():
    """A tokenizer that is never given two runs at once."""
    return WordTokenizer()


@settings(max_examples=60)
@given(st.lists(st.one_of(CROSSING, WORDY, TEXTS).map(str.split), max_size=5))
def test_runs_learned_together_are_split_as_each_is_alone(alone, runs):
    runs = [run for some in runs for run in some]
    together = WordTokenizer().remember(runs)
    for run in runs:
        kept = alone._split(run)
        assert together[run].words == kept.words
        assert set(together[run].first) == set(kept.first)
        assert set(together[run].last) == set(kept.last)


def test_hardly_any_real_text_is_left_to_the_slow_way(words, monkeypatch):
    from ulmfit_lib.data import shipped_reviews

    texts = shipped_reviews().texts[:300]
    slow = []
    expected = [Tokenizer(words)(text) for text in texts]
    monkeypatch.setattr(Tokenizer, "__call__", lambda self, text: slow.append(text) or expected[texts.index(text)])
    assert BulkTokenizer(Tokenizer(words))(texts) == expected
    assert len(slow) < 15


def test_runs_too_long_to_be_remembered(words, monkeypatch):
    monkeypatch.setattr(bulk_tokenizer, "_LONGEST_REMEMBERED", 5)
    texts = ["A wonderful film", "a film"]
    bulk = BulkTokenizer(Tokenizer(words))
    assert bulk(texts) == [Tokenizer(words)(text) for text in texts]
    assert "wonderful" not in bulk._known


def test_a_full_memory_is_emptied(words, monkeypatch):
    bulk = BulkTokenizer(Tokenizer(words))
    first = bulk(["one two three"])
    monkeypatch.setattr(bulk_tokenizer, "_MOST_REMEMBERED", 2)
    assert bulk(["four"]) == [["xxbos", "four"]]
    assert "one" not in bulk._known
    assert bulk(["one two three"]) == first


def test_other_rules_and_other_splitters_get_each_text_as_it_is():
    for tokenizer in (Tokenizer(str.split), Tokenizer(str.split, rules.DEFAULT_RULES[:3]), Tokenizer(rules=())):
        text = "No  no\nno! 10/10"
        assert BulkTokenizer(tokenizer)([text]) == [tokenizer(text)]


def test_the_shortcuts_are_those_of_the_rules_that_run():
    assert bulk_tokenizer.RULES == rules.DEFAULT_RULES


def test_collection_of_garbage_goes_on_afterwards(words):
    BulkTokenizer(Tokenizer(words))(["a"])
    assert gc.isenabled()


@pytest.mark.parametrize("lang", ["de", "fr"])
def test_another_language(lang):
    texts = ["L'homme qui n'aime pas, z.B. das Kino; c'est-à-dire: aujourd'hui!", "Hm :) : ) Die Straße\n\n/ 10/10"]
    tokenizer = Tokenizer(WordTokenizer(lang))
    assert BulkTokenizer(tokenizer)(texts * 2) == [tokenizer(text) for text in texts] * 2
