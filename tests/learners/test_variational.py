"""Variational Bayes against the exact posterior: bounds by quadrature, gaps by independent draws."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from chance import normal_limit
from scipy import stats

from stochmap.learners import LogisticNormal, MeanLogStd, Status, Variational
from stochmap.posteriors import Dirichlet, NormalInverseGamma
from stochmap.sampling import Counts, Moments

RUNS = 3
COUNTS = Counts(np.random.default_rng(1).poisson([[6.0, 2.0, 0.4]] * 2, size=(RUNS, 2, 3)))
MOMENTS = Moments(
    np.array([[12, 1, 0]] * RUNS),
    np.array([[0.7, -1.0, 0.0], [100.3, 99.0, 0.0], [0.0, 0.5, 0.0]]),
    np.array([[30.0, 0.0, 0.0]] * RUNS),
)
PRIOR = {
    "tables": Dirichlet.prior(0.5, 2, 3),
    "gaussians": NormalInverseGamma.prior(0.0, 1.0, 2.0, 1.0, 3),
}
DATA = {"tables": COUNTS, "gaussians": MOMENTS}
DRAWS = 20_000


@functools.cache
def fits(kind: str, estimator: str):
    learner = Variational(estimator=estimator)
    return jax.jit(jax.vmap(learner))(jax.random.split(jax.random.key(5), RUNS), jax.tree.map(jnp.asarray, DATA[kind]))


@jax.jit
def _elbo_of_each(q, prior, data, noise):
    return jax.vmap(lambda one: q.elbo(prior, data, one[None]))(noise)


def exact_log_posterior(kind: str, run: int, w: np.ndarray) -> np.ndarray:
    """The conjugate posterior's density of what q is over, [draws, x], by SciPy and the Jacobian."""
    if kind == "tables":
        a = COUNTS.n[run] + 0.5
        p = np.exp(w - w.max(-1, keepdims=True))
        p /= p.sum(-1, keepdims=True)
        rows = [stats.dirichlet.logpdf(p[:, x].T, a[x]) + np.log(p[:, x]).sum(-1) for x in range(2)]
        return np.stack(rows, axis=-1)
    posterior = PRIOR[kind].update_all(jax.tree.map(lambda leaf: leaf[run], MOMENTS))
    mean, kappa, alpha, beta = (np.asarray(leaf) for leaf in jax.tree.leaves(posterior))
    variance = np.exp(2 * w[..., 1])
    normal = stats.norm.logpdf(w[..., 0], mean, np.sqrt(variance / kappa))
    return stats.invgamma.logpdf(variance, alpha, scale=beta) + normal + np.log(2 * variance)


def log_q(kind: str, q, run: int, w: np.ndarray) -> np.ndarray:
    location, scale = np.asarray(q.location[run]), np.exp(np.asarray(q.log_scale[run]))
    if kind == "gaussians":
        return stats.norm.logpdf(w, location, scale).sum(-1)
    ratios, centre = w[..., :-1] - w[..., -1:], location[:, :-1] - location[:, -1:]
    rows = [
        stats.multivariate_normal.logpdf(ratios[:, x], centre[x], np.diag(scale[x, :-1] ** 2) + scale[x, -1] ** 2)
        for x in range(2)
    ]
    return np.stack(rows, axis=-1)


@pytest.mark.parametrize("estimator", ["reparameterized", "score_function"])
@pytest.mark.parametrize("kind", ["tables", "gaussians"])
def test_what_the_elbo_lacks_is_the_divergence_from_the_posterior(kind, estimator):
    """ln evidence − ELBO = KL(q‖posterior), from draws of their own and SciPy's densities, within both errors."""
    fit = fits(kind, estimator)
    q, prior, rng = fit.confidence, PRIOR[kind], np.random.default_rng(3)
    for run in range(RUNS):
        data, mine = jax.tree.map(lambda leaf, run=run: leaf[run], (DATA[kind], q))
        noise = jax.random.normal(jax.random.key(run), (DRAWS, *q.location.shape[1:]))
        each = np.asarray(_elbo_of_each(mine, prior, data, noise))
        gap = np.asarray(prior.log_evidence(data)) - each
        w = np.asarray(q.location[run]) + np.exp(np.asarray(q.log_scale[run])) * rng.normal(size=noise.shape)
        divergence = log_q(kind, q, run, w) - exact_log_posterior(kind, run, w)
        error = np.sqrt((gap.var(axis=0) + divergence.var(axis=0)) / DRAWS)
        assert (np.abs(gap.mean(axis=0) - divergence.mean(axis=0)) <= normal_limit(30) * error + 1e-9).all()
        assert (error < 0.05).all()  # half a nat would be seen: that of a Jacobian left out
        assert (divergence.mean(axis=0) > -normal_limit(30) * error).all()
        assert (divergence.mean(axis=0) < 0.6).all()  # and the fit is a good one


@pytest.mark.parametrize("kind", ["tables", "gaussians"])
def test_both_estimators_climb_to_the_same_bound(kind):
    one, other = fits(kind, "reparameterized"), fits(kind, "score_function")
    assert (np.asarray(one.status) == Status.CONVERGED).all()
    if kind == "tables":  # locations are identified up to a constant in each row
        for end in zip(one.interval(0.9)["probability"], other.interval(0.9)["probability"], strict=True):
            np.testing.assert_allclose(*end, rtol=0.35, atol=0.02)
        assert np.isfinite(one.history.loss).all()
        np.testing.assert_array_equal(one.history.step[0], np.arange(20, 1001, 20))
    else:
        np.testing.assert_array_less(np.abs(one.confidence.log_scale - other.confidence.log_scale), 0.15)
        width = np.exp(np.asarray(one.confidence.log_scale))
        np.testing.assert_array_less(np.abs(one.confidence.location - other.confidence.location) / width, 0.2)


@pytest.mark.parametrize("counts", [(3, 9), (0, 20), (400, 100)])
def test_for_two_outcomes_the_bound_holds_by_quadrature(counts):
    """ELBO ≤ ln evidence + 1e-10 for any q, by Gauss and Hermite; near Laplace's Gaussian the gap is small."""
    prior, data = Dirichlet.prior(0.5, 1, 2), Counts(np.array([counts]))
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    evidence = float(prior.log_evidence(data)[0])
    logit = np.log((counts[0] + 0.5) / (counts[1] + 0.5))
    width = np.sqrt(1 / (counts[0] + 0.5) + 1 / (counts[1] + 0.5))
    gaps = []
    for shift, factor in [(0.0, 1.0), (0.5, 1.0), (-1.0, 1.0), (0.0, 0.3), (0.0, 1.6)]:
        # All of the noise in the first coordinate: the log-ratio is logit + shift + width·factor·z.
        location = jnp.array([[logit + shift * width, 0.0]])
        q = LogisticNormal(location, jnp.array([[np.log(width * factor), -40.0]]))
        joint = q.log_joint(prior, data, q.draw(jnp.asarray(np.stack([nodes, 0 * nodes], -1)[:, None])))[:, 0]
        elbo = float((weights / weights.sum()) @ np.asarray(joint) + q.entropy()[0])
        assert elbo <= evidence + 1e-10
        gaps.append(evidence - elbo)
    assert gaps[0] < 0.5


def test_the_closed_form_to_the_prior_is_the_divergence():
    """KL(q‖prior) by draws of q, with densities of SciPy's."""
    q = MeanLogStd(np.array([[0.3, 0.2], [0.0, -0.4], [2.0, 0.0]]), np.array([[-1.0, -1.5], [0.0, -2.0], [-0.5, -0.7]]))
    prior = NormalInverseGamma.prior(0.5, 2.0, 2.5, 1.5, 3)
    w = q.location + np.exp(q.log_scale) * np.random.default_rng(2).normal(size=(200_000, 3, 2))
    variance = np.exp(2 * w[..., 1])
    density = stats.invgamma.logpdf(variance, 2.5, scale=1.5) + np.log(2 * variance)
    density += stats.norm.logpdf(w[..., 0], 0.5, np.sqrt(variance / 2.0))
    each = stats.norm.logpdf(w, q.location, np.exp(q.log_scale)).sum(-1) - density
    error = each.std(axis=0) / np.sqrt(len(each))
    assert (np.abs(each.mean(axis=0) - q.kl_to_prior(prior)) < normal_limit(3) * error).all()
    assert (error < 0.02).all()


def test_what_a_fit_tells():
    """The mapping is q's mean, the intervals are its quantiles."""
    fit, rng = fits("tables", "reparameterized"), np.random.default_rng(9)
    q = fit.confidence
    w = np.asarray(q.location) + np.exp(np.asarray(q.log_scale)) * rng.normal(size=(DRAWS, RUNS, 2, 3))
    p = np.exp(w - w.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    np.testing.assert_allclose(fit.mapping.probabilities, p.mean(axis=0), atol=0.006)
    np.testing.assert_allclose(fit.interval(0.9)["probability"], np.quantile(p, (0.05, 0.95), axis=0), atol=0.02)
    gaussian = fits("gaussians", "reparameterized")
    q = gaussian.confidence
    w = np.asarray(q.location) + np.exp(np.asarray(q.log_scale)) * rng.normal(size=(DRAWS, RUNS, 3, 2))
    lower, upper = gaussian.interval(0.9)["std"]
    np.testing.assert_allclose([lower, upper], np.quantile(np.exp(w[..., 1]), (0.05, 0.95), axis=0), rtol=0.03)
    variance = w[..., 0].var(axis=0) + np.exp(2 * w[..., 1]).mean(axis=0)
    np.testing.assert_allclose(gaussian.mapping.std[:, 0], np.sqrt(variance)[:, 0], rtol=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "pathwise"}, "unknown estimator 'pathwise': choose one of reparameterized, score_function"),
        ({"estimator": "score_function", "samples": 1}, "samples must be at least 2, got 1: score_function needs them"),
        ({"samples": 0}, "samples must be at least 1, got 0"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"concentration": -1.0}, "concentration must be positive and finite, got -1.0"),
        ({"mean": np.inf}, "mean must be finite, got inf"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Variational(**options)
