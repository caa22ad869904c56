"""How texts become tokens, as a few entries that travel inside every artifact, so that it is always asked alike.

{"kind": "words", "lang": "en"}                     spaCy's words of a language, see `tokenizer`
{"kind": "subwords", "lang": "en", "model": "..."}  SentencePiece's pieces, see `subwords`; the model in base64
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.subwords import SubwordTokenizer
from ulmfit_lib.tokenizer import Tokenizer, WordTokenizer, stream_tokens

KINDS = ("words", "subwords")
WORDS: dict[str, Any] = {"kind": "words", "lang": "en"}


def words(lang: str = "en") -> dict[str, Any]:
    """Return the entries for the words of a language, as spaCy calls it."""
    return {**WORDS, "lang": lang}


def subwords(texts: Iterable[str], lang: str = "en", vocab_sz: int | None = None) -> dict[str, Any]:
    """Learn pieces of words from texts, and return the entries.

    Raises:
        DataError: there is too little text to learn from.
    """
    model = SubwordTokenizer.train(texts, lang=lang, vocab_sz=vocab_sz).model
    return {"kind": "subwords", "lang": lang, "model": base64.b64encode(model).decode("ascii")}


def splitter(entries: Mapping[str, Any] | None) -> Callable[[str], list[str]]:
    """Return the function that splits a text as these entries say; None stands for English words.

    Raises:
        ArtifactError: there is no such kind, or its model is damaged.

    >>> splitter({"kind": "words", "lang": "en"})("It's good")
    ['xxbos', 'xxmaj', 'it', "'s", 'good']
    """
    entries = entries or WORDS
    if entries.get("kind") == "words":
        return Tokenizer(WordTokenizer(entries.get("lang", "en")))
    if entries.get("kind") != "subwords":
        raise ArtifactError(f"texts are split by {entries.get('kind')!r} there; known are {', '.join(KINDS)}.")
    try:
        return SubwordTokenizer(base64.b64decode(entries.get("model", ""), validate=True))
    except (binascii.Error, TypeError) as error:
        raise ArtifactError("the model of the subwords is damaged in it.") from error


def split_texts(
    texts: Iterable[str],
    entries: Mapping[str, Any] | None = None,
    *,
    n_workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> list[list[str]]:
    """Return the tokens of each text, in the order of the texts; see `tokenizer.tokenize`."""
    return list(stream_texts(texts, entries, n_workers=n_workers, progress=progress))


def stream_texts(
    texts: Iterable[str],
    entries: Mapping[str, Any] | None = None,
    *,
    n_workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Iterator[list[str]]:
    """Yield the tokens of each text, in the order of the texts; see `tokenizer.stream_tokens`."""
    entries = entries or WORDS
    if entries.get("kind") == "words":
        yield from stream_tokens(texts, lang=entries.get("lang", "en"), n_workers=n_workers, progress=progress)
        return
    split = splitter(entries)
    for text in texts:
        yield split(text)
        if progress is not None:
            progress(1)


def check_kind(kind: str) -> str:
    """Return `kind` if it is one of `KINDS`.

    Raises:
        ConfigError: it is not.
    """
    if kind not in KINDS:
        raise ConfigError(f"Texts are split into {' or '.join(KINDS)}, not {kind!r}.")
    return kind
