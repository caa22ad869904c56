"""At least two other algorithms for every exercise of problem set 10, each able to stand alone."""


def parameter_groups__by_name(model):
    """Walks once through all names, which PyTorch gives without repeats, and sorts them into numbered boxes."""
    n_layers = len(model.encoder.rnns)
    groups = [[] for _ in range(n_layers + 2)]
    for name, parameter in model.named_parameters():
        parts = name.split(".")
        if parts[0] == "head":
            place = n_layers + 1
        elif parts[1] == "encoder":
            place = 0
        else:
            place = int(parts[2]) + 1
        groups[place].append(parameter)
    return groups


def parameter_groups__sequential_of_the_rest(model):
    """Takes from the set of all parameters what each part holds, until none is left."""
    left = {id(p): p for p in model.parameters()}
    parts = [model.encoder.encoder]
    parts.extend(model.encoder.rnns.children())
    parts.append(model.head)
    return [[left.pop(key) for key in [id(p) for p in part.parameters()] if key in left] for part in parts]


def discriminative_lrs__from_the_head_down(lr, n_groups, factor):
    rates = [lr]
    while len(rates) < n_groups:
        rates.insert(0, rates[0] / factor)
    return rates


def discriminative_lrs__numpy(lr, n_groups, factor):
    import numpy as np

    return np.geomspace(lr / factor ** (n_groups - 1), lr, n_groups).tolist()


def discriminative_lrs__logarithms(lr, n_groups, factor):
    import math

    return [math.exp(math.log(lr) - distance * math.log(factor)) for distance in range(n_groups)][::-1]


def slanted_triangular__numpy_interpolation(step, n_steps, lr, cut_frac=0.1, ratio=32.0):
    import numpy as np

    cut = max(1, int(n_steps * cut_frac))
    return float(np.interp(step, [0, cut, n_steps], [lr / ratio, lr, lr / ratio]))


def slanted_triangular__the_lower_of_two_lines(step, n_steps, lr, cut_frac=0.1, ratio=32.0):
    cut = max(1, int(n_steps * cut_frac))
    low = lr / ratio
    up = low + (lr - low) * step / cut
    down = low + (lr - low) * (n_steps - step) / (n_steps - cut)
    return min(up, down)


def slanted_triangular__step_by_step(step, n_steps, lr, cut_frac=0.1, ratio=32.0):
    cut = max(1, int(n_steps * cut_frac))
    low = lr / ratio
    rate = low
    for number in range(step):
        rate += (lr - low) / cut if number < cut else -(lr - low) / (n_steps - cut)
    return rate


def unfreezing_plan__numpy_table(lrs, epochs, n_groups, factor):
    import numpy as np

    powers = factor ** -np.arange(n_groups - 1.0, -1.0, -1.0)
    table = np.outer(lrs, powers)
    learning = np.minimum(np.arange(1, len(lrs) + 1), n_groups)
    learning[-1] = n_groups
    table[np.arange(n_groups) < (n_groups - learning)[:, None]] = 0.0
    return [(row.tolist(), n) for row, n in zip(table, epochs, strict=True)]


def unfreezing_plan__backward_from_the_last_stage(lrs, epochs, n_groups, factor):
    plan = []
    for stage in range(len(lrs) - 1, -1, -1):
        rates = []
        rate = lrs[stage]
        n_learning = n_groups if stage == len(lrs) - 1 else stage + 1
        for distance in range(n_groups):
            rates.append(rate if distance < n_learning else 0.0)
            rate /= factor
        plan.insert(0, (rates[::-1], epochs[stage]))
    return plan


def rates_at__whole_table(plan, steps_an_epoch, step):
    """Makes the rates of every step and looks one up."""
    import numpy as np

    table = []
    for highest, n_epochs in plan:
        n_steps = n_epochs * steps_an_epoch
        cut = max(1, n_steps // 10)
        shape = np.interp(np.arange(n_steps), [0, cut, n_steps], [1 / 32, 1, 1 / 32])
        table.append(np.outer(shape, highest))
    return np.concatenate(table)[step].tolist()


def rates_at__bisect(plan, steps_an_epoch, step):
    from bisect import bisect_right
    from itertools import accumulate

    ends = list(accumulate(n_epochs * steps_an_epoch for _, n_epochs in plan))
    stage = bisect_right(ends, step)
    begin = ends[stage - 1] if stage else 0
    n_steps, inside = ends[stage] - begin, step - begin
    cut = max(1, n_steps // 10)
    up, down = inside / cut, (n_steps - inside) / (n_steps - cut)
    return [lr / 32 + lr * 31 / 32 * min(up, down) for lr in plan[stage][0]]


def rates_at__recursion(plan, steps_an_epoch, step):
    (highest, n_epochs), *rest = plan
    n_steps = n_epochs * steps_an_epoch
    if step >= n_steps:
        return rates_at(rest, steps_an_epoch, step - n_steps)  # noqa: F821 (itself)
    cut = max(1, n_steps // 10)
    share = step / cut if step < cut else (n_steps - step) / (n_steps - cut)
    return [lr * (1 + 31 * share) / 32 for lr in highest]
