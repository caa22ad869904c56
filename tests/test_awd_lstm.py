"""The AWD-LSTM: worked by hand, as properties, and side by side with PyTorch's and fastai's."""

import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from ulmfit_lib.awd_lstm import (
    AWDConfig,
    EmbeddingDropout,
    LanguageModel,
    RNNDropout,
    WeightDropLSTM,
    activation_regularization,
    classifier_config,
    detach_state,
    dropout_mask,
    lm_config,
    temporal_activation_regularization,
)
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.pretrained import from_fastai_names, to_fastai_names

SIZES = {"emb_sz": 6, "n_hid": 10, "n_layers": 3}


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def small_model(drop_mult=1.0, **changes):
    return LanguageModel(lm_config(20, drop_mult, **{**SIZES, **changes}))


def fastai_model(drop_mult=1.0, **changes):
    from fastai.text.all import AWD_LSTM, awd_lstm_lm_config, get_language_model

    return get_language_model(AWD_LSTM, 20, {**awd_lstm_lm_config, **SIZES, **changes}, drop_mult)


def same_weights(drop_mult=1.0, **changes):
    """Our model and fastai's with the same weights."""
    ours, theirs = small_model(drop_mult, **changes), fastai_model(drop_mult, **changes)
    theirs.load_state_dict(to_fastai_names(ours.state_dict()))
    return ours, theirs


# Dropout


def test_dropout_mask_is_zero_or_scaled_so_that_its_mean_is_one():
    mask = dropout_mask(torch.zeros(1, dtype=torch.float64), (200, 200), 0.2)
    assert mask.dtype == torch.float64
    assert set(mask.unique().tolist()) == {0.0, 1.25}
    assert mask.mean().item() == pytest.approx(1, abs=0.02)


def test_rnn_dropout_drops_the_same_features_at_every_time_step():
    dropped = RNNDropout(0.5)(torch.ones(8, 5, 100))
    assert (dropped == dropped[:, :1]).all()
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert (dropped[0, 0] != dropped[1, 0]).any()  # but others in every row
    assert dropped[:, 0].mean().item() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("layer", [RNNDropout(0.0), RNNDropout(0.9).eval()])
def test_rnn_dropout_does_nothing_at_zero_or_outside_training(layer):
    x = torch.randn(2, 3, 4)
    assert torch.equal(layer(x), x)


def test_embedding_dropout_drops_whole_words_wherever_they_stand():
    layer = EmbeddingDropout(50, 4, embed_p=0.5)
    torch.nn.init.ones_(layer.weight)
    ids = torch.arange(2, 50).repeat(2, 1)  # every word twice
    vectors = layer(ids)
    assert torch.equal(vectors[0], vectors[1])
    assert {tuple(v) for v in vectors[0].tolist()} == {(0.0,) * 4, (2.0,) * 4}
    assert (layer.weight == 1).all()
    assert torch.equal(layer.eval()(ids), torch.ones(2, 48, 4))


def test_embedding_dropout_gives_dropped_words_and_padding_no_gradient():
    layer = EmbeddingDropout(50, 4, embed_p=0.5, pad_id=1)
    torch.nn.init.ones_(layer.weight)
    vectors = layer(torch.arange(50)[None])
    vectors.sum().backward()
    expected = vectors.detach()[0]
    expected[1] = 0  # the padding
    assert torch.equal(layer.weight.grad, expected)


# The LSTM


def test_one_step_of_the_lstm_by_hand():
    lstm = WeightDropLSTM(1, 1, weight_p=0.0)
    with torch.no_grad():
        lstm.weight_ih.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))  # input, forget, cell, output
        lstm.weight_hh.copy_(torch.tensor([[0.5], [0.5], [0.5], [0.5]]))
        lstm.bias_ih.fill_(0.1)
        lstm.bias_hh.fill_(0.2)
    h, c, x = 0.4, -0.6, 0.25

    def gate(weight):
        return weight * x + 0.5 * h + 0.1 + 0.2

    def sigmoid(z):
        return 1 / (1 + math.exp(-z))

    new_c = sigmoid(gate(2)) * c + sigmoid(gate(1)) * math.tanh(gate(3))
    new_h = sigmoid(gate(4)) * math.tanh(new_c)
    output, state = lstm(torch.tensor([[[x]]]), (torch.tensor([[[h]]]), torch.tensor([[[c]]])))
    assert output.item() == pytest.approx(new_h, abs=1e-6)
    assert [part.item() for part in state] == pytest.approx([new_h, new_c], abs=1e-6)


def test_the_lstm_is_pytorchs():
    ours, theirs = WeightDropLSTM(3, 5, weight_p=0.5).eval(), torch.nn.LSTM(3, 5, batch_first=True)
    with torch.no_grad():
        for weight in theirs.parameters():
            weight.uniform_(-1, 1)
    ours.load_state_dict({name.removesuffix("_l0"): weight for name, weight in theirs.state_dict().items()})
    x, state = torch.randn(2, 7, 3), (torch.randn(1, 2, 5), torch.randn(1, 2, 5))
    (out_a, state_a), (out_b, state_b) = ours(x, state), theirs(x, state)
    torch.testing.assert_close(out_a, out_b)
    torch.testing.assert_close(state_a, state_b)


def test_dropped_recurrent_weights_are_those_of_a_masked_lstm_and_the_stored_ones_stay():
    lstm = WeightDropLSTM(3, 5, weight_p=0.5)
    for weight in lstm.parameters():
        torch.nn.init.uniform_(weight, -1, 1)
    stored = lstm.weight_hh.detach().clone()
    x, state = torch.randn(2, 7, 3), (torch.zeros(1, 2, 5), torch.zeros(1, 2, 5))
    torch.manual_seed(5)
    output, _ = lstm(x, state)
    torch.manual_seed(5)
    dropped = F.dropout(stored, 0.5)
    output.sum().backward()
    # A dropped weight learns nothing, the others learn.
    assert torch.equal(lstm.weight_hh.grad == 0, dropped == 0)
    assert torch.equal(lstm.weight_hh, stored)

    masked = WeightDropLSTM(3, 5, weight_p=0.0)
    masked.load_state_dict({**lstm.state_dict(), "weight_hh": dropped})
    torch.testing.assert_close(masked(x, state)[0], output)


def test_dropout_in_five_places_makes_training_random_and_evaluation_exact():
    ids = torch.arange(20).reshape(2, 10)
    for name in AWDConfig.dropout_names():
        only_this = {**dict.fromkeys(AWDConfig.dropout_names(), 0.0), name: 0.5}
        model = small_model(**only_this)
        assert not torch.equal(model(ids).logits, model(ids).logits), name
        model.eval()
        assert torch.equal(model(ids).logits, model(ids).logits), name
    model = small_model(drop_mult=0)
    assert torch.equal(model(ids).logits, model(ids).logits)


# The state


def test_reading_in_two_parts_is_reading_at_once():
    model, ids = small_model().eval(), torch.randint(0, 20, (3, 12))
    whole = model(ids)
    first = model(ids[:, :5])
    second = model(ids[:, 5:], first.state)
    torch.testing.assert_close(torch.cat([first.logits, second.logits], dim=1), whole.logits)
    torch.testing.assert_close(second.state, whole.state)


def test_state_has_one_pair_a_layer_and_begins_with_zeros():
    model, ids = small_model().eval(), torch.randint(0, 20, (3, 4))
    zeros = model.initial_state(3)
    assert [(tuple(h.shape), tuple(c.shape)) for h, c in zeros] == [((1, 3, n), (1, 3, n)) for n in (10, 10, 6)]
    torch.testing.assert_close(model(ids, zeros).logits, model(ids).logits)


def test_nothing_is_left_on_the_model_and_fastai_leaves_the_state():
    ours, theirs = same_weights()
    ids = torch.randint(0, 20, (2, 5))
    ours.eval(), theirs.eval()
    held = {id(value) for module in ours.modules() for value in vars(module).values()}
    assert torch.equal(ours(ids).logits, ours(ids).logits)
    assert {id(value) for module in ours.modules() for value in vars(module).values()} == held
    first, second = theirs(ids)[0], theirs(ids)[0]
    assert (first - second).abs().max() > 1e-4  # the same question, another answer


def test_a_row_does_not_depend_on_its_neighbours():
    model, ids = small_model().eval(), torch.randint(0, 20, (4, 6))
    torch.testing.assert_close(model(ids).logits[2:3], model(ids[2:3]).logits)


def test_the_state_is_cut_off_by_detach_state_and_by_nothing_else():
    model, ids = small_model(drop_mult=0), torch.randint(2, 20, (2, 5))
    state = model(ids).state
    assert all(h.requires_grad and c.requires_grad for h, c in state)
    cut = detach_state(state)
    assert not any(h.requires_grad or c.requires_grad for h, c in cut)
    torch.testing.assert_close(cut, state)


# The whole model, side by side with fastai


@pytest.mark.parametrize("changes", [{}, {"n_layers": 1}, {"tie_weights": False}, {"out_bias": False}])
def test_same_state_dict_as_fastai_up_to_names(changes):
    ours, theirs = small_model(**changes).state_dict(), fastai_model(**changes).state_dict()
    renamed = to_fastai_names(ours)
    assert {name: w.shape for name, w in renamed.items()} == {name: w.shape for name, w in theirs.items()}
    assert set(from_fastai_names(theirs)) == set(ours)


@pytest.mark.parametrize("changes", [{}, {"n_layers": 1}, {"tie_weights": False}, {"out_bias": False}])
def test_same_logits_and_state_as_fastai_over_carried_batches(changes):
    ours, theirs = same_weights(**changes)
    ours.eval(), theirs.eval()
    state = None
    for seq_len in (7, 7, 3):
        ids = torch.randint(0, 20, (4, seq_len))
        output, (logits, raw, dropped) = ours(ids, state), theirs(ids)
        state = detach_state(output.state)
        torch.testing.assert_close(output.logits, logits)
        torch.testing.assert_close(output.raw, raw)
        torch.testing.assert_close(output.dropped, dropped)
        torch.testing.assert_close(state, [tuple(layer) for layer in theirs[0].hidden])


@pytest.mark.parametrize("changes", [{}, {"tie_weights": False}])
def test_same_gradients_as_fastai(changes):
    ours, theirs = same_weights(drop_mult=0, **changes)
    ids, targets = torch.randint(0, 20, (4, 7)), torch.randint(0, 20, (28,))
    ids[0, :3] = 1  # padding too
    F.cross_entropy(ours(ids).logits.flatten(0, 1), targets).backward()
    F.cross_entropy(theirs(ids)[0].flatten(0, 1), targets).backward()
    our_grads = to_fastai_names({name: p.grad for name, p in ours.named_parameters()})
    their_grads = {name: p.grad for name, p in theirs.named_parameters()}
    assert set(their_grads) <= set(our_grads)
    for name, grad in their_grads.items():
        assert grad.abs().sum() > 0, name
        torch.testing.assert_close(our_grads[name], grad, msg=lambda text, name=name: f"{name}: {text}")


def test_the_defaults_are_fastais():
    from fastai.text.all import awd_lstm_clas_config, awd_lstm_lm_config

    for ours, theirs in ((lm_config(60), awd_lstm_lm_config), (classifier_config(60), awd_lstm_clas_config)):
        for name, value in theirs.items():
            if name != "bidir":
                assert getattr(ours, "pad_id" if name == "pad_token" else name) == value, name


def test_weights_begin_as_fastais_do():
    ours, theirs = small_model(), fastai_model()
    bounds = {"0.encoder.weight": 0.1, "0.rnns.0.weight_hh_l0_raw": 10**-0.5, "0.rnns.2.module.bias_ih_l0": 6**-0.5}
    renamed = to_fastai_names(ours.state_dict())
    for name, bound in bounds.items():
        for weight in (renamed[name], theirs.state_dict()[name]):
            assert 0.7 * bound < weight.abs().max() <= bound
    assert (ours.decoder.bias == 0).all()
    assert torch.equal(small_model().encoder.encoder.weight, ours.encoder.encoder.weight)  # the seed's
    other = LanguageModel(ours.config, seed=1)
    assert not torch.equal(other.encoder.encoder.weight, ours.encoder.encoder.weight)


def test_making_a_model_leaves_the_callers_random_state_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    LanguageModel(AWDConfig(20, **SIZES, tie_weights=False))
    assert torch.equal(torch.rand(1), expected)


def test_tied_weights_are_one_tensor():
    tied, untied = small_model(), small_model(tie_weights=False)
    assert tied.decoder.weight is tied.encoder.encoder.weight
    assert untied.decoder.weight is not untied.encoder.encoder.weight
    n_tied, n_untied = (sum(p.numel() for p in model.parameters()) for model in (tied, untied))
    assert n_untied - n_tied == 20 * 6


def test_logits_are_left_out_where_they_are_not_asked_for():
    output = small_model().eval()(torch.randint(0, 20, (2, 3)), decode=False)
    assert output.logits is None
    assert output.dropped.shape == (2, 3, 6)


# Penalties


def test_penalties_by_hand():
    assert activation_regularization(torch.tensor([[[1.0, 3.0]]]), alpha=2).item() == pytest.approx(2 * (1 + 9) / 2)
    raw = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [3.0, 1.0]]])  # steps (2, 0) and (0, 1)
    assert temporal_activation_regularization(raw, beta=3).item() == pytest.approx(3 * (4 + 0 + 0 + 1) / 4)


def fastai_penalty(raw, dropped, alpha=0.0, beta=0.0):
    from types import SimpleNamespace

    from fastai.text.all import RNNRegularizer

    regularizer = RNNRegularizer(alpha=alpha, beta=beta)
    learn = SimpleNamespace(
        training=True, rnn=SimpleNamespace(raw_out=raw, out=dropped), loss_grad=torch.zeros(()), model=None
    )
    regularizer.learn = learn
    regularizer.after_loss()
    return learn.loss_grad


def test_penalties_are_fastais():
    raw, dropped = torch.randn(4, 7, 5), torch.randn(4, 7, 5)
    torch.testing.assert_close(activation_regularization(dropped, 2.0), fastai_penalty(raw, dropped, alpha=2.0))
    torch.testing.assert_close(temporal_activation_regularization(raw, 1.0), fastai_penalty(raw, dropped, beta=1.0))


def test_tar_looks_at_time_and_fastais_at_the_batch_size():
    one_row = torch.tensor([[[1.0], [3.0]]])  # bs 1, seq_len 2: one step of 2
    assert temporal_activation_regularization(one_row, 1.0).item() == 4
    assert fastai_penalty(one_row, one_row, beta=1.0).item() == 0
    one_token = torch.tensor([[[1.0]], [[3.0]]])  # bs 2, seq_len 1: no step at all
    assert temporal_activation_regularization(one_token, 1.0).item() == 0
    assert math.isnan(fastai_penalty(one_token, one_token, beta=1.0).item())


def test_penalties_are_made_in_single_precision():
    half = torch.full((1, 2, 3), 300.0, dtype=torch.float16)  # its square is beyond float16
    assert activation_regularization(half, 1.0).item() == pytest.approx(90_000)
    assert temporal_activation_regularization(torch.cat([half, -half], 1)[:, 1:3], 1.0).item() == pytest.approx(360_000)


# The config


def test_config_refuses_what_makes_no_sense():
    with pytest.raises(ConfigError, match="n_layers must be at least 1, not 0"):
        AWDConfig(20, n_layers=0)
    with pytest.raises(ConfigError, match=r"hidden_p must be at least 0 and below 1, not -0.1"):
        AWDConfig(20, hidden_p=-0.1)
    with pytest.raises(ConfigError, match=r"output_p .* not 1\.2\. Give a smaller drop_mult"):
        classifier_config(20, drop_mult=3)


def test_layer_sizes_go_back_to_the_embedding():
    assert AWDConfig(20, **SIZES).layer_sizes == [(6, 10), (10, 10), (10, 6)]
    assert AWDConfig(20, emb_sz=6, n_hid=10, n_layers=1).layer_sizes == [(6, 6)]


def test_making_a_model_loads_no_symbolic_mathematics():
    """It would take seconds at every start, and comes with PyTorch's own way of not drawing first weights."""
    code = (
        "import sys; from ulmfit_lib.awd_lstm import LanguageModel, lm_config; "
        "LanguageModel(lm_config(20, emb_sz=4, n_hid=6)); print('sympy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
