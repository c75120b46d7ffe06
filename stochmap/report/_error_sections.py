"""The sections about errors: recovery, Gaussians, regret, every measure."""

from __future__ import annotations

import math

from ._lines import Limits, Lines, Rows, ends, error_span, line_charts, span
from ._numbers import Mean, count, number, one_line, plus_minus, share
from ._section import Material, Section, Table, where
from ._text import omitted_means

_BARS = "Logarithmic scales; bars are 95 % intervals."


def recovery_section(material: Material, errors: Rows) -> Section:
    """KL error against the sample size, and efficiency."""
    error = Lines(
        column="error",
        file="recovery_error",
        suffix=": error",
        caption=_BARS,
        y_label="mean KL(fit‖truth), nats",
        limits=error_span,
        reference="what theory expects",
        log_y=True,
    )
    efficiency = Lines(
        column="efficiency",
        file="efficiency",
        suffix=": efficiency",
        caption="The same errors divided into what theory expects; above 1 is better.",
        y_label="efficiency, Σ theory / Σ error",
        limits=lambda rows: span(rows, ends("efficiency"), 1.0),
        level=(1.0, "what theory expects"),
    )
    return Section(
        anchor="recovery",
        title="Recovery error",
        shows="How far each learner's mapping is from the truth, averaged over runs, and how that falls with the "
        "number of samples.",
        look_for="Lines that follow the dashed one lose nothing that theory allows them. Above it (efficiency below 1) "
        "data is wasted, or the sample is still too small for the theory; below it a prior helps.",
        computed="Mean KL(fit‖truth) over runs, weighted by p(x) over the x that a run saw. Theory: "
        "Σ w(x)·(s(x) − 1)/(2 n(x)) for tables, with s(x) the number of possible y and n(x) the samples at x; "
        "Σ w(x)/n(x) for Gaussians.",
        queries=["recovery_error"],
        charts=line_charts(material, [row for row in errors if row["metric"] == "kl_fit_truth"], error, efficiency),
        notes=[*omitted_means(material.summary), *material.facet_notes()],
    )


def gaussian_section(material: Material, errors: Rows) -> Section | None:
    """Errors of a Gaussian's mean and std beside Cramér–Rao."""
    charts = []
    for metric, word in (("mean_error", "mean"), ("std_error", "std")):
        lines = Lines(
            column="error",
            file=metric,
            suffix=f": {word}",
            caption=_BARS,
            y_label=f"RMS error of the {word} (units of y)",
            limits=_root_span,
            transform=_root,
            reference="Cramér–Rao",
            log_y=True,
        )
        charts += line_charts(material, [row for row in errors if row["metric"] == metric], lines)
    if not charts:
        return None
    return Section(
        anchor="gaussian",
        title="Mean and standard deviation of Gaussians",
        shows="How far the learned mean and standard deviation are from the true ones.",
        look_for="Lines on the dashed one are as good as an unbiased estimate can be. At small n the std of maximum "
        "likelihood lies a little above it; a prior may lie below.",
        computed="The root of the mean squared error over runs (RMS). Cramér–Rao: the root of σ²/n for the mean, of "
        "σ²/(2n) for the std.",
        queries=["recovery_error"],
        charts=charts,
        notes=material.facet_notes(),
    )


def _root(value: float) -> float:
    return math.sqrt(max(value, 0.0))


def _root_span(rows: Rows) -> Limits:
    limits = error_span(rows)
    return limits and (_root(limits[0]), _root(limits[1]))


def regret_section(material: Material) -> Section | None:
    """What a learner loses beyond the least loss that is possible."""
    rows = material.queries.rows("regret")
    if not rows:
        return None
    lines = Lines(
        column="regret",
        file="regret",
        caption="Bars are 95 % intervals.",
        y_label="mean regret, nats",
        limits=lambda rows: span(rows, ends("regret"), 0.0),
        level=(0.0, "the least possible"),
    )
    table = []
    for problem, condition, row in material.in_order(rows):
        mean = Mean.from_interval(row["regret"], row["regret_high"])
        shown = f"∞ in {share(row['infinite'] / row['runs'])}" if row["infinite"] else plus_minus(mean)
        table.append([*where(problem, condition), one_line(row["learner"]), count(row["runs"]), shown])
    return Section(
        anchor="regret",
        title="Regret",
        shows="What each learner loses beyond the least expected KL(truth‖fit) that any learner could have, for truths "
        "drawn from a Dirichlet prior. This limit is exact at every sample size.",
        look_for="The posterior mean under the truths' own prior lies at 0 within its error; every other learner lies "
        "above.",
        computed="KL(truth‖fit) minus the expected KL of the posterior mean given the same counts, averaged over runs; "
        "left out where a run's is infinite.",
        queries=["regret"],
        charts=line_charts(material, rows, lines),
        tables=[Table(["problem", "samples", "learner", "runs", "regret, nats"], table)],
        notes=material.facet_notes(),
    )


_MEASURES = {
    "kl_fit_truth": "KL(fit‖truth), nats",
    "kl_truth_fit": "KL(truth‖fit), nats",
    "kl_all": "KL over all x, nats",
    "total_variation": "total variation",
    "l2_squared": "ℓ₂²",
    "hellinger": "Hellinger",
    "mean_error": "squared error of the mean",
    "std_error": "squared error of the std",
    "optimality_gap": "optimality gap, nats",
}


def measures_section(material: Material, errors: Rows) -> Section:
    """Every measure of error in one table."""
    place = list(_MEASURES).index
    table = []
    for problem, condition, row in material.in_order(sorted(errors, key=lambda row: place(row["metric"]))):
        error, efficiency = (Mean.from_interval(row[name], row[f"{name}_high"]) for name in ("error", "efficiency"))
        shown = f"∞ in {share(row['infinite'] / row['runs'])}" if row["infinite"] else plus_minus(error)
        table.append(
            [*where(problem, condition), one_line(row["learner"]), _MEASURES[row["metric"]]]
            + [count(row["runs"]), shown, number(row["reference"]), plus_minus(efficiency)]
        )
    head = ["problem", "samples", "learner", "measure", "runs", "mean", "theory", "efficiency"]
    words = ("problem", "learner", "measure")
    return Section(
        anchor="measures",
        title="Every measure of error",
        shows="The same runs by every measure that the store holds.",
        look_for="Learners that differ by one measure only, and gaps to the optimum that are not small beside the "
        "error.",
        computed="Means over runs with 95 % intervals; no mean where a run's value is infinite.",
        queries=["recovery_error"],
        tables=[Table(head, table, words=words, caption="Every measure", folded=True)],
    )
