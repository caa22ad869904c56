"""Wrong answers to problem set 04; the docstring of each is the cause that the student reads."""

from ulmfit_lib.checks.exercise import MistakeBook

MISTAKES = MistakeBook()


@MISTAKES.of("concat_documents")
def ignores_the_order(docs, order):
    """It lays the documents down as they come: `order` says which of them is first, second and so on."""
    return [token for doc in docs for token in doc]


@MISTAKES.of("concat_documents")
def takes_numbers_for_places(docs, order):
    """It puts document i at the place order[i]. Read it the other way: order[0] is the number of the first
    document."""
    placed = sorted(zip(order, docs, strict=True), key=lambda pair: pair[0])
    return [token for _, doc in placed for token in doc]


@MISTAKES.of("concat_documents")
def leaves_out_repeated_documents(docs, order):
    """Two documents may hold the same tokens, and both belong into the stream: do not go through a set or a
    dictionary."""
    stream, seen = [], set()
    for number in order:
        if tuple(docs[number]) not in seen:
            seen.add(tuple(docs[number]))
            stream.extend(docs[number])
    return stream


@MISTAKES.of("concat_documents")
def adds_the_beginning_again(docs, order):
    """It puts an xxbos (id 2) before a document that has none. The tokenizer decides about that; here no token is
    added."""
    stream = []
    for number in order:
        if docs[number][:1] != [2]:
            stream.append(2)
        stream.extend(docs[number])
    return stream


@MISTAKES.of("batch_length")
def sets_no_token_aside(n_tokens, bs):
    """It shares out all tokens, so the last input would have nothing to predict: one token is set aside first."""
    return n_tokens // bs


@MISTAKES.of("batch_length")
def rounds_up(n_tokens, bs):
    """It rounds up, and then there are not enough tokens for the last row: what does not fill a row is left out."""
    return -(-(n_tokens - 1) // bs)


@MISTAKES.of("batch_length")
def rounds_to_the_nearest(n_tokens, bs):
    """`round` goes up as often as down, and then there are not enough tokens for the last row: whole rows only, with
    `//`."""
    return round((n_tokens - 1) / bs)


@MISTAKES.of("batch_length")
def adds_one_token(n_tokens, bs):
    """It adds a token where one has to be set aside: the stream has one input less than tokens, not one more."""
    return (n_tokens + 1) // bs


@MISTAKES.of("mini_streams")
def deals_the_tokens_out(ids, bs):
    """It deals the tokens out like cards, one to each row in turn. Then no row is a text any more: a row is one piece
    of the stream, whole."""
    used = (len(ids) - 1) // bs * bs
    x, y = ids[:used], ids[1 : used + 1]
    return [x[row::bs] for row in range(bs)], [y[row::bs] for row in range(bs)]


@MISTAKES.of("mini_streams")
def shares_out_the_last_token(ids, bs):
    """It shares out every token, also the last of the stream, for which y has nothing: the rows of x get too long."""
    length = len(ids) // bs
    x = [ids[row * length : (row + 1) * length] for row in range(bs)]
    return x, [ids[row * length + 1 : (row + 1) * length + 1] for row in range(bs)]


@MISTAKES.of("mini_streams")
def gives_the_rest_to_the_last_row(ids, bs):
    """The last row got the rest and is longer than the others: all rows have the same length, and the rest is left
    out."""
    length = (len(ids) - 1) // bs
    ends = [*(row * length for row in range(1, bs)), len(ids) - 1]
    x = [ids[row * length : end] for row, end in enumerate(ends)]
    return x, [ids[row * length + 1 : end + 1] for row, end in enumerate(ends)]


@MISTAKES.of("mini_streams")
def makes_a_row_of_the_rest(ids, bs):
    """The rest became one more row: there are `bs` rows, and what does not fill them is left out."""
    length, last = (len(ids) - 1) // bs, len(ids) - 1
    starts = range(0, last, length)
    x = [ids[start : min(start + length, last)] for start in starts]
    return x, [ids[start + 1 : min(start + length, last) + 1] for start in starts]


@MISTAKES.of("mini_streams")
def spreads_the_rest(ids, bs):
    """It gives the first rows one token more each, to use up the rest (as numpy.array_split does): all rows have the
    same length."""
    length, rest = divmod(len(ids) - 1, bs)
    x, y, start = [], [], 0
    for row in range(bs):
        end = start + length + (row < rest)
        x.append(ids[start:end])
        y.append(ids[start + 1 : end + 1])
        start = end
    return x, y


@MISTAKES.of("lm_batches")
def drops_the_short_window(ids, bs, seq_len):
    """The last window is missing where it is shorter than seq_len: what is left of the rows is read too."""
    length = (len(ids) - 1) // bs
    batches = []
    for first in range(0, length - seq_len + 1, seq_len):
        starts = [row * length + first for row in range(bs)]
        x = [ids[start : start + seq_len] for start in starts]
        batches.append((x, [ids[start + 1 : start + seq_len + 1] for start in starts]))
    return batches


@MISTAKES.of("lm_batches")
def reads_over_the_end_of_the_row(ids, bs, seq_len):
    """The last window goes past the end of its row, into the row below it: cut it where the mini-stream ends."""
    length = (len(ids) - 1) // bs
    batches = []
    for first in range(0, length, seq_len):
        starts = [row * length + first for row in range(bs)]
        x = [ids[start : start + seq_len] for start in starts]
        batches.append((x, [ids[start + 1 : start + seq_len + 1] for start in starts]))
    return batches


@MISTAKES.of("lm_batches")
def fills_batch_after_batch(ids, bs, seq_len):
    """It fills one batch, row by row, before it begins the next, so row 0 of a batch does not go on where row 0 of the
    batch before ended. Cut the whole stream into rows first."""
    length = (len(ids) - 1) // bs
    batches = []
    for first in range(0, length, seq_len):
        width = min(seq_len, length - first)
        starts = [first * bs + row * width for row in range(bs)]
        x = [ids[start : start + width] for start in starts]
        batches.append((x, [ids[start + 1 : start + width + 1] for start in starts]))
    return batches


@MISTAKES.of("lm_batches")
def moves_one_token_too_far(ids, bs, seq_len):
    """It moves on by seq_len + 1, and the token between two windows is never an input. A window's last target is the
    next window's first input."""
    length = (len(ids) - 1) // bs
    batches = []
    for first in range(0, length, seq_len + 1):
        last = min(first + seq_len, length)
        x = [ids[row * length + first : row * length + last] for row in range(bs)]
        batches.append((x, [ids[row * length + first + 1 : row * length + last + 1] for row in range(bs)]))
    return batches


@MISTAKES.of("lm_batches")
def moves_on_by_one(ids, bs, seq_len):
    """The windows overlap: it moves on by one token where it should move on by a whole window, so most tokens are read
    seq_len times."""
    length = (len(ids) - 1) // bs
    batches = []
    for first in range(max(length - seq_len, 0) + 1):
        last = min(first + seq_len, length)
        x = [ids[row * length + first : row * length + last] for row in range(bs)]
        batches.append((x, [ids[row * length + first + 1 : row * length + last + 1] for row in range(bs)]))
    return batches


@MISTAKES.of("reads")
def counts_whole_batches(ids, bs, seq_len, batch, row):
    """It takes batches for pieces of the stream that follow one another (bs * seq_len tokens each): rows are long, and
    a batch is a slice through all of them."""
    length = (len(ids) - 1) // bs
    width = min(seq_len, length - batch * seq_len)
    start = batch * bs * seq_len + row * width
    return ids[start : start + width]


@MISTAKES.of("reads")
def reads_into_the_next_row(ids, bs, seq_len, batch, row):
    """It always reads seq_len tokens, in the last batch too, where the row may end earlier."""
    start = (len(ids) - 1) // bs * row + batch * seq_len
    return ids[start : start + seq_len]


@MISTAKES.of("reads")
def forgets_the_row(ids, bs, seq_len, batch, row):
    """It looks at row 0 whatever `row` says: row r begins r mini-streams further on."""
    length = (len(ids) - 1) // bs
    return ids[batch * seq_len : min((batch + 1) * seq_len, length)]


@MISTAKES.of("reads")
def forgets_the_batch(ids, bs, seq_len, batch, row):
    """It looks at batch 0 whatever `batch` says: each batch begins seq_len columns further on."""
    length = (len(ids) - 1) // bs
    return ids[row * length : row * length + min(seq_len, length)]


@MISTAKES.of("reads")
def rows_share_the_last_token(ids, bs, seq_len, batch, row):
    """Its rows are len(ids) // bs apart. One token is set aside first: use the length that `batch_length` gives."""
    length = len(ids) // bs
    start = row * length + batch * seq_len
    return ids[start : min(start + seq_len, (row + 1) * length)]


@MISTAKES.of("in_direction")
def turns_the_list_round(docs, direction):
    """It turned the list of documents round, and each document still reads forward: it is the tokens inside that
    change places."""
    return docs[::-1] if direction == "backward" else [list(doc) for doc in docs]


@MISTAKES.of("in_direction")
def turns_everything_round(docs, direction):
    """It turned the documents round and their order too: the first document stays the first."""
    return [doc[::-1] for doc in docs[::-1]] if direction == "backward" else [list(doc) for doc in docs]


@MISTAKES.of("in_direction")
def keeps_the_beginning_in_front(docs, direction):
    """It keeps xxbos in front. Backward, xxbos is what the model reads last of a document."""
    if direction == "backward":
        return [doc[:1] + doc[:0:-1] for doc in docs]
    return [list(doc) for doc in docs]


@MISTAKES.of("in_direction")
def turns_them_round_in_place(docs, direction):
    """list.reverse turns the list itself round, so the caller's documents are backward from then on: make new
    lists."""
    if direction == "backward":
        for doc in docs:
            doc.reverse()
    return docs


@MISTAKES.of("in_direction")
def never_turns_round(docs, direction):
    """It gives the documents back as they were, for "backward" too: compare the spelling, 'backward' has no s."""
    return [doc[::-1] for doc in docs] if direction == "backwards" else [list(doc) for doc in docs]
