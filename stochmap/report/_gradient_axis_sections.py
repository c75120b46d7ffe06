"""Sections of the laboratory's page along an axis: classes, dimensions, curvature, temperature."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._gradient_charts import curves
from ._gradient_material import LabCell, LabMaterial
from ._numbers import one_line
from ._section import Section
from ._style import Chart, draw, learner_styles

_SUMMARY = "gradients/summary"
_AXES = ("num_classes", "dimension", "curvature")
_AXIS_LABELS = {"num_classes": "classes, k", "dimension": "dimensions, D", "curvature": "curvature of the cost"}
_SHOWN_TEMPERATURE = 0.5
_MOST_TEMPERATURES = 5  # problems with charts against the temperature
_ROUNDING = 1e-18  # of a squared bias, relative to the squared gradient
_KINDS: tuple[tuple[str, str, str, Callable[[dict[str, Any]], float]], ...] = (
    ("bias", "squared bias", "bias²/gradient²", lambda row: row["bias_square"]),
    ("calls", "variance at equal calls", "variance · calls / gradient²", lambda row: row["variance"] * row["work"]),
    (
        "time",
        "variance at equal time",
        "variance · µs / gradient²",
        lambda row: 1e6 * row["variance"] * row["seconds"],
    ),
)


def axis_section(material: LabMaterial) -> Section | None:
    """Bias², variance at equal calls and at equal time against k, D or the curvature."""
    charts = []
    for axis in _AXES:
        for problem in material.problems():
            cells = [cell for cell in material.cells if cell.problem == problem and axis in cell.axes]
            facets: dict[str, list[LabCell]] = {}
            for cell in cells:
                others = {key: value for key, value in cell.axes.items() if key != axis}
                facets.setdefault(
                    ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in others.items()), []
                ).append(cell)
            middle = [list(facets.items())[len(facets) // 2]] if facets else []
            for facet, own in list(facets.items())[:3] if axis != "curvature" else middle:
                if len(own) > 2:
                    charts += _axis_charts(material, problem, facet, axis, own)
    if not charts:
        return None
    return Section(
        anchor="axes",
        title="Against classes, dimensions and curvature",
        shows="Squared bias, and the variance of one call's worth and of one microsecond's worth of estimates, along "
        "the axes of the grid.",
        look_for="Slopes: on a logarithmic scale they say how an estimator scales. Every point is one problem whose "
        "weights and logits were drawn at random, so that a dip at one place is that problem's. Listing all outcomes "
        "(exact) is left out: it has no error where it is affordable; and so is what has no variance.",
        computed="Averages over the parameters, divided by the mean squared gradient. Equal calls: variance · calls; "
        f"equal time: variance · seconds / 1 µs. Relaxed estimators at temperature {_SHOWN_TEMPERATURE:g} where "
        "several were run.",
        queries=[_SUMMARY],
        charts=charts,
        layout="two",
    )


def _axis_charts(material: LabMaterial, problem: str, facet: str, axis: str, cells: list[LabCell]) -> list[Chart]:
    shown = [(cell.axes[axis], row) for cell in cells for row in cell.rows if _is_shown(row)]
    names = sorted({row["estimator"] for _, row in shown})
    styles = material.kind_styles()
    where = one_line(problem) + (f" · {facet}" if facet else "")
    charts = []
    for name, title, label, value in _KINDS:
        found = {
            each: _points([(x, value(row) / row["gradient_square"]) for x, row in shown if row["estimator"] == each])
            for each in names
        }
        found = {each: points for each, points in found.items() if (points[1] > _ROUNDING).any()}
        if found:
            figure = curves(found, styles, x_label=_AXIS_LABELS[axis], y_label=label)
            charts.append(draw(figure, name=material.file_name(axis, name, problem, facet), title=f"{where}: {title}"))
    return charts


def _points(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    x, value = np.array(sorted(pairs), float).T
    return x, np.where(value > _ROUNDING, value, 0.0)


def _is_shown(row: dict[str, Any]) -> bool:
    if row["estimator_kind"] == "exact":
        return False
    temperature = row.get("estimator_temperature")
    if temperature is None or "temperature" not in row["label"]:
        return True
    return temperature == (1.0 if row["estimator_kind"] == "reinmax" else _SHOWN_TEMPERATURE)


def temperature_section(material: LabMaterial) -> Section | None:
    """Bias² and variance of the relaxed estimators against their temperature."""
    charts = []
    for cell in material.cells[:: max(1, math.ceil(len(material.cells) / _MOST_TEMPERATURES))]:
        kinds: dict[str, list[dict[str, Any]]] = {}
        for row in cell.rows:
            if row.get("estimator_temperature") is not None:
                kinds.setdefault(row["estimator"], []).append(row)
        kinds = {kind: rows for kind, rows in kinds.items() if len({row["estimator_temperature"] for row in rows}) > 2}
        for name, title, label, value in _KINDS:
            found = {
                kind: _points([(row["estimator_temperature"], value(row) / row["gradient_square"]) for row in rows])
                for kind, rows in kinds.items()
            }
            if found:
                figure = curves(found, learner_styles(list(kinds)), x_label="temperature", y_label=label)
                file = material.file_name("temperature", name, cell.title)
                charts.append(draw(figure, name=file, title=f"{one_line(cell.title)}: {title}"))
    if not charts:
        return None
    return Section(
        anchor="temperature",
        title="Against the temperature",
        shows="What a lower temperature buys a relaxed estimator, and what it costs.",
        look_for="Both trade bias for variance. As the temperature falls Gumbel-softmax's bias tends to 0 for every "
        "cost; straight-through Gumbel-softmax's for quadratic ones alone, where the slopes at two corners average to "
        "the difference of the costs: beyond, a part of it stays.",
        computed="Averages over the parameters, divided by the mean squared gradient.",
        queries=[_SUMMARY],
        charts=charts,
    )
