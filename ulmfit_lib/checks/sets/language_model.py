"""Problem set 05: the AWD-LSTM, from one LSTM cell to the loss of a language model."""

from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ulmfit_lib import awd_lstm
from ulmfit_lib.checks.exercise import Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.language_model import MISTAKES
from ulmfit_lib.checks.sets import language_model_inputs as draw
from ulmfit_lib.checks.sets.language_model_inputs import array, zeros
from ulmfit_lib.checks.sets.language_model_judging import (
    BATCH,
    MASK_PROPERTIES,
    MASK_SIZES,
    RNN_PROPERTIES,
    WORD_PROPERTIES,
    WORDS,
)
from ulmfit_lib.checks.sets.language_model_weights import WEIGHT_PROPERTIES

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


_ONE_UNIT = (array([1]), array([0.5]), array([2]), array([1], [-1], [2], [0]), array([0], [1], [-2], [1]))
_RAW = array([[1, 0], [3, 0], [3, 1]], [[0, 2], [0, 2], [0, -2]])
_ONE_TOKEN_RIGHT = (array([[0, 1, 2]]), np.array([[2]]))

_EXERCISES = (
    Exercise(
        name="lstm_cell",
        points=4,
        difficulty=3,
        minutes=16,
        section="1. One step of an LSTM",
        reference=lstm_cell,
        examples=[
            (array([0]), array([0]), array([0]), *[zeros(4, 1)] * 2, *[zeros(4)] * 2),
            (array([1]), array([0]), array([0]), array([1], [1], [1], [1]), zeros(4, 1), *[zeros(4)] * 2),
            (array([0]), array([0]), array([4]), *[zeros(4, 1)] * 2, *[zeros(4)] * 2),
            (array([0]), array([1]), array([0]), zeros(4, 1), array([1], [1], [1], [1]), *[zeros(4)] * 2),
            (array([0]), array([0]), array([0]), *[zeros(4, 1)] * 2, zeros(4), array(1, 0, 2, 3)),
            (*_ONE_UNIT, array(0.5, 1, -1, 0), array(0, 0.5, 0, 1)),
            draw.cell(Random(4)),
            draw.cell(Random(9)),
            draw.cell_of(Random(1), 1, 2, 5),
        ],
        inputs=draw.cell,
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
            (0, 1, zeros(1), (2, 3), 0.0),
            (1, 1, zeros(1), MASK_SIZES[0], 0.5),
            (2, 1, zeros(1), MASK_SIZES[0], 0.25),
            (3, 1, zeros(1), MASK_SIZES[1], 0.75),
            (4, 1, np.zeros(1), (2, 2), 0.0),
            (5, 2, zeros(1), MASK_SIZES[0], 0.5),
        ],
        inputs=draw.mask,
        hints=(
            "torch.rand(size) draws numbers between 0 and 1; which share of them is below p? Or have a look at "
            "Tensor.bernoulli_.",
            "p = 0.75: three of four entries are 0. For the mean to be 1, each of those that are kept has to be 4, "
            "which is 1 / (1 - 0.75).",
            "Reread “2. A mask”: what is lost, what the others are divided by, and whose type the mask has.",
        ),
        adapter="language_model.dropout_mask",
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
            (0, 1, 1, 1, 2, 0.5, False),
            (0, 1, 2, 2, 3, 0.0, True),
            (1, 1, BATCH[0], 1, BATCH[2], 0.5, True),
            (2, 1, *BATCH, 0.25, True),
            (3, 1, *BATCH, 0.5, True),
            (4, 1, *BATCH, 0.5, False),
            (5, 2, *BATCH, 0.5, True),
        ],
        inputs=draw.activations,
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
            (0, 1, 2, 1, 0.5, False),
            (0, 1, 3, 2, 0.0, True),
            (1, 1, *WORDS, 0.5, True),
            (2, 1, *WORDS, 0.25, True),
            (3, 1, *WORDS, 0.5, False),
            (4, 2, *WORDS, 0.5, True),
        ],
        inputs=draw.words,
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
            (0, 1, "small", 1, 1, 0.0, True),
            (0, 1, "small, carried", 1, 1, 0.0, False),
            (1, 1, "small, carried", 2, 3, 0.5, False),
            (2, 1, "many units", 1, 2, 0.5, True),
            (3, 1, "many units", 2, 3, 0.5, True),
            (4, 1, "many units", 2, 4, 0.25, True),
            (5, 2, "many units", 2, 3, 0.5, True),
        ],
        inputs=draw.layer,
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
            (array([[2]]), array([1]), array(0)),
            (array([[1]]), array([1], [0]), array(0, 5)),
            (array([[1, 2]]), array([0, 1], [0, 0]), array(0, 0)),
            (array([[3, 4]]), array([3, 4], [4, -3], [0, 1]), array(0, 0, 1)),
            (array([[1, 0], [0, 2]]), array([1, 1], [2, 0], [0, -1]), array(1, 0, -1)),
            (array([[1, 1]]), array([1, 2], [3, 5]), array(1, -2)),
        ],
        inputs=draw.output_and_words,
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
            (array([[0, 0]]), np.array([[1]])),
            (array([[0, 0], [0, 0]]), np.array([[1, 0]])),
            (array([[0, 1, 2], [2, 1, 0]]), np.array([[2, 2]])),
            (array([[0, 1]], [[3, 0]]), np.array([[1], [1]])),
            (array([[40, 0, 0], [0, 0, 0]]), np.array([[0, 0]])),
        ],
        inputs=draw.for_perplexity,
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
            (array([[0, 1, 2]]), np.array([[1]])),
            (array([[0, 1, 2], [5, 1, 0]]), np.array([[2, 1]])),
            (array([[0, 1, 2], [5, 1, 0]]), np.array([[0, 0]])),
            (array([[0, 0.5, 0.25]]), np.array([[1]])),
            (array([[0, 1, 2], [0, 3, 1]], [[1, 0, 2], [9, 3, 1]]), np.array([[2, 1], [2, 1]])),
        ],
        inputs=draw.for_accuracy,
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
            (array([[1], [3]]), array([[1], [3]]), 0.0, 1.0),
            (array([[1], [3]]), array([[1], [3]]), 2.0, 0.0),
            (array([[3]]), array([[3]]), 2.0, 1.0),
            (_RAW, _RAW * array([[2, 0]], [[2, 2]]), 2.0, 1.0),
            (_RAW[:1], _RAW[:1] * 0, 1.0, 2.0),
        ],
        inputs=draw.outputs_and_factors,
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
