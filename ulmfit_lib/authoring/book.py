"""Build the site from the outputs stored in the notebooks: `python -m ulmfit_lib.authoring.book`.

No code of the book runs, and no network is needed once Pyodide is in its cache (see `site_live`). The site is built
beside the old one, from nothing, with warnings as errors; only one that passes every check of `site_check` takes the
old one's place.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

from ulmfit_lib.authoring import notebook_form, site_check, site_live
from ulmfit_lib.errors import ConfigError, UlmfitError
from ulmfit_lib.files import swap_in

ROOT = Path(__file__).resolve().parents[2]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# The live pieces need spaCy's words. spaCy loads PyTorch where it finds it, which would take seconds.
_COMMAND = "import sys; sys.modules['torch'] = None; from jupyter_book.cli.main import main; sys.exit(main())"


def check_sources(root: Path, expected: Sequence[str]) -> None:
    """Make sure that each page has a source, and that each notebook is stored as it was executed.

    Raises:
        ConfigError: names each page without a source and each cell that must not be shown.
    """
    found = []
    for name in expected:
        notebook, text = root / f"{name}.ipynb", root / f"{name}.md"
        if notebook.exists():
            stored = nbformat.read(notebook, as_version=4)
            found += [f"{name}.ipynb, {what}" for what in notebook_form.complaints(stored)]
            if any(cell.execution_count is None for cell in notebook_form.code_cells(stored)):
                found.append(f"{name}.ipynb: not every cell has been executed; run `make notebooks`.")
        elif not text.exists():
            found.append(f"{name}: listed in _toc.yml, but there is neither {name}.ipynb nor {name}.md.")
    if found:
        raise ConfigError("\n  ".join(["the site cannot be built:", *found]))


def build(root: Path = ROOT, out: Path | None = None) -> Path:
    """Build and verify the site.

    Args:
        root: folder that holds `_config.yml` and `_toc.yml`.
        out: folder for the HTML; `_build/html` below `root` if not given. It changes only if all is well.

    Returns:
        the front page.

    Raises:
        ConfigError: says what is wrong, page by page; the older site stays.
    """
    out = out or root / "_build" / "html"
    expected = site_check.pages_of(root / "_toc.yml")
    check_sources(root, expected)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as stage:
        options = ["--path-output", stage, "--all", "-W", "-n", "--keep-going", "--quiet"]
        done = subprocess.run(
            [sys.executable, "-c", _COMMAND, "build", str(root), *options],
            env={**os.environ, "NO_COLOR": "1", "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
        html = Path(stage) / "_build" / "html"
        if done.returncode != 0:
            raise ConfigError(
                f"Jupyter Book stopped with warnings or errors:\n{_warnings(done.stdout + done.stderr, root)}"
            )
        if found := site_check.verify(html, expected, root):
            raise ConfigError("\n  ".join(["the site was built, and is not good enough to show:", *found]))
        swap_in(html, out)
    return out / "index.html"


def _warnings(output: str, root: Path) -> str:
    """Keep the lines that say what is wrong; the last ones if none can be told apart."""
    plain = _COLOUR.sub("", output).replace(f"{root}{os.sep}", "")
    lines = [line for line in plain.splitlines() if line.strip()]
    telling = [line for line in lines if "WARNING" in line or "ERROR" in line or "Error" in line]
    return "\n".join(telling or lines[-30:])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m ulmfit_lib.authoring.book", description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="folder that holds _config.yml and _toc.yml")
    parser.add_argument("--out", type=Path, help="folder for the HTML (default: _build/html below the root)")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        page = build(options.root.resolve(), options.out.resolve() if options.out else None)
    except UlmfitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file())
    if (left_out := page.parent / "_static" / site_live.LEFT_OUT).exists():
        print(f"live pieces left out: {left_out.read_text(encoding='utf-8')}")
    print(f"site: {page} ({size / 1e6:.1f} MB, built and verified in {time.perf_counter() - started:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
