"""Artifacts: what is saved comes back bit for bit; what is damaged or does not fit is refused by name."""

import json
import os

import pytest
import torch
from torch import nn

from ulmfit_lib.artifacts import load_artifact, read_config, save_artifact
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.vocab import Vocab
from ulmfit_lib.weight_pieces import write_pieces

TOKENS = ["xxunk", "xxpad", "good", "film"]
CONFIG = {"kind": "encoder", "direction": "forward", "sizes": {"vocab_sz": 4, "emb_sz": 3}}


class TiedModel(nn.Module):
    """An embedding whose weight is the decoder's too, as in the language model."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(4, 3)
        self.decoder = nn.Linear(3, 4)
        self.decoder.weight = self.embedding.weight


@pytest.fixture
def saved(tmp_path):
    torch.manual_seed(0)
    model = TiedModel()
    return model, save_artifact(tmp_path / "encoder", model, CONFIG, Vocab(TOKENS), {"command": "a test"})


def test_what_is_saved_comes_back_bit_for_bit(saved):
    model, folder = saved
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "model.safetensors",
        "run.json",
        "vocab.json",
    ]
    artifact = load_artifact(folder, direction="forward", vocab=TOKENS, sizes={"emb_sz": 3}, kind="encoder")
    assert artifact.direction == "forward"
    assert artifact.sizes == {"vocab_sz": 4, "emb_sz": 3}
    assert artifact.vocab == Vocab(TOKENS)
    assert artifact.receipt == {"command": "a test"}
    assert artifact.config["versions"]["torch"] == torch.__version__
    for name, tensor in model.state_dict().items():
        assert torch.equal(artifact.state[name], tensor), name


def test_tied_weights_are_stored_once_and_tied_again(saved):
    _, folder = saved
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as file:
        assert sorted(file.keys()) == ["decoder.bias", "embedding.weight"]
    state = load_artifact(folder).state
    assert state["decoder.weight"] is state["embedding.weight"]
    TiedModel().load_state_dict(state)  # strict: every name must be there


def test_views_of_one_buffer_are_saved_apart(tmp_path):
    buffer = torch.arange(6.0)
    state = {"first": buffer[:4].view(2, 2), "second": buffer[2:]}
    loaded = load_artifact(save_artifact(tmp_path / "a", state, CONFIG, TOKENS)).state
    assert loaded["first"].tolist() == [[0, 1], [2, 3]]
    assert loaded["second"].tolist() == [2, 3, 4, 5]


def test_an_older_artifact_is_replaced_and_other_files_never(saved):
    _, folder = saved
    save_artifact(folder, {"w": torch.ones(1)}, CONFIG, TOKENS)
    assert list(load_artifact(folder).state) == ["w"]
    (folder / "thesis.txt").write_text("months of work")
    with pytest.raises(ArtifactError, match=r"holds 'thesis\.txt', which would be lost"):
        save_artifact(folder, {"w": torch.ones(1)}, CONFIG, TOKENS)
    assert (folder / "thesis.txt").read_text() == "months of work"


@pytest.mark.parametrize("held", [["thesis.txt"], ["pieces.json", "thesis.txt"]])
def test_weights_in_pieces_do_not_replace_other_files(saved, tmp_path, held):
    out = tmp_path / "pieces"
    out.mkdir()
    for name in held:
        (out / name).write_text("months of work")
    with pytest.raises(ConfigError, match=r"not weights in pieces: it holds 'thesis\.txt', which would be lost"):
        write_pieces(saved[1], out)
    (out / "thesis.txt").unlink()
    assert write_pieces(saved[1], out) == write_pieces(saved[1], out)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"direction": "backward"}, "these weights read texts forward, and backward ones are needed"),
        ({"vocab": [*TOKENS, "bad"]}, "another vocabulary: it has 4 tokens, not 5"),
        ({"vocab": ["xxunk", "xxpad", "bad", "film"]}, "another vocabulary: token 2 is 'good', not 'bad'"),
        ({"sizes": {"emb_sz": 400}}, "these weights have emb_sz 3, and the model has emb_sz 400"),
        ({"sizes": {"n_hid": 1152}}, "these weights have n_hid None, and the model has n_hid 1152"),
        ({"kind": "classifier"}, "this is of the kind 'encoder', and 'classifier' is needed"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(saved, wanted, message):
    with pytest.raises(ArtifactError) as caught:
        load_artifact(saved[1], **wanted)
    assert str(caught.value).startswith(str(saved[1]))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.json", "run.json", "config.json"])
def test_a_file_that_is_cut_short_altered_or_missing_is_named(saved, name):
    path = saved[1] / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(ArtifactError, match=rf"{name}: this file is cut short"):
        load_artifact(saved[1])
    path.unlink()
    with pytest.raises(ArtifactError, match=rf"{name}: this file of the artifact is missing"):
        load_artifact(saved[1])
    if name != "config.json":
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
        with pytest.raises(ArtifactError, match=rf"{name}: this file was altered"):
            load_artifact(saved[1])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 2, "has format 2; this version of ulmfit_lib reads format 1"),
        ("direction", None, "'direction' is missing or damaged"),
        ("files", {}, "does not name model.safetensors"),
    ],
)
def test_a_config_that_is_not_ours_is_refused(saved, key, value, message):
    path = saved[1] / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(ArtifactError) as caught:
        load_artifact(saved[1])
    assert message in str(caught.value)


def test_a_missing_artifact_is_named(tmp_path):
    with pytest.raises(ArtifactError, match="no such artifact"):
        read_config(tmp_path / "none")


def test_a_config_without_direction_or_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="needs `direction` and `sizes`"):
        save_artifact(tmp_path / "a", {}, {"sizes": {}}, TOKENS)
    with pytest.raises(ConfigError, match="not 'sideways'"):
        save_artifact(tmp_path / "a", {}, {"direction": "sideways", "sizes": {}}, TOKENS)
    with pytest.raises(ConfigError, match="does not fit into JSON"):
        save_artifact(tmp_path / "a", {}, {**CONFIG, "labels": {1, 2}}, TOKENS)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------ whole or not at all


def test_a_full_disk_leaves_the_older_artifact_and_nothing_else(saved, monkeypatch):
    model, folder = saved

    def full(_path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ulmfit_lib.artifacts.sha256_of", full)
    with pytest.raises(ArtifactError, match="cannot be written: No space left on device"):
        save_artifact(folder, {"w": torch.ones(1)}, CONFIG, TOKENS)
    monkeypatch.undo()
    assert [path.name for path in folder.parent.iterdir()] == ["encoder"]
    assert torch.equal(load_artifact(folder).state["embedding.weight"], model.embedding.weight)


def test_a_replacement_that_was_killed_between_its_renames_is_undone(saved):
    model, folder = saved
    os.rename(folder, folder.with_name(".encoder.older"))
    assert torch.equal(load_artifact(folder).state["embedding.weight"], model.embedding.weight)
    assert [path.name for path in folder.parent.iterdir()] == ["encoder"]
