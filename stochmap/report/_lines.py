"""Charts of one value against the sample size, one for each facet of a problem."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._charts import Series, along_samples
from ._conditions import Condition, Problem
from ._section import Material, titled, x_label
from ._style import Chart, draw

Rows = list[dict[str, Any]]
Limits = tuple[float, float] | None


@dataclass(frozen=True)
class Lines:
    """One kind of chart: which column of the rows, with its _low and _high, and how it is drawn."""

    column: str
    file: str
    caption: str
    y_label: str
    suffix: str = ""  # of the title
    limits: Callable[[Rows], Limits] = lambda rows: None  # of all facets of a problem together
    transform: Callable[[float], float] = lambda value: value
    reference: str = ""  # what to call the column `reference`; nothing: not drawn
    level: tuple[float, str] | None = None
    log_y: bool = False
    percent: bool = False


def line_charts(material: Material, rows: Rows, *kinds: Lines) -> list[Chart]:
    """Charts of each kind for each facet of each problem that has a value to draw."""
    charts = [
        _line_chart(material, rows, kind, problem, facet, conditions)
        for problem, facet, conditions in material.facets()
        for kind in kinds
    ]
    return [chart for chart in charts if chart is not None]


def _line_chart(
    material: Material, rows: Rows, kind: Lines, problem: Problem, facet: str, conditions: dict[int, Condition]
) -> Chart | None:
    own = [row for row in rows if row["problem"] == problem.name]
    here = [row for row in own if row["condition_id"] in conditions]
    if not any(row[kind.column] is not None for row in here):
        return None

    def point(row: dict[str, Any]) -> list[float]:
        values = (row[name] for name in ends(kind.column))
        return [conditions[row["condition_id"]].x, *(math.nan if v is None else kind.transform(v) for v in values)]

    series = [
        Series.of(learner, [point(row) for row in here if row["learner"] == learner])
        for learner in material.learners_in(here)
    ]
    reference = None
    if kind.reference:
        known = [row for row in here if row["reference"] is not None]
        points = {conditions[row["condition_id"]].x: kind.transform(row["reference"]) for row in known}
        reference = (np.array(sorted(points)), np.array([points[x] for x in sorted(points)]), kind.reference)
    figure = along_samples(
        series,
        material.styles,
        x_label=x_label(problem),
        y_label=kind.y_label,
        reference=reference,
        level=kind.level,
        log_y=kind.log_y,
        y_limits=kind.limits(own),
        percent=kind.percent,
    )
    return draw(
        figure,
        name=material.file_name(kind.file, problem.name, facet),
        title=titled(problem.name, facet) + kind.suffix,
        caption=kind.caption,
    )


def ends(column: str) -> tuple[str, str, str]:
    """A column with the two ends of its interval."""
    return column, f"{column}_low", f"{column}_high"


def span(rows: Rows, columns: Iterable[str], *values: float, log: bool = False) -> Limits:
    """Limits that hold every finite number of these columns, and the values, with a margin."""
    found = [row[name] for row in rows for name in columns if row[name] is not None] + list(values)
    found = [value for value in found if math.isfinite(value) and (value > 0 or not log)]
    if not found:
        return None
    low, high = min(found), max(found)
    if log:
        margin = max((high / low) ** 0.06, 1.2)
        return low / margin, high * margin
    margin = 0.08 * (high - low) or 0.1
    return low - margin, high + margin


def error_span(rows: Rows) -> Limits:
    """Limits of a logarithmic axis for errors: every bar, but a long lower half only down to a third of its mean."""
    lows = [max(row["error_low"], row["error"] / 3) for row in rows if row["error_low"] is not None]
    return span(rows, ("error", "error_high", "reference"), *lows, log=True)
