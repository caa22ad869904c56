"""The site: whole, offline, with links that lead somewhere and pictures that can be heard."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from site_copy import ALT, ROOT, built_site, copy_of_book

from ulmfit_lib.authoring import book, site_check
from ulmfit_lib.authoring.site_extension import keep_columns, latex_to_mathml, mend_theme, reading_minutes
from ulmfit_lib.errors import ConfigError


@pytest.fixture(scope="module")
def site(tmp_path_factory, worker_id) -> Path:
    """The folder of the built HTML."""
    base = tmp_path_factory.getbasetemp()
    return built_site(base if worker_id == "master" else base.parent)


@pytest.fixture(scope="module")
def sample(site) -> str:
    return (site / "book" / "sample.html").read_text(encoding="utf-8")


# --- the built site ---


def test_every_page_of_the_contents_is_built_and_the_site_passes_every_check(site):
    expected = site_check.pages_of(site.parents[1] / "_toc.yml")
    assert {"book/index", "book/glossary", "book/sample"} <= set(expected)
    assert site_check.verify(site, expected, site.parents[1]) == []


@pytest.mark.sandbox
def test_the_site_was_built_without_a_network(site, sandbox):
    network, *notes, printed = (site.parents[1] / "built.txt").read_text(encoding="utf-8").splitlines()
    assert network == "offline"
    assert all(note.startswith("live pieces left out: npm") for note in notes)
    assert re.fullmatch(
        rf"site: {re.escape(str(site))}/index.html \([\d.]+ MB, built and verified in [\d.]+ s\)", printed
    )


def test_nothing_on_the_site_is_loaded_from_elsewhere(site):
    """A search of its own, coarser than `site_check`: every address that is more than a link to click."""
    tags = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=[\"']?((?:https?:)?//[^\"'\s>]+)")
    loads = re.compile(r"(?:@import|url\(|fetch\(|import\()\s*[\"'(]*\s*((?:https?:)?//[^\"')\s]+)")
    found = {}
    for path in site.rglob("*"):
        if path.suffix in (".html", ".css", ".js") and path.is_file():
            text = path.read_text(encoding="utf-8")
            hits = tags.findall(text) + loads.findall(text)
            hits += re.findall(r"unpkg|jsdelivr|cdnjs|googleapis|MathJax\.js|plausible\.io", text)
            if hits:
                found[path.relative_to(site).as_posix()] = hits
    assert found == {}


def test_formulas_are_mathml_and_no_page_asks_for_mathjax(sample):
    assert sample.count("<math ") == 3  # in the line, on its own, and in the Markdown that a cell gave out
    assert not re.search(r"<script[^>]*mathjax|window\.MathJax", sample, re.IGNORECASE)
    assert "\\frac" not in sample


def test_a_picture_is_inline_with_its_description_and_takes_the_colour_of_the_text(sample):
    pictures = re.findall(r"<svg class=\"picture\".*?</svg>", sample, re.DOTALL)
    assert len(pictures) == 2
    assert ALT.replace("&", "&amp;").replace('"', "&quot;") in pictures[0]
    assert "currentColor" in pictures[0]
    names = re.findall(r"\bid=\"([^\"]+)\"", sample)
    assert sorted(set(names)) == sorted(names), "two elements of the page have the same id"
    for name in re.findall(r"href=\"#(picture[^\"]+)\"|url\(#(picture[^)]+)\)", sample):
        assert "".join(name) in names


def test_a_notebook_page_can_be_downloaded_run_elsewhere_and_edited(site, sample):
    address = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    name = address.removeprefix("https://github.com/")
    assert f"https://colab.research.google.com/github/{name}/blob/main/book/sample.ipynb" in sample
    assert f"https://mybinder.org/v2/gh/{name}/main?urlpath=lab/tree/book/sample.ipynb" in sample
    assert f"{address}/edit/main/book/sample.ipynb" in sample
    assert f"{address}/issues/new" in sample
    assert (site / "_sources" / "book" / "sample.ipynb").exists()
    assert "_sources/book/sample.ipynb" in sample
    glossary = (site / "book" / "glossary.html").read_text(encoding="utf-8")
    assert "colab.research" not in glossary
    assert "mybinder" not in glossary
    assert f"{address}/edit/main/book/glossary.md" in glossary


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        ("step  rate\n   0  0.1", True),
        ('<span class="ansi">step</span>  rate\n&lt;b&gt;  0.1', True),
        ("one line  alone\nand prose", False),
        (f"step  {'long ' * 20}\n   0  0.1", False),
    ],
)
def test_what_is_printed_in_columns_keeps_them_and_prose_breaks(printed, kept):
    before, after = '<div class="output stream"><div class="highlight">', "</pre></div></div>"
    pre = '<pre class="columns">' if kept else "<pre>"
    assert keep_columns(f"{before}<pre>{printed}{after}") == f"{before}{pre}{printed}{after}"


def test_code_is_never_taken_for_columns():
    code = '<div class="cell_input"><div class="highlight"><pre>a = 1   # one\nb = 2   # two</pre></div></div>'
    assert keep_columns(code) == code


def test_the_repository_is_named_in_one_place():
    """Wherever an address of it is needed, it is built from `_config.yml`."""
    address = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    tracked = [*ROOT.glob("*.yml"), *(ROOT / "book").rglob("*.md"), *(ROOT / "ulmfit_lib").rglob("*.py")]
    assert [path.name for path in tracked if address in path.read_text(encoding="utf-8")] == ["_config.yml"]


def test_the_pages_that_every_reader_needs_are_there(site, sample):
    assert (site / "search.html").exists()
    assert (site / "searchindex.js").exists()
    assert 'class="left-prev"' in sample
    assert "copybutton.js" in sample
    front = (site / "index.html").read_text(encoding="utf-8")
    assert 'url=book/index.html"' in front
    assert "<title>" in front


def test_what_the_theme_leaves_wrong_is_mended_on_every_page(site):
    for path in [*site.glob("book/*.html"), site / "search.html"]:
        page = path.read_text(encoding="utf-8")
        assert mend_theme(page) == page
        assert 'id="pst-primary-sidebar" role="complementary"' in page
        assert re.search(r"<button class=\"[^\"]*search-button-field", page)
        assert not re.search(r"<th[^>]*>(<p></p>)?</th>", page)
        assert "doc-biblioentry" not in page
        assert page.count("theme-switch ") >= 3
    assert "<summary>" in (site / "book" / "sample.html").read_text(encoding="utf-8")


def test_code_that_is_folded_costs_no_reading_time():
    prose, code = "<p>" + "word " * 600 + "</p>", "<pre>" + "x = 1\n" * 90 + "</pre>"
    assert reading_minutes(prose) == 3
    assert reading_minutes(prose + code) == 6
    assert reading_minutes(f'{prose}<details class="admonition hide above-input">{code}</details>') == 3
    assert reading_minutes("<svg>" + "<path/>word " * 5000 + "</svg>") == 1


def test_chapters_say_how_long_they_take_and_what_is_looked_up_does_not(site, sample):
    chapter = (site / "book" / "04_streams.html").read_text(encoding="utf-8")
    assert re.search(r'<p class="chapter-line" data-chapter data-page="book/04_streams">About \d+ minutes', chapter)
    assert re.search(r'<p class="chapter-line">About \d+ minutes? to read', sample)
    assert "to read</p>" not in (site / "book" / "glossary.html").read_text(encoding="utf-8")


def test_chapters_are_linked_where_they_exist(site):
    page = (site / "book" / "questionnaire.html").read_text(encoding="utf-8")
    assert re.search(r'href="04_streams\.html">(<[^>]+>)*chapter 04', page)


def test_pages_hold_no_path_of_this_machine(site):
    for path in site.rglob("*.html"):
        assert str(site.parents[1]) not in path.read_text(encoding="utf-8")


# --- sources ---


def test_the_book_as_it_stands_can_be_built():
    book.check_sources(ROOT, site_check.pages_of(ROOT / "_toc.yml"))


def test_a_page_without_a_source_is_named(tmp_path, capsys):
    root = copy_of_book(tmp_path / "book")
    (root / "book" / "glossary.md").unlink()
    assert book.main(["--root", str(root)]) == 1
    assert "book/glossary: listed in _toc.yml" in capsys.readouterr().err
    assert not (root / "_build").exists()


def test_a_cell_that_failed_or_was_not_run_stops_the_build(tmp_path):
    root = copy_of_book(tmp_path / "book")
    path = root / "book" / "sample.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8")
        .replace('"raises-exception"', "")
        .replace('"execution_count": 1', '"execution_count": null'),
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        book.build(root)
    assert "raises ZeroDivisionError" in str(caught.value)
    assert "not every cell has been executed" in str(caught.value)


def test_a_warning_stops_the_build_and_the_older_site_stays(tmp_path):
    (tmp_path / "book" / "_static").mkdir(parents=True)
    shutil.copy(ROOT / "_config.yml", tmp_path)
    shutil.copy(ROOT / "book" / "_static" / "favicon.svg", tmp_path / "book" / "_static")
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/index\n", encoding="utf-8")
    (tmp_path / "book" / "index.md").write_text("# Title\n\n{ref}`no-such-place` $\\nosuchcommand$\n", encoding="utf-8")
    older = tmp_path / "_build" / "html"
    older.mkdir(parents=True)
    (older / "kept.html").touch()
    with pytest.raises(ConfigError) as caught:
        book.build(tmp_path)
    assert "no-such-place" in str(caught.value)
    assert "cannot be shown without MathJax" in str(caught.value)
    assert [path.name for path in older.parent.iterdir()] == ["html"]
    assert (older / "kept.html").exists()


# --- the checks themselves ---

PAGE = "<html><body><article><h1 id='top'>Title</h1><p>{text}</p>{extra}</article></body></html>"


def make_site(folder: Path, extra: str = "", **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "a.html").write_text(PAGE.format(text="word " * 100, extra=extra), encoding="utf-8")
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder


def test_a_plain_site_passes(tmp_path):
    extra = '<a href="#top">up</a> <a href="https://example.org/x">out</a> <img src="b.svg" alt="Two lines cross.">'
    assert site_check.verify(make_site(tmp_path, extra, b_svg="<svg/>"), ["a"]) == []


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ('<script src="https://example.org/x.js"></script>', "loads https://example.org/x.js"),
        ("<script src=//example.org/x.js></script>", "loads //example.org/x.js"),
        ('<link rel="stylesheet" href="http://example.org/x.css">', "loads http://example.org/x.css"),
        ('<link rel="preconnect" href="https://example.org">', "loads https://example.org"),
        ('<iframe src="https://example.org"></iframe>', "loads https://example.org"),
        ("<style>@import 'https://example.org/x.css';</style>", "loads https://example.org/x.css"),
        ('<p style="background:url(//example.org/x.png)">', "loads //example.org/x.png"),
        ("<script>fetch('https://example.org/api')</script>", "loads https://example.org/api"),
        ('<script type="module">import x from "https://example.org/x.mjs"</script>', "loads https://example.org/x.mjs"),
        ("<script>const u = `https://unpkg.com/thebe`</script>", "loads unpkg.com"),
        ('<a href="b.html">b</a>', "the link b.html leads nowhere"),
        ('<a href="#nowhere">b</a>', "the link #nowhere names a place"),
        ('<img src="plot.png" alt="plot.png">', "no alternative text: plot.png"),
        ('<img src="plot.png">', "no alternative text: plot.png"),
        ('<svg class="picture"></svg>', "no alternative text: an inline picture"),
        ("<h1>Again</h1>", "2 headings of the first level"),
    ],
)
def test_each_defect_of_a_page_is_found(tmp_path, extra, said):
    (found,) = site_check.verify(make_site(tmp_path, extra), ["a"])
    assert said in found


def test_defects_of_style_sheets_and_scripts_are_found(tmp_path):
    site = make_site(
        tmp_path, x_css="@font-face{src:url( 'https://example.org/f.woff2')}", y_js='import("//example.org/z")'
    )
    assert site_check.verify(site, ["a"]) == [
        "x.css loads https://example.org/f.woff2",
        "y.js loads //example.org/z",
    ]


@pytest.mark.parametrize(
    ("link", "good"),
    [
        ("https://github.com/o/r/blob/main/here.py", True),
        ("https://github.com/o/r/blob/main/here.py#L3", True),
        ("https://github.com/o/r/edit/main/gone.md", False),
        ("https://colab.research.google.com/github/o/r/blob/main/gone.ipynb", False),
        ("https://mybinder.org/v2/gh/o/r/main?urlpath=lab/tree/gone.ipynb", False),
        ("https://mybinder.org/v2/gh/o/r/main?urlpath=lab/tree/here.py", True),
        ("https://github.com/o/other/blob/main/gone.md", True),
        ("https://github.com/o/r/issues/new", True),
    ],
)
def test_links_to_files_of_the_repository_are_compared_with_the_tree(tmp_path, link, good):
    site = make_site(tmp_path / "site", f'<a href="{link}">b</a>')
    (tmp_path / "here.py").touch()
    (tmp_path / "_config.yml").write_text("repository: {url: https://github.com/o/r, branch: main}", encoding="utf-8")
    found = site_check.verify(site, ["a"], tmp_path)
    assert len(found) == (not good)
    assert all("does not have" in said for said in found)


def test_a_missing_and_an_empty_page_are_found(tmp_path):
    site = make_site(tmp_path, b_html=PAGE.format(text="short", extra=""))
    missing, small = site_check.verify(site, ["a", "c", "b"])
    assert missing == "c: the page is in _toc.yml and was not built."
    assert "b: the page holds 10 characters" in small


def test_the_contents_are_read_in_order_at_any_depth(tmp_path):
    toc = tmp_path / "_toc.yml"
    toc.write_text(
        "root: book/index\nparts:\n- caption: A\n  chapters:\n  - file: book/a.ipynb\n    sections:\n"
        "    - file: book/b\n- chapters:\n  - file: book/c\n",
        encoding="utf-8",
    )
    assert site_check.pages_of(toc) == ["book/index", "book/a", "book/b", "book/c"]


@pytest.mark.parametrize(
    ("latex", "holds"),
    [(r"\frac{a}{b}", "<mfrac>"), (r"a, \dots, z", "…"), (r"a \\ b", "<mtable"), (r"\mathbb{R}", "ℝ")],
)
def test_formulas_become_mathml(latex, holds):
    assert holds in latex_to_mathml(latex, block=True)
