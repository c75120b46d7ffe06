"""Recommendations that follow from the numbers: the least mean squared error for a price of the cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._conditions import axis_name, field_text
from ._gradient_material import LabCell
from ._numbers import count, number, one_line

PRICES = (1e-6, 1e-3)
"""Seconds that one call of the cost takes."""

_TIE = 1.1  # two mean squared errors that differ by less are told as equal


@dataclass(frozen=True)
class Choice:
    """An estimator, and the mean squared error that it reaches."""

    label: str
    error: float


@dataclass(frozen=True)
class Region:
    """A cell at one price of the cost: the best estimators that draw samples, and the calls that listing all takes."""

    cell: LabCell
    family: str
    dimension: int
    classes: str
    price: float
    budget: int
    ranking: tuple[Choice, ...]
    unbiased: tuple[Choice, ...]
    exact_calls: float

    @property
    def best(self) -> Choice:
        """The least mean squared error of all."""
        return self.ranking[0]

    @property
    def best_unbiased(self) -> Choice:
        """The least mean squared error of those that say to be unbiased."""
        return self.unbiased[0]

    @property
    def price_text(self) -> str:
        """1 µs, 1 ms."""
        return f"{number(self.price * 1e6, 1)} µs" if self.price < 1e-3 else f"{number(self.price * 1e3, 1)} ms"

    @property
    def outcomes_text(self) -> str:
        """How many outcomes there are to list."""
        return count(int(self.exact_calls)) if self.exact_calls < 1e6 else number(self.exact_calls, 2)

    @property
    def sentence(self) -> str:
        """What to take, such as: k = 8, D = 1 and a cost of 1 µs: reinmax."""
        place = [f"k = {self.classes}"] if self.family == "categorical" else []
        place += [f"D = {self.dimension}"]
        others = {key: value for key, value in self.cell.axes.items() if key not in ("num_classes", "dimension")}
        place += [f"{axis_name(key)} {field_text(value)}" for key, value in others.items()]
        text = f"{one_line(self.cell.problem)}, {', '.join(place)} and a cost of {self.price_text}: "
        if self.exact_calls <= self.budget:
            text += f"list all outcomes, {self.outcomes_text} calls without error; of what draws samples, "
        text += _ties(self.ranking)
        if self.best_unbiased.error > _TIE * self.best.error:
            times = self.best_unbiased.error / self.best.error if self.best.error else float("inf")
            text += f"; without bias {_ties(self.unbiased)}, at {number(times, 2)} times the error"
        elif self.best.label not in [choice.label for choice in self.unbiased]:
            text += f", of which {self.best_unbiased.label} has no bias"
        return f"{text}."


def regions(cell: LabCell, budget: int) -> list[Region]:
    """One region for every price; none where nothing that draws samples was measured without bias."""
    found = []
    for price in PRICES:
        scored = sorted(
            (_choice(row, price, budget), row["declared"]) for row in cell.rows if row["estimator_kind"] != "exact"
        )
        unbiased = tuple(Choice(label, error) for (error, label), declared in scored if declared)
        if not unbiased:
            continue
        row = cell.rows[0]
        outcomes = float("inf") if row["distribution"] == "gaussian" else float(row["num_classes"]) ** row["dimension"]
        found.append(
            Region(
                cell=cell,
                family=row["distribution"],
                dimension=row["dimension"],
                classes="–" if row["distribution"] == "gaussian" else str(row["num_classes"]),
                price=price,
                budget=budget,
                ranking=tuple(Choice(label, error) for (error, label), _ in scored),
                unbiased=unbiased,
                exact_calls=outcomes,
            )
        )
    return found


def _choice(row: dict[str, Any], price: float, budget: int) -> tuple[float, str]:
    """bias² + variance · (own time + calls · price) / (budget · price), and the label."""
    takes = row["seconds"] + row["work"] * price
    return row["bias_square"] + row["variance"] * takes / (budget * price), row["label"]


def _ties(ranking: tuple[Choice, ...]) -> str:
    """The first, and those that cannot be told from it."""
    tied = [choice.label for choice in ranking if choice.error <= _TIE * ranking[0].error][:3]
    return " or ".join(tied)
