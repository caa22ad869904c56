"""Training and asking the classifier: as fastai trains it, repeatable, in the order of the data, and hard to break."""

import numpy as np
import pytest
import torch
from fastai.text.all import (
    AWD_LSTM,
    CrossEntropyLossFlat,
    DataLoaders,
    TextLearner,
    awd_lstm_clas_split,
    get_text_classifier,
)
from fastai.text.all import Callback as FastaiCallback
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib.awd_lstm import AWDLSTM, AWDConfig
from ulmfit_lib.classifier import TextClassifier
from ulmfit_lib.classifier_batches import ShuffledBatches, number_labels, read_docs
from ulmfit_lib.classifier_files import load_classifier, save_classifier
from ulmfit_lib.classifier_training import activation_penalty
from ulmfit_lib.classifying import predict_probs, train_classifier
from ulmfit_lib.errors import ArtifactError, ConfigError, DataError, TrainingError
from ulmfit_lib.freezing import Stage, UnfreezingPlan, one_cycle
from ulmfit_lib.training import bfloat16_works
from ulmfit_lib.vocab import Vocab

torch.set_num_threads(1)
VOCAB = Vocab(["xxunk", "xxpad", "xxbos", *(f"w{i}" for i in range(37))])
GOOD, BAD = 7, 8
NO_DROPOUT = {"output_p": 0.0, "hidden_p": 0.0, "input_p": 0.0, "embed_p": 0.0, "weight_p": 0.0}
CONFIG = AWDConfig(len(VOCAB), emb_sz=8, n_hid=12, n_layers=2, **NO_DROPOUT)
READING = {"seq_len": 5, "max_len": 15, "ps": (0.0,), "device": "cpu"}


def reviews(n, seed=0, length=None):
    """Documents of filler with some GOOD or BAD words in them, and the label that these decide."""
    rng = np.random.default_rng(seed)
    docs, labels = [], []
    for i in range(n):
        doc = rng.integers(9, len(VOCAB), length or rng.integers(6, 26))
        doc[rng.choice(len(doc), 3, replace=False)] = (BAD, GOOD)[i % 2]
        docs.append([2, *doc.tolist()])
        labels.append(("bad", "good")[i % 2])
    return docs, labels


def make_encoder():
    """An encoder that, like a trained one, tells words well apart."""
    encoder = AWDLSTM(CONFIG, seed=5)
    with torch.no_grad():
        encoder.encoder.weight.mul_(10)
    return encoder


TRAIN, VALID = reviews(61), reviews(24, seed=1)
PLAN = UnfreezingPlan.book(scale=5, epochs=(1, 1, 1, 4))


def train(plan=PLAN, **changes):
    options = {"encoder": make_encoder(), "config": CONFIG, "bs": 8, **READING, **changes}
    return train_classifier(*TRAIN, *VALID, VOCAB, plan=plan, **options)


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def lines():
    return []


@pytest.fixture(scope="module")
def result(lines):
    return train(progress=lines.append)


# What a training gives ------------------------------------------------------------------------------------------------


def test_it_learns(result):
    assert result.accuracy > 0.9
    assert result.history.epochs[-1].valid_loss < 0.5 < result.history.epochs[0].valid_loss
    assert result.label_names == ("bad", "good")
    assert not result.model.training


def test_one_line_an_epoch_goes_to_progress_and_nothing_elsewhere(result, lines, capfd):
    assert [line.split("train")[0].split() for line in lines] == [
        ["epoch", str(epoch), "stage", str(stage)] for epoch, stage in enumerate([1, 2, 3, 4, 4, 4, 4])
    ]
    assert f"accuracy {result.accuracy:.4f}" in lines[-1]
    train(plan=UnfreezingPlan((Stage(-1, 0.01, steps=2),)))
    assert capfd.readouterr() == ("", "")


def test_the_history_has_every_step(result):
    steps_an_epoch = 8  # 61 documents: 7 batches of 8, and one of 5
    assert len(result.history.losses) == len(result.history.lrs) == len(result.history.moms) == 7 * steps_an_epoch
    first = [one_cycle(step, steps_an_epoch, 0.1) for step in range(steps_an_epoch)]
    assert result.history.lrs[:steps_an_epoch] == pytest.approx(first)
    rest = [one_cycle(step, 4 * steps_an_epoch, 0.005) for step in range(4 * steps_an_epoch)]
    assert result.history.lrs[3 * steps_an_epoch :] == pytest.approx(rest)
    mean = np.average(result.history.losses[:steps_an_epoch], weights=[8] * 7 + [5])
    assert result.history.epochs[0].train_loss == pytest.approx(mean)


def test_probabilities_and_accuracy_belong_to_the_validation_documents_in_their_order(result):
    alone = np.concatenate([predict_probs(result.model, [doc]) for doc in VALID[0]])
    np.testing.assert_allclose(result.valid_probs, alone, atol=1e-5)
    guessed = [result.label_names[i] for i in result.valid_probs.argmax(axis=1)]
    assert result.accuracy == np.mean([a == b for a, b in zip(guessed, VALID[1], strict=True)])
    assert [result.label_names[i] for i in result.valid_labels] == VALID[1]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(result):
    state = torch.get_rng_state()
    again, other = train(), train(seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert again.history.losses == result.history.losses
    for name, value in result.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value), name
    assert other.history.losses != result.history.losses


def test_dropout_depends_on_the_seed_too():
    config = AWDConfig(len(VOCAB), emb_sz=8, n_hid=12, n_layers=2)
    plan = UnfreezingPlan((Stage(0, 0.01, steps=5),))
    first, again = (train(plan, config=config).history.losses for _ in range(2))
    assert first == again
    assert first != train(plan).history.losses


def test_the_encoder_given_is_copied():
    encoder = make_encoder()
    before = weights(encoder)
    from_model = train(UnfreezingPlan((Stage(0, 0.01, steps=3),)), encoder=encoder)
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    assert not torch.equal(from_model.model.encoder.encoder.weight, encoder.encoder.weight)
    from_state = train(UnfreezingPlan((Stage(0, 0.01, steps=3),)), encoder=before)
    assert from_model.history.losses == from_state.history.losses


def test_an_encoder_without_a_config_keeps_its_sizes():
    trained = train(UnfreezingPlan((Stage(-1, 0.01, steps=1),)), config=None)
    config = trained.model.encoder.config
    assert (config.emb_sz, config.n_hid, config.n_layers) == (8, 12, 2)
    assert config.weight_p == pytest.approx(0.25)  # half of fastai's 0.5


# As fastai does it ----------------------------------------------------------------------------------------------------


class _Batches:
    """Our batches as fastai's `DataLoaders` wants them."""

    def __init__(self, batches):
        self.batches = batches

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return iter(self.batches)

    def to(self, device):
        pass


class _Losses(FastaiCallback):
    def before_fit(self):
        self.seen = []

    def after_loss(self):
        if self.training:
            self.seen.append(self.loss.item())


def fastai_twin(ours):
    config = {"emb_sz": 8, "n_hid": 12, "n_layers": 2, "pad_token": 1, "bidir": False, **NO_DROPOUT}
    # At 0 fastai's weight dropout breaks: F.dropout then gives back the parameter itself, which PyTorch registers.
    config["weight_p"] = 1e-12
    theirs = get_text_classifier(AWD_LSTM, len(VOCAB), 2, seq_len=5, config=config, max_len=15, ps=[0.0])
    state = weights(ours)
    wanted = {}
    head = iter([name for name in state if name.startswith("head")])
    for name in theirs.state_dict():
        if name.startswith("1."):
            wanted[name] = state[next(head)]
        elif ".rnns." in name:
            kind = "weight_hh" if "weight_hh" in name else name.split(".")[-1].removesuffix("_l0")
            wanted[name] = state[f"encoder.rnns.{name.split('.')[3]}.{kind}"]
        else:
            wanted[name] = state["encoder.encoder.weight"]
    theirs.load_state_dict(wanted)
    return theirs


def test_the_loss_curve_is_fastais_over_a_gradual_unfreezing():
    docs, labels = reviews(40, length=22)  # all of one length, longer than max_len: no padding, several chunks
    y = number_labels(labels, [])[1]
    arrays = read_docs(docs, len(VOCAB), "forward")
    plan = UnfreezingPlan((Stage(-1, 2e-2, epochs=1), Stage(-2, 1e-2, epochs=1), Stage(0, 1e-2, epochs=2)))
    ours = train_classifier(
        docs, labels, *reviews(4), VOCAB, encoder=make_encoder(), config=CONFIG, plan=plan, bs=8, **READING
    )

    model = fastai_twin(TextClassifier(make_encoder(), 2, 5, 15, ps=(0.0,), output_p=0.0, seed=0))
    batches = _Batches(ShuffledBatches(arrays, y, bs=8, seed=0))
    learn = TextLearner(
        DataLoaders(batches, _Batches([]), device=torch.device("cpu")),
        model,
        loss_func=CrossEntropyLossFlat(),
        splitter=awd_lstm_clas_split,
        wd=0.01,
        cbs=(losses := _Losses()),
    )
    theirs = []
    with learn.no_bar(), learn.no_logging():
        for stage in plan.stages:
            learn.freeze_to(stage.freeze_to)
            learn.fit_one_cycle(stage.epochs, slice(stage.lr / 2.6**3, stage.lr))
            theirs += losses.seen
    assert len(theirs) == len(ours.history.losses) == 20
    assert ours.history.losses == pytest.approx(theirs, abs=1e-5)
    assert max(theirs) - min(theirs) > 0.05


def test_the_penalty_is_fastais_where_there_is_no_padding():
    output = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))
    theirs = 2 * output.pow(2).mean() + 1 * (output[:, 1:] - output[:, :-1]).pow(2).mean()
    mask = torch.zeros(3, 7, dtype=torch.bool)
    torch.testing.assert_close(activation_penalty(output, mask), theirs)


@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4), dtype=st.sampled_from([torch.float32, torch.bfloat16])
)
def test_the_gradient_of_the_penalty_is_that_of_its_formula(lengths, dtype):
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(len(lengths), 6, 3, generator=generator).to(dtype).requires_grad_()
    plain = ours.detach().float().clone().requires_grad_()
    words = torch.arange(6) < torch.tensor(lengths)[:, None]
    pairs = words[:, 1:] & words[:, :-1]
    steps = (plain[:, 1:] - plain[:, :-1])[pairs].pow(2).sum() / (3 * pairs.sum().clamp(min=1))
    theirs = 2 * plain[words].pow(2).mean() + 5 * steps
    penalty = activation_penalty(ours, ~words, alpha=2, beta=5)
    torch.testing.assert_close(penalty, theirs)
    (3 * penalty).backward()
    (3 * theirs).backward()
    torch.testing.assert_close(ours.grad, plain.grad.to(dtype))


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_the_penalty_does_not_look_at_padding(lengths):
    generator = torch.Generator().manual_seed(0)
    output = torch.randn(len(lengths), 6, 3, generator=generator)
    mask = torch.arange(6) >= torch.tensor(lengths)[:, None]
    other = output.masked_fill(mask[:, :, None], 99.0)
    penalty = activation_penalty(output, mask)
    torch.testing.assert_close(activation_penalty(other, mask), penalty)
    # Rows that have not begun are zeros, and must not make the gradient a NaN.
    zeros = output.masked_fill(mask[:, :, None], 0.0).requires_grad_()
    activation_penalty(zeros, mask).backward()
    assert torch.isfinite(zeros.grad).all()
    assert (zeros.grad[mask] == 0).all()


@pytest.mark.parametrize(
    ("freeze_to", "moves"),
    [
        (-1, {"head"}),
        (-2, {"head", "encoder.rnns.1"}),
        (-3, {"head", "encoder.rnns.1", "encoder.rnns.0"}),
        (0, {"head", "encoder.rnns.1", "encoder.rnns.0", "encoder.encoder"}),
    ],
)
def test_what_is_frozen_does_not_move(freeze_to, moves):
    before = weights(TextClassifier(make_encoder(), 2, 5, 15, ps=(0.0,), output_p=0.0, seed=0))
    after = train(UnfreezingPlan((Stage(freeze_to, 0.01, steps=2),))).model.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {".".join(name.split(".")[: 3 if "rnns" in name else 2]) for name in moved if "head" not in name} | {
        "head" for name in moved if "head" in name
    } == moves


def test_stages_counted_in_steps():
    plan = UnfreezingPlan((Stage(-1, 0.01, steps=3), Stage(0, 0.01, steps=19)))
    result = train(plan)
    assert len(result.history.losses) == 22
    assert [epoch.stage for epoch in result.history.epochs] == [1, 2]
    assert result.history.lrs[3:] == pytest.approx([one_cycle(step, 19, 0.01) for step in range(19)])


def test_a_slanted_triangle_reaches_the_optimizer():
    result = train(UnfreezingPlan((Stage(-1, 0.01, steps=20, schedule="slanted_triangular"),)))
    assert result.history.lrs[:3] == pytest.approx([0.01 / 32, 0.01 * 16.5 / 32, 0.01])


# Batches --------------------------------------------------------------------------------------------------------------


@given(n=st.integers(2, 40), bs=st.integers(2, 9), epochs=st.integers(1, 3))
def test_an_epoch_shows_every_document_once_and_none_alone(n, bs, epochs):
    docs = [np.full(1 + i % 5, i + 2) for i in range(n)]
    batches = ShuffledBatches(docs, np.arange(n), bs, seed=0)
    for _ in range(epochs):
        rows = [(ids, labels) for ids, labels in batches]
        assert len(rows) == len(batches)
        assert min(len(labels) for _, labels in rows) >= 2
        seen = torch.cat([labels for _, labels in rows])
        assert sorted(seen.tolist()) == list(range(n))
        for ids, labels in rows:
            assert torch.equal(ids[:, 0], labels + 2)


def test_steps_cut_an_epoch_short_and_go_on_in_the_next():
    batches = ShuffledBatches([np.full(3, i) for i in range(2, 12)], np.arange(10), bs=4, seed=0)
    batches.steps = 2
    assert len(list(batches)) == len(batches) == 2
    batches.steps = 7
    seen = [tuple(labels.tolist()) for _, labels in batches]
    assert len(seen) == 7
    expected = [tuple(batch) for epoch in (1, 2, 3) for batch in batches.batches_of(epoch)]
    assert seen == expected[:7]


# Asking ---------------------------------------------------------------------------------------------------------------


@given(order=st.permutations(range(8)), bs=st.integers(1, 9))
def test_predictions_come_in_the_order_of_the_data_whatever_the_batches(result, order, bs):
    docs = VALID[0][:8]
    expected = result.valid_probs[:8]
    np.testing.assert_allclose(predict_probs(result.model, [docs[i] for i in order], bs), expected[order], atol=1e-5)


def test_asking_changes_nothing(result):
    before = weights(result.model)
    docs = [list(doc) for doc in VALID[0]]
    result.model.train()
    predict_probs(result.model, docs)
    assert result.model.training
    result.model.eval()
    assert docs == VALID[0]
    assert all(torch.equal(value, before[name]) for name, value in result.model.state_dict().items())


def test_backward_reads_the_ids_of_each_document_from_the_end(result):
    turned = [doc[::-1] for doc in VALID[0]]
    np.testing.assert_array_equal(
        predict_probs(result.model, VALID[0], direction="backward"), predict_probs(result.model, turned)
    )
    forward = predict_probs(result.model, VALID[0])
    assert np.abs(forward - predict_probs(result.model, turned)).max() > 1e-3
    with pytest.raises(ConfigError, match="sideways"):
        predict_probs(result.model, VALID[0], direction="sideways")


def test_training_backward_is_training_on_documents_turned_round():
    plan = UnfreezingPlan((Stage(0, 0.01, steps=4),))
    backward = train(plan, direction="backward")
    turned = [[doc[::-1] for doc in docs] for docs in (TRAIN[0], VALID[0])]
    options = {"encoder": make_encoder(), "config": CONFIG, "bs": 8, **READING, "plan": plan}
    forward = train_classifier(turned[0], TRAIN[1], turned[1], VALID[1], VOCAB, **options)
    assert backward.history.losses == forward.history.losses
    assert backward.direction == "backward"


def test_no_documents_get_no_probabilities(result):
    assert predict_probs(result.model, []).shape == (0, 2)


def test_odd_documents_get_an_answer(result):
    docs = [[0] * 30, [2], np.full(50_000, 9, dtype=np.int32), [2, 0]]
    probs = predict_probs(result.model, docs)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-6)
    assert np.isfinite(probs).all()


def test_padding_inside_of_documents_is_not_read(result):
    padded = [[1, 2, 1, 5, 7, 1], [1, 1, 9, 8]]
    np.testing.assert_allclose(
        predict_probs(result.model, padded), predict_probs(result.model, [[2, 5, 7], [9, 8]]), atol=1e-6
    )


def test_half_precision_is_close_or_refused(result):
    if bfloat16_works("cpu"):
        half = predict_probs(result.model, VALID[0], precision="bf16")
        np.testing.assert_allclose(half, result.valid_probs, atol=0.1)
        assert train(precision="bf16").accuracy > 0.85
    else:
        with pytest.raises(ConfigError, match="bf16"):
            predict_probs(result.model, VALID[0], precision="bf16")
        with pytest.raises(ConfigError, match="bf16"):
            train(precision="bf16")
    with pytest.raises(ConfigError, match="fp16"):
        predict_probs(result.model, VALID[0], precision="fp16")
    with pytest.raises(ConfigError, match="fp64"):
        predict_probs(result.model, VALID[0], precision="fp64")


# Saving ---------------------------------------------------------------------------------------------------------------


def test_a_saved_classifier_comes_back_whole(tmp_path):
    plan = UnfreezingPlan((Stage(0, 0.01, steps=4),))
    trained = train(plan, out=tmp_path / "c", direction="backward", lin_ftrs=(6, 4), ps=(0.0, 0.2))
    loaded = load_classifier(tmp_path / "c", direction="backward", vocab=VOCAB)
    probs = predict_probs(loaded.model, VALID[0], direction=loaded.direction)
    np.testing.assert_allclose(probs, trained.valid_probs, atol=1e-6)
    assert loaded.label_names == ("bad", "good")
    assert loaded.vocab.tokens == VOCAB.tokens
    assert loaded.model.head.ps == [0.0, 0.0, 0.2]
    assert (loaded.model.seq_len, loaded.model.max_len) == (5, 15)


def test_another_direction_or_vocabulary_is_refused_by_name(tmp_path, result):
    save_classifier(tmp_path / "c", result.model, VOCAB, result.label_names, "forward", tokenizer="words")
    assert load_classifier(tmp_path / "c").config["tokenizer"] == "words"
    with pytest.raises(ArtifactError, match="forward, and backward"):
        load_classifier(tmp_path / "c", direction="backward")
    with pytest.raises(ArtifactError, match="another vocabulary"):
        load_classifier(tmp_path / "c", vocab=Vocab([*VOCAB.tokens[:-1], "other"]))


# Bad input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_labels": ["bad"] * 61}, "have 1"),
        ({"train_labels": [None, *TRAIN[1][1:]]}, "training document 0: it has no label"),
        ({"valid_labels": [float("nan"), *VALID[1][1:]]}, "validation document 0: it has no label"),
        ({"valid_labels": ["bad", "ugly", *VALID[1][2:]]}, "validation document 1: no training document has .*'ugly'"),
        ({"train_docs": TRAIN[0][:-1]}, "60 training documents and 61 labels"),
        ({"valid_docs": [], "valid_labels": []}, "0 validation documents"),
        ({"train_docs": [[2, 3], [], *TRAIN[0][2:]]}, "training document 1: it has no tokens"),
        ({"train_docs": [[1, 1], *TRAIN[0][1:]]}, "training document 0: it has no tokens"),
        ({"valid_docs": [[2, 40], *VALID[0][1:]]}, "validation document 0: it has the id 40; the vocabulary has 40"),
        ({"valid_docs": [[2, -1], *VALID[0][1:]]}, "validation document 0: it has the id -1"),
    ],
)
def test_documents_and_labels_that_do_not_fit_are_named(changed, message):
    data = {"train_docs": TRAIN[0], "train_labels": TRAIN[1], "valid_docs": VALID[0], "valid_labels": VALID[1]}
    with pytest.raises(DataError, match=message):
        train_classifier(**{**data, **changed}, vocab=VOCAB, config=CONFIG, **READING)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"bs": 1}, ConfigError, "bs=2"),
        ({"precision": "fp8"}, ConfigError, "fp8"),
        ({"direction": "up"}, ConfigError, "'up'"),
        ({"max_len": 3}, ConfigError, "max_len=3"),
        ({"plan": UnfreezingPlan((Stage(-5, 0.01, epochs=1),))}, ConfigError, "freeze_to"),
        (
            {"config": AWDConfig(50, emb_sz=8, n_hid=12, n_layers=2)},
            ConfigError,
            "50 tokens, and the vocabulary has 40",
        ),
        ({"config": AWDConfig(40, emb_sz=8, n_hid=13, n_layers=2)}, ArtifactError, "do not fit"),
        ({"encoder": {}}, ArtifactError, "do not fit"),
    ],
)
def test_options_that_make_no_sense_are_refused(changed, error, message):
    with pytest.raises(error, match=message):
        train(**changed)


def test_a_loss_that_is_no_number_stops_the_training_and_names_the_step():
    with pytest.raises(TrainingError, match=r"at step \d+ of epoch 0"):
        train(UnfreezingPlan((Stage(0, 1e30, epochs=2, schedule="constant"),)))


def test_labels_of_any_kind_are_numbered_in_their_order():
    names, y_train, y_valid = number_labels([10, 9, 10], [9])
    assert names == (9, 10)
    assert (y_train.tolist(), y_valid.tolist()) == ([1, 0, 1], [0])
    assert number_labels(["b", 1], [])[0] == (1, "b")
