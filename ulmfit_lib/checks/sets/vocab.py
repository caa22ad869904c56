"""Problem set 03: which tokens get a number of their own, and the way from tokens to numbers and back."""

from collections import Counter
from itertools import accumulate
from random import Random

from ulmfit_lib import vocab as library
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.vocab import MISTAKES

_WORDS = ("the", "film", "a", "good", "plot", "was", "slow", "end", "Jaws", "zebra")
_SPECIAL = ("xxunk", "xxpad", "xxbos")


def count_tokens(docs: list[list[str]]) -> dict[str, int]:
    """Return how often each token stands in the documents, as a plain dict.

    >>> count_tokens([["a", "b"], ["a"]])
    {'a': 2, 'b': 1}
    """
    return dict(library.count_tokens(docs))


def most_frequent(counts: dict[str, int], min_freq: int) -> list[str]:
    """Return the tokens counted at least `min_freq` times, the most frequent first.

    >>> most_frequent({"film": 2, "the": 5, "zebra": 1}, 2)
    ['the', 'film']
    """
    return [token for token, count in Counter(counts).most_common() if count >= min_freq]


def add_fillers(tokens: list[str]) -> list[str]:
    """Return the tokens and one to eight fillers, so that their number is a multiple of 8.

    >>> len(add_fillers(["a"])), len(add_fillers(["a"] * 8))
    (8, 16)
    """
    return tokens + [library.FILLER] * (8 - len(tokens) % 8)


def make_vocab(counts: dict[str, int], min_freq: int, max_vocab: int, special_tokens: list[str]) -> list[str]:
    """Return the library's vocabulary for plain counts.

    >>> make_vocab({"the": 5, "xxbos": 3}, 1, 100, ["xxunk", "xxbos"])[:3]
    ['xxunk', 'xxbos', 'the']
    """
    return library.make_vocab(Counter(counts), min_freq, max_vocab, special_tokens)


def numericalize(tokens: list[str], vocab: list[str]) -> list[int]:
    """Return the id of each token.

    >>> numericalize(["film", "jaws"], ["xxunk", "film"])
    [1, 0]
    """
    return library.Vocab(vocab).numericalize(tokens)


def denumericalize(ids: list[int], vocab: list[str]) -> list[str]:
    """Return the token of each id.

    >>> denumericalize([1, 0], ["xxunk", "film"])
    ['film', 'xxunk']
    """
    return library.Vocab(vocab).denumericalize(ids)


def unknown_rate(tokens: list[str], vocab: list[str]) -> float:
    """Return the share of the tokens that the vocabulary lacks.

    >>> unknown_rate(["film", "jaws"], ["xxunk", "film"])
    0.5
    """
    return library.Vocab(vocab).unknown_rate(tokens)


def tokens_needed(counts: dict[str, int], share: float) -> int:
    """Return how many of the most frequent tokens make up at least this share of the text.

    >>> tokens_needed({"a": 1, "the": 6, "film": 3}, 0.75)
    2
    """
    covered = accumulate(sorted(counts.values(), reverse=True), initial=0)
    return next(number for number, tokens in enumerate(covered) if tokens >= share * sum(counts.values()))


def translate_ids(ids: list[int], old_vocab: list[str], new_vocab: list[str]) -> list[int]:
    """Return the ids that the same tokens have in another vocabulary.

    >>> translate_ids([1, 2], ["xxunk", "film", "jaws"], ["xxunk", "the", "film"])
    [2, 0]
    """
    return numericalize(denumericalize(ids, old_vocab), new_vocab)


def _docs(rng: Random) -> Args:
    words = ("the", "film", "a", "good", "plot", "was", "slow", "end", "it", "no", "too", "The", "xxbos")
    n_docs = rng.choice([1, 1, 1, 2, 2, 3, 0])
    return ([[rng.choice(words) for _ in range(rng.choice([1, 2, 3, 0, 6]))] for _ in range(n_docs)],)


def _counts(rng: Random, n: int, *, highest: int = 40, special: tuple[str, ...] = ()) -> dict[str, int]:
    """Counts of up to `n` tokens, more often than not in falling order, as those of a long text nearly are."""
    tokens = [*special, *_WORDS]
    rng.shuffle(tokens)
    numbers = [rng.randint(1, highest) for _ in range(rng.randint(0, n))]
    if rng.choice([True, True, False]):
        numbers.sort(reverse=True)
    return dict(zip(tokens, numbers, strict=False))


def _counts_and_least(rng: Random) -> Args:
    return (_counts(rng, 5), rng.choice([1, 1, 2, 3, 5]))


def _tokens(rng: Random) -> Args:
    length = rng.choice([rng.randint(0, 8), rng.randint(0, 7), rng.randint(1, 26)])
    return ([f"t{i}" for i in range(length)],)


def _vocab_settings(rng: Random) -> Args:
    special = ["xxunk", "xxpad", "xxbos"][: rng.choice([1, 2, 3, 3])]
    met = tuple(special[1:]) if rng.choice([True, False, False, False]) else ()
    counts = _counts(rng, 9, special=met)
    return (counts, rng.choice([1, 1, 2, 3]), rng.choice([60, 60, 60, 60, 12, 8, 6, 4]), special)


def _vocab(rng: Random) -> list[str]:
    words = [*_WORDS, "it", "no", "too"]
    rng.shuffle(words)
    words = words[: rng.randint(2, 8)]
    return [*_SPECIAL, *words]


def _tokens_and_vocab(rng: Random) -> Args:
    """A short text of which in most cases the vocabulary lacks nothing."""
    vocab = _vocab(rng)
    known = vocab[2:]  # neither xxunk nor xxpad is in a text
    strange = ["zyzzyva", "Film", "The", "plott"] if rng.choice([False, False, False, True]) else known
    tokens = [rng.choice(strange if rng.randint(0, 2) == 2 else known) for _ in range(rng.choice([1, 2, 3, 0, 5]))]
    return (tokens, vocab + [library.FILLER] * rng.choice([0, 2]))


def _ids_and_vocab(rng: Random) -> Args:
    vocab = _vocab(rng)
    least = rng.choice([0, 2, 3, 3])
    return ([rng.randint(least, len(vocab) - 1) for _ in range(rng.choice([1, 2, 3, 0, 5]))], vocab)


def _counts_and_share(rng: Random) -> Args:
    return (_counts(rng, 5, highest=rng.choice([2, 9, 9])), rng.choice([1.0, 0.5, 1.0, 0.75, 1.0, 0.25, 0.0]))


def _two_vocabs(rng: Random) -> Args:
    """Ids of one vocabulary and another, which in most cases only goes on where the first one ends."""
    old = _vocab(rng)
    words = old[len(_SPECIAL) :]
    change = rng.choice(["none", "none", "more", "more", "other order", "fewer"])
    if change == "other order":
        rng.shuffle(words)
    if change == "fewer":
        words.pop(rng.randint(0, len(words) - 1))
    new = [*_SPECIAL, *words, *(["sequel", "cast"] if change == "more" else [])]
    return ([rng.randint(2, len(old) - 1) for _ in range(rng.choice([1, 2, 3, 0, 5]))], old, new)


_EXERCISES = (
    Exercise(
        name="count_tokens",
        points=2,
        difficulty=1,
        minutes=5,
        section="1. Count",
        reference=count_tokens,
        examples=[
            ([["a"]],),
            ([],),
            ([[]],),
            ([["a", "a"]],),
            ([["a"], ["b"]],),
            ([["a"], ["a", "b"]],),
            ([["b", "a", "b"], [], ["a", "b"]],),
            ([["xxbos", "a"]],),
            ([["The", "the"]],),
        ],
        inputs=_docs,
        hints=(
            "Begin with an empty dict before the first document, and add 1 for every token of every document.",
            "[['b', 'a', 'b'], ['a']] gives {'b': 2, 'a': 2}: one dict for all documents together.",
            "Reread “1. Count”: every token as it stands, and each time that it stands there.",
        ),
        properties=(
            Property(
                "the tokens stand in the order in which they were first seen",
                lambda args, got: list(got) == list(dict.fromkeys(token for doc in args[0] for token in doc)),
            ),
        ),
        mistakes=MISTAKES["count_tokens"],
    ),
    Exercise(
        name="most_frequent",
        points=2,
        difficulty=2,
        minutes=6,
        section="2. The most frequent first",
        reference=most_frequent,
        examples=[
            ({"a": 1}, 1),
            ({}, 1),
            ({"a": 1, "b": 2}, 1),
            ({"a": 2, "b": 1}, 2),
            ({"b": 1, "a": 1}, 1),
            ({"a": 1, "b": 1}, 1),
            ({"a": 3, "b": 9, "c": 1, "d": 3}, 3),
            ({"a": 2}, 3),
        ],
        inputs=_counts_and_least,
        hints=(
            "sorted() takes a key, and with reverse=True it still leaves tokens of the same count as they stood.",
            "{'a': 3, 'b': 9, 'c': 1, 'd': 3} with min_freq 3 gives ['b', 'a', 'd']: 'a' was seen before 'd'.",
            "Reread “2. The most frequent first”: at least min_freq times, and what happens when two are equal.",
        ),
        mistakes=MISTAKES["most_frequent"],
    ),
    Exercise(
        name="add_fillers",
        points=1,
        difficulty=1,
        minutes=4,
        section="3. A multiple of 8",
        reference=add_fillers,
        examples=[
            (["a"],),
            ([],),
            (["a"] * 7,),
            (["a"] * 8,),
            (["a"] * 9,),
            (["a"] * 16,),
            (["a"] * 20,),
        ],
        inputs=_tokens,
        hints=(
            "len(tokens) % 8 says how far the list is past the last multiple of 8.",
            "Of 13 tokens, 5 are past the last multiple of 8, so 3 fillers follow. Of 16, none is: eight follow.",
            "Reread “3. A multiple of 8”: one filler at least, eight at most.",
        ),
        properties=(Property("its length is a multiple of 8", lambda args, got: len(got) % 8 == 0),),
        mistakes=MISTAKES["add_fillers"],
    ),
    Exercise(
        name="make_vocab",
        points=4,
        difficulty=4,
        minutes=15,
        section="4. The vocabulary",
        reference=make_vocab,
        examples=[
            ({"a": 1}, 1, 9, ["xxunk"]),
            ({}, 1, 9, ["xxunk"]),
            ({"a": 1, "b": 2}, 1, 9, ["xxunk"]),
            ({"b": 1, "a": 1}, 1, 9, ["xxunk"]),
            ({"a": 2, "b": 1}, 2, 9, ["xxunk"]),
            ({"xxpad": 1, "a": 1}, 1, 9, ["xxunk", "xxpad"]),
            ({"a": 3, "b": 2, "c": 1}, 1, 2, ["xxunk"]),
            ({"a": 3, "b": 2, "c": 1}, 1, 3, ["xxunk"]),
            ({"xxpad": 9, "a": 3, "b": 2, "c": 1}, 1, 4, ["xxunk", "xxpad"]),
            ({"a": 7, "b": 6, "c": 5, "d": 4, "e": 3, "f": 2, "g": 1}, 1, 9, ["xxunk"]),
            ({"a": 7, "b": 6, "c": 5, "d": 4, "e": 3, "f": 2, "g": 1}, 1, 7, ["xxunk"]),
        ],
        inputs=_vocab_settings,
        hints=(
            "Four steps: the frequent tokens; without the special ones; special ones in front and cut; fillers.",
            "With xxunk and xxpad as special tokens and max_vocab 4, there is room for two words; fillers come on top.",
            "Reread “4. The vocabulary”: what max_vocab counts, and what it does not.",
        ),
        properties=(Property("its size is a multiple of 8", lambda args, got: len(got) % 8 == 0),),
        mistakes=MISTAKES["make_vocab"],
    ),
    Exercise(
        name="numericalize",
        points=2,
        difficulty=2,
        minutes=6,
        section="5. From tokens to ids, and back",
        reference=numericalize,
        examples=[
            (["a"], ["xxunk", "a"]),
            ([], ["xxunk", "a"]),
            (["b"], ["xxunk", "a"]),
            (["a", "b", "a"], ["xxunk", "xxpad", "a"]),
            (["b", "a"], ["xxunk", "xxpad", "a", "b"]),
            (["a", "a"], ["xxunk", "a"]),
            (["A"], ["xxunk", "a"]),
            (["xxpad", "xxunk", "a"], ["xxunk", "xxpad", "a", "xxfake", "xxfake"]),
        ],
        inputs=_tokens_and_vocab,
        hints=(
            "Make a dict from each token to its place once; its method get takes what to return for other tokens.",
            "With ['xxunk', 'xxpad', 'a'], the tokens ['a', 'b', 'a'] become [2, 0, 2]: three tokens, three ids.",
            "Reread “5. From tokens to ids, and back”: which id a token gets that has no place of its own.",
        ),
        properties=(Property("there is one id a token", lambda args, got: len(got) == len(args[0])),),
        mistakes=MISTAKES["numericalize"],
    ),
    Exercise(
        name="denumericalize",
        points=1,
        difficulty=1,
        minutes=2,
        section="5. From tokens to ids, and back",
        reference=denumericalize,
        examples=[
            ([1], ["xxunk", "a"]),
            ([], ["xxunk", "a"]),
            ([0], ["xxunk", "a"]),
            ([1, 2], ["xxunk", "xxpad", "a"]),
            ([2, 2], ["xxunk", "xxpad", "a"]),
            ([3, 0, 1, 4], ["xxunk", "xxpad", "xxbos", "a", "b"]),
            ([2, 3], ["xxunk", "xxpad", "xxbos", "a"]),
        ],
        inputs=_ids_and_vocab,
        hints=(
            "An id is a place in the list.",
            "With ['xxunk', 'xxpad', 'a'], the ids [2, 0] become ['a', 'xxunk'].",
            "Reread “5. From tokens to ids, and back”: every id becomes a token, the special ones too.",
        ),
        properties=(Property("there is one token an id", lambda args, got: len(got) == len(args[0])),),
        mistakes=MISTAKES["denumericalize"],
    ),
    Exercise(
        name="unknown_rate",
        points=2,
        difficulty=2,
        minutes=5,
        section="6. What is lost",
        reference=unknown_rate,
        examples=[
            (["a"], ["xxunk", "a"]),
            ([], ["xxunk", "a"]),
            (["b"], ["xxunk", "a"]),
            (["a", "b"], ["xxunk", "xxpad", "a"]),
            (["a", "a", "b"], ["xxunk", "a"]),
            (["b", "b", "a"], ["xxunk", "a"]),
            (["b", "c", "a", "a", "a", "a", "a"], ["xxunk", "xxpad", "xxbos", "a"]),
        ],
        inputs=_tokens_and_vocab,
        hints=(
            "How many of the tokens are not in the vocabulary, divided by how many tokens there are.",
            "['b', 'b', 'a'] with ['xxunk', 'a']: two of three are unknown, 2 / 3. Think of a text of no tokens, too.",
            "Reread “6. What is lost”: a share of the text, between 0 and 1.",
        ),
        properties=(Property("the rate lies between 0 and 1", lambda args, got: 0 <= got <= 1),),
        tolerance=1e-9,
        mistakes=MISTAKES["unknown_rate"],
    ),
    Exercise(
        name="tokens_needed",
        points=3,
        difficulty=3,
        minutes=12,
        section="7. How large should it be?",
        reference=tokens_needed,
        examples=[
            ({"a": 1}, 1.0),
            ({}, 0.5),
            ({"a": 1}, 0.0),
            ({"a": 1, "b": 1}, 0.5),
            ({"a": 3, "b": 1}, 0.5),
            ({"a": 1, "b": 3}, 0.5),
            ({"a": 1, "b": 6, "c": 1}, 0.75),
            ({"a": 2, "b": 1, "c": 5, "d": 2}, 0.75),
            ({"a": 2, "b": 2, "c": 2, "d": 2}, 0.75),
        ],
        inputs=_counts_and_share,
        hints=(
            "Sort the counts, the largest first, and add them up until the sum is large enough.",
            "{'a': 1, 'the': 6, 'film': 3} is a text of 10 tokens. For 0.75 of it, 'the' (6) is too little and "
            "'the' and 'film' (9) are enough: 2.",
            "Reread “7. How large should it be?”: a share of the text, not of the different tokens.",
        ),
        mistakes=MISTAKES["tokens_needed"],
    ),
    Exercise(
        name="translate_ids",
        points=3,
        difficulty=2,
        minutes=6,
        section="8. Two vocabularies",
        reference=translate_ids,
        examples=[
            ([1], ["xxunk", "a"], ["xxunk", "a"]),
            ([], ["xxunk", "a"], ["xxunk", "b"]),
            ([1], ["xxunk", "a"], ["xxunk", "b"]),
            ([1], ["xxunk", "a"], ["xxunk", "b", "a"]),
            ([1, 2, 1], ["xxunk", "a", "b"], ["xxunk", "b", "a"]),
            ([3, 1, 2], ["xxunk", "a", "b", "c"], ["xxunk", "c", "a"]),
            ([1, 2, 3, 3, 1], ["xxunk", "a", "b", "c"], ["xxunk", "b", "c", "a"]),
        ],
        inputs=_two_vocabs,
        hints=(
            "An id says nothing without its vocabulary. Which token was meant? And which id has that token now?",
            "2 in ['xxunk', 'a', 'b'] is 'b'; in ['xxunk', 'b', 'a'] the id of 'b' is 1.",
            "Reread “8. Two vocabularies”: through the tokens, with two functions that you have written.",
        ),
        properties=(Property("there is one new id for each old one", lambda args, got: len(got) == len(args[0])),),
        mistakes=MISTAKES["translate_ids"],
    ),
)

PROBLEM_SET = ProblemSet("03_vocab", "The vocabulary", _EXERCISES)
