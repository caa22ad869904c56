"""What spaCy makes of the marks around words, learned once for all the words that stand between the same marks.

Take the words out of "(well-known)," and a frame is left: "(", "-" and "),". English spaCy splits there in the same
way whatever the words are, for its rules know lower-case letters as a class. There are two exceptions, and runs with
them have no frame:

- special cases, such as "don't" or "vs.": a word that occurs in one of these;
- units, as in "5km": any digit.

So spaCy splits one run a frame, with made-up words in it. Of a corpus's different runs four fifths are then put
together from the marks of their frame and their own words, in a fraction of the time.
"""

import re
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

#: The languages of which spaCy's rules were read for this, and their tokens compared on whole corpora.
LANGUAGES = ("en",)

_WORD = re.compile(r"([a-z]{2,})")
_DIGIT = re.compile(r"\d")
_MADE_UP = "qyzzyx"
_MOST_FRAMES = 100_000


class Run(NamedTuple):
    """The words of one run, and which of its outer words could grow together with a neighbouring run's."""

    words: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]


class Frame(NamedTuple):
    """The tokens before, between and after the words of a run; `first` and `last` as in `Run`."""

    marks: tuple[tuple[str, ...], ...]
    first: tuple[str, ...]
    last: tuple[str, ...]


_UNSEEN = Frame((), (), ())


class Frames:
    """Puts runs together from frames that it has seen, and learns those that it has not.

    Args:
        split: splits one run by spaCy.
        special_cases: the texts for which spaCy's rules do not hold.
        lang: the language; if it is none of `LANGUAGES`, no run has a frame.
    """

    def __init__(self, split: Callable[[str], Run], special_cases: Iterable[str], lang: str) -> None:
        self._known_language = lang in LANGUAGES
        self._split = split
        self._words_of_special_cases = {word for case in special_cases for word in _WORD.findall(case)}
        self._frames: dict[tuple[str, ...], Frame | None] = {}

    def fill(self, run: str) -> Run | None:
        """Return a run as spaCy splits it, or None where it has no frame and spaCy has to be asked."""
        pieces = _WORD.split(run)  # marks, word, marks, word, ..., marks
        words = pieces[1::2]
        if not words or not self._known_language or not self._words_of_special_cases.isdisjoint(words):
            return None
        outline = tuple(pieces[::2])
        frame = self._frames.get(outline, _UNSEEN)
        if frame is _UNSEEN:
            frame = self._remember(outline)
        if frame is None:
            return None
        tokens = frame.marks[0]
        for word, marks in zip(words, frame.marks[1:], strict=True):
            tokens = (*tokens, sys.intern(word), *marks)  # one string for each different word, however often it comes
        return Run(tokens, frame.first, frame.last)

    def _remember(self, outline: tuple[str, ...]) -> Frame | None:
        if len(self._frames) >= _MOST_FRAMES:
            self._frames.clear()
        frame = self._frames[outline] = self._learn(outline)
        return frame

    def _learn(self, outline: tuple[str, ...]) -> Frame | None:
        """Return what spaCy makes of a frame, or None where a word does not become a token of its own."""
        if any(map(_DIGIT.search, outline)):
            return None
        split = self._split(_MADE_UP.join(outline))
        marks: list[tuple[str, ...]] = [()]
        for word in split.words:
            if word == _MADE_UP:
                marks.append(())
            else:
                marks[-1] += (word,)
        if tuple(map("".join, marks)) != outline:
            return None
        return Frame(tuple(marks), split.first, split.last)
