"""Problem set 05: the AWD-LSTM, from one LSTM cell to the loss of a language model."""

from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ulmfit_lib import awd_lstm
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.language_model import MISTAKES
from ulmfit_lib.checks.sets.language_model_judging import (
    BATCH,
    MASK_PROPERTIES,
    MASK_SIZES,
    RNN_PROPERTIES,
    WEIGHT_PROPERTIES,
    WORD_PROPERTIES,
    WORDS,
)

State = tuple[Tensor, Tensor]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]


def lstm_cell(
    x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> tuple[Tensor, Tensor]:
    """Return (h, c) after one step: what PyTorch's own cell gives. x is (bs, n_in), h and c are (bs, n_out)."""
    return torch.lstm_cell(x, (h, c), w_ih, w_hh, b_ih, b_hh)


def dropout_mask(like: Tensor, size: tuple[int, ...], p: float) -> Tensor:
    """Return a mask of `size`, zero with probability `p` and 1 / (1 - p) elsewhere, of the type of `like`."""
    return awd_lstm.dropout_mask(like, size, p)


def rnn_dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """Drop features of `x`, (bs, seq_len, features), the same ones at each step of a row."""
    return awd_lstm.RNNDropout(p).train(training)(x)


def embedding_dropout(weight: Tensor, ids: Tensor, p: float, training: bool) -> Tensor:
    """Look up `ids`, (bs, seq_len), in `weight`, (vocab_sz, emb_sz), with whole words dropped."""
    layer = awd_lstm.EmbeddingDropout(*weight.shape, p, pad_id=0).train(training)
    layer.weight.data = weight.clone()
    return layer(ids)


def weight_dropout(x: Tensor, state: State, weights: Weights, p: float, training: bool) -> tuple[Tensor, State]:
    """Read `x`, (bs, seq_len, n_in), from `state` = (h, c) by an LSTM some of whose recurrent weights are dropped.

    The outputs, (bs, seq_len, n_out), and the state after the last step.
    """
    layer = awd_lstm.WeightDropLSTM(x.shape[-1], state[0].shape[-1], p).train(training)
    for name, weight in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), weights, strict=True):
        getattr(layer, name).data = weight.clone()
    output, (h, c) = layer(x, (state[0][None], state[1][None]))
    return output, (h[0], c[0])


def tied_logits(output: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return a score for each word, (bs, seq_len, vocab_sz), with the embedding's weights, (vocab_sz, emb_sz)."""
    return F.linear(output, weight, bias)


def perplexity(logits: Tensor, targets: Tensor) -> float:
    """Return exp of the mean loss of `logits`, (bs, seq_len, vocab_sz), for `targets`, (bs, seq_len)."""
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten()).exp().item()


def next_token_accuracy(logits: Tensor, targets: Tensor) -> float:
    """Return the share of `targets`, (bs, seq_len), that have the highest of the logits, (bs, seq_len, vocab_sz)."""
    return (logits.argmax(dim=-1) == targets).float().mean().item()


def ar_tar_penalty(raw: Tensor, dropped: Tensor, alpha: float, beta: float) -> Tensor:
    """Return both penalties together, a tensor with one number; raw and dropped are (bs, seq_len, features)."""
    activation = awd_lstm.activation_regularization(dropped, alpha)
    return activation + awd_lstm.temporal_activation_regularization(raw, beta)


# Short to read, and exact in any type; the simplest first.
_VALUES = (0, 1, -1, 2, -2, 0.5, -0.5, 1.5, -1.5, 0.25, -0.25, 0.75, -0.75)


def _numbers(rng: Random, *shape: int) -> np.ndarray:
    """Return an array of such values. It is one draw, a number whose digits they are: Hypothesis shrinks it faster."""
    size = int(np.prod(shape))
    drawn = rng.randint(0, len(_VALUES) ** size - 1)
    digits = [drawn // len(_VALUES) ** place % len(_VALUES) for place in range(size)]
    return np.array([_VALUES[digit] for digit in digits], dtype=np.float32).reshape(shape)


def _zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, dtype=np.float32)


def _cell(rng: Random) -> Args:
    """In more than half: a first step, from zeros, with the same weights for each gate."""
    bs, n_in, n_out = rng.randint(1, 2), rng.randint(1, 2), rng.randint(1, 2)
    x = _numbers(rng, bs, n_in)
    if rng.randint(0, 9) < 6:
        w_ih, w_hh = np.tile(_numbers(rng, n_out, n_in), (4, 1)), np.tile(_numbers(rng, n_out, n_out), (4, 1))
        return (
            x,
            _zeros(bs, n_out),
            _zeros(bs, n_out),
            w_ih,
            w_hh,
            np.tile(_numbers(rng, n_out), 4),
            _zeros(4 * n_out),
        )
    h, c = _numbers(rng, bs, n_out), _numbers(rng, bs, n_out)
    w_ih, w_hh = _numbers(rng, 4 * n_out, n_in), _numbers(rng, 4 * n_out, n_out)
    return (x, h, c, w_ih, w_hh, _numbers(rng, 4 * n_out), _numbers(rng, 4 * n_out))


def _seed(rng: Random) -> int:
    return rng.randint(0, 999)


def _probability(rng: Random) -> float:
    return rng.choice([0.0, 0.25, 0.5, 0.75]) if rng.randint(0, 9) < 6 else 0.0


def _mask(rng: Random) -> Args:
    dtype = np.float64 if rng.randint(0, 9) == 9 else np.float32
    size = rng.choice([(2, 3), (4,), (2, 1, 5)]) if (p := _probability(rng)) == 0 else rng.choice(MASK_SIZES)
    return (_seed(rng), np.zeros(1, dtype=dtype), size, p)


def _activations(rng: Random) -> Args:
    p, training = _probability(rng), rng.choice([True, True, False])
    sizes = BATCH if p and training else (rng.randint(1, 2), rng.randint(1, 3), rng.randint(1, 4))
    bs, seq_len, features = sizes
    return (_seed(rng), bs, rng.choice([seq_len, 1]), features, p, training)


def _words(rng: Random) -> Args:
    p, training = _probability(rng), rng.choice([True, True, False])
    vocab_sz, emb_sz = WORDS if p and training else (rng.randint(1, 4), rng.randint(1, 3))
    return (_seed(rng), vocab_sz, emb_sz, p, training)


def _layer(rng: Random) -> Args:
    p, training = _probability(rng), rng.choice([True, True, False])
    bs, seq_len = rng.randint(1, 2), rng.randint(2, 4)
    if p and training:
        return (_seed(rng), "many units", bs, seq_len, p, training)
    return (_seed(rng), rng.choice(["small", "small", "small", "small, carried"]), bs, seq_len, p, training)


def _output_and_words(rng: Random) -> Args:
    """In more than half: as many words as features, each with a feature of its own, and no bias."""
    bs, seq_len, emb_sz = rng.randint(1, 2), rng.randint(1, 2), rng.randint(1, 3)
    output = _numbers(rng, bs, seq_len, emb_sz)
    if rng.randint(0, 9) < 6:
        return (output, np.eye(emb_sz, dtype=np.float32), _zeros(emb_sz))
    vocab_sz = rng.choice([emb_sz, rng.randint(1, 4)])
    return (output, _numbers(rng, vocab_sz, emb_sz), _numbers(rng, vocab_sz))


def _logits_and_targets(rng: Random, kind: str) -> Args:
    """Logits of a model that is sure of the right words, sure of others, knows nothing, or sees some chance in each.

    Apart from one that knows nothing, no two logits of a token are equal: one is the highest.
    """
    bs, seq_len, vocab_sz = rng.randint(1, 3), rng.randint(1, 3), rng.randint(3, 5)
    n_tokens = bs * seq_len
    targets = np.array([rng.randint(0, vocab_sz - 1) for _ in range(n_tokens)])
    logits = np.zeros((n_tokens, vocab_sz), dtype=np.float32)
    for row in logits if kind != "knows nothing" else []:
        shift = rng.randint(0, vocab_sz - 1)
        row[:] = [(place + shift) % vocab_sz / 2 for place in range(vocab_sz)]
    if kind in ("right", "wrong"):
        logits[np.arange(n_tokens), targets] = 40 if kind == "right" else -40
    return (logits.reshape(bs, seq_len, vocab_sz), targets.reshape(bs, seq_len))


def _for_perplexity(rng: Random) -> Args:
    return _logits_and_targets(rng, rng.choice(["right"] * 6 + ["knows nothing"] + ["chance"] * 3))


def _for_accuracy(rng: Random) -> Args:
    return _logits_and_targets(rng, rng.choice(["right"] * 5 + ["wrong"] * 2 + ["chance"] * 3))


def _outputs_and_factors(rng: Random) -> Args:
    """In more than half: an output that never changes, not dropped, and equal factors."""
    bs, seq_len, features = rng.randint(1, 3), rng.randint(1, 3), rng.randint(1, 3)
    alpha, beta = rng.choice([1.0, 2.0]), rng.choice([1.0, 2.0])
    if rng.randint(0, 9) < 6:
        raw = np.full((bs, max(seq_len, 2), features), rng.randint(-8, 8) / 4, dtype=np.float32)
        return (raw, raw.copy(), alpha, alpha)
    raw = _numbers(rng, bs, seq_len, features)
    kept = np.array([rng.randint(0, 1) for _ in range(bs * features)], dtype=np.float32).reshape(bs, 1, features)
    return (raw, raw * kept * 2, alpha, beta)


def _array(*rows: object) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


_ONE_UNIT = (_array([1]), _array([0.5]), _array([2]), _array([1], [-1], [2], [0]), _array([0], [1], [-2], [1]))
_RAW = _array([[1, 0], [3, 0], [3, 1]], [[0, 2], [0, 2], [0, -2]])
_ONE_TOKEN_RIGHT = (_array([[0, 1, 2]]), np.array([[2]]))

_EXERCISES = (
    Exercise(
        name="lstm_cell",
        points=4,
        difficulty=3,
        minutes=16,
        section="1. One step of an LSTM",
        reference=lstm_cell,
        examples=[
            (_array([0]), _array([0]), _array([0]), *[_zeros(4, 1)] * 2, *[_zeros(4)] * 2),
            (_array([1]), _array([0]), _array([0]), _array([1], [1], [1], [1]), _zeros(4, 1), *[_zeros(4)] * 2),
            (_array([0]), _array([0]), _array([4]), *[_zeros(4, 1)] * 2, *[_zeros(4)] * 2),
            (_array([0]), _array([1]), _array([0]), _zeros(4, 1), _array([1], [1], [1], [1]), *[_zeros(4)] * 2),
            (_array([0]), _array([0]), _array([0]), *[_zeros(4, 1)] * 2, _zeros(4), _array(1, 0, 2, 3)),
            (*_ONE_UNIT, _array(0.5, 1, -1, 0), _array(0, 0.5, 0, 1)),
            _cell(Random(4)),
            _cell(Random(9)),
        ],
        inputs=_cell,
        hints=(
            "Four sums in one: x @ w_ih.T + b_ih + h @ w_hh.T + b_hh is (bs, 4 * n_out). Tensor.chunk cuts it into the "
            "four parts along axis 1.",
            "With all weights and biases zero each gate is sigmoid(0) = 0.5 and the new content tanh(0) = 0. From the "
            "cell 4 the gates let 0.5 * 4 = 2 stay, and h is 0.5 * tanh(2) = 0.482.",
            "Reread “1. One step of an LSTM”: the order of the four parts, and which of them go through tanh.",
        ),
        tolerance=1e-5,
        adapter="tensors.call",
        mistakes=MISTAKES["lstm_cell"],
    ),
    Exercise(
        name="dropout_mask",
        points=2,
        difficulty=2,
        minutes=8,
        section="2. A mask",
        reference=dropout_mask,
        examples=[
            (0, _zeros(1), (2, 3), 0.0),
            (1, _zeros(1), MASK_SIZES[0], 0.5),
            (2, _zeros(1), MASK_SIZES[0], 0.25),
            (3, _zeros(1), MASK_SIZES[1], 0.75),
            (4, np.zeros(1), (2, 2), 0.0),
        ],
        inputs=_mask,
        hints=(
            "torch.rand(size) draws numbers between 0 and 1; which share of them is below p? Or have a look at "
            "Tensor.bernoulli_.",
            "p = 0.75: three of four entries are 0. For the mean to be 1, each of those that are kept has to be 4, "
            "which is 1 / (1 - 0.75).",
            "Reread “2. A mask”: what is lost, what the others are divided by, and whose type the mask has.",
        ),
        adapter="tensors.call_seeded",
        random=True,
        properties=MASK_PROPERTIES,
        mistakes=MISTAKES["dropout_mask"],
    ),
    Exercise(
        name="rnn_dropout",
        points=3,
        difficulty=3,
        minutes=9,
        section="3. The same features at every step",
        reference=rnn_dropout,
        examples=[
            (0, 1, 1, 2, 0.5, False),
            (0, 2, 2, 3, 0.0, True),
            (1, BATCH[0], 1, BATCH[2], 0.5, True),
            (2, *BATCH, 0.25, True),
            (3, *BATCH, 0.5, True),
            (4, *BATCH, 0.5, False),
        ],
        inputs=_activations,
        hints=(
            "A mask of another shape than x can still be multiplied with x: an axis of length 1 repeats. Which axis of "
            "the mask has to repeat?",
            "x is (2, 3, 4): two rows, three steps, four features. One number for each row and feature, the same at "
            "all three steps, is a mask of (2, 1, 4).",
            "Reread “3. The same features at every step”, and look at the picture of the masks in the chapter.",
        ),
        adapter="language_model.rnn_dropout",
        random=True,
        properties=RNN_PROPERTIES,
        mistakes=MISTAKES["rnn_dropout"],
    ),
    Exercise(
        name="embedding_dropout",
        points=3,
        difficulty=3,
        minutes=10,
        section="4. Whole words",
        reference=embedding_dropout,
        examples=[
            (0, 2, 1, 0.5, False),
            (0, 3, 2, 0.0, True),
            (1, *WORDS, 0.5, True),
            (2, *WORDS, 0.25, True),
            (3, *WORDS, 0.5, False),
        ],
        inputs=_words,
        hints=(
            "The table of weights has a row a word. Multiply it by a mask before you look anything up: of which shape?",
            "Four words of three features: a mask of (4, 1) gives each word one number, 0 or 1 / (1 - p), and the axis "
            "of length 1 repeats over its features.",
            "Reread “4. Whole words”: the weights you are given must stay as they are, and outside training nothing is "
            "dropped.",
        ),
        adapter="language_model.embedding_dropout",
        random=True,
        properties=WORD_PROPERTIES,
        mistakes=MISTAKES["embedding_dropout"],
    ),
    Exercise(
        name="weight_dropout",
        points=5,
        difficulty=4,
        minutes=16,
        section="5. A whole layer, and its recurrent weights",
        reference=weight_dropout,
        examples=[
            (0, "small", 1, 1, 0.0, True),
            (0, "small, carried", 1, 1, 0.0, False),
            (1, "small, carried", 2, 3, 0.5, False),
            (2, "many units", 1, 2, 0.5, True),
            (3, "many units", 2, 3, 0.5, True),
            (4, "many units", 2, 4, 0.25, True),
        ],
        inputs=_layer,
        hints=(
            "First write the loop over the steps without any dropout: x[:, t] goes into `lstm_cell` with the h and c "
            "of the step before, and each h is kept. Then make another w_hh, before the loop.",
            "With two steps and p = 0.5: draw one mask of the shape of w_hh, multiply, and use the product at step 0 "
            "and at step 1. torch.stack(outputs, dim=1) makes (bs, seq_len, n_out) of two (bs, n_out).",
            "Reread “5. A whole layer, and its recurrent weights”: what is dropped, how often a mask is drawn, and "
            "what must stay as it was.",
        ),
        adapter="language_model.weight_dropout",
        random=True,
        properties=WEIGHT_PROPERTIES,
        mistakes=MISTAKES["weight_dropout"],
    ),
    Exercise(
        name="tied_logits",
        points=2,
        difficulty=1,
        minutes=5,
        section="6. A score for every word",
        reference=tied_logits,
        examples=[
            (_array([[2]]), _array([1]), _array(0)),
            (_array([[1]]), _array([1], [0]), _array(0, 5)),
            (_array([[1, 2]]), _array([0, 1], [0, 0]), _array(0, 0)),
            (_array([[3, 4]]), _array([3, 4], [4, -3], [0, 1]), _array(0, 0, 1)),
            (_array([[1, 0], [0, 2]]), _array([1, 1], [2, 0], [0, -1]), _array(1, 0, -1)),
            (_array([[1, 1]]), _array([1, 2], [3, 5]), _array(1, -2)),
        ],
        inputs=_output_and_words,
        hints=(
            "The score of a word is the sum of products of the output's features and the word's. Which matrix product "
            "does that for all words at once?",
            "The output [3, 4] and the words [3, 4] and [4, -3]: scores 25 and 0, and then each word's bias is added.",
            "Reread “6. A score for every word”: the shapes, from (bs, seq_len, emb_sz) to (bs, seq_len, vocab_sz).",
        ),
        tolerance=1e-5,
        adapter="tensors.call",
        mistakes=MISTAKES["tied_logits"],
    ),
    Exercise(
        name="perplexity",
        points=3,
        difficulty=2,
        minutes=9,
        section="7. How many words it hesitates between",
        reference=perplexity,
        examples=[
            (_array([[0, 0]]), np.array([[1]])),
            (_array([[0, 0], [0, 0]]), np.array([[1, 0]])),
            (_array([[0, 1, 2], [2, 1, 0]]), np.array([[2, 2]])),
            (_array([[0, 1]], [[3, 0]]), np.array([[1], [1]])),
            (_array([[40, 0, 0], [0, 0, 0]]), np.array([[0, 0]])),
        ],
        inputs=_for_perplexity,
        hints=(
            "The loss of one token is minus the logarithm of the probability that it got. Tensor.log_softmax makes "
            "logarithms of probabilities of logits; Tensor.gather picks the right words' ones.",
            "Probabilities 1/2 and 1/8 for the two right words: losses 0.693 and 2.079, mean 1.386, exp of it is 4.",
            "Reread “7. How many words it hesitates between”: one mean over all tokens, then exp, then a float.",
        ),
        properties=(Property("it is at least 1", lambda args, got: got >= 1 - 1e-6),),
        tolerance=1e-4,
        adapter="tensors.call",
        mistakes=MISTAKES["perplexity"],
    ),
    Exercise(
        name="next_token_accuracy",
        points=2,
        difficulty=1,
        minutes=5,
        section="8. How often it is right",
        reference=next_token_accuracy,
        examples=[
            _ONE_TOKEN_RIGHT,
            (_array([[0, 1, 2]]), np.array([[1]])),
            (_array([[0, 1, 2], [5, 1, 0]]), np.array([[2, 1]])),
            (_array([[0, 1, 2], [5, 1, 0]]), np.array([[0, 0]])),
            (_array([[0, 0.5, 0.25]]), np.array([[1]])),
            (_array([[0, 1, 2], [0, 3, 1]], [[1, 0, 2], [9, 3, 1]]), np.array([[2, 1], [2, 1]])),
        ],
        inputs=_for_accuracy,
        hints=(
            "The prediction is the word with the highest logit. Along which axis do the words stand?",
            "The highest logits of three tokens are those of the words 4, 0 and 7, and the right words are 4, 1 and 7: "
            "two of three, 0.667.",
            "Reread “8. How often it is right”: compare, count over all tokens, and return a float.",
        ),
        properties=(Property("it lies between 0 and 1", lambda args, got: 0 <= got <= 1),),
        tolerance=1e-6,
        adapter="tensors.call",
        mistakes=MISTAKES["next_token_accuracy"],
    ),
    Exercise(
        name="ar_tar_penalty",
        points=3,
        difficulty=2,
        minutes=9,
        section="9. Two penalties",
        reference=ar_tar_penalty,
        examples=[
            (_array([[1], [3]]), _array([[1], [3]]), 0.0, 1.0),
            (_array([[1], [3]]), _array([[1], [3]]), 2.0, 0.0),
            (_array([[3]]), _array([[3]]), 2.0, 1.0),
            (_RAW, _RAW * _array([[2, 0]], [[2, 2]]), 2.0, 1.0),
            (_RAW[:1], _RAW[:1] * 0, 1.0, 2.0),
        ],
        inputs=_outputs_and_factors,
        hints=(
            "raw[:, 1:] holds all steps but the first, raw[:, :-1] all but the last. What is their difference?",
            "raw is [[[1], [3], [3]]]: changes 2 and 0, mean square 2. With beta = 1 TAR is 2. For AR, square all "
            "numbers of dropped and take the mean.",
            "Reread “9. Two penalties”: which of them looks at which output, along which axis, and what happens with a "
            "single token.",
        ),
        properties=(Property("it is not negative, and is a number", lambda args, got: bool(got >= 0)),),
        tolerance=1e-5,
        adapter="tensors.call",
        mistakes=MISTAKES["ar_tar_penalty"],
    ),
)

PROBLEM_SET = ProblemSet("05_language_model", "The language model", _EXERCISES)
