"""The course's Sphinx extension: what Jupyter Book lacks for pages that read whole offline, in both themes.

- Formulas become MathML while the site is built: no MathJax, no script, no font from elsewhere. A formula that
  cannot be converted is a warning, and warnings are errors.
- A picture stored in a notebook (see `ulmfit_lib.pictures`) is put into the page as inline SVG, so that its ink
  takes the colour of the text around it, light or dark.
- The questions of a chapter get a form that `course.js` can work with (see `quizzes`), and each page of some length
  says how long it takes to read.
- What a cell printed in columns keeps them on a narrow screen.
- `{live}` puts a live piece into a page (see `site_live`); without Pyodide a sentence stands in its place.
- Numbers and model cards come from receipts (see `site_results`).
- The small defects of the theme that every page would share are mended: see `mend_theme`.
"""

import html
import re
from collections.abc import Container
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

from ulmfit_lib.authoring import site_live, site_results
from ulmfit_lib.authoring.quizzes import mark_up
from ulmfit_lib.pictures import inline_pictures

logger = logging.getLogger(__name__)

# Commands that everybody writes and docutils does not know, each with one that it does.
_SYNONYMS = {r"\dots": r"\ldots", r"\dotsc": r"\ldots", r"\dotsb": r"\cdots", r"\lvert": "|", r"\rvert": "|"}
_SYNONYM = re.compile("|".join(re.escape(name) + r"(?![A-Za-z])" for name in _SYNONYMS))
_SEARCH_BUTTON = re.compile(r'(<button class="[^"]*search-button-field[^>]*?) aria-label="Search"')
_THEME_ICON = re.compile(r'(<i class="theme-switch [^>]*?)\s+title="[^"]*"')

_EMPTY_HEADER = re.compile(r'<th(?: class="head")?>(?:<p></p>)?</th>')
_NOT_PROSE = re.compile(r"<(svg|pre|script|style|table)\b.*?</\1>", re.DOTALL)
_CHAPTER = re.compile(r"book/\d\d_")
_PRINTED = re.compile(r'(<div class="output [^>]*><div class="highlight">)<pre>(.*?)</pre>', re.DOTALL)
_COLUMNS = re.compile(r"\S {2,}\S")
_WIDEST_TABLE = 80  # characters; what is wider is prose, which may break
_FOLDED_CODE = re.compile(r'<details class="[^"]*hide above-input">.*?</details>', re.DOTALL)
WORDS_A_MINUTE, CODE_LINES_A_MINUTE = 200, 30  # unhurried reading of prose, and of code that one follows
_LOOKED_UP_NOT_READ = ("book/index", "book/glossary", "book/references")

_TRY_IT = "book/try_it"
_LIVE_PIECES = {  # chapter -> the section of that page with its piece
    "book/01_tokenization": "rules-tokens-and-ids",
    "book/03_vocab": "rules-tokens-and-ids",
    "book/04_streams": "the-batches-of-a-stream",
    "book/08_classifier_batches": "padding",
}
_LIVE_NOTE = "Here Python would run in your browser; that needs JavaScript."
_LEFT_OUT_NOTE = "Here Python would run in your browser; this copy of the site was built without it."

_ROOT_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={page}">
<link rel="icon" href="_static/favicon.svg">
<title>{title}</title>
</head>
<body><main><h1>{title}</h1><p><a href="{page}">Open the course</a></p></main></body>
</html>
"""


def latex_to_mathml(latex: str, *, block: bool = False) -> str:
    r"""Convert a formula to a `<math>` element.

    Raises:
        MathError: a command that docutils does not know.

    >>> latex_to_mathml("h_t").split()
    ['<math', 'xmlns="http://www.w3.org/1998/Math/MathML">', '<msub>', '<mi>h</mi>', '<mi>t</mi>', '</msub>', '</math>']
    """
    known = _SYNONYM.sub(lambda match: _SYNONYMS[match.group()], latex.strip())
    return tex2mathml(known, as_block=block)


def _convert(translator: HTML5Translator, node: nodes.Element, *, block: bool) -> str:
    try:
        return latex_to_mathml(node.astext(), block=block)
    except MathError as error:
        logger.warning("formula %r cannot be shown without MathJax: %s", node.astext(), error, location=node)
        return f"<code>{translator.encode(node.astext())}</code>"


def visit_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula inside a line."""
    translator.body.append(f'<span class="math notranslate">{_convert(translator, node, block=False)}</span>')
    raise nodes.SkipNode


def visit_math_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own, with its number if it has a label."""
    # Focusable, since a long formula scrolls on a narrow screen.
    translator.body.append(translator.starttag(node, "div", "", CLASS="math notranslate", tabindex="0"))
    if node["number"]:
        translator.body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        translator.body.append("</span>")
    translator.body.append(_convert(translator, node, block=True) + "</div>\n")
    raise nodes.SkipNode


def reading_minutes(body: str) -> int:
    """Estimate how many minutes the HTML of a page takes to read, at least one; code counts unless it is folded.

    >>> reading_minutes("<p>" + "word " * 800 + "</p>")
    4
    """
    body = _FOLDED_CODE.sub(" ", body)
    code = sum(block.count("\n") for block in re.findall(r"<pre>.*?</pre>", body, re.DOTALL))
    words = len(re.sub(r"<[^>]+>", " ", _NOT_PROSE.sub(" ", body)).split())
    return max(1, round(words / WORDS_A_MINUTE + code / CODE_LINES_A_MINUTE))


def add_reading_time(body: str, page: str, pages: Container[str] = ()) -> str:
    """Write under the title of a page how long it takes to read; mark chapters, whose progress the browser keeps.

    A chapter that has a live piece on the page "try it" leads to it, if that is among the `pages` of the site.
    """
    if not page.startswith("book/") or page in _LOOKED_UP_NOT_READ:
        return body
    minutes = reading_minutes(body)
    chapter = f' data-chapter data-page="{page}"' if _CHAPTER.match(page) else ""
    live = ""
    if page in _LIVE_PIECES and _TRY_IT in pages:
        live = f' · <a href="{Path(_TRY_IT).name}.html#{_LIVE_PIECES[page]}">try it live</a>'
    line = f'<p class="chapter-line"{chapter}>About {minutes} minute{"s" * (minutes != 1)} to read{live}</p>'
    return body.replace("</h1>", f"</h1>\n{line}", 1)


def keep_columns(body: str) -> str:
    """Mark what was printed in columns, so that it scrolls where other output breaks its lines.

    >>> keep_columns('<div class="output stream"><div class="highlight"><pre>a   b\\n1   2</pre>')
    '<div class="output stream"><div class="highlight"><pre class="columns">a   b\\n1   2</pre>'
    """

    def marked(found: re.Match[str]) -> str:
        lines = html.unescape(re.sub(r"<[^>]+>", "", found[2])).split("\n")
        in_columns = sum(bool(_COLUMNS.search(line)) for line in lines) >= 2
        if not in_columns or max(map(len, lines)) > _WIDEST_TABLE:
            return found[0]
        return f'{found[1]}<pre class="columns">{found[2]}</pre>'

    return _PRINTED.sub(marked, body)


class Live(SphinxDirective):
    """A live piece: `{live} tokens`, `{live} stream` or `{live} padding`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the place that `live.js` fills, with a sentence for readers without JavaScript."""
        piece = self.arguments[0]
        self.env.metadata[self.env.docname]["live"] = piece
        place = f'<div class="live" data-piece="{piece}"><p class="live-note">{_LIVE_NOTE}</p></div>'
        return [nodes.raw("", place, format="html")]


def find_pyodide(app: Sphinx) -> None:
    """Look whether the live pieces can run on this site."""
    app.live_source, app.live_left_out = site_live.pyodide()


def mend_body(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document) -> None:
    """Put the pictures of a page inline, mark up its questions, and leave no header of a table without a text."""
    if "body" in context:
        body = _EMPTY_HEADER.sub("<td></td>", inline_pictures(context["body"]))
        if app.env.metadata[pagename].get("live"):
            if app.live_source:
                app.add_js_file("live.js", defer="defer")
            else:
                body = body.replace(_LIVE_NOTE, _LEFT_OUT_NOTE).replace("data-piece=", "data-left-out=")
        context["body"] = keep_columns(add_reading_time(mark_up(body), pagename, app.env.found_docs))


def mend_theme(page: str) -> str:
    """Mend what the theme writes on every page in a way that a screen reader stumbles over.

    >>> mend_theme('<i class="theme-switch fa-solid fa-sun" data-mode="light" title="Light"></i>')
    '<i class="theme-switch fa-solid fa-sun" data-mode="light"></i>'
    """
    # The name of a button must contain the words that are seen on it.
    page = _SEARCH_BUTTON.sub(r"\1", page)
    page = _THEME_ICON.sub(r"\1", page)
    page = page.replace('<summary aria-label="Toggle hidden content">', "<summary>")
    # A list of citations holds links beside its entries, and the role of an entry is out of use.
    page = page.replace('<div role="list" class="citation-list">', '<div class="citation-list">')
    page = page.replace(' role="doc-biblioentry"', "")
    # All that is seen belongs to a landmark.
    return page.replace(
        '<div id="pst-primary-sidebar" class', '<div id="pst-primary-sidebar" role="complementary" class'
    )


def finish(app: Sphinx, error: Exception | None) -> None:
    """Mend the pages, write a front page that a screen reader can name, drop what no reader's browser loads."""
    if error or app.builder.name != "html":
        return
    out = Path(app.outdir)
    page = app.builder.get_target_uri(app.config.root_doc)
    (out / "index.html").write_text(_ROOT_PAGE.format(page=page, title=app.config.html_title), encoding="utf-8")
    if any("live" in metadata for metadata in app.env.metadata.values()):
        if app.live_source:
            site_live.add_to_site(out / "_static", app.live_source)
        else:
            (out / "_static" / site_live.LEFT_OUT).write_text(app.live_left_out, encoding="utf-8")
    for source_map in (out / "_static").rglob("*.map"):
        source_map.unlink()
    for path in out.rglob("*.html"):
        path.write_text(mend_theme(path.read_text(encoding="utf-8")), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.add_config_value("comments_config", {}, "html")  # Jupyter Book sets it for an extension that we leave out
    app.add_directive("live", Live)
    site_results.setup(app)
    app.connect("builder-inited", find_pyodide)
    app.connect("html-page-context", mend_body)
    app.connect("build-finished", finish, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
