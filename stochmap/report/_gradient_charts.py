"""The laboratory's charts: plain numbers in, a matplotlib Figure out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._numbers import one_line
from ._style import GRID, INK, LearnerStyle, legend_above, log_axis, margins

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BIAS, VARIANCE = "#d0570a", "#0068a8"
_DECADES = 16  # of the axis at most: what is further below the largest value stands at the edge, as 0 does


@dataclass(frozen=True)
class Dots:
    """One estimator's mean squared errors: bias², and the variance of the average that the budget pays for."""

    label: str
    bias_square: float
    calls: float
    time: float


def dot_plot(dots: list[Dots], labels: tuple[str, str, str]) -> Figure:
    """Estimators from the least mean squared error down; what is 0 stands at the left edge."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    dots = sorted(dots, key=lambda dot: -(dot.bias_square + dot.calls))
    widest = max(len(dot.label) for dot in dots)
    figure = Figure(figsize=(3.4 + 0.068 * widest, 0.215 * len(dots) + 0.95), dpi=160)
    axes = figure.add_subplot()
    positive = [v for dot in dots for v in (dot.bias_square, dot.calls, dot.time) if v > 0]
    top = max(positive, default=1.0)
    floor = max(min(positive, default=top / 10), top / 10**_DECADES) / 4
    y = np.arange(len(dots))
    series = [
        ([dot.calls for dot in dots], VARIANCE, "o", VARIANCE),
        ([dot.time for dot in dots], VARIANCE, "D", "none"),
        ([dot.bias_square for dot in dots], BIAS, "s", BIAS),
    ]
    handles = []
    for values, colour, marker, face in series:
        x = np.maximum(values, floor)
        handles += axes.plot(
            x, y, color=colour, marker=marker, markerfacecolor=face, markersize=4.5, linestyle="none", clip_on=False
        )
    axes.set_xlim(floor, top * 2)
    log_axis(axes, "x")
    axes.xaxis.set_major_locator(LogLocator(numticks=6))
    axes.axvline(floor, color=GRID, linewidth=1)
    axes.set_yticks(y, [one_line(dot.label) for dot in dots])
    axes.set_ylim(-0.6, len(dots) - 0.4)
    axes.set_xlabel("mean squared error (left edge: 0)")
    margins(
        figure,
        left=0.3 + 0.068 * widest,
        right=0.15,
        bottom=0.45,
        top=legend_above(figure, handles, list(labels)) + 0.1,
    )
    return figure


@dataclass(frozen=True)
class Band:
    """Quantiles of one parameter along the steps of learning."""

    label: str
    step: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    high: np.ndarray


def bands(found: list[Band], styles: dict[str, LearnerStyle], *, y_label: str, start: float) -> Figure:
    """A panel for each estimator: median and 5–95 % of the runs, a line at their start; one pair of axes."""
    from matplotlib.figure import Figure

    columns = min(3, len(found))
    rows = math.ceil(len(found) / columns)
    figure = Figure(figsize=(3.0 * columns + 0.3, 1.9 * rows + 0.5), dpi=160)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, band in zip(grid.ravel(), found, strict=False):
        colour = styles[band.label].colour
        axes.fill_between(band.step, band.low, band.high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(band.step, band.middle, color=colour)
        axes.axhline(start, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.set_title(one_line(band.label))
    for axes in grid.ravel()[len(found) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("step")
    for axes in grid[:, 0]:
        axes.set_ylabel(y_label)
    margins(figure, left=0.6, right=0.15, bottom=0.45, top=0.3, wspace=0.12, hspace=0.28)
    return figure


def curves(
    found: dict[str, tuple[np.ndarray, np.ndarray]], styles: dict[str, LearnerStyle], *, x_label: str, y_label: str
) -> Figure:
    """A line for each estimator, logarithmic both ways, with its name at the side; what is 0 or below is left out."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), dpi=160)
    axes = figure.add_subplot()
    handles, labels = [], []
    for label, (x, value) in found.items():
        style, shown = styles[label], value > 0
        handles += axes.plot(
            x[shown],
            value[shown],
            color=style.colour,
            linestyle=style.line,
            marker=style.marker if len(x) <= 12 else "",
            markersize=4,
            markerfacecolor="none" if style.line == "--" else style.colour,
        )
        labels.append(one_line(label))
    for which in ("x", "y"):
        log_axis(axes, which)
    x = np.unique(np.concatenate([x for x, _ in found.values()]))
    if len(x) <= 8:
        axes.set_xticks(x, [f"{tick:g}" for tick in x])
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    side = 0.55 + 0.066 * max(map(len, labels))
    figure.legend(
        handles, labels, loc="center right", bbox_to_anchor=(1.0, 0.53), handlelength=2.4, labelspacing=0.35, fontsize=8
    )
    margins(figure, left=0.72, right=side + 0.1, bottom=0.48, top=0.12)
    return figure
