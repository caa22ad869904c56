"""Problem set 02: byte pair encoding, which cuts words into pieces that occur often."""

from random import Random

from ulmfit_lib import subwords
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.subwords import MISTAKES

_HOW_OFTEN = (1, 1, 1, 1, 1, 1, 2, 5)


def _some_words(rng: Random) -> Args:
    """Up to three words of up to five pieces, most of which occur once."""
    drawn = [
        tuple(rng.choice(("a", "b", "n", "s", "an", "▁")) for _ in range(rng.choice((1, 2, 2, 3, 5))))
        for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3)))
    ]
    return ({word: rng.choice(_HOW_OFTEN) for word in drawn},)


def _word_and_pair(rng: Random) -> Args:
    """A word that holds the pair, or not, more than once now and then, and pieces that look like it."""
    left, right = rng.choice((("a", "n"), ("a", "a"), ("an", "a"), ("b", "a")))
    word: list[str] = []
    for _ in range(rng.randint(0, 4)):
        word += rng.choice(([left, right], ["b"], ["a"], ["n"], ["an"], ["▁"], ["s"], ["ba"]))
    return (tuple(word), (left, right))


def _words_to_train_on(rng: Random) -> Args:
    """Short words, few of them; so ties, and ends of all pairs, come now and then."""
    words = {}
    for _ in range(rng.choice((0, 1, 2, 2, 3))):
        word = tuple(rng.choice(("a", "b", "n")) for _ in range(rng.choice((2, 2, 2, 2, 2, 3, 4))))
        words[word] = rng.randint(1, 9)
    return (words, rng.choice((0, 1, 1, 1, 1, 2, 2, 3)))


_TRAINING_WORDS = ("an", "ban", "band", "sand", "nab", "bans", "as", "sad", "das")


def _text_and_merges(rng: Random) -> Args:
    """A short text, and merges that were learned from a few words.

    A merge that makes a piece which an earlier one made already is left out. Without such, to make the merges in
    their order and to look for the earliest one that fits, again and again, are the same, and both are right.
    """
    learned = " ".join(rng.choice(_TRAINING_WORDS) for _ in range(rng.randint(1, 3)))
    merges = subwords.train_bpe(subwords.word_counts([learned]), rng.choice((0, 1, 2, 3, 5)))
    merges = list({left + right: (left, right) for left, right in reversed(merges)}.values())[::-1]
    text = "".join(
        rng.choice((*_TRAINING_WORDS, "x")) + rng.choice((" ", " ", " ", " ", "  ")) for _ in range(rng.randint(0, 2))
    )
    return (text.rstrip(), merges)


def _pieces(rng: Random) -> Args:
    """The pieces of a text, or of a stretch that begins inside a word."""
    if rng.randint(0, 4) == 0:
        return ([],)
    pieces = [rng.choice(("▁so", "▁low", "so", "er"))]
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        pieces += rng.choice((["▁so"], ["▁low"], ["▁a"], ["er"], ["▁", "x"]))
    return (pieces,)


_EXERCISES = (
    Exercise(
        name="pair_counts",
        points=3,
        difficulty=2,
        minutes=10,
        section="1. Which pieces stand side by side?",
        reference=subwords.pair_counts,
        examples=[
            ({("a", "b"): 1},),
            ({},),
            ({("a",): 4},),
            ({("a", "b"): 3},),
            ({("a", "b"): 1, ("b", "a"): 1},),
            ({("a", "b", "a", "b"): 1},),
            ({("a", "a", "a"): 1},),
            ({("a", "b"): 1, ("a", "b", "n"): 1},),
            ({("▁", "s", "o"): 2, ("▁", "n", "o"): 1},),
            ({("an", "a"): 2, ("a", "na"): 1},),
        ],
        inputs=_some_words,
        hints=(
            "Two loops: over the words, and in each word over its neighbours. A Counter gives 0 for what is new.",
            "{('▁', 's', 'o'): 2} has two pairs, ('▁', 's') and ('s', 'o'), and each of them counts 2.",
            "Reread “1. Which pieces stand side by side?”: each place counts, as often as its word occurs.",
        ),
        properties=(
            Property(
                "the counts add up to the number of neighbours in all words",
                lambda args, got: sum(got.values()) == sum((len(word) - 1) * n for word, n in args[0].items()),
            ),
        ),
        mistakes=MISTAKES["pair_counts"],
    ),
    Exercise(
        name="merge_pair",
        points=4,
        difficulty=3,
        minutes=12,
        section="2. Two pieces become one",
        reference=subwords.merge_pair,
        examples=[
            (("a", "b"), ("a", "b")),
            ((), ("a", "b")),
            (("a",), ("a", "b")),
            (("b", "a"), ("a", "b")),
            (("a", "b", "a", "b"), ("a", "b")),
            (("a", "a", "a"), ("a", "a")),
            (("a", "bn"), ("ab", "n")),
            (("na", "b"), ("a", "b")),
            (("a", "bn"), ("a", "b")),
            (("b", "a", "n", "a", "n", "a"), ("a", "n")),
            (("a", "a", "a", "a"), ("a", "a")),
        ],
        inputs=_word_and_pair,
        hints=(
            "Walk along the word with a place of your own: after a merge it goes on by two, else by one.",
            "('a', 'a', 'a') with the pair ('a', 'a') becomes ('aa', 'a'): the second 'a' is used up by the first.",
            "Reread “2. Two pieces become one”: whole pieces, from left to right, each used once.",
        ),
        properties=(Property("the pieces still spell the word", lambda args, got: "".join(got) == "".join(args[0])),),
        mistakes=MISTAKES["merge_pair"],
    ),
    Exercise(
        name="train_bpe",
        points=5,
        difficulty=4,
        minutes=20,
        section="3. Learning the merges",
        reference=subwords.train_bpe,
        examples=[
            ({("a", "b"): 1}, 1),
            ({("a", "b"): 1}, 0),
            ({}, 3),
            ({("a", "b"): 1}, 3),
            ({("b", "a"): 1, ("a", "b"): 1}, 1),
            ({("a", "b"): 1, ("b", "a"): 1}, 2),
            ({("b", "n"): 2, ("b", "a"): 2}, 1),
            ({("a", "b", "n"): 2, ("n", "b"): 1}, 2),
            ({("a", "b"): 5, ("b", "n"): 1, ("n", "b", "n"): 1}, 2),
            ({("▁", "s", "o"): 3, ("▁", "n", "o"): 2, ("▁", "s"): 2}, 3),
            ({("a", "a", "a", "a", "a"): 2}, 3),
        ],
        inputs=_words_to_train_on,
        hints=(
            "Each round: count the pairs of the words as they are now, choose, remember, merge in all words.",
            "{('b', 'a'): 1, ('a', 'b'): 1}: both pairs occur once; ('a', 'b') is first in sorted order.",
            "Reread “3. Learning the merges”: what to do at a tie, and when no pair is left.",
        ),
        mistakes=MISTAKES["train_bpe"],
    ),
    Exercise(
        name="encode_bpe",
        points=4,
        difficulty=3,
        minutes=12,
        section="4. From text to pieces",
        reference=subwords.encode_bpe,
        examples=[
            ("so", []),
            ("", [("s", "o")]),
            ("so", [("s", "o")]),
            ("so  so", [("s", "o")]),
            ("soso", [("s", "o")]),
            ("so", [("s", "o"), ("▁", "so")]),
            ("abn", [("b", "n"), ("a", "b")]),
            ("abn", [("a", "b"), ("b", "n")]),
            ("aban", [("a", "n"), ("a", "b"), ("ab", "a")]),
            ("bana so", [("a", "n"), ("s", "o"), ("b", "an"), ("▁", "so")]),
            ("x so", [("s", "o")]),
        ],
        inputs=_text_and_merges,
        hints=(
            "Word by word: the mark and the characters first, then merge_pair with each pair in its turn.",
            "'abn' with [('b', 'n'), ('a', 'b')]: the first merge gives '▁', 'a', 'bn', and the second finds nothing.",
            "Reread “4. From text to pieces”: words stand between white spaces, however much of it there is.",
        ),
        properties=(
            Property(
                "the pieces spell the text, with '▁' before each word",
                lambda args, got: "".join(got) == "".join("▁" + word for word in args[0].split()),
            ),
        ),
        mistakes=MISTAKES["encode_bpe"],
    ),
    Exercise(
        name="decode_bpe",
        points=2,
        difficulty=2,
        minutes=6,
        section="5. And back",
        reference=subwords.decode_bpe,
        examples=[
            (["▁so"],),
            ([],),
            (["so"],),
            (["er", "▁so"],),
            (["▁so", "▁low"],),
            (["▁low", "er"],),
            (["▁so", "▁", "x"],),
            (["▁so", "▁low", "er", "▁a"],),
        ],
        inputs=_pieces,
        hints=(
            "Join first, then look at the marks: each stands for a space.",
            "['▁low', 'er', '▁so'] joins to '▁lower▁so', which stands for 'lower so': no space in front.",
            "Reread “5. And back”: what becomes of a mark at the very beginning?",
        ),
        mistakes=MISTAKES["decode_bpe"],
    ),
)

PROBLEM_SET = ProblemSet("02_subwords", "Subwords", _EXERCISES)
