"""The student's side: a copy of the release to work in, and a zip of it to hand in. Nothing is ever written over."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from ulmfit_lib.checks.sets import SLUGS
from ulmfit_lib.errors import ConfigError, DataError
from ulmfit_lib.files import write_atomically


def sets_meant(text: str) -> list[str]:
    """Return the problem sets that a number ("1", "01"), a part of a name, or nothing (all) means.

    Raises:
        ConfigError: there is no such set.
    """
    if not text:
        return list(SLUGS)
    number = text.zfill(2) if text.isdigit() else text
    found = [slug for slug in SLUGS if slug.startswith(number) or (not text.isdigit() and text in slug)]
    if not found:
        raise ConfigError(f"There is no problem set {text!r}.", fix=f"There are: {', '.join(SLUGS)}.")
    return found


def copy_release(root: Path, slugs: list[str]) -> dict[str, bool]:
    """Copy each release into work/, unless there is something already; return which were copied."""
    copied = {}
    for slug in slugs:
        source, target = root / "exercises" / slug, root / "work" / slug
        if not source.is_dir():
            continue
        copied[slug] = not target.exists()
        if copied[slug]:
            beside = target.with_name(f".{slug}.partial")
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(source, beside)
            beside.rename(target)  # a student finds a whole folder or none
    return copied


def open_jupyter(root: Path, slugs: list[str]) -> int:
    """Start JupyterLab on the work folder (on the notebook itself if there is one); return its exit code."""
    target = root / "work"
    if len(slugs) == 1:
        target = target / slugs[0] / f"{slugs[0]}.ipynb"
    return subprocess.call([sys.executable, "-m", "jupyterlab", str(target)], cwd=root)


def zip_work(root: Path, slug: str, student: str = "") -> Path:
    """Zip what a student made of a set, to hand in.

    Raises:
        ConfigError: the student's name cannot stand in a file's name.
        DataError: there is nothing to hand in, or it is no notebook any more.
    """
    from ulmfit_lib.grading.submission import SubmissionError, read

    if not re.fullmatch(r"(\w[\w .@+-]*)?", student):
        raise ConfigError(
            f"{student!r} cannot stand in a file's name.", fix="Letters, digits, spaces and . @ + - _ can."
        )
    notebook = root / "work" / slug / f"{slug}.ipynb"
    try:
        read(notebook)
    except SubmissionError as error:
        raise DataError(str(error), fix=f"Your work belongs in work/{slug}/{slug}.ipynb.") from None
    target = root / "work" / f"{f'{student}-' if student else ''}{slug}.zip"
    beside = target.with_suffix(".partial")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(notebook, f"{slug}/{slug}.ipynb")
    data = beside.read_bytes()
    beside.unlink()
    return write_atomically(target, data)
