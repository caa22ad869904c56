"""What problem set 09 asks for is what the library does, though it lays the chunks of a batch out in another way."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib import classifier
from ulmfit_lib.awd_lstm import AWDLSTM, AWDConfig
from ulmfit_lib.checks.sets import classifier as problem_set
from ulmfit_lib.padding import pad_batch

torch.set_num_threads(1)
NO_DROPOUT = {"output_p": 0.0, "hidden_p": 0.0, "input_p": 0.0, "embed_p": 0.0, "weight_p": 0.0}
AWD = AWDLSTM(AWDConfig(30, emb_sz=8, n_hid=12, n_layers=2, **NO_DROPOUT))


def flat_encoder(ids, state):
    """The AWD-LSTM as the set's encoder: one output, and a state that is a list of tensors."""
    state = state and list(zip(state[::2], state[1::2], strict=True))
    raw, _, state = AWD(ids, state)
    return raw, [tensor for pair in state for tensor in pair]


def documents(lengths):
    draw = torch.Generator().manual_seed(len(lengths))
    docs = [torch.randint(2, 30, (length,), generator=draw).tolist() for length in lengths]
    return torch.from_numpy(pad_batch(docs))


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=5), seq_len=st.integers(1, 7), extra=st.integers(0, 9))
def test_what_is_pooled_and_its_gradient_are_the_librarys(lengths, seq_len, extra):
    ids, max_len = documents(lengths), seq_len + extra
    pooled, gradients = [], []
    for encode, encoder in ((problem_set.encode_in_chunks, flat_encoder), (classifier.encode_in_chunks, AWD)):
        AWD.zero_grad()
        output, mask = encode(encoder, ids, lengths, seq_len, max_len)
        pooled.append(problem_set.masked_concat_pool(output, mask))
        pooled[-1].square().sum().backward()
        gradients.append(AWD.encoder.weight.grad.clone())
    torch.testing.assert_close(*pooled, atol=1e-6, rtol=0)
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("n_hidden", [0, 1, 2])
def test_the_head_is_the_librarys(n_hidden):
    head = classifier.ClassifierHead(6, 3, lin_ftrs=[4] * n_hidden, ps=[0.0] * (n_hidden + 1))
    layers = []
    for norm, linear in zip(head.layers[::4], head.layers[2::4], strict=True):
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
        torch.nn.init.uniform_(norm.weight, 0.5, 2)
        names = {"mean": norm.running_mean, "var": norm.running_var, "weight": norm.weight, "bias": norm.bias}
        layers.append({"norm": {name: tensor.clone() for name, tensor in names.items()}, "linear": linear.weight})
    pooled = torch.randn(5, 6)
    no_dropout = [torch.ones(5, layer["linear"].shape[1]) for layer in layers]
    for masks, in_training in ((None, False), (no_dropout, True)):
        logits = problem_set.classifier_head(pooled, layers, masks)
        torch.testing.assert_close(logits, head.train(in_training)(pooled), atol=1e-5, rtol=1e-5)
