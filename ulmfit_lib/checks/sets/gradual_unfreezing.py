"""Problem set 10: which parameters learn, how fast, and when."""

from random import Random

from torch import nn

from ulmfit_lib import freezing
from ulmfit_lib.checks.adapters.gradual_unfreezing import HEADS
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.gradual_unfreezing import MISTAKES

Plan = list[tuple[list[float], int]]


def parameter_groups(model: nn.Module) -> list[list[nn.Parameter]]:
    """Return the parameters of a classifier in groups, from the words up."""
    return freezing.parameter_groups(model)


def discriminative_lrs(lr: float, n_groups: int, factor: float) -> list[float]:
    """Return one rate a group, the last one `lr`, each one before it `factor` times less.

    >>> discriminative_lrs(8.0, 3, 2.0)
    [2.0, 4.0, 8.0]
    """
    return freezing.discriminative_lrs(lr, n_groups, factor)


def slanted_triangular(step: int, n_steps: int, lr: float, cut_frac: float = 0.1, ratio: float = 32.0) -> float:
    """Return the rate of a step on a triangle: up in the first `cut_frac` of the steps, then down.

    >>> slanted_triangular(11, 20, 32.0)
    16.5
    """
    return freezing.slanted_triangular(step, n_steps, lr, cut_frac, ratio)


def unfreezing_plan(lrs: list[float], epochs: list[int], n_groups: int, factor: float) -> Plan:
    """Return the stages of gradual unfreezing: the highest rate of each group, 0.0 where frozen, and the epochs.

    >>> unfreezing_plan([8.0, 4.0], [1, 2], 3, 2.0)
    [([0.0, 0.0, 8.0], 1), ([1.0, 2.0, 4.0], 2)]
    """
    plan = []
    for stage, (lr, n_epochs) in enumerate(zip(lrs, epochs, strict=True), start=1):
        first = freezing.check_freeze_to(-stage if stage < len(lrs) else 0, n_groups)
        rates = freezing.discriminative_lrs(lr, n_groups, factor)
        plan.append(([0.0] * first + rates[first:], n_epochs))
    return plan


def rates_at(plan: Plan, steps_an_epoch: int, step: int) -> list[float]:
    """Return the rate of each group at a step of the whole training, counted from 0; each stage has a triangle.

    >>> rates_at([([0.0, 32.0], 1), ([16.0, 32.0], 1)], 20, 22)
    [16.0, 32.0]
    """
    for highest, n_epochs in plan:
        n_steps = n_epochs * steps_an_epoch
        if step < n_steps:
            return [freezing.slanted_triangular(step, n_steps, lr) for lr in highest]
        step -= n_steps
    raise ValueError("the step lies behind the end of the plan")


def _model(rng: Random) -> Args:
    """Mostly three layers, nothing frozen, nothing shared, as it comes from the language model."""
    n_layers = rng.choice([3, 3, 3, 3, 1, 2, 4])
    head = rng.choice([HEADS[0], HEADS[0], HEADS[0], HEADS[1], HEADS[2]])
    bias = rng.randint(0, 9) >= 7
    n_frozen = rng.choice([0, 0, 0, 0, 1, 2])
    shared = rng.randint(0, 9) >= 7
    return ((n_layers, head, bias, n_frozen, shared),)


def _factor(rng: Random) -> float:
    """More often than not 1.0: the same rate for all, which is what random weights want."""
    return 1.0 if rng.randint(0, 99) < 56 else rng.choice([2.0, 2.6, 3.0])


def _rate_groups_and_factor(rng: Random) -> Args:
    lr = rng.choice([1.0, 0.02, 0.01, 0.005, 0.001])
    return (lr, rng.choice([5, 4, 3, 2, 1]), _factor(rng))


def _step_and_triangle(rng: Random) -> Args:
    """A third on the way up, a third on the way down, a third at the top; the shares mostly divide the steps."""
    cut_frac, part = rng.choice([(0.1, 10), (0.2, 5), (0.25, 4), (0.5, 2)])
    cut = rng.randint(1, 4)
    n_steps = cut * part
    if rng.randint(0, 9) >= 7:
        n_steps += rng.randint(0, part - 1)
    zone = rng.randint(0, 2)
    if zone == 0:
        step = cut
    elif zone == 1:
        step = rng.randint(0, cut - 1)
    else:
        step = rng.randint(cut, n_steps - 1)
    return (step, n_steps, rng.choice([32.0, 1.0, 0.01]), cut_frac, rng.choice([32.0, 10.0]))


def _stages(rng: Random) -> tuple[list[float], list[int]]:
    """Often as many stages as groups, of one rate and of one epoch each."""
    n_stages = rng.randint(1, 4)
    first = rng.choice([8.0, 0.02, 0.01])
    if rng.randint(0, 99) < 58:
        lrs = [first] * n_stages
    else:
        lrs = [first / rng.choice([1, 2, 2, 4]) ** stage for stage in range(n_stages)]
    if rng.randint(0, 99) < 58:
        return lrs, [1] * n_stages
    return lrs, [rng.randint(1, 3) for _ in range(n_stages)]


def _rates_epochs_groups_factor(rng: Random) -> Args:
    lrs, epochs = _stages(rng)
    n_groups = len(lrs) if rng.randint(0, 99) < 58 else min(len(lrs) + rng.randint(1, 2), 5)
    return (lrs, epochs, n_groups, _factor(rng))


def _plan_and_step(rng: Random) -> Args:
    """More often than not a single stage, and mostly epochs of which each stage has one."""
    lrs, epochs = _stages(rng)
    if rng.randint(0, 99) < 56:
        lrs, epochs = lrs[:1], epochs[:1]
    plan = unfreezing_plan(lrs, epochs, min(len(lrs) + rng.randint(0, 1), 3), rng.choice([1.0, 2.0]))
    steps_an_epoch = rng.choice([10, 20, 4])
    step = rng.randint(0, steps_an_epoch * sum(epochs) - 1)
    return (plan, steps_an_epoch, step)


_BOOK = ([0.02, 0.01, 0.005, 0.001], [1, 1, 1, 2], 5, 2.6)

_EXERCISES = (
    Exercise(
        name="parameter_groups",
        points=3,
        difficulty=2,
        minutes=12,
        section="1. Groups, from the words up",
        reference=parameter_groups,
        examples=[
            ((3, "linear", False, 0, False),),
            ((1, "linear", False, 0, False),),
            ((2, "linear", False, 0, False),),
            ((4, "linear", False, 0, False),),
            ((3, "linear", True, 0, False),),
            ((3, "two_linear", False, 0, False),),
            ((3, "norm_and_linear", False, 0, False),),
            ((3, "linear", False, 2, False),),
            ((3, "linear", False, 0, True),),
            ((3, "norm_and_linear", True, 3, True),),
        ],
        inputs=_model,
        hints=(
            "Make a list of the parts first: the embedding, each LSTM layer, the head. Every part is a module, and a "
            "module lists its parameters with .parameters(), whatever is inside it.",
            "With two LSTM layers there are four groups. If the head uses the embedding's own weight, that weight is "
            "in the first group and not in the last: keep the ids of what you have seen, id(parameter).",
            "Reread “1. Groups, from the words up”: list(module.parameters()), part by part, each parameter once.",
        ),
        adapter="gradual_unfreezing.call",
        mistakes=MISTAKES["parameter_groups"],
    ),
    Exercise(
        name="discriminative_lrs",
        points=2,
        difficulty=1,
        minutes=8,
        section="2. A rate for each group",
        reference=discriminative_lrs,
        examples=[
            (8.0, 3, 2.0),
            (8.0, 1, 2.0),
            (8.0, 2, 2.0),
            (8.0, 4, 2.0),
            (1.0, 3, 1.0),
            (0.01, 5, 2.6),
            (0.02, 4, 2.6),
            (27.0, 4, 3.0),
        ],
        inputs=_rate_groups_and_factor,
        hints=(
            "The last group gets lr itself. How many groups further up is it from group number i?",
            "lr=8, three groups, factor 2: the last gets 8, the one before it 8 / 2 = 4, the first 4 / 2 = 2. So "
            "[2, 4, 8].",
            "Reread “2. A rate for each group”: group i is divided by the factor once for each group above it.",
        ),
        properties=(
            Property(
                "no group learns faster than the head",
                lambda args, got: max(got) <= got[-1] * (1 + 1e-9),
            ),
        ),
        tolerance=1e-9,
        mistakes=MISTAKES["discriminative_lrs"],
    ),
    Exercise(
        name="slanted_triangular",
        points=4,
        difficulty=3,
        minutes=15,
        section="3. Up fast, down slowly",
        reference=slanted_triangular,
        examples=[
            (0, 20, 32.0, 0.1, 32.0),
            (1, 20, 32.0, 0.1, 32.0),
            (2, 20, 32.0, 0.1, 32.0),
            (11, 20, 32.0, 0.1, 32.0),
            (19, 20, 32.0, 0.1, 32.0),
            (3, 40, 32.0, 0.1, 32.0),
            (0, 5, 32.0, 0.1, 32.0),
            (1, 5, 32.0, 0.1, 32.0),
            (18, 19, 32.0, 0.1, 32.0),
            (1, 19, 32.0, 0.1, 32.0),
            (5, 9, 1.0, 0.25, 10.0),
            (4, 16, 0.01, 0.25, 10.0),
            (1, 2, 1.0, 0.5, 2.0),
            (3, 40, 32.0),
        ],
        inputs=_step_and_triangle,
        hints=(
            "Do it in two parts: first p, which goes from 0 to 1 and back to 0 along the steps; then the rate, which "
            "goes from lr / ratio, where p is 0, to lr, where p is 1.",
            "20 steps, cut_frac 0.1: cut is 2. p is 0, 1/2, 1 at the steps 0, 1, 2; after that it falls by 1/18 a "
            "step, and is 1/2 at step 11. With lr=32, ratio=32 the rate is 1 + 31 * p: 16.5 at step 11.",
            "Reread “3. Up fast, down slowly”: from the top, n_steps - cut steps lead down to p = 0.",
        ),
        tolerance=1e-9,
        mistakes=MISTAKES["slanted_triangular"],
    ),
    Exercise(
        name="unfreezing_plan",
        points=4,
        difficulty=3,
        minutes=15,
        section="4. One plan",
        reference=unfreezing_plan,
        examples=[
            ([8.0, 4.0], [1, 2], 2, 2.0),
            ([8.0, 4.0], [1, 2], 3, 2.0),
            ([8.0], [3], 3, 2.0),
            ([8.0, 8.0], [1, 1], 3, 1.0),
            ([8.0, 4.0, 2.0], [1, 2, 3], 3, 1.0),
            ([8.0, 8.0, 8.0], [1, 1, 1], 3, 2.0),
            _BOOK,
            ([0.01], [1], 1, 2.6),
        ],
        inputs=_rates_epochs_groups_factor,
        hints=(
            "For each stage: how many groups, counted from the end, learn in it? All the others get 0.0. In the last "
            "stage all of them learn.",
            "lrs=[8, 4], three groups, factor 2. Stage 0: the head alone, [0.0, 0.0, 8.0]. Stage 1 is the last, so "
            "all learn: [1.0, 2.0, 4.0], which is what discriminative_lrs(4, 3, 2) gives.",
            "Reread “4. One plan”: the rates are always those of all the groups; being frozen only makes a 0.0 of "
            "some.",
        ),
        tolerance=1e-9,
        mistakes=MISTAKES["unfreezing_plan"],
    ),
    Exercise(
        name="rates_at",
        points=4,
        difficulty=4,
        minutes=18,
        section="5. What learns how fast at step 1,000?",
        reference=rates_at,
        examples=[
            ([([32.0], 1)], 20, 0),
            ([([32.0], 1)], 20, 2),
            ([([8.0, 32.0], 1)], 20, 11),
            ([([0.0, 32.0], 1)], 20, 1),
            ([([32.0], 2)], 20, 22),
            ([([32.0], 2)], 10, 10),
            ([([0.0, 32.0], 1), ([16.0, 32.0], 1)], 20, 22),
            ([([0.0, 32.0], 1), ([16.0, 32.0], 1)], 20, 20),
            ([([0.0, 32.0], 1), ([16.0, 32.0], 1)], 20, 19),
            ([([0.0, 32.0], 2), ([16.0, 32.0], 3)], 10, 35),
            ([([0.0, 0.0, 32.0], 1), ([0.0, 16.0, 32.0], 1), ([8.0, 16.0, 32.0], 2)], 10, 39),
        ],
        inputs=_plan_and_step,
        hints=(
            "Go through the stages and take from `step` what each one lasts, until the step lies in the stage that "
            "you look at. What is left of it then is the step within that stage.",
            "Two stages of 20 steps. Step 22 is step 2 of the second stage, and there the triangle is at its top: "
            "the rates are the highest ones of the second stage.",
            "Reread “5. What learns how fast at step 1,000?”: a stage lasts its epochs times the steps of an epoch, "
            "and has one triangle, from its first step to its last.",
        ),
        tolerance=1e-9,
        mistakes=MISTAKES["rates_at"],
    ),
)

PROBLEM_SET = ProblemSet("10_gradual_unfreezing", "Gradual unfreezing", _EXERCISES)
