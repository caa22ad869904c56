"""Fine-tuning from end to end on a language of a few words, and its groups side by side with fastai's."""

import math

import pytest
import torch
import torch.nn.functional as F
from fastai.text.all import (
    AWD_LSTM,
    Callback,
    awd_lstm_lm_config,
    awd_lstm_lm_split,
    get_language_model,
)

from ulmfit_lib.awd_lstm import LanguageModel, detach_state, lm_config
from ulmfit_lib.errors import ArtifactError, ConfigError, DataError
from ulmfit_lib.fine_tuning import (
    FineTuningPlan,
    LMLoader,
    Phase,
    evaluate_language_model,
    fine_tune_language_model,
    language_model_groups,
    load_encoder,
    make_lm_learner,
)
from ulmfit_lib.history import History
from ulmfit_lib.pretrained import PretrainedLM, load_language_model, to_fastai_names
from ulmfit_lib.rules import SPECIAL_TOKENS
from ulmfit_lib.streams import LMStream
from ulmfit_lib.training import fit_one_cycle

SIZES = {"emb_sz": 8, "n_hid": 12, "n_layers": 2}
VOCAB_TOKENS = [*SPECIAL_TOKENS, *(f"w{i}" for i in range(7))]
SHORT = FineTuningPlan.from_scratch(epochs=1, lr=2e-2)


class FakeVocab(list):
    """As much of a vocabulary as fine-tuning asks for."""

    @property
    def tokens(self):
        return list(self)


VOCAB = FakeVocab(VOCAB_TOKENS)
CONFIG = lm_config(len(VOCAB), drop_mult=0.2, **SIZES)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def counting_docs(n_docs, step=1):
    """Documents that begin anywhere and count on around the seven words, `step` at a time."""
    return [[2, *(9 + (start + step * i) % 7 for i in range(5 + start % 4))] for start in range(n_docs)]


TRAIN, VALID = counting_docs(80), counting_docs(20)


def fine_tune(train=TRAIN, valid=VALID, **options):
    return fine_tune_language_model(
        train, valid, VOCAB, **{"config": CONFIG, "plan": SHORT, "bs": 4, "seq_len": 7} | options
    )


def weights_of(model):
    return {name: weight.detach().clone() for name, weight in model.state_dict().items()}


# The whole


def test_a_model_learns_a_language_that_can_be_foretold():
    result = fine_tune(plan=FineTuningPlan.from_scratch(epochs=6, lr=2e-2))
    first, last = result.history.epochs[0], result.history.epochs[-1]
    assert last.perplexity < 0.5 * first.perplexity
    assert result.accuracy > 0.6  # all but the beginnings can be known
    assert (result.valid_loss, result.accuracy) == (last.valid_loss, last.accuracy)
    assert result.perplexity == pytest.approx(math.exp(result.valid_loss))
    assert not result.model.training
    n_steps = 6 * len(LMStream(TRAIN, 4, 7))
    assert len(result.history.losses) == len(result.history.lrs) == len(result.history.moms) == n_steps
    score = evaluate_language_model(result.model, VALID, bs=4, seq_len=7)
    assert score == pytest.approx((last.valid_loss, last.perplexity, last.accuracy), rel=1e-5)


def test_same_arguments_same_weights_bit_for_bit_whatever_was_drawn_before():
    torch.manual_seed(1)
    first = weights_of(fine_tune().model)
    torch.rand(5)
    again = weights_of(fine_tune().model)
    other = weights_of(fine_tune(seed=1).model)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first if "bias" not in name)


def test_fine_tuning_leaves_the_callers_random_state_and_is_quiet(capsys):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    fine_tune()
    assert torch.equal(torch.rand(1), expected)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_a_backward_model_learns_from_the_right():
    docs = counting_docs(80)
    forward = fine_tune(docs, docs, direction="forward")
    backward = fine_tune(docs, docs, direction="backward")
    turned = fine_tune([doc[::-1] for doc in docs], [doc[::-1] for doc in docs], direction="forward")
    assert backward.history.losses == turned.history.losses
    assert backward.history.losses != forward.history.losses
    assert evaluate_language_model(backward.model, docs, bs=4, seq_len=7, direction="backward").loss == pytest.approx(
        backward.valid_loss, rel=1e-5
    )


def test_documents_change_places_in_every_epoch_of_the_whole_plan():
    model = LanguageModel(CONFIG)
    train = LMStream(TRAIN, 4, 7, shuffle=True, seed=3)
    learn = make_lm_learner(model, train, LMStream(VALID, 4, 7), SHORT)
    seen = []

    class Spy(Callback):
        def before_batch(self):
            if self.learn.iter == 0:
                seen.append((self.learn.training, self.learn.xb[0].tolist()))

    learn.add_cbs([Spy()])
    learn.next_epoch.first_epoch = 2
    fit_one_cycle(learn, 2, 1e-3, History())
    expected = [next(train.batches(epoch))[0].tolist() for epoch in (2, 3)]
    valid = next(LMStream(VALID, 4, 7).batches())[0].tolist()
    assert seen == [(True, expected[0]), (False, valid), (True, expected[1]), (False, valid)]
    assert expected[0] != expected[1]


def test_every_epoch_of_every_phase_reads_the_documents_in_its_own_order():
    # The rate is so low that the model stays what it was: the losses show which windows were read.
    config = lm_config(len(VOCAB), drop_mult=0, **SIZES)
    plan = FineTuningPlan((Phase(-1, 1, 1e-12), Phase(0, 2, 1e-12)), alpha=0, beta=0)
    result = fine_tune(config=config, plan=plan, seed=5)
    stream, model, expected = LMStream(TRAIN, 4, 7, shuffle=True, seed=5), LanguageModel(config, seed=5).eval(), []
    for epoch in range(3):
        state = None
        for x, y in stream.batches(epoch):
            output = model(torch.from_numpy(x), state)
            state = detach_state(output.state)
            expected.append(F.cross_entropy(output.logits.flatten(0, 1), torch.from_numpy(y).flatten()).item())
    assert result.history.losses == pytest.approx(expected, abs=1e-5)
    n = len(stream)
    assert result.history.epoch_starts == [0, n, 2 * n]
    assert expected[n : 2 * n] != pytest.approx(expected[:n], abs=1e-3)


# The loader


def test_the_loader_gives_the_windows_of_the_stream_from_any_window_on():
    stream = LMStream(TRAIN, 4, 7, shuffle=True, seed=1)
    loader = LMLoader(stream)
    loader.epoch, loader.start = 2, 3
    found = [(x.tolist(), y.tolist()) for x, y in loader]
    assert found == [(x.tolist(), y.tolist()) for x, y in stream.batches(epoch=2, start=3)]
    assert all(x.dtype == y.dtype == torch.int64 for x, y in loader)
    assert len(list(loader)) == len(loader) == len(stream)  # only the first pass begins later


# Groups and freezing


def test_groups_are_fastais():
    ours, theirs = LanguageModel(CONFIG), get_language_model(AWD_LSTM, len(VOCAB), {**awd_lstm_lm_config, **SIZES})
    renamed = {
        id(weight): name for name, weight in to_fastai_names(dict(ours.named_parameters())).items() if "dp" not in name
    }
    their_names = {id(weight): name for name, weight in theirs.named_parameters()}
    ours_by_name = [sorted(renamed[id(p)] for p in group) for group in language_model_groups(ours)]
    theirs_by_name = [sorted(their_names[id(p)] for p in group) for group in awd_lstm_lm_split(theirs)]
    assert ours_by_name == theirs_by_name
    assert ours_by_name[-1] == ["0.encoder.weight", "1.decoder.bias"]


def test_every_parameter_is_in_one_group():
    for tie_weights in (True, False):
        model = LanguageModel(lm_config(20, tie_weights=tie_weights, **SIZES))
        listed = [id(p) for group in language_model_groups(model) for p in group]
        assert sorted(listed) == sorted(id(p) for p in model.parameters())


def test_frozen_only_the_embedding_and_the_decoder_learn():
    start = weights_of(LanguageModel(CONFIG, seed=0))
    frozen = weights_of(fine_tune(plan=FineTuningPlan((Phase(-1, 1, 1e-2),))).model)
    moved = {name for name in start if not torch.equal(start[name], frozen[name])}
    assert moved == {"encoder.encoder.weight", "decoder.weight", "decoder.bias"}
    assert all(p.requires_grad for p in fine_tune(plan=FineTuningPlan((Phase(-1, 1, 1e-2),))).model.parameters())
    unfrozen = weights_of(fine_tune(plan=FineTuningPlan((Phase(-1, 1, 1e-2), Phase(0, 1, 1e-3)))).model)
    assert all(not torch.equal(start[name], unfrozen[name]) for name in start)


def test_rates_rise_and_fall_in_each_phase():
    plan = FineTuningPlan((Phase(-1, 1, 1e-2), Phase(0, 2, 1e-3)))
    history = fine_tune(plan=plan).history
    n = len(LMStream(TRAIN, 4, 7))
    for lrs, moms, lr in (
        (history.lrs[:n], history.moms[:n], 1e-2),
        (history.lrs[n:], history.moms[n:], 1e-3),
    ):
        top = lrs.index(max(lrs))
        assert lrs[0] == pytest.approx(lr / 25)
        assert max(lrs) == pytest.approx(lr, rel=0.1)
        assert lrs == sorted(lrs[: top + 1]) + sorted(lrs[top + 1 :], reverse=True)
        assert (moms[0], min(moms)) == (pytest.approx(0.8), pytest.approx(0.7, abs=0.01))
    assert [log.epoch for log in history.epochs] == [0, 1, 2]


# Pretrained weights and artifacts


def test_pretrained_weights_are_matched_and_give_a_head_start():
    source = fine_tune(plan=FineTuningPlan.from_scratch(epochs=6, lr=2e-2))
    mixed = FakeVocab([*SPECIAL_TOKENS, "new", *(f"w{i}" for i in reversed(range(7)))])
    to_new = {old: mixed.index(token) for old, token in enumerate(VOCAB_TOKENS)}
    train, valid = ([[to_new[i] for i in doc] for doc in docs] for docs in (TRAIN, VALID))
    pretrained = PretrainedLM(source.model.state_dict(), VOCAB_TOKENS, "forward")
    options = {
        "config": lm_config(len(mixed), 0.2, **SIZES),
        "plan": FineTuningPlan.book(epochs=1),
        "bs": 4,
        "seq_len": 7,
    }
    with_it = fine_tune_language_model(train, valid, mixed, pretrained=pretrained, **options)
    without = fine_tune_language_model(train, valid, mixed, **options)
    assert with_it.history.losses[0] < without.history.losses[0] - 0.5
    assert with_it.perplexity < 0.7 * without.perplexity
    with pytest.raises(ArtifactError, match="read texts forward, and backward ones are needed"):
        fine_tune_language_model(train, valid, mixed, pretrained=pretrained, direction="backward", **options)


def test_the_model_and_its_encoder_are_saved(tmp_path):
    result = fine_tune(out=tmp_path, direction="backward")
    model, vocab = load_language_model(tmp_path / "language_model", direction="backward")
    assert vocab.tokens == VOCAB_TOKENS
    assert all(torch.equal(weight, model.state_dict()[name]) for name, weight in weights_of(result.model).items())
    encoder = load_encoder(tmp_path / "encoder", direction="backward")
    ids = torch.tensor([[2, 9, 10]])
    assert torch.equal(encoder(ids)[0], result.model.encoder(ids)[0])
    with pytest.raises(ArtifactError, match="backward"):
        load_encoder(tmp_path / "encoder", direction="forward")


# Bad input


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"direction": "sideways"}, ConfigError, "direction must be"),
        ({"config": lm_config(99, **SIZES)}, ConfigError, "for 99 tokens, and the vocabulary has 16"),
        ({"plan": FineTuningPlan((Phase(3, 1, 1e-3),))}, ConfigError, "freeze_to=3 does not fit a model of 3"),
        ({"plan": FineTuningPlan((Phase(-4, 1, 1e-3),))}, ConfigError, "freeze_to=-4 does not fit"),
        ({"precision": "fp64"}, ConfigError, "precision must be one of"),
        ({"valid": [[2, 9]]}, DataError, "too few for 4 mini-streams"),
        ({"train": []}, DataError, "0 tokens"),
        ({"train": [*TRAIN, [2, 16]]}, DataError, "document 80: the id 16 is not in the vocabulary"),
        ({"valid": [*VALID, [2, 16]]}, DataError, "document 20"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        fine_tune(**options)


def test_ids_that_a_model_lacks_are_named_and_its_mode_stays():
    model = LanguageModel(CONFIG).train()
    with pytest.raises(DataError, match="document 20: the id 16 is not in the vocabulary"):
        evaluate_language_model(model, [*VALID, [2, 16]], bs=4, seq_len=7)
    assert model.training


def test_plans_that_make_no_sense_are_refused():
    with pytest.raises(ConfigError, match="at least one phase"):
        FineTuningPlan(phases=())
    for phase in (Phase(0, 0, 1e-3), Phase(0, 1, 0.0)):
        with pytest.raises(ConfigError, match="an epoch or more and a rate above 0"):
            FineTuningPlan((phase,))


def test_the_books_plan():
    assert FineTuningPlan.book() == FineTuningPlan()
    assert FineTuningPlan.book(epochs=2, scale=0.5).phases == (Phase(-1, 1, 1e-2), Phase(0, 2, 1e-3))
    assert FineTuningPlan.book(epochs=2).n_epochs == 3
