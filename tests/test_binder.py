"""What Binder is told to install fits the project. It has not been built by Binder."""

import tomllib

from packaging.specifiers import SpecifierSet


def test_binder_installs_this_package_with_every_version_pinned(root):
    lines = (root / ".binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert "-e ." in lines
    (constraints,) = (line.removeprefix("-c ") for line in lines if line.startswith("-c "))
    assert (root / ".binder" / constraints).resolve() == root / "constraints.txt"


def test_binders_python_is_one_that_the_package_takes(root):
    version = (root / ".binder" / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert SpecifierSet(project["requires-python"]).contains(version)
