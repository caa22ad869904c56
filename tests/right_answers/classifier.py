"""At least two other algorithms for every exercise of problem set 09, each able to stand alone."""


def first_pooled_token__count_up(length, seq_len, max_len):
    first = 0
    while length - first > max_len:
        first += seq_len
    return first


def first_pooled_token__ask_every_chunk(length, seq_len, max_len):
    return next(first for first in range(0, length + seq_len, seq_len) if first >= length - max_len)


def pooling_mask__cell_by_cell(lengths, seq_len, max_len):
    import torch

    rows = []
    for length in lengths:
        row = []
        for place in range(max(lengths)):
            chunk_begins = place - place % seq_len
            row.append(place >= length or length - chunk_begins > max_len)
        rows.append(row)
    return torch.tensor(rows)


def pooling_mask__write_into_it(lengths, seq_len, max_len):
    import torch

    mask = torch.ones(len(lengths), max(lengths), dtype=torch.bool)
    for row, length in enumerate(lengths):
        n_chunks = 0
        while length - n_chunks * seq_len > max_len:
            n_chunks += 1
        mask[row, n_chunks * seq_len : length] = False
    return mask


def encode_in_chunks__one_document_at_a_time(encoder, ids, lengths, seq_len, max_len):
    import torch

    firsts = [-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths]
    begin, longest = min(firsts), max(lengths)
    output = torch.zeros(len(lengths), longest - begin, 2, dtype=torch.float64)
    mask = torch.ones(len(lengths), longest - begin, dtype=torch.bool)
    rows = []
    for row, (length, first) in enumerate(zip(lengths, firsts, strict=True)):
        state, kept = None, []
        for start in range(0, length, seq_len):
            piece, state = encoder(ids[row : row + 1, start : min(start + seq_len, length)], state)
            state = [one.detach() for one in state]
            if start >= first:
                kept.append(piece[0])
        filled = output[row].clone()
        filled[first - begin : length - begin] = torch.cat(kept)
        rows.append(filled)
        mask[row, first - begin : length - begin] = False
    return torch.stack(rows), mask


def encode_in_chunks__two_loops(encoder, ids, lengths, seq_len, max_len):
    import torch

    firsts = torch.tensor([-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths])
    begin = int(firsts.min())
    state = None
    with torch.no_grad():
        for chunk in ids[:, :begin].split(seq_len, dim=1) if begin else ():
            _, state = encoder(chunk, state)
    outputs = []
    for chunk in ids[:, begin:].split(seq_len, dim=1):
        output, state = encoder(chunk, state)
        outputs.append(output)
        state = [one.detach() for one in state]
    place = torch.arange(begin, ids.shape[1])
    pooled = (place >= firsts[:, None]) & (place < torch.tensor(lengths)[:, None])
    return torch.cat(outputs, dim=1), ~pooled


def masked_concat_pool__row_by_row(output, mask):
    import torch

    rows = []
    for one, its_mask in zip(output, mask, strict=True):
        real = one[~its_mask]
        rows.append(torch.cat([real[-1], real.max(dim=0).values, real.mean(dim=0)]))
    return torch.stack(rows)


def masked_concat_pool__weights(output, mask):
    import torch

    real = (~mask).to(output.dtype)
    mean = torch.einsum("btf,bt->bf", output, real / real.sum(dim=1, keepdim=True))
    lowest = torch.finfo(output.dtype).min
    largest = torch.where(mask[:, :, None], torch.full_like(output, lowest), output).amax(dim=1)
    from_the_end = (~mask).flip(1).to(torch.uint8).argmax(dim=1)
    last = output.flip(1).gather(1, from_the_end[:, None, None].expand(-1, 1, output.shape[2]))[:, 0]
    return torch.cat([last, largest, mean], dim=1)


def masked_concat_pool__step_by_step(output, mask):
    import torch

    last = torch.zeros_like(output[:, 0])
    largest = torch.full_like(last, float("-inf"))
    total, n = torch.zeros_like(last), torch.zeros_like(last)
    for step in range(output.shape[1]):
        real = ~mask[:, step, None]
        last = torch.where(real, output[:, step], last)
        largest = torch.where(real, torch.maximum(largest, output[:, step]), largest)
        total, n = total + output[:, step] * real, n + real
    return torch.cat([last, largest, total / n], dim=1)


def batch_norm__feature_by_feature(x, norm, training):
    import torch

    columns = []
    for feature in range(x.shape[1]):
        values = x[:, feature]
        mean, var = norm["mean"][feature], norm["var"][feature]
        if training:
            mean = values.sum() / len(values)
            var = ((values - mean) ** 2).sum() / len(values)
        slope = norm["weight"][feature] * torch.rsqrt(var + 1e-5)
        columns.append(values * slope + (norm["bias"][feature] - mean * slope))
    return torch.stack(columns, dim=1)


def batch_norm__square_of_the_mean(x, norm, training):
    import torch

    mean, var = norm["mean"], norm["var"]
    if training:
        mean = torch.ones(len(x), dtype=x.dtype) @ x / len(x)
        var = (x * x).mean(dim=0) - mean**2
    return torch.addcmul(norm["bias"], norm["weight"], (x - mean) * (var + 1e-5) ** -0.5)


def classifier_head__recursion(pooled, layers, masks):
    import torch

    first, *rest = layers
    var, mean = first["norm"]["var"], first["norm"]["mean"]
    if masks is not None:
        var, mean = torch.var_mean(pooled, dim=0, correction=0)
    x = (pooled - mean) * torch.rsqrt(var + 1e-5) * first["norm"]["weight"] + first["norm"]["bias"]
    if masks is not None:
        x = x * masks[0]
    x = torch.einsum("bi,oi->bo", x, first["linear"])
    if not rest:
        return x
    return classifier_head(x.clamp(min=0), rest, None if masks is None else masks[1:])  # noqa: F821 (itself)


def classifier_head__slope_and_offset(pooled, layers, masks):
    """Batch normalisation is a slope and an offset for each feature."""
    import torch

    x = pooled
    for number in range(len(layers)):
        norm, linear = layers[number]["norm"], layers[number]["linear"]
        mean, var = norm["mean"], norm["var"]
        if masks is not None:
            mean = x.sum(dim=0) / len(x)
            var = ((x - mean) ** 2).mean(dim=0)
        slope = norm["weight"] / torch.sqrt(var + 1e-5)
        x = torch.addcmul(norm["bias"] - mean * slope, x, slope)
        x = torch.nn.functional.linear(x if masks is None else x.mul(masks[number]), linear)
        if number + 1 < len(layers):
            x = torch.where(x > 0, x, torch.zeros_like(x))
    return x
