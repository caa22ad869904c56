"""As many epochs as fit into a time."""

import numpy as np
import pytest
import torch
from test_pipeline import TINY, Listener, make_texts

from ulmfit_lib import pipeline, time_budget
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.material import prepare
from ulmfit_lib.recipe import Recipe


@pytest.fixture(scope="module")
def material():
    return prepare(make_texts("train:24 valid:6 test:8"), min_freq=1)


@pytest.fixture
def ten_tokens_a_second(monkeypatch):
    """Say how fast the language model learns, and count how often that is asked for."""
    asked = []

    def rate(*args):
        asked.append((args, torch.get_num_threads()))
        return 10.0

    monkeypatch.setattr(time_budget, "tokens_per_second", rate)
    return asked


def recipe_of(lm_epochs, **changes):
    return Recipe(**{**TINY.__dict__, "lm_epochs": lm_epochs, **changes})


@pytest.mark.parametrize(
    ("epochs_that_fit", "frozen", "fits", "said"),
    [
        (3.1, 0, 3, "it learns for 3 of 10 epochs, to take about"),
        (2.9, 0, 2, "it learns for 2 of 10 epochs, to take about"),
        (3.1, 1, 2, "it learns for 2 of 10 epochs, to take about"),
        (10.01, 0, 10, "all of them fit into"),
        (99.0, 0, 10, "all of them fit into"),
        (0.9, 0, 1, "so it learns for 1 of 10 and takes longer."),
        (1.5, 1, 1, "so it learns for 1 of 10 and takes longer."),
    ],
)
def test_epochs_that_do_not_fit_are_left_out(material, ten_tokens_a_second, epochs_that_fit, frozen, fits, said):
    an_epoch = sum(map(len, material.unlabelled.docs)) / 10 / 60
    recipe = recipe_of(10, pretrained="small", lm_frozen_epochs=frozen)
    minutes = epochs_that_fit * an_epoch / 0.75  # a quarter is the classifier's
    fitted = time_budget.fit_into(minutes, recipe, material, "forward", "cpu")
    assert fitted.recipe == recipe_of(fits, pretrained="small", lm_frozen_epochs=frozen)
    assert said in fitted.said
    assert f"takes {an_epoch:.1f} min at 10 tokens/s" in fitted.said


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_what_is_no_time_is_refused_before_anything_is_done(minutes, tmp_path):
    with pytest.raises(ConfigError, match=r"minutes must be a number above 0, not"):
        pipeline.run(make_texts(), out=tmp_path / "a", recipe=TINY, minutes=minutes)
    assert list(tmp_path.iterdir()) == []


def test_the_speed_is_measured_and_the_callers_random_numbers_are_left_alone(material):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    assert time_budget.tokens_per_second(TINY, material, "forward", "cpu") > 0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("direction", "share"), [("both", 0.5), ("forward", 1.0)])
def test_a_run_says_what_it_leaves_out(tmp_path, ten_tokens_a_second, direction, share):
    listener, texts = Listener(), make_texts("train:24 valid:6 test:8")
    tokens = sum(map(len, prepare(texts, min_freq=1).unlabelled.docs))
    minutes = 2.5 * tokens / 10 / 60 / 0.75 / share
    report = pipeline.run(
        texts, out=tmp_path / "a", recipe=recipe_of(4), direction=direction, minutes=minutes, watch=listener
    )
    assert len(ten_tokens_a_second) == 1
    assert any("it learns for 2 of 4 epochs" in note for note in report.notes)
    assert report.notes == report.receipt["results"]["notes"]
    assert any("it learns for 2 of 4 epochs" in line for line in listener.lines)  # while there is time to stop it
    for way in ("forward", "backward") if direction == "both" else ("forward",):
        assert len(report.receipt["results"]["trainings"][f"language model {way}"]["epochs"]) == 2
        assert listener.done[f"language model {way}"] == listener.shortened[f"language model {way}"] == 2


def test_going_on_keeps_to_the_epochs_that_were_found(tmp_path, ten_tokens_a_second, monkeypatch):
    texts, options = make_texts(), {"recipe": recipe_of(3), "direction": "forward", "minutes": 0.01}
    whole = pipeline.run(texts, out=tmp_path / "whole", **options)

    def stopped(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ulmfit_lib.one_way.train_classifier", stopped)
        with pytest.raises(KeyboardInterrupt):
            pipeline.run(texts, out=tmp_path / "a", **options)
    monkeypatch.setattr(time_budget, "tokens_per_second", lambda *_: 1e9)  # all would fit
    with pytest.raises(ConfigError, match=r"begun with minutes 0\.01, not 5"):
        pipeline.run(texts, out=tmp_path / "a", resume=True, **{**options, "minutes": 5})
    report = pipeline.run(texts, out=tmp_path / "a", resume=True, **options)
    assert report.notes == whole.notes
    assert np.array_equal(report.probs["forward"], whole.probs["forward"])


def test_it_is_measured_with_the_threads_that_a_direction_gets(tmp_path, material, ten_tokens_a_second):
    before = torch.get_num_threads()
    place = tmp_path / "minutes"
    found = time_budget.fit_once(place, 0.001, recipe_of(5), material, "forward", "cpu", "fp32", before + 1)
    assert ten_tokens_a_second[0][1] == before + 1
    assert torch.get_num_threads() == before
    again = time_budget.fit_once(place, 99.0, recipe_of(5), material, "forward", "cpu", "fp32", before + 1)
    assert again == found
    assert len(ten_tokens_a_second) == 1
