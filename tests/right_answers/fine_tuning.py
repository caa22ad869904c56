"""At least two other algorithms for every exercise of problem set 06, each able to stand alone."""


def match_embeddings__a_row_at_a_time(old_weight, old_tokens, new_tokens):
    import torch

    rows = []
    for token in new_tokens:
        rows.append(old_weight[old_tokens.index(token)] if token in old_tokens else old_weight.mean(0))
    return torch.stack(rows)


def match_embeddings__a_matrix_of_shares(old_weight, old_tokens, new_tokens):
    import torch

    shares = torch.full((len(new_tokens), len(old_tokens)), 1 / len(old_tokens))
    for row, token in enumerate(new_tokens):
        if token in old_tokens:
            shares[row] = 0
            shares[row, old_tokens.index(token)] = 1
    return shares @ old_weight


def match_embeddings__begin_with_the_mean(old_weight, old_tokens, new_tokens):
    new = old_weight.mean(0, keepdim=True).repeat_interleave(len(new_tokens), dim=0)
    place = {token: row for row, token in enumerate(new_tokens)}
    for row, token in enumerate(old_tokens):
        if token in place:
            new[place[token]] = old_weight[row]
    return new


def freeze_to__slices(groups, n):
    count = len(groups)
    first = (n + count) % count
    for group in groups[:first]:
        for parameter in group:
            parameter.requires_grad_(False)
    for group in groups[first:]:
        for parameter in group:
            parameter.requires_grad_(True)


def freeze_to__who_learns(groups, n):
    learning = {id(parameter) for group in groups[n:] for parameter in group}
    for group in groups:
        for parameter in group:
            parameter.requires_grad = id(parameter) in learning


def freeze_to__from_the_end(groups, n):
    left = -n if n < 0 else len(groups) - n
    set_already = set()
    for group in reversed(groups):
        for parameter in group:
            if id(parameter) not in set_already:
                parameter.requires_grad = left > 0
                set_already.add(id(parameter))
        left -= 1


def count_trainable__a_list_of_objects(groups):
    met = []
    for group in groups:
        for parameter in group:
            if not any(parameter is one for one in met):
                met.append(parameter)
    return sum(one.numel() for one in met if one.requires_grad)


def count_trainable__torch_counts_shared_ones_once(groups):
    import torch

    every = torch.nn.ParameterList([parameter for group in groups for parameter in group])
    total = 0
    for parameter in every.parameters():
        if parameter.requires_grad:
            size = 1
            for length in parameter.shape:
                size *= length
            total += size
    return total


def one_cycle__sine_squared(step, n_steps, lr):
    from math import pi, sin

    if 4 * step < n_steps:
        share = sin(pi * 4 * step / n_steps / 2) ** 2
        return lr / 25 * (1 - share) + lr * share, 0.8 * (1 - share) + 0.7 * share
    share = sin(pi * (4 * step - n_steps) / (3 * n_steps) / 2) ** 2
    return lr * (1 - share) + lr / 100000 * share, 0.7 * (1 - share) + 0.8 * share


def one_cycle__complex_numbers(step, n_steps, lr):
    from cmath import exp, pi

    up = step / n_steps < 0.25
    turn = step / n_steps * 4 if up else (step / n_steps - 0.25) / 0.75
    wave = exp(1j * pi * turn).real  # from 1 to -1
    ends = ((lr / 25, lr), (0.8, 0.7)) if up else ((lr, lr / 1e5), (0.7, 0.8))
    rate, momentum = ((a + b) / 2 + wave * (a - b) / 2 for a, b in ends)
    return rate, momentum


def resume_position__walk(done, n_batches, phases):
    phase = epoch = batch = in_phase = 0
    for _ in range(done):
        batch += 1
        if batch == n_batches:
            batch, epoch, in_phase = 0, epoch + 1, in_phase + 1
            if in_phase == phases[phase]:
                phase, in_phase = phase + 1, 0
    return phase, epoch, batch


def resume_position__a_list_of_all_steps(done, n_batches, phases):
    of_epoch = [phase for phase, length in enumerate(phases) for _ in range(length)]
    steps = [(phase, epoch, batch) for epoch, phase in enumerate(of_epoch) for batch in range(n_batches)]
    steps.append((len(phases), len(of_epoch), 0))
    return steps[done]


def resume_position__bisect(done, n_batches, phases):
    from bisect import bisect_right
    from itertools import accumulate

    ends = [n_batches * total for total in accumulate(phases)]
    return bisect_right(ends, done), done // n_batches, done % n_batches


def encoder_state__partition(state):
    found = {}
    for name, weight in state.items():
        part, _, rest = name.partition(".")
        if part == "encoder":
            found[rest] = weight
    return found


def encoder_state__slices(state):
    found = dict(state)
    for name in state:
        weight = found.pop(name)
        if name[:8] == "encoder.":
            found[name[8:]] = weight
    return found


def encoder_state__pattern(state):
    import re

    matches = [(re.fullmatch(r"encoder\.(.*)", name), weight) for name, weight in state.items()]
    return {match[1]: weight for match, weight in matches if match}
