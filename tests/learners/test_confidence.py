import numpy as np
import pytest
from scipy import stats

from stochmap.learners import Classical, Wilson

Z = stats.norm.isf(0.025)


def test_wilson_by_its_definition():
    """The ends are the p at which p̂ is exactly z standard errors away: |p̂ − p| = z√(p(1 − p)/n)."""
    counts = np.array([[[3, 17, 80], [1, 1, 8]], [[40, 30, 30], [2, 5, 3]]])
    interval = Wilson(counts).interval(0.95)["probability"]
    total = counts.sum(axis=-1, keepdims=True)
    share = counts / total
    for end, sign in ((interval.lower, 1), (interval.upper, -1)):
        np.testing.assert_allclose(sign * (share - end), Z * np.sqrt(end * (1 - end) / total), rtol=1e-9)


def test_wilsons_published_values():
    interval = Wilson(np.array([[5, 5], [1, 9]])).interval(0.95)["probability"]
    np.testing.assert_allclose(interval.lower, [[0.236593, 0.236593], [0.017876, 0.595850]], atol=2e-6)
    np.testing.assert_allclose(interval.upper, [[0.763407, 0.763407], [0.404150, 0.982124]], atol=2e-6)


def test_wilson_at_the_ends():
    """c = 0: [0, z²/(n + z²)]; c = n: the mirror image; n = 0: everything is possible."""
    interval = Wilson(np.array([[0, 10], [0, 0], [0, 3**30]])).interval(0.95)["probability"]
    edge = Z**2 / (10 + Z**2)
    np.testing.assert_allclose(interval.upper[0, 0], edge, rtol=1e-12)
    np.testing.assert_allclose(interval.lower[0, 1], 1 - edge, rtol=1e-12)
    assert interval.lower[:, 0].tolist() == [0.0, 0.0, 0.0]
    assert interval.upper[:, 1].tolist() == [1.0, 1.0, 1.0]
    assert (interval.lower[1].tolist(), interval.upper[1].tolist()) == ([0.0, 0.0], [1.0, 1.0])


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_classical_intervals_of_a_gaussian(level):
    n, mean, m2 = np.array([2, 10, 5000]), np.array([1.0, -3.0, 0.0]), np.array([0.5, 30.0, 6000.0])
    intervals = Classical(n, mean, m2).interval(level)
    s = np.sqrt(m2 / (n - 1))
    np.testing.assert_allclose(intervals["mean"], stats.t(n - 1, mean, s / np.sqrt(n)).interval(level), rtol=1e-9)
    lower, upper = stats.chi2(n - 1).interval(level)
    np.testing.assert_allclose(intervals["std"], [np.sqrt(m2 / upper), np.sqrt(m2 / lower)], rtol=1e-9)


def test_one_value_bounds_nothing():
    intervals = Classical(np.array([0, 1]), np.array([0.0, 3.0]), np.zeros(2)).interval(0.95)
    assert intervals["mean"].lower.tolist() == [-np.inf, -np.inf]
    assert intervals["mean"].upper.tolist() == [np.inf, np.inf]
    assert intervals["std"].lower.tolist() == [0.0, 0.0]
    assert intervals["std"].upper.tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("level", [0.0, 1.0, 2.0])
def test_levels_out_of_range_are_refused(level):
    for confidence in (Wilson(np.ones((1, 2), int)), Classical(np.ones(1, int), np.zeros(1), np.zeros(1))):
        with pytest.raises(ValueError, match=r"level must lie in \(0, 1\)"):
            confidence.interval(level)
