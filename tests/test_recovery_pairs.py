"""Learners that need their pairs in order, and truths that drift, through a whole chunk."""

import numpy as np
import pytest
from example_study import chunk_of
from tables import decoded, digest

from stochmap.recovery import run_chunk
from stochmap.sampling import categorical_sampler, count_pairs, draw_pairs
from stochmap.streams import run_keys
from stochmap.study import from_options
from stochmap.truths import DriftingLogits

ROWS = 301
TRUTH = {"kind": "drifting_logits", "num_x": 2, "num_y": 3, "parts": 3, "drift": 0.8}
STUDY = from_options(
    {
        "seed": 4,
        "keep": ["truths", "counts", "samples", "estimates"],
        "problem": [
            {
                "name": "drift",
                "num_samples": ROWS,
                "truth": TRUTH,
                "learners": [
                    {"kind": "dirichlet"},
                    {"kind": "online"},
                    {"kind": "online", "name": "forgets", "forgetting": 0.97},
                ],
            },
            {
                "name": "gaussian",
                "num_samples": 40,
                "truth": {"kind": "normal_inverse_gamma", "num_x": 2},
                "learners": [{"kind": "normal_inverse_gamma"}, {"kind": "online"}],
            },
        ],
    }
)
PROBLEMS = ("drift", "gaussian")
RUNS = 40


@pytest.fixture(scope="module")
def tables():
    return {problem: decoded(run_chunk(STUDY, chunk_of(STUDY, problem, 0, RUNS))) for problem in PROBLEMS}


def values(tables, problem: str, learner: str, column: str = "value") -> np.ndarray:
    estimates = tables[problem]["estimates"]
    return estimates[column][estimates["learner"] == learner]


@pytest.mark.parametrize(("problem", "exact"), [("drift", "dirichlet"), ("gaussian", "normal_inverse_gamma")])
def test_one_at_a_time_is_all_at_once(tables, problem, exact):
    """The pairs of ``online`` are those behind the statistics: its estimates and intervals are the closed form's."""
    for column in ("value", "lower", "upper"):
        np.testing.assert_allclose(
            values(tables, problem, "online", column), values(tables, problem, exact, column), rtol=1e-9, atol=1e-12
        )
    fits = tables[problem]["fits"]
    assert set(fits["steps"][fits["learner"] == "online"]) == {ROWS if problem == "drift" else 40}
    assert set(fits["status"]) == {"exact"}


def test_a_truth_that_drifts_is_sampled_part_by_part(tables):
    """Rows of part t are the window of the run's stream under table t; what is stored and scored is the last table."""
    keys = run_keys(STUDY.seed, tables["drift"]["runs"]["run_id"])
    truth = DriftingLogits(2, 3, parts=3, drift=0.8).draw(keys)
    assert truth.parts is not None
    np.testing.assert_array_equal(tables["drift"]["truths"]["value"].reshape(RUNS, 2, 3), truth.parts[:, -1])
    samples, counts = tables["drift"]["samples"], tables["drift"]["counts"]
    for run in (0, RUNS - 1):
        mine = samples["run_id"] == tables["drift"]["runs"]["run_id"][run]
        x, y = samples["x"][mine], samples["y"][mine]
        for part, (first, last) in enumerate([(0, 100), (100, 200), (200, 301)]):
            sampler = categorical_sampler(np.full(2, 0.5), truth.parts[run, part])
            drawn = draw_pairs(sampler, keys[run], first, last - first)
            np.testing.assert_array_equal(x[first:last], drawn.x)
            np.testing.assert_array_equal(y[first:last], drawn.y)
        n = count_pairs(x.astype(int), y.astype(int), 2, 3).n
        told = counts["run_id"] == tables["drift"]["runs"]["run_id"][run]
        np.testing.assert_array_equal(counts["n"][told], n[n > 0])


def test_forgetting_follows_a_truth_that_drifts(tables):
    fits = tables["drift"]["fits"]
    loss = {name: fits["kl_truth_fit"][fits["learner"] == name].mean() for name in ("online", "forgets")}
    assert loss["forgets"] < 0.7 * loss["online"]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_run_alone_is_the_same(tables, problem):
    alone = decoded(run_chunk(STUDY, chunk_of(STUDY, problem, RUNS - 1, 1)))
    for name, table in alone.items():
        whole = tables[problem][name]
        mine = np.isin(whole["run_id"], table["run_id"])
        assert digest({column: found[mine] for column, found in whole.items()}) == digest(table), name


def test_parts_of_a_drift_have_the_same_distribution_and_stated_correlation():
    """Differences of logits: Normal(0, 2) in each part, correlation (1 − drift)^lag between parts."""
    truth = DriftingLogits(1, 2, parts=3, drift=0.2).draw(run_keys(8, np.arange(20_000)))
    assert truth.parts is not None
    logs = np.log(truth.parts[:, :, 0])
    difference = logs[..., 0] - logs[..., 1]
    np.testing.assert_allclose(difference.var(axis=0), 2.0, atol=5 * 2.0 * np.sqrt(2 / 20_000))
    correlation = np.corrcoef(difference.T)
    assert correlation[0, 1] == pytest.approx(0.8, abs=0.015)
    assert correlation[0, 2] == pytest.approx(0.64, abs=0.02)
