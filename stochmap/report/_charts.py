"""The charts: each function takes plain numbers and returns a matplotlib Figure, without pyplot or a display."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._numbers import count, number, one_line
from ._style import GRID, INK, LEARNER_COLOURS, MUTED, LearnerStyle, legend_above, log_axis, margins

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNKNOWN = "#9aa1a9"  # cells without an estimate


@dataclass(frozen=True)
class Series:
    """One learner's values along the horizontal axis with their 95 % intervals; NaN where there is none."""

    learner: str
    x: np.ndarray
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, learner: str, points: list[list[float]]) -> Series:
        """A series from [x, value, low, high] in any order."""
        return cls(learner, *np.array(sorted(points)).T)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=160)


def _sample_axis(axes: Axes, x: np.ndarray, label: str) -> None:
    """A logarithmic axis with a tick at each value where they are few enough to read."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    x = np.unique(x)
    if x[0] > 0:
        axes.set_xscale("log")
        if len(x) == 1:
            axes.set_xlim(x[0] / 2, x[0] * 2)
        else:
            margin = (x[-1] / x[0]) ** 0.06
            axes.set_xlim(x[0] / margin, x[-1] * margin)
    gaps = np.diff(np.log(x)) if x[0] > 0 else np.diff(x)
    span = gaps.sum()
    axes.set_xlabel(label)
    if len(x) > 7 or (len(gaps) and gaps.min() < 0.09 * span):
        if x[0] > 0:
            log_axis(axes, "x")
        return
    axes.xaxis.set_major_locator(FixedLocator(list(x)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: count(round(v)) if v == round(v) else f"{v:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def _tick_room(axes: Axes) -> float:
    """The inches that the vertical axis needs for its ticks and its label."""
    low, high = sorted(axes.get_ylim())
    ticks = [tick for tick in axes.yaxis.get_majorticklocs() if low <= tick <= high]
    texts = axes.yaxis.get_major_formatter().format_ticks(ticks)
    return 0.36 + 0.078 * max([4, *map(len, texts)])


def along_samples(
    series: list[Series],
    styles: dict[str, LearnerStyle],
    *,
    x_label: str,
    y_label: str,
    reference: tuple[np.ndarray, np.ndarray, str] | None = None,
    level: tuple[float, str] | None = None,
    log_y: bool = False,
    y_limits: tuple[float, float] | None = None,
    percent: bool = False,
) -> Figure:
    """Values against the sample size (or another axis) with 95 % intervals, one colour a learner.

    `reference` is a dashed curve (x, y, its name), `level` a dashed horizontal line (y, its name).
    """
    from matplotlib.ticker import FuncFormatter

    figure = _figure(5.4, 3.7)
    axes = figure.add_subplot()
    series = [each for each in series if np.isfinite(each.value).any()]
    every_x = np.concatenate([each.x for each in series])
    handles, labels = [], []
    if reference is not None and len(reference[0]):
        handles += axes.plot(*reference[:2], color=INK, linestyle=(0, (5, 2.5)), linewidth=1.3, marker="", zorder=1.5)
        if len(reference[0]) == 1:
            handles[-1].set(marker="_", markersize=26, linestyle="none")
        labels.append(reference[2])
    if level is not None:
        handles.append(axes.axhline(level[0], color=INK, linestyle=(0, (5, 2.5)), linewidth=1.3, zorder=1.5))
        labels.append(level[1])
    positive = np.unique(every_x[every_x > 0])
    step = (positive[-1] / positive[0]) ** 0.012 if len(positive) > 1 else 1.06
    for i, each in enumerate(series):
        style = styles[each.learner]
        dodge = i - (len(series) - 1) / 2  # sideways, so that learners with equal results do not hide each other
        value, low, high = each.value, each.low, each.high
        if log_y:
            low = np.where(low <= 0, value / 30, low)  # a lower end below 0 runs out of the logarithmic axis
        x = each.x * step**dodge if every_x.min() > 0 else each.x + 0.012 * dodge * (np.ptp(every_x) or 1.0)
        error = np.nan_to_num(np.abs(np.stack([value - low, high - value])))
        handles.append(
            axes.errorbar(
                x,
                value,
                error if error.any() else None,  # none for single runs
                color=style.colour,
                marker=style.marker,
                linestyle=style.line,
                capsize=2.5,
                elinewidth=1.2,
                markerfacecolor="none" if style.place % 2 else style.colour,
                zorder=3 - 0.01 * style.place,
            )
        )
        labels.append(one_line(each.learner))
    if log_y:
        axes.set_yscale("log", nonpositive="clip")
    if y_limits is not None:
        axes.set_ylim(*y_limits)
    if log_y:
        log_axis(axes, "y")
    if percent:
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:.4g} %"))
    _sample_axis(axes, every_x, x_label)
    axes.set_ylabel(y_label)
    margins(figure, left=_tick_room(axes), right=0.12, bottom=0.48, top=legend_above(figure, handles, labels) + 0.1)
    return figure


def heat_maps(shown: list[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """For each (title, truth, learned): the true table, the learned one in the same colours, and learned − truth.

    Tables are (x, y); NaN is a cell without an estimate. Tall tables stand side by side, wide ones one above the other.
    """
    height, width = shown[0][1].shape
    beside = len(shown) > 1 and height >= width
    rows, columns = (1, 3 * len(shown)) if beside else (len(shown), 3)
    tall = 2.9 if beside else min(3.0, max(1.4, 3.0 * height / max(width, 1)))
    figure = _figure(11.0 if beside else 9.0, (tall + 0.5) * rows + 0.2)
    # between the typical and the worst run a wider gap; at the right the two colour bars, each with room for its labels
    gap, bars = [0.22], [0.1, 0.13, 0.75, 0.13] if beside else [0.05, 0.07, 0.42, 0.07]
    ratios = [1.0, 1.0, 1.0, *gap, 1.0, 1.0, 1.0, *bars] if beside else [1.0, 1.0, 1.0, *bars]
    spec = figure.add_gridspec(rows, len(ratios), width_ratios=ratios)
    places = [column for column, ratio in enumerate(ratios) if ratio == 1.0]
    grid = np.array([[figure.add_subplot(spec[row, column]) for column in places] for row in range(rows)])
    margins(figure, left=0.5, right=0.85, bottom=0.45, top=0.27, wspace=0.07, hspace=0.55 / tall)
    top = max(float(max(truth.max(), np.nanmax(learned, initial=0))) for _, truth, learned in shown)
    widest = max(float(np.nanmax(np.abs(learned - truth), initial=0)) for _, truth, learned in shown) or 1e-3
    panels = [
        (f"{title}: truth" if i == 0 else heading, table, i == 2)
        for title, truth, learned in shown
        for i, (heading, table) in enumerate([("", truth), ("learned", learned), ("learned − truth", learned - truth)])
    ]
    images = {}
    for axes, (heading, table, is_difference) in zip(grid.ravel(), panels, strict=True):
        colours = {"cmap": "RdBu_r", "vmin": -widest} if is_difference else {"cmap": "viridis", "vmin": 0}
        images[is_difference] = axes.imshow(
            table, aspect="auto", interpolation="none", vmax=widest if is_difference else top, **colours
        )
        axes.set_facecolor(UNKNOWN)
        axes.set_title(heading)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=2)
        for axis, size in ((axes.xaxis, width), (axes.yaxis, height)):
            most = 4 if beside and axis is axes.xaxis and size > 10 else 8
            axis.set_ticks(range(0, size, max(1, 2 ** math.ceil(math.log2(size / most)))))
        if axes in grid[:, 0]:
            axes.set_ylabel("x")
        else:
            axes.tick_params(left=False, labelleft=False)
        if axes in grid[-1]:
            axes.set_xlabel("y")
    for column, is_difference, label in ((-3, False, "p(y | x)"), (-1, True, "learned − truth")):
        bar = figure.colorbar(images[is_difference], cax=figure.add_subplot(spec[:, column]), label=label)
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def scatter(
    truth: np.ndarray, learned: np.ndarray, style: LearnerStyle, *, smallest: float, largest: float
) -> tuple[Figure, bool]:
    """Learned against true probability; logarithmic where `smallest` (above 0) to `largest` is over two decades.

    Returns the figure and whether it is logarithmic. There, what is exactly 0 stands on a line of its own at the edge.
    """
    figure = _figure(4.0, 3.8)
    axes = figure.add_subplot()
    wide = largest / smallest > 100
    if wide:
        edge = smallest / 2.2
        truth, learned = np.where(truth > 0, truth, edge), np.where(learned > 0, learned, edge)
        limits = (edge / 1.5, largest * 1.5)
        if (learned == edge).any():
            axes.axhline(edge, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
            axes.annotate("0", (limits[1], edge), xytext=(3, -3), textcoords="offset points", color=MUTED, fontsize=8)
        if (truth == edge).any():
            axes.axvline(edge, color=MUTED, linewidth=0.8, linestyle=(0, (1, 2)))
            axes.annotate("0", (edge, limits[1]), xytext=(-2, 3), textcoords="offset points", color=MUTED, fontsize=8)
    else:
        limits = (-0.04 * largest, 1.04 * largest)
    axes.plot(limits, limits, color=INK, linewidth=1, linestyle=(0, (5, 2.5)))
    axes.plot(
        truth,
        learned,
        linestyle="none",
        marker="o",
        markersize=2.6,
        markeredgewidth=0,
        alpha=0.55,
        color=style.colour,
        rasterized=True,
    )
    axes.set(xlim=limits, ylim=limits, xlabel="true p(y | x)", ylabel="learned p(y | x)")
    if wide:
        log_axis(axes, "x")
        log_axis(axes, "y")
    margins(figure, left=0.68, right=0.2, bottom=0.48, top=0.2)
    return figure, wide


@dataclass(frozen=True)
class Gaussian:
    """A true and a learned Gaussian of one run and one x."""

    title: str
    true_mean: float
    true_std: float
    mean: float
    std: float


def densities(panels: list[Gaussian], style: LearnerStyle, learner: str) -> Figure:
    """True and learned densities, two panels a row, on one pair of axes."""
    rows = math.ceil(len(panels) / 2)
    columns = min(2, len(panels))
    figure = _figure(2.65 * columns + 0.2, 1.65 * rows + 0.65)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    low = min(panel.true_mean - 3.6 * panel.true_std for panel in panels)
    high = max(panel.true_mean + 3.6 * panel.true_std for panel in panels)
    x = np.linspace(low, high, 400)

    def density(mean: float, std: float) -> np.ndarray:
        return np.exp(-((x - mean) ** 2) / (2 * std**2)) / (std * math.sqrt(2 * math.pi))

    handles = []
    for axes, panel in zip(grid.ravel(), panels, strict=False):
        true = axes.fill_between(x, density(panel.true_mean, panel.true_std), color=GRID, linewidth=0, zorder=1)
        (outline,) = axes.plot(x, density(panel.true_mean, panel.true_std), color=INK, linewidth=1.2)
        handles = [(true, outline)]
        if panel.std > 0:
            handles += axes.plot(x, density(panel.mean, panel.std), color=style.colour, linestyle=(0, (4, 1.6)))
        axes.set_title(panel.title)
        axes.set_ylim(bottom=0)
        axes.locator_params(nbins=5)
        axes.grid(visible=False)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("y")
    for axes in grid[:, 0]:
        axes.set_ylabel("density")
    top = legend_above(figure, handles, ["truth", one_line(learner)][: len(handles)]) + 0.25
    margins(figure, left=0.62, right=0.1, bottom=0.45, top=top, wspace=0.24, hspace=0.32)
    return figure


def loss_curves(curves: list[tuple[float, np.ndarray, np.ndarray]], x_name: str) -> Figure:
    """Loss above the lowest of its own run against the step, one line a run: (place on the grid, steps, excess)."""
    import matplotlib as mpl
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    figure = _figure(5.4, 3.7)
    axes = figure.add_subplot()
    places = sorted({place for place, _, _ in curves})
    shades = mpl.colormaps["viridis"](np.linspace(0.12, 0.82, max(len(places), 2)))
    colours = {place: LEARNER_COLOURS[0] if len(places) == 1 else shades[i] for i, place in enumerate(places)}
    # the lowest point itself has no place on a logarithmic axis
    lines = [np.stack([steps[excess > 0], excess[excess > 0]], axis=1) for _, steps, excess in curves]
    each = [colours[place] for place, _, _ in curves]
    axes.add_collection(LineCollection(lines, colors=each, linewidths=0.9, alpha=0.8))
    points = np.concatenate(lines)
    (first, low), (last, high) = points.min(axis=0), points.max(axis=0)
    room = max((high / low) ** 0.05, 1.2)
    axes.set(
        xlim=(first - 0.02 * (last - first) - 0.5, last + 0.02 * (last - first) + 0.5), ylim=(low / room, high * room)
    )
    log_axis(axes, "y")
    axes.set(xlabel="step", ylabel="loss above the lowest of the run, nats")
    shown = places if len(places) <= 8 else [places[0], places[len(places) // 2], places[-1]]
    labels = [f"{x_name} {count(round(p)) if p == round(p) else number(p)}" for p in shown]
    top = legend_above(figure, [Line2D([], [], color=colours[place], linewidth=2.2) for place in shown], labels)
    margins(figure, left=_tick_room(axes), right=0.12, bottom=0.48, top=top + 0.1)
    return figure


__all__ = ["Gaussian", "Series", "along_samples", "densities", "heat_maps", "loss_curves", "scatter"]
