"""At least two other algorithms for every exercise of problem set 04, each able to stand alone."""


def concat_documents__chain(docs, order):
    from itertools import chain

    return list(chain.from_iterable(docs[number] for number in order))


def concat_documents__write_into_places(docs, order):
    stream = [0] * sum(len(doc) for doc in docs)
    place = 0
    for number in order:
        for token in docs[number]:
            stream[place] = token
            place += 1
    return stream


def concat_documents__halves(docs, order):
    if len(order) < 2:
        return [token for number in order for token in docs[number]]
    half = len(order) // 2
    return concat_documents(docs, order[:half]) + concat_documents(docs, order[half:])  # noqa: F821 (itself)


def batch_length__count_up(n_tokens, bs):
    low, high = 0, n_tokens
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle * bs + 1 <= n_tokens else (low, middle)
    return low


def batch_length__take_the_rest_off(n_tokens, bs):
    inputs = n_tokens - 1
    return (inputs - inputs % bs) // bs


def batch_length__one_less_where_it_divides(n_tokens, bs):
    length, rest = divmod(n_tokens, bs)
    return length - 1 if rest == 0 else length


def mini_streams__numpy(ids, bs):
    import numpy as np

    size = (len(ids) - 1) // bs * bs
    x = np.array(ids[:size]).reshape(bs, -1)
    y = np.array(ids[1 : size + 1]).reshape(bs, -1)
    return x.tolist(), y.tolist()


def mini_streams__token_by_token(ids, bs):
    length = (len(ids) - 1) // bs
    x, y = [[] for _ in range(bs)], [[] for _ in range(bs)]
    for place in range(bs * length):
        x[place // length].append(ids[place])
        y[place // length].append(ids[place + 1])
    return x, y


def mini_streams__zip_an_iterator_with_itself(ids, bs):
    from itertools import pairwise

    length = (len(ids) - 1) // bs
    pairs = pairwise(ids)
    rows = [row for _, row in zip(range(bs), zip(*[pairs] * length, strict=False), strict=False)]
    return [[one for one, _ in row] for row in rows], [[other for _, other in row] for row in rows]


def lm_batches__numpy(ids, bs, seq_len):
    import numpy as np

    size = (len(ids) - 1) // bs * bs
    x = np.array(ids[:size]).reshape(bs, -1)
    y = np.array(ids[1 : size + 1]).reshape(bs, -1)
    cuts = range(seq_len, size // bs, seq_len)
    pairs = zip(np.split(x, cuts, axis=1), np.split(y, cuts, axis=1), strict=True)
    return [(one.tolist(), other.tolist()) for one, other in pairs]


def lm_batches__token_by_token(ids, bs, seq_len):
    length = (len(ids) - 1) // bs
    batches = []
    for column in range(length):
        if column % seq_len == 0:
            batches.append(([[] for _ in range(bs)], [[] for _ in range(bs)]))
        x, y = batches[-1]
        for row in range(bs):
            x[row].append(ids[row * length + column])
            y[row].append(ids[row * length + column + 1])
    return batches


def lm_batches__eat_the_rows(ids, bs, seq_len):
    length = (len(ids) - 1) // bs
    rows = [ids[row * length : (row + 1) * length + 1] for row in range(bs)]
    batches = []
    while len(rows[0]) > 1:
        pieces = [row[: seq_len + 1] for row in rows]
        batches.append(([piece[:-1] for piece in pieces], [piece[1:] for piece in pieces]))
        rows = [row[seq_len:] for row in rows]
    return batches


def reads__all_batches(ids, bs, seq_len, batch, row):
    length = (len(ids) - 1) // bs
    rows = [ids[start : start + length] for start in range(0, bs * length, length)]
    windows = [[one[first : first + seq_len] for one in rows] for first in range(0, length, seq_len)]
    return windows[batch][row]


def reads__ask_every_token(ids, bs, seq_len, batch, row):
    length = (len(ids) - 1) // bs
    found = []
    for place, token in enumerate(ids[: bs * length]):
        its_row, column = divmod(place, length)
        if its_row == row and column // seq_len == batch:
            found.append(token)
    return found


def reads__walk_along_the_row(ids, bs, seq_len, batch, row):
    left = (len(ids) - 1) // bs
    start = row * left
    for _ in range(batch):
        start += seq_len
        left -= seq_len
    return [ids[start + step] for step in range(min(seq_len, left))]


def in_direction__reversed(docs, direction):
    return [list(reversed(doc)) if direction == "backward" else list(doc) for doc in docs]


def in_direction__insert_in_front(docs, direction):
    turned = []
    for doc in docs:
        new = []
        for token in doc:
            new.insert(0 if direction == "backward" else len(new), token)
        turned.append(new)
    return turned


def in_direction__pop_from_a_copy(docs, direction):
    turned = []
    for doc in docs:
        left = list(doc)
        turned.append([left.pop(-1 if direction == "backward" else 0) for _ in doc])
    return turned
