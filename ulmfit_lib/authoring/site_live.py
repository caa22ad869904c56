"""What the live pieces of the site need, gathered when it is built: Pyodide, our pure modules, and the data they use.

All of it lies in `_static/live` of the site, so nothing is loaded from elsewhere. Pyodide comes from npm (see `npm`)
as it is; nothing is added to it. Where it cannot be had, the site is built without the live pieces, and says so.
"""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

from ulmfit_lib.authoring import npm
from ulmfit_lib.errors import ConfigError

LIBRARY = Path(__file__).resolve().parents[1]
#: The modules that run in the page; together they need nothing but the standard library.
MODULES = (
    "__init__",
    "errors",
    "direction",
    "rules",
    "word_splitter",
    "vocab",
    "streams",
    "padding",
    "authoring/__init__",
    "authoring/live_pieces",
)
PYODIDE_FILES = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json")
#: The file of a site's static folder that says why the live pieces are missing.
LEFT_OUT = "live-left-out.txt"
STREAM_DOCS, PADDING_DOCS = 9, 96  # so many reviews are laid end to end, and so many are put into padded batches

_ORIGIN = """Pyodide {version}, unchanged, from npm ({address}): CPython compiled to WebAssembly.
Licences: Pyodide is under the Mozilla Public License 2.0, CPython under the Python Software Foundation License.
Source: https://github.com/pyodide/pyodide
"""


def rule_tables(lang: str = "en") -> dict[str, Any]:
    """Return spaCy's rules for splitting words of a language, as `word_splitter.WordSplitter` reads them."""
    import spacy
    from spacy.symbols import ORTH

    splitter = spacy.blank(lang).tokenizer

    def pattern(bound_method: Any) -> str:
        return bound_method.__self__.pattern

    return {
        "spacy": spacy.__version__,
        "lang": lang,
        "prefix": pattern(splitter.prefix_search),
        "suffix": pattern(splitter.suffix_search),
        "infix": pattern(splitter.infix_finditer),
        "url": pattern(splitter.url_match),
        "special_cases": {case: [word[ORTH] for word in words] for case, words in sorted(splitter.rules.items())},
    }


def live_data() -> dict[str, Any]:
    """Return what `live_pieces.LivePieces` reads: word-splitting tables, the chapters' vocabulary, some reviews."""
    from ulmfit_lib.data import shipped_reviews
    from ulmfit_lib.tokenizer import tokenize
    from ulmfit_lib.vocab import count_tokens, make_vocab

    docs = tokenize(shipped_reviews().texts)
    return {
        "tables": rule_tables(),
        "vocab": make_vocab(count_tokens(docs)),
        "docs": [_opening(doc) for doc in docs[:STREAM_DOCS]],
        "lengths": [len(doc) for doc in docs[:PADDING_DOCS]],
    }


def _opening(doc: list[str]) -> list[str]:
    """Return a review up to its second full stop: with whole reviews, a row of the stream would hold one only."""
    stops = [place for place, token in enumerate(doc) if token == "."]
    return doc[: stops[1] + 1] if len(stops) > 1 else doc


def write_modules(archive: Path) -> None:
    """Pack the modules that run in the page; the same modules give the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in MODULES:
            entry = zipfile.ZipInfo(f"ulmfit_lib/{name}.py", date_time=(1980, 1, 1, 0, 0, 0))
            packed.writestr(entry, (LIBRARY / f"{name}.py").read_bytes(), zipfile.ZIP_DEFLATED)


def pyodide() -> tuple[Path | None, str]:
    """Return the folder of Pyodide's files and "", or None and why there is none."""
    try:
        return npm.fetch(npm.PYODIDE), ""
    except ConfigError as error:
        return None, str(error)


def add_to_site(static: Path, source: Path) -> None:
    """Put all that the live pieces need below `live` in a site's folder of static files.

    Args:
        static: the folder `_static` of the built site.
        source: the folder of Pyodide's files.
    """
    (static / "live" / "pyodide").mkdir(parents=True, exist_ok=True)
    for name in PYODIDE_FILES:
        shutil.copyfile(source / name, static / "live" / "pyodide" / name)
    origin = _ORIGIN.format(version=npm.PYODIDE.version, address="https://www.npmjs.com/package/pyodide")
    (static / "live" / "pyodide" / "README.txt").write_text(origin, encoding="utf-8")
    write_modules(static / "live" / "ulmfit_lib.zip")
    data = json.dumps(live_data(), ensure_ascii=False, separators=(",", ":"))
    (static / "live" / "data.json").write_text(data, encoding="utf-8")
