"""The commands, one stage at a time: what they make, what they say, what they refuse by name."""

import csv
import io
import json

import numpy as np
import pytest
import torch
from test_cli import call

from ulmfit_lib import asking, judging
from ulmfit_lib.artifacts import load_artifact
from ulmfit_lib.data import Texts
from ulmfit_lib.errors import ArtifactError, DataError
from ulmfit_lib.generation import decode_special_tokens
from ulmfit_lib.writing import stream_words

ROWS = [
    (f"this {'good' if i % 2 else 'bad'} film is number {i} of many {s}only", "pos" if i % 2 else "neg", s)
    for s, n in (("train", 24), ("valid", 6), ("test", 8))
    for i in range(n)
]
RECIPE = """
emb_sz = 8
n_hid = 12
n_layers = 2
min_freq = 1
lm_epochs = 1
lm_bs = 4
classifier_epochs = [1, 1, 1, 1]
threads = 1
"""


@pytest.fixture(scope="module", autouse=True)
def same_threads():
    """Undo what --threads does to this process."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with texts, a config, and what finetune and classify made of them in both directions."""
    folder = tmp_path_factory.mktemp("commands")
    with open(folder / "films.csv", "w", newline="") as file:
        csv.writer(file).writerows([("text", "label", "split"), *ROWS])
    (folder / "config.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def made(place):
    from ulmfit_lib import cli

    for way in ("forward", "backward"):
        common = ["--texts", place / "films.csv", "--config", place / "config.toml", "--direction", way]
        for command in (
            ["finetune", *common, "--out", place / f"lm-{way}"],
            ["classify", *common, "--encoder", place / f"lm-{way}" / f"encoder-{way}", "--out", place / f"clas-{way}"],
        ):
            assert cli._main([str(word) for word in command]) == 0
    return place


def artifacts(place, way="forward"):
    return place / f"lm-{way}" / f"encoder-{way}", place / f"clas-{way}" / f"classifier-{way}"


# What they make -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_finetune_and_classify_leave_artifacts_pictures_and_receipts(made, way):
    lm, clas = made / f"lm-{way}", made / f"clas-{way}"
    assert sorted(path.name for path in lm.iterdir()) == [
        f"encoder-{way}",
        f"language_model-{way}",
        f"language_model-{way}.png",
        "run.json",
    ]
    assert sorted(path.name for path in clas.iterdir()) == [f"classifier-{way}", f"classifier-{way}.png", "run.json"]
    assert (lm / f"language_model-{way}.png").read_bytes()[:4] == b"\x89PNG"
    receipt = json.loads((clas / "run.json").read_text())
    assert receipt["command"] == (
        f"ulmfit classify --texts films.csv --encoder encoder-{way} --direction {way} --seed 0 --config config.toml"
    )
    assert receipt["results"]["trainings"][f"classifier {way}"]["steps"] > 4
    assert load_artifact(lm / f"encoder-{way}").vocab == load_artifact(clas / f"classifier-{way}").vocab
    assert not any(path.name.endswith(".unfinished") for path in made.iterdir())


def test_the_language_model_reads_neither_the_texts_of_the_test_nor_those_it_is_measured_on(made):
    vocab = load_artifact(made / "lm-forward" / "encoder-forward").vocab
    assert [f"{split}only" in vocab for split in ("train", "valid", "test")] == [True, False, False]


def test_predict_keeps_the_order_and_averages_both_directions(made, capsys):
    folders = [word for way in ("forward", "backward") for word in ("--classifier", artifacts(made, way)[1])]
    texts = [row[0] for row in ROWS[::-3]]
    code, out, err = call(capsys, "predict", *folders, "--threads", 1, *texts)
    assert code == 0, err
    rows = list(csv.DictReader(io.StringIO("\n".join(out))))
    assert [row["text_number"] for row in rows] == [str(i + 1) for i in range(len(texts))]
    both = [asking.load_classifiers(artifacts(made, way)[1]).probs(texts) for way in ("forward", "backward")]
    wanted = (both[0] + both[1]) / 2
    for row, probs in zip(rows, wanted, strict=True):
        assert [float(row["p(neg)"]), float(row["p(pos)"])] == pytest.approx(probs, abs=2e-6)
        assert row["label"] == ("neg", "pos")[probs.argmax()]
    code, out, _ = call(capsys, "predict", *folders, "--threads", 1, "--direction", "backward", texts[0])
    assert float(out[1].split(",")[2]) == pytest.approx(both[1][0][0], abs=2e-6)


def test_predict_reads_a_table_without_labels_and_writes_one(made, capsys, tmp_path):
    (tmp_path / "new.csv").write_text("text\ngood film\nbad film\n")
    options = ["--classifier", made / "clas-forward", "--threads", 1, "--out", tmp_path / "out.csv"]
    code, out, err = call(capsys, "predict", *options, "--texts", tmp_path / "new.csv")
    assert (code, out) == (0, []), err
    assert [line.split(",")[0] for line in (tmp_path / "out.csv").read_text().splitlines()] == ["text_number", "1", "2"]
    receipt = json.loads((tmp_path / "out.csv.run.json").read_text())
    assert (receipt["data"]["name"], receipt["results"]["texts"]) == ("new.csv", 2)
    assert str(tmp_path) not in json.dumps(receipt)


@pytest.mark.parametrize("command", ["predict", "tokenize"])
def test_the_texts_are_not_written_over(made, capsys, tmp_path, command):
    mine = tmp_path / "mine.csv"
    mine.write_text("text\ngood film\nbad film\n")
    more = ["--classifier", made / "clas-forward"] if command == "predict" else []
    code, _, err = call(capsys, command, *more, "--texts", mine, "--out", mine)
    assert code == 2
    assert "--out names the file of the texts, which would be lost. Give another." in err[-1]
    assert mine.read_text() == "text\ngood film\nbad film\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_what_predict_and_tokenize_make_of_one_name_have_a_receipt_each(made, capsys, tmp_path):
    (tmp_path / "mine.csv").write_text("text\ngood film\nbad film\n")
    (tmp_path / "link.csv").symlink_to(tmp_path / "mine.csv")
    texts = ["--texts", tmp_path / "mine.csv", "--out"]
    classifier = ["--classifier", made / "clas-forward", "--threads", 1]
    assert call(capsys, "predict", *classifier, *texts, tmp_path / "w.csv")[0] == 0
    assert call(capsys, "tokenize", *texts, tmp_path / "w.jsonl")[0] == 0
    for name in ("predict", "tokenize"):
        receipt = tmp_path / {"predict": "w.csv.run.json", "tokenize": "w.jsonl.run.json"}[name]
        assert json.loads(receipt.read_text())["command"].startswith(f"ulmfit {name} ")
    code, _, err = call(capsys, "tokenize", *texts, tmp_path / "link.csv")
    assert (code, "which would be lost" in err[-1]) == (2, True)


def test_ensemble_compares_and_leaves_a_receipt(made, capsys, tmp_path):
    folders = [word for way in ("forward", "backward") for word in ("--classifier", artifacts(made, way)[1])]
    options = ["--texts", made / "films.csv", "--threads", 1, "--out", tmp_path / "both.json"]
    code, out, err = call(capsys, "ensemble", *folders, *options)
    assert code == 0, err
    shown = "\n".join(out)
    for words in ("films.csv: 8 texts of 'test'", "ensemble", "backward alone the ensemble is right on", "McNemar"):
        assert words in shown
    results = json.loads((tmp_path / "both.json").read_text())["results"]
    assert [line["stage"] for line in results["lines"]] == ["classifier", "classifier", "ensemble"]
    assert set(results["calibration_error"]) == {"forward", "backward", "ensemble"}
    assert results["against"]["forward"].keys() == {"only_a", "only_b", "p_value", "rescued", "lost"}


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_generate_goes_on_from_the_prompt_and_the_same_seed_writes_the_same(made, capsys, way):
    model = made / f"lm-{way}" / f"language_model-{way}"
    options = ["--language-model", model, "--n", 12, "--min-p", 0.01, "This film"]
    once, again, other = (call(capsys, "generate", *options, "--seed", seed)[1] for seed in (1, 1, 2))
    assert once == again != other
    assert len(once) == 1
    assert once[0].startswith("This film | ") if way == "forward" else once[0].endswith(" | This film")
    assert "xxunk" not in once[0]
    code, out, _ = call(capsys, "generate", *options, "--raw")
    assert code == 0
    assert len(out[0].split()) > 5


def test_generation_is_shown_word_by_word():
    def tokens():
        for token in ("xxmaj", "so", "xxwrep", "3", "very", "good", "xxrep"):
            seen.append(token)
            yield token

    seen, shown = [], []
    for piece in stream_words(tokens()):
        shown.append((piece, len(seen)))
    assert shown == [(" So", 2), (" very very very", 5), (" good", 6)]
    assert "".join(piece for piece, _ in shown)[1:] == decode_special_tokens(seen)
    pieces = ["▁xxmaj", "▁fi", "lm", "s", "▁are", "▁xxrep", "▁4", "▁a"]
    assert "".join(stream_words(pieces, {"kind": "subwords"})) == " Films are aaaa"


def test_tokenize_shows_and_stores(place, capsys, tmp_path):
    code, out, _ = call(capsys, "tokenize", "What a GREAT film!!!")
    assert (code, out) == (0, ["xxbos xxmaj what a xxup great film xxrep 3 !"])
    code, out, _ = call(capsys, "tokenize", "--trace", "GREAT")
    assert [line.split()[0] for line in out[:-1]].count("replace_all_caps") == 1
    assert any("xxup great" in line for line in out)
    code, out, err = call(capsys, "tokenize", "--texts", place / "films.csv", "--out", tmp_path / "a.jsonl")
    assert code == 0, err
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert len(lines) == len(ROWS)
    assert lines[1] == {
        "tokens": "xxbos this good film is number 1 of many trainonly".split(),
        "label": "pos",
        "split": "train",
    }
    assert json.loads((tmp_path / "a.jsonl.run.json").read_text())["results"]["texts"] == len(ROWS)
    code, _, err = call(capsys, "tokenize")
    assert (code, err[-1].split(".")[0]) == (2, "ulmfit: Give texts, or --texts and --out")


def test_show_tells_of_runs_and_artifacts(made, capsys, tmp_path):
    code, out, _ = call(capsys, "show", artifacts(made)[1])
    assert code == 0
    assert out[0] == "classifier, reads texts forward"
    assert "labels      neg, pos" in out
    code, out, _ = call(capsys, "show", made / "clas-forward")
    assert any("films.csv" in line for line in out)
    assert any(line.startswith("command     ulmfit classify") for line in out)
    code, _, err = call(capsys, "show", tmp_path)
    fix = "Name a folder that a command of ulmfit has made, such as runs/reviews."
    assert (code, err) == (2, [f"ulmfit: {tmp_path}: this is neither an artifact nor a run. {fix}"])


# What they refuse -----------------------------------------------------------------------------------------------------


def test_wrong_directions_are_refused_by_name(made, capsys, tmp_path):
    encoder, classifier = artifacts(made)
    common = ["--texts", made / "films.csv", "--out", tmp_path / "x", "--direction", "backward"]
    refused = "read texts forward, and backward ones are needed"
    for command in (
        ["classify", "--encoder", encoder, *common],
        ["generate", "--language-model", made / "lm-forward" / "language_model-forward", "--direction", "backward"],
    ):
        code, _, err = call(capsys, *command)
        assert code == 2
        assert refused in err[-1]
    code, _, err = call(capsys, "predict", "--classifier", classifier, "--direction", "backward", "a")
    assert code == 2
    assert "reads texts forward, and a backward classifier is needed" in err[-1]
    code, _, err = call(capsys, "predict", "--classifier", classifier, "--classifier", classifier, "a")
    assert code == 2
    assert f"{classifier}: it reads texts forward, as {classifier} does" in err[-1]
    assert list(tmp_path.iterdir()) == []


def test_an_encoder_is_not_a_classifier(made, capsys):
    code, _, err = call(capsys, "predict", "--classifier", artifacts(made)[0], "a")
    assert code == 2
    assert "of the kind 'encoder', and 'classifier' is needed" in err[-1]


def test_the_folder_of_another_stage_is_not_written_over(made, capsys):
    encoder = artifacts(made)[0]
    options = ["--texts", made / "films.csv", "--encoder", encoder, "--out", made / "lm-forward"]
    code, _, err = call(capsys, "classify", *options)
    assert code == 2
    assert "holds 'encoder-forward', which would be lost" in err[-1]
    assert encoder.is_dir()


def test_a_label_that_the_classifier_does_not_know_is_named(made):
    texts = Texts(["a good film", "an odd one"], ["pos", "odd"], ["test", "test"], "odd.csv", "")
    with pytest.raises(DataError, match=r"odd\.csv, text 2 of 'test': the classifier does not know the label 'odd'"):
        judging.judge(asking.load_classifiers(made / "clas-forward"), texts)
    with pytest.raises(DataError, match="no labelled text is in the split 'valid'"):
        judging.judge(asking.load_classifiers(made / "clas-forward"), texts, split="valid")


def test_classifiers_of_other_labels_do_not_fit_together(made):
    one = asking.load_classifiers(made / "clas-forward").members[0]
    other = asking.load_classifiers(made / "clas-backward").members[0]
    object.__setattr__(other, "label_names", ("bad", "good"))
    with pytest.raises(
        ArtifactError, match="its labels are 'bad', 'good', and those of the other one are 'neg', 'pos'"
    ):
        asking.Classifiers([one, other])
    with pytest.raises(ArtifactError, match="there is no classifier"):
        asking.Classifiers([])


@pytest.mark.parametrize("text", ["", "zzz qqq", "the film " * 25_000], ids=["empty", "unknown words", "50,000 tokens"])
def test_odd_texts_get_probabilities_that_do_not_depend_on_their_neighbours(made, text):
    asked = asking.load_classifiers(made / "clas-forward", made / "clas-backward")
    alone, among = asked.probs([text])[0], asked.probs(["a good film", text, "bad"])[1]
    assert np.isfinite(alone).all()
    assert alone.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(alone, among, atol=1e-5)
    assert asked.predict([]) == []


# The file of options --------------------------------------------------------------------------------------------------


def test_what_is_on_the_command_line_wins_over_the_file(place, capsys, tmp_path):
    (tmp_path / "c.toml").write_text(RECIPE + 'seed = 4\ndirection = "backward"\ntexts = "nowhere.csv"\n')
    options = ["--config", tmp_path / "c.toml", "--texts", place / "films.csv", "--seed", 7, "--out", tmp_path / "lm"]
    code, _, err = call(capsys, "finetune", *options)
    assert code == 0, err
    receipt = json.loads((tmp_path / "lm" / "run.json").read_text())
    assert (receipt["seed"], receipt["options"]["direction"], receipt["options"]["emb_sz"]) == (7, "backward", 8)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("sede = 4", "`ulmfit finetune` has no option 'sede'"),
        ("emb_sz = 'big'", "emb_sz must be a whole number, not 'big'"),
        ("= 3", "this is no TOML"),
        ("config = 'c.toml'", "has no option 'config'"),
    ],
)
def test_a_file_with_something_unknown_is_refused_by_name(place, capsys, tmp_path, content, words):
    (tmp_path / "c.toml").write_text(content)
    options = ["--texts", place / "films.csv", "--out", tmp_path / "x", "--config", tmp_path / "c.toml"]
    code, _, err = call(capsys, "finetune", *options)
    assert code == 2
    assert words in err[-1]
    assert str(tmp_path / "c.toml") in err[-1]


def test_a_file_that_is_not_there(capsys, tmp_path):
    code, _, err = call(capsys, "show", tmp_path / "nowhere")
    assert code == 2
    code, _, err = call(capsys, "run", "--config", tmp_path / "c.toml")
    assert (code, err) == (2, [f"ulmfit: {tmp_path / 'c.toml'}: there is no such file."])


def test_the_file_may_hold_what_a_command_must_have(capsys, tmp_path):
    (tmp_path / "c.toml").write_text(f'corpus = "{tmp_path}/nowhere"\nout = "{tmp_path}/x"\ndirection = "forward"\n')
    code, _, err = call(capsys, "pretrain", "--config", tmp_path / "c.toml")
    assert code == 2
    assert err[-1].startswith(f"ulmfit: {tmp_path}/nowhere")


def test_the_texts_that_tokenize_holds_out_depend_on_the_seed(capsys, tmp_path):
    (tmp_path / "films.csv").write_text("text,label\n" + "".join(f"film {i},{'ab'[i % 2]}\n" for i in range(40)))
    splits = []
    for seed, name in ((1, "a"), (1, "b"), (2, "c")):
        options = ["--texts", tmp_path / "films.csv", "--seed", seed, "--out", tmp_path / f"{name}.jsonl"]
        assert call(capsys, "tokenize", *options)[0] == 0
        lines = (tmp_path / f"{name}.jsonl").read_text().splitlines()
        splits.append([json.loads(line)["split"] for line in lines])
    assert splits[0] == splits[1] != splits[2]
    assert all(given.count("valid") == 8 for given in splits)
