"""Two tiny trainings, a language model's and a classifier's, that the tests of resuming interrupt."""

import json

import numpy as np

from ulmfit_lib.awd_lstm import AWDConfig
from ulmfit_lib.checkpoints import Checkpoints
from ulmfit_lib.classifying import train_classifier
from ulmfit_lib.fine_tuning import FineTuningPlan, Phase, fine_tune_language_model
from ulmfit_lib.freezing import Stage, UnfreezingPlan
from ulmfit_lib.vocab import Vocab

VOCAB = Vocab(["xxunk", "xxpad", "xxbos", *(f"w{i}" for i in range(45))])
CONFIG = AWDConfig(len(VOCAB), emb_sz=16, n_hid=24, n_layers=2)  # with all of its dropout


def some_docs(n, seed):
    rng = np.random.default_rng(seed)
    return [[2, *rng.integers(3, len(VOCAB), rng.integers(3, 30)).tolist()] for _ in range(n)]


TRAIN, VALID = some_docs(60, 0), some_docs(24, 1)
LABELS = ["bad", "good", "so so"]


def language_model(checkpoints: Checkpoints | None = None, plan: FineTuningPlan | None = None, **options):
    """Three epochs in two phases, what was frozen once being frozen again at last."""
    plan = plan or FineTuningPlan((Phase(-1, 1, 2e-2), Phase(0, 1, 1e-2), Phase(-2, 1, 1e-2)), clip=0.3)
    options = {"config": CONFIG, "bs": 4, "seq_len": 7, "device": "cpu", **options}
    return fine_tune_language_model(TRAIN, VALID, VOCAB, plan=plan, checkpoints=checkpoints, **options)


def classifier(checkpoints: Checkpoints | None = None, plan: UnfreezingPlan | None = None, **options):
    """Three epochs in two stages and some steps more, which end in the midst of a second pass."""
    plan = plan or UnfreezingPlan((Stage(-1, 0.02, 1), Stage(-2, 0.01, 2), Stage(0, 0.01, steps=13)))
    labels = [[LABELS[sum(doc) % 3] for doc in docs] for docs in (TRAIN, VALID)]
    options = {"config": CONFIG, "bs": 6, "seq_len": 5, "max_len": 15, "device": "cpu", **options}
    return train_classifier(
        TRAIN, labels[0], VALID, labels[1], VOCAB, plan=plan, clip=0.5, checkpoints=checkpoints, **options
    )


CASES = {"language model": language_model, "classifier": classifier}


def digest(result):
    """All that a training came to but its times: the bits of its weights, and its history."""
    history = result.history
    epochs = [
        {k: v for k, v in vars(log).items() if k not in ("seconds", "tokens_per_second")} for log in history.epochs
    ]
    weights = {name: value.numpy().tobytes().hex() for name, value in result.model.state_dict().items()}
    steps = [history.losses, history.lrs, history.moms]
    return json.loads(json.dumps({"weights": weights, "epochs": epochs, "steps": steps}))


#: Sizes at which PyTorch shares its work among threads.
LARGER = {"config": AWDConfig(len(VOCAB), emb_sz=64, n_hid=96, n_layers=2), "bs": 8, "seq_len": 12}
