"""Fixtures and the one way to skip: by name, and never where `ULMFIT_REQUIRE` asks for the thing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Machines are noisy: no test fails because an example was slow, and a run can be repeated.
settings.register_profile(
    "course", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("course")


def require_or_skip(name: str, found: bool, why: str) -> None:
    """Skip a test whose tool or data is missing; fail instead if `ULMFIT_REQUIRE` (comma-separated) names it."""
    if found:
        return
    if name in os.environ.get("ULMFIT_REQUIRE", "").split(","):
        pytest.fail(f"ULMFIT_REQUIRE asks for {name}: {why}")
    pytest.skip(f"no {name}: {why}")


def sandbox_works() -> bool:
    """Whether bubblewrap is installed and may make namespaces here."""
    if shutil.which("bwrap") is None:
        return False
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def outside_data() -> Path:
    """The folder of data sets that the project does not ship (IMDb, Wikipedia)."""
    folder = os.environ.get("ULMFIT_DATA")
    require_or_skip("data", bool(folder), "set ULMFIT_DATA to a folder with imdb/, imdb_sample/, wikipedia-2015/")
    return Path(folder)


@pytest.fixture(scope="session")
def sandbox() -> None:
    """A machine that can confine a student's code."""
    require_or_skip("sandbox", sandbox_works(), "bubblewrap is missing or may not make namespaces")


def pytest_terminal_summary(terminalreporter) -> None:
    """Say, kind by kind, what was not tested for want of a browser, a sandbox or data."""
    kinds: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        kind = reason.removeprefix("Skipped: ").split(":")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    if kinds:
        listed = ", ".join(f"{count} for {kind}" for kind, count in sorted(kinds.items()))
        terminalreporter.write_line(f"skipped: {listed}")
