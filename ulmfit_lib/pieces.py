"""Something long that is made piece by piece: each piece is kept when it is there, and need not be made again.

predictions.csv.unfinished/resume/
    begun.json                               how it was begun, see `unfinished`
    000000.done   000001.done   000002.done  a piece each, whole or not at all
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ulmfit_lib.errors import ArtifactError
from ulmfit_lib.files import write_atomically
from ulmfit_lib.unfinished import Unfinished


def pieces(work: Unfinished | None, make: Callable[[int], Iterator[Any]]) -> Iterator[Any]:
    """Yield pieces: those that an earlier sitting has left, then those that are made now.

    Args:
        work: where they are kept; None to keep none.
        make: called with the number of pieces that are there already, yields those that follow; what a piece is must
            fit into JSON, and must not depend on where a sitting began.

    Raises:
        ArtifactError: a piece that was left is damaged.
        OSError: the disk is full or the place cannot be written.
    """
    if work is None:
        yield from make(0)
        return
    n_there = 0
    while (place := _place(work, n_there)).exists():
        yield _read(place)
        n_there += 1
    for number, piece in enumerate(make(n_there), start=n_there):
        write_atomically(_place(work, number), json.dumps(piece, ensure_ascii=False))
        yield piece


def _place(work: Unfinished, number: int) -> Path:
    return work.place(f"{number:06}.done")


def _read(place: Path) -> Any:
    try:
        return json.loads(place.read_bytes())
    except (OSError, ValueError) as error:
        raise ArtifactError("this piece is damaged.", where=str(place), fix="Begin anew by --restart.") from error
