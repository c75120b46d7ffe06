"""Sections of the laboratory's page about learning: parameters followed downhill, and a mapping from its samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._gradient_charts import Band, bands, curves
from ._gradient_material import LabMaterial
from ._numbers import count, joined, number, one_line, share
from ._section import Section, Table
from ._style import draw, learner_styles


def learning_section(material: LabMaterial) -> Section:
    """Where an estimator leads: quantiles of the parameter over the runs."""
    rows = material.queries.rows("gradients/quantiles")
    tasks = list(dict.fromkeys((row["task"], row["condition_id"], row["parameter"]) for row in rows))
    table, charts, findings = [], [], []
    for task, condition_id, parameter in tasks:
        own = [row for row in rows if (row["condition_id"], row["parameter"]) == (condition_id, parameter)]
        names = list(dict.fromkeys(row["estimator"] for row in own))
        last = max(row["step"] for row in own)
        bit = own[0]["distribution"] == "bernoulli"
        ends = {row["estimator"]: row for row in own if row["step"] == last}
        for name in names:
            end = ends[name]
            table.append(
                [one_line(task), one_line(name), count(end["runs"]), count(last)]
                + [_quantile(end, "q05"), number(end["q25"], 3), _quantile(end, "q50"), number(end["q75"], 3)]
                + [_quantile(end, "q95"), share(end["above"])]
            )
        findings += learning_findings(one_line(task), parameter, last, ends)
        found = []
        for name in names:
            path = [row for row in own if row["estimator"] == name]
            arrays = [np.array([row[key] for row in path], float) for key in ("step", "q05", "q50", "q95")]
            found.append(Band(name, *arrays))
        charts.append(
            draw(
                bands(
                    found,
                    learner_styles(names),
                    y_label="θ" if bit else f"parameter {parameter}",
                    start=own[0]["start"],
                ),
                name=material.file_name("learning", task, str(parameter)),
                title=f"{one_line(task)}: median and 5 % to 95 % of the runs",
            )
        )
    head = ["task", "estimator", "runs", "step", "5 %", "25 %", "median", "75 %", "95 %", "above its start"]
    return Section(
        anchor="learning",
        title="Followed downhill",
        shows="Adam on the expected cost with one estimate a step, over many seeds: where the parameter is.",
        look_for="An estimator whose noise is larger than the signal wanders; a biased one goes to the wrong place "
        "with confidence.",
        computed="Quantiles over the runs at the recorded steps; θ = 1/(1 + e^(−logit)). After ±: 1.96 standard "
        "errors, from the order statistics whose ranks are a binomial standard deviation away.",
        queries=["gradients/quantiles"],
        findings=findings,
        charts=charts,
        layout="wide",
        tables=[Table(head, table, words=("task", "estimator"))],
    )


def learning_findings(task: str, parameter: int, last: int, ends: dict[str, dict[str, Any]]) -> list[str]:
    """What the last step says: of the Bernoulli toy beside what is known of it, of others the medians."""
    any_end = next(iter(ends.values()))
    t = any_end["t"]
    if t is None:
        told = [f"{one_line(name)} {_quantile(end, 'q50')}" for name, end in ends.items()]
        what = "medians of θ" if any_end["distribution"] == "bernoulli" else "medians"
        return [f"{task}, parameter {parameter}, {what} after {count(last)} steps: {joined(told)}."]
    findings = []
    if "score_function" in ends:
        end = ends["score_function"]
        # t, start, rate and steps of the authors' code, from which these values are known
        same = (t, last) == (0.499, 10_000) and abs(end["start"] - 0.5) < 1e-12 and end["learning_rate"] == 0.01
        findings.append(
            f"{task}: after {count(last)} steps the score function's θ lies between {_quantile(end, 'q05')} and "
            f"{_quantile(end, 'q95')} in 90 % of the runs, above its start in {share(end['above'])}"
            + ("; 0.13 to 0.77 and a third are known." if same else ".")
        )
    others = [f"{name} at {_quantile(ends[name], 'q50')}" for name in ("rebar", "relax") if name in ends]
    if others and t != 0.5:
        findings.append(f"{task}: medians of θ: {joined(others)}; the optimum is {0 if t < 0.5 else 1}.")
    if "straight_through" in ends:
        told = _quantile(ends["straight_through"], "q50")
        findings.append(f"{task}: straight-through's median is θ = {told}; its mean is 0 at θ = t = {number(t, 3)}.")
    return findings


def _quantile(row: dict[str, Any], name: str) -> str:
    """A quantile with 1.96 of its standard errors; without one where all runs are alike."""
    error = 1.96 * row[f"{name}_error"]
    return number(row[name], 3) + (f" ± {number(error, 2)}" if error > 1e-9 else "")


def curves_section(material: LabMaterial) -> Section:
    """The learner sampled_gradient with every estimator: distance to maximum likelihood along the steps."""
    rows = material.queries.rows("gradients/curves")
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    charts, table = [], []
    for task, condition_id in dict.fromkeys((row["task"], row["condition_id"]) for row in rows):
        paths: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            if row["condition_id"] == condition_id:
                paths.setdefault(row["estimator"], []).append(row)
        found = {
            name: (np.array([row["step"] for row in path], float), np.array([row["excess"] for row in path], float))
            for name, path in paths.items()
        }
        figure = curves(found, learner_styles(names), x_label="step", y_label="score above its optimum")
        title = f"{one_line(task)}: the proper score above its optimum, averaged over the runs"
        charts.append(draw(figure, name=material.file_name("learning_curves", task), title=title))
        table += [
            [one_line(task), one_line(name), count(path[-1]["runs"])]
            + [number(path[-1]["distance"], 3), share(path[-1]["within"])]
            for name, path in paths.items()
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
        charts=charts,
        layout="wide",
        tables=[Table(["task", "estimator", "runs", "distance", "within 5 %"], table, words=("task", "estimator"))],
    )
