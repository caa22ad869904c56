"""spaCy's way of splitting words, in plain Python, from tables of its rules: for places where spaCy cannot run.

The live pieces of the site run this in the reader's browser; everywhere else `tokenizer.WordTokenizer` is spaCy
itself. The tables are exported from the installed spaCy when the site is built, so nothing of them is written here.

How spaCy splits: the text is cut at white space. From each piece, marks that its prefix and suffix patterns know are
taken off, one after the other, until nothing more comes off or what is left is a special case ("don't"), which has
its own words. What is left over is kept if it looks like an address, and else cut at the marks inside it. At the end
the special cases that contain a mark, such as ":-)", are looked for once more over the words of the whole text.

Source: spaCy's documentation of its tokenizer (spacy.io/usage/linguistic-features).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ulmfit_lib.errors import ConfigError
from ulmfit_lib.rules import SPECIAL_TOKENS

_REMEMBERED = 50_000  # pieces whose words are kept; a text repeats most of its pieces


class _Word(NamedTuple):
    text: str
    space: str  # " " if one space stands behind it, else ""


class WordSplitter:
    """Split a text into the words that spaCy gives.

    Args:
        tables: `prefix`, `suffix`, `infix`, `url`: patterns; `special_cases`: the words of each.
        special_tokens: words that are never split.

    Raises:
        ConfigError: a table is missing.
    """

    def __init__(self, tables: Mapping[str, Any], special_tokens: Sequence[str] = SPECIAL_TOKENS) -> None:
        try:
            self._prefix = re.compile(tables["prefix"]).search
            self._suffix = re.compile(tables["suffix"]).search
            self._infix = re.compile(tables["infix"]).finditer
            self._url = re.compile(tables["url"]).match
            cases = {case: list(words) for case, words in tables["special_cases"].items()}
        except KeyError as error:
            raise ConfigError(f"The tables of a word splitter lack {error}.") from error
        self._cases = cases | {token: [token] for token in special_tokens}
        self._remembered: dict[str, list[str]] = {}
        self._patterns = self._patterns_over_words()
        self._longest = max(map(len, self._patterns), default=0)

    def __call__(self, text: str) -> list[str]:
        """Return the words of a text, in order; white space other than one space between words is a word too."""
        return self._apply_cases(self._split_text(text))

    # --- pieces between white space ---

    def _split_text(self, text: str) -> list[_Word]:
        """Cut at white space, then split each piece; one space belongs to the word before it."""
        words: list[_Word] = []
        for piece in re.findall(r"\s+|\S+", text):
            if piece.isspace() and words and piece[0] == " ":
                words[-1] = words[-1]._replace(space=" ")
                piece = piece[1:]
            if piece:
                words += [_Word(word, "") for word in self._split_piece(piece)]
        return words

    def _split_piece(self, piece: str, with_cases: bool = True) -> list[str]:
        if not with_cases:
            return self._split_marks(piece, {})
        known = self._remembered.get(piece)
        if known is None:
            known = self._cases.get(piece) or self._split_marks(piece, self._cases)
            if len(self._remembered) < _REMEMBERED:
                self._remembered[piece] = known
        return known

    def _split_marks(self, piece: str, cases: Mapping[str, list[str]]) -> list[str]:
        """Take marks off both ends of a piece, then split what is left in the middle."""
        before: list[str] = []
        behind: list[str] = []
        last_size = 0
        while piece and len(piece) != last_size and piece not in cases:
            last_size = len(piece)
            n_before = _length(self._prefix(piece))
            if n_before and piece[n_before:] in cases:
                before.append(piece[:n_before])
                piece = piece[n_before:]
                break
            n_behind = _length(self._suffix(piece[n_before:]))
            if n_behind and piece[:-n_behind] in cases:
                behind.append(piece[-n_behind:])
                piece = piece[:-n_behind]
                break
            if n_before:
                before.append(piece[:n_before])
            if n_behind:
                behind.append(piece[len(piece) - n_behind :])
            piece = piece[n_before : len(piece) - n_behind]
        return before + self._split_middle(piece, cases) + behind[::-1]

    def _split_middle(self, piece: str, cases: Mapping[str, list[str]]) -> list[str]:
        if not piece:
            return []
        if piece in cases:
            return list(cases[piece])
        if self._url(piece):
            return [piece]
        words, start = [], 0
        for mark in self._infix(piece):
            if mark.start() == 0:
                continue  # a mark at the very beginning is no mark inside
            words += [piece[start : mark.start()], mark.group()]
            start = mark.end()
        return [word for word in [*words, piece[start:]] if word]

    # --- special cases over the words of a whole text ---

    def _patterns_over_words(self) -> set[tuple[str, ...]]:
        """Return the special cases that hold a mark or a space, each as the words it is split into without them."""
        marked = (
            case
            for case in self._cases
            if _length(self._prefix(case))
            or _length(self._suffix(case))
            or next(self._infix(case), None)
            or " " in case
        )
        return {tuple(word for piece in _pieces(case) for word in self._split_piece(piece, False)) for case in marked}

    def _apply_cases(self, words: list[_Word]) -> list[str]:
        """Give the words of a special case to the runs of words that make it up; longer runs go first."""
        texts = [word.text for word in words]
        found = [
            (start, end)
            for start in range(len(texts))
            for end in range(start + 1, min(start + self._longest, len(texts)) + 1)
            if tuple(texts[start:end]) in self._patterns
        ]
        taken: set[int] = set()
        chosen: dict[int, int] = {}
        for start, end in sorted(found, key=lambda run: (run[0] - run[1], run[0])):
            if start not in taken and end - 1 not in taken:
                chosen[start] = end
            taken.update(range(start, end))
        result, place = [], 0
        while place < len(words):
            end = chosen.get(place, place + 1)
            run = words[place:end]
            # The words may stand apart in the text: then it is no special case, but it has hidden shorter ones.
            joined = "".join(word.text + word.space for word in run[:-1]) + run[-1].text
            case = self._cases.get(joined) if place in chosen else None
            result += case or [word.text for word in run]
            place = end
        return result


def _length(match: re.Match[str] | None) -> int:
    return 0 if match is None else match.end() - match.start()


def _pieces(case: str) -> list[str]:
    return [piece for piece in re.findall(r"\s+|\S+", case) if piece != " "]
