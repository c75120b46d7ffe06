"""What a section of the page holds, and what all sections are made from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from ._conditions import Condition, Plan, Problem, axis_name, problems_of
from ._numbers import count, one_line
from ._query import StoreQueries
from ._style import Chart, LearnerStyle, file_names, learner_styles
from ._summary import SummaryRow, summary_rows

MOST_FACETS = 6  # conditions of a problem that get charts; the SQL of single runs has the same bound
MOST_ROWS = 300  # of a table on the page


@dataclass(frozen=True)
class Table:
    """A table of finished text; the columns named in `words` are words, the rest numbers."""

    head: list[str]
    rows: list[list[str]]
    words: tuple[str, ...] = ("problem", "learner")
    caption: str = ""
    folded: bool = False

    @property
    def shown(self) -> list[list[str]]:
        """The rows that the page has room for."""
        return self.rows[:MOST_ROWS]


@dataclass(frozen=True)
class Section:
    """One section: what it shows, what to look for, how it is computed, from which queries."""

    anchor: str
    title: str
    shows: str
    look_for: str
    computed: str
    queries: list[str]
    findings: list[str] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    layout: Literal["two", "three", "wide"] = "two"  # charts beside each other where the page has room
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Material:
    """An open store and what every section needs of it."""

    queries: StoreQueries
    plan: Plan
    overview: list[dict[str, Any]]
    problems: list[Problem]
    summary: list[SummaryRow]
    styles: dict[str, LearnerStyle]  # in the study's order
    file_name: Callable[..., str]

    @classmethod
    def of(cls, queries: StoreQueries) -> Material:
        """Read what every section needs."""
        plan, overview, rows = Plan.read(queries.path), queries.rows("overview"), summary_rows(queries)
        learners = plan.in_order({row.learner for row in rows}, "learners")
        return cls(queries, plan, overview, problems_of(overview, plan), rows, learner_styles(learners), file_names())

    def facets(self) -> Iterable[tuple[Problem, str, dict[int, Condition]]]:
        """Every problem with each of its facets that gets charts, and the conditions in it."""
        for problem in self.problems:
            for facet in problem.facets[:MOST_FACETS]:
                conditions = {c.condition_id: c for c in problem.conditions if c.facet == facet}
                yield problem, facet, conditions

    def facet_notes(self) -> list[str]:
        """Say so where a problem has more facets than charts."""
        return [
            f"{one_line(problem.name)} has {len(problem.facets)} conditions apart from its horizontal axis; "
            f"charts show the first {MOST_FACETS}, the tables all of them."
            for problem in self.problems
            if len(problem.facets) > MOST_FACETS
        ]

    def learners_in(self, rows: Iterable[dict[str, Any]]) -> list[str]:
        """The learners of these rows, in the study's order."""
        present = {row["learner"] for row in rows}
        return [learner for learner in self.styles if learner in present]

    def in_order(self, rows: list[dict[str, Any]]) -> list[tuple[Problem, Condition, dict[str, Any]]]:
        """Rows in the order of problems, conditions and learners, each with its problem and condition."""
        places = {c.condition_id: (i, problem, c) for i, (problem, c) in enumerate(self.conditions())}
        order = list(self.styles)
        found = [(places[row["condition_id"]], row) for row in rows]
        found.sort(key=lambda each: (each[0][0], order.index(each[1]["learner"])))
        return [(problem, condition, row) for (_, problem, condition), row in found]

    def conditions(self) -> Iterable[tuple[Problem, Condition]]:
        """Every condition with its problem, in the study's order."""
        return ((problem, condition) for problem in self.problems for condition in problem.conditions)


def where(problem: Problem, condition: Condition) -> list[str]:
    """The first cells of a table's row: problem with its condition, and samples."""
    return [titled(problem.name, condition.label), count(condition.num_samples)]


def titled(name: str, facet: str) -> str:
    """A problem's name with its condition."""
    return one_line(name) + (f" · {one_line(facet)}" if facet else "")


def x_label(problem: Problem) -> str:
    """The label of the horizontal axis."""
    return "samples per run, n" if problem.x_name == "num_samples" else axis_name(problem.x_name)
