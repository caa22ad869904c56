"""The house style: legible on both themes, the same to the byte each time, and never without a description."""

import re
import subprocess
import sys
from urllib.parse import unquote
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st

mpl.use("Agg")

import matplotlib.pyplot as plt

from ulmfit_lib.errors import ConfigError
from ulmfit_lib.pictures import BLUE, FAINT, INK, PALETTE, Picture, check_alt, house_style, inline_pictures, show

ALT = 'The loss of run "a" falls & stays low.'
LIGHT, DARK = "#ffffff", "#14181e"  # the page behind the picture


def draw(label: str = "loss") -> Picture:
    with house_style():
        figure, axes = plt.subplots()
        axes.plot([0, 1, 2], [1 / 3, 2 / 3, 1 / 7], label=label)
        axes.fill_between([0, 1], [0, 1], alpha=FAINT)
        axes.legend()
        return show(figure, ALT)


# Source of both: Web Content Accessibility Guidelines 2.1, "relative luminance" and "contrast ratio".
def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_of_black_and_white_is_21():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("page", [LIGHT, DARK])
def test_colours_stand_out_from_a_light_and_a_dark_page(page):
    assert contrast(INK, page) > 4.2
    for colour in PALETTE:
        assert contrast(colour, page) > 3


def mixed(colour: str, opacity: float, page: str) -> str:
    channels = [(int(colour[i : i + 2], 16), int(page[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(opacity * over + (1 - opacity) * under):02x}" for over, under in channels)


@pytest.mark.parametrize(("page", "text"), [(LIGHT, "#222832"), (DARK, "#ced6dd")])
def test_text_can_be_read_on_a_faint_area_of_the_site(page, text, root):
    css = (root / "book/_static/course.css").read_text(encoding="utf-8")
    stored, on_dark = re.search(r'\[style\*=" opacity: ([\d.]+)"\] \{\s+opacity: ([\d.]+) !important', css).groups()
    assert float(stored) == FAINT
    for colour in PALETTE:
        assert contrast(text, mixed(colour, float(on_dark) if page == DARK else FAINT, page)) > 4.5


def test_a_picture_is_the_same_each_time_and_in_another_process():
    here = draw().svg
    assert draw().svg == here
    assert draw("other").svg != here
    code = "import sys; sys.path[:0] = sys.argv[1:]; from test_pictures import draw; sys.stdout.write(draw().svg)"
    done = subprocess.run([sys.executable, "-c", code, *sys.path], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout == here


def test_a_picture_is_a_drawing_without_a_date_or_a_ground():
    svg = draw().svg
    ElementTree.fromstring(svg)
    assert not re.search(r"\d{4}-\d\d-\d\d|<metadata|matplotlib v", svg)
    assert INK in svg
    assert BLUE in svg
    assert "#ffffff" not in svg
    assert "#000000" not in svg


def test_numbers_are_rounded_where_that_cannot_be_seen():
    svg = draw().svg
    assert not re.search(r'\bd="[^"]*\.\d{3}', svg)
    assert re.search(r"scale\(0\.\d{3,}", svg), "the size of a letter needs all its digits"


def test_the_notebook_gets_an_image_with_its_description():
    picture = draw()
    shown = picture._repr_mimebundle_()
    assert set(shown) == {"text/html", "text/plain"}
    assert shown["text/plain"] == f"Picture: {ALT}"
    assert '<img class="picture" alt="The loss of run &quot;a&quot; falls &amp; stays low."' in shown["text/html"]
    source = re.search(r'src="data:image/svg\+xml,([^"]*)"', shown["text/html"])[1]
    assert unquote(source) == picture.svg
    assert not set(source) & set('"<>#\n')
    assert 500 < picture.width < 700


def test_jupyter_shows_the_image_and_the_figure_is_closed():
    from IPython.core.interactiveshell import InteractiveShell

    before = plt.get_fignums()
    picture = draw()
    assert plt.get_fignums() == before
    data, _ = InteractiveShell.instance().display_formatter.format(picture)
    assert data == picture._repr_mimebundle_()


def test_on_the_site_the_ink_is_the_colour_of_the_text_and_names_do_not_meet():
    page = inline_pictures(f"<p>{draw().to_html()}</p><p>{draw().to_html()}</p>")
    assert "<img" not in page
    assert INK not in page
    assert BLUE in page
    assert page.count('<svg class="picture" role="img" aria-label="The loss of run &quot;a&quot;') == 2
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert {name for pair in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', page) for name in pair if name} <= set(
        names
    )
    assert set(re.findall(r".{9}\*\{", page)) == {".picture *{"}, "a style of the drawing would reach the whole page"
    assert inline_pictures(page) == page


def test_other_images_are_left_alone():
    page = '<p>class="picture"</p><img class="logo" alt="a" src="data:image/svg+xml,%3Csvg%3E">'
    assert inline_pictures(page) == page


@given(st.text(alphabet="abc<>&\"'\\ #%1é", min_size=1, max_size=60))
def test_any_description_survives_the_way_to_the_page(text):
    picture = Picture('<svg viewBox="0 0 1 1"><g id="a"/></svg>', f"It shows {text}", 10)
    page = ElementTree.fromstring(inline_pictures(picture.to_html()))
    assert page.get("aria-label") == picture.alt
    assert page.get("viewBox") == "0 0 1 1"
    assert page[0].get("id") == "picture1-a"


def test_the_style_is_given_back_when_the_block_ends():
    before = dict(mpl.rcParams)
    with house_style():
        assert mpl.rcParams["text.color"] == INK
    assert dict(mpl.rcParams) == before


def test_a_cell_that_ends_in_the_call_shows_nothing():
    from IPython.core.interactiveshell import InteractiveShell

    with house_style() as in_use:
        assert InteractiveShell.instance().display_formatter.format(in_use) == ({}, {})


def test_without_a_block_the_style_stays_and_overrides_settings_of_ones_own():
    before = dict(mpl.rcParams)
    try:
        mpl.rcParams["lines.linewidth"] = 17
        mpl.rcParams["lines.linestyle"] = ":"
        house_style()
        assert mpl.rcParams["lines.linewidth"] == 2
        assert mpl.rcParams["lines.linestyle"] == "-"
    finally:
        mpl.rcParams.update(before)


@pytest.mark.parametrize(
    "alt", ["", "   ", "plot.png", "the loss of the second run.svg ", "Loss", "A loss curve", "w " * 400]
)
def test_what_is_no_description_is_refused(alt):
    with house_style():
        figure, _ = plt.subplots()
    try:
        with pytest.raises(ConfigError, match="Say in a sentence"):
            show(figure, alt)
    finally:
        plt.close(figure)


def test_white_space_of_a_description_is_tidied():
    assert check_alt("Three boxes\n    stand in  a row. ") == "Three boxes stand in a row."


def test_the_module_is_light_until_something_is_drawn():
    code = "import sys, ulmfit_lib.pictures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
