"""Recipes: what a TOML file may say, what comes with the project, and what a run makes of it."""

import pytest

from ulmfit_lib.errors import ConfigError
from ulmfit_lib.recipe import BOOK_LRS, Recipe, load_recipe, recipe_names, to_toml


@pytest.mark.parametrize("name", recipe_names())
def test_what_ships_can_be_read_and_planned(name):
    recipe = load_recipe(name)
    assert len(recipe.unfreezing_plan(25_000).stages) == len(recipe.classifier_freeze_to)
    assert recipe.fine_tuning_plan().n_epochs == recipe.n_lm_epochs


def test_the_recipes_that_the_course_compares_are_there():
    assert {"notes", "book", "paper", "ours"} <= set(recipe_names())


def test_the_book_is_the_plan_that_the_library_calls_so():
    from ulmfit_lib.fine_tuning import FineTuningPlan
    from ulmfit_lib.freezing import UnfreezingPlan

    book = load_recipe("book")
    assert book.unfreezing_plan(25_000) == UnfreezingPlan.book()
    assert book.fine_tuning_plan() == FineTuningPlan.book()
    assert book.classifier_lrs == BOOK_LRS


def test_a_recipe_comes_back_from_its_text(tmp_path):
    recipe = Recipe(lm_clip=0.1, classifier_epochs=(1, 2, 3, 4), leak=True, pretrained="small")
    (tmp_path / "mine.toml").write_text(to_toml(recipe))
    assert load_recipe(tmp_path / "mine.toml") == recipe
    assert load_recipe(tmp_path / "mine.toml", lm_epochs=9).lm_epochs == 9


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lm_epoch = 3", "no entry 'lm_epoch'"),
        ("lm_epochs = 2.5", "lm_epochs must be a whole number, not 2.5"),
        ("lm_epochs = true", "lm_epochs must be a whole number, not True"),
        ("lm_lr = 'high'", "lm_lr must be a number, not 'high'"),
        ("leak = 1", "leak must be true or false, not 1"),
        ("classifier_lrs = 1e-2", "classifier_lrs must be a list of numbers"),
        ("classifier_lrs = [1e-2]", "classifier_lrs are four rates above 0"),
        ("lm_epochs = 0", "lm_epochs must be more than 0"),
        ("max_len = 10", "max_len must be seq_len, 72, or more, not 10"),
        ("classifier_bs = 1", "classifier_bs must be a whole number of 2 or more, not 1"),
        ("lm_bs = 1.5", "lm_bs must be a whole number"),
        ("lm_clip = -1.0", "lm_clip must be more than 0, not -1.0"),
        ("classifier_drop_mult = 2.0", "classifier_drop_mult must be 0 or more and less than 2, not 2.0"),
        ("classifier_freeze_to = [-1, -2, -3, -9]", "with 2 layers there are 4 groups"),
        ("classifier_freeze_to = []", "classifier_freeze_to is a whole number for each stage"),
        ("classifier_epochs = [1, 1, 1, 1.5]", "classifier_epochs are four numbers, whole ones"),
        ("lm_epochs 3", "this is no TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"emb_sz": 8.5}, "emb_sz must be a whole number, not 8.5"),
        ({"lm_epochs": True}, "lm_epochs must be a whole number, not True"),
        ({"lm_lr": "high"}, "lm_lr must be a number, not 'high'"),
        ({"lm_clip": "0.1"}, "lm_clip must be a number, not '0.1'"),
        ({"max_vocab": 0}, "max_vocab must be more than 0, not 0"),
        ({"classifier_lrs": (1e-2, 1e-2, 1e-2, float("nan"))}, "classifier_lrs are four rates above 0"),
        ({"classifier_epochs": (1, 1, 1, None)}, "classifier_epochs must be a list of numbers"),
        (dict.fromkeys(("classifier_freeze_to", "classifier_epochs", "classifier_lrs"), ()), "at least one stage"),
    ],
)
def test_entries_given_in_python_are_checked_too(changes, message):
    with pytest.raises(ConfigError, match=message):
        Recipe(**changes)


def test_an_unknown_recipe_is_told_which_there_are():
    with pytest.raises(ConfigError, match=r"no recipe 'cake'.*book"):
        load_recipe("cake")
    with pytest.raises(ConfigError, match=r"^cake\.toml: there is no such file\.$"):
        load_recipe("cake.toml")


def test_few_texts_get_more_epochs_for_the_same_steps():
    recipe = Recipe(classifier_least_steps=50, classifier_epochs=(1, 1, 1, 2), classifier_bs=10)
    assert [stage.epochs for stage in recipe.unfreezing_plan(100).stages] == [5, 5, 5, 5]
    assert [stage.epochs for stage in recipe.unfreezing_plan(1000).stages] == [1, 1, 1, 2]


def test_frozen_epochs_are_for_pretrained_weights():
    scratch = Recipe(lm_frozen_epochs=1, lm_epochs=2)
    assert [phase.freeze_to for phase in scratch.fine_tuning_plan().phases] == [0]
    pretrained = Recipe(pretrained="small", lm_frozen_epochs=1, lm_epochs=2)
    assert [phase.freeze_to for phase in pretrained.fine_tuning_plan().phases] == [-1, 0]
    assert (scratch.n_lm_epochs, pretrained.n_lm_epochs) == (2, 3)
