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

    dots = sorted(dots, key=lambda dot: -(dot.bias_square + dot.calls))
    figure = Figure(figsize=(5.6, 0.215 * len(dots) + 0.95), dpi=160)
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
    axes.axvline(floor, color=GRID, linewidth=1)
    axes.set_yticks(y, [one_line(dot.label) for dot in dots])
    axes.set_ylim(-0.6, len(dots) - 0.4)
    axes.set_xlabel("mean squared error (left edge: 0)")
    widest = max(len(dot.label) for dot in dots)
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


def bands(found: list[Band], styles: dict[str, LearnerStyle], *, y_label: str) -> Figure:
    """A panel for each estimator: median and 5–95 % of the runs; all panels on one pair of axes."""
    from matplotlib.figure import Figure

    columns = min(3, len(found))
    rows = math.ceil(len(found) / columns)
    figure = Figure(figsize=(3.0 * columns + 0.3, 1.9 * rows + 0.5), dpi=160)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes, band in zip(grid.ravel(), found, strict=False):
        colour = styles[band.label].colour
        axes.fill_between(band.step, band.low, band.high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(band.step, band.middle, color=colour)
        axes.axhline(0.5, color=INK, linewidth=0.8, linestyle=(0, (1, 2)))
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
    found: dict[str, tuple[np.ndarray, np.ndarray]],
    styles: dict[str, LearnerStyle],
    *,
    y_label: str,
    level: tuple[float, str] | None = None,
) -> Figure:
    """Lines along the steps of learning, one an estimator, logarithmic both ways; `level` is a dashed line."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.2, 4.6), dpi=160)
    axes = figure.add_subplot()
    handles, labels = [], []
    for label, (step, value) in found.items():
        style = styles[label]
        handles += axes.plot(step, value, color=style.colour, linestyle=style.line)
        labels.append(one_line(label))
    if level is not None:
        handles.append(axes.axhline(level[0], color=INK, linestyle=(0, (5, 2.5)), linewidth=1.3))
        labels.append(level[1])
    axes.set_yscale("log")
    axes.set_xscale("log")
    log_axis(axes, "x")
    log_axis(axes, "y")
    axes.set_xlabel("step")
    axes.set_ylabel(y_label)
    margins(figure, left=0.75, right=0.15, bottom=0.48, top=legend_above(figure, handles, labels) + 0.1)
    return figure
