"""The sections about the study as a whole: summary, overview, coverage, infinities, statuses."""

from __future__ import annotations

from ._conditions import axis_name, field_text
from ._lines import Limits, Lines, Rows, ends, line_charts, span
from ._numbers import count, number, one_line, plus_minus, share
from ._section import Material, Section, Table, where
from ._summary import STATUSES, unseen
from ._text import coverage_findings, infinite_findings, recovery_findings, status_findings


def summary_section(material: Material) -> Section:
    """The table that the job prints, with its sentences."""
    conditions = {condition.condition_id: (problem, condition) for problem, condition in material.conditions()}
    rows = []
    for row in material.summary:
        error = f"∞ in {share(row.infinite_error / row.runs)}" if row.infinite_error else plus_minus(row.error)
        ending = ", ".join(f"{status} {share(part)}" for status, part in row.not_converged.items())
        rows.append(
            [*where(*conditions[row.condition_id]), one_line(row.learner), count(row.runs), error]
            + [number(row.reference), plus_minus(row.efficiency), share(row.infinite_share)]
            + [plus_minus(row.coverage, percent=True), ending or "–"]
        )
    head = ["problem", "samples", "learner", "runs", "KL error, nats", "theory", "efficiency", "KL = ∞", "covered, %"]
    single = any(row.runs == 1 for row in material.summary)
    return Section(
        anchor="summary",
        title="Summary",
        shows="One row for each problem, sample size and learner: its mean error, KL(fit‖truth) in nats, beside what "
        "theory expects of maximum likelihood at the sample sizes that the runs really had.",
        look_for="Efficiency is Σ theory / Σ error: 1 means as good as theory expects, below 1 wasteful, above 1 "
        "helped by a prior. It is a reference for large samples, not a bound.",
        computed="± is half of a 95 % interval: 1.96 standard errors from run to run (for efficiency by the delta "
        "method). KL = ∞ is the share of runs whose KL(truth‖fit) is infinite.",
        queries=["summary"],
        findings=recovery_findings(material.summary),
        tables=[Table([*head, "not converged"], rows, words=("problem", "learner", "not converged"))],
        notes=[
            *unseen(material.summary),
            *(["Rows of 1 run have no interval: the spread between runs is unknown."] if single else []),
        ],
    )


def overview_section(material: Material) -> Section:
    """Problems, their grids and how truths were drawn."""
    rows = []
    for problem in material.problems:
        fields: dict[str, list[str]] = {}
        for condition in problem.conditions:
            for key, value in condition.fields.items():
                texts = fields.setdefault(key, [])
                if field_text(value) not in texts:
                    texts.append(field_text(value))
        described = [
            f"{axis_name(key)} {', '.join(texts[:8])}{', …' if len(texts) > 8 else ''}"
            for key, texts in fields.items()
            if key not in ("truth_kind", "inputs_kind")
        ]
        own = [row for row in material.overview if row["problem"] == problem.name]
        sizes = list(map(count, sorted({condition.num_samples for condition in problem.conditions})))
        each = sorted({condition.runs for condition in problem.conditions})
        rows.append(
            [one_line(problem.name), ", ".join(fields.get("truth_kind", ["–"])), "; ".join(described) or "–"]
            + [", ".join(fields.get("inputs_kind", ["–"]))]
            + [", ".join(sizes if len(sizes) <= 6 else [*sizes[:4], "…", sizes[-1]]), count(len(own))]
            + [count(each[0]) if len(each) == 1 else f"{count(each[0])}–{count(each[-1])}", count(problem.runs)]
            + [count(min(row["min_visited_x"] for row in own))]
        )
    head = ["problem", "truth", "its fields", "inputs", "samples per run", "conditions", "runs each", "runs"]
    return Section(
        anchor="overview",
        title="What was run",
        shows="The problems of this study, how their truths and inputs were drawn, and how many runs each has. A run "
        "is one truth and one dataset drawn from it; every learner sees the same data of a run.",
        look_for="Fewest x seen: below the number of x, some runs never saw some inputs; those rows are not scored.",
        computed="Counted from the runs table.",
        queries=["overview"],
        tables=[Table([*head, "fewest x seen"], rows, words=("problem", "truth", "its fields", "inputs"))],
    )


def _coverage_span(rows: Rows) -> Limits:
    limits = span(rows, ends("coverage"), 0.93, 0.97)
    return limits and (max(limits[0], -0.02), min(limits[1], 1.02))


def coverage_section(material: Material) -> Section | None:
    """Coverage of the 95 % intervals."""
    rows = material.queries.rows("coverage")
    if not rows:
        return None
    lines = Lines(
        column="coverage",
        file="coverage",
        caption="Bars are 95 % intervals from run to run.",
        y_label="intervals that contain the truth",
        limits=_coverage_span,
        level=(0.95, "95 %"),
        percent=True,
    )
    return Section(
        anchor="coverage",
        title="Interval coverage",
        shows="How often the 95 % intervals of those learners that have them contain the true value.",
        look_for="Points at the dashed line. Below it the learner is too sure of itself. Exact coverage is owed only "
        "where truths come from the learner's own prior, or at large n.",
        computed="The share of a run's intervals that contain the truth, averaged over runs. The bars come from the "
        "spread between runs, since the cells of one run are not independent.",
        queries=["coverage"],
        findings=coverage_findings(material.summary),
        charts=line_charts(material, rows, lines),
        notes=material.facet_notes(),
    )


def infinite_section(material: Material) -> Section | None:
    """The share of runs with an infinite KL(truth‖fit)."""
    rows = material.queries.rows("infinite")
    if not rows:
        return None
    lines = Lines(
        column="share",
        file="infinite",
        caption="Bars are 95 % Wilson intervals.",
        y_label="runs with KL(truth‖fit) = ∞",
        limits=lambda _: (-0.03, 1.03),
        percent=True,
    )
    concerned = {row["problem"] for row in rows if row["infinite"]}
    return Section(
        anchor="infinite",
        title="Infinite KL(truth‖fit)",
        shows="How often a learner gives probability 0 to something that can happen, which makes KL(truth‖fit) "
        "infinite.",
        look_for="Counting alone does this until every possible cell was seen; learners with a prior never do. Means "
        "over the finite runs alone are not shown: they would compare different runs.",
        computed="Runs with an infinite KL(truth‖fit) divided by all runs that have one.",
        queries=["infinite"],
        findings=infinite_findings(material.summary),
        charts=line_charts(material, [row for row in rows if row["problem"] in concerned], lines),
    )


def status_section(material: Material) -> Section:
    """How the fits ended."""
    rows = material.queries.rows("status")
    present = [status for status in STATUSES if any(row[status] for row in rows)]
    iterated = any(row["median_steps"] is not None for row in rows)
    head = ["problem", "samples", "learner", "fits", *present, *(["median steps", "most steps"] if iterated else [])]
    table = []
    for problem, condition, row in material.in_order(rows):
        cells = [*where(problem, condition), one_line(row["learner"]), count(row["fits"])]
        cells += [count(row[status]) if row[status] else "·" for status in present]
        if iterated:
            cells += ["–" if row[key] is None else count(round(row[key])) for key in ("median_steps", "most_steps")]
        table.append(cells)
    return Section(
        anchor="status",
        title="How the fits ended",
        shows="The status of every fit.",
        look_for="exact is a closed form. converged stopped well inside the statistical error. boundary stopped close "
        "to an optimum at infinity, as zero counts cause. max_steps and non_finite did not get there: read their "
        "errors with care.",
        computed="Counted from the fits table.",
        queries=["status"],
        findings=status_findings(material.summary),
        tables=[Table(head, table)],
    )
