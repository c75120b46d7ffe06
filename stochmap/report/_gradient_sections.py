"""The sections of the laboratory's page."""

from __future__ import annotations

import math

from ._gradient_axis_sections import axis_section, temperature_section
from ._gradient_charts import Dots, dot_plot
from ._gradient_learning_sections import curves_section, learning_section
from ._gradient_material import LabMaterial
from ._gradient_regions import PRICES, Region, regions
from ._gradient_table import calls_text, flag, with_error
from ._numbers import number, one_line, plural
from ._section import Section, Table
from ._style import draw

_SUMMARY, _MEASUREMENTS = "gradients/summary", "gradients/measurements"
_CLEAR = 10.0  # standard errors of an exact bias that has to be seen
_MOST_CELLS = 12  # charts of single problems


def every_section(material: LabMaterial) -> list[Section]:
    """The sections that this store has something for."""
    found: list[Section | None] = []
    if material.cells:
        found += [
            region_section(material),
            cost_section(material),
            axis_section(material),
            temperature_section(material),
        ]
    if not material.queries.missing("gradients/quantiles"):
        found.append(learning_section(material))
    if not material.queries.missing("gradients/curves"):
        found.append(curves_section(material))
    if material.cells:  # last: they are long
        found += [check_section(material), summary_section(material)]
    return [section for section in found if section is not None]


def region_section(material: LabMaterial) -> Section | None:
    """The recommendations: for every cell and price of the cost, what has the least mean squared error."""
    found = [region for cell in material.cells for region in regions(cell, material.budget)]
    if not found:
        return None
    rows = [
        [one_line(each.cell.title), each.family, str(each.dimension), each.classes, each.price_text]
        + [each.best.label, number(each.best.error, 3)]
        + [each.best_unbiased.label, number(each.best_unbiased.error, 3), each.outcomes_text]
        for each in found
    ]
    head = ["problem", "family", "D", "k", "cost of f", "least MSE", "its MSE", "least MSE, unbiased", "its MSE "]
    findings = [each.sentence for each in _representative(found)]
    return Section(
        anchor="regions",
        title="Which estimator?",
        shows="For every problem and price of one call of the cost, the estimator whose average has the least mean "
        f"squared error when it gets the time of {material.budget} calls; a gradient of the cost counts as 3 calls, "
        "and the estimator's own time, as measured here, is added.",
        look_for="Where the outcomes can be listed within the budget, list them: there is no error. Of what draws "
        "samples, where a biased estimator is named first its bias is below the noise that the budget leaves; with a "
        "larger budget the unbiased one wins. The last column says how many calls listing takes.",
        computed="MSE = bias² + variance · (own time + calls · price) / budgeted time, bias² and variance averaged "
        "over the parameters; exact where a finite sum or a quadrature gives them, else simulated.",
        queries=[_SUMMARY],
        findings=findings,
        tables=[
            Table(
                [*head, "outcomes"], rows, words=("problem", "family", "cost of f", "least MSE", "least MSE, unbiased")
            )
        ],
    )


def _representative(found: list[Region]) -> list[Region]:
    """At most a dozen regions that are told as sentences, spread over the problems and prices."""
    step = math.ceil(len(found) / 12)
    return found[:: step + (step % len(PRICES) == 0)]


def summary_section(material: LabMaterial) -> Section:
    """The table that the job prints."""
    rows = [
        [
            one_line(cell.title),
            row["label"],
            calls_text(row),
            with_error(row, "bias_square"),
            with_error(row, "variance"),
        ]
        + [number(row["mse"]), number(1e6 * row["seconds"], 3)]
        + [flag(row["declared"]), flag(row["observed"])]
        for cell in material.cells
        for row in cell.rows
    ]
    head = ["problem", "estimator", "calls", "bias²", "variance", "MSE", "µs", "unbiased"]
    return Section(
        anchor="summary",
        title="Every estimator on every problem",
        shows="One row a problem and estimator: squared bias and variance of one estimate, averaged over the "
        "parameters, and what one estimate takes.",
        look_for="“unbiased” is what the estimator says of itself on this problem, “seen” whether every parameter's "
        "mean lies within 4.89 standard errors of the exact gradient (an unbiased one fails with probability 1e-6). A "
        "biased estimator may be seen as unbiased where its bias happens to vanish.",
        computed=f"MSE: bias² + variance · calls / {material.budget}, a gradient counted as 3 calls. "
        "What has a ± (1.96 standard errors) is simulated: the error of bias² is 2·|bias| standard errors, that of "
        "a variance comes from the fourth moment. What has none is exact.",
        queries=[_SUMMARY],
        tables=[Table([*head, "seen"], rows, words=("problem", "estimator", "calls", "unbiased", "seen"))],
    )


def check_section(material: LabMaterial) -> Section:
    """Whether bias is seen where it is, and only there."""
    measured = material.queries.rows(_MEASUREMENTS)
    known = [row for row in measured if row["exact_bias"] is not None]
    clear = [row for row in known if abs(row["exact_bias"]) >= _CLEAR * max(row["standard_error"], 1e-13)]
    seen = [row for row in clear if not row["unbiased_observed"]]
    unbiased = [row for row in measured if row["unbiased_declared"]]
    alarms = [row for row in unbiased if not row["unbiased_observed"]]
    scores = [abs(row["bias"]) / row["standard_error"] for row in unbiased if row["standard_error"] > 1e-12]
    varied = [
        abs(row["variance"] - row["exact_variance"]) / row["variance_standard_error"]
        for row in known
        if row["variance_standard_error"] > 1e-12
    ]
    findings = [
        f"{plural(len(unbiased), 'parameter')} of estimators that say to be unbiased: {len(alarms)} seen as biased; "
        f"the largest |bias| is {number(max(scores, default=0.0), 3)} standard errors.",
        f"{plural(len(clear), 'parameter')} whose exact bias is {_CLEAR:.0f} standard errors or more: "
        f"{len(seen)} seen as biased.",
        f"{plural(len(varied), 'simulated variance')} beside an exact one: the furthest is "
        f"{number(max(varied, default=0.0), 3)} standard errors away.",
    ]
    wrong = [row for row in alarms + [row for row in clear if row["unbiased_observed"]]]
    rows = [
        [one_line(row["problem"]), one_line(row["estimator"]), str(row["parameter"]), number(row["bias"])]
        + [number(row["standard_error"]), number(row["exact_bias"])]
        for row in wrong
    ]
    head = ["problem", "estimator", "parameter", "bias", "standard error", "exact bias"]
    return Section(
        anchor="checks",
        title="Is bias seen where it is, and only there?",
        shows="The estimators' own words, the simulation and the theory against each other, parameter by parameter.",
        look_for="No unbiased estimator seen as biased, and every clear bias seen.",
        computed="A parameter is seen as biased where |mean − exact| exceeds 4.89 standard errors. The chance of one "
        "false alarm is 1e-6 a parameter; a bias of 10 standard errors is missed with a chance of 2e-7.",
        queries=[_MEASUREMENTS],
        findings=findings,
        tables=[Table(head, rows, words=("problem", "estimator"))] if rows else [],
    )


def cost_section(material: LabMaterial) -> Section:
    """Bias² and variance at equal calls and at equal time, one chart a problem."""
    charts = []
    for cell in material.cells[:: math.ceil(len(material.cells) / _MOST_CELLS)]:
        slowest = max(row["seconds"] for row in cell.rows)
        dots = [
            Dots(
                row["label"],
                row["bias_square"],
                row["variance"] * row["work"] / material.budget,
                row["variance"] * row["seconds"] / (material.budget * slowest),
            )
            for row in cell.rows
            if row["estimator_kind"] != "exact"
        ]
        labels = ("variance at equal calls", "variance at equal time", "bias²")
        charts.append(
            draw(
                dot_plot(dots, labels),
                name=material.file_name("costs", cell.title),
                title=one_line(cell.title),
                caption=f"{material.budget} calls; or {number(1e6 * slowest * material.budget, 3)} µs on one core.",
            )
        )
    more = len(material.cells) - len(charts)
    return Section(
        anchor="costs",
        title="Bias and variance at equal calls and at equal time",
        shows="Squared bias of every estimator beside the variance of its average, when all get the same number of "
        "calls, and when all get the same time on these cheap costs.",
        look_for="Where the orange square lies right of the blue dot, the bias is most of the error, and more samples "
        "do not help.",
        computed=f"Equal calls: variance · calls / {material.budget}. Equal time: variance · seconds per estimate / "
        "the time in the caption, which is that of the slowest estimator's estimates.",
        queries=[_SUMMARY],
        charts=charts,
        notes=[f"{len(charts)} of the problems; the table holds {more} more."] if more else [],
    )
