"""Every page can be used by everybody: axe-core finds nothing wrong, and the keyboard reaches what there is to use."""

import pytest
from conftest import require_or_skip
from site_copy import ROOT

from ulmfit_lib.authoring import npm, site_check
from ulmfit_lib.errors import ConfigError

pytestmark = pytest.mark.browser

NOT_IN_THE_CONTENTS = ("search", "genindex", "book/sample")
PAGES = [*site_check.pages_of(ROOT / "_toc.yml"), *NOT_IN_THE_CONTENTS]
COLOUR = ("color-contrast", "link-in-text-block")  # the rules whose outcome depends on the theme


# Code is thousands of coloured words in a few colours. One word of each look is kept and the others become plain text
# of their block: looking at each of them took axe-core most of its time, and it can say no more about them. A picture
# is one image with a name; the thousands of shapes inside it are nothing to a screen reader.
ONE_OF_EACH_LOOK = """() => {
    const seen = new Set();
    for (const block of document.querySelectorAll('article pre')) {
        const around = [];
        for (let place = block.parentElement; place.tagName !== 'ARTICLE'; place = place.parentElement)
            around.push(place.className);
        const thin = block.cloneNode(true);
        for (const word of thin.querySelectorAll('span')) {
            const look = [word.className, word.style.cssText, word.parentElement.className, ...around].join('|');
            if (seen.has(look)) word.replaceWith(...word.childNodes);
            seen.add(look);
        }
        thin.normalize();
        block.replaceWith(thin);
    }
    for (const picture of document.querySelectorAll('svg.picture'))
        for (const part of [...picture.children])
            if (!['title', 'desc'].includes(part.tagName)) part.remove();
}"""


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core."""
    try:
        folder = npm.fetch(npm.AXE)
    except ConfigError as error:
        require_or_skip("npm", False, str(error))
    return (folder / "axe.min.js").read_text(encoding="utf-8")


def violations(page, axe: str, *rules: str) -> list[str]:
    """Return what axe-core finds wrong on a page: the rule, the place and the piece of the page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(ONE_OF_EACH_LOOK)
        page.evaluate(axe)
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found = page.evaluate("options => axe.run(options)", options)
    # A page on which nothing was looked at would pass as well.
    assert page.evaluate("axe.getRules().length") > 80
    return [
        f"{violation['id']} at {node['target']}: {node['html'][:120]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation_in_light_and_dark_and_a_telephone_shows_it(visit, axe, name):
    page = visit(f"{name}.html", until="networkidle")
    assert violations(page, axe) == []
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.add_style_tag(content="* { transition: none !important; }")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert violations(page, axe, *COLOUR) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_violation_on_a_telephone_after_answering(visit, axe, dark):
    page = visit("book/04_streams.html", width=390, dark=dark)
    for number, letter in enumerate("abcab", start=1):
        page.locator(f"#question-{number} button[data-option={letter}]").click()
    page.locator("#question-1 summary").click()
    page.get_by_role("button", name="Mark this chapter as read").click()
    assert violations(page, axe) == []


def test_axe_finds_what_is_wrong(visit, axe):
    page = visit("book/glossary.html")
    page.evaluate(
        """() => {
            const word = style => `<span class="k"${style}>word</span> `;
            const code = `<pre>${word('').repeat(9)}${word(' style="color: #eee"')}${word('').repeat(9)}</pre>`;
            const pale = '<p style="color: #eee">pale</p>';
            document.querySelector('article').insertAdjacentHTML('beforeend', '<img src="">' + pale + code);
        }"""
    )
    found = violations(page, axe)
    assert any(line.startswith("image-alt") for line in found)
    assert sum(line.startswith("color-contrast") for line in found) == 2  # the paragraph, and one word of the code
    assert page.locator("article pre span.k").count() == 2


def test_the_keyboard_goes_through_a_page_in_the_order_of_reading(visit):
    page = visit("book/index.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent.trim()") == "Skip to main content"
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => {
                    const here = document.activeElement;
                    if (here.closest('.bd-sidebar-primary')) return 'contents';
                    if (here.closest('.bd-header-article, .header-article')) return 'buttons';
                    if (here.closest('article')) return 'article';
                    if (here.closest('.bd-sidebar-secondary')) return 'on this page';
                    return here === document.body ? 'end' : 'other';
                }"""
            )
        )
    order = list(dict.fromkeys(part for part in reached if part != "other"))
    assert order[:3] == ["contents", "buttons", "article"]


def test_what_has_the_focus_can_be_seen(visit):
    page = visit("book/04_streams.html")
    for selector in ("nav.bd-links a", "#question-1 button.option", "#question-1 summary", ".chapter-end button"):
        page.locator(selector).first.focus()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        style = page.evaluate(
            """() => {
                const style = getComputedStyle(document.activeElement);
                return [style.outlineStyle, style.boxShadow];
            }"""
        )
        assert style != ["none", "none"], selector
