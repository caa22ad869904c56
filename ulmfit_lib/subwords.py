"""Cutting words into pieces: byte pair encoding from scratch to learn from, SentencePiece's unigram model to use.

Both mark where a word begins with "▁", a character that texts do not hold, so that the pieces say where the spaces
were. Words here are what stands between white spaces, after the rules.

Sources: Sennrich, Haddow and Birch 2016, section 3.2 (byte pair encoding); Kudo 2018, section 3.2 (unigram model);
fastai `text.core.SentencePieceTokenizer`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Self

from ulmfit_lib.errors import ArtifactError, ConfigError, DataError
from ulmfit_lib.rules import DEFAULT_RULES, SPECIAL_TOKENS, Rule, apply_rules, replace_space

WORD_BEGIN = "▁"  # stands before each word, in the place of the space
Word = tuple[str, ...]  # the pieces of one word
Pair = tuple[str, str]

# Languages of fastai's `eu_langs`: their letters are few, so nearly every character is kept.
_FEW_LETTERS = frozenset("bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv".split())
_SMALLEST_VOCAB = 29


def word_counts(texts: Iterable[str]) -> dict[Word, int]:
    """Count the words of the texts, each cut into its characters with "▁" in front.

    >>> word_counts(["so so", "no"])
    {('▁', 's', 'o'): 2, ('▁', 'n', 'o'): 1}
    """
    counts = Counter(word for text in texts for word in text.split())
    return {(WORD_BEGIN, *word): count for word, count in counts.items()}


def pair_counts(words: Mapping[Word, int]) -> Counter[Pair]:
    """Count how often each two pieces stand side by side, over all words.

    Args:
        words: the pieces of each word, and how often the word occurs.

    >>> pair_counts({("▁", "s", "o"): 2, ("▁", "n", "o"): 1})[("s", "o")]
    2
    """
    counts: Counter[Pair] = Counter()
    for word, count in words.items():
        for pair in pairwise(word):
            counts[pair] += count
    return counts


def merge_pair(word: Sequence[str], pair: Pair) -> Word:
    """Join the two pieces of the pair wherever they stand side by side in the word, from left to right.

    >>> merge_pair(("b", "a", "n", "a", "n", "a"), ("a", "n"))
    ('b', 'an', 'an', 'a')
    """
    left, right = pair
    merged: list[str] = []
    place = 0
    while place < len(word):
        if place + 1 < len(word) and word[place] == left and word[place + 1] == right:
            merged.append(left + right)
            place += 2
        else:
            merged.append(word[place])
            place += 1
    return tuple(merged)


def most_frequent_pair(counts: Mapping[Pair, int]) -> Pair:
    """Return the pair with the highest count; of several, the one that is first in the order of Python's `sorted`.

    >>> most_frequent_pair({("s", "o"): 2, ("n", "o"): 2, ("o", "h"): 1})
    ('n', 'o')
    """
    highest = max(counts.values())
    return min(pair for pair, count in counts.items() if count == highest)


def train_bpe(words: Mapping[Word, int], n_merges: int) -> list[Pair]:
    """Learn which pairs to merge: again and again the most frequent one, as long as there are pairs.

    Args:
        words: the characters of each word, and how often it occurs, as `word_counts` gives them.
        n_merges: how many pairs to learn; fewer come back when every word has become one piece.

    Raises:
        ConfigError: `n_merges` is negative.

    Source: Sennrich, Haddow and Birch 2016, algorithm 1; ties are broken as in `most_frequent_pair`.

    >>> train_bpe(word_counts(["low low lower slow"]), 3)
    [('l', 'o'), ('lo', 'w'), ('▁', 'low')]
    """
    if n_merges < 0:
        raise ConfigError(f"n_merges must be 0 or more, not {n_merges}.")
    pieces = list(words)  # the words as they are now
    often = list(words.values())
    counts = pair_counts(words)
    # Which words hold a pair: a merge changes only those, so only those are counted anew.
    holders: defaultdict[Pair, set[int]] = defaultdict(set)
    for number, word in enumerate(pieces):
        for pair in pairwise(word):
            holders[pair].add(number)
    merges: list[Pair] = []
    while counts and len(merges) < n_merges:
        best = most_frequent_pair(counts)
        merges.append(best)
        for number in holders.pop(best):
            before, after = pieces[number], merge_pair(pieces[number], best)
            for pair in pairwise(before):
                counts[pair] -= often[number]
                if pair != best:
                    holders[pair].discard(number)
                if counts[pair] == 0:
                    del counts[pair]
            for pair in pairwise(after):
                counts[pair] += often[number]
                holders[pair].add(number)
            pieces[number] = after
    return merges


def bpe_vocab(words: Mapping[Word, int], merges: Iterable[Pair]) -> list[str]:
    """Return every piece that can come out: the characters in the order of `sorted`, then one new piece a merge.

    >>> bpe_vocab(word_counts(["no"]), [("n", "o")])
    ['n', 'o', '▁', 'no']
    """
    characters = sorted({piece for word in words for piece in word})
    return list(dict.fromkeys([*characters, *(left + right for left, right in merges)]))


def encode_bpe(text: str, merges: Sequence[Pair]) -> list[str]:
    """Cut each word of the text into pieces: begin with characters, then make the merges in the order learned.

    A character that training never saw stays a piece of its own.

    >>> encode_bpe("lower owl", [("l", "o"), ("lo", "w"), ("▁", "low")])
    ['▁low', 'e', 'r', '▁', 'o', 'w', 'l']
    """
    pieces: list[str] = []
    known: dict[str, Word] = {}
    for word in text.split():
        if word not in known:
            known[word] = _encode_word(word, merges)
        pieces += known[word]
    return pieces


def _encode_word(word: str, merges: Sequence[Pair]) -> Word:
    pieces: Word = (WORD_BEGIN, *word)
    for pair in merges:
        if pair[0] in pieces:  # most pairs do not occur; looking is quicker than merging in vain
            pieces = merge_pair(pieces, pair)
    return pieces


def decode_bpe(pieces: Iterable[str]) -> str:
    """Put pieces together to a text again, with one space before each word but the first.

    Gives back the text that was encoded, if it has single spaces between words and none at its ends, and no "▁".

    >>> decode_bpe(["▁low", "e", "r", "▁", "o", "w", "l"])
    'lower owl'
    """
    return "".join(pieces).replace(WORD_BEGIN, " ").removeprefix(" ")


class SubwordTokenizer:
    """Rules, then SentencePiece: text in, pieces out. Make one with `train` or `load`.

    Gives the tokens of fastai's `Tokenizer` with a `SentencePieceTokenizer` that was trained on the same texts with
    the same settings.

    Args:
        model: SentencePiece's model file, as bytes.
        rules: what is done to each text first.

    Raises:
        ArtifactError: the bytes are no such model.
    """

    def __init__(self, model: bytes, rules: Iterable[Rule] = DEFAULT_RULES) -> None:
        from sentencepiece import SentencePieceProcessor

        self.model, self.rules = model, tuple(rules)
        self._processor = SentencePieceProcessor()
        try:
            fits = bool(model) and self._processor.LoadFromSerializedProto(model)
        except (RuntimeError, OSError):
            fits = False
        if not fits:
            raise ArtifactError(
                "This is not a model of SentencePiece.", fix="Train one: SubwordTokenizer.train(texts)."
            )

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        *,
        lang: str = "en",
        vocab_sz: int | None = None,
        max_vocab_sz: int = 30_000,
        model_type: str = "unigram",
        char_coverage: float | None = None,
        special_tokens: Sequence[str] = SPECIAL_TOKENS,
        rules: Iterable[Rule] = DEFAULT_RULES,
    ) -> Self:
        """Learn pieces from texts, after the rules.

        Args:
            texts: any number of texts, as they come.
            lang: the language; decides `char_coverage` where that is not given.
            vocab_sz: how many pieces to learn, about; None takes a quarter of the number of different words.
            max_vocab_sz: the most that None takes.
            model_type: "unigram" or "bpe".
            char_coverage: the share of all characters that get a piece of their own; the rarest become unknown.
            special_tokens: words that are never cut.
            rules: what is done to each text first.

        Raises:
            ConfigError: `model_type` is another one.
            DataError: there is no text, or too little for SentencePiece to learn from.

        Source: fastai `text.core.SentencePieceTokenizer.train`.
        """
        from sentencepiece import SentencePieceTrainer

        if model_type not in ("unigram", "bpe"):
            raise ConfigError(f"model_type must be 'unigram' or 'bpe', not {model_type!r}.")
        rules = tuple(rules)
        # fastai hands SentencePiece a file, so each line of a text is a sentence of its own.
        lines = [line for text in texts for line in apply_rules(text, rules).split("\n")]
        if not any(line.strip() for line in lines):
            raise DataError("There is no text to learn pieces from.")
        if char_coverage is None:
            char_coverage = 0.99999 if lang in _FEW_LETTERS else 0.9998
        written = BytesIO()
        try:
            SentencePieceTrainer.Train(
                sentence_iterator=iter(lines),
                model_writer=written,
                vocab_size=vocab_sz or default_vocab_sz(lines, max_vocab_sz),
                model_type=model_type,
                character_coverage=char_coverage,
                user_defined_symbols=[WORD_BEGIN + token for token in special_tokens],
                unk_id=len(special_tokens),
                pad_id=-1,
                bos_id=-1,
                eos_id=-1,
                hard_vocab_limit=False,
                minloglevel=2,
            )
        except (RuntimeError, OSError) as error:
            raise DataError(
                "SentencePiece could not learn pieces from these texts.",
                fix=f"Give it more text, or change vocab_sz. It says: {error}",
            ) from error
        return cls(written.getvalue(), rules)

    def __call__(self, text: str) -> list[str]:
        """Return the pieces of a text, after the rules."""
        return [replace_space(piece) for piece in self.split(apply_rules(text, self.rules))]

    def __len__(self) -> int:
        return self._processor.GetPieceSize()

    @property
    def pieces(self) -> list[str]:
        """All pieces in the order of SentencePiece's ids: special tokens, "<unk>", then the most probable first."""
        return [self._processor.IdToPiece(number) for number in range(len(self))]

    @property
    def scores(self) -> dict[str, float]:
        """The natural logarithm of each piece's probability (0 for special tokens); of "bpe", minus its rank."""
        return {piece: self._processor.GetScore(number) for number, piece in enumerate(self.pieces)}

    def split(self, text: str) -> list[str]:
        """Return the pieces of a text to which the rules were already applied."""
        return self._processor.EncodeAsPieces(text)

    def decode(self, pieces: Iterable[str]) -> str:
        """Put pieces together to the text that the rules left, with single spaces and in Unicode's plain form (NFKC).

        SentencePiece brings every text into that form before it cuts it: "…" becomes "...".
        """
        return self._processor.DecodePieces(list(pieces))

    def save(self, path: str | Path) -> None:
        """Write the model to a file, which SentencePiece and fastai (`sp_model=path`) can read too."""
        Path(path).write_bytes(self.model)

    @classmethod
    def load(cls, path: str | Path, rules: Iterable[Rule] = DEFAULT_RULES) -> Self:
        """Read a model that `save`, SentencePiece or fastai wrote.

        Raises:
            ArtifactError: there is no such file, or it is no model of SentencePiece.
        """
        try:
            model = Path(path).read_bytes()
        except OSError as error:
            raise ArtifactError("The model of SentencePiece cannot be read.", where=str(path)) from error
        return cls(model, rules)


def default_vocab_sz(texts: Iterable[str], max_vocab_sz: int = 30_000) -> int:
    """Return a number of pieces that suits the texts: a quarter of their different words, up to a multiple of 8.

    Source: fastai `text.core.SentencePieceTokenizer._get_vocab_sz`.

    >>> default_vocab_sz(["a few words"])
    29
    """
    quarter = len({word for text in texts for word in text.split()}) // 4
    if quarter > max_vocab_sz:
        return max_vocab_sz
    return max(-(-quarter // 8) * 8, _SMALLEST_VOCAB)
