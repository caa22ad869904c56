"""Asking trained classifiers about raw texts: one, or several whose probabilities are averaged.

    from ulmfit_lib.asking import load_classifiers

    both = load_classifiers("runs/reviews")
    for guess in both.predict(["A dull film.", "A joy from start to end."]):
        print(guess.label, guess.probs)

The tokenizer, the vocabulary, the labels and the direction come out of each artifact: nothing has to be said again, and
nothing can be said wrongly.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ulmfit_lib.classifier_files import LoadedClassifier, load_classifier
from ulmfit_lib.classifying import predict_probs
from ulmfit_lib.direction import DIRECTIONS, check_direction
from ulmfit_lib.ensemble import average_probs
from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.pieces import pieces
from ulmfit_lib.splitting import stream_texts

if TYPE_CHECKING:
    from ulmfit_lib.unfinished import Unfinished

#: So many texts are answered and kept at a time; enough of them to find some of about the same length for each batch.
AT_ONCE = 512


@dataclass(frozen=True)
class Guess:
    """What a text is taken for: the most probable label, and the probability of every label."""

    label: Any
    probs: dict[Any, float]


class Classifiers:
    """One classifier or several, asked as one: each has its own tokenizer, vocabulary and direction.

    Args:
        members: what `load_classifier` gives.
        names: what an error calls each of them, such as the folder it came from.

    Raises:
        ArtifactError: there is none, their labels differ, or two of them read in the same direction.
    """

    def __init__(self, members: Sequence[LoadedClassifier], names: Sequence[str] = ()) -> None:
        self.members, self.names = list(members), list(names) or [f"classifier {i}" for i in range(len(members))]
        if not self.members:
            raise ArtifactError("there is no classifier to ask.")
        self.label_names = self.members[0].label_names
        ways: dict[str, str] = {}
        for member, name in zip(self.members, self.names, strict=True):
            if member.label_names != self.label_names:
                raise ArtifactError(
                    f"its labels are {_listed(member.label_names)}, and those of the other one are "
                    f"{_listed(self.label_names)}.",
                    where=name,
                    fix="Give classifiers that were trained on the same labels.",
                )
            if member.direction in ways:
                raise ArtifactError(
                    f"it reads texts {member.direction}, as {ways[member.direction]} does.",
                    where=name,
                    fix="Give one classifier of each direction.",
                )
            ways[member.direction] = name

    @property
    def sha256(self) -> list[str]:
        """What tells the weights of these classifiers from all others, one entry each."""
        return [member.config["files"]["model.safetensors"]["sha256"] for member in self.members]

    def to(self, device: str) -> "Classifiers":
        """Move the models to a device, and return this."""
        for member in self.members:
            member.model.to(device)
        return self

    def probs_of_each(
        self,
        texts: Sequence[str],
        *,
        bs: int = 64,
        precision: str = "fp32",
        progress: Callable[[int], None] | None = None,
        work: "Unfinished | None" = None,
    ) -> dict[str, np.ndarray]:
        """Return for each direction the probabilities (n_texts, n_classes), in the order of the texts.

        Args:
            texts: raw texts; an empty one is read as the mark that every text begins with, and nothing else.
            bs: texts a batch; it changes nothing but the speed.
            precision: see `predict_probs`.
            progress: called with the number of texts that were answered since the last call.
            work: where the answers are kept as they come, and those of an earlier sitting lie; None to keep none.

        Raises:
            ArtifactError: what an earlier sitting left there is damaged.
        """
        parts: dict[str, list[np.ndarray]] = {member.direction: [] for member in self.members}

        def answers(n_there: int) -> Iterator[dict[str, list]]:
            return self._stream_probs(texts[n_there * AT_ONCE :], bs, precision)

        for piece in pieces(work, answers):
            for way, rows in piece.items():
                parts[way].append(np.array(rows, dtype=np.float32))
            if progress is not None:
                progress(len(next(iter(piece.values()))))
        none = np.zeros((0, len(self.label_names)), dtype=np.float32)
        return {way: np.concatenate([none, *arrays]) for way, arrays in parts.items()}

    def _stream_probs(self, texts: Sequence[str], bs: int, precision: str) -> Iterator[dict[str, list]]:
        """Yield the probabilities of `AT_ONCE` texts at a time; each way to split goes through the texts once."""
        entries = {_key(member): member.config.get("tokenizer") for member in self.members}
        streams = {key: stream_texts(texts, entry) for key, entry in entries.items()}
        for _ in range(0, len(texts), AT_ONCE):
            tokens = {key: list(islice(stream, AT_ONCE)) for key, stream in streams.items()}
            yield {
                member.direction: predict_probs(
                    member.model,
                    [member.vocab.numericalize(doc) for doc in tokens[_key(member)]],
                    *(bs, member.direction, precision),
                ).tolist()
                for member in self.members
            }

    def probs(self, texts: Sequence[str], **options: Any) -> np.ndarray:
        """Return the mean of the directions' probabilities, (n_texts, n_classes); options as in `probs_of_each`."""
        each = self.probs_of_each(texts, **options)
        return next(iter(each.values())) if len(each) == 1 else average_probs(*each.values())

    def predict(self, texts: Sequence[str], **options: Any) -> list[Guess]:
        """Return a guess for each text, in the order of the texts; options as in `probs_of_each`."""
        if not len(texts):
            return []
        return [
            Guess(self.label_names[row.argmax()], dict(zip(self.label_names, map(float, row), strict=True)))
            for row in self.probs(texts, **options)
        ]


def load_classifiers(*folders: str | Path) -> Classifiers:
    """Load classifiers to be asked as one: their artifacts, or the folder of a run that holds them.

    Raises:
        ArtifactError: one is damaged or no classifier, or they do not fit together.
    """
    found: list[Path] = []
    for folder in map(Path, folders):
        inside = [folder / f"classifier-{way}" for way in DIRECTIONS if (folder / f"classifier-{way}").is_dir()]
        found += inside or [folder]
    return Classifiers([load_classifier(folder) for folder in found], [str(folder) for folder in found])


def only(asked: Classifiers, direction: str) -> Classifiers:
    """Return those of this direction alone.

    Raises:
        ArtifactError: there is none.
        ConfigError: there is no such direction.
    """
    check_direction(direction)
    kept = [
        (member, name) for member, name in zip(asked.members, asked.names, strict=True) if member.direction == direction
    ]
    if not kept:
        raise ArtifactError(
            f"it reads texts {asked.members[0].direction}, and a {direction} classifier is needed.",
            where=asked.names[0],
            fix=f"Give the classifier that was trained with direction {direction!r}.",
        )
    return Classifiers(*zip(*kept, strict=True))


def _key(member: LoadedClassifier) -> str:
    """Return what is the same for classifiers that split texts alike."""
    return json.dumps(member.config.get("tokenizer"), sort_keys=True)


def _listed(names: Sequence) -> str:
    return ", ".join(map(repr, names))
