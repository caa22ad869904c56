"""Judging classifiers on labelled texts: each alone, all averaged, and whether the difference means anything."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ulmfit_lib.asking import Classifiers
from ulmfit_lib.data import Texts
from ulmfit_lib.data_rows import TEST, VALID
from ulmfit_lib.ensemble import accuracy_interval, average_probs, calibration, mcnemar, moved
from ulmfit_lib.errors import DataError
from ulmfit_lib.one_way import CLASSIFIER, Line
from ulmfit_lib.unfinished import Unfinished

BOTH, ENSEMBLE = "both", "ensemble"


class Verdict(NamedTuple):
    """How classifiers did: lines of a table, probabilities by name, and what there is to say of the ensemble.

    `probs` holds arrays (n_texts, n_classes) for each direction and, with two, for "ensemble".
    """

    lines: list[Line]
    probs: dict[str, np.ndarray]
    findings: dict[str, Any]
    texts: Texts


def judge(
    asked: Classifiers,
    texts: Texts,
    *,
    split: str | None = None,
    bs: int = 64,
    precision: str = "fp32",
    progress: Callable[[int], None] | None = None,
    work: Unfinished | None = None,
) -> Verdict:
    """Ask classifiers about labelled texts and compare what each and their mean say with the labels.

    Args:
        asked: one classifier or one of each direction.
        texts: labelled texts.
        split: the texts to judge by; "test" by default, or "valid" where there are none.
        bs, precision, progress, work: as in `Classifiers.probs_of_each`.

    Raises:
        DataError: there is no labelled text in the split, or one whose label the classifiers do not know.
    """
    if split is None:
        split = TEST if len(texts.subset(TEST, labelled=True)) else VALID
    judged = texts.subset(split, labelled=True)
    if not len(judged):
        raise DataError(f"no labelled text is in the split {split!r}.", where=texts.name)
    numbers = {str(name): number for number, name in enumerate(asked.label_names)}
    for row, label in enumerate(judged.labels, start=1):
        if label not in numbers:
            raise DataError(
                f"the classifier does not know the label {label!r}; it knows {', '.join(numbers)}.",
                where=f"{texts.name}, text {row} of {split!r}",
                fix="Leave such texts out, or train with some of them.",
            )
    labels = np.array([numbers[label] for label in judged.labels])
    probs = asked.probs_of_each(judged.texts, bs=bs, precision=precision, progress=progress, work=work)
    lines = [_line(CLASSIFIER, way, array, labels) for way, array in probs.items()]
    findings: dict[str, Any] = {"split": split, "texts": len(judged)}
    if len(probs) > 1:
        each = dict(probs)
        probs[ENSEMBLE] = average_probs(*each.values())
        lines.append(_line(ENSEMBLE, BOTH, probs[ENSEMBLE], labels))
        right = {name: array.argmax(axis=1) == labels for name, array in probs.items()}
        findings["against"] = {
            way: {
                **mcnemar(right[ENSEMBLE], right[way])._asdict(),
                "rescued": sum(one.rescued for one in moved(array, probs[ENSEMBLE], labels)),
                "lost": sum(one.lost for one in moved(array, probs[ENSEMBLE], labels)),
            }
            for way, array in each.items()
        }
    findings["calibration_error"] = {name: calibration(array, labels).ece for name, array in probs.items()}
    return Verdict(lines, probs, findings, judged)


def say(findings: dict[str, Any]) -> list[str]:
    """Return what was found as sentences."""
    said = [
        f"Against {way} alone the ensemble is right on {one['only_a']} texts more and wrong on {one['only_b']} more "
        f"(McNemar, p = {one['p_value']:.3g})."
        for way, one in findings.get("against", {}).items()
    ]
    errors = ", ".join(f"{name} {100 * ece:.1f} %" for name, ece in findings["calibration_error"].items())
    return [*said, f"Mean distance of confidence from accuracy: {errors}."]


def _line(stage: str, way: str, probs: np.ndarray, labels: Sequence[int]) -> Line:
    right = np.clip(probs[np.arange(len(labels)), labels], 1e-12, 1)
    accuracy, low, high = accuracy_interval(int((probs.argmax(axis=1) == labels).sum()), len(labels))
    return Line(stage, way, float(-np.log(right).mean()), accuracy, low=low, high=high)
