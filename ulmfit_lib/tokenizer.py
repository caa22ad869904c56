"""Splitting a text into words: the rules first, then spaCy's word splitter, then `replace_space` on each token.

spaCy decides about each run of characters between two white spaces almost on its own, so each distinct run needs
to be split only once: `WordTokenizer` remembers them. (spaCy has a memory of its own, but gives it up for the rest
of a text as soon as one special case occurs, and after the rules every text begins with one: `xxbos`.)
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations, islice, pairwise
from multiprocessing import get_context
from typing import TYPE_CHECKING

from ulmfit_lib.bulk_tokenizer import BulkTokenizer, no_collection
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.rules import DEFAULT_RULES, FLD, SPECIAL_TOKENS, Rule, apply_rules, replace_space
from ulmfit_lib.word_frames import Frames, Run

if TYPE_CHECKING:
    import spacy

Progress = Callable[[int], None]  # called with the number of texts done since the last call

_RUNS = re.compile(r"\S+|\s+")
_LONGEST_REMEMBERED = 100  # characters; a longer run hardly comes twice
_MOST_REMEMBERED = 2_000_000  # runs; about 0.5 GB of memory


class WordTokenizer:
    """spaCy's word splitter for a language, with our special tokens kept whole.

    Gives the tokens of fastai's `WordTokenizer` (`text.core.SpacyTokenizer`).

    Args:
        lang: a language code that spaCy knows, such as "en", "de" or "fr".
        special_tokens: words that are never split.

    Raises:
        ConfigError: spaCy does not know the language, needs another package for it, or splits its words in a way that
            leaves no room for special tokens.

    >>> WordTokenizer()("It doesn't cost $1.00.")
    ['It', 'does', "n't", 'cost', '$', '1.00', '.']
    """

    def __init__(self, lang: str = "en", special_tokens: Sequence[str] = SPECIAL_TOKENS) -> None:
        import spacy
        from spacy.symbols import ORTH

        try:
            self._splitter = spacy.blank(lang).tokenizer
        except ImportError as error:
            raise ConfigError(
                f"spaCy cannot split words of the language {lang!r} here.",
                fix=f"Use a code from https://spacy.io/usage/models#languages. spaCy says: {str(error).strip()}",
            ) from error
        if not hasattr(self._splitter, "add_special_case"):  # such as the one for Chinese, which is not spaCy's own
            raise ConfigError(
                f"the word splitter for the language {lang!r} can take no special tokens.",
                fix="Split the texts into subwords.",
            )
        for token in special_tokens:
            self._splitter.add_special_case(token, [{ORTH: token}])
        # Whether a word looks like a number or a stop word costs spaCy a third of its time, and nobody asks it here.
        self._splitter.vocab.lex_attr_getters = {}
        self.lang = lang
        self._plain_splitter = _without_special_cases(self._splitter)
        self.pairs = _pairs_in_special_cases(self._splitter, self._plain_splitter)
        self._special_cases = set(self._splitter.rules)
        self._firsts = {second for _, second in self.pairs}
        self._lasts = {first for first, _ in self.pairs}
        self._remembered: dict[str, Run] = {}
        self._frames = Frames(self._ask, self._special_cases, lang)
        self.from_frame = self._frames.fill

    def __call__(self, text: str) -> list[str]:
        """Return the words of a text, in order; white space other than one space between words is a token too."""
        tokens: list[str] = []
        group, group_start, last = "", 0, ()  # the runs that were split together, and where their words begin
        for match in _RUNS.finditer(text):
            run = match.group()
            if run == " " and match.start() > 0:
                continue
            if run.isspace():
                # The one space that separates two words is no token; what a longer run has beyond it is.
                tokens.append(run[1:] if run[0] == " " and match.start() > 0 else run)
                group = ""
                continue
            words, first, next_last = self._split(run)
            if group and last and first and any((a, b) in self.pairs for a in last for b in first):
                group = f"{group} {run}"
                del tokens[group_start:]
                words = [word.text for word in self._splitter(group)]
            else:
                group, group_start = run, len(tokens)
            tokens += words
            last = next_last
        return tokens

    def remember(self, runs: Iterable[str]) -> dict[str, Run]:
        """Return how each run is split; many new ones at once take a fraction of their time."""
        split = {run: self._remembered.get(run) or self._frames.fill(run) for run in runs}
        new = [run for run, known in split.items() if known is None]
        plain: list[str] = []
        left = iter(new)
        # Without special cases each run is split as if it stood alone, and a word with a space behind it is its last.
        for word in self._plain_splitter(" ".join(new) + " "):
            plain.append(word.text)
            if word.whitespace_:
                run = next(left)
                words = plain
                if self._may_hold_special_case(run, plain):
                    words = [word.text for word in self._splitter(run)]
                split[run] = self._keep(run, words, plain)
                plain = []
        return split

    def _may_hold_special_case(self, run: str, plain: list[str]) -> bool:
        """Return whether a special case could change the words of a run; where not, neighbouring words make none."""
        if len(plain) == 1:
            return run in self._special_cases
        if len(plain) > 6:
            return True
        return any("".join(plain[i:j]) in self._special_cases for i, j in combinations(range(len(plain) + 1), 2))

    def _split(self, run: str) -> Run:
        return self._remembered.get(run) or self._frames.fill(run) or self._ask(run)

    def _ask(self, run: str) -> Run:
        """Return how spaCy splits a run, and remember it."""
        words = [word.text for word in self._splitter(run)]
        plain = words
        if len(words) > 1 or run in self._special_cases:  # or else no special case can have been at work
            plain = [word.text for word in self._plain_splitter(run)]
        return self._keep(run, words, plain)

    def _keep(self, run: str, words: list[str], plain: list[str]) -> Run:
        outer = {words[0], plain[0]}, {words[-1], plain[-1]}
        split = Run(
            tuple(map(sys.intern, words)),  # one string for each different word, however often it stands in the texts
            first=() if outer[0].isdisjoint(self._firsts) else tuple(outer[0] & self._firsts),
            last=() if outer[1].isdisjoint(self._lasts) else tuple(outer[1] & self._lasts),
        )
        if len(run) <= _LONGEST_REMEMBERED:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[run] = split
        return split


def _without_special_cases(splitter: "spacy.tokenizer.Tokenizer") -> "spacy.tokenizer.Tokenizer":
    return type(splitter)(
        splitter.vocab,
        prefix_search=splitter.prefix_search,
        suffix_search=splitter.suffix_search,
        infix_finditer=splitter.infix_finditer,
        token_match=splitter.token_match,
        url_match=splitter.url_match,
    )


def _pairs_in_special_cases(
    splitter: "spacy.tokenizer.Tokenizer", plain: "spacy.tokenizer.Tokenizer"
) -> set[tuple[str, str]]:
    """Return the neighbours inside spaCy's special cases, such as ":" and "(" in the smiley ":(".

    spaCy looks for these across white space and lets a match there hide another one, so two runs that meet in such
    a pair ("back'' ''return") have to be split together.
    """
    words = [[word.text for word in plain(case)] for case in splitter.rules]
    return {pair for case in words for pair in pairwise(case)}


class Tokenizer:
    """Rules, word splitter and `replace_space` in one: text in, tokens out.

    Gives the tokens of fastai's `text.core.TokenizeWithRules`.

    >>> Tokenizer()("WOW!!!! Fish/chips")
    ['xxbos', 'xxup', 'wow', 'xxrep', '4', '!', 'xxmaj', 'fish', '/', 'chips']
    """

    def __init__(
        self,
        split: Callable[[str], list[str]] | None = None,
        rules: Iterable[Rule] = DEFAULT_RULES,
    ) -> None:
        self.split = WordTokenizer() if split is None else split
        self.rules = tuple(rules)

    def __call__(self, text: str) -> list[str]:
        return [replace_space(token) for token in self.split(apply_rules(text, self.rules))]


def join_fields(fields: Sequence[str]) -> str:
    """Join the columns of a row to one text, each after `xxfld` and its number.

    Source: fastai `text.core.tokenize_df` with `mark_fields`.

    >>> join_fields(["Jaws", "Never again a beach."])
    'xxfld 1 Jaws xxfld 2 Never again a beach.'
    """
    return " ".join(f"{FLD} {number} {field}" for number, field in enumerate(fields, start=1))


def tokenize(
    texts: Iterable[str], *, lang: str = "en", n_workers: int = 0, progress: Progress | None = None
) -> list[list[str]]:
    """Return the tokens of each text, in the order of the texts.

    Args:
        texts: any number of texts; an iterator is read as it goes.
        lang: the language, as spaCy calls it.
        n_workers: processes that share the work; 0 does it in this one.
        progress: called with the number of texts that were finished since the last call.
    """
    with no_collection():
        return list(stream_tokens(texts, lang=lang, n_workers=n_workers, progress=progress))


def stream_tokens(
    texts: Iterable[str],
    *,
    lang: str = "en",
    n_workers: int = 0,
    progress: Progress | None = None,
    chunk_size: int = 500,
) -> Iterator[list[str]]:
    """Yield the tokens of each text in order, holding at most a few chunks of texts in memory.

    Args: as `tokenize`; `chunk_size` is the number of texts that a process is handed at a time.

    Raises:
        ConfigError: `n_workers` is negative.
    """
    if n_workers < 0:
        raise ConfigError(f"n_workers must be 0 or more, not {n_workers}.")
    if n_workers == 0:
        tokenizer = BulkTokenizer(Tokenizer(WordTokenizer(lang)))
        results = (tokenizer(chunk) for chunk in _chunks(texts, chunk_size))
        yield from _flatten(results, progress)
        return
    # A new interpreter a worker: forking a process that has used torch's threads can hang.
    with ProcessPoolExecutor(n_workers, get_context("spawn"), _set_up_worker, (lang,)) as pool:
        yield from _flatten(_in_order(pool, texts, chunk_size, ahead=2 * n_workers), progress)


def _chunks(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    texts = iter(texts)
    return iter(lambda: list(islice(texts, size)), [])


def _flatten(chunks: Iterable[list[list[str]]], progress: Progress | None) -> Iterator[list[str]]:
    for chunk in chunks:
        yield from chunk
        if progress is not None:
            progress(len(chunk))


def _in_order(
    pool: ProcessPoolExecutor, texts: Iterable[str], chunk_size: int, ahead: int
) -> Iterator[list[list[str]]]:
    """Keep `ahead` chunks in work, so that an endless iterator of texts is not read to its end first."""
    chunks = _chunks(texts, chunk_size)
    waiting = [pool.submit(_tokenize_in_worker, chunk) for chunk in islice(chunks, ahead)]
    while waiting:
        yield waiting.pop(0).result()
        waiting += [pool.submit(_tokenize_in_worker, chunk) for chunk in islice(chunks, 1)]


def _set_up_worker(lang: str) -> None:
    # A pool's initializer can hand nothing to its tasks but through the worker's own module.
    global _tokenize_in_this_worker
    _tokenize_in_this_worker = BulkTokenizer(Tokenizer(WordTokenizer(lang)))


def _tokenize_in_worker(chunk: list[str]) -> list[list[str]]:
    return _tokenize_in_this_worker(chunk)
