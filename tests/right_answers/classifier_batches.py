"""At least two other algorithms for every exercise of problem set 08, each able to stand alone."""


def pad_batch__zip_longest(docs, pad_id, pad_first):
    from itertools import zip_longest

    if not any(docs):
        return [[] for _ in docs]
    step = -1 if pad_first else 1
    columns = list(zip_longest(*(doc[::step] for doc in docs), fillvalue=pad_id))
    return [[column[row] for column in columns][::step] for row in range(len(docs))]


def pad_batch__numpy(docs, pad_id, pad_first):
    import numpy as np

    sizes = np.array([len(doc) for doc in docs])
    width = sizes.max()
    places = np.arange(width)
    real = places >= width - sizes[:, None] if pad_first else places < sizes[:, None]
    table = np.full((len(docs), width), pad_id)
    table[real] = [token for doc in docs for token in doc]
    return table.tolist()


def pad_batch__ask_for_every_cell(docs, pad_id, pad_first):
    width = max(map(len, docs))

    def cell(doc, column):
        place = column - (width - len(doc)) if pad_first else column
        return doc[place] if 0 <= place < len(doc) else pad_id

    return [[cell(doc, column) for column in range(width)] for doc in docs]


def padding_waste__count_the_padding(lengths, batches):
    empty = cells = 0
    for batch in batches:
        widest = max((lengths[number] for number in batch), default=0)
        for number in batch:
            empty += widest - lengths[number]
            cells += widest
    return empty / cells if cells else 0.0


def padding_waste__weighted_mean(lengths, batches):
    sizes = [len(batch) * max(lengths[number] for number in batch) for batch in batches]
    if not sizes:
        return 0.0
    waste = 0.0
    for batch, size in zip(batches, sizes, strict=True):
        share = 1 - sum(lengths[number] for number in batch) / size
        waste += share * size / sum(sizes)
    return waste


def sorted_batches__always_the_longest_left(lengths, bs):
    left, batches = list(range(len(lengths))), []
    while left:
        longest = max(left, key=lambda number: lengths[number])
        left.remove(longest)
        if not batches or len(batches[-1]) == bs:
            batches.append([])
        batches[-1].append(longest)
    return batches


def sorted_batches__pairs(lengths, bs):
    pairs = sorted((-length, number) for number, length in enumerate(lengths))
    return [[number for _, number in pairs[begin : begin + bs]] for begin in range(0, len(pairs), bs)]


def sorted_batches__buckets(lengths, bs):
    numbers = []
    for length in range(max(lengths, default=0), -1, -1):
        numbers += [number for number, other in enumerate(lengths) if other == length]
    n_batches = -(-len(numbers) // bs)
    return [numbers[i * bs : (i + 1) * bs] for i in range(n_batches)]


def shuffled_batches__sort_by_group(lengths, bs, order, group):
    places = sorted(range(len(order)), key=lambda place: (place // (group * bs), -lengths[order[place]], place))
    batches = {}
    for rank, place in enumerate(places):
        batches.setdefault(rank // bs, []).append(order[place])
    return list(batches.values())


def shuffled_batches__eat_the_order(lengths, bs, order, group):
    left, batches = list(order), []
    while left:
        piece, left = left[: group * bs], left[group * bs :]
        while piece:
            batch = []
            while piece and len(batch) < bs:
                batch.append(piece.pop(piece.index(max(piece, key=lambda number: lengths[number]))))
            batches.append(batch)
    return batches


def token_budget_batches__widths_up_front(lengths, max_tokens):
    numbers = sorted(range(len(lengths)), key=lambda number: -lengths[number])
    batches, begin = [], 0
    while begin < len(numbers):
        size = max(1, max_tokens // lengths[numbers[begin]])
        batches.append(numbers[begin : begin + size])
        begin += size
    return batches


def token_budget_batches__recursion(lengths, max_tokens):
    def cut(numbers):
        if not numbers:
            return []
        n = len(numbers)
        while n > 1 and n * lengths[numbers[0]] > max_tokens:
            n -= 1
        return [numbers[:n], *cut(numbers[n:])]

    return cut(sorted(range(len(lengths)), key=lambda number: lengths[number], reverse=True))


def restore_order__dictionary(values, order):
    value_of = dict(zip(order, values, strict=True))
    return [value_of[number] for number in range(len(order))]


def restore_order__search(values, order):
    return [values[order.index(number)] for number in range(len(values))]


def restore_order__swap(values, order):
    values, order = list(values), list(order)
    for place in range(len(order)):
        while order[place] != place:
            other = order[place]
            values[place], values[other] = values[other], values[place]
            order[place], order[other] = order[other], order[place]
    return values


def masked_mean__numpy(values, ids, pad_id):
    import numpy as np

    weights = np.array(ids) != pad_id
    return np.average(np.array(values), axis=1, weights=weights).tolist()


def masked_mean__running(values, ids, pad_id):
    means = []
    for row, tokens in zip(values, ids, strict=True):
        mean, n = 0.0, 0
        for place in range(len(row)):
            if tokens[place] == pad_id:
                continue
            n += 1
            mean += (row[place] - mean) / n
        means.append(mean)
    return means
