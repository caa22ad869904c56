"""Verify a built site: it is whole, loads nothing from elsewhere, and each link and picture on it is good.

Every function returns findings, one sentence each; an empty list means that nothing is wrong.
"""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import yaml

#: A page with less text than this is an accident, not a page.
SMALLEST_PAGE = 300  # characters
LARGEST_SITE = 40_000_000  # bytes

# Pyodide names an outside address, from which it would load packages; we load none, and a test in a browser sees
# that nothing is asked for. Its files are kept as npm gives them.
_UNCHANGED = "_static/live/pyodide/"

_ELSEWHERE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_CSS_LOADS = re.compile(r"(?:@import\s+|url\(\s*)[\"']?\s*((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)
_JS_LOADS = re.compile(
    r"(?:fetch|import|importScripts|sendBeacon|EventSource|WebSocket|Worker|\.open|\.src\s*=|\.href\s*=|from)"
    r"\s*\(?\s*(?:[\"'][A-Z]+[\"']\s*,\s*)?[\"'`]((?:https?:|wss?:)?//[^\"'`]+)"
)
_DELIVERY = re.compile(
    r"unpkg\.com|jsdelivr\.net|cdnjs\.|googleapis\.com|gstatic\.com|googletagmanager|google-analytics|plausible\.io|"
    r"bootstrapcdn|esm\.sh|skypack\.dev|cloudflare(?:insights)?\.com|code\.jquery\.com|use\.fontawesome\.com"
)
_LOADS = {  # what a browser fetches by itself, tag by tag
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
    "use": ("href", "xlink:href"),
    "image": ("href", "xlink:href"),
    "link": ("href",),
}
_LINKS_THAT_LOAD_NOTHING = {"canonical", "next", "prev", "index", "search", "author", "license", "alternate", "help"}
# Half of all tags: the words of coloured code. They load nothing, and nothing leads to them.
_COLOURED = re.compile(r'<span(?: class="[\w -]*")?>|</span>')
_FILE_NAME = re.compile(r"\.(svg|png|jpe?g|gif|webp)\s*$", re.IGNORECASE)


class Page(HTMLParser):
    """What one built page loads, links to, names and says."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.loads: list[str] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.undescribed: list[str] = []
        self.headings = 0
        self.text_length = 0
        self._code: list[str] = []
        self._within: list[str] = []  # open script, style and article elements
        self.feed(_COLOURED.sub("", html))
        self.close()

    @property
    def code(self) -> str:
        """All inline scripts and styles."""
        return "\n".join(self._code)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag loads, links to or names."""
        given = {name: value or "" for name, value in attrs}
        self.names |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag != "link" or not set(given.get("rel", "").split()) <= _LINKS_THAT_LOAD_NOTHING:
            self.loads += [given[name] for name in _LOADS.get(tag, ()) if given.get(name)]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if "style" in given:
            self._code.append(given["style"])
        if tag in ("script", "style", "article"):
            self._within.append(tag)
        self.headings += tag == "h1" and "article" in self._within
        self._look_for_description(tag, given)

    def _look_for_description(self, tag: str, given: dict[str, str]) -> None:
        if tag == "img" and "headerlink" not in given.get("class", ""):
            alt = given.get("alt", "").strip()
            if not alt or _FILE_NAME.search(alt):
                self.undescribed.append(given.get("src", "")[:80])
        if tag == "svg" and "picture" in given.get("class", "").split() and not given.get("aria-label"):
            self.undescribed.append("an inline picture")

    def handle_endtag(self, tag: str) -> None:
        """Leave a script, a style or the article."""
        if tag in self._within:
            while self._within.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        """Count the text of the article; keep scripts and styles."""
        inner = self._within[-1] if self._within else ""
        if inner in ("script", "style"):
            self._code.append(data)
        elif inner == "article":
            self.text_length += len(data.strip())


def pages_of(toc: Path) -> list[str]:
    """Return the pages that a table of contents lists, in order, as paths without a suffix."""

    def walk(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            yield from (str(Path(node[key]).with_suffix("")) for key in ("root", "file") if key in node)
            for value in node.values():
                if isinstance(value, list | dict):
                    yield from walk(value)
        elif isinstance(node, list):
            for item in node:
                yield from walk(item)

    return list(walk(yaml.safe_load(toc.read_text(encoding="utf-8"))))


def read_pages(site: Path) -> dict[str, Page]:
    """Parse every page of a site; the keys are paths below it."""
    return {
        path.relative_to(site).as_posix(): Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
        if "_static" not in path.parts
    }


def incomplete(pages: dict[str, Page], expected: list[str]) -> list[str]:
    """Find pages that are missing or hold next to nothing."""
    found = []
    for name in expected:
        page = pages.get(f"{name}.html")
        if page is None:
            found.append(f"{name}: the page is in _toc.yml and was not built.")
        elif page.text_length < SMALLEST_PAGE:
            found.append(f"{name}: the page holds {page.text_length} characters of text, which is suspiciously small.")
        elif page.headings != 1:
            found.append(f"{name}: the page has {page.headings} headings of the first level; it needs one.")
    return found


def outside_loads(site: Path, pages: dict[str, Page]) -> list[str]:
    """Find all that a reader's browser would fetch from elsewhere: scripts, styles, fonts, pictures, requests."""
    found = []
    for name, page in pages.items():
        found += [f"{name} loads {address}" for address in page.loads if _ELSEWHERE.match(address)]
        found += [f"{name} loads {address}" for address in _loaded_by(page.code)]
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site).as_posix()
        if path.suffix in (".js", ".mjs", ".css", ".svg") and path.is_file() and not name.startswith(_UNCHANGED):
            text = path.read_text(encoding="utf-8", errors="replace")
            found += [f"{name} loads {address}" for address in _loaded_by(text)]
    return found


def _loaded_by(code: str) -> list[str]:
    addresses = [match[1] for pattern in (_CSS_LOADS, _JS_LOADS) for match in pattern.finditer(code)]
    addresses += [match[0] for match in _DELIVERY.finditer(code)]
    return list(dict.fromkeys(addresses))


def broken_links(site: Path, pages: dict[str, Page]) -> list[str]:
    """Find links within the site whose page, file or anchor does not exist."""
    found = []
    for name, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            address, anchor = urldefrag(link)
            target = (site / name).parent / unquote(address.split("?")[0]) if address else site / name
            if not target.exists():
                found.append(f"{name}: the link {link} leads nowhere.")
                continue
            other = pages.get(target.resolve().relative_to(site.resolve()).as_posix())
            if anchor and other is not None and unquote(anchor) not in other.names:
                found.append(f"{name}: the link {link} names a place that its page does not have.")
    return found


def repository_of(root: Path) -> dict[str, str]:
    """Return what `_config.yml` says of the repository: its `url` and `branch`."""
    return yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]


def stale_repository_links(pages: dict[str, Page], root: Path) -> list[str]:
    """Find links to files of the repository, on its own site, in Colab or in Binder, that are not in the tree."""
    repository = repository_of(root)
    owner = urlsplit(repository["url"]).path.strip("/")
    branch = repository["branch"]
    to_file = re.compile(
        rf"(?:/{re.escape(owner)}/(?:blob|tree|edit|raw)/{re.escape(branch)}/"
        rf"|/{re.escape(owner)}/{re.escape(branch)}\?urlpath=(?:lab/)?tree/)([^?#]+)"
    )
    found = []
    for name, page in pages.items():
        for link in page.links:
            match = to_file.search(link)
            if match and not (root / unquote(match[1])).exists():
                found.append(f"{name}: the link {link} names a file that the repository does not have.")
    return found


def verify(site: Path, expected: list[str], root: Path | None = None) -> list[str]:
    """Return all that is wrong with a built site.

    Args:
        site: folder of the HTML.
        expected: pages that must be there, as `pages_of` gives them.
        root: folder of the repository, with its `_config.yml`; links to files of it are checked if given.
    """
    pages = read_pages(site)
    found = incomplete(pages, expected) + outside_loads(site, pages) + broken_links(site, pages)
    if root is not None:
        found += stale_repository_links(pages, root)
    for name, page in pages.items():
        found += [f"{name}: a picture has no alternative text: {source}" for source in page.undescribed]
    size = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    if size > LARGEST_SITE:
        found.append(f"the site takes {size / 1e6:.0f} MB, more than {LARGEST_SITE / 1e6:.0f} MB.")
    return found
