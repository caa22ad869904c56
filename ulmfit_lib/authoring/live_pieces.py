"""What the live pieces of the site compute, in the reader's browser: the library's own rules, streams and padding.

Pyodide runs this module as it stands, beside the pure modules of the library; it imports the standard library alone.
Each function takes and returns plain values, which the page draws.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import accumulate, chain
from typing import Any

from ulmfit_lib.padding import padding_waste, sorted_batches
from ulmfit_lib.rules import replace_space, trace
from ulmfit_lib.streams import batch_length, window_bounds
from ulmfit_lib.vocab import Vocab
from ulmfit_lib.word_splitter import WordSplitter

ORDERS = ("as they come", "sorted", "sorted, shuffled for training")


class LivePieces:
    """The state of the live pieces of one page.

    Args:
        data: `tables` of the word splitter, `vocab` (tokens in the order of their ids), `docs` (token lists for the
            stream), `lengths` (of documents, for padding).
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.split = WordSplitter(data["tables"])
        self.vocab = Vocab(data["vocab"])
        self.docs: list[list[str]] = data["docs"]
        self.lengths: list[int] = data["lengths"]

    def tokens(self, text: str) -> dict[str, Any]:
        """Return what each rule does to a text, the tokens that come out, and the id of each."""
        steps = trace(text)
        tokens = [replace_space(token) for token in self.split(steps[-1].after)]
        return {
            "steps": [{"rule": step.rule, "changed": step.changed, "parts": _compared(*step[1:])} for step in steps],
            "tokens": tokens,
            "ids": self.vocab.numericalize(tokens),
            "known": [token in self.vocab for token in tokens],
        }

    def stream(self, bs: int, seq_len: int, batch: int) -> dict[str, Any]:
        """Return one batch of the stream: the words of x and y, row by row, and where each document lies."""
        line = list(chain.from_iterable(self.docs))
        owner = [number for number, doc in enumerate(self.docs) for _ in doc]
        length = batch_length(len(line), bs)
        windows = window_bounds(length, seq_len)
        start, end = windows[min(batch, len(windows) - 1)]
        rows = []
        for row in range(bs):
            begin = row * length
            places = range(begin + start, begin + end + 1)  # x and, behind it, the last token of y
            rows.append([[line[place], owner[place]] for place in places])
        return {
            "length": length,
            "batches": len(windows),
            "start": start,
            "end": end,
            "rows": rows,
            "owners": [_runs(owner[row * length : (row + 1) * length]) for row in range(bs)],
            "unread": len(line) - 1 - bs * length,
            "tokens": len(line),
        }

    def padding(self, bs: int, order: str) -> dict[str, Any]:
        """Return the batches of documents in one of the `ORDERS`, by their lengths, and the share of padding."""
        if order == ORDERS[0]:
            indices = range(len(self.lengths))
            batches = [list(indices[start : start + bs]) for start in range(0, len(indices), bs)]
        else:
            batches = sorted_batches(self.lengths, bs, shuffle=order == ORDERS[2])
        return {
            "batches": [[self.lengths[index] for index in batch] for batch in batches],
            "waste": padding_waste(self.lengths, batches),
        }

    def call(self, name: str, arguments: str) -> str:
        """Call a piece with arguments in JSON and return what it gives in JSON: what the page's script does."""
        pieces = {"tokens": self.tokens, "stream": self.stream, "padding": self.padding}
        return json.dumps(pieces[name](**json.loads(arguments)))


def _compared(before: str, after: str) -> list[tuple[str, bool]]:
    """Cut what a rule returned into parts, each with whether it is new: word by word, white space kept.

    >>> _compared("so good", "so xxrep 3 good")
    [('so ', False), ('xxrep 3 ', True), ('good', False)]
    """
    old, new = _words(before), _words(after)
    parts: list[tuple[str, bool]] = []
    for kind, _, _, start, end in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        # White space that happens to stand on both sides of a change does not interrupt it.
        joins = bool(parts) and parts[-1][1] and (kind != "equal" or "".join(new[start:end]) == " ")
        if joins:
            parts[-1] = (parts[-1][0] + "".join(new[start:end]), True)
        elif start < end:
            parts.append(("".join(new[start:end]), kind != "equal"))
    return parts


def _words(text: str) -> Sequence[str]:
    return re.findall(r"\s+|\S+", text)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return each run of equal numbers as (number, start, length).

    >>> _runs([4, 4, 7])
    [(4, 0, 2), (7, 2, 1)]
    """

    def lengths() -> Iterator[tuple[int, int]]:
        start = 0
        for place in range(1, len(numbers) + 1):
            if place == len(numbers) or numbers[place] != numbers[start]:
                yield numbers[start], place - start
                start = place

    runs = list(lengths())
    starts = accumulate((length for _, length in runs), initial=0)
    return [(number, start, length) for (number, length), start in zip(runs, starts, strict=False)]
