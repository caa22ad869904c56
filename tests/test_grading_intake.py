"""Taking in a class: no two students are made one, nothing vanishes, and nothing older goes over what is newer."""

import io
import json
import os
import zipfile
from datetime import datetime

import pytest
from grading_kit import SLUG, hand_in, solved, stubs

from ulmfit_lib.errors import DataError
from ulmfit_lib.grading import intake as taking
from ulmfit_lib.grading.intake import take_in
from ulmfit_lib.grading.roster import read_roster

OTHER = "02_subwords"


def taken(folder, names, sets=()):
    """What is taken in of notebooks with these names, each newer than the one before it."""
    for number, name in enumerate(names):
        seconds = 1_700_000_000 + number
        os.utime(hand_in(folder / "in", solved(), name), (seconds, seconds))
    return take_in(folder / "in", folder / "course", sets)


def students(intake):
    return sorted(student for student, _ in intake.taken)


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


NOTEBOOK = json.dumps(solved())


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([f"student_0{n}/{SLUG}.ipynb" for n in (1, 2, 3)], ["student_01", "student_02", "student_03"]),
        ([f"student_0{n}/{SLUG}/{SLUG}.ipynb" for n in (1, 2)], ["student_01", "student_02"]),
        ([f"student_0{n}_{SLUG}.ipynb" for n in (1, 2)], ["student_01", "student_02"]),
        ([f"group_1_{n}_{SLUG}.ipynb" for n in (1, 2)], ["group_1_1", "group_1_2"]),
        ([f"u1234_{n}/{SLUG}.ipynb" for n in (5678, 9999)], ["u1234_5678", "u1234_9999"]),
        (
            [f"John Smith_{n}_assignsubmission_file_/{SLUG}.ipynb" for n in (12345, 67890)],
            ["John-Smith_12345", "John-Smith_67890"],
        ),
        ([f"John Smith_{n}_assignsubmission_file_{SLUG}.ipynb" for n in (12, 67)], ["John-Smith_12", "John-Smith_67"]),
        ([f"smithjohn_{n}_{SLUG}.ipynb" for n in ("1001_22", "2002_33")], ["smithjohn_1001", "smithjohn_2002"]),
        ([f"smithjohn_{n}_hw/{SLUG}.ipynb" for n in ("11_22", "11_33")], ["smithjohn_11_22", "smithjohn_11_33"]),
    ],
    ids=str,
)
def test_two_students_are_never_made_one(tmp_path, names, expected):
    assert students(taken(tmp_path, names)) == expected


@pytest.mark.parametrize(
    ("names", "whose"),
    [
        ([f"Ann Lee/{SLUG}.ipynb", f"Ann-Lee/{SLUG}.ipynb"], "Ann-Lee"),
        ([f"A/John/{SLUG}.ipynb", f"B/John/{SLUG}.ipynb"], "John"),
        ([f"John Smith/{SLUG}.ipynb", f"John-Smith/{SLUG}.ipynb"], "John-Smith"),
    ],
    ids=str,
)
def test_what_cannot_be_told_apart_is_refused_loudly(tmp_path, names, whose):
    intake = taken(tmp_path, [*names, f"zoe/{SLUG}.ipynb"])
    assert students(intake) == ["zoe"]
    places = " and of ".join(name.removesuffix(f"/{SLUG}.ipynb") for name in names)
    assert intake.refused == [f"{name}: {whose} is the name of {places}" for name in names]
    assert len(intake.alike) == 1
    assert f"{whose}, {SLUG}: the name of {places}." in intake.alike[0]


def test_one_student_in_several_places_is_one(tmp_path):
    names = [f"ada_11_{n}_{SLUG}.ipynb" for n in (101, 102)]
    names += [f"bob/{SLUG}.ipynb", f"bob/old/{SLUG}.ipynb", f"cleo_{SLUG}.ipynb", f"cleo_{SLUG} (2).ipynb"]
    intake = taken(tmp_path, names)
    assert students(intake) == ["ada", "bob", "cleo"]
    assert len(intake.refused) == 3
    assert intake.alike == []


def test_two_of_one_name_stay_apart_from_one_day_to_the_next(tmp_path):
    def on_a_day(day, *numbers):
        for number in numbers:
            name = f"John Smith_{number}_assignsubmission_file_/{SLUG}.ipynb"
            hand_in(tmp_path / day, solved(lowercase=f"# {day}, {number}"), name)
        return students(take_in(tmp_path / day, tmp_path / "course"))

    assert on_a_day("monday", 12) == ["John-Smith"]
    assert on_a_day("tuesday", 67) == ["John-Smith_67"]
    assert on_a_day("wednesday", 12, 67) == ["John-Smith", "John-Smith_67"]
    assert "wednesday, 12" in (tmp_path / "course" / "submissions" / "John-Smith" / SLUG / f"{SLUG}.ipynb").read_text()


def test_the_roster_still_finds_the_one_and_never_two(tmp_path):
    (tmp_path / "class.csv").write_text("id,first_name,last_name\n1234,Ada,Love\n55,John,Smith\n77,Ann,Lee\n")
    read_roster(tmp_path / "class.csv", tmp_path / "course")
    names = [f"{name}_assignsubmission_file_/{SLUG}.ipynb" for name in ("Ada Love_1", "John Smith_2", "John Smith_3")]
    intake = taken(tmp_path, [*names, f"Ann Lee/{SLUG}.ipynb", f"lee ann/{SLUG}.ipynb"])
    assert students(intake) == ["1234", "John-Smith_2", "John-Smith_3"]
    assert sorted(line.split(",")[0] for line in intake.alike) == ["55", "77"]


@pytest.mark.parametrize("other", ["_v2", "_for_real", " (2)", "-Copy1", "_2", "_final_v2"])
def test_in_a_students_own_folder_the_folder_names_the_student(tmp_path, other):
    names = [f"{name}/{SLUG}{end}.ipynb" for name in ("ada", "bob") for end in ("", other)]
    intake = taken(tmp_path, names)
    assert students(intake) == ["ada", "bob"]
    assert intake.refused == [
        f"{name}/{SLUG}.ipynb: {name} has a newer one, {name}/{SLUG}{other}.ipynb" for name in ("ada", "bob")
    ]


def test_of_many_versions_in_an_own_folder_too(tmp_path):
    names = [f"ada/{SLUG}{end}.ipynb" for end in ("", "_try", "_last")]
    assert students(taken(tmp_path, [*names, f"bob/{SLUG}.ipynb"])) == ["ada", "bob"]


def test_a_zip_in_a_students_own_folder_does_not_name_the_student(tmp_path):
    for name in ("ada", "John Smith_12_assignsubmission_file_"):
        hand_in(
            tmp_path / "in" / name,
            zipped({f"hw1/{SLUG}.ipynb" if "_" in name else f"{SLUG}.ipynb": NOTEBOOK}),
            "hw1.zip",
        )
    hand_in(tmp_path / "in", zipped({f"my work/{SLUG}.ipynb": NOTEBOOK}), "loveeve_1001_22_hw1.zip")
    assert students(take_in(tmp_path / "in", tmp_path / "course")) == ["John-Smith", "ada", "loveeve"]


@pytest.mark.parametrize("layout", ["{name}/{slug}/{slug}.ipynb", "{name}_{slug}.ipynb", "{name}_11_{n}_{slug}.ipynb"])
def test_a_set_that_is_named_is_the_only_one_taken(tmp_path, layout):
    names = [
        layout.format(name=name, slug=slug, n=n + 100)
        for n, (name, slug) in enumerate([("ada", SLUG), ("ada", OTHER), ("bob", SLUG), ("cleo", OTHER)])
    ]
    intake = taken(tmp_path, names, [SLUG])
    assert intake.taken == [("ada", SLUG), ("bob", SLUG)]
    assert sorted(intake.refused) == sorted(f"{name}: this is {OTHER}, and {SLUG} is taken in" for name in names[1::2])


def test_a_notebook_that_names_no_set_is_taken_for_the_one_that_is_meant(tmp_path):
    intake = taken(tmp_path, ["ada/homework.ipynb", f"bob/{OTHER}.ipynb", "cleo/01-Tokenization.ipynb"], [SLUG])
    assert intake.taken == [("ada", SLUG), ("cleo", SLUG)]
    with pytest.raises(DataError, match=f"this is {OTHER}"):
        take_in(tmp_path / "in" / "bob", tmp_path / "course", [SLUG])


def test_what_is_older_than_what_is_there_is_refused(tmp_path):
    def day(number, notebook):
        path = tmp_path / f"{number}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(zipfile.ZipInfo(f"ada/{SLUG}.ipynb", (2026, 5, number, 10, 0, 0)), json.dumps(notebook))
        return path

    folder = tmp_path / "submissions" / "ada" / SLUG
    monday, tuesday = day(4, stubs()), day(5, solved())
    assert [len(take_in(path, tmp_path).taken) for path in (monday, tuesday, tuesday)] == [1, 1, 0]
    stamp = (folder / "timestamp.txt").read_text()
    assert datetime.fromisoformat(stamp.removesuffix(" UTC\n")).day == 5
    again = take_in(monday, tmp_path)
    assert (again.taken, again.same) == ([], 1)
    assert again.refused[0].startswith(
        f"ada/{SLUG}.ipynb: older than the one of ada that is there, of {stamp[:19]} UTC"
    )
    assert json.loads((folder / f"{SLUG}.ipynb").read_text()) == solved()
    assert (folder / "timestamp.txt").read_text() == stamp
    (folder / "timestamp.txt").unlink()  # as somebody leaves it who puts a notebook there by hand
    hand_in(folder, stubs())
    assert "older than the one of ada" in take_in(tuesday, tmp_path).refused[0]


def test_nothing_vanishes_without_a_word(tmp_path):
    deep = zipped({f"{SLUG}.ipynb": NOTEBOOK})
    for _ in range(3):
        deep = zipped({"x.zip": deep})
    for name, data in {
        f"ada/{SLUG}.IPYNB": NOTEBOOK.encode(),
        f"bob/{SLUG}.ZIP": zipped({f"{SLUG}.ipynb": NOTEBOOK}),
        f"ada/{SLUG}.pdf": b"beside a notebook",
        "cleo/cleo.zip": deep,
        f"dan/{SLUG}.py": b"x",
        f"eve/{SLUG}.ipynb.txt": b"x",
        "fay/fay.zip": zipped({"a/answers.rar": "x", "a/notes.txt": "x", "a/.git/config": "x"}),
        ".git/config": b"x",
        "__MACOSX/x": b"x",
    }.items():
        hand_in(tmp_path / "in", data, name)
    intake = take_in(tmp_path / "in", tmp_path / "course")
    assert students(intake) == ["ada", "bob"]
    assert sorted(intake.refused) == [
        "cleo/cleo.zip/x.zip/x.zip: a zip too deep within zips",
        f"dan/{SLUG}.py: this is no notebook",
        f"eve/{SLUG}.ipynb.txt: this is no notebook",
        "fay/fay.zip/a/answers.rar: this is no notebook (and 1 more there)",
    ]


def test_beside_others_notebooks_each_file_is_said(tmp_path):
    hand_in(tmp_path / "in" / "week 1", b"x", f"cleo_{SLUG}.py")
    hand_in(tmp_path / "in" / "week 1", b"x", f"ada_{SLUG}.pdf")
    intake = taken(tmp_path, [f"week 1/{name}_{SLUG}.ipynb" for name in ("ada", "bob")])
    assert students(intake) == ["ada", "bob"]
    assert intake.refused == [f"week 1/cleo_{SLUG}.py: this is no notebook"]


def test_a_name_that_is_no_text_is_said_all_the_same(tmp_path):
    hand_in(tmp_path / "in" / "ada", solved())
    hand_in(tmp_path / "in" / os.fsdecode(b"jos\xe9"), b"x", "answers.txt")
    assert take_in(tmp_path / "in", tmp_path / "course").refused == ["jos?/answers.txt: this is no notebook"]


def test_too_many_files_in_one_students_zip_stop_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setattr(taking, "_MOST_FILES", 5)
    own = {f"{SLUG}/{SLUG}.ipynb": NOTEBOOK}
    packages = {f"{SLUG}/{folder}/lib/f{n}.py": "" for folder in (".venv", "venv") for n in range(6)}
    copies = {f"{SLUG}/{n}.ipynb": NOTEBOOK for n in range(6)}
    hand_in(tmp_path / "in" / "ada", solved())
    hand_in(tmp_path / "in" / "bob", zipped(own | packages), "bob.zip")
    hand_in(tmp_path / "in" / "cleo", zipped(own | copies), "cleo.zip")
    for name in packages:
        hand_in(tmp_path / "in" / "dan", b"", name)
    hand_in(tmp_path / "in" / "dan", solved())
    intake = take_in(tmp_path / "in", tmp_path / "course")
    assert students(intake) == ["ada", "bob", "dan"]
    assert intake.refused == ["cleo/cleo.zip: there are more than 5 notebooks and zips in it"]


def test_too_many_notebooks_in_the_class_itself_are_said(tmp_path, monkeypatch):
    monkeypatch.setattr(taking, "_MOST_FILES", 5)
    names = [f"{name}/{SLUG}.ipynb" for name in "abcdef"]
    hand_in(tmp_path, zipped(dict.fromkeys(names, NOTEBOOK)), "class.zip")
    with pytest.raises(DataError, match="more than 5 notebooks and zips"):
        take_in(tmp_path / "class.zip", tmp_path)
    with pytest.raises(DataError, match="more than 5 notebooks and zips"):
        taken(tmp_path, names)
