"""The rules that rewrite a text before it is split into words, and the special tokens that they leave behind.

Each rule takes a text and returns a text. The eight of `DEFAULT_RULES` run one after the other, and their order
matters: repetitions are counted while capitals are still there, and capitals are lowered last.

Source: fastai's `text.core` (the chapter on NLP of Howard and Gugger's book lists the same rules).
"""

import html
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

UNK = "xxunk"  # a word that is not in the vocabulary
PAD = "xxpad"  # fills short texts up to the longest of their batch
BOS = "xxbos"  # beginning of a text ("beginning of stream")
EOS = "xxeos"  # end of a text
FLD = "xxfld"  # beginning of a field, when a text is made of several columns
TK_REP = "xxrep"  # the next two tokens are a count and the character that was repeated
TK_WREP = "xxwrep"  # the next two tokens are a count and the word that was repeated
TK_UP = "xxup"  # the next word was written in capitals
TK_MAJ = "xxmaj"  # the next word began with a capital

#: The order is the order of their ids: `xxunk` is 0 and `xxpad` is 1 in every vocabulary of this project.
SPECIAL_TOKENS = (UNK, PAD, BOS, EOS, FLD, TK_REP, TK_WREP, TK_UP, TK_MAJ)

Rule = Callable[[str], str]

# What web pages and earlier corpora left in the texts, and what it meant. Replaced in this order.
_LEFTOVERS = (
    ("#39;", "'"),
    ("amp;", "&"),
    ("#146;", "'"),
    ("nbsp;", " "),
    ("#36;", "$"),
    ("\\n", "\n"),
    ("quot;", "'"),
    ("<br />", "\n"),
    ('\\"', '"'),
    ("<unk>", UNK),
    (" @.@ ", "."),
    (" @-@ ", "-"),
    ("...", " …"),
)
_REPEATED_CHARACTER = re.compile(r"(\S)(\1{2,})")
_REPEATED_WORD = re.compile(r"(?:\s|^)(\w+)\s+((?:\1\s+)+)\1(\s|\W|$)")
_SPECIAL_CHARACTER = re.compile(r"([/#\\])")
_SPACES = re.compile(r" {2,}")
_ALL_CAPS_WORD = re.compile(r"(\s|^)([A-Z]+[^a-z\s]*)(?=\s|$)")
_CAPITALISED_WORD = re.compile(r"(\s|^)([A-Z][^A-Z\s]*)(?=\s|$)")


def fix_html(text: str) -> str:
    r"""Replace what is left of HTML, and of other corpora's mark-up, by the characters that it stands for.

    Like fastai's, it looks for `amp;` and not for `&amp;`, so the `&` of a well-formed entity stays:
    `&amp;` becomes `&&`. Source: fastai `text.core.fix_html`.

    >>> fix_html("Fish amp; chips<br />for #36;5...")
    'Fish & chips\nfor $5 …'
    """
    for leftover, meant in _LEFTOVERS:
        text = text.replace(leftover, meant)
    return html.unescape(text)


def replace_rep(text: str) -> str:
    """Replace a character that stands three times or more in a row by `xxrep`, the count and the character.

    White space is left alone. Source: fastai `text.core.replace_rep`.

    >>> replace_rep("soooo good")
    's xxrep 4 o  good'
    """

    def count(match: re.Match[str]) -> str:
        character, others = match.groups()
        return f" {TK_REP} {len(others) + 1} {character} "

    return _REPEATED_CHARACTER.sub(count, text)


def replace_wrep(text: str) -> str:
    """Replace a word that stands three times or more in a row by `xxwrep`, the count and the word.

    Source: fastai `text.core.replace_wrep`.

    >>> replace_wrep("a very very very good film")
    'a xxwrep 3 very  good film'
    """

    def count(match: re.Match[str]) -> str:
        word, between, end = match.groups()
        # The pattern keeps the first and the last of them outside `between`.
        return f" {TK_WREP} {len(between.split()) + 2} {word} {end}"

    return _REPEATED_WORD.sub(count, text)


def spec_add_spaces(text: str) -> str:
    r"""Put spaces around `/`, `#` and `\\`, so that what they join is split.

    Source: fastai `text.core.spec_add_spaces`.

    >>> spec_add_spaces("either/or")
    'either / or'
    """
    return _SPECIAL_CHARACTER.sub(r" \1 ", text)


def rm_useless_spaces(text: str) -> str:
    """Make one space of several; tabs and line breaks stay.

    Source: fastai `text.core.rm_useless_spaces`.

    >>> rm_useless_spaces("too   far")
    'too far'
    """
    return _SPACES.sub(" ", text)


def replace_all_caps(text: str) -> str:
    """Lower a word written in capitals and put `xxup` before it; a single capital is lowered without it.

    Source: fastai `text.core.replace_all_caps`.

    >>> replace_all_caps("I am NOT amused")
    'i am xxup not amused'
    """

    def lower(match: re.Match[str]) -> str:
        before, word = match.groups()
        mark = f"{TK_UP} " if len(word) > 1 else ""
        return f"{before}{mark}{word.lower()}"

    return _ALL_CAPS_WORD.sub(lower, text)


def replace_maj(text: str) -> str:
    """Lower a word that begins with a capital and put `xxmaj` before it; a single capital is lowered without it.

    Source: fastai `text.core.replace_maj`.

    >>> replace_maj("The end")
    'xxmaj the end'
    """

    def lower(match: re.Match[str]) -> str:
        before, word = match.groups()
        mark = f"{TK_MAJ} " if len(word) > 1 else ""
        return f"{before}{mark}{word.lower()}"

    return _CAPITALISED_WORD.sub(lower, text)


def lowercase(text: str, add_bos: bool = True, add_eos: bool = False) -> str:
    """Lower the text, strip it, and mark its beginning (`xxbos`) and, if asked, its end (`xxeos`).

    Source: fastai `text.core.lowercase`.

    >>> lowercase(" McQueen ")
    'xxbos mcqueen'
    """
    begin = f"{BOS} " if add_bos else ""
    end = f" {EOS}" if add_eos else ""
    return begin + text.lower().strip() + end


def replace_space(token: str) -> str:
    """Replace spaces inside one token by `▁`, so that tokens can be joined by spaces and split again.

    This runs on tokens, after the splitting. Source: fastai `text.core.replace_space`.

    >>> replace_space("New York")
    'New▁York'
    """
    return token.replace(" ", "▁")


DEFAULT_RULES: tuple[Rule, ...] = (
    fix_html,
    replace_rep,
    replace_wrep,
    spec_add_spaces,
    rm_useless_spaces,
    replace_all_caps,
    replace_maj,
    lowercase,
)


def apply_rules(text: str, rules: Iterable[Rule] = DEFAULT_RULES) -> str:
    """Apply the rules to a text, each to what the one before it returned.

    Source: fastai `text.core.TokenizeWithRules`.

    >>> apply_rules("WOW!!!!  What a film")
    'xxbos xxup wow xxrep 4 ! xxmaj what a film'
    """
    for rule in rules:
        text = rule(text)
    return text


class Step(NamedTuple):
    """What one rule did to a text."""

    rule: str
    before: str
    after: str

    @property
    def changed(self) -> bool:
        """Whether the rule did anything."""
        return self.before != self.after


def trace(text: str, rules: Iterable[Rule] = DEFAULT_RULES) -> list[Step]:
    """Return one `Step` a rule, in order: the text before it and the text after it.

    >>> [step.rule for step in trace("either/or") if step.changed]
    ['spec_add_spaces', 'lowercase']
    """
    steps = []
    for rule in rules:
        after = rule(text)
        steps.append(Step(rule.__name__, text, after))
        text = after
    return steps
