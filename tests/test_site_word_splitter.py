"""The word splitter that runs in a reader's browser gives spaCy's own words."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib.authoring.site_live import rule_tables
from ulmfit_lib.data import shipped_reviews
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.rules import apply_rules
from ulmfit_lib.tokenizer import WordTokenizer
from ulmfit_lib.word_splitter import WordSplitter

HARD = [
    "",
    " ",
    "  two  spaces ",
    "a\n\nb\t c",
    "It doesn't cost $1.00 (or does it?).",
    "I'd've said :-) or :( or : ( there",
    "back'' ''return of the so-called 'king'...",
    "see http://example.org/a_b?c=d, or me@example.org!",
    "10km 5pm U.S.A. e.g. i.e. C++ vs. N.Y.-based",
    "can't cannot gonna y'all o'clock 'tis 'Cause",
    "xxbos xxmaj the xxrep 3 ! xxunk's (xxup) xxmaj.",
    "«quoted» “curly” ‘single’ — dash–dash…and…",
    "((((:o)))) <3 ^_^ ¯\\(ツ)/¯ 8-D",
    "and/or 1/2 3-4 5x6 #hash @you 20%",
    "½ × ² 三 日本語。 ünïcödé",
]
PIECES = [
    "don't",
    ":)",
    "''",
    "(",
    ")",
    "...",
    "-",
    "'s",
    "n't",
    "a.m.",
    "$",
    "3",
    "xxmaj",
    " ",
    " ",
    "\n",
    "Mr.",
    ":",
    "D",
]


@pytest.fixture(scope="module")
def both():
    return WordSplitter(rule_tables()), WordTokenizer()._splitter


def words_of(splitter, text: str) -> list[str]:
    return [word.text for word in splitter(text)]


@pytest.mark.parametrize("text", HARD)
def test_hard_cases(both, text):
    ours, spacys = both
    assert ours(text) == words_of(spacys, text)


def test_two_thousand_reviews_before_and_after_the_rules(both):
    ours, spacys = both
    texts = shipped_reviews().texts[:2000]
    assert len(texts) == 2000
    different = [text for text in texts if ours(apply_rules(text)) != words_of(spacys, apply_rules(text))]
    different += [text for text in texts[:500] if ours(text) != words_of(spacys, text)]
    assert different == []


def test_ten_thousand_jumbles_of_what_special_cases_are_made_of(both):
    ours, spacys = both
    rng = random.Random(1)
    for _ in range(10_000):
        text = "".join(rng.choices(PIECES, k=rng.randint(1, 8)))
        assert ours(text) == words_of(spacys, text), repr(text)


@given(st.text(alphabet=string.printable + "’“”…é½", max_size=30))
def test_any_text(both, text):
    ours, spacys = both
    assert ours(text) == words_of(spacys, text)


def test_tables_that_lack_something_are_refused():
    with pytest.raises(ConfigError, match="suffix"):
        WordSplitter({"prefix": "^-"})
