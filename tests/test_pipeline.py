"""The whole road on small texts: what it saves, what it scores, what it must not see, what it leaves on failure."""

import csv
import json
import os
import random

import numpy as np
import pytest
import torch

from ulmfit_lib import checkpoint_files, files, one_way, pipeline, splitting
from ulmfit_lib.artifacts import load_artifact
from ulmfit_lib.checkpoints import Checkpointer
from ulmfit_lib.classifier_files import load_classifier
from ulmfit_lib.classifying import predict_probs
from ulmfit_lib.data import Texts, read_texts
from ulmfit_lib.errors import ArtifactError, ConfigError, DataError, TrainingError
from ulmfit_lib.fine_tuning import load_encoder
from ulmfit_lib.material import prepare
from ulmfit_lib.recipe import Recipe, classifier_batch_size, language_model_batch_size
from ulmfit_lib.rules import SPECIAL_TOKENS
from ulmfit_lib.single_stages import classify, finetune
from ulmfit_lib.tokenizer import tokenize
from ulmfit_lib.vocab import Vocab
from ulmfit_lib.watching import Watch

TINY = Recipe(emb_sz=8, n_hid=12, n_layers=2, min_freq=1, lm_epochs=1, classifier_epochs=(1, 1, 1, 1), lm_bs=4)
FILES = [
    "classifier-backward",
    "classifier-backward.png",
    "classifier-forward",
    "classifier-forward.png",
    "encoder-backward",
    "encoder-forward",
    "language_model-backward",
    "language_model-backward.png",
    "language_model-forward",
    "language_model-forward.png",
    "predictions.csv",
    "run.json",
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Texts as small as these are read more slowly by several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make_texts(splits="train:24 test:8", labels=("bad", "good"), extra=()):
    """Return texts in which a word gives the label away; `splits` says how many of each."""
    words = random.Random(0)
    rows = []
    for part in splits.split():
        split, number = part.split(":")
        for i in range(int(number)):
            label = labels[i % len(labels)]
            filler = " ".join(words.choice("the film was a story of two men in town".split()) for _ in range(12))
            rows.append((f"{filler} {label}word {split}only", None if split == "unsup" else label, split))
    rows += extra
    texts, given, parts = map(list, zip(*rows, strict=True))
    return Texts(texts, given, parts, name="toy.csv", sha256="0" * 64, label_names=sorted(labels))


@pytest.fixture(scope="module")
def ran(one_thread, tmp_path_factory):
    """One run in both directions, looked at from all sides below."""
    texts = make_texts("train:24 valid:6 test:8 unsup:6")
    out = tmp_path_factory.mktemp("runs") / "toy"
    return texts, pipeline.run(texts, out=out, seed=3, recipe=TINY, command="ulmfit run --texts toy.csv")


# --------------------------------------------------------------------------------------------- what it leaves


def test_a_run_leaves_its_files_and_nothing_beside_them(ran):
    _, report = ran
    assert sorted(path.name for path in report.out.iterdir()) == FILES
    assert [path.name for path in report.out.parent.iterdir()] == ["toy"]


def test_the_lines_follow_the_road(ran):
    _, report = ran
    assert [(line.stage, line.direction) for line in report.lines] == [
        ("language model", "forward"),
        ("classifier", "forward"),
        ("language model", "backward"),
        ("classifier", "backward"),
        ("ensemble", "both"),
        ("TF-IDF floor", ""),
    ]
    for line in report.lines:
        assert (line.perplexity is not None) == (line.stage == "language model")
        assert line.low is None or 0 <= line.low <= line.accuracy <= line.high <= 1
    assert report.accuracy == report.lines[4].accuracy


def test_the_ensemble_is_the_mean_of_both_directions(ran):
    _, report = ran
    probs = report.probs
    assert set(probs) == {"forward", "backward", "ensemble", "TF-IDF floor"}
    assert probs["ensemble"].shape == (8, 2)
    assert np.allclose(probs["ensemble"], (probs["forward"] + probs["backward"]) / 2, atol=1e-6)


def test_accuracy_and_loss_are_those_of_the_probabilities(ran):
    texts, report = ran
    labels = np.array(texts.subset("test").label_ids())
    for line, name in ((report.lines[1], "forward"), (report.lines[4], "ensemble"), (report.lines[5], "TF-IDF floor")):
        probs = report.probs[name]
        assert line.accuracy == pytest.approx(np.mean(probs.argmax(axis=1) == labels))
        assert line.loss == pytest.approx(-np.mean([np.log(p[label]) for p, label in zip(probs, labels, strict=True)]))


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_the_saved_classifier_gives_the_predictions_of_the_report(ran, direction):
    texts, report = ran
    loaded = load_classifier(report.out / f"classifier-{direction}", direction=direction)
    assert loaded.label_names == ("bad", "good")
    docs = [loaded.vocab.numericalize(doc) for doc in tokenize(texts.subset("test").texts)]
    assert np.allclose(predict_probs(loaded.model, docs, direction=direction), report.probs[direction], atol=1e-5)


def test_the_direction_travels_inside_the_artifacts(ran):
    _, report = ran
    for direction, other in (("forward", "backward"), ("backward", "forward")):
        folder = report.out / f"encoder-{direction}"
        assert load_artifact(folder).direction == direction
        assert load_artifact(folder).config["tokenizer"] == {"kind": "words", "lang": "en"}
        with pytest.raises(ArtifactError, match=f"read texts {direction}, and {other} ones are needed"):
            load_encoder(folder, direction=other)


def test_the_predictions_are_in_the_order_of_the_file(ran):
    texts, report = ran
    with open(report.out / "predictions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["text_number"]) for row in rows] == [
        i + 1 for i, split in enumerate(texts.splits) if split == "test"
    ]
    assert [row["label"] for row in rows] == texts.subset("test").labels
    for row, probs in zip(rows, report.probs["ensemble"], strict=True):
        assert float(row["p(good)"]) == pytest.approx(probs[1], abs=1e-6)
        assert row["ensemble"] == report.label_names[probs.argmax()]


def test_the_receipt_holds_the_table(ran):
    _, report = ran
    receipt = json.loads((report.out / "run.json").read_text())
    assert receipt == json.loads(json.dumps(report.receipt))
    assert receipt["command"] == "ulmfit run --texts toy.csv"
    assert (receipt["seed"], receipt["data"]["name"], receipt["data"]["rows"]) == (3, "toy.csv", 44)
    assert receipt["options"]["emb_sz"] == 8
    assert (receipt["results"]["scored_split"], receipt["results"]["scored_texts"]) == ("test", 8)
    assert [line["accuracy"] for line in receipt["results"]["lines"]] == [line.accuracy for line in report.lines]
    assert str(report.out.parent) not in json.dumps(receipt)


def test_no_receipt_holds_the_path_of_pretrained_models(ran, tmp_path):
    texts, before = ran
    recipe = Recipe(**{**TINY.__dict__, "pretrained": str(before.out)})
    whole = pipeline.run(texts, out=tmp_path / "a", direction="forward", recipe=recipe)
    stage = finetune(texts, tmp_path / "b", direction="forward", recipe=recipe)
    for report in (whole, stage):
        assert report.receipt["options"]["pretrained"] == "toy"
        assert str(before.out.parent) not in (report.out / "run.json").read_text()


def test_the_same_seed_gives_the_same_probabilities_and_another_gives_others(tmp_path):
    texts = make_texts()
    once, again, other = (
        pipeline.run(texts, out=tmp_path / name, seed=seed, direction="forward", recipe=TINY).probs["forward"]
        for name, seed in (("once", 0), ("again", 0), ("other", 1))
    )
    assert np.array_equal(once, again)
    assert not np.allclose(once, other)


def test_two_processes_give_what_one_gives_and_tell_of_every_step(ran, tmp_path):
    texts, report = ran
    listener = Listener()
    both = pipeline.run(texts, out=tmp_path / "a", seed=3, recipe=TINY, processes=2, watch=listener)
    for name, probs in report.probs.items():
        assert np.array_equal(both.probs[name], probs), name
    assert [(line.stage, line.direction) for line in both.lines] == [
        (line.stage, line.direction) for line in report.lines
    ]
    assert {stage.key: stage.steps for stage in listener.stages} == listener.done
    assert sorted(path.name for path in both.out.iterdir()) == FILES
    assert both.receipt["options"]["processes"] == 2


def test_it_learns_what_a_word_gives_away(tmp_path):
    recipe = Recipe(
        emb_sz=24, n_hid=24, n_layers=1, min_freq=1, lm_epochs=2, classifier_epochs=(3, 3, 1, 3), classifier_wd=0.01
    )
    report = pipeline.run(make_texts("train:80 test:20"), out=tmp_path / "a", direction="backward", recipe=recipe)
    assert [line.direction for line in report.lines] == ["backward", "backward", ""]
    assert report.accuracy >= 0.9
    assert report.lines[-1].accuracy >= 0.9  # and so does the floor


# ---------------------------------------------------------------------------------------- what it must not see


def test_the_vocabulary_and_the_language_model_see_nothing_that_is_scored(ran):
    _, report = ran
    vocab = load_artifact(report.out / "encoder-forward").vocab
    assert "trainonly" in vocab
    assert "unsuponly" in vocab
    assert "validonly" not in vocab
    assert "testonly" not in vocab
    assert any("'train' and 'unsup' alone" in note for note in report.notes)


def test_copies_of_scored_texts_are_kept_out_too():
    copied = "a testcopy of a scored text"
    texts = make_texts("train:20 valid:4 test:4", extra=[(copied, "good", "test"), (copied, None, "unsup")])
    material = prepare(texts, min_freq=1)
    assert "testcopy" not in material.vocab
    assert len(material.unlabelled) == 20
    assert "without 1 that also stand in 'valid' or 'test'" in material.notes[-1]


def test_without_validation_texts_a_tenth_of_the_training_texts_is_held_out():
    material = prepare(make_texts("train:40 test:6"), min_freq=1, seed=5)
    assert (len(material.train), len(material.valid), len(material.asked)) == (36, 4, 6)
    assert sorted(material.valid.labels) == [0, 0, 1, 1]
    assert not set(material.train.places) & set(material.valid.places)
    assert set(material.unlabelled.places) == set(material.train.places)
    assert any("4 training texts, chosen with seed 5, were held out" in note for note in material.notes)
    assert prepare(make_texts("train:40 test:6"), min_freq=1, seed=6).valid.places != material.valid.places


def test_without_test_texts_those_for_validation_are_scored():
    material = prepare(make_texts("train:12 valid:4"), min_freq=1)
    assert material.scored_split == "valid"
    assert material.asked.places == material.valid.places
    assert "No labelled text is for testing: the accuracy is that on the texts of 'valid'." in material.notes


def test_where_every_text_to_learn_from_is_scored_it_is_said():
    texts = Texts(["a", "b", "a", "b"], ["x", "y"] * 2, ["train", "train", "test", "test"], "toy.csv", "")
    with pytest.raises(DataError, match=r"toy\.csv: every text to learn from also stands in 'valid' or 'test'"):
        prepare(texts)


# ------------------------------------------------------------------------------------------- uncommon texts


def test_texts_without_a_label_are_asked_about_and_not_scored(tmp_path):
    texts = make_texts("train:20 test:6", extra=[("a film of two men", None, "test")])
    report = pipeline.run(texts, out=tmp_path / "a", direction="forward", recipe=TINY)
    assert report.probs["forward"].shape == (7, 2)
    assert report.receipt["results"]["scored_texts"] == 6


def test_three_labels_and_the_fewest_texts_that_are_allowed(tmp_path):
    texts = make_texts("train:6 test:3", labels=("bad", "good", "so so"))
    report = pipeline.run(texts, out=tmp_path / "a", recipe=Recipe(emb_sz=4, n_hid=4, lm_epochs=1))
    assert report.probs["ensemble"].shape == (3, 3)
    assert any("too few training texts to hold any out" in note for note in report.notes)


def test_a_text_of_unknown_words_and_one_of_thousands_are_judged(tmp_path):
    extra = [("qqq www eee", "good", "test"), ("the film " * 3000, "bad", "test")]
    recipe = Recipe(**{**TINY.__dict__, "max_len": 144})
    texts = make_texts("train:20 test:2", extra=extra)
    probs = pipeline.run(texts, out=tmp_path / "a", direction="forward", recipe=recipe).probs["forward"]
    assert np.isfinite(probs).all()
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-5)


# -------------------------------------------------------------------------------------- when something is wrong


@pytest.fixture
def failing(monkeypatch):
    """Let a function of the pipeline fail, once it is called for the n-th time."""

    def prepare_failure(name, failure, n=1):
        real, calls = getattr(one_way, name), []

        def fail(*arguments, **options):
            calls.append(name)
            if len(calls) == n:
                raise failure
            return real(*arguments, **options)

        monkeypatch.setattr(one_way, name, fail)
        return calls

    return prepare_failure


@pytest.mark.parametrize(
    "failure", [KeyboardInterrupt(), TrainingError("the loss is nan"), OSError(28, "No space left")]
)
@pytest.mark.parametrize("had_run", [False, True])
def test_a_run_that_fails_before_anything_is_done_leaves_what_was_there_before(tmp_path, failing, failure, had_run):
    out = tmp_path / "runs" / "toy"
    if had_run:
        out.mkdir(parents=True)
        (out / "run.json").write_text("{}")
    failing("fine_tune_language_model", failure)
    wanted = ArtifactError if isinstance(failure, OSError) else type(failure)
    with pytest.raises(wanted):
        pipeline.run(make_texts(), out=out, recipe=TINY)
    assert [path.name for path in tmp_path.rglob("*")] == (["runs", "toy", "run.json"] if had_run else ["runs"])


# ------------------------------------------------------------------------------------------ going on after it


def test_a_run_goes_on_from_the_stages_that_are_done_to_the_same_files(ran, tmp_path, failing, monkeypatch):
    texts, whole = ran
    out, options = tmp_path / "toy", {"seed": 3, "recipe": TINY, "command": "ulmfit run --texts toy.csv"}
    failures = [
        ("fine_tune_language_model", KeyboardInterrupt(), 2),  # the forward direction is done
        ("train_classifier", TrainingError("the loss is nan"), 1),
        ("predict_probs", OSError(28, "No space left"), 1),
        ("scored", MemoryError(), 1),
    ]
    listener = None
    for name, failure, n in failures:
        failing(name, failure, n)
        wanted = ArtifactError if isinstance(failure, OSError) else type(failure)
        with pytest.raises(wanted) as caught:
            pipeline.run(texts, out=out, resume=True, **options)
        assert caught.value.__notes__ == [
            f"What is done lies in {out}.unfinished; the same command with --resume goes on."
        ]
        assert [path.name for path in tmp_path.iterdir()] == ["toy.unfinished"]
        monkeypatch.undo()
    trained, tokenized = failing("train_classifier", None, n=99), []
    monkeypatch.setattr("ulmfit_lib.material.split_texts", lambda *_a, **_o: tokenized.append(1))
    listener = Listener()
    report = pipeline.run(texts, out=out, resume=True, watch=listener, **options)
    assert (trained, tokenized) == (["train_classifier"], [])  # nothing else was left to do
    assert {stage.key: stage.steps for stage in listener.stages} == listener.done
    for name, probs in whole.probs.items():
        assert np.array_equal(report.probs[name], probs), name
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]
    assert sorted(path.name for path in out.iterdir()) == FILES
    for name in FILES:
        if not name.endswith((".png", ".json")):
            weights = [folder / name / "model.safetensors" for folder in (out, whole.out)]
            assert not weights[0].exists() or weights[0].read_bytes() == weights[1].read_bytes()
    assert (out / "predictions.csv").read_bytes() == (whole.out / "predictions.csv").read_bytes()
    assert len(report.receipt["sittings"]) == 5
    assert report.receipt["start"] == report.receipt["sittings"][0]


@pytest.mark.parametrize("n", [3, 9])
def test_a_run_goes_on_in_the_midst_of_a_stage_to_the_same_bits(ran, tmp_path, monkeypatch, n):
    texts, whole = ran
    written, write = [], Checkpointer.write

    def interrupt(self, *place):
        write(self, *place)
        written.append(place)
        if len(written) == n:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpointer, "write", interrupt)
    options = {"out": tmp_path / "toy", "seed": 3, "recipe": TINY, "direction": "forward", "every_steps": 2}
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(texts, **options)
    monkeypatch.undo()
    lines = Listener()
    report = pipeline.run(texts, **options, resume=True, watch=lines)
    assert any(line.startswith("going on from the checkpoint of step ") for line in lines.lines)
    assert np.array_equal(report.probs["forward"], whole.probs["forward"])
    assert report.lines[0].loss == whole.lines[0].loss


@pytest.fixture
def interrupted(tmp_path, failing, monkeypatch):
    failing("train_classifier", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        pipeline.run(make_texts(), out=tmp_path / "toy", direction="forward", recipe=TINY)
    monkeypatch.undo()
    return tmp_path / "toy"


def test_an_interrupted_run_is_not_written_over_unless_it_is_asked_for(interrupted):
    with pytest.raises(ConfigError, match=r"toy\.unfinished: an interrupted run lies here\. Go on with it by --resume"):
        pipeline.run(make_texts(), out=interrupted, direction="forward", recipe=TINY)
    pipeline.run(make_texts(), out=interrupted, direction="forward", recipe=TINY, restart=True)
    assert [path.name for path in interrupted.parent.iterdir()] == ["toy"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 1}, "begun with seed 0, not 1"),
        ({"recipe": Recipe(**{**TINY.__dict__, "lm_lr": 0.5})}, "begun with lm_lr 0.02, not 0.5"),
        ({"texts": make_texts("train:30 test:8")}, "begun with texts"),
    ],
)
def test_going_on_with_other_options_is_refused_by_name(interrupted, changes, words):
    texts = changes.pop("texts", None)
    texts = make_texts() if texts is None else Texts(texts.texts, texts.labels, texts.splits, "toy.csv", "1" * 64)
    with pytest.raises(ConfigError, match=words):
        pipeline.run(texts, out=interrupted, direction="forward", resume=True, **{"recipe": TINY, **changes})


def test_going_on_with_other_texts_of_the_same_file_is_refused(interrupted):
    """Their SHA-256 is the file's; the ids that were kept are not theirs."""
    some = make_texts().pick(range(4, 32))
    with pytest.raises(ConfigError, match="the interrupted run was begun with texts"):
        pipeline.run(some, out=interrupted, direction="forward", recipe=TINY, resume=True)
    assert make_texts().content == make_texts().pick(range(32)).content != some.content


def test_ids_of_another_number_of_texts_are_made_again(interrupted):
    place = interrupted.with_name("toy.unfinished") / "resume" / "texts.ids"
    kept = checkpoint_files.read_checkpoint(place).state
    lengths = kept["ids"]["lengths"]
    lost = {"flat": kept["ids"]["flat"][: int(lengths[:-1].sum())], "lengths": lengths[:-1]}
    checkpoint_files.write_checkpoint(place, {**kept, "ids": lost})
    listener = Listener()
    pipeline.run(make_texts(), out=interrupted, direction="forward", recipe=TINY, resume=True, watch=listener)
    assert listener.done["tokens"] == 32


def test_a_run_without_a_floor_says_so_and_is_kept(tmp_path, monkeypatch):
    def none(*_):
        raise DataError("the training texts have too few words of two letters or more.")

    monkeypatch.setattr(pipeline, "tfidf_floor", none)
    report = pipeline.run(make_texts(), out=tmp_path / "toy", direction="forward", recipe=TINY)
    assert [line.stage for line in report.lines] == ["language model", "classifier"]
    assert report.notes[-1] == "There is no TF-IDF floor: the training texts have too few words of two letters or more."
    assert "TF-IDF floor" not in (tmp_path / "toy" / "predictions.csv").read_text()


def test_two_runs_do_not_fill_one_folder(interrupted):
    folder = interrupted.with_name("toy.unfinished")
    held = files.lock_path(folder)
    with pytest.raises(ConfigError, match="another run is at work here"):
        pipeline.run(make_texts(), out=interrupted, direction="forward", recipe=TINY, resume=True)
    os.close(held)


def test_a_run_without_its_notes_cannot_be_gone_on_with(interrupted):
    (interrupted.with_name("toy.unfinished") / "resume" / "begun.json").write_text("{")
    with pytest.raises(ArtifactError, match=r"begun\.json: this file is missing or damaged.*--restart"):
        pipeline.run(make_texts(), out=interrupted, direction="forward", recipe=TINY, resume=True)


# ----------------------------------------------------------------------------------------- other ways to split


def test_subwords_go_the_whole_road_and_travel_in_the_artifacts(tmp_path):
    recipe = Recipe(**{**TINY.__dict__, "tokenizer": "subwords"})
    report = pipeline.run(make_texts(), out=tmp_path / "a", direction="forward", recipe=recipe)
    config = load_artifact(report.out / "classifier-forward").config
    split = splitting.splitter(config["tokenizer"])
    assert config["tokenizer"]["kind"] == "subwords"
    loaded = load_classifier(report.out / "classifier-forward")
    docs = [loaded.vocab.numericalize(split(text)) for text in make_texts().subset("test").texts]
    assert np.allclose(predict_probs(loaded.model, docs), report.probs["forward"], atol=1e-5)


def test_a_vocabulary_of_ones_own_is_used():
    vocab = Vocab([*SPECIAL_TOKENS, "film", "goodword"])
    material = prepare(make_texts(), vocab=vocab)
    assert material.vocab is vocab
    assert {number for doc in material.train.docs for number in doc} <= set(range(len(vocab)))


# --------------------------------------------------------------------------------- when something does not fit


def test_a_folder_with_other_files_is_not_replaced(tmp_path):
    (tmp_path / "thesis.txt").write_text("months of work")
    with pytest.raises(ConfigError, match=r"holds 'thesis\.txt', which would be lost"):
        pipeline.run(make_texts(), out=tmp_path, recipe=TINY)
    with pytest.raises(ConfigError, match="a file of this name"):
        pipeline.run(make_texts(), out=tmp_path / "thesis.txt", recipe=TINY)
    assert (tmp_path / "thesis.txt").read_text() == "months of work"


def test_options_that_make_no_sense_are_refused_before_anything_is_done(tmp_path):
    with pytest.raises(ConfigError, match="not 'sideways'"):
        pipeline.run(make_texts(), out=tmp_path / "a", direction="sideways")
    with pytest.raises(ConfigError, match="no device 'warp' here"):
        pipeline.run(make_texts(), out=tmp_path / "a", device="warp")
    with pytest.raises(ConfigError, match="lm_epochs must be more than 0"):
        Recipe(lm_epochs=0)
    with pytest.raises(ConfigError, match="four numbers"):
        Recipe(classifier_epochs=(1, 1))
    assert list(tmp_path.iterdir()) == []


def test_stages_that_do_not_fit_pretrained_models_are_refused_before_anything_is_done(tmp_path):
    recipe = Recipe(pretrained="small", classifier_freeze_to=(-1, -2, -3, -9))
    with pytest.raises(ConfigError, match=r"classifier_freeze_to is .*with 2 layers there are 4 groups"):
        pipeline.run(make_texts(), out=tmp_path / "a", recipe=recipe)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (make_texts("test:8"), "no text with a label is for training"),
        (make_texts("test:8 unsup:8"), "no text with a label is for training"),
        (make_texts().pick(range(0, 24, 2)), "no text for training has the label 'good'"),
        (make_texts(labels=("bad",)), "all texts have one label"),
    ],
)
def test_texts_that_no_classifier_can_learn_from_are_refused_before_anything_is_done(tmp_path, texts, words):
    with pytest.raises(DataError, match=words):
        pipeline.run(texts, out=tmp_path / "a", recipe=TINY)
    with pytest.raises(DataError, match=words):
        classify(texts, tmp_path / "encoder", tmp_path / "b", recipe=TINY)
    assert list(tmp_path.iterdir()) == []


def test_where_no_text_is_left_to_be_scored_nothing_is_trained(ran, tmp_path):
    _, before = ran
    texts = make_texts("train:4")
    for begin in (
        lambda: pipeline.run(texts, out=tmp_path / "a", recipe=TINY),
        lambda: classify(texts, before.out / "encoder-forward", tmp_path / "b", recipe=TINY),
    ):
        with pytest.raises(DataError, match=r"toy\.csv: no text with a label is left to be scored"):
            begin()
    assert list(tmp_path.iterdir()) == []


def test_batch_sizes_are_powers_of_two_that_fit():
    assert [language_model_batch_size(n, 10**6) for n in (10, 16_000, 70_000, 10**7)] == [1, 2, 8, 64]
    assert language_model_batch_size(10**7, 20) == 2  # the validation texts have to fill the rows too
    assert [classifier_batch_size(n) for n in (4, 40, 400, 1_000, 25_000)] == [2, 8, 8, 16, 64]


# ------------------------------------------------------------------------------------------ telling of progress


class Listener(Watch):
    def __init__(self):
        self.stages, self.done, self.lines, self.shortened = [], {}, [], {}

    def plan(self, stages):
        self.stages = stages

    def shorten(self, key, steps):
        self.shortened[key] = steps

    def step(self, key, n=1, text="", share=0.0):
        assert 0 <= share <= 1
        self.done[key] = self.done.get(key, 0) + n
        self.lines += [text] if text else []


def test_every_step_that_was_announced_is_told_of(tmp_path):
    listener = Listener()
    recipe = Recipe(**{**TINY.__dict__, "lm_epochs": 2, "classifier_epochs": (1, 1, 1, 2)})
    pipeline.run(make_texts(), out=tmp_path / "a", recipe=recipe, watch=listener)
    assert {stage.key: stage.steps for stage in listener.stages} == listener.done
    assert list(listener.done.values()) == [32, 2, 5, 2, 5]
    assert len(listener.lines) == 14
    assert all("\n" not in line for line in listener.lines)


# ------------------------------------------------------------------------------------------------ outside data


def test_fastais_sample_goes_the_whole_road(outside_data, tmp_path):
    texts = read_texts(outside_data / "imdb_sample" / "texts.csv")
    some = texts.pick([*range(0, 800, 20), *range(800, 1000, 10)])  # both labels are in both parts
    report = pipeline.run(some, out=tmp_path / "sample", recipe=TINY)
    assert report.receipt["results"]["scored_split"] == "valid"
    assert report.receipt["results"]["scored_texts"] == len(some.subset("valid"))
    assert sorted(path.name for path in report.out.iterdir()) == FILES
