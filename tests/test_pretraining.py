"""Pretraining in stretches: each goes on where the one before ended, and its receipt adds up."""

from dataclasses import replace

import pytest

from ulmfit_lib.artifacts import load_artifact
from ulmfit_lib.commands import app
from ulmfit_lib.errors import ArtifactError, ConfigError, DataError
from ulmfit_lib.packing import Packer, unpack
from ulmfit_lib.pretrained import load_language_model
from ulmfit_lib.pretraining import PretrainingRecipe, pretrain, score_parts, ship

RECIPE = PretrainingRecipe(emb_sz=8, n_hid=12, n_layers=2, lr=2e-2, bs=4, seq_len=8)
SENTENCES = ["xxbos the cat sat on the mat .", "xxbos a dog lay on a rug .", "xxbos the dog sat ."]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    packer = Packer("toy")
    for part, times in (("train", 60), ("valid", 8), ("test", 8)):
        for number in range(times):
            packer.add(part, SENTENCES[number % 3].split())
    return unpack(packer.write(tmp_path_factory.mktemp("packed") / "toy", min_freq=1, origin={"files": ["a.csv"]}))


@pytest.fixture(scope="module")
def first(corpus, tmp_path_factory):
    return pretrain(corpus, tmp_path_factory.mktemp("first") / "lm", direction="forward", recipe=RECIPE, command="one")


def test_a_stretch_learns_and_its_receipt_says_what_it_read(corpus, first):
    results = load_artifact(first).receipt["results"]
    assert results["tokens_seen"] == results["stretches"][0]["tokens"] > 300
    losses = results["stretches"][0]["losses"]
    assert losses[-1] < losses[0]
    assert set(results["scores"]) == {"valid", "test"}


def test_the_next_stretch_goes_on_from_it(corpus, first, tmp_path):
    second = pretrain(corpus, tmp_path / "lm", direction="forward", recipe=RECIPE, start_from=first)
    before, after = (load_artifact(folder).receipt["results"] for folder in (first, second))
    assert len(after["stretches"]) == 2
    assert after["stretches"][0] == before["stretches"][0]
    assert after["tokens_seen"] == 2 * before["tokens_seen"]
    assert after["scores"]["valid"]["loss"] < before["scores"]["valid"]["loss"]
    # It begins where the first ended, not where that began.
    assert after["stretches"][1]["losses"][0] < before["stretches"][0]["losses"][0]


def test_the_scores_are_those_of_the_saved_weights(corpus, first):
    model, _ = load_language_model(first)
    assert score_parts(model, corpus, "forward", ["valid"])["valid"] == pytest.approx(
        load_artifact(first).receipt["results"]["scores"]["valid"]
    )


def test_half_precision_halves_the_file_and_hardly_changes_the_answers(corpus, first, tmp_path):
    half = ship(first, tmp_path / "half")
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (first, half)]
    assert sizes[1] < 0.6 * sizes[0]
    assert load_artifact(half).config["tied"] == load_artifact(first).config["tied"] != {}
    losses = [
        score_parts(load_language_model(folder)[0], corpus, "forward", ["test"])["test"]["loss"]
        for folder in (first, half)
    ]
    assert losses[1] == pytest.approx(losses[0], abs=1e-2)


def test_an_interrupted_stretch_goes_on_to_the_same_bits(corpus, tmp_path, monkeypatch):
    recipe = replace(RECIPE, epochs=3)
    whole = pretrain(corpus, tmp_path / "whole", direction="forward", recipe=recipe)

    def interrupt(line):
        if line.startswith("epoch  1"):
            raise KeyboardInterrupt

    options = {"direction": "forward", "recipe": recipe, "every_minutes": 1e-6}
    with pytest.raises(KeyboardInterrupt):
        pretrain(corpus, tmp_path / "lm", progress=interrupt, **options)
    assert not (tmp_path / "lm").exists()
    resumed = pretrain(corpus, tmp_path / "lm", resume=True, **options)
    one, other = (load_artifact(folder) for folder in (whole, resumed))
    assert all((one.state[name] == other.state[name]).all() for name in one.state)
    assert one.receipt["results"]["tokens_seen"] == other.receipt["results"]["tokens_seen"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lm", "whole"]


@pytest.mark.parametrize(
    ("ends", "note"), [(KeyboardInterrupt(), True), (DataError("no."), True), (DataError("no.", fix="Do this."), False)]
)
def test_an_interrupted_stretch_is_told_of_and_never_overwritten_unasked(corpus, tmp_path, ends, note):
    def end(line):
        if line.startswith("epoch  0"):
            raise ends

    options = {"direction": "forward", "recipe": replace(RECIPE, epochs=2), "every_minutes": 1e-6}
    kept = tmp_path / "lm.checkpoint"
    with pytest.raises(type(ends)) as raised:
        pretrain(corpus, tmp_path / "lm", progress=end, **options)
    said = f"Its checkpoint lies in {kept}; the same command with --resume goes on."
    assert getattr(raised.value, "__notes__", []) == ([said] if note else [])
    before = kept.read_bytes()
    with pytest.raises(
        ConfigError, match=r"an interrupted stretch lies here\. Go on with it by --resume, or delete it"
    ):
        pretrain(corpus, tmp_path / "lm", **options)
    assert kept.read_bytes() == before


def test_a_stretch_that_is_begun_anew_uses_nothing_of_before(corpus, tmp_path):
    kept = tmp_path / "lm.checkpoint"
    kept.write_bytes(b"damaged")
    pretrain(corpus, tmp_path / "lm", direction="forward", recipe=RECIPE, restart=True)
    assert [path.name for path in tmp_path.iterdir()] == ["lm"]


def test_a_folder_with_other_files_is_refused_before_the_training(corpus, tmp_path):
    (tmp_path / "thesis.txt").write_text("months of work")
    with pytest.raises(ArtifactError, match=r"it holds 'thesis\.txt', which would be lost"):
        pretrain(corpus, tmp_path, direction="forward", recipe=RECIPE, progress=pytest.fail)


def test_what_does_not_fit_is_refused_by_name(corpus, first, tmp_path):
    with pytest.raises(ArtifactError, match="read texts forward"):
        pretrain(corpus, tmp_path / "x", direction="backward", recipe=RECIPE, start_from=first)
    packer = Packer("other")
    for part in ("train", "valid"):
        packer.add(part, ["xxbos", "other", "words"] * 30)
    other = unpack(packer.write(tmp_path / "other", min_freq=1))
    with pytest.raises(ArtifactError, match="another vocabulary"):
        pretrain(other, tmp_path / "x", direction="forward", recipe=RECIPE, start_from=first)
    alone = unpack(packer.write(tmp_path / "alone", min_freq=1), parts=["train"])
    with pytest.raises(ArtifactError, match="no part 'valid'"):
        pretrain(alone, tmp_path / "x", direction="forward", recipe=RECIPE)
    with pytest.raises(ConfigError, match="lr must be more than 0"):
        PretrainingRecipe(lr=0)
    assert not (tmp_path / "x").exists()


def test_from_files_to_an_artifact_by_the_commands(tmp_path, capsys):
    for part, times in (("train", 60), ("valid", 12)):
        rows = "\n".join(f'"{SENTENCES[i % 3][6:]}"' for i in range(times))
        (tmp_path / f"{part}.csv").write_text(f"text\n{rows}\n", encoding="utf-8")
    packed, model = str(tmp_path / "packed"), str(tmp_path / "model")
    files = [f"--{part}={tmp_path / part}.csv" for part in ("train", "valid")]
    app(["pack", *files, "--min-freq=1", "--out", packed], standalone_mode=False)
    sizes = ["--emb-sz=8", "--n-hid=8", "--bs=4", "--seq-len=8"]
    app(
        ["pretrain", "--corpus", packed, "--direction=backward", "--half", "--out", model, *sizes],
        standalone_mode=False,
    )
    artifact = load_artifact(tmp_path / "model", direction="backward")
    assert artifact.config["sizes"]["emb_sz"] == 8
    assert "--direction backward" in artifact.receipt["command"]
    assert str(tmp_path) not in str(artifact.receipt)
