import jax
import jax.numpy as jnp
import numpy as np
import pytest
from chance import assert_distribution
from scipy import stats

from stochmap.posteriors import Dirichlet, NormalInverseGamma
from stochmap.sampling import count_pairs, value_moments

# Newcomb's timings of light (Stigler 1977; Gelman et al., Bayesian Data Analysis, section 3.2).
NEWCOMB = np.array(
    """28 26 33 24 34 -44 27 16 40 -2 29 22 24 21 25 30 23 29 31 19 24 20 36 32 36 28 25 21 28 29 37 25 28 26 30 32 36
    26 30 22 36 23 27 27 28 27 31 27 26 33 26 32 32 24 39 28 24 25 32 25 29 27 28 29 16 23""".split(),
    dtype=np.float64,
)


def assert_same(a: NormalInverseGamma, b: NormalInverseGamma, rtol: float = 1e-13) -> None:
    for name in ("mean", "kappa", "alpha", "beta"):
        np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=rtol)


def natural(posterior: NormalInverseGamma) -> list[float]:
    mean, kappa, alpha, beta = (float(leaf[0]) for leaf in jax.tree.leaves(posterior))
    return [kappa * mean, kappa, 2 * alpha, 2 * beta + kappa * mean**2]


def test_three_values_by_hand():
    """Prior (0, 1, 2, 1), data 1, 2, 4: posterior (1.75, 4, 3.5, 5.375), one at a time or all at once."""
    prior = NormalInverseGamma.prior(0.0, 1.0, 2.0, 1.0, num_x=1)
    single = prior
    for value in (1.0, 2.0, 4.0):
        single = single.update(0, value)
    together = prior.update_all(value_moments(np.zeros(3, int), np.array([1.0, 2.0, 4.0]), 1))
    for posterior in (single, together):
        leaves = [float(leaf[0]) for leaf in jax.tree.leaves(posterior)]
        np.testing.assert_allclose(leaves, [1.75, 4.0, 3.5, 5.375], rtol=1e-14)
    mean, kappa, alpha, beta = leaves
    assert beta * (kappa + 1) / (alpha * kappa) == pytest.approx(1.91964, abs=5e-6)  # of the predictive t₇


def test_each_value_adds_to_the_natural_parameters():
    """(κμ, κ, 2α, 2β + κμ²) += (y, 1, 1, y²)."""
    posterior = NormalInverseGamma.prior(0.3, 2.0, 1.5, 0.7, num_x=1)
    for value in (1.25, -3.0, 0.5):
        after = posterior.update(0, value)
        np.testing.assert_allclose(
            np.subtract(natural(after), natural(posterior)), [value, 1.0, 1.0, value**2], rtol=1e-12
        )
        posterior = after


def test_gaussian_updates_one_at_a_time_equal_all_at_once():
    rng = np.random.default_rng(2)
    x, values = rng.integers(3, size=60), rng.normal(4.0, 2.0, 60)
    single = prior = NormalInverseGamma.prior(1.0, 0.5, 2.0, 3.0, num_x=4)
    for place, value in zip(x, values, strict=True):
        single = single.update(place, value)
    together = prior.update_all(value_moments(x, values, 4))
    assert_same(single, together, rtol=1e-12)
    assert [float(leaf[3]) for leaf in jax.tree.leaves(together)] == [1.0, 0.5, 2.0, 3.0]  # x = 3 learned nothing
    half = prior.update_all(value_moments(x[:20], values[:20], 4)).update_all(value_moments(x[20:], values[20:], 4))
    assert_same(half, together, rtol=1e-12)


def test_categorical_updates_one_at_a_time_equal_all_at_once():
    rng = np.random.default_rng(3)
    x, y = rng.integers(3, size=60), rng.integers(5, size=60)
    single = prior = Dirichlet.prior(0.5, 4, 5)
    for pair in zip(x, y, strict=True):
        single = single.update(*pair)
    together = prior.update_all(count_pairs(x, y, 4, 5))
    np.testing.assert_array_equal(single.concentration, together.concentration)
    np.testing.assert_array_equal(together.concentration[0], 0.5 + np.bincount(y[x == 0], minlength=5))
    assert together.concentration[3].tolist() == [0.5] * 5


def test_an_x_that_was_never_seen_keeps_its_prior_and_says_so():
    x, values = np.array([0, 2, 2]), np.array([0.1, -0.3, 5.0])
    gaussian = NormalInverseGamma.prior(0.3, 0.1, 2.0, 1.7, num_x=3)
    table = Dirichlet.prior(0.1, num_x=3, num_y=2)
    for prior, statistics in (
        (gaussian, value_moments(x, values, 3)),
        (table, count_pairs(x, np.array([0, 1, 1]), 3, 2)),
    ):
        posterior = prior.update_all(statistics)
        np.testing.assert_allclose(posterior.num_samples(prior), [1.0, 0.0, 2.0], rtol=1e-12)
        assert posterior.num_samples(prior)[1] == 0.0
        for before, after in zip(jax.tree.leaves(prior), jax.tree.leaves(posterior), strict=True):
            np.testing.assert_array_equal(before[1], after[1])


def test_dirichlet_intervals_are_those_of_the_beta_marginals():
    concentration = np.array([[[0.5, 3.5, 120.0], [1e-3, 1.0, 2.0]]])
    posterior = Dirichlet(concentration)
    for level in (0.5, 0.95, 0.999):
        interval = posterior.interval(level)["probability"]
        assert interval.lower.shape == (1, 2, 3)
        rest = concentration.sum(axis=-1, keepdims=True) - concentration
        lower, upper = stats.beta(concentration, rest).interval(level)
        np.testing.assert_allclose(interval.lower, lower, rtol=1e-8, atol=1e-300)
        np.testing.assert_allclose(interval.upper, upper, rtol=1e-8)


def test_a_dirichlet_of_one_outcome_is_certain():
    interval = Dirichlet.prior(2.0, 3, 1).interval(0.95)["probability"]
    assert (interval.lower == 1.0).all()
    assert (interval.upper == 1.0).all()


def test_normal_inverse_gamma_intervals_are_those_of_the_marginals():
    mean, kappa, alpha, beta = np.array([[1.75, 4.0, 3.5, 5.375], [-10.0, 0.1, 0.4, 30.0], [0.0, 5e3, 2e3, 8e3]]).T
    posterior = NormalInverseGamma(mean, kappa, alpha, beta)
    for level in (0.5, 0.95, 0.999):
        intervals = posterior.interval(level)
        expected = stats.t(2 * alpha, mean, np.sqrt(beta / (alpha * kappa))).interval(level)
        np.testing.assert_allclose(intervals["mean"], expected, rtol=1e-8)
        np.testing.assert_allclose(
            intervals["std"], np.sqrt(stats.invgamma(alpha, scale=beta).interval(level)), rtol=1e-8
        )


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, np.nan])
def test_levels_out_of_range_are_refused(level):
    for posterior in (Dirichlet.prior(1.0, 2, 2), NormalInverseGamma.prior(0.0, 1.0, 1.0, 1.0, 2)):
        with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got .*: 0.95 is usual"):
            posterior.interval(level)


@pytest.mark.parametrize("name", ["kappa", "alpha", "beta"])
def test_priors_that_are_not_positive_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be positive and finite, got 0.0: choose"):
        NormalInverseGamma.prior(**{"mean": 0.0, "kappa": 1.0, "alpha": 1.0, "beta": 1.0, name: 0.0}, num_x=1)
    with pytest.raises(ValueError, match="concentration must be positive and finite, got -1.0: choose"):
        Dirichlet.prior(-1.0, 2, 2)
    for wrong in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"concentration must be positive and finite, got {wrong}: choose"):
            Dirichlet(np.array([[0.5, wrong]]))
    with pytest.raises(ValueError, match="mean must be finite, got nan: give a number"):
        NormalInverseGamma.prior(np.nan, 1.0, 1.0, 1.0, num_x=1)


def test_newcombs_timings_of_light():
    """Mean 26.2121, s = 10.7453; the flat prior's 95 % interval of the mean is [23.57, 28.85]."""
    moments = value_moments(np.zeros(66, int), NEWCOMB, 1)
    assert moments.mean[0] == pytest.approx(26.2121, abs=5e-5)
    assert np.sqrt(moments.m2[0] / 65) == pytest.approx(10.7453, abs=5e-5)
    # The flat prior is improper, κ = β = 0 and α = −½: its posterior is written down, the updates then agree with it.
    flat = NormalInverseGamma(moments.mean, np.array([66.0]), np.array([65 / 2]), moments.m2 / 2)
    interval = flat.interval(0.95)["mean"]
    np.testing.assert_allclose([interval.lower[0], interval.upper[0]], [23.57, 28.85], atol=5e-3)
    nearly_flat = NormalInverseGamma(np.zeros(1), np.full(1, 1e-9), np.full(1, -0.5), np.full(1, 1e-9))
    assert_same(nearly_flat.update_all(moments), flat, rtol=1e-7)


def test_to_mapping_is_the_predictive():
    posterior = Dirichlet(np.array([[1.0, 3.0], [0.5, 0.5]]))
    np.testing.assert_allclose(posterior.to_mapping().probabilities, [[0.25, 0.75], [0.5, 0.5]], rtol=1e-14)
    mapping = NormalInverseGamma(*np.array([[1.75, 4.0, 3.5, 5.375]]).T).to_mapping()
    predictive = stats.t(7.0, 1.75, np.sqrt(5.375 * 5 / (3.5 * 4)))
    assert mapping.mean[0] == pytest.approx(predictive.mean())
    assert mapping.std[0] == pytest.approx(predictive.std(), rel=1e-12)
    assert NormalInverseGamma.prior(0.0, 1.0, 1.0, 1.0, 1).to_mapping().std[0] == np.inf


def test_to_mapping_loses_least():
    """Of all Gaussians q, E KL(truth‖q) over the posterior is least at to_mapping(); likewise for tables."""
    rng = np.random.default_rng(5)
    variance = stats.invgamma(3.5, scale=5.375).rvs(20_000, random_state=rng)
    mean = 1.75 + np.sqrt(variance / 4.0) * rng.normal(size=20_000)
    best = NormalInverseGamma(*np.array([[1.75, 4.0, 3.5, 5.375]]).T).to_mapping()

    def loss(q_mean: float, q_std: float) -> np.ndarray:
        return np.log(q_std) + (variance + (mean - q_mean) ** 2) / (2 * q_std**2)

    at = float(best.mean[0]), float(best.std[0])
    for shift, factor in [(0.0, 1.1), (0.0, 0.9), (0.15, 1.0), (-0.15, 1.0)]:
        assert loss(at[0] + shift, at[1] * factor).mean() > loss(*at).mean()

    p = rng.dirichlet([1.0, 2.0, 4.0], size=20_000)
    q = np.asarray(Dirichlet(np.array([[1.0, 2.0, 4.0]])).to_mapping().probabilities)[0]
    for other in np.abs(q + 0.03 * (np.eye(3) - 1 / 3)):
        assert (p @ -np.log(other / other.sum())).mean() > (p @ -np.log(q)).mean()


def test_samples_follow_the_posterior():
    rows = 1 << 14
    table = Dirichlet(np.tile([0.5, 2.0, 4.0], (rows, 1))).sample(jax.random.key(1))
    p = np.asarray(table.probabilities)
    for y, a in enumerate((0.5, 2.0, 4.0)):
        assert_distribution(p[:, y], stats.beta(a, 6.5 - a).cdf, detects=0.05, cases=5)
    posterior = NormalInverseGamma(*np.tile([[1.75], [4.0], [3.5], [5.375]], rows))
    drawn = posterior.sample(jax.random.key(2))
    marginal = stats.t(7.0, 1.75, np.sqrt(5.375 / (3.5 * 4)))
    assert_distribution(drawn.mean, marginal.cdf, detects=0.05, cases=5)
    assert_distribution(np.asarray(drawn.std) ** 2, stats.invgamma(3.5, scale=5.375).cdf, detects=0.05, cases=5)


def test_posteriors_are_in_double_precision():
    assert Dirichlet.prior(0.1, 2, 2).concentration.dtype == jnp.float64
    assert all(leaf.dtype == jnp.float64 for leaf in NormalInverseGamma.prior(0.1, 1.0, 1.0, 1.0, 2).__dict__.values())
