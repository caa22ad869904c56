"""The full run, rehearsed in small: what a GPU machine will do, on two hundred of the shipped reviews."""

import json
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from ulmfit_lib.artifacts import load_artifact
from ulmfit_lib.awd_lstm import AWDConfig, LanguageModel
from ulmfit_lib.data import shipped_reviews
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.packing import Packer
from ulmfit_lib.pretrained import save_language_model
from ulmfit_lib.recipe import Recipe, to_toml
from ulmfit_lib.vocab import Vocab
from ulmfit_lib.weight_pieces import from_int8, join_pieces, to_int8, write_pieces

sys.path.insert(0, str(ROOT / "benchmarks"))
import full_run

TINY = Recipe(
    emb_sz=8, n_hid=12, n_layers=2, lm_epochs=2, lm_bs=4, classifier_epochs=(1, 1, 1, 1), seq_len=40, leak=True
)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory):
    """Two hundred shipped reviews, packed and run in both directions."""
    folder = tmp_path_factory.mktemp("full")
    texts, packer = shipped_reviews(), Packer("reviews in small")
    for split, n in (("train", 120), ("test", 40), ("unsup", 40)):
        some = texts.subset(split)
        for text, label in list(zip(some.texts, some.labels, strict=True))[:n]:
            packer.add(split, ["xxbos", *text.lower().split()[:60]], label)
    packed = packer.write(folder / "packed", count=("train", "unsup"))
    (folder / "tiny.toml").write_text(to_toml(TINY))
    run(folder, packed, "forward")
    run(folder, packed, "backward")
    return folder, packed


def run(folder, packed, way, *more):
    recipe = ["--recipe", str(folder / "tiny.toml"), "--out", str(folder / "out")]
    device = ["--precision", "fp32", "--device", "cpu"]
    done = full_run.main(["train", "--packed", str(packed), "--direction", way, *recipe, *device, *more])
    assert done == 0


def report(folder):
    results = folder / "results"
    done = full_run.main(
        ["report", "--recipe", str(folder / "tiny.toml"), "--out", str(folder / "out"), "--results", str(results)]
    )
    assert done == 0
    [path] = results.rglob("*.json")
    return json.loads(path.read_text())


def place(folder):
    [found] = [path.parent for path in (folder / "out").rglob("probs-forward.npz")]
    return found


def test_both_directions_and_their_mean_are_reported(rehearsed):
    folder, _ = rehearsed
    scores = report(folder)["results"]["scores"]
    found = {way: np.load(place(folder) / f"probs-{way}.npz") for way in full_run.WAYS}
    labels = found["forward"]["labels"]
    for way in full_run.WAYS:
        assert scores[way]["accuracy"] == np.mean(found[way]["probs"].argmax(axis=1) == labels)
    mean = sum(one["probs"].astype(float) / one["probs"].astype(float).sum(1, keepdims=True) for one in found.values())
    assert scores["ensemble"]["accuracy"] == np.mean(mean.argmax(axis=1) == labels)
    assert scores["forward"]["against_ensemble"]["p_value"] <= 1


def test_what_it_took_is_reported(rehearsed):
    results = report(rehearsed[0])["results"]
    assert results["minutes"] == {way: results["directions"][way]["minutes"] for way in full_run.WAYS}
    speeds = [
        epoch["tokens_per_second"]
        for way in full_run.WAYS
        for epoch in results["directions"][way]["trainings"][f"language model {way}"]["epochs"]
    ]
    assert min(speeds) <= results["lm_tokens_per_second"] <= max(speeds)
    assert results["peak_gpu_memory_gb"] is None  # a processor has none


def test_a_stage_that_is_done_is_not_done_again(rehearsed, capsys):
    folder, packed = rehearsed
    before = np.load(place(folder) / "probs-forward.npz")["probs"]
    run(folder, packed, "forward")
    assert "done before" in capsys.readouterr().out
    assert (np.load(place(folder) / "probs-forward.npz")["probs"] == before).all()


def test_epochs_are_trimmed_to_the_time_there_is(rehearsed, tmp_path, capsys):
    _, packed = rehearsed
    (tmp_path / "tiny.toml").write_text(to_toml(TINY))
    run(tmp_path, packed, "forward", "--minutes", "0.0001", "--ask", "valid")
    assert "so it learns for 1 of 2 and takes longer" in capsys.readouterr().out
    receipt = json.loads((place(tmp_path) / "receipt-forward.json").read_text())
    assert receipt["recipe"]["lm_epochs"] == 1
    assert receipt["results"]["asked"] == "valid"


def test_nothing_trained_is_said(tmp_path, capsys):
    assert full_run.main(["report", "--recipe", "ours", "--out", str(tmp_path)]) == 2
    assert "no direction has been trained" in capsys.readouterr().err


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=30), st.integers(1, 5))
def test_eight_bits_are_right_to_half_a_step(values, rows):
    matrix = torch.tensor(values).repeat(rows, 1)
    numbers, scale = to_int8(matrix)
    assert numbers.dtype == torch.int8
    error = (from_int8(numbers, scale) - matrix).abs()
    assert (error <= scale[:, None] / 2 + 1e-6 * matrix.abs()).all()


def test_a_model_comes_back_from_its_pieces(tmp_path, monkeypatch):
    vocab = Vocab(["xxunk", *(f"w{i}" for i in range(63))])
    model = LanguageModel(AWDConfig(64, emb_sz=16, n_hid=24, n_layers=2), seed=3)
    saved = save_language_model(tmp_path / "lm", model, vocab, "backward", {"results": {"tokens_seen": 5}})
    monkeypatch.setattr("ulmfit_lib.weight_pieces.MOST_BYTES", 3000)
    pieces = write_pieces(saved, tmp_path / "pieces")
    assert len(list(pieces.glob("*.part"))) > 2
    assert all(path.stat().st_size <= 3000 for path in pieces.glob("*.part"))
    back = load_artifact(join_pieces(pieces, tmp_path / "back"), direction="backward")
    assert back.vocab == vocab
    assert back.receipt["results"]["tokens_seen"] == 5
    for name, tensor in model.state_dict().items():
        step = tensor.abs().max() / 127
        assert (back.state[name] - tensor).abs().max() <= step / 2 + 1e-6
    (pieces / "weights-01.part").write_bytes(b"other")
    with pytest.raises(ArtifactError, match=r"weights-01\.part"):
        join_pieces(pieces, tmp_path / "again")
