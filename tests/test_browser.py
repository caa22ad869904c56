"""The site in a real browser: nothing comes from elsewhere, both themes, the search, a telephone's width."""

import pytest

pytestmark = pytest.mark.browser

# Each page in one theme: where things stand does not depend on it, and `test_browser_access` looks at both.
PAGES = (
    ("book/index.html", False),
    ("book/sample.html", True),
    ("book/glossary.html", False),
    ("search.html", True),
    ("genindex.html", False),
)


def theme(page) -> str:
    return page.evaluate("document.documentElement.dataset.theme")


@pytest.mark.parametrize(("name", "dark"), PAGES)
def test_pages_load_from_the_site_alone_and_fit_a_telephone(visit, name, dark):
    page = visit(name, width=390, dark=dark, until="networkidle")
    assert theme(page) == ("dark" if dark else "light")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("main h1:visible").count() == 1


def test_the_front_page_leads_to_the_book(visit):
    page = visit("index.html")
    page.wait_for_url("**/book/index.html")
    assert page.locator("article h1").count() == 1


def test_a_chosen_theme_holds_on_the_next_page(visit, address):
    page = visit("book/index.html")
    button = page.locator(".theme-switch-button:visible").first
    for _ in range(3):
        if page.evaluate("document.documentElement.dataset.mode") == "dark":
            break
        button.click()
    assert theme(page) == "dark"
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.goto(address + "book/glossary.html")
    assert theme(page) == "dark"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    page.reload()
    assert theme(page) == "dark"


def test_the_search_finds_a_word(visit):
    page = visit("book/index.html")
    page.keyboard.press("Control+k")
    page.locator("input[type=search]:visible").first.fill("quokkatoken")
    page.keyboard.press("Enter")
    result = page.locator("#search-results li a", has_text="Sample page").first
    result.wait_for()
    result.click()
    page.wait_for_url("**/book/sample.html*")
    assert "quokkatoken" in page.locator("article").inner_text()


def test_the_search_says_when_it_finds_nothing(visit):
    page = visit("search.html?q=nosuchwordanywhere")
    page.get_by_text("did not match any documents").wait_for()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_picture_is_drawn_in_the_colour_of_the_text(visit, dark):
    page = visit("book/sample.html", dark=dark)
    picture = page.get_by_role("img", name="A line that rises").first
    assert picture.is_visible()
    seen = picture.evaluate(
        """picture => {
            const axis = [...picture.querySelectorAll('path')].find(path => path.style.stroke === 'currentcolor');
            const ground = getComputedStyle(picture.closest('.text_html')).backgroundColor;
            return [getComputedStyle(axis).stroke, getComputedStyle(document.body).color, ground];
        }"""
    )
    assert seen[0] == seen[1]
    assert seen[2] == "rgba(0, 0, 0, 0)"


def test_formulas_use_the_font_that_the_site_brings(visit):
    page = visit("book/sample.html")
    assert page.evaluate("document.fonts.check('16px \"Course Math\"')")
    wide = page.locator("div.math").first.bounding_box()
    raised = page.evaluate(
        """() => {
            const [letter, index] = document.querySelector('math msub').children;
            return index.getBoundingClientRect().bottom - letter.getBoundingClientRect().bottom;
        }"""
    )
    assert wide["width"] > 100
    assert raised > 1, "the index of a letter stands on the line"


def test_code_can_be_copied(visit):
    page = visit("book/sample.html")
    cell = page.locator("div.cell_input").first
    cell.hover()
    assert cell.locator("button.copybtn").get_attribute("aria-label") or cell.locator("button.copybtn").is_visible()


def test_a_page_reads_whole_without_javascript(visit):
    page = visit("book/sample.html", java_script_enabled=False)
    text = page.locator("article").inner_text()
    assert "Sample page" in text
    assert "division by zero" in text
    assert page.locator("article math").count() == 3
    assert page.locator("article svg.picture").first.is_visible()
