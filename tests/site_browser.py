"""A headless Chromium, the site on a server of its own, and pages that are watched while a test uses them."""

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from conftest import require_or_skip

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
]


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    require_or_skip("browser", program is not None, "install Chromium (Debian: apt-get install chromium)")
    require_or_skip("browser", find_spec("playwright") is not None, "install the Python package playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, headless=True, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def address(browser, tmp_path_factory, worker_id) -> Iterator[str]:
    """Where a server on this machine shows the site."""
    from site_copy import built_site  # here, since the fixtures of every test file are imported

    base = tmp_path_factory.getbasetemp()
    site = built_site(base if worker_id == "master" else base.parent)
    handler = functools.partial(QuietHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def watch(page, address: str, wrong: list[str]) -> None:
    """Note in `wrong` what a page asks of another server, what is not found, and scripts that fail."""

    def asked(request):
        if not request.url.startswith((address, "data:", "blob:")):
            wrong.append(f"asked for {request.url}")

    page.on("request", asked)
    page.on("response", lambda answer: answer.status >= 400 and wrong.append(f"{answer.status} for {answer.url}"))
    page.on("pageerror", lambda error: wrong.append(f"a script failed: {error}"))
    page.on("console", lambda said: said.type == "error" and wrong.append(f"console: {said.text}"))


@pytest.fixture
def visit(browser, address):
    """Open a page; fails the test if anything was asked of another server, was not found, or made a script fail.

    A page is open when all its scripts have run ("load"); `until="networkidle"` waits half a second more, for what
    a script might ask for later.
    """
    wrong: list[str] = []
    contexts = []

    def open_page(name: str, *, width: int = 1280, dark: bool = False, until: str = "load", **settings):
        context = browser.new_context(
            viewport={"width": width, "height": 844}, color_scheme="dark" if dark else "light", **settings
        )
        contexts.append(context)
        page = context.new_page()
        watch(page, address, wrong)
        page.goto(address + name, wait_until=until)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []
