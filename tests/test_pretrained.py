"""Starting from other weights: matched by hand, as properties, and side by side with fastai."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib.awd_lstm import LanguageModel, classifier_config, lm_config
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.pretrained import (
    PretrainedLM,
    from_fastai_names,
    load_encoder,
    load_language_model,
    load_pretrained,
    match_bias,
    match_embeddings,
    match_language_model,
    save_encoder,
    save_language_model,
    start_from,
    to_fastai_names,
)
from ulmfit_lib.rules import SPECIAL_TOKENS
from ulmfit_lib.vocab import Vocab

SIZES = {"emb_sz": 4, "n_hid": 6, "n_layers": 2}
OLD = [*SPECIAL_TOKENS, "the", "film", "actor", "xxfake", "xxfake"]
NEW = [*SPECIAL_TOKENS, "film", "popcorn", "the", "xxfake"]
words = st.lists(st.sampled_from("abcdefghij"), min_size=1, unique=True)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def model_of(tokens, seed=0, **changes):
    return LanguageModel(lm_config(len(tokens), **{**SIZES, **changes}), seed)


def pretrained(seed=1, **changes):
    return PretrainedLM(model_of(OLD, seed, **changes).state_dict(), OLD, "forward", "wiki")


# Matching


def test_the_picture_in_the_docstring():
    weight = torch.tensor([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]])
    matched = match_embeddings(weight, ["the", "film", "actor"], ["film", "popcorn", "the"])
    assert matched.tolist() == [[2, 20], [3, 30], [1, 10]]
    assert match_bias(torch.tensor([1.0, 3.0]), ["the", "film"], ["popcorn", "the"]).tolist() == [2, 1]


@given(words, words, st.integers(0, 99))
def test_matched_embeddings_and_bias_are_fastais(old, new, seed):
    from fastai.text.all import match_embeds

    generator = torch.Generator().manual_seed(seed)
    weight, bias = torch.randn(len(old), 3, generator=generator), torch.randn(len(old), generator=generator)
    theirs = match_embeds({"0.encoder.weight": weight.clone(), "1.decoder.bias": bias.clone()}, old, new)
    torch.testing.assert_close(match_embeddings(weight, old, new), theirs["0.encoder.weight"], atol=1e-6, rtol=0)
    torch.testing.assert_close(match_bias(bias, old, new), theirs["1.decoder.bias"], atol=1e-6, rtol=0)


@given(words, words)
def test_known_words_keep_their_row_and_new_ones_get_the_mean(old, new):
    weight = torch.arange(len(old) * 2.0).reshape(-1, 2) ** 2
    before = weight.clone()
    matched = match_embeddings(weight, old, new)
    for row, token in zip(matched, new, strict=True):
        assert torch.equal(row, weight[old.index(token)] if token in old else weight.mean(0))
    matched += 1
    assert torch.equal(weight, before)  # a copy


def test_fillers_are_matched_as_fastai_matches_them():
    from fastai.text.all import match_embeds

    weight = torch.randn(len(OLD), 3)
    theirs = match_embeds({"0.encoder.weight": weight.clone()}, OLD, NEW)["0.encoder.weight"]
    torch.testing.assert_close(match_embeddings(weight, OLD, NEW), theirs, atol=1e-6, rtol=0)


def test_as_many_rows_as_tokens_are_needed():
    with pytest.raises(ArtifactError, match="3 rows and their vocabulary 2 tokens"):
        match_embeddings(torch.zeros(3, 2), ["a", "b"], ["a"])


def test_a_whole_state_dict_is_matched_and_the_layers_are_copied():
    state = pretrained().state
    matched = match_language_model(state, OLD, NEW)
    assert matched["decoder.weight"] is matched["encoder.encoder.weight"]
    assert torch.equal(matched["decoder.weight"][NEW.index("film")], state["decoder.weight"][OLD.index("film")])
    for name, weight in state.items():
        if ".rnns." in name:
            assert torch.equal(matched[name], weight), name


def test_untied_decoders_are_matched_by_their_own_rows():
    state = pretrained(tie_weights=False).state
    matched = match_language_model(state, OLD, NEW)
    assert torch.equal(matched["decoder.weight"][NEW.index("film")], state["decoder.weight"][OLD.index("film")])
    torch.testing.assert_close(matched["decoder.weight"][NEW.index("popcorn")], state["decoder.weight"].mean(0))


# Names


@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize("part", ["model", "encoder"])
def test_names_go_to_fastais_and_back(part, n_layers):
    model = model_of(OLD, n_layers=n_layers)
    state = (model if part == "model" else model.encoder).state_dict()
    back = from_fastai_names(to_fastai_names(state))
    assert set(back) == set(state)
    assert all(back[name] is weight for name, weight in state.items())


def test_fastai_loads_our_names_and_we_load_fastais():
    from fastai.text.all import AWD_LSTM, awd_lstm_lm_config, get_language_model

    ours, theirs = model_of(OLD), get_language_model(AWD_LSTM, len(OLD), {**awd_lstm_lm_config, **SIZES})
    ours.load_state_dict(from_fastai_names(theirs.state_dict()))
    renamed = to_fastai_names(dict(reversed(ours.state_dict().items())))
    assert list(renamed) == list(theirs.state_dict())  # fastai's `load_pretrained` goes by the order alone
    torch.testing.assert_close(renamed, dict(theirs.state_dict()))
    other = get_language_model(AWD_LSTM, len(OLD), {**awd_lstm_lm_config, **SIZES})
    other.load_state_dict(to_fastai_names(ours.state_dict()))
    other[0].load_state_dict(to_fastai_names(ours.encoder.state_dict()))
    ids = torch.tensor([[2, 9, 10]])
    torch.testing.assert_close(other.eval()(ids)[0], theirs.eval()(ids)[0])


def test_second_copies_in_old_files_are_left_out():
    old = {"0.rnns.0.module.weight_hh_l0": torch.zeros(1), "0.encoder_dp.emb.weight": torch.zeros(1)}
    assert from_fastai_names(old) == {}


@pytest.mark.parametrize("name", ["0.layers.0.attn.weight", "1.layers.0.weight", "0.rnns.0.weight_hh_l1_raw"])
def test_other_models_weights_are_refused_by_name(name):
    with pytest.raises(ArtifactError, match=name.removeprefix("0.")):
        from_fastai_names({name: torch.zeros(1)})
    with pytest.raises(ArtifactError, match="not the name of a weight"):
        to_fastai_names({name: torch.zeros(1)})


# Starting from it


def test_a_model_that_starts_from_weights_knows_the_old_words():
    source, model = pretrained(), model_of(NEW)
    start_from(model, source, Vocab(NEW), "forward")
    old = model_of(OLD)
    old.load_state_dict(source.state)
    sentence = ["xxbos", "the", "film"]
    ids, old_ids = Vocab(NEW).numericalize(sentence), Vocab(OLD).numericalize(sentence)
    logits = model.eval()(torch.tensor([ids])).logits[..., ids]
    torch.testing.assert_close(logits, old.eval()(torch.tensor([old_ids])).logits[..., old_ids])
    assert model.decoder.weight is model.encoder.encoder.weight


def test_same_start_as_fastai(tmp_path):
    import pickle

    from fastai.text.all import (  # noqa: F401  (fastai's own reader is what is used)
        AWD_LSTM,
        CrossEntropyLossFlat,
        DataLoaders,
        LMLearner,
        awd_lstm_lm_config,
        get_language_model,
        load_pickle,
    )

    source, model = pretrained(), model_of(NEW)
    start_from(model, source, Vocab(NEW), "forward")
    torch.save(to_fastai_names(source.state), tmp_path / "w.pth")
    (tmp_path / "v.pkl").write_bytes(pickle.dumps(OLD))
    theirs = get_language_model(AWD_LSTM, len(NEW), {**awd_lstm_lm_config, **SIZES})
    dls = DataLoaders([], [])
    dls.vocab = NEW
    learn = LMLearner(
        dls, theirs, loss_func=CrossEntropyLossFlat(), path=tmp_path, splitter=lambda m: [[p] for p in m.parameters()]
    )
    learn.load_pretrained(tmp_path / "w.pth", tmp_path / "v.pkl")
    ours = to_fastai_names(model.state_dict())
    for name, weight in theirs.state_dict().items():
        torch.testing.assert_close(ours[name], weight, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("source", "changes", "message"),
    [
        (replace(pretrained(), direction="backward"), {}, "wiki: these weights read texts backward, and forward"),
        (pretrained(emb_sz=5), {}, "emb_sz 5, and the model has emb_sz 4"),
        (pretrained(n_hid=7), {}, "n_hid 7, and the model has n_hid 6"),
        (pretrained(n_layers=3), {}, "n_layers 3, and the model has n_layers 2"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_changes_nothing(source, changes, message):
    model = model_of(NEW, **changes)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with pytest.raises(ArtifactError, match=message):
        start_from(model, source, Vocab(NEW), "forward")
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_a_missing_bias_begins_at_zero_and_an_unwanted_one_is_dropped():
    model = model_of(NEW)
    torch.nn.init.ones_(model.decoder.bias)
    start_from(model, pretrained(out_bias=False), Vocab(NEW), "forward")
    assert (model.decoder.bias == 0).all()
    start_from(model_of(NEW, out_bias=False), pretrained(), Vocab(NEW), "forward")


def test_sizes_are_read_from_the_weights():
    assert pretrained().sizes == {"vocab_sz": len(OLD), **SIZES}


# Artifacts


def test_a_language_model_comes_back_as_it_was_saved(tmp_path):
    model = model_of(OLD, input_p=0.2)
    save_language_model(tmp_path / "lm", model, Vocab(OLD), "backward", tokenizer="spacy")
    loaded, vocab = load_language_model(tmp_path / "lm", direction="backward")
    assert vocab == Vocab(OLD)
    assert loaded.config == model.config
    assert not loaded.training
    assert loaded.decoder.weight is loaded.encoder.encoder.weight
    ids = torch.tensor([[2, 9, 10]])
    assert torch.equal(loaded(ids).logits, model.eval()(ids).logits)
    source = load_pretrained(tmp_path / "lm")
    assert (source.tokens, source.direction) == (OLD, "backward")
    assert all(torch.equal(source.state[name], weight) for name, weight in model.state_dict().items())


def test_an_encoder_comes_back_with_the_dropout_of_its_new_use(tmp_path):
    model = model_of(OLD)
    save_encoder(tmp_path / "encoder", model, Vocab(OLD), "forward")
    config = classifier_config(len(OLD), **SIZES)
    encoder = load_encoder(tmp_path / "encoder", direction="forward", vocab=Vocab(OLD), config=config)
    assert encoder.config == config
    assert encoder.input_dp.p == 0.4
    ids = torch.tensor([[2, 9, 10]])
    assert torch.equal(encoder(ids)[0], model.encoder.eval()(ids)[0])
    assert load_encoder(tmp_path / "encoder").config == model.config


def test_an_artifact_of_another_kind_direction_vocabulary_or_size_is_refused(tmp_path):
    save_encoder(tmp_path / "encoder", model_of(OLD), Vocab(OLD), "forward")
    with pytest.raises(ArtifactError, match=r"encoder.*language model.* is needed"):
        load_language_model(tmp_path / "encoder")
    with pytest.raises(ArtifactError, match="read texts forward, and backward"):
        load_encoder(tmp_path / "encoder", direction="backward")
    with pytest.raises(ArtifactError, match="another vocabulary"):
        load_encoder(tmp_path / "encoder", vocab=Vocab(NEW))
    with pytest.raises(ArtifactError, match="n_hid 6, and the model has n_hid 7"):
        load_encoder(tmp_path / "encoder", config=classifier_config(len(OLD), emb_sz=4, n_hid=7, n_layers=2))
