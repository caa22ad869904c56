"""fastai's files: read without running them, and written so that the installed fastai reads them."""

import io
import pickle

import pytest
import torch

from ulmfit_lib.awd_lstm import LanguageModel, lm_config
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.fastai_files import (
    export_to_fastai,
    load_fastai_folder,
    load_fastai_language_model,
    read_fastai_vocab,
    read_fastai_weights,
)
from ulmfit_lib.pretrained import from_fastai_names
from ulmfit_lib.rules import SPECIAL_TOKENS
from ulmfit_lib.vocab import Vocab

SIZES = {"emb_sz": 4, "n_hid": 6, "n_layers": 2}
TOKENS = [*SPECIAL_TOKENS, "the", "film", "actor", "xxfake", "xxfake", "xxfake", "xxfake"]
IDS = torch.tensor([[2, 9, 10]])


class Evil:
    """What a pickle can do: call anything."""

    def __reduce__(self):
        return print, ("this ran",)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def fastai_learner(path, tokens=TOKENS, pretrained_fnames=None):
    from fastai.text.all import (
        AWD_LSTM,
        DataLoaders,
        L,
        LMDataLoader,
        awd_lstm_lm_config,
        language_model_learner,
        tensor,
    )

    dls = DataLoaders(*[LMDataLoader(L([tensor(range(len(tokens))).repeat(3)]), bs=2, seq_len=4) for _ in range(2)])
    dls.vocab = tokens
    return language_model_learner(
        dls, AWD_LSTM, {**awd_lstm_lm_config, **SIZES}, pretrained=False, pretrained_fnames=pretrained_fnames, path=path
    )


@pytest.mark.parametrize("with_opt", [False, True])
def test_a_checkpoint_of_fastais_learner_loads_here(tmp_path, with_opt):
    learn = fastai_learner(tmp_path)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)  # so that the optimizer has a state
    learn.save("checkpoint", with_opt=with_opt)
    model = LanguageModel(lm_config(len(TOKENS), **SIZES))
    model.load_state_dict(read_fastai_weights(tmp_path / "models" / "checkpoint.pth"))
    learn.model.reset()
    torch.testing.assert_close(model.eval()(IDS).logits, learn.model.eval()(IDS)[0])
    learn.save_encoder("encoder")
    model.encoder.load_state_dict(read_fastai_weights(tmp_path / "models" / "encoder.pth"))


def test_old_serialization_is_read_too(tmp_path):
    state = fastai_learner(tmp_path).model.state_dict()
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.testing.assert_close(read_fastai_weights(tmp_path / "old.pth"), from_fastai_names(state))


def test_what_we_export_loads_in_fastai(tmp_path):
    model = LanguageModel(lm_config(len(TOKENS), **SIZES), seed=3).eval()
    torch.nn.init.normal_(model.decoder.bias)
    paths = export_to_fastai(tmp_path / "models", model, Vocab(TOKENS), name="ours")
    assert [path.name for path in paths] == ["ours.pth", "ours.pkl"]
    learn = fastai_learner(tmp_path, pretrained_fnames=["ours", "ours"])
    words = slice(TOKENS.index("xxfake"))  # fastai gives every filler the row of the last one
    torch.testing.assert_close(learn.model.eval()(IDS)[0][..., words], model(IDS).logits[..., words])
    back = load_fastai_language_model(*paths, direction="backward")
    assert (back.tokens, back.direction, back.sizes["n_hid"]) == (TOKENS, "backward", 6)
    torch.testing.assert_close(back.state, dict(model.state_dict()))
    assert load_fastai_folder(tmp_path / "models").tokens == TOKENS


def test_a_file_that_asks_to_run_code_is_refused_by_name_and_nothing_runs(tmp_path, capsys):
    torch.save({"0.encoder.weight": torch.zeros(1), "x": Evil()}, tmp_path / "w.pth")
    (tmp_path / "v.pkl").write_bytes(pickle.dumps([*TOKENS, Evil()]))
    with pytest.raises(ArtifactError, match=r"w\.pth: it holds more than weights: print"):
        read_fastai_weights(tmp_path / "w.pth")
    with pytest.raises(ArtifactError, match=r"v\.pkl: it asks to run builtins\.print"):
        read_fastai_vocab(tmp_path / "v.pkl")
    assert capsys.readouterr().out == ""
    pickle.loads((tmp_path / "v.pkl").read_bytes())
    assert capsys.readouterr().out == "this ran\n"  # so the file was a dangerous one


def test_only_the_optimizers_list_is_let_through(tmp_path):
    from pathlib import PurePosixPath

    from fastcore.foundation import L

    torch.save({"model": {"1.decoder.bias": torch.zeros(2)}, "opt": L([{"lr": 0.1}])}, tmp_path / "fine.pth")
    assert list(read_fastai_weights(tmp_path / "fine.pth")) == ["decoder.bias"]
    torch.save({"model": {"1.decoder.bias": torch.zeros(2)}, "opt": PurePosixPath("x")}, tmp_path / "other.pth")
    with pytest.raises(ArtifactError, match="PurePosixPath"):
        read_fastai_weights(tmp_path / "other.pth")


@pytest.mark.parametrize("read", [read_fastai_weights, read_fastai_vocab])
def test_missing_cut_short_and_foreign_files_are_refused(tmp_path, read):
    with pytest.raises(ArtifactError, match="no such file"):
        read(tmp_path / "none")
    buffer = io.BytesIO()
    torch.save({"1.decoder.bias": torch.zeros(100)}, buffer)
    whole = buffer.getvalue() if read is read_fastai_weights else pickle.dumps(TOKENS)
    for content in (b"", whole[: len(whole) // 2], b"hello"):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(ArtifactError, match="file: "):
            read(tmp_path / "file")


def test_files_that_hold_something_else_are_refused(tmp_path):
    torch.save([1, 2], tmp_path / "w.pth")
    with pytest.raises(ArtifactError, match="not a model's state dict"):
        read_fastai_weights(tmp_path / "w.pth")
    (tmp_path / "v.pkl").write_bytes(pickle.dumps({"the": 1}))
    with pytest.raises(ArtifactError, match="not a list of words"):
        read_fastai_vocab(tmp_path / "v.pkl")
    torch.save({"encoder.weight": torch.zeros(2, 1)}, tmp_path / "w.pth")
    (tmp_path / "v.pkl").write_bytes(pickle.dumps(TOKENS))
    with pytest.raises(ArtifactError, match="not the weights of a whole language model"):
        load_fastai_language_model(tmp_path / "w.pth", tmp_path / "v.pkl")


def test_a_folder_needs_one_file_of_each(tmp_path):
    with pytest.raises(ArtifactError, match=r"it holds 0 \.pth files"):
        load_fastai_folder(tmp_path)
