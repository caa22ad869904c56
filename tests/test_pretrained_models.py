"""Where pretrained weights come from, and what a run makes of them."""

import pytest

from ulmfit_lib.awd_lstm import AWDConfig, LanguageModel
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.material import with_more_words
from ulmfit_lib.pretrained import save_language_model
from ulmfit_lib.pretrained_models import model_sizes, pretrained_model, pretrained_note, pretrained_tokens
from ulmfit_lib.recipe import Recipe
from ulmfit_lib.rules import SPECIAL_TOKENS
from ulmfit_lib.vocab import Vocab

TOKENS = [*SPECIAL_TOKENS, "film", "good", "bad", "ending", "sublime", "dreary", "xxfake"]


@pytest.fixture
def folder(tmp_path):
    for way in ("forward", "backward"):
        model = LanguageModel(AWDConfig(len(TOKENS), emb_sz=8, n_hid=12, n_layers=2), seed=1)
        save_language_model(tmp_path / f"language_model-{way}", model.half(), Vocab(TOKENS), way)
    return tmp_path


def test_weights_of_a_folder_come_in_single_precision_and_stay_tied(folder):
    found = pretrained_model(str(folder), "backward")
    assert {str(tensor.dtype) for tensor in found.state.values()} == {"torch.float32"}
    assert found.state["decoder.weight"].data_ptr() == found.state["encoder.encoder.weight"].data_ptr()
    assert model_sizes(Recipe(), found) == {"emb_sz": 8, "n_hid": 12, "n_layers": 2}
    assert pretrained_tokens(str(folder)) == TOKENS


def test_no_pretrained_weights_are_none():
    assert pretrained_model("none", "forward") is None
    assert pretrained_tokens("none") == []
    assert model_sizes(Recipe(emb_sz=16), None)["emb_sz"] == 16
    assert "random weights" in pretrained_note("none")


def test_what_is_not_there_is_named(tmp_path, folder):
    with pytest.raises(ConfigError, match="no pretrained weights 'gpt'"):
        pretrained_model("gpt", "forward")
    (folder / "language_model-forward" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ArtifactError, match="cut short"):
        pretrained_model(str(folder), "forward")
    (folder / "language_model-forward" / "vocab.json").unlink()
    with pytest.raises(ArtifactError, match="missing or damaged"):
        pretrained_tokens(str(folder))


def test_a_vocabulary_grows_by_the_words_that_it_lacks():
    grown = with_more_words(["xxunk", "film", "plot", "xxfake"], ["film", "sublime", "xxfake"])
    assert grown[:4] == ["xxunk", "film", "plot", "sublime"]
    assert len(grown) % 8 == 0
    assert set(grown[4:]) == {"xxfake"}


def test_a_run_begins_with_pretrained_weights_and_knows_their_words(folder, tmp_path):
    from test_pipeline import TINY, make_texts

    from ulmfit_lib import pipeline
    from ulmfit_lib.artifacts import load_artifact

    recipe = Recipe(
        **{
            **TINY.__dict__,
            "pretrained": str(folder),
            "lm_frozen_epochs": 1,
            "keep_pretrained_words": True,
            "classifier_least_steps": 4,
        }
    )
    report = pipeline.run(make_texts(), out=tmp_path / "run", recipe=recipe, direction="forward")
    assert any("pretrained weights of yours" in note for note in report.notes)
    encoder = load_artifact(tmp_path / "run" / "encoder-forward")
    assert {"sublime", "dreary"} <= set(encoder.vocab.tokens)
    assert encoder.config["sizes"]["emb_sz"] == 8


def test_the_test_texts_are_read_only_when_asked_for():
    from test_pipeline import make_texts

    from ulmfit_lib.material import prepare

    texts = make_texts(extra=[("an unheardof word " * 5, "good", "test")])
    assert "unheardof" not in prepare(texts).vocab
    leaky = prepare(texts, leak=True)
    assert "unheardof" in leaky.vocab
    assert any("'train', 'unsup' and 'test'" in note for note in leaky.notes)
