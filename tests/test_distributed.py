"""Two processes that share a training come to what one comes to."""

import pytest
import torch
from resume_cases import VOCAB

from ulmfit_lib.awd_lstm import AWDConfig
from ulmfit_lib.checkpoints import Checkpoints
from ulmfit_lib.distributed import Group, fine_tune_in_processes
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.fine_tuning import FineTuningPlan, Phase, fine_tune_language_model

COUNTING = [[2, *(3 + (start + i) % 9 for i in range(9 + start % 5))] for start in range(80)]
DATA = (COUNTING, COUNTING[:20], VOCAB)
DROPS = dict.fromkeys(AWDConfig.dropout_names(), 0.0)
OPTIONS = {
    "config": AWDConfig(len(VOCAB), emb_sz=16, n_hid=24, n_layers=2, **DROPS),
    "plan": FineTuningPlan((Phase(-1, 1, 2e-2), Phase(0, 1, 2e-2)), clip=0.3),
    "bs": 6,
    "seq_len": 7,
    "device": "cpu",
}


def test_two_processes_have_the_losses_of_one():
    """Dropout is off: it is drawn for the rows of each process apart, as it is for each row of one."""
    torch.set_num_threads(1)
    alone = fine_tune_language_model(*DATA, **OPTIONS)
    lines = []
    shared = fine_tune_in_processes(2, *DATA, tell=lines.append, threads=1, **OPTIONS)
    assert len(alone.history.losses) > 20
    assert shared.history.losses == pytest.approx(alone.history.losses, abs=2e-5)
    assert shared.history.lrs == alone.history.lrs
    assert shared.history.tokens == alone.history.tokens
    for one, other in zip(shared.history.epochs, alone.history.epochs, strict=True):
        assert (one.train_loss, one.valid_loss) == pytest.approx((other.train_loss, other.valid_loss), abs=2e-5)
        assert one.accuracy == pytest.approx(other.accuracy, abs=0.005)  # of two words nearly alike either may win
    for name, weight in alone.model.state_dict().items():
        torch.testing.assert_close(shared.model.state_dict()[name], weight, atol=2e-4, rtol=2e-3)
    assert len(lines) == 2
    assert alone.history.losses[-1] < alone.history.losses[0] - 0.1  # something was learnt


def test_two_processes_that_were_stopped_go_on_to_the_same_bits(tmp_path):
    """Ctrl-C comes while they train; each has its own hidden state and its own dropout to go on with."""
    torch.set_num_threads(1)
    options = {**OPTIONS, "config": AWDConfig(len(VOCAB), emb_sz=16, n_hid=24, n_layers=2), "seed": 2}
    whole = fine_tune_in_processes(2, *DATA, threads=1, **options)
    kept, lines = Checkpoints(tmp_path / "a.checkpoint", every_steps=2, resume=True), []

    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fine_tune_in_processes(2, *DATA, tell=interrupt, threads=1, checkpoints=kept, **options)
    again = fine_tune_in_processes(2, *DATA, tell=lines.append, threads=1, checkpoints=kept, **options)
    assert lines[0].startswith("going on from the checkpoint of step ")
    assert again.history.losses == whole.history.losses
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], weight), name
    with pytest.raises(ArtifactError, match="its processes is 2, and 1 is asked for"):
        fine_tune_language_model(*DATA, checkpoints=kept, **options)


def test_rows_are_shared_evenly_or_not_at_all():
    assert [Group(rank, 3).rows(6) for rank in range(3)] == [slice(0, 2), slice(2, 4), slice(4, 6)]
    with pytest.raises(ConfigError, match="batch size of 6 cannot be shared evenly by 4 processes"):
        fine_tune_in_processes(4, *DATA, **OPTIONS)


def test_what_several_processes_cannot_do_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="out cannot be had in several processes"):
        fine_tune_in_processes(2, *DATA, **OPTIONS, out=tmp_path)
