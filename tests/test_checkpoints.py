"""Checkpoints inside one process: what they hold, what is refused, what happens when they cannot be written."""

import json
import os
import resource
import signal

import pytest
import torch
from fastai.text.all import Callback
from resume_cases import CASES, language_model
from resume_cases import digest as outcome

from ulmfit_lib import checkpoint_files, checkpoints
from ulmfit_lib.checkpoint_state import check_same_training, random_state, set_random_state
from ulmfit_lib.checkpoints import Checkpoints
from ulmfit_lib.errors import ArtifactError, ConfigError, TrainingError
from ulmfit_lib.fine_tuning import FineTuningPlan

torch.set_num_threads(1)


class Died(BaseException):
    """As sudden as a power cut: nothing of ours catches it."""


class Event(Callback):
    """Does something at the n-th batch, those of the validation counted too."""

    order = 89  # after the step, before its checkpoint

    def __init__(self, n, act):
        self.n, self.act, self.count = n, act, 0

    def after_batch(self):
        self.count += 1
        if self.count == self.n:
            self.act(self.learn)


@pytest.fixture
def at_batch(monkeypatch):
    """Let the next training do something at its n-th batch."""

    def prepare(n, act):
        run = checkpoints.Checkpointer.running

        def running(self):
            self.learn.add_cb(Event(n, act))
            return run(self)

        monkeypatch.setattr(checkpoints.Checkpointer, "running", running)

    yield prepare
    monkeypatch.undo()


@pytest.fixture(scope="module")
def whole():
    return {name: outcome(train()) for name, train in CASES.items()}


def die(_learn):
    raise Died


def spoil(learn):
    learn.model.encoder.encoder.weight.data[5] = float("nan")


# Going on -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("every", "share"), [(4, 0.05), (4, 0.31), (1, 0.5), (1, 0.66), (3, 0.87), (2, 0.99)])
def test_a_training_that_died_goes_on_to_the_same_bits(tmp_path, at_batch, monkeypatch, whole, case, every, share):
    n_valid = 12 if case == "language model" else 4
    n_batches = len(whole[case]["steps"][0]) + n_valid * len(whole[case]["epochs"])
    kept = Checkpoints(tmp_path / "a.checkpoint", every_steps=every, resume=True)
    at_batch(round(share * n_batches), die)
    with pytest.raises(Died):
        CASES[case](kept)
    monkeypatch.undo()
    lines = []
    again = CASES[case](kept, progress=lines.append)
    assert outcome(again) == whole[case]
    if share * n_batches > every:
        assert lines[0].startswith("going on from the checkpoint of step ")


def test_checkpoints_change_nothing_and_are_deleted_when_all_is_saved(tmp_path, whole):
    kept = Checkpoints(tmp_path / "a.checkpoint", every_steps=3)
    assert outcome(language_model(kept)) == whole["language model"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.checkpoint", "a.checkpoint.previous"]
    language_model(kept, out=tmp_path / "lm")
    assert [path.name for path in tmp_path.iterdir()] == ["lm"]


@pytest.mark.parametrize("case", CASES)
def test_a_training_that_was_finished_is_not_trained_again(tmp_path, whole, at_batch, case):
    kept = Checkpoints(tmp_path / "a.checkpoint", resume=True)
    CASES[case](kept)
    at_batch(1, die)  # no batch comes
    assert outcome(CASES[case](kept)) == whole[case]


def test_without_resume_a_checkpoint_is_not_read(tmp_path, at_batch, monkeypatch, whole):
    kept = Checkpoints(tmp_path / "a.checkpoint", every_steps=1)
    at_batch(30, die)
    with pytest.raises(Died):
        language_model(kept, seed=5)
    monkeypatch.undo()
    assert outcome(language_model(kept)) == whole["language model"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_after_the_step_and_loses_nothing(tmp_path, at_batch, monkeypatch, whole, case, number):
    kept = Checkpoints(tmp_path / "a.checkpoint", resume=True)
    before = signal.getsignal(number)
    at_batch(17, lambda _learn: os.kill(os.getpid(), number))
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit):
        CASES[case](kept)
    assert signal.getsignal(number) is before
    monkeypatch.undo()
    position = checkpoint_files.read_checkpoint(kept.file).state["position"]
    lines = []
    assert outcome(CASES[case](kept, progress=lines.append)) == whole[case]
    assert lines[0] == f"going on from the checkpoint of step {position['step']}"
    assert position["batch"] > 0


def test_minutes_between_checkpoints(tmp_path, monkeypatch):
    clock = iter(range(0, 100_000, 30))  # half a minute a look
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: next(clock))
    written = []
    monkeypatch.setattr(
        checkpoints.Checkpointer, "write", lambda self, part, epoch, batch: written.append((part, epoch, batch))
    )
    language_model(Checkpoints(tmp_path / "a", every_minutes=1e6))
    assert [batch for _, _, batch in written] == [0, 0, 0]  # the ends of the epochs
    language_model(Checkpoints(tmp_path / "a", every_minutes=2))
    assert sum(batch > 0 for _, _, batch in written) > 20
    assert {"train", "valid"} == {part for part, _, batch in written if batch}


@pytest.mark.parametrize("options", [{"every_steps": 0}, {"every_minutes": -1}])
def test_numbers_that_make_no_sense(tmp_path, options):
    with pytest.raises(ConfigError, match="must be more than 0"):
        Checkpoints(tmp_path / "a", **options)


@pytest.mark.parametrize("gpu", [0, 1])
def test_the_random_numbers_of_a_gpu_go_back_to_that_gpu(monkeypatch, gpu):
    asked, told = [], []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: asked.append(device) or "its state")
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *state_and_device: told.append(state_and_device))
    device = torch.device("cuda", gpu)
    saved = random_state(device)
    set_random_state(saved, device)
    assert (asked, told) == ([device], [("its state", device)])
    set_random_state(saved, torch.device("cpu"))  # gone on with where there is no GPU
    assert len(told) == 1
    assert random_state(torch.device("cpu"))["cuda"] is None


def test_a_training_that_goes_on_draws_on_the_device_of_its_model(tmp_path, at_batch, monkeypatch):
    kept, devices = interrupted(tmp_path, at_batch, monkeypatch), []
    monkeypatch.setattr("ulmfit_lib.checkpoints.set_random_state", lambda _saved, device: devices.append(device))
    at_batch(1, die)
    with pytest.raises(Died):
        language_model(kept)
    assert devices == [torch.device("cpu")]


# What is refused ------------------------------------------------------------------------------------------------------


def interrupted(tmp_path, at_batch, monkeypatch, n=20, every=3):
    kept = Checkpoints(tmp_path / "a.checkpoint", every_steps=every, resume=True)
    at_batch(n, die)
    with pytest.raises(Died):
        language_model(kept)
    monkeypatch.undo()
    return kept


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"seed": 3}, "its seed is 0, and 3 is asked for"),
        ({"direction": "backward"}, "its direction is forward, and backward is asked for"),
        ({"bs": 5}, "its batch size is 4, and 5 is asked for"),
        ({"plan": FineTuningPlan.from_scratch(3)}, "its plan is"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused_by_name(tmp_path, at_batch, monkeypatch, options, words):
    kept = interrupted(tmp_path, at_batch, monkeypatch)
    with pytest.raises(ArtifactError, match=words):
        language_model(kept, **options)


def test_what_is_refused_says_how_to_begin_anew():
    with pytest.raises(ArtifactError, match=r"belongs to another training: .*or begin anew by --restart\.$"):
        check_same_training({"bs": 4}, {"bs": 5}, "a.checkpoint")


def test_a_checkpoint_made_with_other_threads_is_used_and_it_is_said(tmp_path, at_batch, monkeypatch):
    kept = interrupted(tmp_path, at_batch, monkeypatch)
    lines = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    at_batch(1, die)
    with pytest.raises(Died):
        language_model(kept, progress=lines.append)
    assert lines[0] == "the checkpoint was made with threads 1, not 2: the last digits may differ."


@pytest.mark.parametrize("damage", ["cut", "altered", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_it(tmp_path, at_batch, monkeypatch, whole, damage):
    kept = interrupted(tmp_path, at_batch, monkeypatch)
    data = kept.file.read_bytes()
    middle = len(data) * 2 // 3
    spoilt = {"cut": data[:middle], "empty": b"", "altered": data[:middle] + b"\xff\xfe" * 8 + data[middle + 16 :]}
    kept.file.write_bytes(spoilt[damage])
    lines = []
    assert outcome(language_model(kept, progress=lines.append)) == whole["language model"]
    assert "damaged" in lines[0] or "altered" in lines[0]
    assert lines[0].endswith("The checkpoint before it is used.")
    assert "anew" not in lines[0]


def test_a_damaged_checkpoint_with_none_before_it_is_refused(tmp_path):
    path = tmp_path / "a.checkpoint"
    checkpoint_files.write_checkpoint(path, {"x": torch.ones(9)})
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(
        ArtifactError, match=r"a\.checkpoint: this checkpoint is cut short or damaged\. Begin anew by --restart\.$"
    ):
        language_model(Checkpoints(path, resume=True))


def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(tmp_path, at_batch, monkeypatch, whole):
    kept = Checkpoints(tmp_path / "a.checkpoint", every_steps=5, resume=True)
    at_batch(13, spoil)
    with pytest.raises(TrainingError, match=r"the loss is nan at step 13 of epoch 0\..*checkpoint of step 10 is kept"):
        language_model(kept)
    monkeypatch.undo()
    assert outcome(language_model(kept)) == whole["language model"]


def test_weights_that_are_spoilt_are_never_kept(tmp_path, at_batch, monkeypatch, whole):
    kept = Checkpoints(tmp_path / "a.checkpoint", every_steps=5, resume=True)
    at_batch(15, spoil)  # between the step and its checkpoint
    with pytest.raises(TrainingError, match=r"no finite number any more after step 14 of epoch 0.*step 10 is kept"):
        language_model(kept)
    monkeypatch.undo()
    assert outcome(language_model(kept)) == whole["language model"]


def test_a_full_disk_stops_the_training_and_keeps_the_last_checkpoint(tmp_path, at_batch, monkeypatch, whole):
    """The limit on the size of a file stands for the disk: the write itself fails, half way."""
    kept = Checkpoints(tmp_path / "a.checkpoint", every_steps=5, resume=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    at_batch(14, lambda _learn: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard)))
    try:
        with pytest.raises(ArtifactError, match=r"cannot be written: File too large\. The one before it is kept"):
            language_model(kept)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.checkpoint", "a.checkpoint.previous"]
    assert checkpoint_files.read_checkpoint(kept.file).state["position"]["step"] == 10
    assert outcome(language_model(kept)) == whole["language model"]


# The file -------------------------------------------------------------------------------------------------------------


def test_the_file_holds_what_was_put_in_and_shared_tensors_once(tmp_path):
    path, tied = tmp_path / "a.checkpoint", torch.arange(5000.0)
    state = {
        "model": {"a.b": tied, "c": tied, "empty": torch.zeros(0)},
        "list": [torch.tensor(3), 0.1, None, True, "x", []],
        "half": torch.ones(3, dtype=torch.bfloat16),
    }
    checkpoint_files.write_checkpoint(path, state)
    assert path.stat().st_size < 25_000
    found = checkpoint_files.read_checkpoint(path).state
    assert torch.equal(found["model"]["a.b"], tied)
    assert torch.equal(found["model"]["c"], tied)
    assert found["list"][0].item() == 3
    assert found["list"][1:] == state["list"][1:]
    assert found["half"].dtype == torch.bfloat16
    assert found["model"]["a.b"].data_ptr() % 64 == 0  # as PyTorch's own, see the module


def test_the_file_is_numbers_and_json_and_nothing_that_runs(tmp_path):
    path = tmp_path / "a.checkpoint"
    checkpoint_files.write_checkpoint(path, {"x": torch.ones(2), "n": 1})
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["checkpoint"])["state"] == {"x": {"$tensor": "x"}, "n": 1}
    assert len(data) == 8 + int.from_bytes(data[:8], "little") + 8
    with pytest.raises(TypeError, match="x/0: a checkpoint holds no object"):
        checkpoint_files.write_checkpoint(path, {"x": [object()]})


def test_a_checkpoint_of_another_format_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.checkpoint"
    monkeypatch.setattr(checkpoint_files, "FORMAT", 99)
    checkpoint_files.write_checkpoint(path, {})
    monkeypatch.undo()
    with pytest.raises(
        ArtifactError, match=r"has format 99; this version of ulmfit_lib reads format 1\..* by --restart,"
    ):
        checkpoint_files.read_checkpoint(path)


def test_killed_between_the_two_renames_the_one_before_is_used(tmp_path):
    path = tmp_path / "a.checkpoint"
    checkpoint_files.write_checkpoint(path, {"n": 1})
    os.replace(path, checkpoint_files.previous(path))
    assert checkpoint_files.exists(path)
    assert checkpoint_files.read_checkpoint(path) == ({"n": 1}, "")
    checkpoint_files.remove(path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ArtifactError, match="there is no such checkpoint"):
        checkpoint_files.read_checkpoint(path)
