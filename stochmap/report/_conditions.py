"""Which grid axes of a problem vary, and what to call each of its conditions."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ._numbers import number, one_line

_OWN_COLUMNS = {"problem", "num_samples", "condition_id", "runs", "min_visited_x", "unseen_runs"}


@dataclass(frozen=True)
class Condition:
    """One cell of a problem's grid. `x` is its place on the charts' horizontal axis; `facet` names the other axes."""

    condition_id: int
    num_samples: int
    runs: int
    unseen_runs: int  # that did not see every x
    x: float
    facet: str
    label: str  # every varying axis except num_samples
    fields: dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A problem's conditions, in the order of its axes."""

    name: str
    x_name: str  # "num_samples", or the axis that varies where num_samples does not
    conditions: list[Condition]

    @property
    def facets(self) -> list[str]:
        """The values of the axes other than the horizontal one; [""] where there are none."""
        return list(dict.fromkeys(condition.facet for condition in self.conditions))

    @property
    def runs(self) -> int:
        """How many runs the problem has."""
        return sum(condition.runs for condition in self.conditions)


@dataclass(frozen=True)
class Plan:
    """What study.toml says, as far as it can be read; the report needs none of it."""

    name: str = ""
    seed: str = ""
    keep: tuple[str, ...] | None = None
    problems: list[str] = field(default_factory=list)
    learners: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, store: Path) -> Plan:
        """Read the store's study.toml; an empty plan where there is none that can be read."""
        try:
            study = tomllib.loads((store / "study.toml").read_text(encoding="utf-8"))
            problems = study.get("problem", [])
            learners = [
                [str(learner.get("name") or learner["kind"]) for learner in each["learners"]] for each in problems
            ]
            keep = study.get("keep")
            return cls(
                name=str(study.get("name", "")),
                seed=str(study.get("seed", "")),
                keep=None if keep is None else tuple(map(str, keep)),
                problems=[str(each["name"]) for each in problems],
                learners=_merged(learners),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def in_order(self, names: set[str], of: str) -> list[str]:
        """Names in the study's order ("problems" or "learners"); those that it does not list after them, by name."""
        listed = getattr(self, of)
        return [name for name in listed if name in names] + sorted(names - set(listed))


def _merged(lists: list[list[str]]) -> list[str]:
    """One list that keeps the order of each: [a, b, d] and [a, c, d] give [a, b, c, d]."""
    merged: list[str] = []
    for names in lists:
        at = len(merged)
        for name in reversed(names):
            if name in merged:
                at = merged.index(name)
            else:
                merged.insert(at, name)
    return merged


def problems_of(overview: list[dict[str, Any]], plan: Plan) -> list[Problem]:
    """Group the rows of overview.sql by problem and name the conditions by what varies within it."""
    names = plan.in_order({row["problem"] for row in overview}, "problems")
    return [_problem(name, [row for row in overview if row["problem"] == name]) for name in names]


def _problem(name: str, rows: list[dict[str, Any]]) -> Problem:
    axes = [name for name in rows[0] if name not in _OWN_COLUMNS and len({repr(row[name]) for row in rows}) > 1]
    x_name = "num_samples"
    numeric = [axis for axis in axes if all(type(row[axis]) in (int, float) for row in rows)]
    if len({row["num_samples"] for row in rows}) == 1 and numeric:
        x_name = max(numeric, key=lambda axis: len({row[axis] for row in rows}))
    facet_axes = [axis for axis in axes if axis != x_name]
    rows = sorted(rows, key=lambda row: (*(_order(row[axis]) for axis in [*facet_axes, x_name]), row["num_samples"]))
    places = [(_describe(row, facet_axes), row[x_name]) for row in rows]
    # conditions that differ in something that the table of runs does not hold go by their number
    alike = [
        f"condition {row['condition_id']:08x}" * (places.count(place) > 1)
        for row, place in zip(rows, places, strict=True)
    ]
    conditions = [
        Condition(
            condition_id=row["condition_id"],
            num_samples=row["num_samples"],
            runs=row["runs"],
            unseen_runs=row["unseen_runs"],
            x=float(row[x_name]),
            facet=_joined(_describe(row, facet_axes), own),
            label=_joined(_describe(row, axes), own),
            fields={key: row[key] for key in row if key not in _OWN_COLUMNS and row[key] is not None},
        )
        for row, own in zip(rows, alike, strict=True)
    ]
    return Problem(name=name, x_name=x_name, conditions=conditions)


def _joined(*words: str) -> str:
    return ", ".join(word for word in words if word)


def _order(value: Any) -> tuple[int, float, str]:
    """Order numbers as numbers, everything else by name, nothing first."""
    if value is None:
        return (0, 0.0, "")
    return (1, float(value), "") if isinstance(value, int | float) else (2, 0.0, str(value))


def axis_name(column: str) -> str:
    """A column of the runs table as words: truth_scale → scale, inputs_exponent → inputs exponent."""
    return column.removeprefix("truth_").replace("_", " ")


def _describe(row: dict[str, Any], axes: list[str]) -> str:
    return _joined(*(f"{axis_name(axis)} {field_text(row[axis])}" for axis in axes if row[axis] is not None))


def field_text(value: Any) -> str:
    """A field's value in few characters."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else number(value)
    return one_line(str(value))
