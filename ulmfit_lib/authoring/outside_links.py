"""List the links that lead out of the built site, or ask for each of them.

    python -m ulmfit_lib.authoring.outside_links            # one address a line
    python -m ulmfit_lib.authoring.outside_links --check    # those that do not answer, with the pages they are on

The site itself needs no network; a scheduled job runs the check.
"""

import argparse
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urldefrag

from ulmfit_lib.authoring.site_check import Page, read_pages

SITE = Path(__file__).resolve().parents[2] / "_build" / "html"
_SECONDS = 20
_TRIES = 3
_PAUSE = 2  # seconds before an address is asked again
_ALIVE = (401, 403, 405, 429)  # it is there, and does not talk to programs


def outside_links(pages: dict[str, Page]) -> dict[str, list[str]]:
    """Return every address outside the site, without its anchor, with the pages that link to it.

    The buttons that every page carries (edit, issue, Colab, Binder) are left out: `site_check` compares them with the
    tree.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for name, page in pages.items():
        for link in page.links:
            address = urldefrag(link)[0]
            if address.startswith(("http://", "https://")) and not _is_button(address):
                found[address].add(name)
    return {address: sorted(names) for address, names in sorted(found.items())}


def _is_button(address: str) -> bool:
    buttons = ("/edit/", "/issues/new", "colab.research.google.com/github/", "mybinder.org/v2/gh/")
    return any(part in address for part in buttons)


def answer(address: str) -> str:
    """Ask for an address; return "" if it is there, or what went wrong."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0 (link check of a course)"})
    wrong = ""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE)
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS):
                return ""
        except urllib.error.HTTPError as error:
            if error.code in _ALIVE:
                return ""
            wrong = f"answers {error.code}"
        except (OSError, ValueError) as error:
            wrong = f"does not answer ({error})"
    return wrong


def dead(links: dict[str, list[str]], ask: Callable[[str], str] = answer) -> list[str]:
    """Return a line for each address that is not there, with the pages that link to it."""
    answers = ((address, names, ask(address)) for address, names in links.items())
    return [f"{address} {wrong}: {', '.join(names)}" for address, names, wrong in answers if wrong]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 if an address is dead or there is no site."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="ask for each address")
    parser.add_argument("--site", type=Path, default=SITE, help="folder of the built HTML")
    options = parser.parse_args(arguments)
    if not options.site.exists():
        print("error: there is no site; run `make book`.", file=sys.stderr)
        return 1
    links = outside_links(read_pages(options.site))
    found = dead(links) if options.check else list(links)
    print("\n".join(found) or "Every link leads somewhere.")
    return int(options.check and bool(found))


if __name__ == "__main__":
    sys.exit(main())
