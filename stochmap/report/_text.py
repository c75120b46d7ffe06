"""Sentences that follow from the numbers."""

from __future__ import annotations

from ._numbers import Mean, count, joined, one_line, plus_minus, share
from ._summary import SummaryRow

_MOST = 4  # conditions told one by one


def place(row: SummaryRow) -> str:
    """Where a row stands: mapping (scale 0.5), 16,384 samples."""
    condition = f" ({one_line(row.condition)})" if row.condition else ""
    return f"{one_line(row.problem)}{condition}, {count(row.num_samples)} samples"


def _condition(row: SummaryRow) -> str:
    return f"{one_line(row.condition)}, " * bool(row.condition) + f"{count(row.num_samples)} samples"


def recovery_findings(rows: list[SummaryRow]) -> list[str]:
    """For each problem at its largest sample size: each learner's error as a multiple of what theory expects."""
    found = []
    for problem in dict.fromkeys(row.problem for row in rows):
        own = [row for row in rows if row.problem == problem]
        largest = max(row.num_samples for row in own)
        own = [row for row in own if row.num_samples == largest]
        conditions = list(dict.fromkeys(row.condition for row in own))
        for condition in conditions[:_MOST]:
            here = [row for row in own if row.condition == condition]
            if any(row.efficiency for row in here):
                parts = [f"{one_line(row.learner)} {_multiple(row)}" for row in here]
                found.append(
                    f"{place(here[0])}: the KL error, in multiples of what theory expects: {', '.join(parts)}."
                )
            else:
                parts = [f"{one_line(row.learner)} {_error(row)}" for row in here]
                found.append(f"{place(here[0])}: the mean KL error: {', '.join(parts)}.")
        if len(conditions) > _MOST:
            found.append(f"{one_line(problem)}: {len(conditions) - _MOST} more conditions in the table below.")
    return found


def _multiple(row: SummaryRow) -> str:
    if row.infinite_error:
        return f"infinite in {share(row.infinite_error / row.runs)} of the runs"
    if row.efficiency is None or row.efficiency.value == 0:
        return "no reference" if row.error else "no run with an error"
    ratio, error = row.efficiency.value, row.efficiency.standard_error
    inverse = Mean(1 / ratio, None if error is None else error / ratio**2)
    return plus_minus(inverse) + (" (1 run)" if row.scored == 1 else "")


def _error(row: SummaryRow) -> str:
    return f"{plus_minus(row.error)} nats" if row.error else _multiple(row)


def coverage_findings(rows: list[SummaryRow]) -> list[str]:
    """For each problem and learner with intervals: the range of coverage, and where it is furthest from 95 %."""
    found = []
    for problem, learner in dict.fromkeys((row.problem, row.learner) for row in rows if row.coverage):
        own = [row for row in rows if (row.problem, row.learner) == (problem, learner)]
        own = [(row, row.coverage) for row in own if row.coverage]
        low, high = (pick(mean.value for _, mean in own) for pick in (min, max))
        spread = f"{100 * low:.1f} %" if len(own) == 1 else f"{100 * low:.1f} to {100 * high:.1f} %"
        text = f"{one_line(problem)}, {one_line(learner)}: 95 % intervals contain {spread} of the true values"
        # runs that all cover alike (0 half width) say nothing about the spread
        clear = [(row, mean) for row, mean in own if mean.half_width and abs(mean.value - 0.95) > mean.half_width]
        if clear:
            row, mean = max(clear, key=lambda each: abs(each[1].value - 0.95))
            text += f"; furthest from 95 %: {plus_minus(mean, percent=True)} % ({_condition(row)})"
        elif all(mean.half_width for _, mean in own):
            text += "; 95 % is inside every error bar"
        found.append(f"{text}.")
    return found


def infinite_findings(rows: list[SummaryRow]) -> list[str]:
    """For each problem: which learners ever give an infinite KL(truth‖fit), and how often at most."""
    found = []
    for problem in dict.fromkeys(row.problem for row in rows):
        own = [row for row in rows if row.problem == problem and row.infinite_share is not None]
        never = []
        for learner in dict.fromkeys(row.learner for row in own):
            shares: dict[int, float] = {}  # the most at each sample size
            for row in own:
                if row.learner == learner:
                    shares[row.num_samples] = max(shares.get(row.num_samples, 0.0), row.infinite_share or 0.0)
            if not any(shares.values()):
                never.append(one_line(learner))
                continue
            most = "up to " if len({row.condition for row in own}) > 1 else ""
            ends = [min(shares), max(shares)] if len(shares) > 1 else list(shares)
            parts = [f"{most}{share(shares[size])} of the runs with {count(size)} samples" for size in ends]
            found.append(f"{one_line(problem)}, {one_line(learner)}: infinite in {joined(parts)}.")
        if never:
            found.append(f"{one_line(problem)}, {joined(never)}: never infinite.")
    return found


def status_findings(rows: list[SummaryRow]) -> list[str]:
    """One sentence that says whether every fit converged."""
    if all(not row.not_converged for row in rows):
        return ["Every fit is exact or converged."]
    stopped = sum(row.statuses.get("max_steps", 0) + row.statuses.get("non_finite", 0) for row in rows)
    fits = sum(row.runs for row in rows)
    boundary = sum(row.statuses.get("boundary", 0) for row in rows)
    text = [f"{count(stopped)} of {count(fits)} fits ran out of steps or became non-finite."]
    if boundary:
        text.append(f"{count(boundary)} stopped close to an optimum that lies at infinity (zero counts).")
    return text


def omitted_means(rows: list[SummaryRow]) -> list[str]:
    """Say where a mean error is left out because a run's is infinite."""
    return [
        f"{place(row)}, {one_line(row.learner)}: no mean, since KL(fit‖truth) is infinite in "
        f"{share(row.infinite_error / row.runs)} of the runs."
        for row in rows
        if row.infinite_error
    ][:20]
