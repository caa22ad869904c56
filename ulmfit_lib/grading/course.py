"""nbgrader on this repository's folders: one place that loads its configuration and starts its API."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ulmfit_lib.errors import UlmfitError

if TYPE_CHECKING:
    from nbgrader.apps.api import NbGraderAPI

ROOT = Path(__file__).resolve().parents[2]


class GradingError(UlmfitError):
    """nbgrader could not do what it was asked; its own words are in the message."""


def gradebook_path(root: Path) -> Path:
    """Return where the gradebook of the course in `root` lies."""
    return root / "runs" / "grading" / "gradebook.db"


@contextlib.contextmanager
def nbgrader_api(root: Path = ROOT, **settings: dict) -> Iterator["NbGraderAPI"]:
    """Give nbgrader's API for the course in `root`, quiet, with its database closed at the end.

    Args:
        root: a folder with `nbgrader_config.py`.
        settings: more settings, a dictionary for each of nbgrader's classes, such as `Execute={"timeout": 5}`.
    """
    from nbgrader.apps.api import NbGraderAPI
    from traitlets.config import Config, PyFileConfigLoader

    config = Config(PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config())
    config.CourseDirectory.root = str(root)
    config.NbGrader.logfile = ""
    for section, values in settings.items():
        config[section].update(values)
    if "db_url" not in settings.get("CourseDirectory", {}):
        gradebook_path(root).parent.mkdir(parents=True, exist_ok=True)
        config.CourseDirectory.db_url = f"sqlite:///{gradebook_path(root)}"
    api = NbGraderAPI(config=config)
    api.log = logging.getLogger("nbgrader")
    try:
        with alembic_found(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield api
    finally:
        with api.gradebook as gradebook:
            gradebook.close()


@contextlib.contextmanager
def alembic_found() -> Iterator[None]:
    """Let nbgrader find `alembic`, which it starts by name: it is beside the interpreter and not always on the path."""
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    try:
        yield
    finally:
        os.environ["PATH"] = path


def succeed(result: dict, doing: str) -> None:
    """Pass over a result of nbgrader's API that says success.

    Raises:
        GradingError: it does not; the end of nbgrader's log is in the message.
    """
    if not result["success"]:
        said = (result.get("log") or result.get("error") or "").strip()[-2000:]
        raise GradingError(f"nbgrader failed {doing}.", fix=f"It says:\n{said}")
