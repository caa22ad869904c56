"""The student's side: a copy to work in, progress, a zip; and the release that nobody edits by hand."""

import json
import re
import shutil
import zipfile

import pytest
from conftest import ROOT
from grading_kit import SET, SLUG, hand_in, place, solved
from test_grading_class import course_in

from ulmfit_lib.checks.sets import SLUGS
from ulmfit_lib.errors import ConfigError, DataError
from ulmfit_lib.grading import release, students, validate
from ulmfit_lib.grading.course import GradingError
from ulmfit_lib.grading.gradebook import gradebook_of
from ulmfit_lib.grading.intake import take_in
from ulmfit_lib.grading.progress import as_text, progress_of


def test_a_copy_to_work_in_never_goes_over_what_is_there(tmp_path):
    shutil.copytree(ROOT / "exercises" / SLUG, tmp_path / "exercises" / SLUG)
    notebook = tmp_path / "work" / SLUG / f"{SLUG}.ipynb"
    assert students.copy_release(tmp_path, [SLUG, "02_subwords"]) == {SLUG: True}
    assert notebook.read_bytes() == (ROOT / "exercises" / SLUG / f"{SLUG}.ipynb").read_bytes()
    notebook.write_text("mine")
    assert students.copy_release(tmp_path, [SLUG]) == {SLUG: False}
    assert notebook.read_text() == "mine"


@pytest.mark.parametrize(("text", "slugs"), [("", list(SLUGS)), ("1", [SLUG]), ("01", [SLUG]), ("tokeniz", [SLUG])])
def test_a_set_is_named_by_number_or_part(text, slugs):
    assert students.sets_meant(text) == slugs


def test_a_set_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="There is no problem set '99'"):
        students.sets_meant("99")


def test_the_command_copies_and_says_so(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from ulmfit_lib.commands import app

    shutil.copytree(ROOT / "exercises" / SLUG, tmp_path / "exercises" / SLUG)
    monkeypatch.chdir(tmp_path)
    opened = []
    monkeypatch.setattr(students, "open_jupyter", lambda root, slugs: opened.append(slugs) or 0)
    first = CliRunner().invoke(app, ["student", "1"])
    again = CliRunner().invoke(app, ["student", "1", "--no-jupyter"])
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert "copied" in first.output
    assert "stays as it is" in again.output
    assert opened == [[SLUG]]


def test_the_zip_is_one_that_the_grader_takes(tmp_path):
    hand_in(tmp_path / "work" / SLUG, solved())
    path = students.zip_work(tmp_path, SLUG, "ada")
    assert zipfile.ZipFile(path).namelist() == [f"{SLUG}/{SLUG}.ipynb"]
    assert take_in(path, tmp_path).taken == [("ada", SLUG)]
    assert json.loads((tmp_path / "submissions" / "ada" / SLUG / f"{SLUG}.ipynb").read_text()) == solved()


def test_a_name_that_leads_elsewhere_is_refused(tmp_path):
    hand_in(tmp_path / "work" / SLUG, solved())
    for name in ("../ada", "a/b", ".ada", "a:b"):
        with pytest.raises(ConfigError, match="cannot stand in a file's name"):
            students.zip_work(tmp_path, SLUG, name)
    assert students.zip_work(tmp_path, SLUG, "Ada Love").name == f"Ada Love-{SLUG}.zip"


def test_what_to_hand_in_is_asked(tmp_path, monkeypatch):
    from ulmfit_lib.commands import app

    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="make submit SET=1"):
        app(["submit"], standalone_mode=False)


def test_nothing_to_hand_in_is_said(tmp_path):
    with pytest.raises(DataError, match="there is no such file"):
        students.zip_work(tmp_path, SLUG)
    hand_in(tmp_path / "work" / SLUG, b"half a notebook")
    with pytest.raises(DataError, match="this is no notebook"):
        students.zip_work(tmp_path, SLUG)
    assert not list((tmp_path / "work").glob("*.zip"))


def test_progress_says_what_passes_and_what_is_left(sandbox, tmp_path):
    course_in(tmp_path)
    hand_in(tmp_path / "work" / SLUG, solved(lowercase="def lowercase(text, a=1, b=2): return text"))
    hand_in(tmp_path / "work" / "03_vocab", b"broken", "03_vocab.ipynb")
    found = progress_of(tmp_path, [SLUG, "02_subwords", "03_vocab"])
    n = len(SET.exercises)
    assert as_text(found).split("\n") == [
        f"{SLUG:24} {n - 1} of {n} functions, {SET.points - 2} of {SET.points} points",
        f"{'':24} left: lowercase",
        f"{'02_subwords':24} not begun",
        f"{'03_vocab':24} cannot be read: 03_vocab.ipynb: this is no notebook: Expecting value: line 1 column 1 "
        "(char 0). Open it in Jupyter; if it does not open, hand in the last version that does.",
    ]


def test_a_release_that_was_edited_by_hand_is_not_written_over(tmp_path, monkeypatch):
    root = course_in(tmp_path)
    path = root / "exercises" / SLUG / f"{SLUG}.ipynb"
    assert release.edited(root) == release.write(root) == []
    with gradebook_of(root) as gradebook:  # so nbgrader's own commands can begin
        assert gradebook.find_assignment(SLUG).max_score == SET.points
    opened = json.loads(path.read_bytes())  # what Jupyter changes by saving is no edit
    opened["metadata"]["language_info"]["version"] = "3.11.7"
    path.write_text(json.dumps(opened))
    assert release.edited(root) == []
    assert release.write(root) == [SLUG]
    by_hand = json.loads(path.read_bytes())
    by_hand["cells"][place(by_hand, "lowercase")]["source"] = ["# a better hint"]
    path.write_text(json.dumps(by_hand))
    with pytest.raises(GradingError, match=f"edited by hand: exercises/{SLUG}"):
        release.write(root)
    assert json.loads(path.read_bytes()) == by_hand


@pytest.mark.parametrize(("late", "code"), [([], 0), (["01_tokenization"], 1)])
def test_a_check_of_the_release_says_what_is_late(monkeypatch, capsys, late, code):
    monkeypatch.setattr(release, "outdated", lambda: late)
    assert release.main(["--check"]) == code
    assert all(slug in capsys.readouterr().out for slug in late)


def test_the_verdict_names_what_does_not_hold(tmp_path):
    (tmp_path / "test_one.py").write_text("def test_a(): pass\ndef test_b(): assert False\n")
    (tmp_path / "test_two.py").write_text("def test_c(): pass\n")
    parts = [validate.run_part(name, [f"{name}.py"], tmp_path) for name in ("test_one", "test_two")]
    assert [part.passed for part in parts] == [False, True]
    text = validate.verdict(parts)
    assert "FAILS  test_one" in text
    assert "test_one.py::test_b" in text
    assert "holds  test_two" in text
    assert text.endswith("1 of 2 parts do not hold.")
    assert validate.verdict(parts[1:]).endswith("The course holds on this machine.")


def test_what_validate_runs_is_there():
    for _, options in validate.PARTS:
        for option in options:
            if option.startswith("tests/") or option in ("book", "solutions"):
                assert (ROOT / option).exists()


def test_in_the_notebook_progress_is_what_was_checked(capsys, monkeypatch):
    from ulmfit_lib import checks

    monkeypatch.setattr(checks, "_passed", {})
    checks.progress()
    assert "nothing was checked yet" in capsys.readouterr().out
    checks.rm_useless_spaces(lambda text: re.sub(" {2,}", " ", text))
    with pytest.raises(AssertionError):
        checks.lowercase(lambda text, add_bos=True, add_eos=False: text)
    capsys.readouterr()
    checks.progress()
    shown = capsys.readouterr().out
    assert shown.startswith(f"{SLUG}: 1 of {len(SET.exercises)} functions pass\n  left: fix_html, ")
    assert "rm_useless_spaces" not in shown
    assert "lowercase" in shown
