"""Transforms and ranks of a store against their bands, as the page and the terminal tell them."""

import re

import numpy as np
import pytest

from stochmap.calibration import ecdf_band
from stochmap.report import build, calibration_findings
from stochmap.report._calibration import LEVEL, read_posteriors
from stochmap.report._query import StoreQueries

RUNS = 400


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """Uniform values, two cells; in the second one as if the posterior were much too narrow."""
    uniform = np.random.default_rng(1).random((2, RUNS))
    uniform[1] = 0.5 + np.clip(3.0 * (uniform[1] - 0.5), -0.4999, 0.4999)
    return uniform


@pytest.fixture
def store(new_store, values):
    store = new_store()
    store.add_mapping(20, runs=RUNS, num_x=1, num_y=2, learners=("dirichlet",))
    for y in (0, 1):
        store.add_calibration("dirichlet", "probability", values[y], x=0, y=y, draws=19)
    store.add_calibration("dirichlet", "log_likelihood", values[0], draws=19)
    return store


def test_curves_are_those_of_the_values(store, values):
    with StoreQueries(store.path) as queries:
        (found,) = read_posteriors(queries)
    assert (found.learner, found.runs) == ("dirichlet", RUNS)
    assert [panel.name for panel in found.panels] == ["p(y = 0 | x = 0)", "p(y = 1 | x = 0)", "log-likelihood"]
    assert [[curve.method for curve in panel.curves] for panel in found.panels] == [["PIT", "rank"]] * 2 + [["rank"]]
    for panel, own in zip(found.panels, (*values, values[0]), strict=True):
        for curve in panel.curves:
            points = 100 if curve.method == "PIT" else 20
            at = np.arange(1, points) / points
            np.testing.assert_array_equal(curve.counts, (own[:, None] <= at).sum(axis=0))
            # Bonferroni's level over the five curves of the store.
            for ours, theirs in zip(curve.band, ecdf_band(RUNS, points, 1.0 - (1.0 - LEVEL) / 5), strict=True):
                np.testing.assert_array_equal(ours, theirs)
            inside = ((curve.band.lower <= curve.counts) & (curve.counts <= curve.band.upper)).all()
            assert (curve.excess <= 1.0) == inside
    assert [panel.inside for panel in found.panels] == [True, False, True]


def test_a_curve_one_value_beyond_its_band_is_outside(store):
    with StoreQueries(store.path) as queries:
        curve = read_posteriors(queries)[0].panels[0].curves[0]
    at_edge = curve.band.upper.copy()
    for counts, outside in ((at_edge, False), (at_edge + (np.arange(99) == 40), True), (curve.band.lower - 1, True)):
        assert (type(curve)("PIT", counts, curve.band).excess > 1.0) == outside


def test_the_sentences(store):
    assert calibration_findings(store.path) == [
        "mapping, dirichlet: 1 of 3 panels outside the 99 % band: p(y = 1 | x = 0)."
    ]
    store.add_mapping(40, runs=RUNS, num_x=1, num_y=2, learners=("maximum_likelihood",))
    store.add_calibration("maximum_likelihood", "log_likelihood", (np.arange(RUNS) + 0.5) / RUNS)
    assert calibration_findings(store.path)[1] == "mapping, maximum_likelihood: its panel is inside the 99 % band."


def test_the_page_shows_the_panels_that_go_furthest(store, values):
    for y in range(20):
        store.add_calibration("dirichlet", "probability", values[0], x=1, y=y)
    report = build(store.path)
    text = report.html.read_text(encoding="utf-8")
    assert "1 of 23 panels outside, 400 runs; the 12 that go furthest are shown." in text
    assert [png.stem for png in report.pngs if "calibration" in png.stem] == ["calibration_mapping_dirichlet"]
    assert "p(y = 1 | x = 0): outside" not in re.sub("<svg.*?</svg>", "", text, flags=re.DOTALL)  # a title in the chart


def test_it_is_missed_only_where_it_was_asked_for(new_store):
    store = new_store()
    store.add_mapping(20, runs=3, learners=("maximum_likelihood",))
    assert calibration_findings(store.path) == []
    assert "Calibration" not in build(store.path).html.read_text(encoding="utf-8")
    (store.path / "study.toml").write_text('keep = ["calibration"]\nproblem = []\n')
    text = build(store.path).html.read_text(encoding="utf-8").replace("&#34;", '"')
    assert 'Calibration: the study keeps "calibration", but no finished run has written any.' in text
