"""The summary: one row a condition and learner, and its table for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ._conditions import Condition, Plan, problems_of
from ._numbers import Mean, count, joined, number, one_line, plural, plus_minus, share
from ._query import StoreQueries

STATUSES = ("exact", "converged", "boundary", "max_steps", "non_finite")


@dataclass(frozen=True)
class SummaryRow:
    """How one learner did under one condition; errors are KL(fit‖truth) in nats.

    `condition` names the grid axes that vary besides num_samples. `error` is None where a run's is infinite
    (`infinite_error` counts them) or where none is a number; `efficiency` is Σ reference / Σ error over the runs.
    """

    problem: str
    condition: str
    condition_id: int  # run_id >> 32 of its runs
    num_samples: int
    learner: str
    runs: int
    unseen_runs: int  # that did not see every x
    scored: int  # runs with an error that is not NaN
    infinite_error: int
    error: Mean | None
    reference: float | None  # mean of what theory expects
    efficiency: Mean | None
    infinite_share: float | None  # of runs whose KL(truth‖fit) is infinite
    coverage: Mean | None  # of 95 % intervals
    statuses: dict[str, int]  # only those that occur

    @property
    def not_converged(self) -> dict[str, float]:
        """The share of runs of each status that is neither exact nor converged."""
        return {k: v / self.runs for k, v in self.statuses.items() if k not in ("exact", "converged")}


def summary(path: str | Path) -> list[SummaryRow]:
    """Summarise a store, finished or not, in the study's order; raises ValueError where there is no finished chunk."""
    with StoreQueries(path) as queries:
        return summary_rows(queries)


def calibration_findings(path: str | Path) -> list[str]:
    """One sentence for each problem and learner with an exact posterior; none where the store holds no calibration."""
    from ._calibration import findings, read_posteriors

    with StoreQueries(path) as queries:
        return [] if queries.missing("calibration") else findings(read_posteriors(queries), Plan.read(queries.path))


def summary_rows(queries: StoreQueries) -> list[SummaryRow]:
    """The summary over an open store."""
    plan = Plan.read(queries.path)
    rows = queries.rows("summary")
    learners = plan.in_order({row["learner"] for row in rows}, "learners")
    place = {}  # of a condition in the table
    labels: dict[int, Condition] = {}
    for problem in problems_of(queries.rows("overview"), plan):
        for condition in problem.conditions:
            place[condition.condition_id] = len(place)
            labels[condition.condition_id] = condition
    rows.sort(key=lambda row: (place[row["condition_id"]], learners.index(row["learner"])))
    return [
        SummaryRow(
            problem=row["problem"],
            condition=labels[row["condition_id"]].label,
            condition_id=row["condition_id"],
            num_samples=row["num_samples"],
            learner=row["learner"],
            runs=row["runs"],
            unseen_runs=labels[row["condition_id"]].unseen_runs,
            scored=row["scored"],
            infinite_error=row["infinite_error"],
            error=Mean.of(row["error"], row["error_se"]),
            reference=row["reference"],
            efficiency=Mean.of(row["efficiency"], row["efficiency_se"]),
            infinite_share=row["infinite_share"],
            coverage=Mean.of(row["coverage"], row["coverage_se"]),
            statuses={status: row[status] for status in STATUSES if row[status]},
        )
        for row in rows
    ]


_COLUMNS: dict[str, Callable[[SummaryRow], str]] = {
    "samples": lambda row: count(row.num_samples),
    "learner": lambda row: one_line(row.learner),
    "runs": lambda row: count(row.runs),
    "KL error, nats": lambda row: (
        f"∞ in {share(row.infinite_error / row.runs)}" if row.infinite_error else plus_minus(row.error)
    ),
    "theory": lambda row: number(row.reference),
    "efficiency": lambda row: plus_minus(row.efficiency),
    "KL = ∞": lambda row: share(row.infinite_share),
    "covered %": lambda row: plus_minus(row.coverage, percent=True),
}
_LEFT = ("learner",)
_NOTES = {
    "KL error, nats": "KL error = KL(fit‖truth); ± is 95 %. theory = its expectation from the sample sizes.",
    "efficiency": "efficiency = Σ theory / Σ error: 1 is what theory expects of maximum likelihood, more is better.",
    "KL = ∞": "KL = ∞: share of runs whose KL(truth‖fit) is infinite (a possible cell got probability 0).",
    "covered %": "covered = 95 % intervals that contain the truth.",
}


def format_table(rows: list[SummaryRow]) -> str:
    """Summary rows as a text table for a terminal: under 100 columns with names of usual length.

    Columns that would hold nothing are left out.
    """
    if not rows:
        return "no finished runs"
    cells = [{name: text(row) for name, text in _COLUMNS.items()} for row in rows]
    idle = {"theory": "–", "efficiency": "–", "KL = ∞": "0 %", "covered %": "–"}
    names = [name for name in _COLUMNS if {row[name] for row in cells} - {idle.get(name, ""), "–"} or name not in idle]
    width = {name: max(len(name), *(len(row[name]) for row in cells)) for name in names}

    def line(row: dict[str, str]) -> str:
        padded = (row[name].ljust(width[name]) if name in _LEFT else row[name].rjust(width[name]) for name in names)
        return ("  " + "  ".join(padded)).rstrip()

    lines = [line({name: name for name in names})]
    heading = None
    for row, texts in zip(rows, cells, strict=True):
        title = one_line(row.problem) + (f" ({row.condition})" if row.condition else "")
        if title != heading:
            heading = title
            lines.append(title)
        lines.append(line(texts))
    lines += [
        "",
        *(note for name, note in _NOTES.items() if name in names),
        *(textwrap.fill(each, 98, subsequent_indent="  ") for each in [*unseen(rows), *unfinished(rows)]),
    ]
    return "\n".join(lines)


def unseen(rows: list[SummaryRow]) -> list[str]:
    """One sentence for each problem where some run never saw some x."""
    found: dict[str, dict[int, str]] = {}
    for row in rows:
        if row.unseen_runs:
            where = f"at {count(row.num_samples)} samples" + (f", {row.condition}" if row.condition else "")
            found.setdefault(row.problem, {})[row.condition_id] = f"{share(row.unseen_runs / row.runs)} {where}"
    return [
        f"{one_line(problem)}: runs that never saw some x: {joined(_first(list(parts.values()), 4))}. Learners with a "
        "prior keep it there, the others know nothing; it is not scored (the column `seen` of estimates)."
        for problem, parts in found.items()
    ]


def unfinished(rows: list[SummaryRow]) -> list[str]:
    """One sentence for each learner and status that is not convergence, and for runs without an error."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for row in rows:
        where = f"at {count(row.num_samples)} samples" + (f", {row.condition}" if row.condition else "")
        for status, part in row.not_converged.items():
            found.setdefault((row.problem, row.learner, status), []).append(f"{share(part)} {where}")
        if row.scored < row.runs:
            text = f"{count(row.runs - row.scored)} of {plural(row.runs, 'run')} {where}"
            found.setdefault((row.problem, row.learner, "no error"), []).append(text)
    return [
        f"{one_line(problem)}, {one_line(learner)}: {status} in {joined(_first(parts, 4))}."
        for (problem, learner, status), parts in found.items()
    ]


def _first(parts: list[str], most: int) -> list[str]:
    return parts if len(parts) <= most else [*parts[: most - 1], f"{len(parts) - most + 1} more conditions"]
