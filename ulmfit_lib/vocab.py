"""The vocabulary: which tokens get a number of their own, and the way from tokens to numbers and back."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ulmfit_lib.errors import ConfigError
from ulmfit_lib.rules import SPECIAL_TOKENS, UNK

FILLER = "xxfake"  # a row of the embedding that no token uses; makes the vocabulary's size a multiple of 8


def count_tokens(docs: Iterable[Iterable[str]]) -> Counter[str]:
    """Count every token of every document.

    >>> count_tokens([["a", "b"], ["a"]])["a"]
    2
    """
    counts: Counter[str] = Counter()
    for doc in docs:
        counts.update(doc)
    return counts


def make_vocab(
    counts: Counter[str],
    min_freq: int = 3,
    max_vocab: int = 60_000,
    special_tokens: Sequence[str] = SPECIAL_TOKENS,
) -> list[str]:
    """Return the tokens in the order of their ids: special tokens, then the most frequent first.

    At most `max_vocab` of them, each counted at least `min_freq` times, and then up to eight fillers, so that the
    size is a multiple of 8. Tokens of the same count stand in the order in which they were first seen.

    Raises:
        ConfigError: `max_vocab` leaves no room for a word after the special tokens.

    Source: fastai `text.data.make_vocab`, whose list also ends in one to eight fillers (eight where none is needed).

    >>> make_vocab(Counter({"film": 9, "the": 12, "zyzzyva": 1}))[9:11]
    ['the', 'film']
    """
    if max_vocab <= len(special_tokens):
        raise ConfigError(f"max_vocab is {max_vocab}: it must be more than the {len(special_tokens)} special tokens.")
    frequent = [token for token, count in counts.most_common(max_vocab) if count >= min_freq]
    words = [token for token in frequent if token not in special_tokens]
    tokens = [*special_tokens, *words][:max_vocab]
    return tokens + [FILLER] * (8 - len(tokens) % 8)


class Vocab:
    """A list of tokens and the id of each: its place in the list.

    Args:
        tokens: the tokens in the order of their ids, "xxunk" first.

    Raises:
        ConfigError: "xxunk" is not first, or a token stands twice (fillers may).

    >>> vocab = Vocab(["xxunk", "xxpad", "good", "film"])
    >>> vocab.numericalize(["good", "zyzzyva", "film"])
    [2, 0, 3]
    """

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)
        if not self.tokens or self.tokens[0] != UNK:
            raise ConfigError(f"A vocabulary begins with {UNK!r} (id 0): every token that it lacks gets that id.")
        self._ids = {token: number for number, token in enumerate(self.tokens) if token != FILLER}
        doubles = [t for t, n in Counter(self.tokens).items() if n > 1 and t != FILLER]
        if doubles:
            raise ConfigError(f"The vocabulary holds {doubles[0]!r} more than once: each token has one id.")

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocab) and self.tokens == other.tokens

    __hash__ = None

    def numericalize(self, tokens: Iterable[str]) -> list[int]:
        """Return the id of each token; 0, the id of "xxunk", for a token that is not in the vocabulary.

        Source: fastai `text.data.Numericalize.encodes`.
        """
        get = self._ids.get
        return [get(token, 0) for token in tokens]

    def denumericalize(self, ids: Iterable[int]) -> list[str]:
        """Return the token of each id.

        Raises:
            ConfigError: an id is negative or not below the size of the vocabulary.

        Source: fastai `text.data.Numericalize.decodes`.
        """
        tokens = []
        for number in ids:
            if not 0 <= number < len(self.tokens):
                raise ConfigError(f"The id {number} is not in the vocabulary, which has the ids 0 to {len(self) - 1}.")
            tokens.append(self.tokens[number])
        return tokens

    def unknown_rate(self, tokens: Sequence[str]) -> float:
        """Return the share of the tokens that are not in the vocabulary, between 0 and 1 (0 for no tokens)."""
        if not tokens:
            return 0.0
        return sum(token not in self._ids for token in tokens) / len(tokens)
