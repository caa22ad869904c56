"""Taking in what students handed in: a folder or a zip, as a learning platform, nbgrader or a mailbox gives it.

Only notebooks are taken, each to `submissions/STUDENT/NN_stage/NN_stage.ipynb`. Links, paths that lead elsewhere and
archives that swell are refused by name; nothing is ever unpacked where its path says. Whatever is not taken is said,
and two students are never made one: those of one name are kept apart by a platform's number, or refused.
"""

import io
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path, PurePosixPath

from ulmfit_lib.checks.sets import SLUGS
from ulmfit_lib.errors import DataError
from ulmfit_lib.files import write_atomically
from ulmfit_lib.grading.marking import submitted
from ulmfit_lib.grading.owners import Owner, is_zip, named_in, owners_of, set_of
from ulmfit_lib.grading.roster import as_key, ids_by_name
from ulmfit_lib.grading.submission import LARGEST, cleaned

_WANTED = (".ipynb", ".zip")
_MOST_FILES = 20_000  # of those
_DEEPEST = 2  # zips within zips
_NUMBER = "number.txt"  # beside a notebook, if a platform gave its student one: names are not always enough


@dataclass
class Intake:
    """What was taken in, and what was not and why.

    Args:
        taken: student -> problem set, of notebooks that are new or other than before.
        same: how many were there already, as they are or newer.
        refused: a sentence for each thing that was left out.
        alike: a sentence for each name that several students have, or seem to have.
        others: files that are no notebooks.
    """

    taken: list[tuple[str, str]] = field(default_factory=list)
    same: int = 0
    refused: list[str] = field(default_factory=list)
    alike: list[str] = field(default_factory=list)
    others: list[PurePosixPath] = field(default_factory=list)


@dataclass(frozen=True)
class _Found:
    path: PurePosixPath
    read: Callable[[], bytes]
    when: datetime


_ByStudent = dict[tuple[str, str], list[tuple[_Found, Owner]]]


def take_in(source: Path, root: Path, sets: Sequence[str] = ()) -> Intake:
    """Copy each notebook in a folder or zip to its place under submissions/.

    Args:
        source: the folder or the zip.
        root: the folder of the course.
        sets: the problem sets that are taken, by default all. A notebook's or folder's name says which it is; one that
            names none is taken for the only one.

    Raises:
        DataError: there is no such folder or zip, or it holds no notebook.
    """
    intake = Intake()
    if source.is_dir():
        found = list(_in_folder(source, intake))
    elif zipfile.is_zipfile(source):
        found = list(_in_zip(zipfile.ZipFile(source), PurePosixPath(), intake))
    else:
        raise DataError("this is neither a folder nor a zip.", where=str(source))
    handed_in = _by_student(found, sets or SLUGS, source, root, intake)
    for (student, which), several in handed_in.items():
        *older, newest = sorted((one for one, _ in several), key=lambda one: one.when)
        intake.refused += [f"{one.path}: {student} has a newer one, {newest.path}" for one in older]
        _put(newest, student, which, several[0][1].number, root, intake)
    places = {owner.place for several in handed_in.values() for _, owner in several}
    intake.refused += _without_notebook(intake.others, places)
    intake.refused = [cleaned(line) for line in intake.refused]
    if not intake.taken and not intake.same:
        why = f" Left out: {'; '.join([*intake.alike, *intake.refused][:5])}." if intake.refused else ""
        fix = "A notebook is named after its set, or its folder is, or name the set: SET=01_tokenization."
        raise DataError(f"there is no notebook to mark.{why}", where=str(source), fix=fix)
    return intake


def _by_student(found: list[_Found], sets: Sequence[str], source: Path, root: Path, intake: Intake) -> _ByStudent:
    """Return the notebooks of each student and set; who has no name, another set or a name too many is refused."""
    meant: list[tuple[_Found, str]] = []
    for one in found:
        which = set_of(one.path) or (sets[0] if len(sets) == 1 else "")
        if which and which not in sets:
            intake.refused.append(f"{one.path}: this is {which}, and {', '.join(sets)} is taken in")
        else:
            meant.append((one, which))
    known = ids_by_name(root)
    owners = owners_of([(one.path, which) for one, which in meant], source)
    groups: _ByStudent = {}
    for (one, which), owner in zip(meant, owners, strict=True):
        if owner.name and which:
            student = known.get(as_key(owner.name), owner.name)
            groups.setdefault((student, which), []).append((one, owner))
        else:
            intake.refused.append(f"{one.path}: no name of a student or of a problem set in it")
    apart: _ByStudent = {}
    for (student, which), several in groups.items():
        for one, owner, name in _kept_apart(student, which, several, root, intake):
            apart.setdefault((name, which), []).append((one, owner))
    return apart


def _kept_apart(
    student: str, which: str, several: list[tuple[_Found, Owner]], root: Path, intake: Intake
) -> Iterator[tuple[_Found, Owner, str]]:
    """Yield notebooks that bear one name with the student each is taken for: there may be two of that name."""
    numbers = {owner.number for _, owner in several if owner.number}
    places = {owner.place for _, owner in several if not owner.number}
    places = {place for place in places if not places & {*place.parents}}  # a folder in a student's own is theirs
    unclear = len(places) + len(numbers) > 1 and bool(places)
    whose = " and of ".join([*sorted(map(str, places)), *sorted(numbers)])
    names = set()
    for one, owner in several:
        if unclear and not owner.number:
            intake.refused.append(f"{one.path}: {student} is the name of {whose}")
            continue
        another = owner.number and _is_another(student, which, owner, root, alone=len(numbers) == 1)
        names.add(name := _with_number(owner) if another else student)
        yield one, owner, name
    if unclear:
        fix = "If they are one student's, put them into one folder; if not, rename one."
        intake.alike.append(f"{student}, {which}: the name of {whose}. What has no number was not taken. {fix}")
    if names - {student}:
        kept = ", ".join(sorted(names))
        intake.alike.append(f"{student}, {which}: the name of several students, who are kept apart: {kept}.")


def _is_another(student: str, slug: str, owner: Owner, root: Path, *, alone: bool) -> bool:
    """Whether this may be another student than the one whose notebook lies under the name alone."""
    if submitted(root, _with_number(owner), slug).exists():
        return True
    path = submitted(root, student, slug).with_name(_NUMBER)
    there = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    same_platform = there.partition(" ")[0] == owner.number.partition(" ")[0]
    return there != owner.number if same_platform else not alone


def _with_number(owner: Owner) -> str:
    return f"{owner.name}_{owner.number.partition(' ')[2]}"


def _without_notebook(others: list[PurePosixPath], places: set[PurePosixPath]) -> list[str]:
    """Say who handed in files but no notebook that was taken; beside one, whose owner's place this is, they may lie."""
    holding = {above for place in places for above in place.parents}
    without: dict[PurePosixPath, list[PurePosixPath]] = {}
    for path in others:
        if not places & {*path.parents, named_in(path, file=True).place}:
            whose = next((place for place in [*reversed(path.parents), path] if place not in holding), path)
            without.setdefault(whose, []).append(path)
    return [
        f"{first}: this is no notebook{f' (and {len(more):,} more there)' if more else ''}"
        for first, *more in without.values()
    ]


def _put(one: _Found, student: str, slug: str, number: str, root: Path, intake: Intake) -> None:
    try:
        data = one.read()
    except (zipfile.BadZipFile, RuntimeError, OSError, NotImplementedError, EOFError, ValueError, zlib.error):
        intake.refused.append(f"{one.path}: it cannot be read (damaged, or with a password)")
        return
    if len(data) > LARGEST:
        intake.refused.append(f"{one.path}: larger than {LARGEST >> 20} MB")
        return
    target = submitted(root, student, slug)
    if target.exists() and target.read_bytes() == data:
        intake.same += 1
        return
    if target.exists() and one.when < (there := _time_beside(target) or _written(target)):
        intake.same += 1
        since = f"{there:%Y-%m-%d %H:%M:%S} UTC; to take this one, delete {target.relative_to(root)}"
        intake.refused.append(f"{one.path}: older than the one of {student} that is there, of {since}")
        return
    if number:
        write_atomically(target.with_name(_NUMBER), number + "\n")
    write_atomically(target.parent / "timestamp.txt", one.when.strftime("%Y-%m-%d %H:%M:%S UTC") + "\n")
    write_atomically(target, data)
    intake.taken.append((student, slug))


def _in_folder(folder: Path, intake: Intake) -> Iterator[_Found]:
    number = 0
    for path in _walk(folder):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_symlink() or not path.is_file() or _leads_out(path, folder):
            intake.refused.append(f"{name}: a link")
            continue
        if name.suffix.lower() not in _WANTED:
            intake.others.append(name)
            continue
        number += 1
        if number > _MOST_FILES:
            raise DataError(f"there are more than {_MOST_FILES:,} notebooks and zips.", where=str(folder))
        if path.stat().st_size > LARGEST:
            intake.refused.append(f"{name}: larger than {LARGEST >> 20} MB")
            continue
        if is_zip(name):
            yield from _open_zip(path.read_bytes, name, intake, 1)
        else:
            yield _Found(name, path.read_bytes, _time_beside(path) or _written(path))


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield files and links in a folder, in order; what begins with a dot is not the student's."""
    for above, folders, files in os.walk(folder):
        links = [name for name in folders if Path(above, name).is_symlink()]
        folders[:] = sorted(name for name in folders if not _is_clutter(name))
        yield from (Path(above, name) for name in sorted([*files, *links]) if not _is_clutter(name))


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "timestamp.txt")


def _leads_out(path: Path, folder: Path) -> bool:
    return not path.resolve().is_relative_to(folder.resolve())


def _time_beside(path: Path) -> datetime | None:
    """Return the time in the timestamp.txt beside a notebook, where nbgrader keeps when it was handed in."""
    stamp = path.parent / "timestamp.txt"
    if not stamp.is_file() or stamp.is_symlink():
        return None
    return _time_in(stamp.read_text(encoding="utf-8", errors="replace"))


def _time_in(text: str) -> datetime | None:
    from nbgrader.utils import parse_utc

    try:
        return parse_utc(text.strip()[:60]).replace(tzinfo=UTC)
    except (ValueError, OverflowError, AttributeError):
        return None


def _open_zip(read: Callable[[], bytes], name: PurePosixPath, intake: Intake, depth: int) -> Iterator[_Found]:
    try:
        archive = zipfile.ZipFile(io.BytesIO(read()))
    except (zipfile.BadZipFile, RuntimeError, OSError, NotImplementedError, EOFError, ValueError, zlib.error):
        intake.refused.append(f"{name}: a zip that cannot be opened")
        return
    yield from _in_zip(archive, name, intake, depth)


def _in_zip(archive: zipfile.ZipFile, above: PurePosixPath, intake: Intake, depth: int = 0) -> Iterator[_Found]:
    members = [(one, PurePosixPath(one.filename.replace("\\", "/"))) for one in archive.infolist() if not one.is_dir()]
    wanted = [(one, path) for one, path in members if path.suffix.lower() in _WANTED]
    if len(wanted) > _MOST_FILES:
        why = f"there are more than {_MOST_FILES:,} notebooks and zips in it"
        if depth == 0:
            raise DataError(f"{why}.", where=archive.filename or "")
        intake.refused.append(f"{above}: {why}")
        return
    clean = (
        path for _, path in members if path.suffix.lower() not in _WANTED and not any(map(_is_clutter, path.parts))
    )
    intake.others += [above / path for path in islice(clean, _MOST_FILES)]
    for member, path in wanted:
        name = above / path
        if "__MACOSX" in path.parts:
            continue
        if why := _why_not(member, path):
            intake.refused.append(f"{name}: {why}")
        elif any(map(_is_clutter, path.parts)):
            continue
        elif not is_zip(path):
            yield _Found(name, partial(_read_member, archive, member), _time_of(member))
        elif depth < _DEEPEST:
            yield from _open_zip(partial(_read_member, archive, member), name, intake, depth + 1)
        else:
            intake.refused.append(f"{name}: a zip too deep within zips")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        return file.read(LARGEST + 1)  # what the archive says of its size need not be true


def _time_of(member: zipfile.ZipInfo) -> datetime:
    """Return when a file in a zip was last written: zips keep the local time, and some programs keep none."""
    try:
        return datetime(*member.date_time).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.now(UTC)


def _why_not(member: zipfile.ZipInfo, path: PurePosixPath) -> str:
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        return "its path leads out of the archive"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link"
    return f"larger than {LARGEST >> 20} MB" if member.file_size > LARGEST else ""
