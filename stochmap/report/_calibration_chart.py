"""Empirical distribution functions less the uniform one: a grid of small panels on common axes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ._style import GRID, INK, MUTED, LearnerStyle, legend_above, margins

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 3


@dataclass(frozen=True)
class Difference:
    """One curve and its band at each of its points, all less the uniform distribution function."""

    method: str
    points: np.ndarray
    value: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


@dataclass(frozen=True)
class Pane:
    """The curves of one panel under its title."""

    title: str
    lines: list[Difference]


def differences(panes: list[Pane], style: LearnerStyle) -> Figure:
    """The panels in rows of up to three: transforms in the learner's colour, ranks dashed, the band shaded."""
    from matplotlib.figure import Figure

    rows = math.ceil(len(panes) / COLUMNS)
    columns = math.ceil(len(panes) / rows)
    figure = Figure(figsize=(2.2 * max(columns, 2) + 0.7, 1.55 * rows + 0.75), dpi=160)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    handles = {}
    for axes, pane in zip(grid.ravel(), panes, strict=False):
        for line in pane.lines:
            handles["band"] = axes.fill_between(line.points, line.lower, line.upper, color=GRID, linewidth=0, zorder=1)
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
        for line in pane.lines:
            look = {"color": style.colour} if line.method == "PIT" else {"color": INK, "linestyle": (0, (3, 1.5))}
            ends = np.concatenate([[0.0], line.points, [1.0]]), np.concatenate([[0.0], line.value, [0.0]])
            (handles[line.method],) = axes.plot(*ends, linewidth=1.1, zorder=3, **look)
        axes.set_title(pane.title)
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
        axes.locator_params(axis="y", nbins=4)
    for place, axes in enumerate(grid.ravel()):
        axes.set_visible(place < len(panes))
        axes.tick_params(labelbottom=place + columns >= len(panes))
    for axes in grid[:, 0]:
        axes.set_ylabel("ECDF − uniform")
    words = {"PIT": "transforms (PIT)", "rank": "ranks among draws", "band": "band"}
    names = [name for name in words if name in handles]
    top = legend_above(figure, [handles[name] for name in names], [words[name] for name in names]) + 0.25
    margins(figure, left=0.72, right=0.12, bottom=0.3, top=top, wspace=0.12, hspace=0.32)
    return figure
