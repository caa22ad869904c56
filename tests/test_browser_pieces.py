"""What a reader can do on a page: answer questions, keep progress, run the course's own rules."""

import json

import pytest
from conftest import require_or_skip
from site_browser import watch

from ulmfit_lib.authoring import site_live
from ulmfit_lib.data import shipped_reviews
from ulmfit_lib.tokenizer import Tokenizer
from ulmfit_lib.vocab import Vocab

pytestmark = pytest.mark.browser

DATA = "../_static/live/data.json"
CHAPTER = "book/04_streams.html"


def quiz(page, number: int):
    return page.locator(f"#question-{number}")


def test_a_quiz_tells_right_from_wrong_with_the_reason(visit):
    page = visit(CHAPTER)
    first = quiz(page, 1)
    right = first.get_attribute("data-right")
    wrong = next(letter for letter in "abc" if letter != right)
    first.locator(f"button[data-option={wrong}]").click()
    verdict = first.get_by_role("status")
    assert verdict.inner_text().startswith("✗ Not this one.")
    assert len(verdict.inner_text()) > 30
    assert first.locator(f"button[data-option={wrong}]").get_attribute("aria-pressed") == "true"
    first.locator(f"button[data-option={right}]").click()
    assert verdict.inner_text().startswith("✓ Right.")
    assert first.locator(f"button[data-option={wrong}]").get_attribute("aria-pressed") == "false"
    assert "1 of 5 questions answered right" in page.locator(".chapter-line").inner_text()


def test_a_quiz_is_answered_from_the_keyboard(visit):
    page = visit(CHAPTER)
    buttons = quiz(page, 2).locator("button.option")
    buttons.first.focus()
    reached = []
    for _ in range(buttons.count()):
        reached.append(page.evaluate("document.activeElement.dataset.option"))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.keyboard.press("Tab")
    assert reached == ["a", "b", "c"]
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    assert buttons.nth(2).get_attribute("aria-pressed") == "true"
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    assert buttons.nth(1).get_attribute("aria-pressed") == "true"
    assert quiz(page, 2).get_by_role("status").inner_text() != ""


def test_progress_is_kept_in_the_browser_and_can_be_forgotten(visit, address):
    page = visit(CHAPTER)
    for number in range(1, 6):
        right = quiz(page, number).get_attribute("data-right")
        quiz(page, number).locator(f"button[data-option={right}]").click()
    page.get_by_role("button", name="Mark this chapter as read").click()
    page.reload()
    assert quiz(page, 5).get_by_role("status").inner_text().startswith("✓ Right.")
    assert "read, 5 of 5 questions answered right" in page.locator(".chapter-line").inner_text()
    assert "✓ 5/5" in page.locator("nav.bd-links .current .kept").inner_text()
    page.goto(address + "book/index.html")
    progress = page.locator("#course-progress")
    assert "04. Streams and batches – read, 5 of 5" in progress.inner_text()
    assert "01. Tokenization – not begun" in progress.inner_text()
    page.get_by_role("button", name="Forget my progress").click()
    assert "read" not in page.locator("nav.bd-links").inner_text()
    assert json.loads(page.evaluate("localStorage.getItem('ulmfit-course')")) == {}
    assert page.locator(".kept").count() == 0


def test_without_javascript_the_questions_read_whole(visit):
    page = visit(CHAPTER, java_script_enabled=False)
    assert quiz(page, 1).locator("li").count() == 3
    assert quiz(page, 1).locator("button").count() == 0
    quiz(page, 1).locator("summary").click()
    assert "is right" in quiz(page, 1).inner_text()
    assert page.locator(".chapter-line").inner_text().endswith("to read · try it live")


def test_on_paper_all_answers_are_there_and_nothing_to_click(visit):
    page = visit(CHAPTER)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert quiz(page, 1).locator("details p.right").is_visible()
    for hidden in (".chapter-end", ".copybtn", ".prev-next-footer", ".bd-sidebar-primary", ".header-article"):
        assert page.locator(hidden).first.is_hidden(), hidden


@pytest.fixture(scope="module")
def live(browser, address):
    """A page on which all three pieces run: starting Python takes seconds, so it is started once."""
    source, why = site_live.pyodide()
    require_or_skip("npm", source is not None, why)
    wrong: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 844})
    watch(page, address, wrong)
    page.goto(address + "book/try_it.html", wait_until="networkidle")
    for piece in ("tokens", "stream", "padding"):
        place = page.locator(f"[data-piece={piece}]")
        place.get_by_role("button", name="Start").click()
        place.locator(".live-piece").wait_for(timeout=90_000)
    yield page
    page.close()
    assert wrong == []


def test_the_live_rules_give_what_python_gives_on_fifty_reviews(live, address):
    vocab = Vocab(live.evaluate("address => fetch(address).then(answer => answer.json())", DATA)["vocab"])
    tokenizer = Tokenizer()
    shown = """() => [...document.querySelectorAll('.live-tokens li')].map(
        item => [item.querySelector('.token').textContent, item.querySelector('.id').textContent])"""
    for text in shipped_reviews().texts[::48][:50]:
        live.locator("textarea").fill(text)
        live.wait_for_function("text => document.querySelector('.live-tokens').dataset.of === text", arg=text)
        tokens = tokenizer(text)
        ids = map(str, vocab.numericalize(tokens))
        assert live.evaluate(shown) == [
            [token.replace("\n", "⏎"), number] for token, number in zip(tokens, ids, strict=True)
        ]


def test_the_effect_of_each_rule_is_shown(live):
    live.locator("textarea").fill("GREAT film!!!!")
    live.wait_for_function("document.querySelector('.live-tokens').dataset.of === 'GREAT film!!!!'")
    rules = live.locator(".live-rules li")
    assert rules.count() == 8
    assert "changes nothing here" in rules.nth(0).inner_text()
    assert rules.nth(1).locator("mark").inner_text() == "film xxrep 4 ! "
    assert rules.nth(5).locator("mark").first.inner_text() == "xxup great"


def test_the_stream_moves_with_the_slider_from_the_keyboard(live):
    place = live.locator("[data-piece=stream]")
    first = place.locator("tr").first.locator("td").all_inner_texts()
    batch = place.get_by_role("slider", name="Batch")
    batch.focus()
    live.keyboard.press("ArrowRight")
    second = place.locator("tr").first.locator("td").all_inner_texts()
    assert second[0] == first[-1]  # the row goes on where it ended
    assert place.locator("caption").inner_text().startswith("Batch 1")
    place.get_by_role("slider", name="Rows").fill("8")
    assert place.locator("tr").count() == 8
    assert place.get_by_role("img").get_attribute("aria-label").startswith("8 rows of")


def test_padding_is_less_when_sorted(live):
    place = live.locator("[data-piece=padding]")

    def share() -> float:
        return float(place.locator(".live-summary").inner_text().split(" %")[0])

    as_they_come = share()
    place.get_by_label("Order").select_option("sorted")
    assert share() < as_they_come


def test_running_pieces_fit_a_telephone(live):
    live.set_viewport_size({"width": 390, "height": 844})
    assert live.evaluate("document.documentElement.scrollWidth") <= 390


def test_opened_as_a_file_the_pieces_say_what_to_do(browser, address, tmp_path_factory, worker_id):
    from site_copy import built_site

    source, why = site_live.pyodide()
    require_or_skip("npm", source is not None, why)
    base = tmp_path_factory.getbasetemp()
    site = built_site(base if worker_id == "master" else base.parent)
    page = browser.new_page()
    page.goto((site / "book" / "try_it.html").as_uri())
    notes = page.locator(".live-note").all_inner_texts()
    assert len(notes) == 3
    assert all("make serve" in note for note in notes)
    page.goto((site / CHAPTER).as_uri())
    page.locator("#question-1 button.option").first.click()
    assert page.locator("#question-1").get_by_role("status").inner_text() != ""
    page.close()
