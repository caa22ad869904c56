"""Writing with a language model: a distribution over the next word, a draw from it, and on with the word drawn.

The prompt is read once. After that the model is given one token at a time and the hidden state that the token before
left behind, so a word costs the same however long the text has become.
"""

import re
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from ulmfit_lib.awd_lstm import LanguageModel
from ulmfit_lib.direction import BACKWARD, FORWARD, check_direction
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.rules import BOS, EOS, FLD, PAD, TK_MAJ, TK_REP, TK_UP, TK_WREP, UNK

if TYPE_CHECKING:
    from ulmfit_lib.vocab import Vocab

#: Tokens that never belong in a text that is read by people.
UNWRITABLE = (UNK, PAD, "xxfake")


def next_token_probs(
    logits: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    min_p: float | None = None,
    forbid: Collection[int] = (),
) -> Tensor:
    """Turn the logits for the next token into the distribution to draw it from.

    What may be drawn is decided first, by the model's own probabilities: not the forbidden tokens, only the `top_k`
    most probable, only those at least `min_p` times as probable as the most probable one. Then the temperature makes
    what is left more even (above 1) or more decided (below 1; 0 takes the most probable).

    Args:
        logits: (vocab_sz,) or (bs, vocab_sz).
        temperature: at least 0.
        top_k: at least 1; None for no limit.
        min_p: between 0 and 1; None for no limit. (fastai's `min_p` is an absolute probability, which may leave no
            token at all; a share of the highest always leaves one.)
        forbid: ids that get probability 0.

    Returns:
        Probabilities of the same shape, in float32.

    Raises:
        ConfigError: an option is out of its range, or every token is forbidden.

    Source: fastai `LMLearner.predict`; Nguyen et al. (2024) on min-p.

    >>> logits = torch.tensor([0.5, 0.3, 0.2]).log()
    >>> next_token_probs(logits, top_k=2)
    tensor([0.6250, 0.3750, 0.0000])
    >>> next_token_probs(logits, forbid=[0], temperature=0.5)
    tensor([0.0000, 0.6923, 0.3077])
    """
    vocab_sz = logits.shape[-1]
    if temperature < 0:
        raise ConfigError(f"temperature must be 0 or more, not {temperature}.")
    if top_k is not None and top_k < 1:
        raise ConfigError(f"top_k must be at least 1, not {top_k}.")
    if min_p is not None and not 0 <= min_p <= 1:
        raise ConfigError(f"min_p must be between 0 and 1, not {min_p}.")
    if len(set(forbid)) >= vocab_sz:
        raise ConfigError("Every token of the vocabulary is forbidden: there is nothing left to write.")
    log_probs = logits.float().clone()
    if forbid:
        log_probs[..., list(forbid)] = float("-inf")
    log_probs = F.log_softmax(log_probs, dim=-1)
    if top_k is not None and top_k < vocab_sz:
        # Ids, not a threshold: of several equally probable tokens at the border only as many as there is room for.
        kept = log_probs.topk(top_k, dim=-1).indices  # (..., top_k)
        left_out = torch.ones_like(log_probs, dtype=torch.bool).scatter(-1, kept, False)
        log_probs = log_probs.masked_fill(left_out, float("-inf"))
    log_probs = log_probs - log_probs.amax(dim=-1, keepdim=True)  # relative to the most probable token, which has 0
    if min_p is not None:
        log_probs = log_probs.masked_fill(log_probs.exp() < min_p, float("-inf"))
    if temperature == 0:
        return F.one_hot(log_probs.argmax(dim=-1), vocab_sz).float()
    return F.softmax(log_probs / max(temperature, 1e-6), dim=-1)  # float32 cannot divide by much less


@torch.no_grad()
def generate(
    model: LanguageModel,
    vocab: "Vocab",
    prompt_tokens: Sequence[str] = (BOS,),
    n: int = 50,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    min_p: float | None = None,
    forbid: Collection[str] = UNWRITABLE,
    stop: Collection[str] = (BOS,),
    direction: str = FORWARD,
    seed: int = 0,
) -> Iterator[str]:
    """Yield up to `n` tokens, one by one as they are drawn, that go on from the prompt.

    A backward model reads from the right: it is given the prompt's tokens from the last to the first, and yields what
    stands before the prompt, the nearest token first.

    Args:
        model: put into evaluation mode for the time of each step.
        vocab: the vocabulary of the model.
        prompt_tokens: in reading order; words that the vocabulary lacks are read as "xxunk".
        n: the largest number of tokens.
        temperature, top_k, min_p: see `next_token_probs`.
        forbid: tokens that are never drawn.
        stop: tokens that end the text; they are not yielded.
        direction: the one the model was trained in.
        seed: what the draws depend on.

    Raises:
        ConfigError: the prompt is empty, or an option is out of its range.

    Source: fastai `LMLearner.predict`.
    """
    ids = vocab.numericalize(prompt_tokens)
    if not ids:
        raise ConfigError("The prompt has no tokens.", fix="Begin with 'xxbos', the beginning of a text.")
    if check_direction(direction) == BACKWARD:
        ids = ids[::-1]
    forbidden = [number for number, token in enumerate(vocab.tokens) if token in forbid]
    device = model.encoder.encoder.weight.device
    generator = torch.Generator(device).manual_seed(seed)
    state = None
    for _ in range(n):
        was_training = model.training
        try:
            model.eval()
            output = model(torch.tensor([ids], device=device), state)  # logits (1, len(ids), vocab_sz)
        finally:
            model.train(was_training)
        state = output.state
        probs = next_token_probs(output.logits[0, -1], temperature, top_k, min_p, forbidden)  # (vocab_sz,)
        ids = torch.multinomial(probs, 1, generator=generator).tolist()
        (token,) = vocab.denumericalize(ids)
        if token in stop:
            return
        yield token


def decode_special_tokens(tokens: Sequence[str]) -> str:
    """Undo what the rules did to capitals and repetitions, drop the marks of texts, and join with spaces.

    A mark that nothing sensible follows is dropped, and what follows it is kept as it is.

    Source: fastai `decode_spec_tokens`, which after a repetition goes on repeating every token up to the next mark.

    >>> decode_special_tokens(["xxbos", "xxmaj", "what", "a", "xxup", "bad", "film", "xxrep", "3", "!", "xxmaj", "no"])
    'What a BAD film !!! No'
    >>> decode_special_tokens(["xxwrep", "3", "very", "xxrep", "good"])
    'very very very good'
    """
    words: list[str] = []
    rest = deque(tokens)
    while rest:
        token = rest.popleft()
        if token == FLD and rest and _count(rest[0]) is not None:
            rest.popleft()
        elif token in (BOS, EOS, PAD, FLD):
            continue
        elif token in (TK_MAJ, TK_UP):
            if rest and not _is_mark(rest[0]):
                word = rest.popleft()
                words.append(word.upper() if token == TK_UP else word[:1].upper() + word[1:].lower())
        elif token in (TK_REP, TK_WREP):
            if len(rest) >= 2 and _count(rest[0]) is not None and not _is_mark(rest[1]):
                count, what = _count(rest.popleft()), rest.popleft()
                words.extend([what * count] if token == TK_REP else [what] * count)
        else:
            words.append(token)
    return " ".join(words)


def _is_mark(token: str) -> bool:
    return token in (BOS, EOS, PAD, FLD, TK_MAJ, TK_UP, TK_REP, TK_WREP)


def _count(token: str) -> int | None:
    """Return the number that a token is, or None; a count longer than four digits is taken for a word."""
    return int(token) if re.fullmatch(r"[0-9]{1,4}", token) else None
