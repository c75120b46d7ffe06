"""Are the posteriors as sure as they say? Transforms and ranks of the store against simultaneous bands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from stochmap.calibration import LOG_LIKELIHOOD, Band, ecdf_band

from ._conditions import Plan
from ._numbers import joined, one_line, plural
from ._query import StoreQueries

LEVEL = 0.99
"""With which all curves of a store stay inside their bands together, if every posterior is right."""

_NAMED = 3  # panels named in a sentence


@dataclass(frozen=True)
class Curve:
    """The empirical distribution function of one quantity's transforms or ranks, beside its band."""

    method: str  # PIT or rank
    counts: np.ndarray  # values up to each point of the band
    band: Band

    @property
    def excess(self) -> float:
        """How far the curve goes, in half widths of the band: above 1 it has left it somewhere.

        The band ends half a value beyond the last one that is inside.
        """
        centre, half = 0.5 * (self.band.upper + self.band.lower), 0.5 * (self.band.upper - self.band.lower + 1)
        return float((np.abs(self.counts - centre) / half).max())


@dataclass(frozen=True)
class Panel:
    """One quantity of one cell, over all runs of a condition."""

    name: str
    curves: list[Curve]

    @property
    def excess(self) -> float:
        """That of the curve that goes furthest."""
        return max(curve.excess for curve in self.curves)

    @property
    def inside(self) -> bool:
        """Whether no curve leaves its band."""
        return self.excess < 1.0


@dataclass(frozen=True)
class Posteriors:
    """All panels of one learner under one condition."""

    problem: str
    condition_id: int
    learner: str
    runs: int
    panels: list[Panel]

    @property
    def outside(self) -> list[Panel]:
        """The panels that leave the band, the furthest first."""
        return sorted((panel for panel in self.panels if not panel.inside), key=lambda panel: -panel.excess)


def read_posteriors(queries: StoreQueries) -> list[Posteriors]:
    """Read every panel of a store; the level is Bonferroni's over all of its curves."""
    rows = queries.rows("calibration")
    level = 1.0 - (1.0 - LEVEL) / max(len(rows), 1)
    grouped: dict[tuple[str, int, str], dict[str, list[dict[str, Any]]]] = {}
    for row in rows:
        panels = grouped.setdefault((row["problem"], row["condition_id"], row["learner"]), {})
        panels.setdefault(_name(row), []).append(row)
    return [
        Posteriors(*key, max(row["runs"] for own in panels.values() for row in own), _panels(panels, level))
        for key, panels in grouped.items()
    ]


def _panels(panels: dict[str, list[dict[str, Any]]], level: float) -> list[Panel]:
    return [Panel(name, [_curve(row, level) for row in rows]) for name, rows in panels.items()]


def _curve(row: dict[str, Any], level: float) -> Curve:
    counts = np.zeros(row["points"] + 1, dtype=np.int64)
    counts[row["bins"]] = row["counts"]
    return Curve(row["method"], counts.cumsum()[1:-1], ecdf_band(row["runs"], row["points"], level))


def _name(row: dict[str, Any]) -> str:
    if row["quantity"] == LOG_LIKELIHOOD:
        return "log-likelihood"
    if row["y"] is not None:
        return f"p(y = {row['y']} | x = {row['x']})"
    return f"{row['quantity']} at x = {row['x']}"


def findings(posteriors: list[Posteriors], plan: Plan) -> list[str]:
    """One sentence for each problem and learner, in the study's order."""
    found = []
    for problem in plan.in_order({each.problem for each in posteriors}, "problems"):
        own = [each for each in posteriors if each.problem == problem]
        for learner in plan.in_order({each.learner for each in own}, "learners"):
            found.append(_sentence(problem, learner, [each for each in own if each.learner == learner]))
    return found


def _sentence(problem: str, learner: str, own: list[Posteriors]) -> str:
    panels = sum(len(each.panels) for each in own)
    outside = sorted((panel for each in own for panel in each.outside), key=lambda panel: -panel.excess)
    where = f"{one_line(problem)}, {one_line(learner)}"
    conditions = f" in {len(own)} conditions" if len(own) > 1 else ""
    band = f"the {100 * LEVEL:g} % band"
    if not outside:
        number = "its panel is" if panels == 1 else f"all {panels} panels are"
        return f"{where}: {number} inside {band}{conditions}."
    names = list(dict.fromkeys(panel.name for panel in outside))
    more = [f"{len(names) - _NAMED} more"] if len(names) > _NAMED else []
    told = joined([*names[:_NAMED], *more])
    return f"{where}: {len(outside)} of {plural(panels, 'panel')} outside {band}{conditions}: {told}."
