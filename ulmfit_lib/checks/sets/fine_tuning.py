"""Problem set 06: from a general language model to one for the texts at hand."""

from random import Random
from typing import Any

import numpy as np

from ulmfit_lib import freezing, pretrained
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.fine_tuning import MISTAKES

_WORDS = ("the", "film", "actor", "plot", "ending")
_NEW_WORDS = ("popcorn", "sequel", "trailer")


def encoder_state(state: dict[str, Any]) -> dict[str, Any]:
    """Return the weights of the encoder under the names that they have within the encoder.

    >>> encoder_state({"encoder.rnns.0.weight_hh": 1, "decoder.bias": 2})
    {'rnns.0.weight_hh': 1}
    """
    prefix = "encoder."
    return {name[len(prefix) :]: weight for name, weight in state.items() if name.startswith(prefix)}


def count_trainable(groups: list[list[Any]]) -> int:
    """Return how many numbers learn, in all groups together; a shared parameter counts once.

    >>> import torch
    >>> shared, other = torch.nn.Parameter(torch.zeros(3, 2)), torch.nn.Parameter(torch.zeros(5))
    >>> count_trainable([[shared], [other], [shared]])
    11
    """
    parameters = {id(parameter): parameter for group in groups for parameter in group}
    return sum(parameter.numel() for parameter in parameters.values() if parameter.requires_grad)


def one_cycle(step: int, n_steps: int, lr: float) -> tuple[float, float]:
    """Return the rate and the momentum of a step.

    >>> rate, momentum = one_cycle(2, 8, 1.0)
    >>> round(rate, 6), round(momentum, 6)
    (1.0, 0.7)
    """
    return freezing.one_cycle(step, n_steps, lr), freezing.one_cycle_momentum(step, n_steps)


def resume_position(done: int, n_batches: int, phases: list[int]) -> tuple[int, int, int]:
    """Return (phase, epoch, batch) of the next step; the epoch is counted through all phases.

    >>> resume_position(25, 10, [1, 3])
    (1, 2, 5)
    """
    epoch, batch = divmod(done, n_batches)
    phase, end = 0, 0
    for length in phases:
        end += length
        phase += epoch >= end
    return phase, epoch, batch


def _rows(rng: Random, n_rows: int, n_columns: int) -> np.ndarray:
    """Small whole numbers, so that a message can be read; a bias (one axis) if there are no columns."""
    shape = (n_rows, n_columns) if n_columns else (n_rows,)
    numbers = [float(rng.randint(0, 9)) for _ in range(n_rows * max(n_columns, 1))]
    return np.array(numbers, dtype=np.float32).reshape(shape)


def _rows_and_tokens(rng: Random) -> Args:
    """Most have the old words in their old places and no new one; some change places, some add words."""
    old = ["xxunk", *_WORDS[: rng.randint(1, 4)]]
    new = list(old)
    if rng.randint(0, 9) >= 6:
        new.remove(rng.choice(old[1:]))
    if rng.randint(0, 9) >= 6:
        new += _NEW_WORDS[: rng.randint(1, 2)]
    if rng.randint(0, 9) >= 7:
        rng.shuffle(new)
    n_columns = rng.choice([1, 2, 2, 3, 0, 0]) if rng.randint(0, 9) >= 3 else 2
    return (_rows(rng, len(old), n_columns), old, new)


def _state(rng: Random) -> Args:
    """Names as libraries give them; every fourth one has a word in it that a careless cut would hit."""
    embedding = rng.choice(["words", "words", "words", "encoder"])
    layers = rng.choice(["layers", "layers", "layers", "rnns"])
    names = [f"encoder.{embedding}.weight"]
    for layer in range(rng.randint(1, 2)):
        names.append(f"encoder.{layers}.{layer}.weight_hh")
    if rng.randint(0, 9) >= 6:
        names += [name.replace("weight_hh", "bias_hh") for name in names if name.endswith("_hh")]
    names += rng.choice([["decoder.weight"], ["decoder.weight", "decoder.bias"], []])
    if rng.randint(0, 9) >= 7:
        names.append("head.encoder.scale")
    return ({name: _rows(rng, 2, 0) for name in names},)


def _groups(rng: Random) -> list[list[str]]:
    """Two to four groups, often of one parameter each, sometimes with an embedding that the last one shares."""
    lone = rng.randint(0, 9) < 6
    groups = [
        [f"{kind}{number}" for kind in "wbc"[: 1 if lone else rng.randint(1, 3)]] for number in range(rng.randint(2, 4))
    ]
    if rng.randint(0, 9) >= 6:
        groups[-1].append("w0")
    return groups


def _groups_and_number(rng: Random) -> Args:
    groups = _groups(rng)
    last = len(groups) - 1
    n = rng.choice([last, last, -1, 0, rng.randint(0, last), -rng.randint(1, last + 1)])
    frozen = [group[0] for group in groups[: rng.randint(1, len(groups))]] if rng.randint(0, 9) >= 6 else []
    return (groups, frozen, n)


def _groups_with_shapes(rng: Random) -> Args:
    """Shapes differ from parameter to parameter in most; a third has columns of one, a third vectors too."""
    groups = _groups(rng)
    names = list(dict.fromkeys(name for group in groups for name in group))
    rows = rng.sample(range(2, 2 + len(names)), len(names))
    if rng.randint(0, 9) >= 7:
        rows = [rng.randint(2, 3) for _ in names]
    kind = rng.choice(["columns", "vectors", "matrices"])
    shapes = {}
    for name, n_rows in zip(names, rows, strict=True):
        if kind == "vectors" and name[0] in "bc":
            shapes[name] = [n_rows]
        else:
            shapes[name] = [n_rows, rng.randint(2, 3) if kind == "matrices" else 1]
    frozen = [groups[0][0]] if rng.randint(0, 9) >= 6 else []
    return (groups, shapes, frozen)


def _step(rng: Random) -> Args:
    """Most ask for the middle of the way down, where many curves meet; the others for any step."""
    n_steps = rng.choice([8, 16, 40, 80])
    if rng.randint(0, 9) < 6:
        return (n_steps * 5 // 8, n_steps, rng.choice([1.0, 0.5, 0.02]))
    n_steps = rng.choice([n_steps, rng.randint(1, 30)])
    return (rng.randint(0, n_steps), n_steps, rng.choice([1.0, 0.5, 0.02]))


def _steps_done(rng: Random) -> Args:
    """A quarter is at the very beginning, another at the beginning of an epoch, and most are in the first phase."""
    n_batches = rng.randint(2, 9)
    phases = [rng.randint(1, 4) for _ in range(rng.choice([1, 1, 2, 3]))]
    within = phases[0] if rng.randint(0, 9) < 4 else sum(phases)
    kind = rng.randint(0, 11)
    if kind < 4:
        done = 0
    elif kind < 7:
        done = n_batches * rng.randint(1, within)
    else:
        done = rng.randint(1, within * n_batches)
    return (done, n_batches, phases)


_MATRIX = np.array([[1, 10], [2, 20], [6, 60]], dtype=np.float32)
_BIAS = np.array([1, 2, 6], dtype=np.float32)
_OLD = ["the", "film", "actor"]
_STATE_NAMES = ("encoder.encoder.weight", "encoder.rnns.0.weight_hh", "decoder.weight", "decoder.bias")


def _numbered_state(*names: str) -> dict[str, np.ndarray]:
    return {name: np.array([number, number + 0.5], dtype=np.float32) for number, name in enumerate(names)}


_EXERCISES = (
    Exercise(
        name="match_embeddings",
        points=3,
        difficulty=3,
        minutes=14,
        section="1. A row for every word",
        reference=pretrained.match_embeddings,
        adapter="tensors.call",
        tolerance=1e-5,
        examples=[
            (_MATRIX, _OLD, ["the", "film", "actor"]),
            (_MATRIX, _OLD, ["film", "the", "actor"]),
            (_MATRIX, _OLD, ["film", "popcorn"]),
            (_MATRIX, _OLD, ["popcorn", "sequel"]),
            (_MATRIX, ["xxunk", "film", "actor"], ["xxunk", "popcorn", "actor"]),
            (_BIAS, _OLD, ["film", "the"]),
            (_BIAS, _OLD, ["popcorn", "actor", "the", "film"]),
            (_MATRIX[:1], ["the"], ["popcorn", "the"]),
        ],
        inputs=_rows_and_tokens,
        hints=(
            "A dictionary from each old token to its row makes this quick. For a token that it lacks you need the "
            "mean over the rows: along dim 0.",
            "Rows [1, 10], [2, 20], [6, 60] for the, film, actor. The new list film, popcorn gives [2, 20] and the "
            "mean, [3, 30].",
            "Reread “1. A row for every word”: the mean is that of all old rows, and a bias is matched like a matrix.",
        ),
        properties=(Property("there is a row for every new token", lambda args, got: len(got) == len(args[2])),),
        mistakes=MISTAKES["match_embeddings"],
    ),
    Exercise(
        name="freeze_to",
        points=3,
        difficulty=3,
        minutes=14,
        section="2. Who learns",
        reference=freezing.freeze_to,
        adapter="fine_tuning.freezing",
        examples=[
            ([["w0"], ["w1"]], [], -1),
            ([["w0"], ["w1"]], [], 0),
            ([["w0"], ["w1"], ["w2"]], [], 1),
            ([["w0"], ["w1"], ["w2"]], [], -2),
            ([["w0"], ["w1"], ["w2"]], ["w0", "w1"], -2),
            ([["w0", "b0"], ["w1", "b1"]], [], 1),
            ([["w0"], ["w1"], ["w0", "b2"]], [], -1),
            ([["w0"], ["w1"], ["w0", "b2"]], ["w0"], 2),
        ],
        inputs=_groups_and_number,
        hints=(
            "First find the number of the first group that learns; for a negative n it is len(groups) + n. Then give "
            "every parameter its requires_grad, True or False.",
            "Three groups and n = -2: group 1 is the first that learns. Group 0 is frozen, groups 1 and 2 learn, "
            "whatever they did before.",
            "Reread “2. Who learns”, to the end: a parameter that stands in two groups learns if one of them does.",
        ),
        mistakes=MISTAKES["freeze_to"],
    ),
    Exercise(
        name="count_trainable",
        points=2,
        difficulty=2,
        minutes=9,
        section="3. How much of it learns",
        reference=count_trainable,
        adapter="fine_tuning.counting",
        examples=[
            ([["w0"]], {"w0": [3, 2]}, []),
            ([["w0"], ["w1"]], {"w0": [3, 2], "w1": [4, 2]}, ["w0"]),
            ([["w0", "b0"]], {"w0": [3, 2], "b0": [5]}, []),
            ([["w0"], ["w1"], ["w0", "b2"]], {"w0": [3, 2], "w1": [4, 4], "b2": [3]}, []),
            ([["b0"], ["b1"]], {"b0": [4], "b1": [4]}, []),
            ([["w0"], ["w0"]], {"w0": [3, 1]}, ["w0"]),
        ],
        inputs=_groups_with_shapes,
        hints=(
            "parameter.numel() says how many numbers a tensor holds. How do you notice that you meet the very same "
            "parameter a second time?",
            "Groups [emb], [w], [emb, bias] with 6, 16 and 3 numbers: emb counts once, so 6 + 16 + 3 = 25, not 31.",
            "Reread “3. How much of it learns”: `is` or `id` asks whether two are the same object; == compares "
            "numbers.",
        ),
        mistakes=MISTAKES["count_trainable"],
    ),
    Exercise(
        name="one_cycle",
        points=4,
        difficulty=3,
        minutes=16,
        section="4. One cycle",
        reference=one_cycle,
        tolerance=1e-12,
        examples=[
            (0, 8, 1.0),
            (2, 8, 1.0),
            (8, 8, 1.0),
            (5, 8, 1.0),
            (1, 8, 1.0),
            (1, 16, 1.0),
            (3, 16, 0.5),
            (7, 16, 0.02),
            (1, 6, 1.0),
            (2, 7, 1.0),
            (0, 1, 1.0),
        ],
        inputs=_step,
        hints=(
            "Write cosine(start, end, position) first. Then ask: is step / n_steps below a quarter? How far along its "
            "own part is it, between 0 and 1?",
            "8 steps, lr = 1: step 1 is half-way up, so the rate is the middle of 0.04 and 1, which is 0.52, and the "
            "momentum 0.75. Step 5 is half-way down.",
            "Reread “4. One cycle”: the rate goes lr / 25, lr, lr / 100,000; the momentum goes 0.8, 0.7, 0.8.",
        ),
        mistakes=MISTAKES["one_cycle"],
    ),
    Exercise(
        name="resume_position",
        points=3,
        difficulty=3,
        minutes=12,
        section="5. Going on after an interruption",
        reference=resume_position,
        examples=[
            (0, 10, [1, 3]),
            (5, 10, [1, 3]),
            (25, 10, [1, 3]),
            (10, 10, [1, 3]),
            (20, 10, [1, 3]),
            (30, 10, [4]),
            (40, 10, [1, 3]),
            (39, 10, [1, 3]),
            (7, 2, [2, 1, 1]),
            (4, 2, [2, 1, 1]),
        ],
        inputs=_steps_done,
        hints=(
            "How many whole epochs are done, and how many batches of the next? divmod tells both. Then walk along the "
            "phases until you find the one that this epoch is in.",
            "25 steps of 10 batches, phases of 1 and 3 epochs: epochs 0 and 1 are done, and 5 batches of epoch 2, "
            "which is in phase 1. So (1, 2, 5).",
            "Reread “5. Going on after an interruption”: the epoch is counted through all phases, and where an epoch "
            "is done the next one begins at batch 0.",
        ),
        mistakes=MISTAKES["resume_position"],
    ),
    Exercise(
        name="encoder_state",
        points=2,
        difficulty=2,
        minutes=8,
        section="6. Saving the encoder",
        reference=encoder_state,
        adapter="tensors.call",
        examples=[
            (_numbered_state("encoder.words.weight", "decoder.weight"),),
            (_numbered_state(*_STATE_NAMES),),
            (_numbered_state("encoder.layers.0.weight_hh", "encoder.layers.0.bias_hh", "decoder.bias"),),
            (_numbered_state("encoder.rnns.0.weight_hh", "encoder.rnns.1.weight_hh"),),
            (_numbered_state("encoder.words.weight", "head.encoder.scale"),),
            ({},),
        ],
        inputs=_state,
        hints=(
            "Go through state.items(), keep what begins with 'encoder.', and cut that off the front of the name: once.",
            "'encoder.encoder.weight' becomes 'encoder.weight': the first encoder is the part of the model, the second "
            "the embedding's name inside it.",
            "Reread “6. Saving the encoder”: str.removeprefix does what is wanted; str.replace and str.lstrip do not.",
        ),
        mistakes=MISTAKES["encoder_state"],
    ),
)

PROBLEM_SET = ProblemSet("06_fine_tuning", "Fine-tuning the language model", _EXERCISES)
