"""What the sandbox sees of the disk: Python's own files, a few packages, and ours for the inside. Nothing else."""

import os
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_CHECKS = _HERE.parent / "checks"
# Names of torch's own needs that nothing in an answer uses.
_LEFT_OUT = ("setuptools", "triton")


def fill(folder: Path) -> None:
    """Copy what the inside needs of ours; the sandbox sees the copy."""
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(_HERE / "confined", folder / "confined", ignore=without)
    shutil.copytree(_CHECKS / "adapters", folder / "checks" / "adapters", ignore=without)
    shutil.copy(_CHECKS / "forbidden.py", folder / "checks")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def binds(inside: str, *, torch: bool) -> list[str]:
    """Return bubblewrap's options for every file and folder that the sandbox sees.

    Args:
        inside: the folder that `fill` filled.
        torch: whether torch is among the packages.
    """
    options = []
    files = list(_files(inside, torch=torch))
    above = {str(folder) for _, place in files for folder in Path(place).parents} - {"/"} | {"/dev"}
    for folder in sorted(above):  # which bubblewrap would make readable for the one who starts it alone
        options += ["--perms", "0755", "--dir", folder]
    for path, place in files:
        options += ["--ro-bind", path, place]
    for path in ("/lib", "/lib64"):
        if os.path.islink(path):
            options += ["--symlink", os.readlink(path), path]
    for path in _hidden():
        options += ["--tmpfs", path]
    for device in ("null", "zero", "urandom", "random"):
        options += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return options


def library_paths() -> list[str]:
    """Return the folders of Python's own library: without those through which our package could be imported."""
    return [path for path in sys.path if path.startswith(sys.base_prefix) and "site-packages" not in path]


def _files(inside: str, *, torch: bool) -> Iterator[tuple[str, str]]:
    """Give each file or folder that the sandbox sees, and where it sees it."""
    yield inside, "/inside"
    library = Path(sys.base_prefix) / "lib"
    interpreter = os.path.realpath(sys.executable)
    system = [path for path in ("/lib", "/lib64", "/usr/lib", "/usr/lib64") if os.path.isdir(path)]
    for path in [*system, "/etc/ld.so.cache", str(library), interpreter]:
        if os.path.exists(path) and not os.path.islink(path) and (path in system or not _within(path, system)):
            yield path, path
    site = Path(sysconfig.get_path("purelib"))
    for name in sorted(_top_names("torch" if torch else "", "numpy")):
        if (site / name).exists():
            yield str(site / name), f"/packages/{name}"


def _within(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _hidden() -> list[str]:
    """Folders of the interpreter and the system that hold other people's packages."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    places = [Path(sys.base_prefix) / "lib" / version / name for name in ("site-packages", "dist-packages")]
    places.append(Path("/usr/lib/python3/dist-packages"))
    return [str(place) for place in places if place.is_dir()]


def _top_names(*distributions: str) -> set[str]:
    """Return the names in site-packages that these distributions, and those that they need, have put there."""
    found: set[str] = set()
    waiting, seen = [name for name in distributions if name], set(_LEFT_OUT)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found |= {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}
        for wanted in distribution.requires or ():
            if "extra ==" not in wanted:
                waiting.append("".join(c if c.isalnum() or c in "-_." else " " for c in wanted).split()[0])
    return {name for name in found if not name.endswith((".dist-info", ".pth"))}
