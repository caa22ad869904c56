"""A class from its notebooks to its marks: taken in, marked, exported, looked at, marked again."""

import csv
import io
import json
import os
import shutil
import time
import zipfile
from datetime import datetime

import pytest
from conftest import ROOT
from graders import as_student_code
from grading_kit import SET, SLUG, answers, hand_in, place, solved, stubs

from ulmfit_lib.errors import ConfigError, DataError, UlmfitError
from ulmfit_lib.grading import grade as grading
from ulmfit_lib.grading.feedback import page, write_pages
from ulmfit_lib.grading.grade import grade_class
from ulmfit_lib.grading.gradebook import gradebook_of
from ulmfit_lib.grading.intake import take_in
from ulmfit_lib.grading.late import LateDays
from ulmfit_lib.grading.marks import as_csv, rows_of, write_marks
from ulmfit_lib.grading.outcome import FunctionMark, Outcome
from ulmfit_lib.grading.records import Records, why_again
from ulmfit_lib.grading.report import grade_and_report
from ulmfit_lib.grading.roster import read_roster
from ulmfit_lib.grading.statistics import statistics_of, write_statistics

MISTAKE = next(one for one in SET.exercises if one.name == "replace_rep").mistakes[0]
FULL = SET.points


def course_in(folder):
    """A course of one set in a folder of its own."""
    for name in ("solutions", "exercises"):
        shutil.copytree(ROOT / name / SLUG, folder / name / SLUG)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return folder


def tampered():
    notebook = solved(lowercase="def lowercase(*a): return ''")
    cell = notebook["cells"][place(notebook, "test_lowercase")]
    cell["source"] = "print('lowercase: right, 2 of 2 points')"
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "lowercase: right, 2 of 2 points\n"}]
    return notebook


CLASS = {
    "ada": solved(),
    "bob": stubs(),
    "cleo": solved(replace_rep=as_student_code(MISTAKE.function, "replace_rep")),
    "dan": b"this is no notebook",
    "eve": tampered(),
}


@pytest.fixture(scope="module")
def course(sandbox, tmp_path_factory):
    """A class that was marked, in two processes, with its report."""
    root = course_in(tmp_path_factory.mktemp("course"))
    handed = tmp_path_factory.mktemp("handed-in")
    for student, notebook in CLASS.items():
        hand_in(handed / student, notebook)
    (root / "roster.csv").write_text("ID number,First name,Last name,Email\nada,Ada,L,ada@example.org\nzoe,Zoe,Z,\n")
    assert read_roster(root / "roster.csv", root) == 2
    grade_and_report(root, handed, "1", jobs=2)
    return root


def by_student(root):
    return {row.student: row for row in rows_of(root, SLUG)}


def test_each_gets_what_is_right(course):
    rows = by_student(course)
    assert {name: row.total for name, row in rows.items()} == {
        "ada": FULL,
        "bob": 0,
        "cleo": FULL - 3,
        "dan": None,
        "eve": FULL - 2,
        "zoe": None,
    }
    assert {name: row.status for name, row in rows.items()} == {
        **dict.fromkeys(("ada", "bob", "cleo", "eve"), "done"),
        "dan": "failed",
        "zoe": "missing",
    }


def test_the_record_has_the_function_and_the_mistake(course):
    outcome = Records(course).find(SLUG, "cleo").outcome
    assert [(one.name, one.mistake) for one in outcome.functions if one.kind] == [("replace_rep", MISTAKE.name)]


def test_a_failed_submission_is_failed_and_not_0(course):
    plain = list(csv.DictReader(io.StringIO(as_csv(rows_of(course, SLUG)))))
    dan = next(row for row in plain if row["student"] == "dan")
    assert (dan["status"], dan["total"], dan["points"]) == ("failed", "", "")
    assert "this is no notebook" in dan["reason"]
    with gradebook_of(course) as gradebook:
        notebook = gradebook.find_submission_notebook(SLUG, SLUG, "dan")
        assert notebook.needs_manual_grade
        assert all(grade.auto_score is None for grade in notebook.grades)


def test_what_nbgrader_itself_could_not_read_is_failed_and_not_0(course, tmp_path):
    copy = shutil.copytree(course, tmp_path / "copy")
    with gradebook_of(copy) as gradebook:  # the row that a failed `nbgrader autograde` leaves
        gradebook.update_or_create_submission(SLUG, "zoe")
        assert all(one.auto_score is None for one in gradebook.find_submission_notebook(SLUG, SLUG, "zoe").grades)
    zoe = by_student(copy)["zoe"]
    assert (zoe.status, zoe.total) == ("failed", None)
    line = next(line for line in as_csv([zoe]).split("\n") if line.startswith("zoe"))
    assert "`make grade` says why" in line


def test_only_a_higher_number_in_the_notebook_is_looked_at(course):
    looks = {row.student: row.record.outcome.look for row in rows_of(course, SLUG) if row.record}
    assert [name for name, look in looks.items() if look] == ["eve"]
    assert "tampered" in looks["eve"][0]
    assert "The notebook shows 2 of 2 points, the grader gave 0." in looks["eve"][0]


def test_marks_for_three_platforms(course):
    paths = write_marks(course, SLUG)
    tables = {path.name.split(".")[1]: list(csv.reader(path.open(newline=""))) for path in paths}
    assert set(tables) == {"plain", "canvas", "moodle"}
    assert tables["canvas"][0] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", SLUG]
    assert tables["canvas"][1] == ["    Points Possible", "", "", "", "", str(FULL)]
    assert tables["canvas"][2] == ["Ada L", "", "ada", "ada@example.org", "", str(FULL)]
    assert tables["moodle"][1][:5] == ["ada", "Ada L", "ada@example.org", str(FULL), str(FULL)]
    assert [len(row) for table in tables.values() for row in table[1:]] == [
        len(table[0]) for table in tables.values() for _ in table[1:]
    ]


def test_a_page_for_each_student(course):
    pages = {path.stem: path.read_text(encoding="utf-8") for path in write_pages(course, SLUG)}
    assert set(pages) == set(CLASS)
    assert "width=device-width" in pages["ada"]
    assert f"{FULL} of {FULL} points" in pages["ada"]
    assert "It asks for four in a row" in pages["cleo"]
    assert "No mark yet" in pages["dan"]
    assert all("http" not in text and "<script" not in text for text in pages.values())


def test_what_the_class_falls_for(course):
    found = {one.name: one for one in statistics_of([record.outcome for record in Records(course).all(SLUG)])}
    assert str(found["replace_rep"]) == f"replace_rep: 50 % right, 25 % fall for `{MISTAKE.name}`, 25 % not written"
    assert found["lowercase"].other == 1
    paths = write_statistics(course / "runs" / "statistics", SLUG, [r.outcome for r in Records(course).all(SLUG)])
    assert json.loads(paths[0].read_text())[1]["mistakes"] == [[MISTAKE.name, 1]]
    assert paths[1].read_text().lstrip().startswith("<?xml")
    assert MISTAKE.name in paths[1].read_text()


def test_nothing_is_marked_twice(course):
    run = grade_class(course, SLUG)
    assert run.kept == ["ada", "bob", "cleo", "eve"]
    assert [record.outcome.student for record in run.marked] == ["dan"]  # failed ones are tried again
    with gradebook_of(course) as gradebook:
        assert len(gradebook.assignment_submissions(SLUG)) == len(CLASS)


def test_the_autograded_notebooks_are_nbgraders(course):
    import nbformat

    for student in ("ada", "bob", "cleo", "eve"):
        path = course / "runs" / "grading" / "autograded" / student / SLUG / f"{SLUG}.ipynb"
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    assert not (course / "runs" / "grading" / "autograded" / "dan" / SLUG / f"{SLUG}.ipynb").exists()


def test_a_gradebook_that_was_lost_is_filled_from_the_records(course, tmp_path):
    shutil.copytree(course, tmp_path / "copy")
    (tmp_path / "copy" / "runs" / "grading" / "gradebook.db").unlink()
    grade_class(tmp_path / "copy", SLUG)
    after = {name: row.total for name, row in by_student(tmp_path / "copy").items()}
    assert after == {name: row.total for name, row in by_student(course).items() if name != "zoe"}


def test_a_graders_own_mark_is_kept_and_counts(course, tmp_path):
    copy = shutil.copytree(course, tmp_path / "copy")
    with gradebook_of(copy) as gradebook:
        grade = gradebook.find_grade("test_lowercase", SLUG, SLUG, "eve")
        grade.manual_score = 1.5
        gradebook.find_comment("lowercase", SLUG, SLUG, "eve").manual_comment = "Half of it <is> right."
        gradebook.db.commit()
    grade_class(copy, SLUG, only=["eve"], again=True)
    eve = by_student(copy)["eve"]
    assert eve.total == FULL - 2 + 1.5
    assert "Half of it &lt;is&gt; right." in page(eve)


def test_who_waits_for_a_person_is_said(course, tmp_path, capsys):
    copy = shutil.copytree(course, tmp_path / "copy")
    grade_and_report(copy, None, SLUG, only=["ada"])
    assert "waits for a person" not in capsys.readouterr().out
    with gradebook_of(copy) as gradebook:
        gradebook.find_submission_notebook(SLUG, SLUG, "ada").grades[0].needs_manual_grade = True
        gradebook.db.commit()
    grade_and_report(copy, None, SLUG, only=["ada"])
    assert "waits for a person, in nbgrader's formgrader (1):\n  ada\n" in capsys.readouterr().out


def test_a_check_that_was_mended_gives_old_mark_new_mark_and_why(course, tmp_path, monkeypatch):
    copy = shutil.copytree(course, tmp_path / "copy")
    record = Records(copy).path(SLUG, "ada")
    old = json.loads(record.read_text())
    old["outcome"]["checks"], old["outcome"]["functions"][0]["points"] = "before", 0.0
    record.write_text(json.dumps(old))
    run = grade_class(copy, SLUG, only=["ada"])
    assert [one["why"] for one in run.marked[0].before] == ["a check was changed"]
    assert (run.marked[0].before[0]["points"], run.marked[0].outcome.points) == (FULL - 2, FULL)
    assert "for a check was changed; before: 18 points" in page(by_student(copy)["ada"])


def test_half_a_character_stops_nobody(course, tmp_path, capsys):
    copy = shutil.copytree(course, tmp_path / "copy")
    source = 'def lowercase(text, a=1, b=2):\n    raise ValueError(f"no {chr(0xD83D)}")'
    hand_in(copy / "submissions" / "bob" / SLUG, solved(lowercase=source))
    hand_in(copy / "submissions" / "cleo" / SLUG, solved(lowercase="# \ud83d\n" + answers()["lowercase"]))
    grade_and_report(copy, None, SLUG, only=["bob", "cleo"])
    assert {row.student: row.total for row in rows_of(copy, SLUG)}["cleo"] == FULL
    pages = copy / "runs" / "grading" / "pages" / SLUG
    assert "no ?" in (pages / "bob.html").read_text(encoding="utf-8")
    assert {path.stem for path in pages.iterdir()} == set(CLASS)
    assert "pages of feedback" in capsys.readouterr().out


def test_only_the_set_that_is_meant_is_marked(course, tmp_path, capsys):
    """What Canvas gives for a class that has handed in two sets, the other one last."""
    copy = shutil.copytree(course, tmp_path / "copy")
    other = (ROOT / "exercises" / "02_subwords" / "02_subwords.ipynb").read_bytes()
    for number, (name, notebook) in enumerate(
        [
            (f"loveada_11_101_{SLUG}.ipynb", solved()),
            ("loveada_11_102_02_subwords.ipynb", other),
            ("roybob_13_104_02_subwords.ipynb", other),
            ("daycleo_14_105_homework.ipynb", other),
        ]
    ):
        os.utime(hand_in(tmp_path / "canvas", notebook, name), (2_000_000_000 + number,) * 2)
    grade_and_report(copy, tmp_path / "canvas", "1", only=["loveada", "daycleo"])
    rows = by_student(copy)
    assert (rows["loveada"].status, rows["loveada"].total) == ("done", FULL)
    assert (rows["daycleo"].status, rows["daycleo"].total) == ("failed", None)
    assert "looks like 02_subwords" in rows["daycleo"].reason
    assert "roybob" not in rows
    said = capsys.readouterr().out
    assert "roybob_13_104_02_subwords.ipynb: this is 02_subwords, and 01_tokenization is taken in" in said


def test_all_that_was_left_out_is_in_a_file(course, tmp_path, capsys):
    copy, source = shutil.copytree(course, tmp_path / "copy"), tmp_path / "in"
    hand_in(source / "ada", solved())
    for number in range(15):
        hand_in(source / f"student {number}", b"text", "answers.txt")
        for between in " -":
            hand_in(source / f"twin{between}{number:04}", solved())
    grade_and_report(copy, source, "1", only=["ada"])
    said = capsys.readouterr().out
    path = copy / "runs" / "grading" / "left_out.txt"
    lines = path.read_text().splitlines()
    assert len(lines) == 15 + 2 * 15 + 15
    assert f"... and {2 * 15 + 15 - 12} more, in {path}" in said
    assert all(f"twin-{number:04}, {SLUG}: the name of" in said for number in range(15))


def test_a_new_notebook_is_marked_again(course, tmp_path):
    copy = shutil.copytree(course, tmp_path / "copy")
    hand_in(copy / "submissions" / "bob" / SLUG, solved())
    run = grade_class(copy, SLUG, only=["bob"])
    assert run.marked[0].outcome.points == FULL
    assert run.marked[0].before[0]["why"] == "another notebook was handed in"


def test_why_a_mark_is_another():
    one = Outcome("ada", SLUG, functions=[FunctionMark("f", 1, 2, "")], digest="a", checks="b", way="bubblewrap")
    from dataclasses import replace

    assert why_again(one, replace(one, seconds=9.0)) == ""
    assert why_again(one, replace(one, way="unconfined")) == "it ran unconfined this time"
    assert why_again(one, replace(one, functions=[])) == "it was marked again"


def test_late_days_cost_what_the_course_says(course, tmp_path):
    copy = shutil.copytree(course, tmp_path / "copy")
    config = copy / "nbgrader_config.py"
    config.write_text(config.read_text() + "\nc.LateDays.free_days = 1\nc.LateDays.share_a_day = 0.1\n")
    (copy / "submissions" / "ada" / SLUG / "timestamp.txt").write_text("2026-05-03 12:00:00 UTC\n")
    grade_class(copy, SLUG, only=["ada"], again=True, due=datetime(2026, 5, 1, 10))
    ada = by_student(copy)["ada"]
    assert ada.days_late == 3  # two days and two hours
    assert (ada.points, ada.penalty, ada.total) == (FULL, 0.2 * FULL, 0.8 * FULL)
    assert "3 days late; this costs 4 points" in page(ada)


def test_the_penalty_never_exceeds_the_points():
    late = LateDays()
    late.share_a_day = 0.5
    assert late.late_submission_penalty("ada", 10.0, 10 * 86400) == 10
    assert LateDays().late_submission_penalty("ada", 10.0, 10 * 86400) is None


def test_two_graders_at_once_are_one_too_many(course):
    with grading._alone(course), pytest.raises(UlmfitError, match="another grader"):
        grade_class(course, SLUG)


def test_nothing_to_mark_is_said(course, tmp_path):
    with pytest.raises(UlmfitError, match="nobody handed in"):
        grade_class(tmp_path, SLUG)
    with pytest.raises(UlmfitError, match="none of zoe handed in"):
        grade_class(course, SLUG, only=["zoe"])
    with pytest.raises(ConfigError, match="no date and time"):
        grade_and_report(course, None, SLUG, due="tomorrow")
    with pytest.raises(DataError, match="neither a folder nor a zip"):
        take_in(tmp_path / "nowhere", course)


@pytest.mark.parametrize(
    ("names", "students"),
    [
        ([f"ada/{SLUG}/{SLUG}.ipynb"], ["ada"]),
        ([f"week 1/ada/{SLUG}.ipynb", f"week 1/bob/{SLUG}.ipynb"], ["ada", "bob"]),
        ([f"Ada Love_123_assignsubmission_file_/{SLUG}.ipynb"], ["Ada-Love"]),
        ([f"loveada_11_22_{SLUG}.ipynb", f"bob_LATE_11_22_{SLUG}-1.ipynb"], ["bob", "loveada"]),
        ([f"week 1/ada_{SLUG}.ipynb", f"week 1/{SLUG}-bob.ipynb"], ["ada", "bob"]),
        ([f"ada/{SLUG}.ipynb", f"ada/{SLUG}-Copy1.ipynb"], ["ada"]),
        ([f"2041337/{SLUG}.ipynb", f"2041338/{SLUG}.ipynb"], ["2041337", "2041338"]),
        ([f"2041337_{SLUG}.ipynb", f"2041338_11_22_{SLUG}-2.ipynb"], ["2041337", "2041338"]),
        ([f"O'Brien, Pat/{SLUG}.ipynb", f"Mu\u0308ller, Jo\u0308rg/{SLUG}.ipynb"], ["Müller-Jörg", "O-Brien-Pat"]),
        ([f"{SLUG}.ipynb"], ["in"]),
        ([f"ada/.ipynb_checkpoints/{SLUG}.ipynb", f"ada/{SLUG}.ipynb"], ["ada"]),
    ],
    ids=str,
)
def test_whose_notebook_it_is(tmp_path, names, students):
    for name in names:
        hand_in(tmp_path / "in", solved(), name)
    intake = take_in(tmp_path / "in", tmp_path / "course")
    assert sorted(student for student, _ in intake.taken) == students
    assert {slug for _, slug in intake.taken} == {SLUG}
    assert take_in(tmp_path / "in", tmp_path / "course").taken == []


def test_no_notebook_is_lost_without_a_word(tmp_path):
    source = tmp_path / "in"
    for name in (f"!/{SLUG}.ipynb", f"?/{SLUG}.ipynb", f"ada/{SLUG}.ipynb", f"ada/{SLUG}-Copy1.ipynb"):
        hand_in(source, solved(), name)
    for name, seconds in ((f"{SLUG}.ipynb", 2_000_000_000), (f"{SLUG}-Copy1.ipynb", 1_000_000_000)):
        os.utime(source / "ada" / name, (seconds, seconds))
    intake = take_in(source, tmp_path / "course")
    assert intake.taken == [("ada", SLUG)]
    assert sorted(intake.refused) == [
        f"!/{SLUG}.ipynb: no name of a student or of a problem set in it",
        f"?/{SLUG}.ipynb: no name of a student or of a problem set in it",
        f"ada/{SLUG}-Copy1.ipynb: ada has a newer one, ada/{SLUG}.ipynb",
    ]


def zip_of(path, date_time):
    """A zip with the notebook of ada, and a time as zips keep it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(f"ada/{SLUG}.ipynb", date_time), json.dumps(solved()))
    return path


def test_a_zip_keeps_the_local_time(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "UTC-8")  # eight hours ahead, as POSIX writes it
    time.tzset()
    try:
        take_in(zip_of(tmp_path / "class.zip", (2026, 5, 1, 23, 0, 0)), tmp_path)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (tmp_path / "submissions" / "ada" / SLUG / "timestamp.txt").read_text() == "2026-05-01 15:00:00 UTC\n"


def test_a_zip_without_times_is_taken_in(tmp_path):
    path = zip_of(tmp_path / "class.zip", (1980, 1, 1, 0, 0, 0))
    data = path.read_bytes()
    first_of_1980 = b"\x00\x00\x21\x00"
    assert data.count(first_of_1980) == 2
    path.write_bytes(data.replace(first_of_1980, b"\x00\x00\x00\x00"))
    assert take_in(path, tmp_path).taken == [("ada", SLUG)]


def roster(folder, text, encoding="utf-8"):
    path = folder / "class.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,mail\nAda,a@example.org\n", "row 1: the roster has no column of ids; its columns are: name, mail"),
        ("id,name\n1234,Ada\n\n,Bob\n", "row 4: this row has no id"),
        ("id,name\n", "there is no student in the roster"),
        ("", "there is no student in the roster"),
    ],
)
def test_a_roster_that_cannot_be_used_is_refused_and_nobody_is_entered(tmp_path, text, says):
    with pytest.raises(DataError, match=says):
        read_roster(roster(tmp_path, text), tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_roster_is_read_as_spreadsheets_write_it(tmp_path):
    assert read_roster(roster(tmp_path, "\ufeffID number;Full name\r\n1234;Ada Love\r\n"), tmp_path) == 1
    with gradebook_of(tmp_path) as gradebook:
        ada = gradebook.find_student("1234")
        assert (ada.first_name, ada.last_name) == ("Ada", "Love")
    with pytest.raises(DataError, match="not saved as UTF-8"):
        read_roster(roster(tmp_path, "id,name\n1,José\n", "latin-1"), tmp_path)
    with pytest.raises(DataError, match="No such file"):
        read_roster(tmp_path / "nowhere.csv", tmp_path)


def test_a_name_that_the_roster_knows_becomes_the_id(tmp_path):
    people = "1234,Ada,Love\n5678,Bob,Roy\n91,Bob,Roy\nCleo-Day,,\n92,Cleo,Day\n"
    read_roster(roster(tmp_path, f"id,first_name,last_name\n{people}"), tmp_path)
    for name in ("Ada Love_123_assignsubmission_file_", "Bob Roy", "Cleo-Day", "5678"):
        hand_in(tmp_path / "in" / name, solved())
    taken = take_in(tmp_path / "in", tmp_path).taken
    assert sorted(student for student, _ in taken) == ["1234", "5678", "Bob-Roy", "Cleo-Day"]
    hand_in(tmp_path / "canvas", solved(), f"loveada_11_22_{SLUG}.ipynb")
    hand_in(tmp_path / "canvas", stubs(), f"royzoe_11_22_{SLUG}.ipynb")
    assert sorted(student for student, _ in take_in(tmp_path / "canvas", tmp_path).taken) == ["royzoe"]
