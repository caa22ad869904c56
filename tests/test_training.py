"""The engine: the same loss curve as fastai's own learner, and what the callbacks add to it."""

import math

import pytest
import torch
from fastai.text.all import (
    AWD_LSTM,
    Callback,
    CrossEntropyLossFlat,
    DataLoaders,
    GradientClip,
    L,
    LMDataLoader,
    LMLearner,
    Perplexity,
    TensorText,
    accuracy,
    awd_lstm_lm_config,
    awd_lstm_lm_split,
    get_language_model,
    tensor,
)

from ulmfit_lib.awd_lstm import LanguageModel, lm_config
from ulmfit_lib.errors import ConfigError, TrainingError
from ulmfit_lib.fine_tuning import FineTuningPlan, make_lm_learner
from ulmfit_lib.history import EpochLog, History, perplexity
from ulmfit_lib.pretrained import to_fastai_names
from ulmfit_lib.streams import LMStream
from ulmfit_lib.training import Autocast, FiniteLoss, bfloat16_works, fit_one_cycle, seeded

VOCAB, BS, SEQ_LEN = 30, 4, 7
SIZES = {"emb_sz": 8, "n_hid": 12, "n_layers": 2}


@pytest.fixture(autouse=True)
def _one_thread_and_a_seed():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def some_docs(n_tokens, seed=0):
    """One document that uses few of the words, which a model soon learns."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(2, 8, (n_tokens,), generator=generator).tolist()]


TRAIN = some_docs(BS * SEQ_LEN * 10 + 1)  # ten windows, all of them full
VALID = some_docs(BS * SEQ_LEN * 3 + 1, seed=1)


def our_learner(plan=None, drop_mult=0.0, train=TRAIN, valid=VALID, **options):
    model = LanguageModel(lm_config(VOCAB, drop_mult, **SIZES))
    streams = [LMStream(docs, BS, SEQ_LEN) for docs in (train, valid)]
    return make_lm_learner(model, *streams, plan or FineTuningPlan(), **options)


def fastai_learner(model, plan, valid=VALID):
    """fastai's own learner with the same weights, windows and options."""
    no_dropout = {name: 0.0 for name in awd_lstm_lm_config if name.endswith("_p")}
    # At exactly 0 fastai's weight dropout turns its copy of the weights into a parameter, and fails at the next reset.
    no_dropout["weight_p"] = 1e-12
    theirs = get_language_model(AWD_LSTM, VOCAB, {**awd_lstm_lm_config, **SIZES, **no_dropout})
    theirs.load_state_dict(to_fastai_names(model.state_dict()))
    dls = [
        LMDataLoader(L(docs).map(lambda d: TensorText(tensor(d))), bs=BS, seq_len=SEQ_LEN) for docs in (TRAIN, valid)
    ]
    return LMLearner(
        DataLoaders(*dls),
        theirs,
        alpha=plan.alpha,
        beta=plan.beta,
        loss_func=CrossEntropyLossFlat(),
        splitter=awd_lstm_lm_split,
        metrics=[accuracy, Perplexity()],
        cbs=[] if plan.clip is None else [GradientClip(plan.clip)],
        wd=plan.wd,
    )


class RawLosses(Callback):
    """Notes fastai's raw losses, which its own recorder smooths."""

    run_valid = False

    def __init__(self):
        super().__init__()
        self.found = []

    def after_batch(self):
        self.found.append(self.learn.loss.item())


@pytest.mark.parametrize("clip", [None, 0.1])
def test_same_loss_curve_as_fastai_over_twenty_steps_frozen_and_not(clip):
    plan = FineTuningPlan(clip=clip)
    ours = our_learner(plan)
    theirs, losses, history = fastai_learner(ours.model, plan), RawLosses(), History()
    with theirs.no_bar(), theirs.no_logging():
        theirs.freeze()
        theirs.fit_one_cycle(1, 2e-2, cbs=losses)
        hypers = list(zip(theirs.recorder.hps["lr"], theirs.recorder.hps["mom"], strict=True))
        theirs.unfreeze()
        theirs.fit_one_cycle(1, 2e-2, cbs=losses)
        hypers += zip(theirs.recorder.hps["lr"], theirs.recorder.hps["mom"], strict=True)
    ours.freeze_to(-1)
    fit_one_cycle(ours, 1, 2e-2, history)
    ours.freeze_to(0)
    fit_one_cycle(ours, 1, 2e-2, history, first_epoch=1)

    assert len(history.losses) == len(losses.found) == 20
    assert history.losses == pytest.approx(losses.found, abs=2e-5)
    assert losses.found[-1] < losses.found[0] - 0.1  # something was learnt
    assert list(zip(history.lrs, history.moms, strict=True)) == [pytest.approx(pair) for pair in hypers]
    renamed = to_fastai_names(ours.model.state_dict())
    for name, weight in theirs.model.state_dict().items():
        torch.testing.assert_close(renamed[name], weight, atol=1e-4, rtol=1e-4, msg=lambda t, n=name: f"{n}: {t}")

    # The last window of the validation is full here, so fastai's mean over batches is the mean over tokens.
    valid_loss, valid_accuracy, valid_perplexity = theirs.recorder.values[-1][1:]
    log = history.epochs[-1]
    assert (log.epoch, log.valid_loss) == (1, pytest.approx(valid_loss, abs=1e-4))
    assert log.accuracy == pytest.approx(valid_accuracy, abs=1e-6)
    assert log.perplexity == pytest.approx(valid_perplexity, rel=1e-4)
    assert log.train_loss == pytest.approx(sum(losses.found[10:]) / 10, abs=2e-5)


def test_the_last_short_window_counts_by_its_tokens_and_in_fastai_as_a_whole_one():
    valid = some_docs(BS * (SEQ_LEN + 1) + 1, seed=2)  # a full window and one of a single token
    learn, history = our_learner(valid=valid), History()
    theirs = fastai_learner(learn.model, FineTuningPlan(), valid)
    with theirs.no_bar(), theirs.no_logging():
        (fastai_mean, *_) = theirs.validate()
    fit_one_cycle(learn, 1, 1e-12, history)
    model, state, losses = learn.model.eval(), None, []
    for x, y in LMStream(valid, BS, SEQ_LEN).batches():
        output = model(torch.from_numpy(x), state)
        state = output.state
        losses.append(torch.nn.functional.cross_entropy(output.logits.transpose(1, 2), torch.from_numpy(y)).item())
    assert history.epochs[0].valid_loss == pytest.approx((7 * losses[0] + losses[1]) / 8, abs=1e-5)
    assert fastai_mean == pytest.approx((losses[0] + losses[1]) / 2, abs=1e-5)
    assert abs(losses[0] - losses[1]) > 1e-4


def test_the_state_is_carried_from_batch_to_batch_and_begins_anew_in_each_epoch():
    learn, seen = our_learner(), []

    class Spy(Callback):
        order = 6  # after the state was put in

        def before_batch(self):
            seen.append((self.learn.training, None if self.learn.xb[1] is None else self.learn.xb[1][0][0].clone()))

    learn.add_cbs([Spy()])
    fit_one_cycle(learn, 2, 1e-3, History())
    assert [state is None for _, state in seen] == ([True, *[False] * 9] + [True, False, False]) * 2
    first, second = seen[1][1], seen[2][1]
    assert not torch.equal(first, second)
    assert not first.requires_grad
    assert learn.carried_state.state is learn.carried_state.output is None  # nothing stays behind


def test_a_loss_that_is_no_number_stops_at_its_step_and_leaves_the_weights_of_the_step_before():
    learn, history, before = our_learner(), History(), {}

    class Poison(Callback):
        def before_batch(self):
            if self.learn.training and self.learn.train_iter == 4:
                before.update({name: weight.clone() for name, weight in self.learn.model.state_dict().items()})
                h, c = self.learn.carried_state.state[0]
                self.learn.carried_state.state[0] = (h * math.nan, c)

    learn.add_cbs([Poison()])
    with pytest.raises(TrainingError, match=r"^the loss is nan at step 4 of epoch 0\. Try a lower learning rate"):
        fit_one_cycle(learn, 3, 1e-3, history)
    assert all(torch.equal(weight, before[name]) for name, weight in learn.model.state_dict().items())
    assert len(history.losses) == len(history.lrs) == 4
    assert all(map(math.isfinite, history.losses))
    learn.remove_cb(Poison)
    again = History()
    fit_one_cycle(learn, 1, 1e-3, again)  # the learner can be used again
    assert len(again.epochs) == 1


@pytest.mark.parametrize("every", [3, 7, 100])
def test_looking_seldom_names_the_same_step(every):
    learn = our_learner()
    learn.remove_cb(FiniteLoss)
    looks = []

    class Counting(FiniteLoss):
        def check(self, last_step):
            looks.append(last_step)
            super().check(last_step)

    guard = Counting(every)
    learn.add_cb(guard)
    learn.finite_loss = guard

    class Poison(Callback):
        def before_batch(self):
            if self.learn.training and self.learn.train_iter == 8:
                self.learn.model.decoder.bias.data.fill_(math.inf)

    learn.add_cbs([Poison()])
    with pytest.raises(TrainingError, match="at step 8 of epoch 0"):
        fit_one_cycle(learn, 1, 1e-3, History())
    assert len(looks) == math.ceil(9 / every) if every < 10 else len(looks) == 1


def test_quiet_by_default_and_one_line_an_epoch_where_asked(capsys, monkeypatch):
    fit_one_cycle(our_learner(), 2, 1e-3, History())
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")

    lines, history = [], History()
    fit_one_cycle(our_learner(), 2, 1e-3, history, lines.append, first_epoch=3)
    assert lines == [log.line() for log in history.epochs]
    assert lines[0].startswith("epoch  3  train 3.")
    assert [log.epoch for log in history.epochs] == [3, 4]
    assert all(log.tokens_per_second > 0 and log.seconds > 0 for log in history.epochs)

    from rich.console import Console

    console = Console(record=True, width=200)
    fit_one_cycle(our_learner(), 1, 1e-3, History(), console)
    assert "perplexity" in console.export_text()


def test_the_line_of_an_epoch():
    line = EpochLog(0, 5.0, math.log(50), 0.25, 12.34, 6789.4).line()
    assert line == "epoch  0  train 5.0000  valid 3.9120  accuracy 0.2500  perplexity 50.00  12.3 s  6,789 tokens/s"
    assert perplexity(1e9) == math.inf


def test_losses_are_kept_when_ctrl_c_stops_an_epoch():
    learn, history = our_learner(), History()

    class Stop(Callback):
        def before_batch(self):
            if self.learn.train_iter == 6:
                raise KeyboardInterrupt

    learn.add_cbs([Stop()])
    with pytest.raises(KeyboardInterrupt):
        fit_one_cycle(learn, 1, 1e-3, history)
    assert len(history.losses) == len(history.tokens) == len(history.lrs) == len(history.moms) == 6
    assert history.epochs == []


def test_bfloat16_learns_where_the_processor_has_it_and_is_refused_elsewhere():
    if not bfloat16_works("cpu"):
        with pytest.raises(ConfigError, match="cannot train in bf16"):
            our_learner(precision="bf16")
        return
    learn, history, full = our_learner(precision="bf16"), History(), History()
    fit_one_cycle(learn, 3, 2e-2, history)
    fit_one_cycle(our_learner(), 3, 2e-2, full)
    assert history.losses[-1] < history.losses[0]
    assert history.losses == pytest.approx(full.losses, abs=0.05)
    assert history.losses != full.losses
    assert not torch.is_autocast_enabled("cpu")
    assert all(weight.dtype == torch.float32 for weight in learn.model.parameters())


def test_autocast_lasts_from_the_batch_to_its_loss_and_is_switched_off_even_after_an_error():
    autocast = Autocast("cpu")
    for leave in (autocast.after_loss, autocast.after_cancel_batch, autocast.leave):
        autocast.before_batch()
        assert torch.is_autocast_enabled("cpu")
        leave()
        assert not torch.is_autocast_enabled("cpu")

    class Break(Callback):
        order = Autocast.order + 1

        def before_batch(self):
            assert torch.is_autocast_enabled("cpu")
            raise KeyboardInterrupt

    learn = our_learner()
    learn.add_cbs([autocast, Break()])
    with pytest.raises(KeyboardInterrupt):
        fit_one_cycle(learn, 1, 1e-3, History())
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(("precision", "message"), [("fp8", "one of fp32, bf16, fp16"), ("fp16", "fp16 needs a GPU")])
def test_a_precision_that_is_not_to_be_had_is_refused(precision, message):
    with pytest.raises(ConfigError, match=message):
        our_learner(precision=precision)


def test_seeded_makes_dropout_repeatable_and_leaves_the_callers_state():
    def losses():
        history = History()
        with seeded(3):
            fit_one_cycle(our_learner(drop_mult=1.0), 1, 1e-3, history)
        return history.losses

    torch.manual_seed(8)
    expected = torch.rand(3)
    torch.manual_seed(8)
    first = losses()
    assert torch.equal(torch.rand(3), expected)
    assert losses() == first
    with seeded(4):
        other = History()
        fit_one_cycle(our_learner(drop_mult=1.0), 1, 1e-3, other)
    assert other.losses != first


def test_penalties_move_the_weights_and_not_the_recorded_loss():
    losses = []
    for plan in (FineTuningPlan(alpha=0, beta=0), FineTuningPlan(alpha=50.0, beta=50.0)):
        learn, history = our_learner(plan), History()
        fit_one_cycle(learn, 1, 1e-2, history)
        losses.append(history.losses)
    assert losses[0][0] == losses[1][0]  # the first step's loss is made before any weight has moved
    assert losses[0][-1] != losses[1][-1]
