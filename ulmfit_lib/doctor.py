"""What is here and what is missing: packages and their versions, a sandbox, a browser, a GPU, outside data.

The standard library alone, because this is what one runs when something else is missing: `ulmfit doctor`, or
`python -m ulmfit_lib.doctor` when not even that starts. No package is imported; their metadata say their versions.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTION = "ulmfit-lib"
NEEDED = "needed"  # the group of what `ulmfit run` cannot do without
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 5  # the most that any outside program may take


class Line(NamedTuple):
    """One line of the report; `verdict` is "OK", or what to do. `fatal` makes the doctor end in failure."""

    name: str
    found: str
    pinned: str
    verdict: str
    fatal: bool = False


def examine(root: Path = ROOT) -> list[Line]:
    """Return a line for Python, each package and each tool, in the order in which they are printed."""
    return [_python(), *packages(root), sandbox(), browser(), gpu(), outside_data()]


def main(root: Path = ROOT) -> int:
    """Print the report and return 1 if something needed is missing, else 0."""
    lines = examine(root)
    rows = [("", "found", "pinned", ""), *((line.name, line.found, line.pinned, line.verdict) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
        print("  ".join([*padded, row[3]]).rstrip())
    fatal = [line.name for line in lines if line.fatal]
    if fatal:
        print(f"\nMissing or not fit: {', '.join(fatal)}. The lines above say what to do.")
        return 1
    print("\nEverything that is needed is here.")
    return 0


def packages(root: Path = ROOT) -> list[Line]:
    """Return a line for each package that this project names, those of `ulmfit run` first."""
    pins = read_pins(root / "constraints.txt")
    lines = []
    for group, requirements in read_requirements(root / "pyproject.toml").items():
        lines += [_package(requirement, group, pins) for requirement in sorted(requirements, key=str.lower)]
    return lines


def read_pins(path: Path) -> dict[str, str]:
    """Return the version that a constraints file pins for each package; nothing where there is no such file."""
    if not path.is_file():
        return {}
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {_normal(name): version for name, version in pins}


def read_requirements(pyproject: Path) -> dict[str, list[str]]:
    """Return the requirements of each group: `NEEDED`, "course" and "test".

    They are read from pyproject.toml in a checkout and from the metadata of an installed package.
    """
    if pyproject.is_file():
        project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
        return {NEEDED: project["dependencies"], **project.get("optional-dependencies", {})}
    groups: dict[str, list[str]] = {NEEDED: []}
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        requirements = []
    for requirement in requirements:
        name, _, marker = requirement.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", marker)
        groups.setdefault(extra[1] if extra else NEEDED, []).append(name.strip())
    return groups


def satisfies(version: str, bounds: str) -> bool:
    """Say whether a version lies within bounds such as ">=2.8,<3"; the numbers alone are compared.

    >>> satisfies("2.8.12", ">=2.8,<3"), satisfies("3.0", ">=2.8,<3")
    (True, False)
    """
    found = _numbers(version)
    for sign, bound in re.findall(r"(>=|<=|==|<|>)\s*([0-9][^,\s]*)", bounds):
        limit = _numbers(bound)
        size = max(len(found), len(limit))
        ours, theirs = (numbers + (0,) * (size - len(numbers)) for numbers in (found, limit))
        fits = {
            ">=": ours >= theirs,
            "<=": ours <= theirs,
            "==": ours == theirs,
            "<": ours < theirs,
            ">": ours > theirs,
        }
        if not fits[sign]:
            return False
    return True


def sandbox() -> Line:
    """Say whether bubblewrap is here and may make the namespaces in which student code is confined."""
    program = shutil.which("bwrap")
    if program is None:
        return Line("sandbox", "none", "", "for grading, install bubblewrap (apt install bubblewrap)")
    works, said = _try(program, "--unshare-all", "--ro-bind", "/", "/", "true")
    if works:
        return Line("sandbox", "bubblewrap", "", "OK")
    return Line("sandbox", "bubblewrap", "", f"it may not make user namespaces here; allow them for grading ({said})")


def browser() -> Line:
    """Say whether a Chromium is here, which the tests of the site drive."""
    for name in BROWSERS:
        if shutil.which(name):
            return Line("browser", name, "", "OK")
    home = Path.home()
    folders = (
        Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or home / ".cache/ms-playwright"),
        home / "Library/Caches",
    )
    for folder in folders:
        for pattern in ("chromium-*", "ms-playwright/chromium-*"):
            if any(folder.glob(pattern)):
                return Line("browser", "playwright's chromium", "", "OK")
    return Line("browser", "none", "", "for the tests of the site, install chromium (apt install chromium)")


def gpu() -> Line:
    """Say whether a GPU is here; nothing needs one."""
    program = shutil.which("nvidia-smi")
    if program:
        works, said = _try(program, "--query-gpu=name", "--format=csv,noheader")
        if works and said:
            return Line("GPU", said, "", "OK")
    if platform.system() == "Darwin" and platform.machine() == "arm64":
        return Line("GPU", "Apple", "", "OK")
    return Line("GPU", "none", "", "OK (everything runs on the CPU, large runs slowly)")


def outside_data() -> Line:
    """Say whether the data sets that the project does not ship are here."""
    folder = os.environ.get("ULMFIT_DATA")
    if not folder:
        return Line("outside data", "none", "", "OK (to use IMDb, set ULMFIT_DATA to the folder that it is in)")
    if not Path(folder).is_dir():
        return Line(
            "outside data", "none", "", "ULMFIT_DATA names no folder; set it to the one with the data, or unset it"
        )
    return Line("outside data", "ULMFIT_DATA", "", "OK")


def _python() -> Line:
    # An older Python does not come this far: it has no tomllib.
    return Line("Python", platform.python_version(), ">=3.11", "OK")


def _package(requirement: str, group: str, pins: dict[str, str]) -> Line:
    name, bounds = re.match(r"([A-Za-z0-9._-]+)\s*(?:\[[^\]]*\])?\s*(.*)", requirement).groups()
    pinned = pins.get(_normal(name), bounds)
    is_needed = group == NEEDED
    wanted = f"{name}=={pinned}" if _normal(name) in pins else f"'{name}{bounds}'"
    purpose = "" if is_needed else f" (for the {group})"
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Line(name, "none", pinned, f"pip install {wanted}{purpose}", fatal=is_needed)
    if not satisfies(found, bounds):
        return Line(name, found, pinned, f"does not fit {bounds}: pip install {wanted}{purpose}", fatal=is_needed)
    # torch and others add how they were built to their version, as in 2.13.0+cpu.
    if _normal(name) in pins and found.partition("+")[0] != pinned:
        return Line(name, found, pinned, f"OK, but not the version that is tested: pip install {wanted}{purpose}")
    return Line(name, found, pinned, "OK")


def _try(*command: str) -> tuple[bool, str]:
    """Run a program; say whether it succeeded, and the first line that it printed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, type(error).__name__
    said = (done.stdout or done.stderr).strip().splitlines()
    return done.returncode == 0, said[0] if said else ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _numbers(version: str) -> tuple[int, ...]:
    digits = re.match(r"[0-9.]*", version)[0]
    return tuple(int(number) for number in digits.split(".") if number)


if __name__ == "__main__":
    sys.exit(main())
