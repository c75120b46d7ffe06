"""The sections about single runs: heat maps, scatter, densities, loss curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._charts import Gaussian, densities, heat_maps, loss_curves, scatter
from ._conditions import Condition, Problem, axis_name
from ._numbers import count, joined, number, one_line
from ._section import Material, Section, Table, titled, where
from ._style import Chart, draw

MOST_CHARTS = 9  # of one kind and problem
_SIDE = 64  # of a heat map, as in heat_maps.sql

Columns = dict[str, np.ndarray]


def _select(columns: Columns, **values: Any) -> Columns:
    keep = np.ones(len(next(iter(columns.values()))), bool)
    for name, value in values.items():
        keep &= columns[name] == value
    return {name: column[keep] for name, column in columns.items()}


def _groups(material: Material, columns: Columns) -> list[tuple[str, tuple[Problem, Condition, str, Columns]]]:
    """Long rows apart by condition and learner, in the study's order, each under its problem's name."""
    found = []
    for problem in material.problems:
        for condition in problem.conditions:
            own = _select(columns, condition_id=condition.condition_id)
            found += [
                (problem.name, (problem, condition, learner, _select(own, learner=learner)))
                for learner in material.styles
                if (own["learner"] == learner).any()
            ]
    return found


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "."


def _some(groups: list[tuple[str, Any]]) -> tuple[list[Any], list[str]]:
    """The first few groups of each problem, (problem, group), and a sentence where there are more."""
    kept, notes = [], []
    for problem in dict.fromkeys(name for name, _ in groups):
        own = [group for name, group in groups if name == problem]
        kept += own[:MOST_CHARTS]
        if len(own) > MOST_CHARTS:
            notes.append(f"{one_line(problem)}: the first {MOST_CHARTS} of {len(own)} charts are shown.")
    return kept, notes


def heat_map_section(material: Material) -> Section | None:
    """Truth beside learned for a typical and the worst run of each learner."""
    groups, notes = _some(_groups(material, material.queries.columns("heat_maps")))
    charts: list[Chart] = []
    for problem, condition, learner, cells in groups:
        rows, words = [], []
        for role in ("typical", "worst"):
            one = _select(cells, role=role)
            if not len(one["x"]):
                continue
            num_x, num_y = int(one["num_x"][0]), int(one["num_y"][0])
            truth, learned = (np.full((min(num_x, _SIDE), min(num_y, _SIDE)), fill) for fill in (0.0, np.nan))
            at = one["x"].astype(int), one["y"].astype(int)
            truth[at], learned[at] = one["truth"], one["learned"].astype(float)
            rows.append((f"{role} run", truth, learned))
            words.append(f"{role}: run {one['run_id'][0]}, KL {number(float(one['error'][0]))} nats")
            if max(num_x, num_y) > _SIDE:
                notes.append(
                    f"{titled(problem.name, condition.label)}: the table is {count(num_x)} × {count(num_y)}; the first "
                    f"{min(num_x, _SIDE)} × {min(num_y, _SIDE)} cells are shown."
                )
            if unseen := np.unique(one["x"][~one["seen"].astype(bool)]).astype(int).tolist():
                words[-1] += f", x = {joined([*map(str, unseen[:4]), *['…'] * (len(unseen) > 4)])} never seen"
            if np.isnan(learned).any():
                notes.append(f"{titled(problem.name, condition.label)}: cells without an estimate are grey.")
        if rows:
            title = (
                f"{titled(problem.name, condition.label)}, {count(condition.num_samples)} samples: {one_line(learner)}"
            )
            name = material.file_name("heat_map", problem.name, condition.label, learner)
            caption = _sentence(words)
            charts.append(draw(heat_maps(rows), name=name, title=title, caption=caption))
    if not charts:
        return None
    return Section(
        anchor="heat-maps",
        title="Truth beside learned",
        shows="The true table p(y | x), the learned one, and their difference, for a typical and the worst run of each "
        "learner at the largest sample size.",
        look_for="Differences without a pattern are sampling noise; a whole row or column of one colour is a fault. "
        "The scale of the difference is much finer than that of the probabilities. Rows never seen are not learned: a "
        "learner with a prior keeps it there, others leave them uniform.",
        computed="Typical is the run with the median KL(fit‖truth), worst the one with the largest. Cells of "
        "probability 0 are not stored among the truths and are drawn as 0.",
        queries=["heat_maps", "typical_and_worst"],
        charts=charts,
        layout="wide",
        notes=list(dict.fromkeys(notes)),
        tables=[_runs_table(material)],
    )


def _runs_table(material: Material) -> Table:
    rows = [
        [*where(problem, condition), one_line(row["learner"]), row["role"], str(row["run_id"]), number(row["error"])]
        + [number(row["reference"]), row["status"]]
        for problem, condition, row in material.in_order(material.queries.rows("typical_and_worst"))
    ]
    head = ["problem", "samples", "learner", "role", "run", "KL error, nats", "theory", "status"]
    return Table(
        head,
        rows,
        words=("problem", "learner", "role", "status"),
        caption="Typical and worst runs of every condition and learner",
        folded=True,
    )


def scatter_section(material: Material) -> Section | None:
    """Learned against true probability."""
    columns = material.queries.columns("scatter")
    groups, notes = _some(_groups(material, columns))
    charts, any_wide = [], False
    for problem, condition, learner, cells in groups:
        # one pair of axes for all learners of a condition
        everyone = _select(columns, condition_id=condition.condition_id)
        positive = np.concatenate([everyone["truth"], everyone["learned"]])
        positive = positive[positive > 0] if (positive > 0).any() else np.ones(1)
        ends = {"smallest": float(positive.min()), "largest": float(positive.max())}
        figure, wide = scatter(cells["truth"], cells["learned"], material.styles[learner], **ends)
        any_wide |= wide
        runs = len(np.unique(cells["run_id"]))
        title = f"{titled(problem.name, condition.label)}: {one_line(learner)}"
        caption = f"{count(len(cells['x']))} cells of {runs} runs with {count(condition.num_samples)} samples."
        name = material.file_name("scatter", problem.name, condition.label, learner)
        charts.append(draw(figure, name=name, title=title, caption=caption.replace(" 1 runs", " 1 run")))
    if not charts:
        return None
    return Section(
        anchor="scatter",
        title="True against learned probability",
        shows="Each point is one cell: its true probability and the one that was learned.",
        look_for="Points spread evenly about the dashed diagonal. A bend at the lower left is shrinkage: rare cells "
        "are learned as too likely (a prior) or as 0 (counting).",
        computed="Up to 1,500 cells of the first 16 runs at the largest sample size, picked by a hash: the same ones "
        "every time." + (" On logarithmic axes exact zeros stand on the dotted line marked 0." if any_wide else ""),
        queries=["scatter"],
        charts=charts,
        layout="three",
        notes=notes,
    )


def density_section(material: Material) -> Section | None:
    """True and learned density of Gaussians."""
    rows = material.queries.columns("densities")
    by_facet: dict[tuple[str, str, str], list[tuple[Problem, Condition, Columns]]] = {}
    for _, (problem, condition, learner, own) in _groups(material, rows):
        by_facet.setdefault((problem.name, condition.label, learner), []).append((problem, condition, own))
    groups, notes = _some([(key[0], (key, conditions)) for key, conditions in by_facet.items()])
    charts = []
    for (name, label, learner), conditions in groups:
        panels, words = [], []
        for _, condition, own in conditions:
            for role in ("typical", "worst"):
                one = _select(own, role=role)
                panel = _gaussian(one, role, condition.num_samples)
                if panel:
                    panels.append(panel)
                    words.append(f"{role} at {count(condition.num_samples)}: run {one['run_id'][0]}")
        if panels:
            figure = densities(panels, material.styles[learner], learner)
            file = material.file_name("density", name, label, learner)
            title = f"{titled(name, label)}: {one_line(learner)}"
            charts.append(draw(figure, name=file, title=title, caption=_sentence(words)))
    if not charts:
        return None
    return Section(
        anchor="densities",
        title="Gaussian densities, true and learned",
        shows="The true density (filled) and the learned one (dashed) of a typical and the worst run, at the smallest "
        "and the largest sample size.",
        look_for="At the largest sample size the curves should be one. At the smallest the worst run shows how wrong "
        "a fit can be by bad luck alone.",
        computed="Typical is the run with the median KL(fit‖truth), worst the one with the largest. With several x "
        "the one with the median (typical) or the largest (worst) KL of the run is drawn.",
        queries=["densities"],
        charts=charts,
        notes=notes,
    )


def _gaussian(one: Columns, role: str, num_samples: int) -> Gaussian | None:
    """The Gaussian of the run's median or worst x; None where nothing was learned."""
    mean, std, learned_mean, learned_std = (
        one[name].astype(float) for name in ("true_mean", "true_std", "learned_mean", "learned_std")
    )
    with np.errstate(all="ignore"):
        kl = np.log(std / learned_std) + (learned_std**2 + (learned_mean - mean) ** 2) / (2 * std**2) - 0.5
    known = np.flatnonzero(np.isfinite(kl))
    if not len(known):
        return None
    order = known[np.argsort(kl[known], kind="stable")]
    i = order[(len(order) - 1) // 2] if role == "typical" else order[-1]
    at = f", x = {int(one['x'][i])}" if len(kl) > 1 else ""
    title = f"{role} run, n = {count(num_samples)}{at}"
    return Gaussian(title, float(mean[i]), float(std[i]), float(learned_mean[i]), float(learned_std[i]))


def history_section(material: Material) -> Section | None:
    """Loss against step."""
    rows = material.queries.columns("history")
    by_learner: dict[tuple[str, str, str], list[tuple[float, np.ndarray, np.ndarray]]] = {}
    x_names = {}
    for _, (problem, condition, learner, own) in _groups(material, rows):
        curves = by_learner.setdefault((problem.name, condition.facet, learner), [])
        x_names[problem.name] = "n =" if problem.x_name == "num_samples" else f"{axis_name(problem.x_name)} ="
        for run_id in np.unique(own["run_id"]):
            one = _select(own, run_id=run_id)
            if (one["excess"] > 0).any():
                curves.append((condition.x, one["step"], one["excess"]))
    groups, notes = _some([(key[0], (key, curves)) for key, curves in by_learner.items() if curves])
    charts = []
    for (name, facet, learner), curves in groups:
        figure = loss_curves(curves, x_names[name])
        title = f"{titled(name, facet)}: {one_line(learner)}"
        file = material.file_name("loss", name, facet, learner)
        charts.append(
            draw(figure, name=file, title=title, caption="One line a fit; the first 8 runs of each condition.")
        )
    if not charts:
        return None
    return Section(
        anchor="history",
        title="Loss curves",
        shows="How the loss of iterated learners comes down, above the lowest that the same fit reached.",
        look_for="Straight falling lines on this logarithmic scale converge at a steady rate. A line that goes flat "
        "early or swings has a step size that does not suit it.",
        computed="Recorded loss minus the fit's own lowest. The lowest point itself is 0 and has no place on the "
        "scale.",
        queries=["history"],
        charts=charts,
        notes=notes,
    )
