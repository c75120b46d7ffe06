"""Evidence, predictive, merging, forgetting, modes and distribution functions, by exact sums and by quadrature."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, optimize, stats

from stochmap.posteriors import Dirichlet, NormalInverseGamma
from stochmap.sampling import Counts, Moments, count_pairs, value_moments

PRIOR = NormalInverseGamma.prior(0.5, 2.0, 2.5, 1.5, 2)
VALUES = np.array([0.2, -1.0, 3.0, 0.7])
X = np.array([0, 1, 0, 0])


def moments(values=VALUES, x=X) -> Moments:
    return value_moments(x, values, 2)


def sequence_probability(prior: np.ndarray, ys: tuple[int, ...]) -> float:
    """Pólya's urn, by hand."""
    a, product = prior.copy(), 1.0
    for y in ys:
        product *= a[y] / a.sum()
        a[y] += 1.0
    return product


def test_the_evidence_of_a_row_is_the_probability_of_its_sequence():
    a = np.array([0.3, 1.0, 2.2])
    prior, total = Dirichlet(jnp.asarray(a)[None]), 0.0
    for ys in itertools.product(range(3), repeat=4):
        found = np.exp(float(prior.log_evidence(count_pairs(np.zeros(4, int), np.array(ys), 1, 3))[0]))
        assert found == pytest.approx(sequence_probability(a, ys), rel=1e-12)
        total += found
    assert total == pytest.approx(1.0, rel=1e-12)


def test_the_evidence_of_gaussians_by_quadrature():
    """∫∫ ∏ Normal(y; μ, σ²) dNIG(μ, σ²), with the prior's density from SciPy, on a fine grid of (z, ln σ)."""
    z, log_std = np.linspace(-12.0, 12.0, 801)[:, None], np.linspace(-4.0, 5.0, 401)
    std = np.exp(log_std)
    expected = []
    for place in range(2):
        ys = VALUES[place == X]
        # About the posterior's own centre and width at each std, so that the grid follows the ridge.
        centre, width = (2.0 * 0.5 + ys.sum()) / (2.0 + len(ys)), std / np.sqrt(2.0 + len(ys))
        mean = centre + width * z
        logs = stats.invgamma.logpdf(std**2, 2.5, scale=1.5) + stats.norm.logpdf(mean, 0.5, std / np.sqrt(2.0))
        logs = logs + np.log(2.0 * std**2 * width) + sum(stats.norm.logpdf(y, mean, std) for y in ys)
        expected.append(np.log(integrate.simpson(integrate.simpson(np.exp(logs), z[:, 0], axis=0), log_std)))
    np.testing.assert_allclose(PRIOR.log_evidence(moments()), expected, rtol=1e-8)


def test_the_evidence_is_the_product_of_the_predictives():
    posterior, total = PRIOR, np.zeros(2)
    for x, y in zip(X, VALUES, strict=True):
        total[x] += float(posterior.predictive().log_prob(jnp.full(2, y))[x])
        posterior = posterior.update(x, y)
    np.testing.assert_allclose(PRIOR.log_evidence(moments()), total, rtol=1e-12)


def test_the_predictive_of_gaussians_is_student_t():
    """At (1.75, 4, 3.5, 5.375): t₇ about 1.75 with scale² 1.91964."""
    predictive = NormalInverseGamma(*np.array([[1.75, 4.0, 3.5, 5.375]]).T).predictive()
    expected = stats.t(7.0, 1.75, np.sqrt(1.9196428571428572))
    assert float(predictive.log_prob(np.array([3.0]))[0]) == pytest.approx(expected.logpdf(3.0), rel=1e-12)
    assert predictive.cdf(np.array([3.0]))[0] == pytest.approx(expected.cdf(3.0), rel=1e-12)
    np.testing.assert_allclose(np.ravel(predictive.interval(0.9)), expected.interval(0.9), rtol=1e-9)
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got 1.5"):
        predictive.interval(1.5)


def test_parts_of_a_dataset_are_merged_by_their_posteriors():
    near = functools.partial(np.testing.assert_allclose, rtol=1e-12)
    n = np.random.default_rng(1).poisson(3.0, size=(2, 3, 4)) + 1
    prior = Dirichlet.prior(0.7, 3, 4)
    parts = [prior.update_all(Counts(part)) for part in n]
    near(parts[0].merge(parts[1], prior).concentration, 0.7 + n.sum(axis=0))
    # About a mean of 10⁶ std, where sums of squares alone would keep no digit of the variance.
    values = 1e6 + np.random.default_rng(2).normal(size=60)
    x, far = np.arange(60) % 2, NormalInverseGamma.prior(1e6, 0.5, 2.0, 1.0, 2)
    parts = [far.update_all(value_moments(x[part], values[part], 2)) for part in (slice(20), slice(20, 60))]
    merged, whole = parts[0].merge(parts[1], far), far.update_all(value_moments(x, values, 2))
    for one, other in zip(jax.tree.leaves(merged), jax.tree.leaves(whole), strict=True):
        near(one, other, rtol=1e-9)


def test_natural_parameters_go_there_and_back():
    posterior = PRIOR.update_all(moments())
    for one, other in zip(
        jax.tree.leaves(NormalInverseGamma.from_natural(posterior.natural_parameters)),
        jax.tree.leaves(posterior),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    np.testing.assert_array_equal(Dirichlet.prior(0.3, 2, 2).natural_parameters, np.full((2, 2), 0.3))


def test_forgetting_mixes_natural_parameters():
    posterior, kept = PRIOR.update_all(moments()), jnp.array([0.9, 0.25])
    expected = kept[:, None] * posterior.natural_parameters + (1 - kept)[:, None] * PRIOR.natural_parameters
    np.testing.assert_allclose(posterior.forget(PRIOR, kept).natural_parameters, expected, rtol=1e-13)
    tables = Dirichlet(np.array([[3.0, 1.0], [8.0, 2.0]]))
    np.testing.assert_allclose(
        tables.forget(Dirichlet.prior(1.0, 2, 2), kept).concentration, [[2.8, 1.0], [2.75, 1.25]], rtol=1e-14
    )


def test_moments_and_modes():
    a = np.array([[3.0, 1.0, 5.0], [0.5, 2.0, 2.0], [1.0, 1.0, 1.0]])
    posterior = Dirichlet(a)
    np.testing.assert_allclose(posterior.mean, a / a.sum(axis=1, keepdims=True), rtol=1e-14)
    mode = np.asarray(posterior.mode().probabilities)
    np.testing.assert_allclose(mode[0], [2 / 6, 0.0, 4 / 6], rtol=1e-14)
    assert np.isnan(mode[1:]).all()  # unbounded at p = 0; flat
    gaussian = NormalInverseGamma(*np.array([[1.75, 4.0, 3.5, 5.375]]).T)
    assert float(gaussian.variance[0]) == pytest.approx(5.375 / 2.5)

    def surprise(point: np.ndarray) -> float:
        mean, variance = point
        return -stats.invgamma.logpdf(variance, 3.5, scale=5.375) - stats.norm.logpdf(mean, 1.75, (variance / 4) ** 0.5)

    best = optimize.minimize(surprise, [1.0, 2.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12}).x
    np.testing.assert_allclose([gaussian.mode().mean[0], gaussian.mode().std[0] ** 2], best, rtol=1e-6)
    assert float(NormalInverseGamma.prior(0.0, 1.0, 1.0, 1.0, 1).variance[0]) == np.inf


def test_distribution_functions_undo_the_quantiles():
    tables = Dirichlet(np.random.default_rng(4).gamma(1.0, size=(2, 3, 4)))
    lower, upper = tables.interval(0.8)["probability"]
    np.testing.assert_allclose(tables.cdf({"probability": lower})["probability"], 0.1, rtol=1e-8)
    np.testing.assert_allclose(tables.cdf({"probability": upper})["probability"], 0.9, rtol=1e-8)
    intervals = PRIOR.interval(0.8)
    for end, tail in ((0, 0.1), (1, 0.9)):
        found = PRIOR.cdf({name: interval[end] for name, interval in intervals.items()})
        for values in found.values():
            np.testing.assert_allclose(values, tail, rtol=1e-8)


BAD = [
    (lambda: Dirichlet.prior(0.5, 2, 3).update(2, 0), "x must lie in 0 … 1, got 2: relabel"),
    (lambda: Dirichlet.prior(0.5, 2, 3).update(0, -1), "y must lie in 0 … 2, got -1: relabel"),
    (lambda: Dirichlet.prior(0.5, 2, 3).update_all(Counts(np.zeros((2, 3), int))), "the dataset is empty, got 0 obs"),
    (lambda: Dirichlet.prior(0.5, 2, 3).log_evidence(Counts(np.zeros((2, 3), int))), "the dataset is empty, got 0 obs"),
    (lambda: Dirichlet.prior(0.5, 2, 3).update(0, np.nan), "y must be an integer in 0 … 2, got nan: relabel"),
    (lambda: PRIOR.update(0, np.nan), "an observation must be finite, got nan: leave"),
    (lambda: PRIOR.update(0, jnp.inf), "an observation must be finite, got inf: leave"),
    (lambda: PRIOR.update(-1, 0.0), "x must lie in 0 … 1, got -1: relabel"),
    (lambda: PRIOR.update_all(value_moments(X[:0], VALUES[:0], 2)), "the dataset is empty, got 0 observations: give"),
    (lambda: PRIOR.update_all(moments(np.array([1.0, np.nan, 2.0, 3.0]))), "must be finite, got NaN or infinity"),
    (lambda: PRIOR.log_evidence(moments(np.array([1.0, np.nan, 2.0, 3.0]))), "must be finite, got NaN or infinity"),
]


@pytest.mark.parametrize(("build", "message"), BAD)
def test_bad_data_are_refused_in_one_line(build, message):
    with pytest.raises(ValueError, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)
