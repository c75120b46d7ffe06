import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special

from stochmap.learners import Dirichlet, Hierarchical, Status
from stochmap.learners._hierarchical import fit_row_prior
from stochmap.metrics import kl
from stochmap.sampling import Counts

_PRIOR, _FIT = jax.jit(fit_row_prior), jax.jit(Hierarchical())  # every table is 16 × 6: each compiles once
RNG = np.random.default_rng(5)


def rows(strength: float, n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    p = RNG.dirichlet(strength * RNG.dirichlet(np.ones(6)), size=16)
    return p, np.stack([RNG.multinomial(n, row) for row in p])


def objective(log_concentration: np.ndarray, counts: np.ndarray) -> float:
    """−Σ_x ln p(c_x | a) − ½Σ ln m, from SciPy's gammaln."""
    a = np.exp(log_concentration)
    evidence = special.gammaln(a.sum()) - special.gammaln(a.sum() + counts.sum(1))
    evidence += (special.gammaln(counts + a) - special.gammaln(a)).sum(1)
    return float(-evidence.sum() - 0.5 * np.log(a / a.sum()).sum())


@pytest.mark.parametrize("strength", [0.3, 5.0, 100.0])
def test_the_prior_maximises_the_evidence(strength):
    """No generic optimizer finds a better one from there, and the solution is a stationary point."""
    _, counts = rows(strength)
    prior = _PRIOR(jnp.asarray(counts))
    assert int(prior.status) == Status.CONVERGED
    here = np.log(np.asarray(prior.concentration))
    best = optimize.minimize(objective, here, args=(counts,), method="Nelder-Mead", options={"maxiter": 800})
    assert best.fun > objective(here, counts) - 1e-6
    slope = optimize.approx_fprime(here, objective, 1e-6, counts)
    assert np.abs(slope).max() < 1e-2
    assert np.abs(optimize.approx_fprime(here + 0.1, objective, 1e-6, counts)).max() > 1e-2


def test_rows_borrow_strength():
    """Rows that are nearly alike, few samples: less than half the loss of a prior that does not know it."""
    p, counts = rows(200.0, n=10)
    fit = _FIT(jax.random.key(0), Counts(jnp.asarray(counts)))
    own = (counts + 0.5) / (counts.sum(1, keepdims=True) + 3.0)
    assert kl(p, np.asarray(fit.mapping.probabilities)).mean() < kl(p, own).mean() / 2
    assert fit.posterior is not None


def test_the_fit_is_the_posterior_mean():
    _, counts = rows(3.0)
    counts[4] = 0
    fit = _FIT(jax.random.key(0), Counts(jnp.asarray(counts)))
    prior = np.asarray(_PRIOR(jnp.asarray(counts)).concentration)
    expected = (counts + prior) / (counts + prior).sum(1, keepdims=True)
    np.testing.assert_allclose(np.asarray(fit.mapping.probabilities), expected, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(fit.mapping.probabilities)[4], prior / prior.sum(), rtol=1e-12)


def test_an_outcome_that_nobody_saw_keeps_a_probability():
    _, counts = rows(3.0)
    counts[:, 2] = 0
    fit = _FIT(jax.random.key(0), Counts(jnp.asarray(counts)))
    assert (np.asarray(fit.mapping.probabilities)[:, 2] > 1e-6).all()


@pytest.mark.parametrize("counts", [[30, 20, 10, 5, 2, 0], [0] * 6])
def test_rows_that_do_not_differ_end_at_the_boundary_and_are_pooled(counts):
    fit = _FIT(jax.random.key(0), Counts(jnp.tile(jnp.asarray(counts), (16, 1))))
    pooled = 16 * np.array(counts) + 0.5
    np.testing.assert_allclose(
        np.asarray(fit.mapping.probabilities), np.tile(pooled / pooled.sum(), (16, 1)), rtol=1e-3
    )
    assert int(fit.status) == (Status.BOUNDARY if any(counts) else Status.CONVERGED)


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        (np.array([[10, 3, 1], [2, 9, 1]]), Status.CONVERGED),
        (np.array([[40, 40, 40], [40, 40, 40]]), Status.BOUNDARY),
        (np.array([[50, 0, 0], [0, 70, 0]]), Status.BOUNDARY),
        (np.array([[1, 0, 0], [0, 0, 1]]), Status.BOUNDARY),  # nothing speaks for any concentration
    ],
    ids=["inside", "even rows", "one outcome a row", "one sample a row"],
)
def test_a_fitted_concentration_has_the_status_of_a_fit(counts, status):
    fit = jax.jit(Dirichlet(prior="empirical_bayes"))(jax.random.key(0), Counts(jnp.asarray(counts)))
    assert int(fit.status) == status
    assert int(Dirichlet(0.5)(jax.random.key(0), Counts(jnp.asarray(counts))).status) == Status.EXACT
