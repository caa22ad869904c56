"""Whose a notebook is and which problem set it is, as the names of files and folders say it.

Learning platforms, nbgrader, mailboxes and students each have their own way to name them. Moodle's folders and Canvas's
files have a number for each student, which tells two of one name apart.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from ulmfit_lib.checks.sets import SLUGS

_LONGEST_NAME = 80
# Up to three digits number a copy; more are a student's number.
_NO_STUDENT = re.compile(
    r"submissions?|submitted|work|exercises|copy\d*|untitled\d*|final|old|backup|draft|v\d+|\d{1,3}", re.IGNORECASE
)
# A set's name as people write it, with what numbers a copy behind it.
_SET = re.compile(
    f"({'|'.join(slug.replace('_', '[-_ ]+') for slug in SLUGS)})"
    r"(?:(?:[-_ ()]|copy|final|v(?=\d)|\d{1,3}(?!\d))*$)?",
    re.IGNORECASE,
)
# What platforms put behind a student's name: Moodle's number and words; Canvas's mark for late ones, the student's
# number and the file's (and not a date).
_MOODLE = re.compile(r"(?:_(\d+))?_(?:assignsubmission|onlinetext).*$", re.IGNORECASE)
_CANVAS = re.compile(r"(?:_late)?_(?!(?:19|20)\d\d_[01]?\d_)(\d{2,})_(\d{2,})_.*$", re.IGNORECASE)


@dataclass(frozen=True)
class Owner:
    """Whose a notebook is.

    Args:
        name: the student's, as it can stand in a folder's name.
        number: a platform and its number for that student, such as "canvas 1001"; empty where there is none.
        place: the part of the path that says so.
    """

    name: str
    number: str
    place: PurePosixPath


NOBODY = Owner("", "", PurePosixPath())


def owners_of(meant: list[tuple[PurePosixPath, str]], source: Path) -> list[Owner]:
    """Return whose each notebook is; nobody's where its path names none.

    Args:
        meant: the path of each in `source`, and its problem set.
        source: the folder or zip in which they lie.
    """
    stems: dict[tuple[PurePosixPath, str], set[str]] = {}
    count = Counter((path.parent, which) for path, which in meant)
    zips = {place for path, _ in meant for place in path.parents if is_zip(place)}
    together = Counter(place.parent for place in zips)
    # A zip that lies alone in a folder is named as its student liked, unless it is named after a set.
    lone = {place for place in zips if together[place.parent] == 1 and not _SET.search(place.name)}
    for path, which in meant:
        stems.setdefault((path.parent, which), set()).add(named_in(path, file=True).name)
    with_own = {which for (folder, which), names in stems.items() if folder.name and names == {""}}
    owners = []
    for path, which in meant:
        names = stems[path.parent, which]
        # Several notebooks of one set in one folder: their names are the students'. One alone: its folder's is. But
        # where one bears no name, the folder is a student's own, and the others are versions.
        own = bool(path.parent.name) and "" in names and (len(names) < 3 or which in with_own)
        owners.append(_owner_of(path, lone, flat=count[path.parent, which] > 1 and not own))
    named = {which for (_, which), owner in zip(meant, owners, strict=True) if owner.name}
    folders = Counter(which for _, which in stems)
    alone = {which for which in folders if which not in named and folders[which] == 1}  # of one student: the source
    whose = replace(named_in(PurePosixPath(source.resolve().stem)), place=PurePosixPath())
    return [whose if which in alone else owner for (_, which), owner in zip(meant, owners, strict=True)]


def _owner_of(path: PurePosixPath, lone: set[PurePosixPath], *, flat: bool) -> Owner:
    """Return the owner whom a path names: whom a platform has marked, or else the folder next to the notebook."""
    stem = named_in(path, file=True)
    above = {place: named_in(place, file=is_zip(place)) for place in path.parents if place.name}
    for owner in [*reversed(above.values()), stem]:
        if owner.name and owner.number and "_" not in owner.number:
            return owner
    order = [above[place] for place in sorted(above, key=lambda place: place in lone)]
    return next((owner for owner in ([stem, *order] if flat else [*order, stem]) if owner.name), NOBODY)


def is_zip(path: PurePosixPath) -> bool:
    """Whether it is named as a zip."""
    return path.suffix.lower() == ".zip"


def named_in(path: PurePosixPath, *, file: bool = False) -> Owner:
    """Return the owner that the last part of a path names, without the set and what platforms add."""
    part = unicodedata.normalize("NFC", path.stem if file else path.name)  # macOS takes the letters é, ñ and ö apart
    rest, number = _SET.sub("", part), ""
    if moodle := _MOODLE.search(rest):
        rest, number = rest[: moodle.start()], f"moodle {moodle[1]}" if moodle[1] else ""
    elif canvas := _CANVAS.search(rest):
        # Canvas names files; a folder that somebody unpacked from one is told from others by both numbers.
        rest, number = rest[: canvas.start()], f"canvas {canvas[1]}{'' if file else f'_{canvas[2]}'}"
    rest = re.sub(r"_late$", "", rest, flags=re.IGNORECASE).strip("_-. ")
    name = re.sub(r"[^\w.@+-]+", "-", rest).strip("_-.")
    if not name or len(name) > _LONGEST_NAME or _NO_STUDENT.fullmatch(name):
        return NOBODY
    return Owner(name, number, path.parent / rest if file else path)


def set_of(path: PurePosixPath) -> str:
    """Return the problem set that a path names, the part next to the notebook first; empty if it names none."""
    found = (_SET.search(part) for part in reversed([*path.parts[:-1], path.stem]))
    return next((slug for one in found if one for slug in SLUGS if one[1][:2] == slug[:2]), "")
