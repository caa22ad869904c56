"""The tokens of many texts at once: those of `Tokenizer`, many times as fast.

The rules and the word splitter look at one run of characters between two white spaces at a time, or nearly so. So each
different run is worked through once, together with all the others that are new, and its tokens are remembered; after
that a text is a list of runs to look up. A corpus of six million runs has some 250,000 different ones, and most of
these are put together from frames (`ulmfit_lib.word_frames`) without asking spaCy.

What does reach across white space is watched for:

- `replace_wrep` counts equal words in a row. A text in which it could find any is left to `Tokenizer`
  (`_repeats_a_word`, and `_Watched.repeated` for words that `replace_rep` makes).
- spaCy's special cases can match across a space, as in ") :". Runs that meet so are split together (`_Watched.first`).
- White space that is more than one space is a token, and takes in the spaces behind it (`_OTHER_SPACE`,
  `_Watched.led`).

`fix_html` may do anything to white space, and runs on the whole text before it is cut.
"""

import gc
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, compress, count, repeat
from operator import eq, is_
from typing import TYPE_CHECKING, NamedTuple

from ulmfit_lib.rules import (
    BOS,
    DEFAULT_RULES,
    TK_MAJ,
    TK_REP,
    fix_html,
    lowercase,
    replace_all_caps,
    replace_maj,
    replace_rep,
    replace_space,
    replace_wrep,
    rm_useless_spaces,
    spec_add_spaces,
)

if TYPE_CHECKING:
    from ulmfit_lib.tokenizer import Tokenizer
    from ulmfit_lib.word_frames import Run

#: The rules in the order of which the shortcuts are those: the first works on whole texts, the third is watched for,
#: and no other looks beyond the white space around a run.
RULES = (
    fix_html,
    replace_rep,
    replace_wrep,
    spec_add_spaces,
    rm_useless_spaces,
    replace_all_caps,
    replace_maj,
    lowercase,
)
_OTHER_SPACE = re.compile(r"([^\S ]\s*)")  # white space, from its first character on that is not a space
_WORD = re.compile(r"\w+").fullmatch
_ENDS_IN_WORD = re.compile(r"\w$").search
_MARKS = r"""!"$%&'()*+,.:;<=>?@^`{|}~…\[\]-"""
# Letters and marks that no rule changes: nothing stands three times in a row, and at most the first letter is a
# capital, with a small one behind it.
_PLAIN = re.compile(rf"(?!.*(.)\1\1)(?:[{_MARKS}]*[A-Z])?(?=.*[a-z])[a-z{_MARKS}]+").fullmatch
_LONGEST_REMEMBERED = 100  # characters; a longer run hardly comes twice
_MOST_REMEMBERED = 2_000_000  # runs; about 0.5 GB of memory

Tokens = tuple[str, ...]


class _Watched(NamedTuple):
    """The tokens of a run whose neighbours have to be looked at, and why."""

    tokens: Tokens
    repeated: bool  # `replace_rep` made words of it, and the last could be the first of equal words
    led: bool  # the rules put a space before it, which white space before it takes in
    first: Tokens  # words at its beginning that could belong to a special case begun by the run before it


class _LookedUp(NamedTuple):
    """A text, looked up in the memory."""

    pieces: list[str]  # its runs, and the white space between them that is a token
    found: list[Tokens | None]  # the tokens of each; None where a run is new or has to be watched
    open: list[int]  # the places of these


class BulkTokenizer:
    """Gives `tokenizer(text)` for each of many texts.

    Args:
        tokenizer: what the tokens are those of. If it has other rules than fastai's, or another word splitter than
            `WordTokenizer`, each text is given to it as it is.

    >>> from ulmfit_lib.tokenizer import Tokenizer
    >>> BulkTokenizer(Tokenizer())(["So-so.", "WOW"])
    [['xxbos', 'xxmaj', 'so', '-', 'so', '.'], ['xxbos', 'xxup', 'wow']]
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self.tokenizer = tokenizer
        self._by_runs = tokenizer.rules == RULES == DEFAULT_RULES and hasattr(tokenizer.split, "remember")
        self._forget()

    def _forget(self) -> None:
        self._known: dict[str, Tokens] = {}  # of runs that need no watching, and of white space
        self._watched: dict[str, _Watched] = {}
        self._last: dict[str, Tokens] = {}  # words at the end of a run that could begin a special case

    def __call__(self, texts: Sequence[str]) -> list[list[str]]:
        """Return the tokens of each text, in order."""
        if not self._by_runs:
            return [self.tokenizer(text) for text in texts]
        with no_collection():
            return self._tokens_by_runs(texts)

    def _tokens_by_runs(self, texts: Sequence[str]) -> list[list[str]]:
        if len(self._known) > _MOST_REMEMBERED:
            self._forget()
        looked_up = [self._look_up(pieces) for pieces in map(_cut, texts)]
        new = {one.pieces[place] for one in looked_up if one is not None for place in one.open}
        new -= self._watched.keys()
        self._learn(new)
        pairs = zip(texts, looked_up, strict=True)
        tokens = [(one is not None and self._finish(one)) or self.tokenizer(text) for text, one in pairs]
        for piece in new:
            if len(piece) > _LONGEST_REMEMBERED:
                for memory in (self._known, self._watched, self._last):
                    memory.pop(piece, None)
        return tokens

    def _look_up(self, pieces: list[str] | None) -> "_LookedUp | None":
        if pieces is None:
            return None
        found = list(map(self._known.get, pieces))
        return _LookedUp(pieces, found, list(compress(count(), map(is_, found, repeat(None)))))

    def _finish(self, text: "_LookedUp") -> list[str] | None:
        """Return the tokens of a text, or None where a repeated word could reach across white space."""
        pieces, found, places = text
        start = end = -1  # of the last runs that were split together
        for place in places:
            run = pieces[place]
            watched = self._watched.get(run)
            if watched is None:
                found[place] = self._known[run]
                continue
            if watched.repeated and _may_go_on(pieces, place):
                return None
            found[place] = watched.tokens
            before = pieces[place - 1] if place else ""
            if watched.led and before[:1].isspace():
                found[place - 1] = (before.removesuffix("▁") + "▁",)
            if watched.first and before in self._last and self._meet(self._last[before], watched.first):
                start, end = (start if end == place - 1 else place - 1), place
                found[start:place] = [()] * (place - start)
                found[place] = self._together(pieces[start : place + 1])
        return [BOS, *chain.from_iterable(found)]

    def _meet(self, last: Iterable[str], first: Iterable[str]) -> bool:
        pairs = self.tokenizer.split.pairs
        return any((a, b) in pairs for a in last for b in first)

    def _together(self, runs: Iterable[str]) -> Tokens:
        words = self.tokenizer.split(" ".join(_rewrite(replace_rep(run)).strip() for run in runs))
        return tuple(map(replace_space, words))

    def _learn(self, new: Iterable[str]) -> None:
        """Work out and remember the tokens of runs, and of white space."""
        runs = []
        for piece in new:
            if piece[0].isspace():
                self._known[piece] = (piece,)
            else:
                runs.append(piece)
        runs = [run for run in runs if not self._learn_plain(run)]
        if not runs:
            return
        counted = replace_rep("\n".join(runs))
        rewritten = _rewrite(counted)
        split = self.tokenizer.split.remember(rewritten.split())
        for run, line_counted, line in zip(runs, counted.split("\n"), rewritten.split("\n"), strict=True):
            parts = [split[part] for part in line.split()]
            tokens = self._tokens_of_line(line, parts)
            repeated = line_counted != run and _ENDS_IN_WORD(run) is not None
            self._keep(run, _Watched(tokens, repeated, line[0] == " ", parts[0].first), parts[-1].last)

    def _learn_plain(self, run: str) -> bool:
        """Learn a run, as most are, that only the rules of capitals have anything to say about; False if it is none."""
        if _PLAIN(run) is None:
            return False
        lowered = run.lower()
        split = self.tokenizer.split.from_frame(lowered)
        if split is None:
            return False
        # Capitals are marked where a run begins with one.
        tokens, first = (split.words, split.first) if run[0] == lowered[0] else ((TK_MAJ, *split.words), ())
        self._keep(run, _Watched(tokens, False, False, first), split.last)
        return True

    def _keep(self, run: str, learned: "_Watched", last: Tokens) -> None:
        if learned.first or learned.repeated or learned.led:
            self._watched[run] = learned
        else:
            self._known[run] = learned.tokens
        if last:
            self._last[run] = last

    def _tokens_of_line(self, line: str, parts: list["Run"]) -> Tokens:
        """Return the tokens of a run of which the rules made a line of several."""
        tokens, last = parts[0].words, parts[0].last
        for part in parts[1:]:
            if part.first and self._meet(last, part.first):
                return tuple(self.tokenizer.split(line.strip()))
            tokens += part.words
            last = part.last
        return tokens


def _rewrite(counted: str) -> str:
    """Do to a text what the rules behind `replace_wrep` do, but for `xxbos`."""
    return replace_maj(replace_all_caps(rm_useless_spaces(spec_add_spaces(counted)))).lower()


def _cut(text: str) -> list[str] | None:
    """Return the runs of a text, with the white space between them that is a token, or None where that will not do."""
    text = fix_html(text).strip()
    if TK_REP in text:  # could stand in a row with those that `replace_rep` makes
        return None
    if "  " in text:
        text = rm_useless_spaces(text)
    runs = pieces = text.split(" ") if text else []
    if not text.isprintable():  # white space other than a space is not
        parts = _OTHER_SPACE.split(text)  # some runs, white space, some runs, white space, ..., some runs
        runs, pieces = [], []
        for several, space in zip(parts[::2], [*parts[1::2], None], strict=True):
            several = several.rstrip(" ").split(" ")
            runs += several
            pieces += several if space is None else [*several, replace_space(space)]
    return None if _repeats_a_word(runs) else pieces


def _repeats_a_word(runs: list[str]) -> bool:
    """Return whether a run stands twice in a row and begins the next one: less than what `replace_wrep` asks for."""
    if not any(map(eq, runs, runs[1:])):
        return False
    rows = zip(runs, runs[1:], runs[2:], strict=False)
    return any(a == b and c.startswith(a) and _WORD(a) is not None for a, b, c in rows)


def _may_go_on(pieces: list[str], place: int) -> bool:
    """Return whether the run behind this one could begin with a word that `replace_rep` makes of this one's end."""
    after = pieces[place + 1] if place + 1 < len(pieces) else None
    return after is not None and (after[0] in pieces[place] or after[0].isspace())


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep Python from looking for cycles among many lists of tokens: there are none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
