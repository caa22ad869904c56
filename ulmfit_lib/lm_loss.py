"""The loss of a language model, without ever holding all of its logits.

A batch of 64 x 72 tokens and 60,000 words makes 276 million logits, over a gigabyte, and as much again for their
gradient: most of the memory of a training step, and most of its time. But the loss of one token needs the logits of
that token alone. So the decoder and the cross-entropy are worked through together, some hundred tokens at a time:
logits of the chunk, their loss, their gradient, and on to the next chunk in the same memory.

The numbers are those of `F.cross_entropy(decoder(dropped), targets)`, up to rounding.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ulmfit_lib.errors import ConfigError

METHODS = ("chunked", "plain", "compiled", "fused")

# A chunk's logits should stay in a processor's cache, but a matrix product of few rows is slow; a GPU would rather have
# few and large chunks.
_LOGITS_A_CHUNK = {"cpu": 2_000_000, "cuda": 100_000_000}
_FEWEST_TOKENS = 256


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Mean cross-entropy of `F.linear(hidden, weight, bias)`; the gradients are made along with the loss."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, chunk: int, dtype: torch.dtype
    ) -> Tensor:
        n_tokens, vocab_sz = len(hidden), len(weight)
        chunk = min(chunk, n_tokens)
        hidden_low, weight_low, bias_low = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
        grad_hidden = torch.empty_like(hidden_low)  # (n_tokens, emb_sz)
        grad_weight, grad_bias = torch.zeros_like(weight), torch.zeros_like(bias)
        exact = torch.promote_types(dtype, torch.float32)  # sums are never made in half precision
        loss = torch.zeros((), device=hidden.device, dtype=exact)
        # The memory of the largest tensors is asked for once; from the system it would come anew for every chunk.
        logits_memory = hidden.new_empty(chunk, vocab_sz, dtype=exact)
        probs_memory = torch.empty_like(logits_memory)
        low_memory = logits_memory if dtype == exact else hidden.new_empty(chunk, vocab_sz, dtype=dtype)
        product = torch.empty_like(weight_low)  # (vocab_sz, emb_sz)
        for start in range(0, n_tokens, chunk):
            inputs, target = hidden_low[start : start + chunk], targets[start : start + chunk, None]
            rows = len(inputs)
            low = torch.addmm(bias_low, inputs, weight_low.t(), out=low_memory[:rows])  # (rows, vocab_sz)
            logits = low if dtype == exact else logits_memory[:rows].copy_(low)
            probs = torch.softmax(logits, dim=1, out=probs_memory[:rows])  # (rows, vocab_sz)
            # The logarithm of the sum of the exponentials: the largest probability is exp(largest logit) / sum, and
            # never so small as to be rounded to zero.
            log_sum = logits.amax(dim=1) - probs.amax(dim=1).log()  # (rows,)
            loss += (log_sum - logits.gather(1, target).squeeze(1)).sum()
            # The gradient of a token's loss by its logits: the probabilities, less one at the right word.
            grad = probs.scatter_add_(1, target, torch.full_like(target, -1, dtype=exact))
            grad_bias += grad.sum(dim=0)
            if dtype != exact:
                grad = low.copy_(grad)
            torch.mm(grad, weight_low, out=grad_hidden[start : start + chunk])
            if dtype == weight.dtype:
                grad_weight.addmm_(grad.t(), inputs)
            else:
                grad_weight += torch.mm(grad.t(), inputs, out=product)
        ctx.save_for_backward(grad_hidden, grad_weight, grad_bias)
        ctx.n_tokens, ctx.hidden_dtype = n_tokens, hidden.dtype
        return loss / n_tokens

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        scale = grad_loss / ctx.n_tokens
        grad_hidden, grad_weight, grad_bias = ctx.saved_tensors
        return (grad_hidden * scale).to(ctx.hidden_dtype), grad_weight * scale, grad_bias * scale, None, None, None


def tokens_a_chunk(vocab_sz: int, device_type: str) -> int:
    """Return how many tokens' logits are held at once.

    >>> tokens_a_chunk(8_000, "cpu")
    256
    """
    return max(_FEWEST_TOKENS, _LOGITS_A_CHUNK.get(device_type, _LOGITS_A_CHUNK["cuda"]) // vocab_sz)


def _plain_loss(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    return F.cross_entropy(F.linear(hidden, weight, bias).float(), targets)


class LanguageModelLoss:
    """The mean cross-entropy of a batch, from the encoder's output, and the share of words guessed right.

    It is called as `loss_func(dropped, targets)`: the decoder belongs to the loss here, so that the logits need not be
    held. Its result in training can be differentiated; without gradients it counts the right guesses as well.

    Args:
        decoder: the layer that makes logits of outputs.
        method: "chunked", the way described above; "plain", all logits at once; "compiled", the same with the passes
            over the logits joined by `torch.compile` (for a GPU with much memory); or "fused", PyTorch's own
            `F.linear_cross_entropy`, where this version of PyTorch has it.

    Raises:
        ConfigError: there is no such method in this version of PyTorch.
    """

    def __init__(self, decoder: nn.Linear, method: str = "chunked") -> None:
        if method not in METHODS:
            raise ConfigError(f"The loss's method must be one of {', '.join(METHODS)}, not {method!r}.")
        if method == "fused" and not hasattr(F, "linear_cross_entropy"):
            raise ConfigError(f"PyTorch {torch.__version__} has no fused loss.", fix="Use the method 'chunked'.")
        self.decoder, self.method = decoder, method
        self.all_at_once = torch.compile(_plain_loss) if method == "compiled" else _plain_loss
        self.n_correct = torch.zeros((), dtype=torch.int64)

    def __call__(self, dropped: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of `dropped` (bs, seq_len, emb_sz) for `targets` (bs, seq_len), in float32."""
        hidden, targets = dropped.flatten(0, 1), targets.flatten()  # (n_tokens, emb_sz), (n_tokens,)
        if not torch.is_grad_enabled():
            loss, self.n_correct = self.score(hidden, targets)
            return loss
        weight, bias = self.decoder.weight, self.decoder.bias
        if self.method in ("plain", "compiled"):
            return self.all_at_once(hidden, weight, bias, targets)
        if self.method == "fused":
            return F.linear_cross_entropy(hidden, weight, targets, linear_bias=bias).float()
        if bias is None:
            bias = weight.new_zeros(len(weight))
        kind = hidden.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
        with torch.autocast(kind, enabled=False):
            return _ChunkedCrossEntropy.apply(hidden, weight, bias, targets, tokens_a_chunk(len(weight), kind), dtype)

    def score(self, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean loss and how many targets got the highest logit; (n_tokens, emb_sz) and (n_tokens,) in."""
        loss = torch.zeros((), device=hidden.device)
        n_correct = torch.zeros((), device=hidden.device, dtype=torch.int64)
        chunk = tokens_a_chunk(self.decoder.out_features, hidden.device.type)
        for part, target in zip(hidden.split(chunk), targets.split(chunk), strict=True):
            logits = self.decoder(part).float()  # (chunk, vocab_sz)
            loss += F.cross_entropy(logits, target, reduction="sum")
            n_correct += (logits.argmax(dim=1) == target).sum()
        return loss / len(targets), n_correct
