"""What a run learns from and what it is measured on: texts sorted by purpose, as ids, with nothing leaking across."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ulmfit_lib.data_rows import TEST, TRAIN, UNSUP, VALID, stratified
from ulmfit_lib.errors import DataError
from ulmfit_lib.splitting import WORDS, check_kind, split_texts, subwords
from ulmfit_lib.vocab import FILLER, Vocab, count_tokens, make_vocab

if TYPE_CHECKING:
    from ulmfit_lib.data import Texts

HELD_OUT = 0.1  # of each label's training texts, to be measured on while training, where no text is "valid"


@dataclass(frozen=True)
class Part:
    """Some of the texts: their places in the file, their ids, and the number of the label of each (None for none)."""

    places: list[int]
    docs: list[list[int]]
    labels: list[int | None]

    def __len__(self) -> int:
        return len(self.docs)

    def labelled(self) -> "Part":
        """Return the texts that have a label."""
        kept = [row for row, label in enumerate(self.labels) if label is not None]
        return Part(*([values[row] for row in kept] for values in (self.places, self.docs, self.labels)))


@dataclass(frozen=True)
class Material:
    """The texts of a run by purpose.

    The language model learns from `unlabelled` and is measured on `valid`; the classifier learns from `train`, is
    measured on `valid` while training, and on `asked` at the end. `scored_split` says what `asked` is.
    """

    vocab: Vocab
    unlabelled: Part
    train: Part
    valid: Part
    asked: Part
    scored_split: str
    notes: list[str]
    tokenizer: dict[str, Any] = field(default_factory=lambda: dict(WORDS))


class SplitTexts(NamedTuple):
    """How texts were split into tokens, the vocabulary, and the ids of each text."""

    tokenizer: dict[str, Any]
    vocab: Vocab
    ids: list[list[int]]


def prepare(
    texts: "Texts",
    *,
    min_freq: int = 3,
    max_vocab: int = 60_000,
    more_words: Sequence[str] = (),
    leak: bool = False,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    tokenizer: str = "words",
    lang: str = "en",
    split: dict[str, Any] | None = None,
    vocab: Vocab | None = None,
    n_workers: int = 0,
    before: SplitTexts | None = None,
    keep: Callable[[SplitTexts], None] | None = None,
) -> Material:
    """Tokenize the texts, make the vocabulary, and sort the texts by what they are for.

    Leak-free by default: the vocabulary and the language model see no text of "valid" or "test", nor a copy of one.

    Args:
        texts: checked texts.
        min_freq, max_vocab: see `vocab.make_vocab`.
        more_words: tokens that join the vocabulary though the texts may not hold them: a pretrained model's.
        leak: lets the language model and the vocabulary see the texts of "test" (never their labels), as all published
            results on IMDb do.
        seed: decides which training texts are held out where none is "valid".
        progress: called with the number of texts tokenized since the last call.
        tokenizer: "words", or "subwords" learnt from the texts that the language model reads.
        lang: the language of the texts, as spaCy calls it.
        split: how to split texts, instead of `tokenizer` and `lang`: what an artifact says of it, see `splitting`.
        vocab: a vocabulary to use; None makes one.
        n_workers: processes that split texts into words; 0 does it in this one.
        before: how the texts were split and what came of it, where an interrupted run did that before.
        keep: is given how the texts were split and what came of it, to be kept for such a case.

    Raises:
        DataError: no text is left to learn from, or the texts are too short to be measured on.
    """
    notes = list(texts.notes)
    splits = _with_valid(texts, seed, notes)
    has_test = any(label is not None and split == TEST for label, split in zip(texts.labels, splits, strict=True))
    if not has_test:
        notes.append("No labelled text is for testing: the accuracy is that on the texts of 'valid'.")
    hidden, read = ((VALID,), (TRAIN, UNSUP, TEST)) if leak else ((VALID, TEST), (TRAIN, UNSUP))
    secret = {text for text, split in zip(texts.texts, splits, strict=True) if split in hidden}
    learned = [i for i, split in enumerate(splits) if split in read]
    for_language_model = [i for i in learned if texts.texts[i] not in secret]
    copies = len(learned) - len(for_language_model)
    notes.append(
        f"The vocabulary and the language model are made from the texts of {_listed(read)} alone"
        + (f", without {copies} that also stand in {_listed(hidden, 'or')}." if copies else ".")
    )
    if not for_language_model:
        raise DataError("every text to learn from also stands in 'valid' or 'test'.", where=texts.name)

    if before is None:
        before = _split_and_number(
            texts.texts,
            for_language_model,
            split or {"kind": tokenizer, "lang": lang},
            vocab,
            (min_freq, max_vocab, more_words),
            n_workers,
            progress,
        )
        if keep is not None:
            keep(before)
    split, vocab, ids = before
    numbers = {name: number for number, name in enumerate(texts.label_names)}

    def part(places: Sequence[int]) -> Part:
        return Part(list(places), [ids[i] for i in places], [numbers.get(texts.labels[i]) for i in places])

    of = {split: part([i for i, other in enumerate(splits) if other == split]) for split in (TRAIN, VALID, TEST)}
    # With too few texts to hold any out, the training texts themselves are measured on.
    valid = of[VALID].labelled() if len(of[VALID].labelled()) else of[TRAIN]
    if sum(map(len, valid.docs)) < 2:
        raise DataError("the texts have too few words.", where=texts.name, fix="Give more texts.")
    return Material(
        vocab=vocab,
        unlabelled=part(for_language_model),
        train=of[TRAIN],
        valid=valid,
        asked=of[TEST] if has_test else of[VALID],
        scored_split=TEST if has_test else VALID,
        notes=notes,
        tokenizer=split,
    )


def prepare_unlabelled(
    texts: "Texts",
    *,
    min_freq: int = 3,
    max_vocab: int = 60_000,
    more_words: Sequence[str] = (),
    leak: bool = False,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    tokenizer: str = "words",
    lang: str = "en",
    n_workers: int = 0,
) -> Material:
    """Prepare texts for a language model alone, whether they have labels or not; the options are those of `prepare`.

    The texts of "valid" measure it; where there are none, a tenth of those that it would learn from.

    Raises:
        DataError: no text is left to learn from, or the texts are too short to be measured on.
    """
    notes, read = list(texts.notes), (TRAIN, UNSUP, TEST) if leak else (TRAIN, UNSUP)
    learned = [i for i, split in enumerate(texts.splits) if split in read]
    valid = [i for i, split in enumerate(texts.splits) if split == VALID]
    if not valid and len(learned) > 1:
        n_held_out = max(1, round(HELD_OUT * len(learned)))
        valid = sorted(random.Random(f"language model {seed}").sample(learned, n_held_out))
        notes.append(f"{n_held_out} texts, chosen with seed {seed}, were held out to be measured on while training.")
    secret = {texts.texts[i] for i in valid}
    secret.update(text for text, split in zip(texts.texts, texts.splits, strict=True) if split == TEST and not leak)
    learned = [i for i in learned if texts.texts[i] not in secret]
    if not learned or not valid:
        raise DataError(
            "there are too few texts to learn from.", where=texts.name, fix="Give at least two that differ."
        )
    split, vocab, ids = _split_and_number(
        texts.texts,
        learned,
        {"kind": tokenizer, "lang": lang},
        None,
        (min_freq, max_vocab, more_words),
        n_workers,
        progress,
    )

    def part(places: Sequence[int]) -> Part:
        return Part(list(places), [ids[i] for i in places], [None] * len(places))

    if sum(len(ids[i]) for i in valid) < 2:
        raise DataError("the texts have too few words.", where=texts.name, fix="Give more texts.")
    nothing = Part([], [], [])
    return Material(vocab, part(learned), nothing, part(valid), nothing, VALID, notes, split)


def _split_and_number(
    texts: Sequence[str],
    for_language_model: Sequence[int],
    split: dict[str, Any],
    vocab: Vocab | None,
    of_vocab: tuple[int, int, Sequence[str]],
    n_workers: int,
    progress: Callable[[int], None] | None,
) -> SplitTexts:
    """Split all texts and number their tokens; what is learnt for that, is learnt from `for_language_model` alone."""
    min_freq, max_vocab, more_words = of_vocab
    if check_kind(split["kind"]) == "subwords" and "model" not in split:
        split = subwords((texts[i] for i in for_language_model), split["lang"])
    tokens = split_texts(texts, split, n_workers=n_workers, progress=progress)
    if vocab is None:
        # A piece of a word is known because it is frequent.
        least = min_freq if split["kind"] == "words" else 1
        found = make_vocab(count_tokens(tokens[i] for i in for_language_model), least, max_vocab)
        vocab = Vocab(with_more_words(found, more_words))
    return SplitTexts(split, vocab, [vocab.numericalize(doc) for doc in tokens])


def with_more_words(tokens: list[str], more: Sequence[str]) -> list[str]:
    """Return a vocabulary with the tokens that it lacks, and fillers up to the next multiple of 8.

    >>> with_more_words(["xxunk", "film", "xxfake"], ["film", "plot"])[:3]
    ['xxunk', 'film', 'plot']
    """
    if not more:
        return tokens
    kept = [token for token in tokens if token != FILLER]
    known = {*kept, FILLER}
    kept += [token for token in more if token not in known]
    return kept + [FILLER] * (-len(kept) % 8)


def _listed(splits: Sequence[str], word: str = "and") -> str:
    *first, last = [f"'{split}'" for split in splits]
    return f"{', '.join(first)} {word} {last}" if first else last


def _with_valid(texts: "Texts", seed: int, notes: list[str]) -> list[str]:
    """Return the splits; where no labelled text is "valid", a tenth of each label's training texts becomes it."""
    pairs = list(zip(texts.splits, texts.labels, strict=True))
    if any(split == VALID and label is not None for split, label in pairs):
        return list(texts.splits)
    held_out = stratified([label if split == TRAIN else None for split, label in pairs], HELD_OUT, seed)
    if held_out:
        notes.append(
            f"No labelled text is for validation: {len(held_out)} training texts, chosen with seed {seed}, were held "
            "out to be measured on while training."
        )
    else:
        notes.append("There are too few training texts to hold any out: while training, these are measured on.")
    return [VALID if i in held_out else split for i, split in enumerate(texts.splits)]
