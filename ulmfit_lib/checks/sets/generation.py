"""Problem set 07: writing with a language model."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np

from ulmfit_lib import generation
from ulmfit_lib.checks.adapters.generation import N_TOKENS
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.generation import MISTAKES
from ulmfit_lib.checks.sets.drawing import different

Tokens = list[str]


def next_token_probs(logits: Any, temperature: float, top_k: int | None, forbid: Sequence[int]) -> Any:
    """Return the distribution to draw the next token from, shape (vocab_sz,).

    >>> import torch
    >>> next_token_probs(torch.tensor([0.5, 0.3, 0.2]).log(), 1.0, None, [0])
    tensor([0.0000, 0.6000, 0.4000])
    """
    return generation.next_token_probs(logits, temperature, top_k, forbid=forbid)


def keep_min_p(probs: Any, min_p: float) -> Any:
    """Return the distribution without what is less than `min_p` times as probable as the most probable token.

    >>> import torch
    >>> keep_min_p(torch.tensor([0.5, 0.3, 0.2]), 0.5)
    tensor([0.6250, 0.3750, 0.0000])
    """
    kept = probs * (probs >= min_p * probs.max())
    return kept / kept.sum()


def draw(probs: Any, u: float) -> int:
    """Return the first id at which the sum of the probabilities up to it is larger than `u`.

    >>> import torch
    >>> [draw(torch.tensor([0.5, 0.25, 0.25]), u) for u in (0.0, 0.49, 0.5, 0.9)]
    [0, 0, 1, 2]
    """
    passed = (probs.cumsum(0) > u).nonzero()
    return int(passed[0]) if len(passed) else int(probs.nonzero()[-1])


def generate(model: Any, ids: list[int], n: int, choose: Callable[[Any], int], stop: int) -> list[int]:
    """Return up to `n` ids that go on from the given ones, without `stop`, which ends the text."""
    import torch

    written: list[int] = []
    unread, state = list(ids), None
    while len(written) < n:
        output = model(torch.tensor([unread]), state)
        chosen = choose(output.logits[0, -1])
        if chosen == stop:
            break
        written.append(chosen)
        unread, state = [chosen], output.state
    return written


def copied_share(written: Tokens, texts: list[Tokens], n: int) -> float:
    """Return the share of the runs of `n` tokens in `written` that stand in one of the texts.

    >>> copied_share(["a", "good", "film"], [["a", "good", "plot"]], 2)
    0.5
    """
    known = {tuple(text[i : i + n]) for text in texts for i in range(len(text) - n + 1)}
    runs = [tuple(written[i : i + n]) for i in range(len(written) - n + 1)]
    return sum(run in known for run in runs) / len(runs) if runs else 0.0


_SCORES = (0.0, 0.5, -0.5, 1.0, -1.5, 2.0, -3.0, 3.5)


def _logits(rng: Random) -> np.ndarray:
    """Two to six different ones, so that it is clear which are the most probable."""
    return np.array(different(rng, _SCORES, rng.randint(2, 6)), dtype=np.float32)


def _logits_and_options(rng: Random) -> Args:
    """In half of them nothing is cut off, in most the temperature is 1, in a few 0."""
    logits = _logits(rng)
    temperature = rng.choice([1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 2.0, 0.0])
    kind = rng.randint(0, 19)
    top_k = rng.randint(1, len(logits)) if kind >= 14 else None
    forbid = sorted(different(rng, range(len(logits)), rng.randint(1, len(logits) - 1))) if 11 <= kind < 17 else []
    return (logits, temperature, top_k, forbid)


def _counts(rng: Random) -> np.ndarray:
    """Probabilities from counts of one digit, half of them sorted."""
    counts = [rng.randint(1, 9) for _ in range(rng.randint(2, 5))]
    if rng.randint(0, 9) >= 7:
        counts[rng.randint(0, len(counts) - 1)] = 0
    if rng.randint(0, 9) >= 4:
        counts.sort(reverse=True)
    counts = np.array(counts, dtype=np.float32)
    return counts / counts.sum()


def _probs_and_min_p(rng: Random) -> Args:
    """No share here is a ratio of two counts of one digit, so that nothing depends on the last bit."""
    return (_counts(rng), rng.choice([0.05, 0.05, 0.05, 0.05, 0.15, 0.3, 0.45, 0.65]))


def _sixteenths(*numbers: int) -> np.ndarray:
    """Probabilities that a computer can add without rounding."""
    return np.array(numbers, dtype=np.float32) / 16


def _probs_and_point(rng: Random) -> Args:
    """Most points fall on the most probable token, some on a border between two, and most lists are sorted."""
    left, numbers = 16, []
    for _ in range(rng.randint(1, 3)):
        numbers.append(rng.randint(1, max(left // 2, 1)) if left > 2 else 1)
        left -= numbers[-1]
    numbers.append(left)
    if rng.randint(0, 9) < 7:
        numbers.sort(reverse=True)
    if rng.randint(0, 9) >= 7:
        numbers.insert(rng.choice([0, len(numbers)]), 0)
    best = numbers.index(max(numbers))
    start = sum(numbers[:best])
    if rng.randint(0, 9) < 6:
        point = start + rng.randint(0, numbers[best] - 1) + 0.5
    else:
        point = rng.choice([rng.randint(0, 15) + 0.5, float(rng.randint(0, 15))])
    return (_sixteenths(*numbers), point / 16)


_WORDS = ("film", "the", "plot", "o'hara", "well-made", "5", "was", ".")


def _tokens(rng: Random) -> Args:
    """Words, and now and then something that the rules have marked; sometimes cut off in the middle."""
    tokens: Tokens = ["xxbos"] if rng.randint(0, 9) >= 6 else []
    for _ in range(rng.randint(1, 4)):
        kind = rng.randint(0, 13)
        word = rng.choice(_WORDS)
        if kind < 8:
            tokens.append(word)
        elif kind < 10:
            tokens += ["xxmaj", word]
        elif kind == 10:
            tokens += ["xxup", word]
        elif kind == 11:
            tokens += ["xxrep", str(rng.randint(3, 5)), rng.choice("!.z")]
        elif kind == 12:
            tokens += ["xxwrep", str(rng.randint(3, 4)), rng.choice(("very", "bad"))]
        else:
            tokens += rng.choice([["xxrep", "film"], ["xxmaj", "xxup", "film"], ["xxeos"], ["xxpad"]])
    return (tokens[: -rng.randint(1, 2)] if rng.randint(0, 9) == 9 else tokens,)


def _writing(rng: Random) -> Args:
    ids = [rng.randint(0, N_TOKENS - 1) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
    n = rng.choice([0, 1, 1, 1, 1, 2, 2, 3, 5])
    return (rng.randint(1, 1000), ids, n, rng.randint(0, N_TOKENS - 1))


def _texts_and_run(rng: Random) -> Args:
    """In a third nothing was copied and in another all of it; runs of one token are frequent."""
    texts = [[rng.choice("abcdef") for _ in range(rng.randint(1, 6))] for _ in range(rng.randint(1, 3))]
    n = rng.choice([1, 1, 1, 2, 2, 3])
    kind = rng.randint(0, 2)
    if kind == 0:
        written = [rng.choice("xyz") for _ in range(rng.randint(1, 5))]
    elif kind == 1:
        written = list(rng.choice(texts))
    else:
        written = [rng.choice("abcx") for _ in range(rng.randint(0, 6))]
    return (written, texts, n)


_EVEN = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
_FOUR = np.log(np.array([0.4, 0.1, 0.3, 0.2], dtype=np.float32))

_EXERCISES = (
    Exercise(
        name="next_token_probs",
        points=4,
        difficulty=3,
        minutes=16,
        section="1. From logits to a distribution",
        reference=next_token_probs,
        adapter="tensors.call",
        tolerance=1e-5,
        examples=[
            (_EVEN, 1.0, None, []),
            (_EVEN, 0.5, None, []),
            (_EVEN, 2.0, None, []),
            (_EVEN, 1.0, None, [0]),
            (_EVEN, 1.0, 2, []),
            (_FOUR, 1.0, 2, []),
            (_FOUR, 1.0, 2, [0]),
            (_FOUR, 0.5, 2, [0, 2]),
            (_FOUR, 0.0, None, []),
            (_FOUR, 0.0, 3, [0]),
            (_FOUR, 1.0, 4, []),
            (_EVEN + 2, 1.0, None, [1]),
        ],
        inputs=_logits_and_options,
        hints=(
            "A logit of minus infinity becomes the probability 0, whatever comes after. So work on logits as long as "
            "you can, and call softmax once, at the end.",
            "Probabilities 0.5, 0.3, 0.2 and forbid=[0]: what is left is 0.3 and 0.2, that is 0.6 and 0.4. With "
            "temperature 0.5 as well, squares: 0.09 and 0.04, that is 9/13 and 4/13.",
            "Reread “1. From logits to a distribution”: forbid first, then top_k among the rest, then the temperature; "
            "and what the temperature 0 means.",
        ),
        properties=(
            Property("the probabilities add up to 1", lambda args, got: abs(float(got.sum()) - 1) < 1e-4),
            Property("what is forbidden has probability 0", lambda args, got: all(got[i] == 0 for i in args[3])),
        ),
        mistakes=MISTAKES["next_token_probs"],
    ),
    Exercise(
        name="keep_min_p",
        points=2,
        difficulty=2,
        minutes=9,
        section="2. Min-p",
        reference=keep_min_p,
        adapter="tensors.call",
        tolerance=1e-5,
        examples=[
            (_sixteenths(8, 5, 3), 0.5),
            (_sixteenths(8, 5, 3), 0.05),
            (_sixteenths(5, 5, 4, 2), 0.6),
            (_sixteenths(3, 8, 5), 0.5),
            (_sixteenths(8, 5, 3), 1.0),
            (_sixteenths(8, 0, 8), 0.0),
            (_sixteenths(1, 1, 1, 1, 1, 1, 1, 1, 8), 0.9),
            (_sixteenths(4, 3, 3, 3, 3), 0.3),
        ],
        inputs=_probs_and_min_p,
        hints=(
            "First the limit: min_p times the highest probability. Then put zeros where a probability is below it, in "
            "a new tensor, and see to it that the rest adds up to 1.",
            "0.5, 0.3, 0.2 and min_p = 0.5: the limit is 0.25, so 0.2 goes. What is left, 0.5 and 0.3, is divided by "
            "0.8.",
            "Reread “2. Min-p”: the limit is a share of the highest probability, and what reaches it stays.",
        ),
        properties=(Property("the probabilities add up to 1", lambda args, got: abs(float(got.sum()) - 1) < 1e-4),),
        mistakes=MISTAKES["keep_min_p"],
    ),
    Exercise(
        name="draw",
        points=2,
        difficulty=2,
        minutes=9,
        section="3. A draw",
        reference=draw,
        adapter="tensors.call",
        examples=[
            (_sixteenths(8, 4, 4), 0.25),
            (_sixteenths(8, 4, 4), 0.9),
            (_sixteenths(8, 4, 4), 0.5),
            (_sixteenths(4, 8, 4), 0.125),
            (_sixteenths(4, 4, 8), 0.375),
            (_sixteenths(0, 8, 8), 0.0),
            (_sixteenths(0, 8, 8), 0.75),
            (_sixteenths(8, 0, 8), 0.5),
            # Rounding has left the sum a little below 1, and the point lies in between.
            (np.array([0.5, 0.5 - 2**-24, 0], dtype=np.float32), 1 - 2**-25),
        ],
        inputs=_probs_and_point,
        hints=(
            "Walk along the tokens and add up their probabilities. At which token does the sum pass u?",
            "0.5, 0.25, 0.25: token 0 covers the points from 0 up to 0.5, token 1 those from 0.5 up to 0.75. The point "
            "0.5 itself belongs to token 1.",
            "Reread “3. A draw”: each token begins where the one before ends, and one of probability 0 covers none.",
        ),
        mistakes=MISTAKES["draw"],
    ),
    Exercise(
        name="generate",
        points=3,
        difficulty=3,
        minutes=14,
        section="4. On and on",
        reference=generate,
        adapter="generation.writing",
        examples=[
            (6, [2], 1, 5),
            (6, [2, 3], 1, 5),
            (24, [2, 3], 2, 5),
            (3, [4], 2, 1),
            (3, [4], 4, 1),
            (3, [4], 6, 1),
            (6, [4], 6, 0),
            (9, [4], 6, 3),
            (11, [2], 0, 5),
            (12, [2, 3], 3, 5),
        ],
        inputs=_writing,
        hints=(
            "Two variables change from step to step: what the model has not read yet (at first the whole prompt, then "
            "only the token just written), and the state.",
            "Prompt [2, 3], n = 2: the model reads [[2, 3]] with the state None, and the logits at [0, -1] are for the "
            "next token. If 4 is chosen, the model reads [[4]] with the state that came back.",
            "Reread “4. On and on”: every token is read once, `stop` ends the text and is not part of it.",
        ),
        mistakes=MISTAKES["generate"],
    ),
    Exercise(
        name="decode_special_tokens",
        points=4,
        difficulty=3,
        minutes=16,
        section="5. Back to readable text",
        reference=generation.decode_special_tokens,
        examples=[
            (["the", "film"],),
            (["xxbos", "the", "film", "xxeos"],),
            (["xxmaj", "the", "film"],),
            (["xxup", "bad"],),
            (["xxrep", "3", "!"],),
            (["xxwrep", "3", "very", "bad"],),
            (["a", "xxrep", "4", "z", "xxmaj", "end"],),
            (["xxmaj", "o'hara"],),
            (["xxmaj", "well-made"],),
            (["bad", "xxmaj"],),
            (["xxrep"],),
            (["xxrep", "3"],),
            (["xxwrep", "film", "bad"],),
            (["xxmaj", "xxup", "film"],),
            (["xxpad", "xxpad"],),
            ([],),
        ],
        inputs=_tokens,
        hints=(
            "Walk through the tokens with a place that you move on yourself: after xxmaj by two, after xxrep by three.",
            "['xxmaj', 'the', 'xxrep', '3', '!'] gives 'The' and '!!!', joined with a space: 'The !!!'.",
            "Reread “5. Back to readable text”: the table says what each mark does, and the paragraph below it what "
            "happens where nothing sensible follows.",
        ),
        mistakes=MISTAKES["decode_special_tokens"],
    ),
    Exercise(
        name="copied_share",
        points=2,
        difficulty=2,
        minutes=10,
        section="6. Written or copied?",
        reference=copied_share,
        tolerance=1e-9,
        examples=[
            (["a", "b", "c"], [["a", "b", "d"]], 2),
            (["a", "b"], [["a", "b"]], 1),
            (["a", "b", "c"], [["a", "b"], ["c"]], 2),
            (["a", "b", "a", "b"], [["a", "b"]], 2),
            (["x", "a", "b"], [["a", "b"]], 2),
            (["a", "b", "x"], [["a", "b"]], 2),
            (["a", "b"], [["a", "b"]], 3),
            ([], [["a"]], 1),
            (["a", "b", "c"], [["a", "b", "c"]], 3),
        ],
        inputs=_texts_and_run,
        hints=(
            "List the runs of n tokens of what was written: the last one begins n tokens before the end. Put the runs "
            "of all texts into a set, so that looking one up is quick.",
            "['a', 'b', 'c'] has two runs of 2: a b and b c. The text a b d has a b, so the share is 0.5.",
            "Reread “6. Written or copied?”: a run lies within one text, every run of what was written counts, and "
            "where there is none the share is 0.0.",
        ),
        mistakes=MISTAKES["copied_share"],
    ),
)

PROBLEM_SET = ProblemSet("07_generation", "Writing with a language model", _EXERCISES)
