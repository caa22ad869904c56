"""The rules against the installed fastai, and the order in which they must run."""

from itertools import pairwise

import fastai.text.core as fastai_core
import pytest
from fastai.text.all import defaults
from hypothesis import example, given
from hypothesis import strategies as st

from ulmfit_lib import rules

# Pieces that set the rules off, glued together in every way: plain random text hardly ever does.
PIECES = st.sampled_from(
    "a b I A OK NASA Film film McQueen the the the the no no no !!! ...... oooo ccc 10/10 #1 C# \\ <br /> &amp; &quot; "
    "#39; quot; \\n <unk> @.@ @-@ é É ß İ 中 \u00a0 \n \t x1x1x1 1 1 1 111 'tis xxunk xxbos — …".split(" ")
    + [" ", "  ", "   ", "\n", "\n\n", "\t"]
)
TEXTS = st.one_of(st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES, max_size=12).map(" ".join), st.text())

NAMES = [rule.__name__ for rule in rules.DEFAULT_RULES]


def test_same_rules_in_the_same_order_as_fastai():
    assert [rule.__name__ for rule in defaults.text_proc_rules] == NAMES
    assert list(rules.SPECIAL_TOKENS) == defaults.text_spec_tok


@pytest.mark.parametrize("name", [*NAMES, "replace_space"])
def test_each_rule_gives_what_fastai_gives(name):
    ours, theirs = getattr(rules, name), getattr(fastai_core, name)

    @given(TEXTS)
    @example("")
    @example("very very very")
    @example("İİİ ǅǅǅ &#x41; &notanentity;")
    def same(text):
        assert ours(text) == theirs(text)

    same()


@given(TEXTS)
def test_all_rules_together_give_what_fastai_gives(text):
    theirs = text
    for rule in defaults.text_proc_rules:
        theirs = rule(theirs)
    assert rules.apply_rules(text) == theirs


@given(TEXTS)
def test_trace_is_a_chain_that_ends_in_the_result(text):
    steps = rules.trace(text)
    assert [step.rule for step in steps] == NAMES
    assert steps[0].before == text
    assert steps[-1].after == rules.apply_rules(text)
    assert all(one.after == two.before for one, two in pairwise(steps))
    assert all(step.changed == (step.before != step.after) for step in steps)


def test_lowercase_can_mark_the_end():
    assert rules.lowercase("The End", add_bos=False, add_eos=True) == "the end xxeos"


def test_words_are_counted_before_their_capitals_are_marked():
    """Why the order matters: once each "No" has its `xxmaj`, no two of them are neighbours."""
    capitals_first = (rules.replace_maj, rules.replace_wrep, rules.rm_useless_spaces, rules.lowercase)
    assert rules.apply_rules("No No No way") == "xxbos xxwrep 3 xxmaj no way"
    assert rules.apply_rules("No No No way", capitals_first) == "xxbos xxmaj no xxmaj no xxmaj no way"
