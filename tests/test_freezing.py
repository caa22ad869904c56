"""Groups, freezing, rates and plans: against fastai's optimizer and schedules, and against the paper's formula."""

import math

import numpy as np
import pytest
import torch
from fastai.text.all import (
    AWD_LSTM,
    Adam,
    Callback,
    DataLoaders,
    Learner,
    SchedCos,
    awd_lstm_clas_split,
    combined_cos,
    even_mults,
    get_text_classifier,
)
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from ulmfit_lib.awd_lstm import AWDLSTM, AWDConfig
from ulmfit_lib.classifier import TextClassifier
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.freezing import (
    Stage,
    UnfreezingPlan,
    cosine,
    discriminative_lrs,
    freeze_to,
    one_cycle,
    one_cycle_momentum,
    parameter_groups,
    slanted_triangular,
)

SIZES = {"emb_sz": 6, "n_hid": 10, "n_layers": 3}


@pytest.fixture
def ours():
    return TextClassifier(AWDLSTM(AWDConfig(20, **SIZES)), n_classes=2)


def fastai_groups():
    config = {**SIZES, "pad_token": 1, "bidir": False, "output_p": 0, "hidden_p": 0, "input_p": 0}
    return awd_lstm_clas_split(get_text_classifier(AWD_LSTM, 20, 2, config={**config, "embed_p": 0, "weight_p": 0}))


def test_groups_are_fastais(ours):
    groups = parameter_groups(ours)
    theirs = fastai_groups()
    assert len(groups) == len(theirs) == 5
    for group, other in zip(groups, theirs, strict=True):
        assert sorted(p.shape for p in group) == sorted(p.shape for p in other)


def test_each_parameter_stands_in_one_group(ours):
    inside = [id(p) for group in parameter_groups(ours) for p in group]
    assert len(inside) == len(set(inside))
    assert set(inside) == {id(p) for p in ours.parameters()}
    assert [p is ours.encoder.encoder.weight for p in parameter_groups(ours)[0]] == [True]


def test_a_parameter_outside_every_group_is_refused(ours):
    ours.extra = nn.Linear(1, 1)
    with pytest.raises(ConfigError, match=r"extra\.weight"):
        parameter_groups(ours)


def test_a_model_without_encoder_is_refused():
    with pytest.raises(ConfigError, match="Linear is not a text classifier"):
        parameter_groups(nn.Linear(1, 1))


@pytest.mark.parametrize("n", range(-5, 5))
def test_what_is_frozen_is_what_fastai_freezes(ours, n):
    theirs = fastai_groups()
    Adam(theirs, lr=1).freeze_to(n)
    groups = parameter_groups(ours)
    freeze_to(groups, n)
    learns = [{p.requires_grad for p in group} for group in groups]
    assert learns == [{p.requires_grad for p in group} for group in theirs]
    assert [learn == {True} for learn in learns] == [i >= n % 5 for i in range(5)]


def test_unfreezing_gives_back_what_was_frozen(ours):
    groups = parameter_groups(ours)
    freeze_to(groups, -1)
    assert not ours.encoder.encoder.weight.requires_grad
    freeze_to(groups, 0)
    assert all(p.requires_grad for p in ours.parameters())


def test_no_such_group_is_refused_where_fastai_freezes_everything(ours):
    theirs = fastai_groups()
    with pytest.warns(UserWarning, match="whole model is frozen"):
        Adam(theirs, lr=1).freeze_to(5)
    assert not any(p.requires_grad for group in theirs for p in group)

    for n in (5, -6):
        with pytest.raises(ConfigError, match=rf"freeze_to\({n}\) does not fit a model of 5 groups"):
            freeze_to(parameter_groups(ours), n)


def test_a_group_frozen_again_keeps_still_where_fastais_goes_on_decaying():
    """fastai's optimizer decays every weight that has a gradient, also one left over from before the freezing."""

    def change_after_refreezing(freeze):
        torch.manual_seed(0)
        layers = [nn.Linear(2, 2) for _ in range(2)]
        groups = [list(layer.parameters()) for layer in layers]
        optimizer = Adam(groups, lr=0.1, wd=0.5)
        for first in (0, 1):
            freeze(optimizer, groups, first)
            before = layers[0].weight.detach().clone()
            layers[1](layers[0](torch.ones(1, 2))).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return (layers[0].weight - before).abs().max().item()

    def as_fastai(optimizer, groups, n):
        optimizer.freeze_to(n)
        optimizer.clear_state()

    def as_we(optimizer, groups, n):
        freeze_to(groups, n)
        optimizer.clear_state()

    assert change_after_refreezing(as_fastai) > 0.01
    assert change_after_refreezing(as_we) == 0


def test_rates_by_hand_and_as_fastais_slice():
    assert discriminative_lrs(27.0, 4, factor=3) == pytest.approx([1, 3, 9, 27])
    theirs = even_mults(1e-2 / 2.6**4, 1e-2, 5)
    assert discriminative_lrs(1e-2, 5) == pytest.approx(list(theirs), rel=1e-12)


def test_a_factor_of_zero_is_refused():
    with pytest.raises(ConfigError, match="factor"):
        discriminative_lrs(1.0, 3, factor=0)


@given(start=st.floats(-5, 5), end=st.floats(-5, 5), position=st.floats(0, 1))
def test_cosine_is_fastais(start, end, position):
    assert cosine(start, end, position) == pytest.approx(SchedCos(start, end)(position), abs=1e-12)


def test_one_cycle_by_hand():
    # 100 steps, a quarter of them up: half-way up (12.5) and half-way down (62.5) the cosine is in the middle.
    assert one_cycle(0, 100, 1.0) == pytest.approx(1 / 25)
    assert one_cycle(12.5, 100, 1.0) == pytest.approx((1 / 25 + 1) / 2)
    assert one_cycle(25, 100, 1.0) == 1.0
    assert one_cycle(62.5, 100, 1.0) == pytest.approx((1 + 1e-5) / 2)
    assert one_cycle(100, 100, 1.0) == pytest.approx(1e-5)
    assert one_cycle_momentum(12.5, 100) == pytest.approx(0.75)


@given(n_steps=st.integers(1, 300), share=st.floats(0, 1), pct_start=st.sampled_from([0.1, 0.25, 0.3, 0.99]))
def test_one_cycle_is_fastais_combined_cosine(n_steps, share, pct_start):
    step = int(share * n_steps)
    lr = combined_cos(pct_start, 2e-2 / 25, 2e-2, 2e-2 / 1e5)(step / n_steps)
    mom = combined_cos(pct_start, 0.8, 0.7, 0.8)(step / n_steps)
    # fastai looks its position up in single precision.
    assert one_cycle(step, n_steps, 2e-2, pct_start=pct_start) == pytest.approx(lr, abs=2e-2 * 1e-5)
    assert one_cycle_momentum(step, n_steps, pct_start=pct_start) == pytest.approx(mom, abs=1e-5)


class _Batches(list):
    def to(self, device):
        pass


class _Note(Callback):
    order = 61  # after fastai's ParamScheduler has set the rates

    def before_fit(self):
        self.seen = []

    def before_batch(self):
        if self.training:
            self.seen.append([(hyper["lr"], hyper["mom"]) for hyper in self.opt.hypers])


def test_rates_are_those_of_a_run_of_fit_one_cycle():
    torch.manual_seed(0)
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(5)))
    batches = _Batches([(torch.randn(4, 2), torch.randn(4, 2))] * 7)
    learn = Learner(
        DataLoaders(batches, batches, device=torch.device("cpu")),
        model,
        nn.functional.mse_loss,
        splitter=lambda m: [list(layer.parameters()) for layer in m],
        cbs=(note := _Note()),
        moms=(0.8, 0.7, 0.8),
    )
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(3, slice(1e-2 / 2.6**4, 1e-2))
    assert len(note.seen) == 21
    for step, hypers in enumerate(note.seen):
        lrs = discriminative_lrs(one_cycle(step, 21, 1e-2), 5)
        mom = one_cycle_momentum(step, 21)
        assert [lr for lr, _ in hypers] == pytest.approx(lrs, rel=1e-5)
        assert [m for _, m in hypers] == pytest.approx([mom] * 5, rel=1e-5)


def paper_formula(t, T, lr, cut_frac=0.1, ratio=32):
    """Howard and Ruder 2018, equation 3, as printed."""
    cut = math.floor(T * cut_frac)
    p = t / cut if t < cut else 1 - (t - cut) / (cut * (1 / cut_frac - 1))
    return lr * (1 + p * (ratio - 1)) / ratio


def test_slanted_triangle_by_hand():
    # T = 20, cut = 2: up 1/32, 16.5/32, then down from 1 in 18 steps of (1 - 1/32) / 18.
    assert slanted_triangular(1, 20, 1.0) == pytest.approx((1 + 0.5 * 31) / 32)
    assert slanted_triangular(3, 20, 1.0) == pytest.approx(1 - (31 / 32) / 18)


@given(tens=st.integers(1, 60), share=st.floats(0, 1))
def test_slanted_triangle_is_the_papers_where_its_cut_is_whole(tens, share):
    n_steps = 10 * tens
    step = int(share * n_steps)
    assert slanted_triangular(step, n_steps, 0.01) == pytest.approx(paper_formula(step, n_steps, 0.01), abs=1e-12)


def test_the_papers_rate_goes_below_zero_where_ours_does_not():
    assert paper_formula(18, 19, 0.01) < -0.005
    assert min(slanted_triangular(t, 19, 0.01) for t in range(20)) == pytest.approx(0.01 / 32)
    with pytest.raises(ZeroDivisionError):
        paper_formula(5, 9, 0.01)
    assert slanted_triangular(1, 9, 0.01) == 0.01


@given(
    n_steps=st.integers(1, 500), step=st.integers(0, 500), schedule=st.sampled_from(["one_cycle", "slanted_triangular"])
)
def test_every_rate_lies_between_nothing_and_the_highest(n_steps, step, schedule):
    stage = Stage(-1, 0.01, steps=n_steps, schedule=schedule)
    assert 0 < stage.lr_at(min(step, n_steps), n_steps) <= 0.01 * (1 + 1e-9)


@pytest.mark.parametrize("schedule", [one_cycle, slanted_triangular])
@pytest.mark.parametrize(("step", "n_steps"), [(-1, 10), (11, 10), (0, 0)])
def test_a_step_outside_is_refused(schedule, step, n_steps):
    with pytest.raises(ConfigError, match="is not one of"):
        schedule(step, n_steps, 0.01)


def test_a_share_outside_is_refused():
    with pytest.raises(ConfigError, match="between 0 and 1"):
        one_cycle(0, 10, 0.01, pct_start=1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"epochs": 1, "steps": 1},
        {"epochs": 0},
        {"steps": -3},
        {"epochs": 1, "lr": 0.0},
        {"epochs": 1, "lr": math.nan},
        {"epochs": 1, "schedule": "cosine"},
    ],
)
def test_a_stage_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        Stage(**{"freeze_to": -1, "lr": 0.01, **wrong})


def test_the_books_plan():
    """fastai book, chapter 10: fit_one_cycle(1, 2e-2), then freeze_to(-2), freeze_to(-3), unfreeze with these rates."""
    stages = UnfreezingPlan.book().stages
    assert [(s.freeze_to, s.lr, s.epochs) for s in stages] == [
        (-1, 2e-2, 1),
        (-2, 1e-2, 1),
        (-3, 5e-3, 1),
        (0, 1e-3, 2),
    ]
    halved = UnfreezingPlan.book(scale=0.5, epochs=(4, 1, 1, 1)).stages
    assert [(s.lr, s.epochs) for s in halved] == [(1e-2, 4), (5e-3, 1), (2.5e-3, 1), (5e-4, 1)]
    assert [s.lr for s in UnfreezingPlan.high_rates().stages] == pytest.approx([1e-1, 5e-2, 2.5e-2, 5e-3])


def test_the_papers_plan_unfreezes_one_group_an_epoch():
    plan = UnfreezingPlan.paper(n_groups=5, epochs=50)
    assert [s.freeze_to for s in plan.stages] == [-1, -2, -3, -4, 0]
    assert plan.n_steps(steps_an_epoch=10) == 500
    assert {s.schedule for s in plan.stages} == {"slanted_triangular"}
    with pytest.raises(ConfigError, match="takes 5 epochs"):
        UnfreezingPlan.paper(n_groups=5, epochs=4)


def test_a_plan_in_steps():
    plan = UnfreezingPlan.book().in_steps((10, 20, 30, 40))
    assert [(s.epochs, s.steps) for s in plan.stages] == [(None, 10), (None, 20), (None, 30), (None, 40)]
    assert plan.n_steps(steps_an_epoch=7) == 100
    with pytest.raises(ConfigError, match="4 stages"):
        plan.in_steps((1, 2))


def test_an_empty_plan_is_refused():
    with pytest.raises(ConfigError, match="at least one stage"):
        UnfreezingPlan(())


def test_rates_come_as_plain_numbers():
    """So that a history of them fits into JSON."""
    assert type(one_cycle(3, 10, 0.01)) is float
    assert not any(isinstance(lr, np.generic) for lr in discriminative_lrs(0.01, 3))
