"""How every chart looks, and how a figure becomes inline SVG that follows the page's colours, and a PNG."""

from __future__ import annotations

import io
import math
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._numbers import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID, PAPER = "#1c2126", "#626b75", "#dfe3e8", "#fefefe"
# Okabe and Ito's colours, which the colour-blind tell apart, a little darker for lines on white; each with the shade
# that takes its place on a dark page.
LEARNER_COLOURS = ("#0068a8", "#d0570a", "#008f68", "#b5588f", "#b07a00", "#3f9fd6", "#7a5230", "#6a6f76")
LEARNER_DARK = ("#4aa8e8", "#ff8f45", "#33c79b", "#e08fc0", "#e5b23a", "#8fd0f5", "#c39a72", "#a5abb3")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "h")
_VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper"} | {
    colour: f"--learner-{i}" for i, colour in enumerate(LEARNER_COLOURS)
}


@dataclass(frozen=True)
class Chart:
    """One chart, drawn: SVG for the page, PNG bytes for the folder."""

    name: str  # of the PNG file, without its ending
    title: str
    caption: str
    svg: str
    png: bytes


@dataclass(frozen=True)
class LearnerStyle:
    """The colour and marker that a learner has on every chart, and its place among the learners."""

    colour: str
    marker: str
    line: str
    place: int


def learner_styles(learners: list[str]) -> dict[str, LearnerStyle]:
    """A style for each learner; beyond eight the colours come again with a dashed line."""
    size = len(LEARNER_COLOURS)
    return {
        learner: LearnerStyle(LEARNER_COLOURS[i % size], MARKERS[i % size], ("-", "--")[i // size % 2], i)
        for i, learner in enumerate(learners)
    }


@contextmanager
def chart_defaults() -> Iterator[None]:
    """The settings under which figures are made and drawn; the caller's own are restored."""
    import matplotlib as mpl

    settings: dict[str, Any] = {
        "font.family": ["DejaVu Sans"],
        "font.size": 9,
        "text.color": INK,
        "text.parse_math": False,  # a name may hold a dollar sign
        "text.usetex": False,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": INK,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.linewidth": 0.8,
        "axes.unicode_minus": True,
        "grid.color": GRID,
        "grid.linewidth": 0.7,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.minor.visible": False,
        "figure.facecolor": "none",
        "legend.frameon": False,
        "legend.fontsize": 8.5,
        "lines.linewidth": 1.6,
        "lines.markersize": 5,
        "svg.fonttype": "path",  # letters as shapes: nothing depends on the reader's fonts
        "svg.hashsalt": "stochmap",
    }
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        for name, value in settings.items():
            mpl.rcParams[name] = value  # type: ignore[index]
        # a name may be in a script that the font lacks: boxes on the chart, the name itself in the page's text
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        yield


def draw(figure: Figure, *, name: str, title: str, caption: str = "") -> Chart:
    """Draw a figure as inline SVG, with its colours as the page's CSS variables, and as a PNG on white."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    png, svg = io.BytesIO(), io.StringIO()
    # the canvases themselves: Figure.savefig would draw everything twice for either
    figure.set_facecolor("white")
    FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
    figure.set_facecolor("none")
    FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
    return Chart(name, title, caption, _inline(svg.getvalue(), name, f"{title}. {caption}"), png.getvalue())


def _inline(svg: str, name: str, label: str) -> str:
    """The <svg> element alone: no prologue, no metadata, ids of its own, colours that the page sets."""
    from markupsafe import escape

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\n\s*", " ", svg).replace("xlink:href=", "href=")
    svg = re.sub(r' d="([^"]*)"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]).replace("  ", " "), svg)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    prefix = f"{zlib.crc32(name.encode()):x}-"
    svg = re.sub(r' id="([^"]+)"', lambda m: f' id="{prefix}{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{prefix}", svg)
    svg = re.sub(r"#[0-9a-f]{6}\b", lambda m: f"var({_VARIABLES[m[0]]})" if m[0] in _VARIABLES else m[0], svg)
    box = re.search(r'viewBox="[^"]+"', svg)
    width = re.search(r'width="([\d.]+)pt"', svg)
    opening = f'<svg {box[0] if box else ""} role="img" aria-label="{escape(one_line(label))}"'
    if width:
        opening += f' style="max-width:{float(width[1]) * 96 / 72:.0f}px"'
    return opening + svg[svg.index(">") :]


def _tick(value: float, *, plain: bool) -> str:
    """A tick of a logarithmic axis: plain decimals, or mantissa and power of ten where the numbers get long."""
    if plain or value <= 0:
        return f"{value:,.10g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    power = "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return power if mantissa == "1" else f"{mantissa}·{power}"


def log_axis(axes: Axes, which: str) -> None:
    """Make an axis logarithmic: labels at the decades, with more between them where there are few."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    getattr(axes, f"set_{which}scale")("log", nonpositive="clip")
    low, high = sorted(getattr(axes, f"get_{which}lim")())
    axis = getattr(axes, f"{which}axis")
    decades = math.log10(high / low) if low > 0 else 9.0
    between = (1.0, 2.0, 3.0, 5.0) if decades < 1.2 else (1.0, 2.0, 5.0) if decades < 2.1 else (1.0, 3.0)
    plain = low >= 0.8e-3 and high <= 1.2e5
    if decades < 0.6:
        axis.set_major_locator(MaxNLocator(5))
    else:
        axis.set_major_locator(LogLocator(subs=between if decades < 2.8 else (1.0,), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value, plain=plain)))
    axis.set_minor_locator(NullLocator())


def legend_above(figure: Figure, handles: list[Any], labels: list[str]) -> float:
    """A legend above the plots, in as many columns as its words leave room for; returns its height in inches."""
    if not handles:
        return 0.0
    widest = max(len(label) for label in labels) * 4.75 + 40
    columns = max(1, min(len(labels), int(figure.get_figwidth() * 72 // widest)))
    figure.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(0.01, 1.0),
        borderaxespad=0.2,
        ncols=columns,
        handlelength=2.2,
        columnspacing=1.4,
    )
    return 0.185 * math.ceil(len(labels) / columns) + 0.08


def margins(figure: Figure, *, left: float, right: float, bottom: float, top: float, **between: float) -> None:
    """Set the room around the plots in inches: a layout engine would find the same at twice the time."""
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left=left / width, right=1 - right / width, bottom=bottom / height, top=1 - top / height, **between
    )


def file_names() -> Any:
    """A function from the words of a chart's name to a file name that it has not given before."""
    used: set[str] = set()

    def name(*words: str) -> str:
        text = "_".join(re.sub(r"[^A-Za-z0-9._=-]+", "-", word).strip("-.") for word in words if word)[:80] or "chart"
        unique, i = text, 2
        while unique.lower() in used:
            unique, i = f"{text}_{i}", i + 1
        used.add(unique.lower())
        return unique

    return name
