"""The roster of a class: a CSV into the gradebook, and whose name it is that a platform writes on a file."""

import csv
import io
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ulmfit_lib.errors import DataError
from ulmfit_lib.grading.course import gradebook_path
from ulmfit_lib.grading.gradebook import gradebook_of

_IDS = ("id", "idnumber", "sisuserid", "sisloginid", "student", "studentid", "username")


def read_roster(path: Path, root: Path) -> int:
    """Put the students of a CSV into the gradebook, and return how many there are.

    The columns are found by their heads: id (or "ID number", "SIS User ID", "student"), first_name, last_name (or
    name), email; a comma, a semicolon or a tab stands between them.

    Raises:
        DataError: there is no such file, no column of ids, a row without one, or nobody.
    """
    students = list(_students(path))
    if not students:
        raise DataError("there is no student in the roster.", where=str(path), fix="Give it a row for each student.")
    with gradebook_of(root) as gradebook:
        for student, given in students:
            gradebook.update_or_create_student(student, **{key: value for key, value in given.items() if value})
    return len(students)


def _students(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the id and the names of each row."""
    lines = list(_rows(_text(path)))
    heads = [as_key(head) for head in lines[0][1]] if lines else []
    if lines and not set(heads) & set(_IDS):
        raise DataError(
            f"the roster has no column of ids; its columns are: {', '.join(lines[0][1])}.",
            where=f"{path.name}, row 1",
            fix="Name the column of ids `id`.",
        )
    for number, cells in lines[1:]:
        values = dict(zip(heads, cells, strict=False))
        student = _first(values, *_IDS)
        if not student:
            raise DataError("this row has no id.", where=f"{path.name}, row {number}", fix="Give the student one.")
        name = _first(values, "name", "fullname")
        yield (
            student,
            {
                "first_name": _first(values, "firstname", "givenname") or name.rpartition(" ")[0],
                "last_name": _first(values, "lastname", "surname", "familyname") or name.rpartition(" ")[2],
                "email": _first(values, "email", "emailaddress", "mail"),
            },
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(
            "the roster is not saved as UTF-8.", where=str(path), fix='Save it as "CSV UTF-8" and try again.'
        ) from None
    except OSError as error:
        raise DataError(f"the roster cannot be read: {error.strerror}.", where=str(path)) from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the cells of each row that is not empty."""
    head = text.lstrip().partition("\n")[0]
    between = max(",;\t", key=head.count)
    for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=between), start=1):
        if any(cell.strip() for cell in cells):
            yield number, cells


def _first(values: dict[str, str], *keys: str) -> str:
    return next((value.strip() for key in keys if (value := values.get(key)) and value.strip()), "")


def as_key(text: str) -> str:
    """Return the letters and digits of a text alone, as different programs write one and the same.

    >>> as_key("ID number"), as_key("Müller, Jörg")
    ('idnumber', 'müllerjörg')
    """
    return "".join(one for one in unicodedata.normalize("NFC", text).casefold() if one.isalnum())


def ids_by_name(root: Path) -> dict[str, str]:
    """Return the id of each student by their name, as `as_key` writes it: first name first, and last name first.

    Platforms name a file after the person, and a roster knows the person's id. A name that two students share, or
    that is somebody's id, is not in it.
    """
    if not gradebook_path(root).exists():
        return {}
    found: dict[str, set[str]] = {}
    with gradebook_of(root) as gradebook:
        students = {student.id: (student.first_name or "", student.last_name or "") for student in gradebook.students}
    for student, (first, last) in students.items():
        for name in {as_key(first + last), as_key(last + first)} - {""}:
            found.setdefault(name, set()).add(student)
    for student in students:
        if as_key(student) in found:
            found[as_key(student)].add(student)
    return {name: ids.pop() for name, ids in found.items() if len(ids) == 1}
