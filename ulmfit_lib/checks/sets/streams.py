"""Problem set 04: the batches of a language model, from documents to windows."""

from random import Random

from ulmfit_lib import streams
from ulmfit_lib.checks.exercise import Args, Exercise, ProblemSet, Property
from ulmfit_lib.checks.mistakes.streams import MISTAKES

BOS = 2  # the id of xxbos, which begins every document
Rows = list[list[int]]


def concat_documents(docs: Rows, order: list[int]) -> list[int]:
    """Lay the documents end to end in the given order.

    >>> concat_documents([[2, 10, 11], [2, 20]], [1, 0])
    [2, 20, 2, 10, 11]
    """
    return streams.concat_documents(docs, order).tolist()


def batch_length(n_tokens: int, bs: int) -> int:
    """Return how many tokens each of the `bs` mini-streams reads.

    >>> batch_length(13, 3)
    4
    """
    return streams.batch_length(n_tokens, bs)


def mini_streams(ids: list[int], bs: int) -> tuple[Rows, Rows]:
    """Return the mini-streams and what follows each of their tokens: x and y, `bs` rows each.

    >>> mini_streams([0, 1, 2, 3, 4], 2)
    ([[0, 1], [2, 3]], [[1, 2], [3, 4]])
    """
    x, y = streams.LMStream([ids], bs=bs, seq_len=1).rows()
    return x.tolist(), y.tolist()


def lm_batches(ids: list[int], bs: int, seq_len: int) -> list[tuple[Rows, Rows]]:
    """Return all windows of the stream, each a pair (x, y) of `bs` rows.

    >>> lm_batches([0, 1, 2, 3, 4, 5, 6], 2, 2)
    [([[0, 1], [3, 4]], [[1, 2], [4, 5]]), ([[2], [5]], [[3], [6]])]
    """
    return [(x.tolist(), y.tolist()) for x, y in streams.LMStream([ids], bs=bs, seq_len=seq_len).batches()]


def reads(ids: list[int], bs: int, seq_len: int, batch: int, row: int) -> list[int]:
    """Return what row `row` of x holds in batch `batch`, both counted from 0.

    >>> reads([0, 1, 2, 3, 4, 5, 6], 2, 2, batch=1, row=1)
    [5]
    """
    length = streams.batch_length(len(ids), bs)
    start, end = streams.window_bounds(length, seq_len)[batch]
    return ids[row * length + start : row * length + end]


def in_direction(docs: Rows, direction: str) -> Rows:
    """Return the documents as a model of this direction reads them: backward, each is turned round.

    >>> in_direction([[2, 10, 11], [2, 20]], "backward")
    [[11, 10, 2], [20, 2]]
    """
    step = -1 if direction == streams.BACKWARD else 1
    return [doc[::step] for doc in docs]


def _document(rng: Random) -> list[int]:
    return [BOS, *(rng.randint(10, 30) for _ in range(rng.randint(0, 3)))]


def _documents_and_order(rng: Random) -> Args:
    docs = [_document(rng) for _ in range(rng.choice([1, 2, 2, 3, 3, 4]))]
    if rng.randint(0, 4) == 4:
        docs.append(list(docs[0]))
    if rng.randint(0, 4) == 4:
        docs[-1] = docs[-1][1:]
    order = list(range(len(docs)))
    if rng.choice([False, False, True]):
        rng.shuffle(order)
    return (docs, order)


def _tokens_and_size(rng: Random) -> Args:
    bs, length = rng.randint(3, 8), rng.randint(1, 6)
    rest = 0 if rng.randint(0, 9) < 6 else rng.randint(0, bs - 1)
    return (bs * length + 1 + rest, bs)


def _numbered(n_tokens: int) -> list[int]:
    """Ids that say where they stand, so that a message shows at a glance what was moved."""
    return list(range(n_tokens))


def _stream_and_size(rng: Random) -> Args:
    """A third of them has one row, another third rows of one token, and often nothing is left over."""
    kind = rng.randint(0, 2)
    bs = 1 if kind == 0 else rng.randint(2, 4)
    length = 1 if kind == 1 else rng.randint(1, 5)
    rest = rng.choice([0, rng.randint(0, bs - 1)])
    return (_numbered(bs * length + 1 + rest), bs)


def _stream_and_sizes(rng: Random) -> Args:
    """In most of them one window holds a whole row; the others have several, and often a short last one."""
    bs, seq_len = rng.choice([1, 2, 2, 3, 3, 4]), rng.randint(1, 4)
    length = seq_len if rng.randint(0, 9) < 6 else rng.randint(1, 9)
    rest = rng.randint(0, max(bs - 2, 0))
    return (_numbered(bs * length + 1 + rest), bs, seq_len)


def _place_in_stream(rng: Random) -> Args:
    bs, seq_len, n_windows = rng.randint(1, 4), rng.randint(1, 4), rng.randint(1, 4)
    length = seq_len * n_windows - rng.choice([0, rng.randint(0, seq_len - 1)])
    rest = rng.randint(0, bs - 1)
    batch = rng.choice([0, rng.randint(0, n_windows - 1)])
    row = rng.choice([0, rng.randint(0, bs - 1)])
    return (_numbered(bs * length + 1 + rest), bs, seq_len, batch, row)


def _documents_and_direction(rng: Random) -> Args:
    docs = [_document(rng) for _ in range(rng.randint(1, 3))]
    return (docs, rng.choice(["forward", "forward", "backward"]))


_EXERCISES = (
    Exercise(
        name="concat_documents",
        points=2,
        difficulty=1,
        minutes=6,
        section="1. One long stream",
        reference=concat_documents,
        examples=[
            ([[2, 10], [2, 20]], [0, 1]),
            ([[2, 10], [2, 20]], [1, 0]),
            ([[2, 10], [2, 20], [2, 30]], [2, 0, 1]),
            ([], []),
            ([[2, 10], [], [2, 30]], [0, 1, 2]),
            ([[2, 10], [2, 10]], [0, 1]),
            ([[10, 11], [20]], [1, 0]),
        ],
        inputs=_documents_and_order,
        hints=(
            "Begin with an empty list, and let it grow by one document after the other. list.extend takes all the "
            "items of a list.",
            "With [[2, 10], [2, 20], [2, 30]] and the order [2, 0, 1] the document with number 2 comes first: "
            "[2, 30, 2, 10, 2, 20].",
            "Reread “1. One long stream”: `order` holds the numbers of documents, the first to be laid down first.",
        ),
        properties=(
            Property(
                "the stream is as long as all documents together",
                lambda args, got: len(got) == sum(map(len, args[0])),
            ),
        ),
        mistakes=MISTAKES["concat_documents"],
    ),
    Exercise(
        name="batch_length",
        points=2,
        difficulty=2,
        minutes=8,
        section="2. How long a mini-stream is",
        reference=batch_length,
        examples=[(13, 3), (12, 3), (14, 3), (15, 3), (2, 1), (10, 1), (7, 2), (100, 7), (1_000_000, 64)],
        inputs=_tokens_and_size,
        hints=(
            "The last token of the stream is nobody's input. How many are left to be shared out, and how many does "
            "each row get when all get the same?",
            "12 tokens in 3 rows: 11 can be inputs, and 3 rows of 3 use 9 of them. So 3, although 12 / 3 is 4.",
            "Reread “2. How long a mini-stream is”: one token aside first, then whole rows, and the rest is left out.",
        ),
        mistakes=MISTAKES["batch_length"],
    ),
    Exercise(
        name="mini_streams",
        points=3,
        difficulty=3,
        minutes=12,
        section="3. The rows, and what follows each token",
        reference=mini_streams,
        examples=[
            ([0, 1, 2, 3, 4], 2),
            ([0, 1], 1),
            ([0, 1, 2, 3], 1),
            ([0, 1, 2, 3], 2),
            ([0, 1, 2, 3, 4, 5], 2),
            ([0, 1, 2], 2),
            (list(range(13)), 3),
            (list(range(12)), 3),
            (list(range(15)), 3),
            ([7, 7, 8, 7, 7, 9], 2),
        ],
        inputs=_stream_and_size,
        hints=(
            "Row 0 is the beginning of the stream, row 1 goes on where row 0 ended. Where, then, does row number r "
            "begin? And y: the same, one token further on.",
            "[0, 1, 2, 3, 4] in 2 rows: each is 2 long. x is [[0, 1], [2, 3]] and y is [[1, 2], [3, 4]].",
            "Reread “3. The rows, and what follows each token”: what follows the last token of a row is the first "
            "token of the next row.",
        ),
        mistakes=MISTAKES["mini_streams"],
    ),
    Exercise(
        name="lm_batches",
        points=4,
        difficulty=3,
        minutes=15,
        section="4. Windows",
        reference=lm_batches,
        examples=[
            ([0, 1, 2, 3, 4], 2, 2),
            ([0, 1, 2, 3, 4], 2, 1),
            ([0, 1], 1, 5),
            ([0, 1, 2, 3, 4, 5, 6], 2, 2),
            ([0, 1, 2, 3], 2, 1),
            (list(range(13)), 3, 2),
            (list(range(13)), 3, 3),
            (list(range(12)), 2, 2),
            (list(range(20)), 1, 6),
            (list(range(22)), 3, 7),
        ],
        inputs=_stream_and_sizes,
        hints=(
            "Cut the mini-streams first. A window takes the same columns of every row; the next window takes the "
            "columns right of them.",
            "[0, 1, 2, 3, 4, 5, 6] in 2 rows and windows of 2: the rows are [0, 1, 2] and [3, 4, 5], the first x is "
            "[[0, 1], [3, 4]], and one column is left: [[2], [5]].",
            "Reread “4. Windows”: every column is in exactly one window, and the last window may be short.",
        ),
        properties=(
            Property(
                "x and y have as many rows as the batch size says",
                lambda args, got: all(len(x) == len(y) == args[1] for x, y in got),
            ),
        ),
        mistakes=MISTAKES["lm_batches"],
    ),
    Exercise(
        name="reads",
        points=3,
        difficulty=3,
        minutes=12,
        section="5. What a row reads",
        reference=reads,
        examples=[
            ([0, 1, 2, 3, 4], 2, 1, 0, 0),
            ([0, 1, 2, 3, 4], 2, 1, 1, 0),
            ([0, 1, 2, 3, 4], 2, 1, 0, 1),
            ([0, 1, 2, 3], 2, 1, 0, 1),
            ([0, 1, 2, 3, 4, 5, 6], 2, 2, 1, 0),
            ([0, 1, 2, 3, 4, 5, 6], 2, 2, 1, 1),
            (list(range(25)), 4, 2, 2, 2),
            (list(range(25)), 3, 2, 2, 2),
            (list(range(27)), 3, 3, 2, 1),
            (list(range(25)), 1, 6, 3, 0),
        ],
        inputs=_place_in_stream,
        hints=(
            "Two steps: where in the stream does the row begin, and how far into the row does the window begin?",
            "7 tokens, 2 rows of 3, windows of 2. Row 1 begins at 3, batch 1 begins 2 further on, at 5; the row ends "
            "before 6, so it reads [5].",
            "Reread “5. What a row reads”: rows are apart by the length of a mini-stream, batches by seq_len.",
        ),
        mistakes=MISTAKES["reads"],
    ),
    Exercise(
        name="in_direction",
        points=2,
        difficulty=2,
        minutes=7,
        section="6. The same stream, backward",
        reference=in_direction,
        examples=[
            ([[2, 10, 11]], "forward"),
            ([[2, 10]], "backward"),
            ([[2, 10, 11], [2, 20]], "backward"),
            ([[2, 10, 11], [2, 20]], "forward"),
            ([], "backward"),
            ([[2], []], "backward"),
        ],
        inputs=_documents_and_direction,
        hints=(
            "Only the tokens inside a document change places, and only if the direction is 'backward'. A slice can "
            "have a step.",
            "[[2, 10, 11], [2, 20]] backward: [[11, 10, 2], [20, 2]]. The first document is still the first.",
            "Reread “6. The same stream, backward”: make new lists; the documents that you were given stay as they "
            "are.",
        ),
        mistakes=MISTAKES["in_direction"],
    ),
)

PROBLEM_SET = ProblemSet("04_streams", "Streams and batches", _EXERCISES)
