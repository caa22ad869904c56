"""At least two other algorithms for every exercise of problem set 05, each able to stand alone."""


def lstm_cell__one_matrix_for_both(x, h, c, w_ih, w_hh, b_ih, b_hh):
    import torch

    both = torch.cat([x, h], dim=1)
    weights = torch.cat([w_ih, w_hh], dim=1)
    gates = torch.einsum("bi,gi->bg", both, weights) + (b_ih + b_hh)
    n = h.shape[1]
    opened = torch.sigmoid(gates)
    new_c = opened[:, n : 2 * n] * c + opened[:, :n] * torch.tanh(gates[:, 2 * n : 3 * n])
    return opened[:, 3 * n :] * torch.tanh(new_c), new_c


def lstm_cell__a_product_for_each_gate(x, h, c, w_ih, w_hh, b_ih, b_hh):
    import torch

    def part(number):
        rows = slice(number * h.shape[1], (number + 1) * h.shape[1])
        return torch.addmm(b_ih[rows], x, w_ih[rows].T) + torch.addmm(b_hh[rows], h, w_hh[rows].T)

    new_c = c * part(1).sigmoid() + part(2).tanh() * part(0).sigmoid()
    return new_c.tanh() * part(3).sigmoid(), new_c


def lstm_cell__number_by_number(x, h, c, w_ih, w_hh, b_ih, b_hh):
    import math

    import torch

    bs, n = h.shape
    new_h, new_c = torch.empty_like(h), torch.empty_like(c)
    inputs, states, cells = x.tolist(), h.tolist(), c.tolist()
    from_input, from_state, bias = w_ih.tolist(), w_hh.tolist(), (b_ih + b_hh).tolist()
    for row in range(bs):
        for unit in range(n):
            sums = []
            for gate in range(4):
                place = gate * n + unit
                total = bias[place] + sum(w * value for w, value in zip(from_input[place], inputs[row], strict=True))
                sums.append(total + sum(w * value for w, value in zip(from_state[place], states[row], strict=True)))
            i, f, o = (1 / (1 + math.exp(-sums[gate])) for gate in (0, 1, 3))
            cell = f * cells[row][unit] + i * math.tanh(sums[2])
            new_c[row, unit] = cell
            new_h[row, unit] = o * math.tanh(cell)
    return new_h, new_c


def dropout_mask__compare_with_p(like, size, p):
    import torch

    numbers = torch.rand(size, device=like.device)
    return (numbers >= p).to(like.dtype) / (1 - p)


def dropout_mask__choose_between_two(like, size, p):
    import torch

    kept = like.new_full((1,), 1 / (1 - p))
    coins = torch.bernoulli(torch.full(size, p, device=like.device)).bool()
    return torch.where(coins, torch.zeros_like(kept), kept)


def dropout_mask__a_binomial_draw(like, size, p):
    import torch

    draws = torch.distributions.Binomial(1, torch.tensor(1.0 - p)).sample(size)
    return draws.to(like) / (1 - p)


def rnn_dropout__fill_with_zeros(x, p, training):
    import torch

    if not training:
        return x
    lost = torch.rand(x.shape[0], x.shape[2]) < p
    return (x / (1 - p)).masked_fill(lost[:, None, :], 0.0)


def rnn_dropout__row_by_row(x, p, training):
    import torch

    if not training or p == 0:
        return x.clone()
    rows = []
    for row in x:
        mask = torch.bernoulli(torch.full((x.shape[2],), 1 - p)) / (1 - p)
        rows.append(torch.stack([step * mask for step in row]))
    return torch.stack(rows)


def embedding_dropout__lose_some_rows(weight, ids, p, training):
    import torch

    if not training or p == 0:
        return weight[ids]
    lost = torch.rand(len(weight)) < p
    table = weight / (1 - p)
    table[lost] = 0
    return torch.nn.functional.embedding(ids, table)


def embedding_dropout__a_number_for_each_word(weight, ids, p, training):
    import torch

    vectors = torch.index_select(weight, 0, ids.flatten()).reshape(*ids.shape, -1)
    if not training:
        return vectors
    numbers = torch.bernoulli(torch.full((len(weight),), 1 - p)) / (1 - p)
    return vectors * numbers[ids].unsqueeze(-1)


def weight_dropout__scatter_zeros(x, state, weights, p, training):
    import torch

    h, c = state
    w_ih, w_hh, b_ih, b_hh = weights
    n = h.shape[1]
    recurrent = w_hh.clone()
    if training:
        recurrent[torch.rand(recurrent.shape) < p] = 0
        recurrent = recurrent / (1 - p)
    read = torch.einsum("bti,gi->tbg", x, w_ih) + (b_ih + b_hh)
    outputs = torch.empty(x.shape[1], len(x), n)
    for step, from_input in enumerate(read):
        gates = from_input + h @ recurrent.T
        opened = gates.sigmoid()
        c = opened[:, n : 2 * n] * c + opened[:, :n] * gates[:, 2 * n : 3 * n].tanh()
        h = opened[:, 3 * n :] * c.tanh()
        outputs[step] = h
    return outputs.transpose(0, 1), (h, c)


def weight_dropout__step_after_step_by_itself(x, state, weights, p, training):
    import torch

    w_ih, w_hh, b_ih, b_hh = weights
    kept = torch.bernoulli(torch.full_like(w_hh, 1 - p if training else 1.0))
    recurrent = w_hh * kept / (1 - p if training else 1.0)

    def read(t, h, c):
        if t == x.shape[1]:
            return [], (h, c)
        sums = torch.addmm(b_ih, x[:, t], w_ih.T) + torch.addmm(b_hh, h, recurrent.T)
        i, f, g, o = sums.reshape(len(h), 4, -1).unbind(1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        later, last = read(t + 1, h, c)
        return [h, *later], last

    outputs, last = read(0, *state)
    return torch.stack(outputs, 1), last


def tied_logits__einsum(output, weight, bias):
    import torch

    return torch.einsum("bte,ve->btv", output, weight) + bias


def tied_logits__word_by_word(output, weight, bias):
    import torch

    scores = [(output * vector).sum(dim=-1) + own for vector, own in zip(weight, bias, strict=True)]
    return torch.stack(scores, dim=-1)


def tied_logits__bias_as_one_more_feature(output, weight, bias):
    import torch

    ones = torch.ones(*output.shape[:2], 1)
    return torch.cat([output, ones], dim=2).matmul(torch.cat([weight, bias[:, None]], dim=1).transpose(0, 1))


def perplexity__cross_entropy(logits, targets):
    import torch

    return torch.exp(torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets)).item()


def perplexity__geometric_mean(logits, targets):
    import torch

    places = torch.nn.functional.one_hot(targets, logits.shape[-1]).bool()
    losses = torch.logsumexp(logits, dim=-1) - logits[places].reshape(targets.shape)
    return float(torch.exp(losses.double().sum() / targets.numel()))


def perplexity__token_by_token(logits, targets):
    import math

    total, count = 0.0, 0
    for rows, right in zip(logits.tolist(), targets.tolist(), strict=True):
        for scores, target in zip(rows, right, strict=True):
            highest = max(scores)
            total += highest - scores[target] + math.log(sum(math.exp(score - highest) for score in scores))
            count += 1
    return math.exp(total / count)


def next_token_accuracy__highest_is_the_targets(logits, targets):
    chosen = logits.gather(2, targets[:, :, None])[:, :, 0]
    return (chosen >= logits.amax(dim=-1)).double().mean().item()


def next_token_accuracy__count_in_python(logits, targets):
    right = 0
    for rows, wanted in zip(logits.tolist(), targets.tolist(), strict=True):
        for scores, target in zip(rows, wanted, strict=True):
            right += scores.index(max(scores)) == target
    return right / targets.numel()


def next_token_accuracy__sort(logits, targets):
    first = logits.flatten(0, 1).sort(dim=-1, descending=True).indices[:, 0]
    return int((first == targets.flatten()).sum()) / len(first)


def ar_tar_penalty__diff(raw, dropped, alpha, beta):
    import torch

    steps = torch.diff(raw, dim=1)
    change = steps.square().sum() / max(steps.numel(), 1)
    return alpha * dropped.square().sum() / dropped.numel() + beta * change


def ar_tar_penalty__mean_squared_errors(raw, dropped, alpha, beta):
    import torch

    penalty = alpha * torch.nn.functional.mse_loss(dropped, torch.zeros_like(dropped))
    if raw.shape[1] > 1:
        penalty = penalty + beta * torch.nn.functional.mse_loss(raw[:, 1:], raw[:, :-1])
    return penalty


def ar_tar_penalty__step_by_step(raw, dropped, alpha, beta):
    from itertools import pairwise

    import torch

    changes = [(after - before) ** 2 for before, after in pairwise(raw.unbind(1))]
    penalty = alpha * torch.stack([step**2 for step in dropped.unbind(1)]).mean()
    return penalty + beta * torch.stack(changes).mean() if changes else penalty
