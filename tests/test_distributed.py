"""Two processes that share a training come to what one comes to."""

import numpy as np
import pytest
import torch
from resume_cases import VOCAB

from ulmfit_lib import distributed
from ulmfit_lib.awd_lstm import AWDLSTM, AWDConfig
from ulmfit_lib.checkpoints import Checkpoints
from ulmfit_lib.classifying import train_classifier
from ulmfit_lib.distributed import Group, fine_tune_in_processes, train_in_processes
from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.fine_tuning import FineTuningPlan, Phase, fine_tune_language_model
from ulmfit_lib.freezing import Stage, UnfreezingPlan

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


# Of lengths so different that the processes have unequal shares of the words of a batch.
RANDOM = np.random.default_rng(0)
DOCS = [[2, *RANDOM.integers(3, 12, 4 + start**3 % 61).tolist()] for start in range(60)]
LABELS = [("few", "many")[doc.count(5) > len(doc) / 9] for doc in DOCS]
LABELLED, JUDGED = (DOCS[:47], LABELS[:47]), (DOCS[47:], LABELS[47:])
CLASSIFIER = {
    "config": OPTIONS["config"],
    "plan": UnfreezingPlan((Stage(-1, 5e-3, epochs=1), Stage(0, 5e-3, epochs=2))),
    "bs": 6,
    "seq_len": 5,
    "max_len": 60,
    "ps": (0.0,),
    "device": "cpu",
}


def test_two_processes_have_the_losses_of_one_in_the_classifier_too():
    """Documents of several lengths, a last batch that is not full, and a validation that ends in a single document."""
    assert (len(LABELLED[0]) % 6, len(JUDGED[0]) % 6) == (5, 1)
    torch.set_num_threads(1)
    encoder = AWDLSTM(OPTIONS["config"], seed=5)
    with torch.no_grad():  # it tells words well apart: what is all alike, batch normalisation would blow up
        encoder.encoder.weight.mul_(10)
    options = {**CLASSIFIER, "encoder": encoder, "alpha": 50.0, "beta": 50.0}  # so that AR and TAR cannot hide
    alone = train_classifier(*LABELLED, *JUDGED, VOCAB, **options)
    lines = []
    shared = train_in_processes(2, train_classifier, *LABELLED, *JUDGED, VOCAB, tell=lines.append, threads=1, **options)
    assert len(alone.history.losses) == 24
    assert shared.history.losses == pytest.approx(alone.history.losses, abs=2e-5)
    assert shared.history.lrs == alone.history.lrs
    np.testing.assert_allclose(shared.valid_probs, alone.valid_probs, atol=2e-5)
    for name, weight in alone.model.state_dict().items():  # what batch normalisation has counted, too
        torch.testing.assert_close(shared.model.state_dict()[name], weight, atol=2e-4, rtol=2e-3)
    assert len(lines) == 3
    without = train_classifier(*LABELLED, *JUDGED, VOCAB, **{**options, "alpha": 0.0, "beta": 0.0})
    assert without.history.losses != pytest.approx(alone.history.losses, abs=1e-3)


def test_two_processes_that_were_stopped_go_on_to_the_same_bits_in_the_classifier_too(tmp_path):
    torch.set_num_threads(1)
    options = {**CLASSIFIER, "config": AWDConfig(len(VOCAB), emb_sz=16, n_hid=24, n_layers=2), "seed": 2}
    data = (train_classifier, *LABELLED, *JUDGED, VOCAB)
    whole = train_in_processes(2, *data, threads=1, **options)
    kept, lines = Checkpoints(tmp_path / "a.checkpoint", every_steps=2, resume=True), []

    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_in_processes(2, *data, tell=interrupt, threads=1, checkpoints=kept, **options)
    again = train_in_processes(2, *data, tell=lines.append, threads=1, checkpoints=kept, **options)
    assert lines[0].startswith("going on from the checkpoint of step ")
    assert again.history.losses == whole.history.losses
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], weight), name


def test_a_batch_needs_a_document_for_each_process():
    with pytest.raises(ConfigError, match="Use bs=7 or more"):
        train_classifier(*LABELLED, *JUDGED, VOCAB, **CLASSIFIER, group=Group(0, 7))


def test_rows_are_shared_evenly_or_not_at_all():
    assert [Group(rank, 3).rows(6) for rank in range(3)] == [slice(0, 2), slice(2, 4), slice(4, 6)]
    with pytest.raises(ConfigError, match="batch size of 6 cannot be shared evenly by 4 processes"):
        fine_tune_in_processes(4, *DATA, **OPTIONS)


def test_what_several_processes_cannot_do_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="out cannot be had in several processes"):
        fine_tune_in_processes(2, *DATA, **OPTIONS, out=tmp_path)


def test_a_process_without_a_document_of_its_own_gives_no_gradient(monkeypatch):
    """Three documents, four processes: the last one reads a document of another, and it counts for nothing."""

    def gather(parts, whole):
        for rank, part in enumerate(parts):
            part.copy_(whole if rank == 3 else torch.full_like(whole, float(rank)))

    monkeypatch.setattr(distributed.dist, "all_gather", gather)
    mine = torch.full((1, 2), 9.0, requires_grad=True)
    rows = distributed._RowsOfAll.apply(mine, Group(3, 4), 3)
    assert rows.tolist() == [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]
    rows.sum().backward()
    assert mine.grad.tolist() == [[0.0, 0.0]]
