"""The doctor: right about what is here, helpful about what is not, and alive when everything is missing."""

import os
import subprocess
import sys
from importlib import metadata

import pytest

from ulmfit_lib import doctor

PYPROJECT = """
[project]
name = "toy"
dependencies = ["pytest>=1", "no-such-package>=2,<3", "{present}"]
[project.optional-dependencies]
course = ["no-such-notebook"]
"""


@pytest.fixture
def toy(tmp_path):
    """A project that needs a package that is nowhere."""

    def make(present="typer", pins=""):
        (tmp_path / "pyproject.toml").write_text(PYPROJECT.format(present=present))
        (tmp_path / "constraints.txt").write_text(pins)
        return tmp_path

    return make


def line_of(lines, name):
    return next(line for line in lines if line.name == name)


def test_every_package_of_the_project_is_named_with_its_pin(root):
    lines = doctor.packages(root)
    fastai = line_of(lines, "fastai")
    assert fastai == ("fastai", metadata.version("fastai"), "2.8.12", "OK", False)
    assert {"torch", "spacy", "typer", "nbgrader", "pytest"} <= {line.name for line in lines}
    assert all(line.pinned for line in lines)


def test_a_missing_package_is_named_with_what_to_do(toy, capsys):
    missing = line_of(doctor.packages(toy()), "no-such-package")
    assert missing == ("no-such-package", "none", ">=2,<3", "pip install 'no-such-package>=2,<3'", True)
    assert doctor.main(toy()) == 1
    out = capsys.readouterr().out
    assert "Missing or not fit: no-such-package." in out
    assert "no-such-notebook  none" in out


def test_a_missing_package_of_the_course_is_named_and_not_fatal(toy):
    line = line_of(doctor.packages(toy(pins="no-such-notebook==1.2\n")), "no-such-notebook")
    assert line == ("no-such-notebook", "none", "1.2", "pip install no-such-notebook==1.2 (for the course)", False)


def test_a_version_outside_the_bounds_is_fatal_and_one_beside_the_pin_is_not(toy):
    found = metadata.version("typer")
    outside = line_of(doctor.packages(toy("typer>=99")), "typer")
    assert (outside.found, outside.fatal) == (found, True)
    assert outside.verdict == "does not fit >=99: pip install 'typer>=99'"
    beside = line_of(doctor.packages(toy("typer", pins="typer==0.0.1\n")), "typer")
    assert beside == (
        "typer",
        found,
        "0.0.1",
        "OK, but not the version that is tested: pip install typer==0.0.1",
        False,
    )


def test_how_a_version_was_built_does_not_matter(toy, monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda _name: "2.13.0+cpu")
    assert line_of(doctor.packages(toy("torch>=2.10,<3", pins="torch==2.13.0\n")), "torch").verdict == "OK"


@pytest.mark.parametrize(
    ("version", "bounds", "fits"),
    [
        ("2.8.12", ">=2.8,<3", True),
        ("3.0.0", ">=2.8,<3", False),
        ("2.7", ">=2.8,<3", False),
        ("2.13.0+cpu", ">=2.10", True),  # thirteen is more than ten, which strings would deny
        ("1.0.4.post1", "<2", True),
        ("2.0", "==2", True),
        ("9", "", True),
    ],
)
def test_bounds(version, bounds, fits):
    assert doctor.satisfies(version, bounds) is fits


def test_without_a_checkout_the_metadata_are_asked(tmp_path, monkeypatch):
    requirements = ["fastai<3,>=2.8", 'nbgrader>=0.9; extra == "course"']
    monkeypatch.setattr(metadata, "requires", lambda _name: requirements)
    groups = doctor.read_requirements(tmp_path / "pyproject.toml")
    assert groups == {"needed": ["fastai<3,>=2.8"], "course": ["nbgrader>=0.9"]}


def test_tools_that_are_not_there_are_named_with_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    monkeypatch.delenv("ULMFIT_DATA", raising=False)
    monkeypatch.setattr(doctor.platform, "system", lambda: "Linux")
    assert "apt install bubblewrap" in doctor.sandbox().verdict
    assert "apt install chromium" in doctor.browser().verdict
    assert doctor.gpu().found == "none"
    assert "set ULMFIT_DATA" in doctor.outside_data().verdict
    monkeypatch.setenv("ULMFIT_DATA", str(tmp_path / "none"))
    assert "names no folder" in doctor.outside_data().verdict


def test_a_sandbox_that_may_not_make_namespaces_is_not_called_one(monkeypatch, tmp_path):
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    verdict = doctor.sandbox().verdict
    assert "user namespaces" in verdict
    assert "No permissions" in verdict


def test_it_runs_with_nothing_but_the_standard_library(root):
    # -S and -I leave out the installed packages, as on a machine where none is.
    code = f"import sys; sys.path.insert(0, {str(root)!r}); from ulmfit_lib import doctor; sys.exit(doctor.main())"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    assert "torch" in done.stdout.splitlines()[-1]
