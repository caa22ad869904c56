"""A recipe: every choice of a run beside its texts, its seed and where it runs."""

import math
from dataclasses import dataclass

from ulmfit_lib.errors import ConfigError


@dataclass(frozen=True)
class Recipe:
    """Sizes, lengths and rates of a run; the defaults are small enough for two thousand reviews on two cores.

    They were chosen on training texts alone: a fifth of them was held out and the loss and accuracy on these decided.

    Args:
        emb_sz, n_hid, n_layers: sizes of the AWD-LSTM.
        min_freq, max_vocab: a word is in the vocabulary if it occurs `min_freq` times, `max_vocab` words at most.
        lm_epochs, lm_lr, lm_drop_mult: epochs, highest rate and share of fastai's dropout of the language model.
        lm_bs, classifier_bs: batch sizes; None takes one that fits the number of texts.
        classifier_epochs: epochs of the four stages of gradual unfreezing: the head, two groups, three, all.
        classifier_scale: multiplies the rates of the book's plan (2e-2, 1e-2, 5e-3, 1e-3).
        classifier_factor: how much lower the rate of each parameter group is than that of the next one up. The
            paper's 2.6 spares what pretrained layers know; from random weights they have as much to learn as the head.
        classifier_drop_mult, classifier_wd: share of fastai's dropout of the classifier, and its weight decay.
        seq_len, max_len: tokens a chunk, and how many of the last tokens of a text are pooled.

    Raises:
        ConfigError: a number makes no sense.
    """

    emb_sz: int = 128
    n_hid: int = 256
    n_layers: int = 2
    min_freq: int = 3
    max_vocab: int = 60_000
    lm_epochs: int = 3
    lm_lr: float = 2e-2
    lm_drop_mult: float = 0.3
    lm_bs: int | None = None
    classifier_epochs: tuple[int, int, int, int] = (1, 1, 1, 3)
    classifier_scale: float = 2.0
    classifier_factor: float = 1.0
    classifier_drop_mult: float = 0.5
    classifier_wd: float = 0.1
    classifier_bs: int | None = None
    seq_len: int = 72
    max_len: int = 1440

    def __post_init__(self) -> None:
        for name in (
            *("emb_sz", "n_hid", "n_layers", "min_freq", "lm_epochs", "lm_lr", "seq_len"),
            *("classifier_scale", "classifier_factor"),
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be more than 0, not {getattr(self, name)}.")
        if len(self.classifier_epochs) != 4 or min(self.classifier_epochs) < 1:
            raise ConfigError(
                f"classifier_epochs are four numbers of 1 or more, one a stage, not {self.classifier_epochs}."
            )


def language_model_batch_size(n_tokens: int, n_valid_tokens: int) -> int:
    """Return a batch size that leaves small corpora enough steps an epoch: a power of 2 from 1 to 64.

    Args:
        n_tokens: tokens to learn from.
        n_valid_tokens: tokens to be measured on, which have to fill the same number of rows.

    >>> language_model_batch_size(260_000, 30_000), language_model_batch_size(30_000_000, 300_000)
    (32, 64)
    """
    return _power_of_two(min(n_tokens // 8_000, n_valid_tokens // 8), 1, 64)


def classifier_batch_size(n_texts: int) -> int:
    """Return a batch size that leaves few texts enough steps an epoch: a power of 2 from 2 to 64.

    It is less than 8 only for less than 16 texts: batch normalisation learns badly from very few.

    >>> classifier_batch_size(4), classifier_batch_size(400), classifier_batch_size(25_000)
    (2, 8, 64)
    """
    return _power_of_two(n_texts // 50, max(2, min(8, n_texts // 2)), 64)


def _power_of_two(number: int, least: int, most: int) -> int:
    number = max(least, min(number, most))
    return 1 << (number.bit_length() - 1)
