"""What is kept of a training: smoothed as fastai smooths, saved to the last bit, drawn."""

from types import SimpleNamespace

import pytest
import torch
from fastai.text.all import AvgSmoothLoss

from ulmfit_lib.curves import draw_training, summary, thinned
from ulmfit_lib.history import EpochLog, History, Ticks, smoothed

LOSSES = torch.rand(50, generator=torch.Generator().manual_seed(0), dtype=torch.float64).tolist()


def some_history():
    return History(
        losses=LOSSES,
        tokens=[7] * 50,
        lrs=[0.1 / (i + 1) for i in range(50)],
        moms=[0.8] * 50,
        epoch_starts=[0, 25],
        epochs=[EpochLog(i, 1.0, 0.9, 0.5, 1.5, 10.0) for i in range(2)],
    )


def test_the_smoothed_loss_is_fastais():
    theirs, found = AvgSmoothLoss(), []
    theirs.reset()
    for loss in LOSSES:
        theirs.accumulate(SimpleNamespace(loss=torch.tensor(loss)))
        found.append(float(theirs.value))
    assert smoothed(LOSSES) == pytest.approx(found, abs=1e-5)
    assert smoothed([]) == []


def test_a_history_comes_back_to_the_last_bit():
    history, again = some_history(), History()
    again.load(history.saved())
    assert again == history


def test_a_training_is_drawn_and_summed_up(tmp_path):
    path = draw_training(tmp_path / "a.png", some_history(), "A training")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    again = draw_training(tmp_path / "b.png", some_history(), "A training")
    assert path.read_bytes() == again.read_bytes()
    found = summary(some_history())
    assert (found["steps"], len(found["losses"]), len(found["epochs"])) == (50, 50, 2)
    assert thinned([1.0] * 1001, most=200) == [1.0] * 167


def test_ticks_say_how_far_the_epoch_is_now_and_then(monkeypatch):
    clock = iter([10.0, 10.1, 10.3, 10.4, 10.6])
    monkeypatch.setattr("ulmfit_lib.history.time.monotonic", lambda: next(clock))
    told = []
    ticks = Ticks(told.append)
    loaders = SimpleNamespace(train=range(4), valid=range(3))
    for training, batch in ((True, 0), (True, 1), (True, 3), (False, 0), (False, 2)):
        learn = SimpleNamespace(
            dls=loaders, training=training, iter=batch, dl=SimpleNamespace(begun_at=0), epoch=0, n_epoch=1
        )
        ticks.learn = learn
        ticks.after_batch()
    assert told == [pytest.approx(1 / 5), pytest.approx(4 / 5), pytest.approx(1.0)]
