"""The house rules that a machine can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

MODULES = sorted(path for path in (ROOT / "ulmfit_lib").rglob("*.py"))
# The road of the data: a module imports only from itself and from what stands before it.
PURE = ("rules", "subwords", "vocab", "streams", "padding")
HEAVY = ("torch", "fastai", "spacy", "pandas", "numpy", "matplotlib")


def tool(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True
    )


@pytest.mark.parametrize("command", [("ruff", "format", "--check"), ("ruff", "check"), ("codespell",)], ids=" ".join)
def test_the_code_is_formatted_and_spelled(command):
    done = tool(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_package_is_pinned():
    """Each installed package that the project asks for, or that those need, has one exact version."""
    lines = [line.split(";")[0].strip() for line in (ROOT / "constraints.txt").read_text().split("\n")]
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert pins["torch"] == "2.13.0"
    assert "rfc3987-syntax" not in pins
    freeze = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=freeze"], capture_output=True, text=True, check=True
    ).stdout
    pinned = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    wanted = needed() - {"pip", "setuptools", "ulmfit-lib", "wheel"}
    for line in freeze.split():
        name, version = line.lower().replace("_", "-").split("==")
        if name in wanted:
            assert pinned.get(name) == version.split("+")[0], f"{name} {version} is not the pinned one"


def needed() -> set[str]:
    """Return the names of the packages that the project asks for, and those that they ask for."""
    from importlib.metadata import PackageNotFoundError, requires

    found: set[str] = set()
    waiting = ["ulmfit-lib"]
    while waiting:
        name = waiting.pop()
        try:
            wanted = requires(name) or []
        except PackageNotFoundError:
            continue
        for line in wanted:
            if "extra ==" in line and name != "ulmfit-lib":
                continue
            other = re.match(r"[A-Za-z0-9._-]+", line).group().lower().replace("_", "-").replace(".", "-")
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


@pytest.mark.parametrize("name", ["", *[f".{name}" for name in PURE if (ROOT / "ulmfit_lib" / f"{name}.py").exists()]])
def test_the_pure_stages_import_nothing_heavy(name):
    code = f"import sys, ulmfit_lib{name}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_fastai_is_imported_without_its_vision_part(path):
    """torchvision's compiled part need not load on a machine that trains on text."""
    assert not any(name.startswith("fastai.vision") for name in imports_of(path))


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert targets == set(re.findall(r"^  make (\S+)", shown, re.MULTILINE))
    assert len(shown.split("\n")) < 25


def test_the_readme_speaks_of_commands_that_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        used = {word for words in re.findall(r"(?:`|\n)make ([a-z -]+)", text) for word in words.split()[:1]}
        assert used <= targets, page


def test_the_readme_shows_the_message_that_a_check_prints(capsys):
    from ulmfit_lib.checks.engine import run_check
    from ulmfit_lib.checks.sets import exercise

    one = exercise("replace_rep")
    message = str(run_check(one, one.mistakes[0].function))
    squeezed = " ".join(message.split())
    assert squeezed in " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
