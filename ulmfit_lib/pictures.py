"""How the course's pictures look, and how they reach a page with a description that a screen reader can say.

The background is transparent and every colour stands out from white as well as from a dark page. A picture is SVG,
the same to the byte on every run, and is stored in a notebook as an image with alternative text, which Jupyter,
Colab, nbconvert and the site all show.
"""

import html
import re
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from ulmfit_lib.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK = "#7b7b7b"  # text and axes: contrast 4.2 on white and on a dark page alike; the site sets it in the text's colour
BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
#: Four colours of Okabe and Ito's palette: told apart by colour-blind readers, contrast at least 3 on both themes.
PALETTE = (BLUE, VERMILION, GREEN, PURPLE)
FAINT = 0.25  # opacity of an area that text stands on

_LONGEST_ALT = 600
_FILE_NAME = re.compile(r"\.(svg|png|jpe?g|gif|pdf)\s*$", re.IGNORECASE)
_SVG_PREAMBLE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
# A path or a place on the page; never a `scale(...)`, whose digits matter.
_PLACES = re.compile(r' (?:d|x|y|width|height|viewBox|points)="[^"]*"|translate\([^)]*\)')
_PICTURE = re.compile(
    r'<img class="picture" alt="(?P<alt>[^"]*)" style="width:(?P<width>\d+)px[^"]*" '
    r'src="data:image/svg\+xml,(?P<svg>[^"]*)">'
)
_OPENING = re.compile(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>')
_ID = re.compile(r'(\bid="|href="#|url\(#)')


def style() -> dict[str, object]:
    """Return the house style as matplotlib settings (`rcParams`)."""
    from cycler import cycler

    return {
        "axes.axisbelow": True,
        "axes.edgecolor": INK,
        "axes.facecolor": "none",
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.labelcolor": INK,
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": INK,
        "axes.titlelocation": "left",
        "axes.titlesize": 13,
        "figure.facecolor": "none",
        "figure.figsize": (6, 3.2),  # so that the words can be read on a telephone too
        "figure.constrained_layout.use": True,
        "font.family": ["DejaVu Sans"],  # ships with matplotlib, so that every machine draws the same
        "font.size": 12,
        "grid.alpha": FAINT,
        "grid.color": INK,
        "image.cmap": "cividis",
        "legend.frameon": False,
        "legend.labelcolor": INK,
        "lines.linewidth": 2,
        "patch.linewidth": 1,
        "savefig.transparent": True,
        "svg.fonttype": "path",
        "svg.hashsalt": "ulmfit",  # matplotlib draws its ids at random without it
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
    }


class _StyleInUse(ExitStack):
    """Gives the earlier settings back at the end of a `with` block."""

    def _ipython_display_(self) -> None:
        """Show nothing when it is the last value of a notebook's cell."""


def house_style() -> ExitStack:
    """Draw in the house style from here on, whatever the reader's own matplotlib settings are.

    Call it once at the top of a notebook, or use it as a context: `with house_style(): ...` gives the settings back
    at the end.
    """
    import matplotlib as mpl

    # To ask for the backend would choose one.
    names = [name for name in mpl.rcParams if name != "backend"]
    in_use = _StyleInUse()
    in_use.callback(mpl.rcParams.update, {name: mpl.rcParams[name] for name in names})
    mpl.rcParams.update({name: mpl.rcParamsDefault[name] for name in names} | style())
    return in_use


@dataclass(frozen=True)
class Picture:
    """A drawing and the sentence that says what it shows; a notebook displays it when it is a cell's last value."""

    svg: str
    alt: str
    width: int  # pixels; narrower where the page is

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.to_html(), "text/plain": f"Picture: {self.alt}"}

    def to_html(self) -> str:
        """Return an `<img>` that holds the whole drawing, so that it needs no file beside the notebook."""
        source = quote(self.svg, safe=" =:/,;()-.'")
        return (
            f'<img class="picture" alt="{html.escape(self.alt)}" style="width:{self.width}px;max-width:100%" '
            f'src="data:image/svg+xml,{source}">'
        )


def show(figure: "Figure", alt: str) -> Picture:
    """Close a matplotlib figure and return it for display, with alternative text.

    Args:
        figure: what was drawn, in the `house_style`.
        alt: one or two sentences that say what the picture shows, for a reader who cannot see it.

    Raises:
        ConfigError: the text is missing, is a file name, or is too short or too long to be a description.
    """
    import matplotlib.pyplot as plt

    alt = check_alt(alt)
    buffer = BytesIO()
    with house_style():
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    plt.close(figure)  # or the notebook shows it a second time
    svg = _SVG_PREAMBLE.sub("", buffer.getvalue().decode("utf-8")).strip()
    # Two digits are finer than a pixel, make the file smaller, and hide how processors differ in the last bits.
    svg = _PLACES.sub(lambda place: _LONG_NUMBER.sub(_two_digits, place.group()), svg)
    width = re.search(r'\bwidth="([\d.]+)pt"', svg)
    return Picture(svg, alt, round(float(width.group(1)) * 96 / 72) if width else 640)


def _two_digits(number: re.Match[str]) -> str:
    rounded = f"{float(number.group()):.2f}".rstrip("0").rstrip(".")
    return "0" if rounded == "-0" else rounded


def check_alt(alt: str) -> str:
    """Return alternative text without surplus white space if it can serve as a description.

    Raises:
        ConfigError: it is missing, is a file name, or is too short or too long.

    >>> check_alt("Loss falls from 5.1 to 4.2\\n in three epochs.")
    'Loss falls from 5.1 to 4.2 in three epochs.'
    """
    alt = " ".join(alt.split())
    fix = "Say in a sentence what the picture shows."
    if _FILE_NAME.search(alt):
        raise ConfigError(f"{alt!r} is a file name, not alternative text.", fix=fix)
    if len(alt.split()) < 4:
        raise ConfigError(f"{alt!r} is too short for alternative text.", fix=fix)
    if len(alt) > _LONGEST_ALT:
        raise ConfigError(f"Alternative text of {len(alt)} characters; {_LONGEST_ALT} at most.", fix=fix)
    return alt


def inline_pictures(page: str) -> str:
    """Replace the stored pictures of an HTML page by inline SVG whose ink is the colour of the text around it."""
    numbers = iter(range(1, page.count('class="picture"') + 1))

    def inline(match: re.Match[str]) -> str:
        # Two drawings on a page share names such as that of the glyph "e".
        svg = _ID.sub(rf"\g<1>picture{next(numbers)}-", unquote(match["svg"]))
        svg = svg.replace(INK, "currentColor").replace("*{", ".picture *{")
        opening = f'<svg class="picture" role="img" aria-label="{match["alt"]}" style="width:{match["width"]}px" '
        return _OPENING.sub(lambda tag: f"{opening}{tag[1]}>", svg, count=1)

    return _PICTURE.sub(inline, page)
