"""Writing: distributions worked by hand and side by side with fastai's, carried state, and special tokens undone."""

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib.awd_lstm import LanguageModel, lm_config
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.generation import decode_special_tokens, generate, next_token_probs
from ulmfit_lib.rules import SPECIAL_TOKENS
from ulmfit_lib.vocab import Vocab

TOKENS = [*SPECIAL_TOKENS, *(f"w{i}" for i in range(13)), "xxfake", "xxfake"]
PROBS = torch.tensor([0.4, 0.3, 0.2, 0.1])
logits = st.lists(st.floats(-30, 30), min_size=2, max_size=12).map(torch.tensor)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def model():
    model = LanguageModel(lm_config(len(TOKENS), emb_sz=8, n_hid=12, n_layers=2), seed=2)
    torch.nn.init.normal_(model.encoder.encoder.weight, generator=torch.Generator().manual_seed(0))
    return model


def probs(**options):
    return next_token_probs(PROBS.log(), **options).tolist()


# Distributions


def test_options_by_hand():
    assert probs() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert probs(forbid=[0]) == pytest.approx([0, 1 / 2, 1 / 3, 1 / 6])
    assert probs(top_k=2) == pytest.approx([4 / 7, 3 / 7, 0, 0])
    assert probs(min_p=0.5) == pytest.approx([4 / 9, 3 / 9, 2 / 9, 0])  # at least half of 0.4
    assert probs(temperature=0.5) == pytest.approx([16 / 30, 9 / 30, 4 / 30, 1 / 30])  # squares
    assert probs(temperature=0) == [1, 0, 0, 0]
    # The forbidden go first, then the choice by the model's own probabilities, then the temperature.
    assert probs(forbid=[0], top_k=2, temperature=0.5) == pytest.approx([0, 9 / 13, 4 / 13, 0])
    assert probs(min_p=0.5, temperature=100) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=0.01)


@given(logits, st.floats(0, 3), st.integers(1, 12), st.floats(0, 1), st.data())
def test_a_distribution_whatever_the_options(logits, temperature, top_k, min_p, data):
    forbid = data.draw(st.sets(st.integers(0, len(logits) - 1), max_size=len(logits) - 1))
    before = logits.clone()
    found = next_token_probs(logits, temperature, top_k, min_p, forbid)
    assert torch.equal(logits, before)
    assert found.sum().item() == pytest.approx(1, abs=1e-5)
    assert (found >= 0).all()
    assert all(found[i] == 0 for i in forbid)
    assert (found > 0).sum() <= top_k
    allowed = [i for i in range(len(logits)) if i not in forbid]
    best = max(allowed, key=lambda i: logits[i])
    # No option changes what is most probable; of two logits that are equal up to rounding either may be.
    assert logits[found.argmax()] >= logits[best] - 1e-6


def test_rows_of_a_batch_are_independent():
    both = torch.stack([PROBS.log(), PROBS.flip(0).log()])
    found = next_token_probs(both, temperature=0.7, top_k=3, min_p=0.1, forbid=[1])
    for row, expected in zip(found, both, strict=True):
        torch.testing.assert_close(row, next_token_probs(expected, 0.7, 3, 0.1, [1]))


def fastai_probs(res, unk_idx, temperature=1.0, min_p=None):
    """The distribution that fastai's `LMLearner.predict` hands to `torch.multinomial` for the probabilities `res`."""
    from unittest.mock import patch

    from fastai.text.all import LMLearner

    handed = []

    def multinomial(weights, n):
        handed.append(weights.clone())
        return torch.zeros(1, dtype=torch.int64)

    vocab = ["a"] * len(res)
    vocab[unk_idx] = "xxunk"
    numericalize = SimpleNamespace(vocab=vocab)
    learn = SimpleNamespace(
        model=SimpleNamespace(reset=lambda: None),
        dls=SimpleNamespace(
            test_dl=lambda texts: SimpleNamespace(items=[torch.tensor([0])]),
            device="cpu",
            vocab=vocab,
            train_ds=SimpleNamespace(numericalize=numericalize, tokenizer=SimpleNamespace(sep=" ")),
        ),
        no_bar=lambda: torch.no_grad(),
        get_preds=lambda dl: (res.clone()[None, None], None),
    )
    with patch("torch.multinomial", multinomial):
        LMLearner.predict(learn, "", temperature=temperature, min_p=min_p, no_bar=True)
    return handed[0] / handed[0].sum()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7])
def test_temperature_without_unknowns_is_fastais(temperature):
    res = torch.rand(30, generator=torch.Generator().manual_seed(1)).softmax(0)
    ours = next_token_probs(res.log(), temperature, forbid=[4])
    torch.testing.assert_close(ours, fastai_probs(res, unk_idx=4, temperature=temperature))


def test_min_p_is_a_share_of_the_highest_and_fastais_an_absolute_probability():
    ours = next_token_probs(PROBS.log(), min_p=0.6, forbid=[3])  # 0.6 x 0.4 / 0.9 after forbidding
    torch.testing.assert_close(ours, fastai_probs(PROBS, unk_idx=3, min_p=0.25))
    with pytest.warns(UserWarning, match="no item with probability >= 0.6"):
        fastai_probs(PROBS, unk_idx=3, min_p=0.6)  # the same number leaves fastai nothing to cut to


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature must be 0 or more"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"min_p": 1.5}, "min_p must be between 0 and 1"),
        ({"forbid": range(4)}, "Every token of the vocabulary is forbidden"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        next_token_probs(PROBS.log(), **options)


# Generation


def test_the_text_is_drawn_as_if_everything_were_read_again_for_each_word(model):
    vocab = Vocab(TOKENS)
    prompt = ["xxbos", "w3", "w5"]
    found = list(generate(model, vocab, prompt, 8, temperature=0, stop=()))
    ids = vocab.numericalize(prompt)
    forbidden = [i for i, token in enumerate(TOKENS) if token in ("xxunk", "xxpad", "xxfake")]
    for token in found:
        scores = model.eval()(torch.tensor([ids])).logits[0, -1]
        scores[forbidden] = -torch.inf
        assert vocab.numericalize([token])[0] == scores.argmax()
        ids.append(int(scores.argmax()))


def test_the_prompt_and_then_one_token_at_a_time_are_read(model):
    read = []
    forward = model.forward
    model.forward = lambda ids, state: read.append(ids.tolist()) or forward(ids, state)
    tokens = list(generate(model, Vocab(TOKENS), ["xxbos", "w3", "zyzzyva"], 4, stop=()))
    ids = Vocab(TOKENS).numericalize(tokens)
    assert read == [[[2, 12, 0]], [[ids[0]]], [[ids[1]]], [[ids[2]]]]


def test_a_seed_gives_the_same_text_and_another_seed_another(model):
    def text(seed):
        return list(generate(model, Vocab(TOKENS), n=30, seed=seed, stop=()))

    torch.manual_seed(0)
    first = text(1)
    torch.rand(7)
    assert text(1) == first
    assert text(2) != first
    assert len(first) == 30


def test_unknowns_padding_and_fillers_are_never_written(model):
    torch.nn.init.zeros_(model.decoder.weight)
    model.decoder.bias.data[[0, 1, len(TOKENS) - 1]] = 100.0
    assert not {"xxunk", "xxpad", "xxfake"} & set(generate(model, Vocab(TOKENS), n=100, stop=()))
    assert set(generate(model, Vocab(TOKENS), n=100, forbid=(), stop=())) <= {"xxunk", "xxpad", "xxfake"}


def test_the_text_ends_where_the_next_one_would_begin(model):
    torch.nn.init.zeros_(model.decoder.weight)
    model.decoder.bias.data[2] = 100.0
    assert list(generate(model, Vocab(TOKENS), n=5)) == []
    assert list(generate(model, Vocab(TOKENS), n=5, stop=())) == ["xxbos"] * 5


def test_a_backward_model_reads_the_prompt_from_the_right(model):
    backward = generate(model, Vocab(TOKENS), ["w1", "w2", "w3"], 6, direction="backward", stop=())
    forward = generate(model, Vocab(TOKENS), ["w3", "w2", "w1"], 6, stop=())
    assert list(backward) == list(forward)


def test_tokens_come_one_by_one_and_the_models_mode_stays(model):
    model.train()
    stream = generate(model, Vocab(TOKENS), n=10**9, stop=())
    next(stream)
    assert model.training
    assert next(stream) in TOKENS
    assert torch.is_grad_enabled()


def test_the_models_mode_stays_when_a_step_fails(model, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(model, "forward", fail)
    with pytest.raises(MemoryError):
        next(generate(model.train(), Vocab(TOKENS)))
    assert model.training


def test_prompts_and_options_that_make_no_sense_are_refused(model):
    with pytest.raises(ConfigError, match="The prompt has no tokens"):
        next(generate(model, Vocab(TOKENS), []))
    with pytest.raises(ConfigError, match="direction must be"):
        next(generate(model, Vocab(TOKENS), direction="up"))
    with pytest.raises(ConfigError, match="temperature"):
        next(generate(model, Vocab(TOKENS), temperature=-1))


# Special tokens


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("xxbos xxmaj what a xxup bad film", "What a BAD film"),
        ("xxmaj mcDonald", "Mcdonald"),
        ("so xxrep 4 o good", "so oooo good"),
        ("xxwrep 3 very good", "very very very good"),
        ("xxfld 1 a title xxfld 2 a text xxeos xxpad xxpad", "a title a text"),
        ("xxfld xxmaj yes", "Yes"),
        # What no rule would have written is survived.
        ("good xxmaj", "good"),
        ("xxmaj xxup no", "NO"),
        ("xxrep many o", "many o"),
        ("xxrep 3", "3"),
        ("xxwrep 2 xxmaj so", "2 So"),
        ("xxrep 99999999999 x", "99999999999 x"),
        ("", ""),
    ],
)
def test_special_tokens_are_undone(tokens, text):
    assert decode_special_tokens(tokens.split()) == text


def test_after_a_repetition_the_text_goes_on_and_fastai_repeats_for_ever():
    from fastai.text.all import decode_spec_tokens

    tokens = ["xxrep", "3", "!", "no", "more"]
    assert decode_special_tokens(tokens) == "!!! no more"
    assert decode_spec_tokens(tokens) == ["!!!", "nonono", "moremoremore"]


@given(st.lists(st.sampled_from(["xxmaj", "xxup", "good", "Film", "8"]), max_size=10))
def test_capitals_are_fastais(tokens):
    from fastai.text.all import decode_spec_tokens

    # Two marks in a row, or one at the end, are not what the rules write; there fastai writes the mark itself.
    proper = [
        t for i, t in enumerate(tokens) if not t.startswith("xx") or (tokens[i + 1 : i + 2] and tokens[i + 1][0] != "x")
    ]
    assert decode_special_tokens(proper) == " ".join(decode_spec_tokens(proper))


@given(st.lists(st.sampled_from([*SPECIAL_TOKENS, "a", "3", "0", ""])))
def test_no_list_of_tokens_is_too_strange(tokens):
    before = list(tokens)
    text = decode_special_tokens(tokens)
    assert tokens == before
    assert not {"xxbos", "xxpad", "xxmaj", "xxrep"} & set(text.split())
