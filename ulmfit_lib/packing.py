"""A packed corpus: texts as token ids, in compressed pieces that are checked when they are read.

Splitting millions of words takes minutes, and a GPU machine need not have spaCy. So texts are turned into ids once, and
the ids travel:

    packed.json        what is in the folder: parts, pieces, label names, where the texts came from, checksums
    vocab.json         the tokens in the order of their ids
    train-000.ids.xz   a piece: the lengths and ids (and labels) of some documents, as safetensors, compressed by xz
    ...

Two bytes an id are enough for a vocabulary of up to 65,536 tokens.
"""

from __future__ import annotations

import json
import lzma
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ulmfit_lib.errors import ArtifactError, ConfigError
from ulmfit_lib.files import folder_written_atomically, refuse_to_replace, sha256_of
from ulmfit_lib.rules import SPECIAL_TOKENS
from ulmfit_lib.vocab import Vocab, make_vocab

if TYPE_CHECKING:
    import numpy as np

FORMAT = 1
INDEX, VOCAB = "packed.json", "vocab.json"
TOKENS_A_PIECE = 8_000_000  # about 10 MB compressed
UNLABELLED = -1
_SMALLEST_LABEL_TYPE = "int16"


@dataclass
class Part:
    """Documents as arrays of ids, and the label number of each (-1 where it has none)."""

    docs: list[np.ndarray] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)

    @property
    def n_tokens(self) -> int:
        """How many ids its documents hold."""
        return sum(len(doc) for doc in self.docs)


@dataclass(frozen=True)
class Packed:
    """What `unpack` found: the documents of each part, the vocabulary, the names of the labels and the origin."""

    name: str
    vocab: Vocab
    parts: dict[str, Part]
    label_names: list[str]
    origin: dict[str, Any]


class Packer:
    """Collects documents of tokens, then gives them ids and writes them.

    Tokens get provisional ids as they come, so that no text has to be kept and none has to be split twice.

    Args:
        name: what the corpus is called.
        vocab: a vocabulary to use; None makes one of the parts that `write` is told to count.

    >>> packer = Packer("two films")
    >>> packer.add("train", ["xxbos", "good", "film"], label="pos")
    >>> packer.counts(["train"])["film"]
    1
    """

    def __init__(self, name: str, vocab: Vocab | None = None) -> None:
        self.name, self.vocab = name, vocab
        self._number: dict[str, int] = {}
        self._ids: dict[str, array] = {}
        self._lengths: dict[str, list[int]] = {}
        self._labels: dict[str, list[str | None]] = {}

    def add(self, part: str, tokens: Iterable[str], label: str | None = None) -> None:
        """Add a document to a part, such as "train"."""
        number = self._number
        ids = self._ids.setdefault(part, array("i"))
        before = len(ids)
        ids.extend([number.setdefault(token, len(number)) for token in tokens])
        self._lengths.setdefault(part, []).append(len(ids) - before)
        self._labels.setdefault(part, []).append(label)

    def counts(self, parts: Sequence[str]) -> Counter[str]:
        """Return how often each token stands in these parts; tokens of the same count in the order of their coming."""
        import numpy as np

        total = np.zeros(len(self._number), dtype=np.int64)
        for part in parts:
            total += np.bincount(np.frombuffer(self._ids[part], dtype=np.int32), minlength=len(total))
        return Counter({token: int(count) for token, count in zip(self._number, total, strict=True) if count})

    def write(
        self,
        folder: Path,
        *,
        count: Sequence[str] = ("train",),
        min_freq: int = 3,
        max_vocab: int = 60_000,
        origin: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write the corpus, whole or not at all.

        Args:
            folder: the folder to make.
            count: the parts whose tokens make the vocabulary, if none was given.
            min_freq, max_vocab: as in `ulmfit_lib.vocab.make_vocab`.
            origin: where the texts came from, for the receipts of what is trained on them; never a path.

        Raises:
            ConfigError: a part to count is not there and no vocabulary was given, or the folder holds something else,
                which would be lost.
            ArtifactError: the folder cannot be written.
        """
        for part in count:
            if self.vocab is None and part not in self._ids:
                raise ConfigError(f"There is no part {part!r}; there are {', '.join(self._ids) or 'none'}.")
        check_folder(Path(folder))
        vocab = self.vocab or Vocab(make_vocab(self.counts(count), min_freq, max_vocab, SPECIAL_TOKENS))
        names = sorted({label for labels in self._labels.values() for label in labels if label is not None})
        try:
            with folder_written_atomically(Path(folder)) as beside:
                (beside / VOCAB).write_text(json.dumps({"tokens": vocab.tokens}, ensure_ascii=False), encoding="utf-8")
                index = {
                    "format": FORMAT,
                    "name": self.name,
                    "vocab_sha256": sha256_of(beside / VOCAB),
                    "label_names": names,
                    "parts": {part: self._write_part(beside, part, vocab, names) for part in self._ids},
                    "origin": dict(origin or {}),
                }
                (beside / INDEX).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise ArtifactError(f"the packed corpus cannot be written: {error.strerror}.", where=str(folder)) from error
        return Path(folder)

    def _write_part(self, folder: Path, part: str, vocab: Vocab, names: list[str]) -> list[dict[str, Any]]:
        import numpy as np
        from safetensors.numpy import save

        id_type = np.uint16 if len(vocab) <= 1 << 16 else np.uint32
        final = np.array(vocab.numericalize(self._number), dtype=id_type)  # (provisional ids,)
        ids = final[np.frombuffer(self._ids[part], dtype=np.int32)]
        lengths = np.array(self._lengths[part], dtype=np.uint32)
        number = {name: place for place, name in enumerate(names)} | {None: UNLABELLED}
        labels = np.array([number[label] for label in self._labels[part]], dtype=_SMALLEST_LABEL_TYPE)
        ends = np.cumsum(lengths, dtype=np.int64)
        pieces, first, begin = [], 0, 0
        while first < len(lengths):
            # At least one document a piece, however long it is.
            last = max(first + 1, int(np.searchsorted(ends, begin + TOKENS_A_PIECE, side="right")))
            end = int(ends[last - 1])
            arrays = {"lengths": lengths[first:last], "ids": ids[begin:end], "labels": labels[first:last]}
            file = f"{part}-{len(pieces):03}.ids.xz"
            (folder / file).write_bytes(lzma.compress(save(arrays), preset=6))
            pieces.append(
                {
                    "file": file,
                    "bytes": (folder / file).stat().st_size,
                    "sha256": sha256_of(folder / file),
                    "docs": last - first,
                    "tokens": end - begin,
                }
            )
            first, begin = last, end
        return pieces


def check_folder(folder: Path) -> None:
    """See that a packed corpus may be written there: nothing is there, or an older one and no more.

    Raises:
        ConfigError: something else is there, which would be lost.
    """
    refuse_to_replace(folder, (INDEX, VOCAB, "*.ids.xz"), "a packed corpus", mark=INDEX)


def unpack(folder: Path, parts: Sequence[str] | None = None, most_pieces: int | None = None) -> Packed:
    """Read a packed corpus, checking every piece.

    Args:
        folder: what `Packer.write` made.
        parts: the parts to read; all by default.
        most_pieces: how many pieces of each part to read at most.

    Raises:
        ArtifactError: something is missing, cut short or altered; the message names it.
    """
    folder = Path(folder)
    index = _read_index(folder)
    if not (folder / VOCAB).is_file():
        raise ArtifactError("the vocabulary is missing.", where=str(folder / VOCAB), fix="Copy it again.")
    if sha256_of(folder / VOCAB) != index["vocab_sha256"]:
        raise ArtifactError("the vocabulary was altered.", where=str(folder / VOCAB), fix="Pack the texts again.")
    wanted = list(index["parts"]) if parts is None else list(parts)
    for part in wanted:
        if part not in index["parts"]:
            raise ArtifactError(
                f"it has no part {part!r}; it has {', '.join(index['parts'])}.", where=str(folder / INDEX)
            )
    read = {}
    for part in wanted:
        read[part] = Part()
        for piece in index["parts"][part][:most_pieces]:
            _read_piece(folder, piece, read[part])
    tokens = json.loads((folder / VOCAB).read_text(encoding="utf-8"))["tokens"]
    return Packed(index["name"], Vocab(tokens), read, index["label_names"], index["origin"])


def _read_index(folder: Path) -> dict[str, Any]:
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ArtifactError(
            "there is no packed corpus (a folder with packed.json).",
            where=str(folder),
            fix="Make one by `ulmfit pack`.",
        ) from error
    except ValueError as error:
        raise ArtifactError("this file is damaged.", where=str(folder / INDEX), fix="Pack the texts again.") from error
    if index.get("format") != FORMAT:
        raise ArtifactError(
            f"it has format {index.get('format')!r}; this version of ulmfit_lib reads format {FORMAT}.",
            where=str(folder / INDEX),
            fix="Pack the texts again.",
        )
    return index


def _read_piece(folder: Path, piece: dict[str, Any], part: Part) -> None:
    import numpy as np
    from safetensors.numpy import load

    path = folder / piece["file"]
    if not path.is_file():
        raise ArtifactError("this piece is missing.", where=str(path), fix="Copy it again.")
    if sha256_of(path) != piece["sha256"]:
        raise ArtifactError(
            f"this piece was cut short or altered: {path.stat().st_size:,} of {piece['bytes']:,} bytes, and its "
            "checksum is not the one in packed.json.",
            where=str(path),
            fix="Copy it again.",
        )
    arrays = load(lzma.decompress(path.read_bytes()))
    part.docs += np.split(arrays["ids"], np.cumsum(arrays["lengths"], dtype=np.int64)[:-1])
    part.labels += arrays["labels"].tolist()
