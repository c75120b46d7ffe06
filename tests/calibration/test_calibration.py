"""Transforms and ranks are uniform for the right posterior; a wrong one is caught; the band holds what it says."""

import functools

import jax
import numpy as np
import pytest
from chance import FALSE_ALARM, assert_distribution
from scipy import stats

from stochmap.calibration import (
    LOG_LIKELIHOOD,
    Band,
    check_pit,
    check_ranks,
    ecdf_band,
    pit,
    probability_inside,
    ranks,
)
from stochmap.posteriors import Dirichlet, NormalInverseGamma
from stochmap.sampling import Counts, Moments
from stochmap.streams import run_keys
from stochmap.truths import CategoricalTable, GaussianTable
from stochmap.truths import Dirichlet as DirichletTruth
from stochmap.truths import NormalInverseGamma as GaussianTruth

RUNS = 10_000
KEYS = run_keys(91, np.arange(RUNS))
LEVEL = 1.0 - FALSE_ALARM


@functools.cache
def tables() -> tuple[CategoricalTable, Counts, Dirichlet]:
    """Truths from Dirichlet(0.7), 12 samples a row: the prior matters."""
    truth = DirichletTruth(1, 3, 0.7).draw(KEYS)
    counts = Counts(np.random.default_rng(2).multinomial(12, truth.probabilities))
    return truth, counts, Dirichlet(np.full((RUNS, 1, 3), 0.7)).update_all(counts)


@functools.cache
def gaussians() -> tuple[GaussianTable, Moments, NormalInverseGamma]:
    truth = GaussianTruth(0.5, 0.8, 3.0, 2.0).draw(KEYS)
    values = truth.mean[..., None] + truth.std[..., None] * np.random.default_rng(3).normal(size=(RUNS, 1, 6))
    mean = values.mean(axis=-1)
    moments = Moments(np.full((RUNS, 1), 6), mean, ((values - mean[..., None]) ** 2).sum(axis=-1))
    prior = NormalInverseGamma(*(np.full((RUNS, 1), value) for value in (0.5, 0.8, 3.0, 2.0)))
    return truth, moments, prior.update_all(moments)


def test_transforms_are_uniform_where_truths_come_from_the_prior():
    """Every quantity of its own, at 10⁴ runs; against Kolmogorov and Smirnov too."""
    for truth, _, posterior in (tables(), gaussians()):
        found = check_pit(pit(posterior, truth), LEVEL)
        assert found.failed == []
        for values in pit(posterior, truth).values():
            for cell in range(values[0].size):
                assert_distribution(values.reshape(RUNS, -1)[:, cell], stats.uniform.cdf, detects=0.06, cases=5)
    assert [panel.quantity for panel in found.panels] == ["mean", "std"]


FEW = 2000


def keys(seed: int):
    return jax.random.split(jax.random.key(seed), FEW)


def first(data):
    return jax.tree.map(lambda leaf: leaf[:FEW] if np.ndim(leaf) and len(leaf) == RUNS else leaf, data)


def test_ranks_are_uniform_where_truths_come_from_the_prior():
    for truth, statistics, posterior in (first(tables()), first(gaussians())):
        found = ranks(posterior, truth, statistics, keys(4), 19)
        assert found[LOG_LIKELIHOOD].shape == (FEW,)
        assert min(values.min() for values in found.values()) == 0
        assert max(values.max() for values in found.values()) == 19
        assert check_ranks(found, 19, LEVEL).failed == []


def test_a_posterior_that_ignores_the_data_is_seen_by_the_log_likelihood_alone():
    """Its parameters' transforms are uniform: truths do come from it (Modrák et al.)."""
    truth, counts, _ = first(tables())
    prior = Dirichlet(np.full((FEW, 1, 3), 0.7))
    assert check_pit(pit(prior, truth), LEVEL).failed == []
    failed = check_ranks(ranks(prior, truth, counts, keys(5), 19), 19, LEVEL).failed
    assert [panel.quantity for panel in failed] == [LOG_LIKELIHOOD]


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_standard_deviation_wrong_by_a_tenth_is_caught(factor):
    """Power ≥ 0.99 at 10⁴ runs and the level 99 % over 7 panels: exactly, for a normal posterior; and seen here."""
    band = ecdf_band(RUNS, 100, 1.0 - 0.01 / 7)
    cdf = stats.norm.cdf(factor * stats.norm.ppf(band.points))
    assert 1.0 - probability_inside(band, cdf) >= 0.99
    truth, _, posterior = gaussians()
    # Student t's scale is √(β/(ακ)): only the mean's posterior is wrong.
    wrong = NormalInverseGamma(posterior.mean, posterior.kappa / factor**2, posterior.alpha, posterior.beta)
    failed = check_pit(pit(wrong, truth)).failed
    assert [panel.quantity for panel in failed] == ["mean"]


def test_the_power_is_that_of_simulated_checks():
    """At 500 runs, where it lies between 0 and 1."""
    band, trials = ecdf_band(500, 20, 0.95), 4000
    values = stats.norm.cdf(np.random.default_rng(6).normal(size=(trials, 500)) * 1.15)
    counts = (values[:, :, None] <= band.points).sum(axis=1)
    escaped = 1.0 - ((band.lower <= counts) & (counts <= band.upper)).all(axis=1).mean()
    power = 1.0 - probability_inside(band, stats.norm.cdf(stats.norm.ppf(band.points) / 1.15))
    assert 0.3 < power < 0.9
    assert abs(escaped - power) < 5.0 * np.sqrt(power * (1 - power) / trials)


def test_a_small_band_by_enumeration():
    """Three values and four cells: all 4³ ways to fall."""
    import itertools

    band = Band(3, np.array([0.25, 0.5, 0.75]), np.array([0, 1, 1]), np.array([2, 2, 3]))
    cdf = np.array([0.1, 0.4, 0.8])
    mass, total = np.diff(cdf, prepend=0.0, append=1.0), 0.0
    for cells in itertools.product(range(4), repeat=3):
        counts = np.cumsum(np.bincount(cells, minlength=4))[:3]
        if ((band.lower <= counts) & (counts <= band.upper)).all():
            total += mass[list(cells)].prod()
    assert probability_inside(band, cdf) == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize(
    ("size", "points", "level"), [(1, 2, 0.5), (30, 10, 0.9), (1000, 100, 0.95), (10_000, 20, 0.999)]
)
def test_the_band_is_the_narrowest_that_holds(size, points, level):
    """At least the level; and with the next narrower binomial intervals less (steps are of whole numbers)."""
    band = ecdf_band(size, points, level)
    assert probability_inside(band) >= level
    assert (band.lower <= size * band.points).all()
    assert (band.upper >= size * band.points).all()
    one_less = band._replace(lower=band.lower + 1, upper=np.maximum(band.upper - 1, band.lower + 1))
    assert probability_inside(one_less) < level


def test_ranks_are_counted_where_their_distribution_is_exact():
    """Every rank equally often is inside however narrow; all ranks one too high is not."""
    even = np.tile(np.arange(20), 500)
    found = check_ranks({"mean": even}, 19, 0.5)
    np.testing.assert_array_equal(found.panels[0].counts, 500 * np.arange(1, 20))
    assert found.failed == []
    assert check_ranks({"mean": np.minimum(even + 1, 19)}, 19, 0.99).failed != []


def test_what_is_certain_has_ranks_like_any_other_and_no_transforms():
    """One outcome: every draw equals the truth. If all ranks were 0, the band would be left by 95 % of the runs."""
    truth = CategoricalTable(np.ones((FEW, 1, 1)), np.ones(1))
    posterior, counts = Dirichlet(np.full((FEW, 1, 1), 3.5)), Counts(np.full((FEW, 1, 1), 3))
    assert pit(posterior, truth) == {}
    found = ranks(posterior, truth, counts, keys(6), 19)
    assert {name: values.shape for name, values in found.items()} == {
        "probability": (FEW, 1, 1),
        LOG_LIKELIHOOD: (FEW,),
    }
    assert check_ranks(found, 19, LEVEL).failed == []


def test_a_run_has_the_ranks_of_its_own_key():
    """Wherever it stands among the others."""
    truth, counts, posterior = first(tables())
    found = ranks(posterior, truth, counts, keys(4), 19)
    truth, counts, posterior = (
        jax.tree.map(lambda leaf: leaf[::-1] if np.ndim(leaf) and len(leaf) == FEW else leaf, data)
        for data in (truth, counts, posterior)
    )
    for name, values in ranks(posterior, truth, counts, keys(4)[::-1], 19).items():
        np.testing.assert_array_equal(values[::-1], found[name])
        assert (values != found[name]).any()


def test_panels_share_the_level():
    values = np.random.default_rng(1).random((50, 2, 3))
    found = check_pit({"probability": values, "mean": values[:, 0, 0]}, 0.9, 10)
    assert [panel.cell for panel in found.panels] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), ()]
    assert probability_inside(found.band) >= 1.0 - 0.1 / 7


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: check_pit({"mean": np.zeros((0, 2))}), r"the same number of runs, at least 1, got \[0\]: give some"),
        (lambda: check_pit({"a": np.zeros(2), "b": np.zeros(3)}), r"the same number of runs, at least 1, got \[2, 3\]"),
        (lambda: check_pit({"mean": np.array([0.5, np.nan])}), "values must lie in 0 … 1, got others or NaN"),
        (lambda: check_ranks({"mean": np.array([20])}, 19), "values must lie in 0 … 1, got others or NaN"),
        (lambda: check_pit({"mean": np.zeros(3)}, 1.0), r"level must lie in \(0, 1\), got 1.0"),
        (lambda: ecdf_band(0, 10, 0.9), "at least 1 value and 2 points, got 0 and 10: give more"),
        (lambda: ecdf_band(10, 1, 0.9), "at least 1 value and 2 points, got 10 and 1: give more"),
        (lambda: ranks(*tables()[2:], *tables()[:2], keys(0), 0), "draws must be at least 1, got 0: 99 are"),
    ],
)
def test_bad_input_is_refused_in_one_line(build, message):
    with pytest.raises(ValueError, match=message):
        build()
