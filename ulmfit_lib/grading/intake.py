"""Taking in what students handed in: a folder or a zip, as a learning platform, nbgrader or a mailbox gives it.

Only notebooks are taken, each to `submissions/STUDENT/NN_stage/NN_stage.ipynb`. Links, paths that lead elsewhere and
archives that swell are refused by name; nothing is ever unpacked where its path says.
"""

import io
import re
import stat
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath

from ulmfit_lib.checks.sets import SLUGS
from ulmfit_lib.errors import DataError
from ulmfit_lib.files import write_atomically
from ulmfit_lib.grading.marking import submitted
from ulmfit_lib.grading.roster import as_key, ids_by_name
from ulmfit_lib.grading.submission import LARGEST

_MOST_FILES = 20_000
_DEEPEST = 2  # zips within zips
_LONGEST_NAME = 80
# Up to three digits number a copy; more are a student's number.
_NO_STUDENT = re.compile(r"submissions?|submitted|work|exercises|copy\d*|untitled\d*|final|\d{1,3}", re.IGNORECASE)
# What platforms put behind a student's name: Moodle's number and word, Canvas's numbers, a mark for late ones.
_TAILS = re.compile(r"(_\d+)?(_assignsubmission_file_?|_onlinetext_?)?$|(_late)?_\d+_\d+_.*$|_late$", re.IGNORECASE)


@dataclass
class Intake:
    """What was taken in, and what was not and why.

    Args:
        taken: student -> problem set, of notebooks that are new or other than before.
        same: how many were there already.
        refused: a sentence for each thing that was left out.
    """

    taken: list[tuple[str, str]] = field(default_factory=list)
    same: int = 0
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Found:
    path: PurePosixPath
    read: Callable[[], bytes]
    when: datetime


def take_in(source: Path, root: Path, slug: str = "") -> Intake:
    """Copy each notebook in a folder or zip to its place under submissions/.

    Args:
        source: the folder or the zip.
        root: the folder of the course.
        slug: the problem set; by default the notebook's or folder's name says it.

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
    handed_in: dict[tuple[str, str], list[_Found]] = {}
    for one, (student, which) in zip(found, _whose(found, slug, source, root), strict=True):
        if student and which:
            handed_in.setdefault((student, which), []).append(one)
        else:
            intake.refused.append(f"{one.path}: no name of a student or of a problem set in it")
    for (student, which), several in handed_in.items():
        *older, newest = sorted(several, key=lambda one: one.when)
        intake.refused += [f"{one.path}: {student} has a newer one, {newest.path}" for one in older]
        _put(newest, student, which, root, intake)
    if not intake.taken and not intake.same:
        why = f" Left out: {'; '.join(intake.refused[:5])}." if intake.refused else ""
        fix = "A notebook is named after its set, or its folder is, or name the set: SET=01_tokenization."
        raise DataError(f"there is no notebook to mark.{why}", where=str(source), fix=fix)
    return intake


def _whose(found: list[_Found], slug: str, source: Path, root: Path) -> list[tuple[str, str]]:
    """Return the student and the problem set of each notebook; empty where its path names none."""
    sets = [slug or _set_of(one.path) for one in found]
    together = Counter(zip((one.path.parent for one in found), sets, strict=True))
    # Several notebooks of one set in one folder: their names are the students'. One alone: its folder's is.
    students = [
        _student_of(one.path, which, flat=together[one.path.parent, which] > 1)
        for one, which in zip(found, sets, strict=True)
    ]
    named = {which for which, student in zip(sets, students, strict=True) if student}
    folders = Counter(which for _, which in together)
    alone = {which for which in sets if which not in named and folders[which] == 1}  # of one student, who is the source
    names = [
        _name_in(source.resolve().stem, which) if which in alone else student
        for student, which in zip(students, sets, strict=True)
    ]
    known = ids_by_name(root)
    return [(known.get(as_key(name), name), which) for name, which in zip(names, sets, strict=True)]


def _put(one: _Found, student: str, slug: str, root: Path, intake: Intake) -> None:
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
    write_atomically(target.parent / "timestamp.txt", one.when.strftime("%Y-%m-%d %H:%M:%S UTC") + "\n")
    write_atomically(target, data)
    intake.taken.append((student, slug))


def _set_of(path: PurePosixPath) -> str:
    parts = [*path.parts[:-1], path.stem]
    return next((slug for part in reversed(parts) for slug in SLUGS if slug in part), "")


def _student_of(path: PurePosixPath, slug: str, *, flat: bool) -> str:
    """Return the student whom a path names; empty if it names none."""
    above = list(reversed(path.parts[:-1]))
    parts = [path.stem, *above] if flat else [*above, path.stem]
    return next((name for part in parts if (name := _name_in(part, slug))), "")


def _name_in(part: str, slug: str) -> str:
    """Return what is left of a part of a path without the set and what platforms add, as the name of a folder."""
    part = unicodedata.normalize("NFC", part)  # macOS takes the letters é, ñ and ö apart
    rest = _TAILS.sub("", part.replace(slug, "") if slug else part)
    rest = re.sub(r"[^\w.@+-]+", "-", rest).strip("_-.")
    return "" if len(rest) > _LONGEST_NAME or _NO_STUDENT.fullmatch(rest) else rest


def _in_folder(folder: Path, intake: Intake) -> Iterator[_Found]:
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if number > _MOST_FILES:
            raise DataError(f"there are more than {_MOST_FILES:,} files.", where=str(folder))
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if any(part.startswith(".") for part in name.parts) or path.suffix not in (".ipynb", ".zip"):
            continue
        if path.is_symlink() or not path.is_file() or _leads_out(path, folder):
            intake.refused.append(f"{name}: a link")
            continue
        if path.stat().st_size > LARGEST:
            intake.refused.append(f"{name}: larger than {LARGEST >> 20} MB")
            continue
        when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if path.suffix == ".zip":
            yield from _open_zip(path.read_bytes, name, intake, 1)
            continue
        stamp = path.parent / "timestamp.txt"
        if stamp.is_file() and not stamp.is_symlink():
            when = _time_in(stamp.read_text(encoding="utf-8", errors="replace")) or when
        yield _Found(name, path.read_bytes, when)


def _leads_out(path: Path, folder: Path) -> bool:
    return not path.resolve().is_relative_to(folder.resolve())


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
    yield from _in_zip(archive, name.with_suffix(""), intake, depth)


def _in_zip(archive: zipfile.ZipFile, above: PurePosixPath, intake: Intake, depth: int = 0) -> Iterator[_Found]:
    if len(archive.infolist()) > _MOST_FILES:
        raise DataError(f"there are more than {_MOST_FILES:,} files in it.", where=archive.filename or str(above))
    for member in archive.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        name = above / path
        if path.suffix not in (".ipynb", ".zip") or member.is_dir() or "__MACOSX" in path.parts:
            continue
        if why := _why_not(member, path):
            intake.refused.append(f"{name}: {why}")
            continue
        if any(part.startswith(".") for part in path.parts):
            continue
        read = partial(_read_member, archive, member)
        if path.suffix == ".ipynb":
            yield _Found(name, read, _time_of(member))
        elif depth < _DEEPEST:
            yield from _open_zip(read, name, intake, depth + 1)


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
