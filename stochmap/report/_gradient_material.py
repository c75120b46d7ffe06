"""What every section of the laboratory's page needs: rows, problems, and what to call each estimator."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ._conditions import axis_name, field_text
from ._numbers import one_line
from ._query import StoreQueries
from ._style import LearnerStyle, file_names, learner_styles

Row = dict[str, Any]
_PROBLEM, _ESTIMATOR = "problem_", "estimator_"


@dataclass(frozen=True)
class LabCell:
    """One problem with one value of every field; `axes` are the fields that vary among the problem's cells."""

    condition_id: int
    problem: str
    axes: dict[str, Any]
    rows: list[Row]

    @property
    def title(self) -> str:
        """The problem's name with its place on its axes: toy (theta 0.8)."""
        told = ", ".join(f"{axis_name(key)} {field_text(value)}" for key, value in self.axes.items())
        return one_line(self.problem) + (f" ({told})" if told else "")


@dataclass(frozen=True)
class LabMaterial:
    """An open store and what every section needs of it."""

    queries: StoreQueries
    budget: int
    cells: list[LabCell]
    labels: list[str]
    styles: dict[str, LearnerStyle]
    file_name: Callable[..., str]

    @classmethod
    def of(cls, queries: StoreQueries, budget: int) -> LabMaterial:
        """Read the summary, and name what is in it."""
        rows = [] if queries.missing("gradients/summary") else queries.rows("gradients/summary")
        add_labels(rows)
        labels = list(dict.fromkeys(row["label"] for row in sorted(rows, key=lambda row: row["label"])))
        return cls(queries, budget, list(cells_of(rows)), labels, learner_styles(labels), file_names())

    def kind_styles(self) -> dict[str, LearnerStyle]:
        """One style an estimator, whatever its options: the same in every chart."""
        kinds = sorted({row["estimator"] for cell in self.cells for row in cell.rows if row["estimator"] != "exact"})
        return learner_styles(kinds)

    def problems(self) -> list[str]:
        """The names of the problems."""
        return list(dict.fromkeys(cell.problem for cell in self.cells))


def add_labels(rows: list[Row]) -> None:
    """Give every row a `label`: the estimator with those of its fields that vary, and its samples where they do."""
    varying: dict[str, dict[str, set[Any]]] = {}
    for row in rows:
        fields = {**_fields(row, _ESTIMATOR), "num_samples": row["num_samples"]}
        for key, value in fields.items():
            varying.setdefault(row["estimator"], {}).setdefault(key, set()).add(value)
    for row in rows:
        fields = {**_fields(row, _ESTIMATOR), "num_samples": row["num_samples"]}
        told = [
            f"{axis_name(key) if key != 'num_samples' else 'samples'} {field_text(value)}"
            for key, value in fields.items()
            if len(varying[row["estimator"]][key]) > 1 and value is not None
        ]
        row["label"] = one_line(row["estimator"]) + (f" ({', '.join(told)})" if told else "")


def cells_of(rows: list[Row]) -> Iterable[LabCell]:
    """The problems' cells, in the order of their names and axes."""
    for problem in dict.fromkeys(row["problem"] for row in rows):
        own = [row for row in rows if row["problem"] == problem]
        values: dict[str, set[Any]] = {}
        for row in own:
            for key, value in _fields(row, _PROBLEM).items():
                values.setdefault(key, set()).add(value)
        axes = [key for key, found in values.items() if len(found) > 1]
        cells = []
        for condition_id in dict.fromkeys(row["condition_id"] for row in own):
            here = [row for row in own if row["condition_id"] == condition_id]
            here.sort(
                key=lambda row: [_order(row[key]) for key in row if key.startswith("estimator") or key == "num_samples"]
            )
            fields = _fields(here[0], _PROBLEM)
            cells.append(LabCell(condition_id, problem, {key: fields[key] for key in axes}, here))
        yield from sorted(cells, key=lambda cell: [_order(value) for value in cell.axes.values()])


def _place(row: Row) -> list[tuple[float, str]]:
    """A key that sorts a problem's rows: by estimator, then by its options and samples."""
    return [
        _order(row[key]) for key in ("estimator", *(each for each in row if each.startswith(_ESTIMATOR)), "num_samples")
    ]


def _order(value: Any) -> tuple[float, str]:
    """A key that sorts numbers as numbers, and all else as text after them."""
    return (float(value), "") if isinstance(value, int | float) else (math.inf, str(value))


def _fields(row: Row, prefix: str) -> dict[str, Any]:
    return {
        key.removeprefix(prefix): value
        for key, value in row.items()
        if key.startswith(prefix) and key not in ("problem_kind", "estimator_kind")
    }
