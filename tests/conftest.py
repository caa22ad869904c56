"""Fixtures and the one way to skip: by name, and never where `ULMFIT_REQUIRE` asks for the thing."""

import os
import shutil
import signal
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

# What a shell begins in the background ignores Ctrl-C, and so does all that it begins: a test would interrupt in vain.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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


# What `make test` spends its minutes on: the part, its budget in minutes on two cores, and what its tests' names begin
# with.
PARTS = (
    ("nbval", 6, ("book/", "solutions/")),
    ("exercise proofs", 3, ("tests/test_graders.py",)),
    ("grading, attacks", 3, ("tests/test_attacks", "tests/test_grading", "tests/test_nbgrader_path")),
    ("kill and resume", 3, ("tests/test_resume",)),
    ("browser and site", 4, ("tests/test_browser", "tests/test_site")),
    ("rest", 3, ("",)),
)


def pytest_terminal_summary(terminalreporter) -> None:
    """Say what each part took, and, kind by kind, what was not tested for want of a browser, a sandbox or data."""
    seconds = dict.fromkeys((name for name, _, _ in PARTS), 0.0)
    kinds: dict[str, int] = {}
    for report in (report for reports in terminalreporter.stats.values() for report in reports):
        if hasattr(report, "duration"):
            part = next(name for name, _, starts in PARTS if report.nodeid.startswith(starts))
            seconds[part] += report.duration
        if getattr(report, "skipped", False):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            kind = reason.removeprefix("Skipped: ").split(":")[0]
            kinds[kind] = kinds.get(kind, 0) + 1
    if sum(seconds.values()) > 60:
        processes = terminalreporter.config.getoption("numprocesses", None) or 1
        shared = f"; {processes} processes shared the work" if processes > 1 else ""
        terminalreporter.section(f"minutes spent{shared}")
        for name, budget, _ in PARTS:
            terminalreporter.write_line(f"{name:18}{seconds[name] / 60 / processes:5.1f} of {budget}")
    if kinds:
        listed = ", ".join(f"{count} for {kind}" for kind, count in sorted(kinds.items()))
        terminalreporter.write_line(f"skipped: {listed}")


# Here, so that every file of tests has them; at the end, since that module needs what stands above.
from site_browser import address, browser, visit  # noqa: E402, F401
