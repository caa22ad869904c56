"""Wrong answers to problem set 09; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("first_pooled_token")
def begins_inside_a_chunk(length, seq_len, max_len):
    """It begins exactly `max_len` tokens before the end, often in the middle of a chunk: go on to where the next chunk
    begins."""
    return max(length - max_len, 0)


@MISTAKES.of("first_pooled_token")
def rounds_down(length, seq_len, max_len):
    """It takes in the chunk that has begun before the last `max_len` tokens, so that more than `max_len` are kept:
    round up."""
    return max(length - max_len, 0) // seq_len * seq_len


@MISTAKES.of("first_pooled_token")
def below_zero_for_short_ones(length, seq_len, max_len):
    """For a document shorter than `max_len` it gives a number below 0: such a document is pooled from its first token,
    0."""
    return -(-(length - max_len) // seq_len) * seq_len


@MISTAKES.of("first_pooled_token")
def counts_chunks_from_the_end(length, seq_len, max_len):
    """It counts chunks back from the last token. Chunks are cut from the *first* token on, so they begin at multiples
    of `seq_len`."""
    return max(length - max_len // seq_len * seq_len, 0)


@MISTAKES.of("first_pooled_token")
def gives_the_number_of_the_chunk(length, seq_len, max_len):
    """It gives the number of the chunk; what is asked for is the place of its first token, `seq_len` times as much."""
    return -(-max(length - max_len, 0) // seq_len)


@MISTAKES.of("pooling_mask")
def masks_padding_only(lengths, seq_len, max_len):
    """It leaves out the padding, but also the beginning of a long document is not pooled."""
    import torch

    place = torch.arange(max(lengths))
    return place >= torch.tensor(lengths)[:, None]


@MISTAKES.of("pooling_mask")
def masks_the_beginning_only(lengths, seq_len, max_len):
    """It leaves out the beginning of long documents, but not the padding behind short ones."""
    import torch

    first = [-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths]
    place = torch.arange(max(lengths))
    return place < torch.tensor(first)[:, None]


@MISTAKES.of("pooling_mask")
def lets_one_padding_in(lengths, seq_len, max_len):
    """The first cell behind each document is not masked: a document of 3 tokens ends at place 2, so place 3 is padding
    already."""
    import torch

    first = [-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths]
    place = torch.arange(max(lengths))
    return (place < torch.tensor(first)[:, None]) | (place > torch.tensor(lengths)[:, None])


@MISTAKES.of("pooling_mask")
def all_begin_with_the_longest(lengths, seq_len, max_len):
    """It lets all documents begin where the longest does. Then what is pooled of a short one depends on its company:
    each has a beginning of its own."""
    import torch

    first = -(-max(max(lengths) - max_len, 0) // seq_len) * seq_len
    place = torch.arange(max(lengths))
    return (place < first) | (place >= torch.tensor(lengths)[:, None])


@MISTAKES.of("pooling_mask")
def cuts_inside_a_chunk(lengths, seq_len, max_len):
    """It pools exactly the last `max_len` tokens: pooling begins with a whole chunk, as `first_pooled_token` says."""
    import torch

    ends = torch.tensor(lengths)[:, None]
    place = torch.arange(max(lengths))
    return (place < ends - max_len) | (place >= ends)


@MISTAKES.of("encode_in_chunks")
def forgets_between_chunks(encoder, ids, lengths, seq_len, max_len):
    """Each chunk is read from a fresh state, as if the document began there: hand the state of one chunk to the
    next."""
    import torch

    first = [-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths]
    place, outputs = torch.arange(ids.shape[1]), []
    for start in range(0, ids.shape[1], seq_len):
        output, _ = encoder(ids[:, start : start + seq_len], None)
        if start >= min(first):
            outputs.append(output)
    mask = (place < torch.tensor(first)[:, None]) | (place >= torch.tensor(lengths)[:, None])
    return torch.cat(outputs, dim=1), mask[:, min(first) :]


@MISTAKES.of("encode_in_chunks")
def lets_the_gradient_through(encoder, ids, lengths, seq_len, max_len):
    """The values are right, but the gradient goes through the state into earlier chunks, and the memory grows with the
    document: detach the state after each chunk."""
    import torch

    first = [-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths]
    place, outputs, state = torch.arange(ids.shape[1]), [], None
    for start in range(0, ids.shape[1], seq_len):
        output, state = encoder(ids[:, start : start + seq_len], state)
        if start >= min(first):
            outputs.append(output)
    mask = (place < torch.tensor(first)[:, None]) | (place >= torch.tensor(lengths)[:, None])
    return torch.cat(outputs, dim=1), mask[:, min(first) :]


@MISTAKES.of("encode_in_chunks")
def keeps_every_chunk(encoder, ids, lengths, seq_len, max_len):
    """It returns all chunks, also those that no document pools: these are read for their state alone, without a
    gradient, and dropped."""
    import torch

    first = [-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths]
    place, outputs, state = torch.arange(ids.shape[1]), [], None
    for start in range(0, ids.shape[1], seq_len):
        output, state = encoder(ids[:, start : start + seq_len], state)
        state = [one.detach() for one in state]
        outputs.append(output)
    mask = (place < torch.tensor(first)[:, None]) | (place >= torch.tensor(lengths)[:, None])
    return torch.cat(outputs, dim=1), mask


@MISTAKES.of("encode_in_chunks")
def skips_what_is_not_pooled(encoder, ids, lengths, seq_len, max_len):
    """It begins to read where pooling begins. What stands before is to be read too, without a gradient: the state
    remembers it."""
    import torch

    first = [-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths]
    place, outputs, state = torch.arange(ids.shape[1]), [], None
    for start in range(min(first), ids.shape[1], seq_len):
        output, state = encoder(ids[:, start : start + seq_len], state)
        state = [one.detach() for one in state]
        outputs.append(output)
    mask = (place < torch.tensor(first)[:, None]) | (place >= torch.tensor(lengths)[:, None])
    return torch.cat(outputs, dim=1), mask[:, min(first) :]


@MISTAKES.of("encode_in_chunks")
def gradient_into_the_last_chunk_only(encoder, ids, lengths, seq_len, max_len):
    """Only the last chunk gets a gradient: all chunks that are kept get one, it is the *state* that is cut between
    them."""
    import torch

    first = [-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths]
    place, outputs, state = torch.arange(ids.shape[1]), [], None
    for start in range(0, ids.shape[1], seq_len):
        with torch.set_grad_enabled(start + seq_len >= ids.shape[1]):
            output, state = encoder(ids[:, start : start + seq_len], state)
        state = [one.detach() for one in state]
        if start >= min(first):
            outputs.append(output)
    mask = (place < torch.tensor(first)[:, None]) | (place >= torch.tensor(lengths)[:, None])
    return torch.cat(outputs, dim=1), mask[:, min(first) :]


@MISTAKES.of("encode_in_chunks")
def keeps_what_the_longest_pools(encoder, ids, lengths, seq_len, max_len):
    """It keeps the chunks that the longest document pools. A short one beside it has ended by then, and nothing of it
    is left: keep from where the first of all begins."""
    import torch

    first = [-(-max(length - max_len, 0) // seq_len) * seq_len for length in lengths]
    place, outputs, state = torch.arange(ids.shape[1]), [], None
    for start in range(0, ids.shape[1], seq_len):
        output, state = encoder(ids[:, start : start + seq_len], state)
        state = [one.detach() for one in state]
        if start >= max(first):
            outputs.append(output)
    mask = (place < torch.tensor(first)[:, None]) | (place >= torch.tensor(lengths)[:, None])
    return torch.cat(outputs, dim=1), mask[:, max(first) :]


@MISTAKES.of("masked_concat_pool")
def takes_the_last_column(output, mask):
    """It takes the last column for the last output, and for a short document that is padding: look for the last place
    that is not masked."""
    import torch

    ignored = mask[:, :, None]
    largest = output.masked_fill(ignored, float("-inf")).amax(dim=1)
    mean = output.masked_fill(ignored, 0).sum(dim=1) / (~mask).sum(dim=1, keepdim=True)
    return torch.cat([output[:, -1], largest, mean], dim=1)


@MISTAKES.of("masked_concat_pool")
def counts_from_the_left(output, mask):
    """It takes the number of places that are not masked for the place of the last one. That is true only if the
    document begins in column 0; where its beginning is masked, it is not."""
    import torch

    ignored, n = mask[:, :, None], (~mask).sum(dim=1)
    largest = output.masked_fill(ignored, float("-inf")).amax(dim=1)
    mean = output.masked_fill(ignored, 0).sum(dim=1) / n[:, None]
    return torch.cat([output[torch.arange(len(output)), n - 1], largest, mean], dim=1)


@MISTAKES.of("masked_concat_pool")
def fills_with_0_for_the_largest(output, mask):
    """It puts 0 at masked places before it looks for the largest, and where all outputs are below 0 the padding wins:
    fill with -inf."""
    import torch

    ignored = mask[:, :, None]
    last = torch.arange(output.shape[1]).masked_fill(mask, -1).amax(dim=1)
    largest = output.masked_fill(ignored, 0).amax(dim=1)
    mean = output.masked_fill(ignored, 0).sum(dim=1) / (~mask).sum(dim=1, keepdim=True)
    return torch.cat([output[torch.arange(len(output)), last], largest, mean], dim=1)


@MISTAKES.of("masked_concat_pool")
def divides_by_all_columns(output, mask):
    """The sum is right, but the mean divides by the number of all columns: divide by how many are not masked."""
    import torch

    ignored = mask[:, :, None]
    last = torch.arange(output.shape[1]).masked_fill(mask, -1).amax(dim=1)
    largest = output.masked_fill(ignored, float("-inf")).amax(dim=1)
    mean = output.masked_fill(ignored, 0).sum(dim=1) / output.shape[1]
    return torch.cat([output[torch.arange(len(output)), last], largest, mean], dim=1)


@MISTAKES.of("masked_concat_pool")
def pools_padding_too(output, mask):
    """The last output is right, but the largest and the mean are taken over all columns, masked ones included."""
    import torch

    last = torch.arange(output.shape[1]).masked_fill(mask, -1).amax(dim=1)
    last_output = output[torch.arange(len(output)), last]
    return torch.cat([last_output, output.amax(dim=1), output.mean(dim=1)], dim=1)


@MISTAKES.of("batch_norm")
def divides_by_one_less(x, norm, training):
    """Its variance divides by one less than the number of rows, which is what tensor.var does if it isn't told
    otherwise (correction=0)."""
    mean, var = (x.mean(dim=0), x.var(dim=0)) if training else (norm["mean"], norm["var"])
    return (x - mean) / (var + 1e-5).sqrt() * norm["weight"] + norm["bias"]


@MISTAKES.of("batch_norm")
def always_the_batch(x, norm, training):
    """It takes the batch's own statistics for prediction too. Then the answer for a document depends on its company,
    and one document alone is always 0: take those in `norm`."""
    mean, var = x.mean(dim=0), x.var(dim=0, correction=0)
    return (x - mean) / (var + 1e-5).sqrt() * norm["weight"] + norm["bias"]


@MISTAKES.of("batch_norm")
def never_the_batch(x, norm, training):
    """It takes the statistics in `norm` in training too: there, those of the batch itself count."""
    return (x - norm["mean"]) / (norm["var"] + 1e-5).sqrt() * norm["weight"] + norm["bias"]


@MISTAKES.of("batch_norm")
def neither_scales_nor_shifts(x, norm, training):
    """Mean 0 and variance 1 is the first half: then each feature is multiplied by its `weight`, and its `bias` is
    added."""
    mean, var = (x.mean(dim=0), x.var(dim=0, correction=0)) if training else (norm["mean"], norm["var"])
    return (x - mean) / (var + 1e-5).sqrt()


@MISTAKES.of("batch_norm")
def shifts_before_it_scales(x, norm, training):
    """It adds `bias` first and multiplies by `weight` then: the other way round."""
    mean, var = (x.mean(dim=0), x.var(dim=0, correction=0)) if training else (norm["mean"], norm["var"])
    return ((x - mean) / (var + 1e-5).sqrt() + norm["bias"]) * norm["weight"]


@MISTAKES.of("batch_norm")
def one_mean_for_all_features(x, norm, training):
    """It takes one mean and one variance over the whole table. Each feature, each column, has its own: dim=0."""
    mean, var = (x.mean(), x.var(correction=0)) if training else (norm["mean"], norm["var"])
    return (x - mean) / (var + 1e-5).sqrt() * norm["weight"] + norm["bias"]


@MISTAKES.of("classifier_head")
def relu_behind_the_last(pooled, layers, masks):
    """ReLU stands behind the last layer too, so no logit can be below 0, and a class can never be said to be unlikely:
    only *between* two layers."""
    x = pooled
    for number, layer in enumerate(layers):
        norm = layer["norm"]
        mean, var = (norm["mean"], norm["var"]) if masks is None else (x.mean(dim=0), x.var(dim=0, correction=0))
        x = (x - mean) / (var + 1e-5).sqrt() * norm["weight"] + norm["bias"]
        x = x if masks is None else x * masks[number]
        x = (x @ layer["linear"].T).relu()
    return x


@MISTAKES.of("classifier_head")
def no_relu(pooled, layers, masks):
    """There is no ReLU between the layers, and then two of them can do no more than one."""
    x = pooled
    for number, layer in enumerate(layers):
        norm = layer["norm"]
        mean, var = (norm["mean"], norm["var"]) if masks is None else (x.mean(dim=0), x.var(dim=0, correction=0))
        x = (x - mean) / (var + 1e-5).sqrt() * norm["weight"] + norm["bias"]
        x = x if masks is None else x * masks[number]
        x = x @ layer["linear"].T
    return x


@MISTAKES.of("classifier_head")
def drops_before_it_normalises(pooled, layers, masks):
    """It applies the dropout mask before the batch normalisation, which then sees the zeros and brings the rest to
    variance 1: normalise first."""
    x = pooled
    for number, layer in enumerate(layers):
        norm = layer["norm"]
        x = x if masks is None else x * masks[number]
        mean, var = (norm["mean"], norm["var"]) if masks is None else (x.mean(dim=0), x.var(dim=0, correction=0))
        x = (x - mean) / (var + 1e-5).sqrt() * norm["weight"] + norm["bias"]
        x = x @ layer["linear"].T
        x = x.relu() if number < len(layers) - 1 else x
    return x


@MISTAKES.of("classifier_head")
def predicts_while_it_trains(pooled, layers, masks):
    """With masks it is training, and batch normalisation takes the statistics of the batch; here it took those in
    `norm`."""
    x = pooled
    for number, layer in enumerate(layers):
        norm = layer["norm"]
        x = (x - norm["mean"]) / (norm["var"] + 1e-5).sqrt() * norm["weight"] + norm["bias"]
        x = x if masks is None else x * masks[number]
        x = x @ layer["linear"].T
        x = x.relu() if number < len(layers) - 1 else x
    return x


@MISTAKES.of("classifier_head")
def drops_without_scaling(pooled, layers, masks):
    """It uses the masks as yes and no. They hold larger numbers than 1, which make up for what is dropped: multiply by
    them as they are."""
    x = pooled
    for number, layer in enumerate(layers):
        norm = layer["norm"]
        mean, var = (norm["mean"], norm["var"]) if masks is None else (x.mean(dim=0), x.var(dim=0, correction=0))
        x = (x - mean) / (var + 1e-5).sqrt() * norm["weight"] + norm["bias"]
        x = x if masks is None else x * masks[number].bool()
        x = x @ layer["linear"].T
        x = x.relu() if number < len(layers) - 1 else x
    return x


@MISTAKES.of("classifier_head")
def forgets_to_drop(pooled, layers, masks):
    """The masks are not used: in training, each layer multiplies by its own after the batch normalisation."""
    x = pooled
    for number, layer in enumerate(layers):
        norm = layer["norm"]
        mean, var = (norm["mean"], norm["var"]) if masks is None else (x.mean(dim=0), x.var(dim=0, correction=0))
        x = (x - mean) / (var + 1e-5).sqrt() * norm["weight"] + norm["bias"]
        x = x @ layer["linear"].T
        x = x.relu() if number < len(layers) - 1 else x
    return x
