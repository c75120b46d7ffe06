"""The section about calibration: how far distribution functions lie from the uniform one, beside their bands."""

from __future__ import annotations

from ._calibration import LEVEL, Panel, Posteriors, findings, read_posteriors
from ._calibration_chart import Difference, Pane, differences
from ._conditions import Condition, Problem
from ._numbers import count, number, one_line
from ._section import Material, Section, Table, titled, where
from ._style import Chart, draw

MOST_CHARTS = 9  # of a problem
MOST_PANELS = 12  # of a chart


def calibration_section(material: Material) -> Section | None:
    """A chart for each condition and learner with an exact posterior, a panel for each quantity and cell."""
    posteriors = read_posteriors(material.queries)
    if not posteriors:
        return None
    by_place = {(each.condition_id, each.learner): each for each in posteriors}
    places = [
        (problem, condition, by_place[condition.condition_id, learner])
        for problem, condition in material.conditions()
        for learner in material.styles
        if (condition.condition_id, learner) in by_place
    ]
    charts, notes = [], []
    for name in dict.fromkeys(problem.name for problem, _, _ in places):
        own = [place for place in places if place[0].name == name]
        # Those that leave their bands are the ones to look at.
        shown = sorted(own, key=lambda place: not place[2].outside)[:MOST_CHARTS]
        charts += [_chart(material, *place) for place in own if place in shown]
        if len(own) > MOST_CHARTS:
            notes.append(
                f"{one_line(name)}: {MOST_CHARTS} of {len(own)} charts are shown, those with panels outside first; "
                "the table has all."
            )
    return Section(
        anchor="calibration",
        title="Calibration",
        shows="Whether posteriors are as sure as they say. Where truths come from a learner's own prior, the "
        "posterior probability that a quantity is at most its true value (PIT) is uniform over runs, and so is the "
        "rank of the truth among posterior draws; the charts show their distribution functions less the uniform one.",
        look_for=f"Curves inside the shaded band: all of this page stay there with {100 * LEVEL:g} % probability if "
        "the posteriors are right. An S shape: too sure (falling in the middle) or not sure enough (rising); an arch: "
        "shifted, upwards where the truth lies lower than the posterior. A posterior that ignores the data shows in "
        "the log-likelihood alone. Truths that do not come from the prior leave the band rightly.",
        computed="PIT exactly: Beta, Student t and inverse gamma. Ranks among posterior draws of a stream of the "
        "run's own. The bands are simultaneous over their points (Säilynoja, Bürkner & Vehtari 2022), with "
        "Bonferroni's level over all curves of the page.",
        queries=["calibration"],
        findings=findings(posteriors, material.plan),
        charts=charts,
        tables=[_table(places)],
        notes=notes,
    )


def _table(places: list[tuple[Problem, Condition, Posteriors]]) -> Table:
    rows = []
    for problem, condition, each in places:
        furthest = max(each.panels, key=lambda panel: panel.excess)
        rows.append(
            [*where(problem, condition), one_line(each.learner), count(each.runs), count(len(each.panels))]
            + [count(len(each.outside)), furthest.name, number(furthest.excess, 3)]
        )
    head = ["problem", "samples", "learner", "runs", "panels", "outside", "furthest", "in half widths of the band"]
    return Table(head, rows, words=("problem", "learner", "furthest"))


def _chart(material: Material, problem: Problem, condition: Condition, each: Posteriors) -> Chart:
    chosen = sorted(each.panels, key=lambda panel: -panel.excess)[:MOST_PANELS]
    panels = [panel for panel in each.panels if panel in chosen]
    figure = differences([_pane(panel) for panel in panels], material.styles[each.learner])
    title = f"{titled(problem.name, condition.label)}, {count(condition.num_samples)} samples: {one_line(each.learner)}"
    verdict = f"{len(each.outside)} of {len(each.panels)} panels outside" if each.outside else "All panels inside"
    some = f"; the {MOST_PANELS} that go furthest are shown" if len(each.panels) > MOST_PANELS else ""
    return draw(
        figure,
        name=material.file_name("calibration", problem.name, condition.label, each.learner),
        title=title,
        caption=f"{verdict}, {count(each.runs)} runs{some}.",
    )


def _pane(panel: Panel) -> Pane:
    lines = [
        Difference(
            curve.method,
            curve.band.points,
            curve.counts / curve.band.size - curve.band.points,
            curve.band.lower / curve.band.size - curve.band.points,
            curve.band.upper / curve.band.size - curve.band.points,
        )
        for curve in panel.curves
    ]
    return Pane(panel.name + ("" if panel.inside else ": outside"), lines)
