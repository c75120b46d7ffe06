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
        if not bit:
            told = [f"{one_line(name)} {number(ends[name]['q50'], 3)}" for name in names]
            findings.append(
                f"{one_line(task)}, parameter {parameter}, medians after {count(last)} steps: {joined(told)}."
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
