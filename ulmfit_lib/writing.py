"""Generated tokens as text, as they come: a mark waits for the word that it belongs to, pieces for their word."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ulmfit_lib.generation import decode_special_tokens
from ulmfit_lib.rules import FLD, TK_MAJ, TK_REP, TK_UP, TK_WREP
from ulmfit_lib.subwords import WORD_BEGIN


def stream_words(tokens: Iterable[str], tokenizer: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Yield the text of tokens piece by piece, each with the space before it; put together it is the whole text.

    Args:
        tokens: as `generation.generate` yields them.
        tokenizer: how the model's texts were split, as its artifact says, see `splitting`.

    >>> list(stream_words(["xxmaj", "what", "a", "xxrep", "3", "!", "film"]))
    [' What', ' a', ' !!!', ' film']
    """
    if tokenizer is not None and tokenizer.get("kind") == "subwords":
        tokens = _whole_words(tokens)
    waiting: list[str] = []
    for token in tokens:
        waiting.append(token)
        if not _is_open(waiting):
            yield from _decoded(waiting)
            waiting = []
    yield from _decoded(waiting)


def written_in_pieces(marks: Iterable[str]) -> list[str]:
    """Return marks as words write them and as subwords do, which put a sign before what begins a word.

    >>> written_in_pieces(["xxbos"])
    ['xxbos', '▁xxbos']
    """
    return [form for mark in marks for form in (mark, f"{WORD_BEGIN}{mark}")]


def _decoded(tokens: list[str]) -> Iterator[str]:
    text = decode_special_tokens(tokens)
    if text:
        yield f" {text}"


def _is_open(tokens: list[str]) -> bool:
    """Return whether what is there waits for more: a mark for its word, a repetition for its number and its word."""
    if tokens[-1] in (TK_MAJ, TK_UP, TK_REP, TK_WREP, FLD):
        return True
    return len(tokens) > 1 and tokens[-2] in (TK_REP, TK_WREP) and tokens[-1].isdigit()


def _whole_words(pieces: Iterable[str]) -> Iterator[str]:
    """Yield words put together from their pieces; a word is whole when the next one begins."""
    word = ""
    for piece in pieces:
        if piece.startswith(WORD_BEGIN) and word.strip(WORD_BEGIN):
            yield word.strip(WORD_BEGIN)
            word = ""
        word += piece
    if word.strip(WORD_BEGIN):
        yield word.strip(WORD_BEGIN)
