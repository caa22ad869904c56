"""From files of texts to a packed corpus: read, split into tokens, packed."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ulmfit_lib.data import read_texts
from ulmfit_lib.errors import ConfigError
from ulmfit_lib.files import sha256_of
from ulmfit_lib.packing import Packer
from ulmfit_lib.tokenizer import stream_tokens
from ulmfit_lib.vocab import Vocab

Progress = Callable[[str, int], None]  # called with a file's name and its number of texts when it is done


def pack_files(
    parts: Mapping[str, Sequence[Path]],
    out: Path,
    *,
    name: str,
    vocab: Vocab | None = None,
    min_freq: int = 3,
    max_vocab: int = 60_000,
    progress: Progress | None = None,
) -> Path:
    """Pack files of running text, such as an encyclopaedia: labels in them are ignored. One file is held at a time.

    Args:
        parts: the files of each part; "train" makes the vocabulary if none is given.
        out: the folder to make.
        name: what the corpus is called in receipts.
        vocab, min_freq, max_vocab: the vocabulary to use, or how to make one.
        progress: told of each file.

    Raises:
        DataError: a file cannot be read as a table of texts.
        ConfigError: no file was given.
    """
    if not any(parts.values()):
        raise ConfigError("No file of texts was given.")
    packer, origin = Packer(name, vocab), {}
    for part, files in parts.items():
        for file in map(Path, files):
            texts = read_texts(file, needs_labels=False)
            for tokens in stream_tokens(texts.texts):
                packer.add(part, tokens)
            origin[file.name] = sha256_of(file) if file.is_file() else texts.sha256
            if progress is not None:
                progress(file.name, len(texts))
    what = {"name": name, "files": list(origin), "sha256": origin}
    return packer.write(out, min_freq=min_freq, max_vocab=max_vocab, origin=what)


def pack_labelled(
    path: Path,
    out: Path,
    *,
    name: str | None = None,
    vocab: Vocab | None = None,
    min_freq: int = 3,
    max_vocab: int = 60_000,
    leak: bool = False,
    progress: Progress | None = None,
) -> Path:
    """Pack labelled texts with their splits as parts, such as IMDb.

    Args:
        path: what `data.read_texts` reads.
        out: the folder to make.
        leak: whether the test texts, without their labels, count for the vocabulary, as everybody does on IMDb.
        name, vocab, min_freq, max_vocab, progress: as in `pack_files`.

    Raises:
        DataError: as `read_texts`.
    """
    texts = read_texts(path)
    packer = Packer(name or texts.name, vocab)
    for tokens, label, split in zip(stream_tokens(texts.texts), texts.labels, texts.splits, strict=True):
        packer.add(split, tokens, label)
    if progress is not None:
        progress(texts.name, len(texts))
    count = [split for split in ("train", "valid", "unsup", "test") if split in texts.splits]
    count = [split for split in count if leak or split not in ("valid", "test")]
    what = {"name": texts.name, "rows": len(texts), "sha256": texts.sha256}
    return packer.write(out, count=count, min_freq=min_freq, max_vocab=max_vocab, origin=what)
