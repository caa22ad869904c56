"""Wrong answers to problem set 10; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("parameter_groups")
def counts_shared_ones_twice(model):
    """A parameter that two parts share stands in two groups, and an optimizer would move it twice a step: it belongs
    to the first part that holds it."""
    parts = [model.encoder.encoder, *model.encoder.rnns, model.head]
    return [list(part.parameters()) for part in parts]


@MISTAKES.of("parameter_groups")
def leaves_out_what_is_frozen(model):
    """It leaves out parameters that are frozen at the moment. A group says what belongs together; freezing comes
    later and must be able to find them again."""
    seen, groups = set(), []
    for part in [model.encoder.encoder, *model.encoder.rnns, model.head]:
        group = [p for p in part.parameters() if p.requires_grad and id(p) not in seen]
        seen.update(id(p) for p in group)
        groups.append(group)
    return groups


@MISTAKES.of("parameter_groups")
def takes_weights_only(model):
    """It takes what is called weight and leaves out the biases, which learn as well: .parameters() lists both."""
    seen, groups = set(), []
    for part in [model.encoder.encoder, *model.encoder.rnns, model.head]:
        group = []
        for name, parameter in part.named_parameters():
            if "weight" in name and id(parameter) not in seen:
                seen.add(id(parameter))
                group.append(parameter)
        groups.append(group)
    return groups


@MISTAKES.of("parameter_groups")
def takes_the_last_layer_for_the_head(model):
    """Of the head it takes the last layer alone; what stands before that would never learn. The head is one part, with
    everything in it."""
    seen, groups = set(), []
    for part in [model.encoder.encoder, *model.encoder.rnns, model.head[-1]]:
        group = [p for p in part.parameters() if id(p) not in seen]
        seen.update(id(p) for p in group)
        groups.append(group)
    return groups


@MISTAKES.of("parameter_groups")
def counts_on_three_layers(model):
    """It names three LSTM layers; a model may have fewer or more. Go through model.encoder.rnns, however many there
    are."""
    rnns = model.encoder.rnns
    seen, groups = set(), []
    for part in [model.encoder.encoder, rnns[0], rnns[1], rnns[2], model.head]:
        group = [p for p in part.parameters() if id(p) not in seen]
        seen.update(id(p) for p in group)
        groups.append(group)
    return groups


@MISTAKES.of("parameter_groups")
def passes_over_batch_norm(model):
    """It passes over batch normalisation, which has a weight and a bias of its own: take all the parameters of the
    head, whatever layer they belong to."""
    seen, groups = set(), []
    for part in [model.encoder.encoder, *model.encoder.rnns, model.head]:
        group = []
        for module in part.modules():
            if type(module).__name__.startswith("BatchNorm"):
                continue
            group += [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(id(p) for p in group)
        groups.append(group)
    return groups


@MISTAKES.of("discriminative_lrs")
def gives_the_high_rate_to_the_words(lr, n_groups, factor):
    """It is the right list the wrong way round: the embedding would learn fastest and the head slowest. The last group
    gets lr."""
    return [lr / factor**number for number in range(n_groups)]


@MISTAKES.of("discriminative_lrs")
def spaces_them_evenly(lr, n_groups, factor):
    """Its first and last rate are right, but between them it adds the same amount at each step: each rate is `factor`
    times the one before it."""
    low = lr / factor ** (n_groups - 1)
    if n_groups == 1:
        return [lr]
    return [low + (lr - low) * number / (n_groups - 1) for number in range(n_groups)]


@MISTAKES.of("discriminative_lrs")
def divides_once_too_often(lr, n_groups, factor):
    """It divides once too often, so not even the head gets lr. The last group is divided by the factor zero times."""
    return [lr / factor ** (n_groups - number) for number in range(n_groups)]


@MISTAKES.of("discriminative_lrs")
def counts_on_five_groups(lr, n_groups, factor):
    """It divides by factor ** 4 for the first group, as the book does for its five groups. With another number of
    groups the exponent is another one."""
    return [lr / factor ** (4 - number) for number in range(n_groups)]


@MISTAKES.of("discriminative_lrs")
def divides_by_multiples(lr, n_groups, factor):
    """It divides by the factor for one group and by twice the factor for the next. Each group is `factor` times slower
    than the one above it, so it is a power of the factor."""
    distances = [n_groups - 1 - number for number in range(n_groups)]
    return [lr / (factor * distance if distance and factor != 1 else 1) for distance in distances]


@MISTAKES.of("slanted_triangular")
def begins_at_zero(step, n_steps, lr, cut_frac, ratio):
    """On the way up it begins at zero, so the first step teaches nothing: the lowest rate is lr / ratio, at both
    ends."""
    import math

    cut = max(1, math.floor(n_steps * cut_frac))
    if step < cut:
        return lr * step / cut
    p = 1 - (step - cut) / (n_steps - cut)
    return lr * (1 + p * (ratio - 1)) / ratio


@MISTAKES.of("slanted_triangular")
def falls_to_zero(step, n_steps, lr, cut_frac, ratio):
    """On the way down it goes towards zero: it ends at lr / ratio, where it began."""
    import math

    cut = max(1, math.floor(n_steps * cut_frac))
    if step < cut:
        return lr * (1 + step / cut * (ratio - 1)) / ratio
    return lr * (1 - (step - cut) / (n_steps - cut))


@MISTAKES.of("slanted_triangular")
def falls_too_slowly(step, n_steps, lr, cut_frac, ratio):
    """The way down is shared out over all n_steps, and is not over when the training is: from the top, only
    n_steps - cut steps are left."""
    import math

    cut = max(1, math.floor(n_steps * cut_frac))
    p = step / cut if step < cut else 1 - (step - cut) / n_steps
    return lr * (1 + p * (ratio - 1)) / ratio


@MISTAKES.of("slanted_triangular")
def rises_on_a_cosine(step, n_steps, lr, cut_frac, ratio):
    """It rises on a cosine, as one-cycle does. A triangle has straight sides."""
    import math

    cut = max(1, math.floor(n_steps * cut_frac))
    p = (1 - math.cos(math.pi * step / cut)) / 2 if step < cut else 1 - (step - cut) / (n_steps - cut)
    return lr * (1 + p * (ratio - 1)) / ratio


@MISTAKES.of("slanted_triangular")
def may_have_no_way_up(step, n_steps, lr, cut_frac, ratio):
    """In a short training `cut_frac * n_steps` is below 1, and then it begins at the top: the way up takes one step at
    least."""
    import math

    cut = math.floor(n_steps * cut_frac)
    p = step / cut if step < cut else 1 - (step - cut) / (n_steps - cut)
    return lr * (1 + p * (ratio - 1)) / ratio


@MISTAKES.of("slanted_triangular")
def is_the_papers_formula(step, n_steps, lr, cut_frac, ratio):
    """This is the formula as the paper prints it. Where cut_frac * n_steps is not whole, its way down is too steep and
    goes below lr / ratio, even below zero: from the top, n_steps - cut steps lead down."""
    import math

    cut = max(1, math.floor(n_steps * cut_frac))
    p = step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_frac - 1))
    return lr * (1 + p * (ratio - 1)) / ratio


@MISTAKES.of("unfreezing_plan")
def never_unfreezes_the_rest(lrs, epochs, n_groups, factor):
    """It adds one group a stage to the very end, so with fewer stages than groups the first groups never learn. In the
    last stage all groups do."""
    plan = []
    for stage, (lr, n_epochs) in enumerate(zip(lrs, epochs, strict=True), start=1):
        rates = [lr / factor ** (n_groups - 1 - number) for number in range(n_groups)]
        first = max(n_groups - stage, 0)
        plan.append(([0.0] * first + rates[first:], n_epochs))
    return plan


@MISTAKES.of("unfreezing_plan")
def spreads_over_what_learns(lrs, epochs, n_groups, factor):
    """It spreads the whole range from lr / factor ** (n_groups - 1) to lr over the groups that learn in this stage.
    A group's distance from the head does not depend on what is frozen."""
    plan = []
    for stage, (lr, n_epochs) in enumerate(zip(lrs, epochs, strict=True), start=1):
        n_learning = stage if stage < len(lrs) else n_groups
        low = lr / factor ** (n_groups - 1)
        rates = [lr]
        if n_learning > 1:
            rates = [low * (lr / low) ** (number / (n_learning - 1)) for number in range(n_learning)]
        plan.append(([0.0] * (n_groups - n_learning) + rates, n_epochs))
    return plan


@MISTAKES.of("unfreezing_plan")
def gives_the_high_rate_to_the_wrong_end(lrs, epochs, n_groups, factor):
    """The group that was unfrozen last gets the highest rate, and the head the lowest: it is the head that has most
    to learn."""
    plan = []
    for stage, (lr, n_epochs) in enumerate(zip(lrs, epochs, strict=True), start=1):
        n_learning = stage if stage < len(lrs) else n_groups
        rates = [lr / factor**number for number in range(n_learning)]
        plan.append(([0.0] * (n_groups - n_learning) + rates, n_epochs))
    return plan


@MISTAKES.of("unfreezing_plan")
def keeps_the_first_rate(lrs, epochs, n_groups, factor):
    """Every stage has the first stage's rate. Each has a highest rate of its own: the more learns, the lower it is."""
    plan = []
    for stage, n_epochs in enumerate(epochs, start=1):
        rates = [lrs[0] / factor ** (n_groups - 1 - number) for number in range(n_groups)]
        first = n_groups - stage if stage < len(lrs) else 0
        plan.append(([0.0] * first + rates[first:], n_epochs))
    return plan


@MISTAKES.of("unfreezing_plan")
def makes_all_stages_equally_long(lrs, epochs, n_groups, factor):
    """Every stage lasts as long as the first. `epochs` holds a length for each stage."""
    plan = []
    for stage, lr in enumerate(lrs, start=1):
        rates = [lr / factor ** (n_groups - 1 - number) for number in range(n_groups)]
        first = n_groups - stage if stage < len(lrs) else 0
        plan.append(([0.0] * first + rates[first:], epochs[0]))
    return plan


@MISTAKES.of("rates_at")
def draws_one_triangle(plan, steps_an_epoch, step):
    """It draws one triangle over the whole training, so the later stages only ever see the end of it. Each stage has
    a triangle of its own."""
    total = sum(n_epochs for _, n_epochs in plan) * steps_an_epoch
    cut = max(1, total // 10)
    p = step / cut if step < cut else 1 - (step - cut) / (total - cut)
    for highest, n_epochs in plan:
        if step < n_epochs * steps_an_epoch:
            return [lr * (1 + p * 31) / 32 for lr in highest]
        step -= n_epochs * steps_an_epoch
    return None


@MISTAKES.of("rates_at")
def takes_a_stage_for_an_epoch(plan, steps_an_epoch, step):
    """Its stages last one epoch each. A stage lasts its epochs times the steps of an epoch."""
    highest, _ = plan[min(step // steps_an_epoch, len(plan) - 1)]
    step %= steps_an_epoch
    cut = max(1, steps_an_epoch // 10)
    p = step / cut if step < cut else 1 - (step - cut) / (steps_an_epoch - cut)
    return [lr * (1 + p * 31) / 32 for lr in highest]


@MISTAKES.of("rates_at")
def begins_anew_each_epoch(plan, steps_an_epoch, step):
    """It begins a new triangle in every epoch. A stage of several epochs has one triangle, from its first step to its
    last."""
    for highest, n_epochs in plan:
        if step < n_epochs * steps_an_epoch:
            step %= steps_an_epoch
            cut = max(1, steps_an_epoch // 10)
            p = step / cut if step < cut else 1 - (step - cut) / (steps_an_epoch - cut)
            return [lr * (1 + p * 31) / 32 for lr in highest]
        step -= n_epochs * steps_an_epoch
    return None


@MISTAKES.of("rates_at")
def ends_a_stage_one_step_late(plan, steps_an_epoch, step):
    """The first step of a stage still belongs to the stage before it. Steps are counted from 0, so a stage of 20 steps
    has the steps 0 to 19."""
    for highest, n_epochs in plan:
        n_steps = n_epochs * steps_an_epoch
        if step <= n_steps:
            cut = max(1, n_steps // 10)
            p = step / cut if step < cut else 1 - (step - cut) / (n_steps - cut)
            return [lr * (1 + p * 31) / 32 for lr in highest]
        step -= n_steps
    return None


@MISTAKES.of("rates_at")
def counts_from_the_very_first_step(plan, steps_an_epoch, step):
    """It finds the right stage, but asks its triangle for the step of the whole training: within a stage, steps are
    counted from the stage's own beginning."""
    begin = 0
    for highest, n_epochs in plan:
        n_steps = n_epochs * steps_an_epoch
        if step < begin + n_steps:
            cut = max(1, n_steps // 10)
            p = step / cut if step < cut else 1 - (step - cut) / (n_steps - cut)
            return [lr * (1 + p * 31) / 32 for lr in highest]
        begin += n_steps
    return None
