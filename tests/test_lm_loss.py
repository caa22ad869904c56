"""The chunked loss has the value and the gradients of the plain one."""

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from ulmfit_lib import lm_loss
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.lm_loss import LanguageModelLoss, tokens_a_chunk


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def batch(dtype=torch.float32, bias=True, bs=3, seq_len=50):
    decoder = nn.Linear(6, 30, bias=bias, dtype=dtype)
    dropped = torch.randn(bs, seq_len, 6, dtype=dtype, requires_grad=True)
    return decoder, dropped, torch.randint(0, 30, (bs, seq_len))


def grads_of(loss, decoder, dropped):
    inputs = [dropped, *decoder.parameters()]
    return torch.autograd.grad(loss, inputs)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("chunk", [1, 64, 149, 150, 1000])
def test_chunked_is_cross_entropy_in_value_and_gradient(monkeypatch, chunk, bias):
    monkeypatch.setattr(lm_loss, "tokens_a_chunk", lambda *_: chunk)
    decoder, dropped, targets = batch(torch.float64, bias)
    ours = LanguageModelLoss(decoder)(dropped, targets)
    plain = F.cross_entropy(decoder(dropped).flatten(0, 1), targets.flatten())
    torch.testing.assert_close(ours, plain)
    # As part of a larger sum, as with AR and TAR.
    ours_grads = grads_of(3 * ours + dropped.pow(2).mean(), decoder, dropped)
    torch.testing.assert_close(ours_grads, grads_of(3 * plain + dropped.pow(2).mean(), decoder, dropped))


def test_gradients_are_those_of_finite_differences():
    decoder, dropped, targets = batch(torch.float64, bs=1, seq_len=4)
    assert torch.autograd.gradcheck(lambda x: LanguageModelLoss(decoder)(x, targets), dropped)


@pytest.mark.parametrize("method", lm_loss.METHODS)
def test_the_methods_agree(monkeypatch, method):
    # The graph is what is tested here; making machine code of it takes a compiler and a minute.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    if method == "fused" and not hasattr(F, "linear_cross_entropy"):
        pytest.skip("this PyTorch has no fused loss")
    decoder, dropped, targets = batch()
    loss = LanguageModelLoss(decoder, method)(dropped, targets)
    plain = F.cross_entropy(decoder(dropped).flatten(0, 1), targets.flatten())
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(grads_of(loss, decoder, dropped), grads_of(plain, decoder, dropped))


def test_by_hand_certain_and_undecided():
    decoder = nn.Linear(1, 2)
    nn.init.zeros_(decoder.weight), nn.init.zeros_(decoder.bias)
    loss_func = LanguageModelLoss(decoder)
    assert loss_func(torch.ones(1, 1, 1), torch.tensor([[0]])).item() == pytest.approx(0.693147)  # log 2
    nn.init.constant_(decoder.bias[:1], 1000.0)
    assert loss_func(torch.ones(1, 2, 1), torch.tensor([[0, 1]])).item() == pytest.approx(500)  # (0 + 1000) / 2


def test_large_logits_do_not_overflow():
    decoder, dropped, targets = batch()
    loss = LanguageModelLoss(decoder)(dropped * 1e4, targets)
    assert torch.isfinite(loss)
    assert all(torch.isfinite(grad).all() for grad in grads_of(loss, decoder, dropped))


def test_bfloat16_under_autocast_is_near_and_gradients_are_float32():
    decoder, dropped, targets = batch()
    with torch.autocast("cpu", torch.bfloat16):
        loss = LanguageModelLoss(decoder)(dropped, targets)
    plain = F.cross_entropy(decoder(dropped).flatten(0, 1), targets.flatten())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, plain, atol=0.02, rtol=0)
    for ours, theirs in zip(grads_of(loss, decoder, dropped), grads_of(plain, decoder, dropped), strict=True):
        assert ours.dtype == torch.float32
        torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0.05)


@pytest.mark.parametrize("chunk", [7, 1000])
def test_without_gradients_it_counts_right_guesses(monkeypatch, chunk):
    monkeypatch.setattr(lm_loss, "tokens_a_chunk", lambda *_: chunk)
    decoder, dropped, targets = batch()
    loss_func = LanguageModelLoss(decoder)
    targets[0, :20] = decoder(dropped).argmax(-1)[0, :20]
    with torch.no_grad():
        loss = loss_func(dropped, targets)
    logits = decoder(dropped)
    torch.testing.assert_close(loss, F.cross_entropy(logits.flatten(0, 1), targets.flatten()))
    assert loss_func.n_correct == (logits.argmax(-1) == targets).sum() >= 20


def test_a_chunk_shrinks_as_the_vocabulary_grows():
    assert tokens_a_chunk(1_000, "cpu") == 2_000
    assert tokens_a_chunk(10**9, "cpu") == 256
    assert tokens_a_chunk(60_000, "cuda") == 1_666
    assert tokens_a_chunk(60_000, "some other device") == tokens_a_chunk(60_000, "cuda")


def test_unknown_methods_are_refused(monkeypatch):
    with pytest.raises(ConfigError, match="one of chunked, plain, compiled, fused, not 'adaptive'"):
        LanguageModelLoss(nn.Linear(2, 3), "adaptive")
    monkeypatch.delattr(F, "linear_cross_entropy", raising=False)
    with pytest.raises(ConfigError, match="has no fused loss"):
        LanguageModelLoss(nn.Linear(2, 3), "fused")
