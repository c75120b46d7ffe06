"""The sections of the laboratory's page."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ._gradient_charts import Band, Dots, bands, curves, dot_plot
from ._gradient_material import LabCell, LabMaterial
from ._gradient_regions import Region, regions
from ._gradient_table import calls_text, flag
from ._numbers import count, joined, number, one_line, plural, share
from ._section import Section, Table
from ._style import Chart, draw, learner_styles

_SUMMARY, _MEASUREMENTS = "gradients/summary", "gradients/measurements"
_CLEAR = 10.0  # standard errors of an exact bias that has to be seen
_MOST_CELLS = 12  # charts of single problems
_AXES = ("num_classes", "dimension", "curvature")
_AXIS_LABELS = {"num_classes": "classes, k", "dimension": "dimensions, D", "curvature": "curvature of the cost"}
_SHOWN_TEMPERATURE = 0.5
_MOST_TEMPERATURES = 6  # problems with charts against the temperature
_ROUNDING = 1e-18  # of a squared bias, relative to the squared gradient
_BOTH: tuple[tuple[str, str, str, Callable[[dict[str, Any]], float]], ...] = (
    ("bias", "squared bias", "bias²/gradient²", lambda row: row["bias_square"]),
    ("calls", "variance at equal calls", "variance · calls / gradient²", lambda row: row["variance"] * row["work"]),
)


def every_section(material: LabMaterial) -> list[Section]:
    """The sections that this store has something for."""
    found: list[Section | None] = []
    if material.cells:
        measured = material.queries.rows(_MEASUREMENTS)
        found += [
            region_section(material),
            summary_section(material),
            check_section(material, measured),
            cost_section(material),
            axis_section(material),
            temperature_section(material),
        ]
    if not material.queries.missing("gradients/quantiles"):
        found.append(learning_section(material))
    if not material.queries.missing("gradients/curves"):
        found.append(curves_section(material))
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
        look_for="Where a biased estimator is named first, its bias is below the noise that the budget leaves; with a "
        "larger budget the unbiased one wins. Listing all outcomes has no error at all where it is affordable: the "
        "last column says how many calls it takes.",
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
    """At most a dozen regions that are told as sentences, spread over the problems."""
    step = max(1, math.ceil(len(found) / 12))
    return found[::step]


def summary_section(material: LabMaterial) -> Section:
    """The table that the job prints."""
    rows = [
        [one_line(cell.title), row["label"], calls_text(row), number(row["bias_square"]), _with_error(row)]
        + [number(row["mse"]), number(1e6 * row["seconds"], 3), "exact" if row["is_exact"] else "simulated"]
        + [flag(row["declared"]), flag(row["observed"])]
        for cell in material.cells
        for row in cell.rows
    ]
    head = ["problem", "estimator", "calls", "bias²", "variance", "MSE at the budget", "µs", "moments", "unbiased"]
    return Section(
        anchor="summary",
        title="Every estimator on every problem",
        shows="One row a problem and estimator: squared bias and variance of one estimate, averaged over the "
        "parameters, and what one estimate takes.",
        look_for="“unbiased” is what the estimator says of itself on this problem, “seen” whether every parameter's "
        "mean lies within 4.89 standard errors of the exact gradient (an unbiased one fails with probability 1e-6). A "
        "biased estimator may be seen as unbiased where its bias happens to vanish.",
        computed=f"MSE at the budget: bias² + variance · calls / {material.budget}, a gradient counted as 3 calls. "
        "Simulated variances with their standard errors from the fourth moment.",
        queries=[_SUMMARY],
        tables=[Table([*head, "seen"], rows, words=("problem", "estimator", "calls", "moments", "unbiased", "seen"))],
    )


def _with_error(row: dict[str, Any]) -> str:
    if not row["variance_se"]:
        return number(row["variance"])
    return f"{number(row['variance'])} ± {number(1.96 * row['variance_se'], 2)}"


def check_section(material: LabMaterial, measured: list[dict[str, Any]]) -> Section:
    """Whether bias is seen where it is, and only there."""
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
    for cell in material.cells[:_MOST_CELLS]:
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
        notes=[f"The first {_MOST_CELLS} problems; the table holds {more} more."] if more else [],
    )


def axis_section(material: LabMaterial) -> Section | None:
    """Bias², variance at equal calls and at equal time against k, D or the curvature."""
    charts = []
    for axis in _AXES:
        for problem in material.problems():
            cells = [cell for cell in material.cells if cell.problem == problem and axis in cell.axes]
            facets: dict[str, list[LabCell]] = {}
            for cell in cells:
                others = {key: value for key, value in cell.axes.items() if key != axis}
                facets.setdefault(
                    ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in others.items()), []
                ).append(cell)
            for facet, own in list(facets.items())[:3] if axis != "curvature" else list(facets.items())[:1]:
                if len(own) > 2:
                    charts += _axis_charts(material, problem, facet, axis, own)
    if not charts:
        return None
    return Section(
        anchor="axes",
        title="Against classes, dimensions and curvature",
        shows="Squared bias, and the variance of one call's worth and of one microsecond's worth of estimates, along "
        "the axes of the grid.",
        look_for="Slopes: on a logarithmic scale they say how an estimator scales. Listing all outcomes (exact) is "
        "left out: it has no error where it is affordable.",
        computed="Averages over the parameters, divided by the mean squared gradient. Equal calls: variance · calls; "
        f"equal time: variance · seconds / 1 µs. Relaxed estimators at temperature {_SHOWN_TEMPERATURE:g} where "
        "several were run.",
        queries=[_SUMMARY],
        charts=charts,
        layout="two",
    )


def _axis_charts(material: LabMaterial, problem: str, facet: str, axis: str, cells: list[LabCell]) -> list[Chart]:
    kinds = (
        *_BOTH,
        (
            "time",
            "variance at equal time",
            "variance · µs / gradient²",
            lambda row: 1e6 * row["variance"] * row["seconds"],
        ),
    )
    shown = [(cell.axes[axis], row) for cell in cells for row in cell.rows if _is_shown(row)]
    names = sorted({row["estimator"] for _, row in shown})
    where = one_line(problem) + (f" · {facet}" if facet else "")
    charts = []
    for name, title, label, value in kinds:
        found = {
            each: _points([(x, value(row) / row["gradient_square"]) for x, row in shown if row["estimator"] == each])
            for each in names
        }
        found = {each: points for each, points in found.items() if (points[1] > _ROUNDING).any()}
        if found:
            figure = curves(found, learner_styles(names), x_label=_AXIS_LABELS[axis], y_label=label)
            charts.append(draw(figure, name=material.file_name(axis, name, problem, facet), title=f"{where}: {title}"))
    return charts


def _points(pairs: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    x, value = np.array(sorted(pairs), float).T
    return x, np.where(value > _ROUNDING, value, 0.0)


def _is_shown(row: dict[str, Any]) -> bool:
    if row["estimator_kind"] == "exact":
        return False
    temperature = row.get("estimator_temperature")
    if temperature is None or "temperature" not in row["label"]:
        return True
    return temperature == (1.0 if row["estimator_kind"] == "reinmax" else _SHOWN_TEMPERATURE)


def temperature_section(material: LabMaterial) -> Section | None:
    """Bias² and variance of the relaxed estimators against their temperature."""
    charts = []
    for cell in material.cells[:: max(1, math.ceil(len(material.cells) / _MOST_TEMPERATURES))]:
        kinds: dict[str, list[dict[str, Any]]] = {}
        for row in cell.rows:
            if row.get("estimator_temperature") is not None:
                kinds.setdefault(row["estimator"], []).append(row)
        kinds = {kind: rows for kind, rows in kinds.items() if len({row["estimator_temperature"] for row in rows}) > 2}
        for name, title, label, value in _BOTH:
            found = {
                kind: _points([(row["estimator_temperature"], value(row) / row["gradient_square"]) for row in rows])
                for kind, rows in kinds.items()
            }
            if found:
                figure = curves(found, learner_styles(list(kinds)), x_label="temperature", y_label=label)
                file = material.file_name("temperature", name, cell.title)
                charts.append(draw(figure, name=file, title=f"{one_line(cell.title)}: {title}"))
    if not charts:
        return None
    return Section(
        anchor="temperature",
        title="Against the temperature",
        shows="What a lower temperature buys a relaxed estimator, and what it costs.",
        look_for="Gumbel-softmax trades bias for variance; straight-through Gumbel-softmax keeps a bias at every "
        "temperature, since the cost's slope is taken at the corner.",
        computed="Averages over the parameters, divided by the mean squared gradient.",
        queries=[_SUMMARY],
        charts=charts,
    )


def learning_section(material: LabMaterial) -> Section:
    """Where an estimator leads: quantiles of the parameter over the runs."""
    rows = material.queries.rows("gradients/quantiles")
    tasks = list(dict.fromkeys((row["task"], row["condition_id"], row["parameter"]) for row in rows))
    table, charts, findings = [], [], []
    for task, condition_id, parameter in tasks:
        own = [row for row in rows if (row["condition_id"], row["parameter"]) == (condition_id, parameter)]
        names = list(dict.fromkeys(row["estimator"] for row in own))
        last = max(row["step"] for row in own)
        bit = "bernoulli" in own[0]["problem_kind"]
        ends = {row["estimator"]: row for row in own if row["step"] == last}
        for name in names:
            end = ends[name]
            table.append(
                [one_line(task), one_line(name), count(end["runs"]), count(last)]
                + [number(end[q], 3) for q in ("q05", "q25", "q50", "q75", "q95")]
                + [share(end["above"])]
            )
        if bit and "score_function" in ends:
            end = ends["score_function"]
            findings.append(
                f"{one_line(task)}: after {count(last)} steps the score function's θ lies between "
                f"{number(end['q05'], 2)} and {number(end['q95'], 2)} in 90 % of the runs, above ½ in "
                f"{share(end['above'])}; of t = 0.499 at 10,000 steps 0.13 to 0.77 and a third are known."
            )
        others = [name for name in names if name in ("rebar", "relax")]
        if bit and others:
            told = [f"{name} at {number(ends[name]['q50'], 2)}" for name in others]
            findings.append(f"{one_line(task)}: medians of θ: {joined(told)}; the optimum is 0.")
        if bit and "straight_through" in ends:
            told = number(ends["straight_through"]["q50"], 3)
            findings.append(
                f"{one_line(task)}: straight-through ends at θ = {told}: at t, where its bias puts the zero."
            )
        found = []
        for name in names:
            path = [row for row in own if row["estimator"] == name]
            arrays = [np.array([row[key] for row in path], float) for key in ("step", "q05", "q50", "q95")]
            found.append(Band(name, *arrays))
        charts.append(
            draw(
                bands(found, learner_styles(names), y_label="θ" if bit else f"parameter {parameter}"),
                name=material.file_name("learning", task, str(parameter)),
                title=f"{one_line(task)}: median and 5 % to 95 % of the runs",
            )
        )
    head = ["task", "estimator", "runs", "step", "5 %", "25 %", "median", "75 %", "95 %", "above ½ (or 0)"]
    return Section(
        anchor="learning",
        title="Followed downhill",
        shows="Adam on the expected cost with one estimate a step, over many seeds: where the parameter is.",
        look_for="An estimator whose noise is larger than the signal wanders; a biased one goes to the wrong place "
        "with confidence.",
        computed="Quantiles over the runs at the recorded steps; θ = 1/(1 + e^(−logit)).",
        queries=["gradients/quantiles"],
        findings=findings,
        charts=charts,
        layout="wide",
        tables=[Table(head, table, words=("task", "estimator"))],
    )


def curves_section(material: LabMaterial) -> Section:
    """The learner sampled_gradient with every estimator: distance to maximum likelihood along the steps."""
    rows = material.queries.rows("gradients/curves")
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    last = max(row["step"] for row in rows)
    ends = [row for row in rows if row["step"] == last]
    found = {
        name: (
            np.array([row["step"] for row in rows if row["estimator"] == name], float),
            np.array([row["excess"] for row in rows if row["estimator"] == name], float),
        )
        for name in names
    }
    chart = draw(
        curves(found, learner_styles(names), x_label="step", y_label="score above its optimum"),
        name=material.file_name("learning_curves"),
        title="The proper score above its optimum, averaged over the runs",
    )
    table = [
        [one_line(row["estimator"]), count(row["runs"]), number(row["distance"], 3), share(row["within"])]
        for row in ends
    ]
    return Section(
        anchor="curves",
        title="Learning a mapping from its samples",
        shows="The learner sampled_gradient with every estimator, on the same data: how the score comes down.",
        look_for="Every estimator that is unbiased on this score lands on counts / n, straight-through and ReinMax "
        "too: the score is linear in each of its two independent samples. Relaxed estimators end there as well: at "
        "counts / n the cost is the same for every outcome, and their bias is gone with it.",
        computed="Distance: ‖fit − counts/n‖² over Σ(1 − Σp̂²)/n, the variance that the data leave; the share of runs "
        "with at most 5 %.",
        queries=["gradients/curves"],
        charts=[chart],
        layout="wide",
        tables=[Table(["estimator", "runs", "distance", "within 5 %"], table, words=("estimator",))],
    )
