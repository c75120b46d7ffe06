import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from stochmap.learners import Reversible, Status
from stochmap.sampling import Counts
from stochmap.study import StudyError, from_options

RNG = np.random.default_rng(8)
_WEIGHTS = RNG.gamma(1.0, size=(4, 4))
TRUTH = (_WEIGHTS + _WEIGHTS.T) / (_WEIGHTS + _WEIGHTS.T).sum(1, keepdims=True)
COUNTS = np.stack([RNG.multinomial(n, row) for n, row in zip((300, 50, 120, 20), TRUTH, strict=True)])


_FIT = jax.jit(Reversible())


def fit(counts):
    return _FIT(jax.random.key(0), Counts(jnp.asarray(counts)))


def table(counts) -> np.ndarray:
    return np.asarray(fit(counts).mapping.probabilities)


def log_likelihood(p: np.ndarray, counts: np.ndarray) -> float:
    return float((counts * np.log(p)).sum())


def test_the_fit_is_reversible():
    p = table(COUNTS)
    assert int(fit(COUNTS).status) == Status.CONVERGED
    np.testing.assert_allclose(p.sum(1), 1.0, rtol=1e-12)
    stationary = np.linalg.matrix_power(p, 4096)[0]
    flow = stationary[:, None] * p
    np.testing.assert_allclose(flow, flow.T, atol=1e-12)


def test_no_reversible_mapping_is_likelier():
    """A generic optimizer over symmetric weights finds the same likelihood; maximum likelihood itself is likelier."""
    upper = np.triu_indices(4)

    def minus(theta: np.ndarray) -> float:
        weights = np.zeros((4, 4))
        weights[upper] = np.exp(theta)
        weights = weights + np.triu(weights, 1).T
        return -log_likelihood(weights / weights.sum(1, keepdims=True), COUNTS)

    best = optimize.minimize(minus, np.zeros(10), method="BFGS", options={"gtol": 1e-6})
    here = log_likelihood(table(COUNTS), COUNTS)
    assert here == pytest.approx(-best.fun, abs=1e-6)
    assert log_likelihood(COUNTS / COUNTS.sum(1, keepdims=True), COUNTS) > here + 0.1


def test_counts_that_are_symmetric_are_their_own_fit():
    counts = np.array([[5, 7, 1], [7, 2, 3], [1, 3, 9]])
    np.testing.assert_allclose(table(counts), counts / counts.sum(1, keepdims=True), rtol=1e-9)


def test_what_is_only_left_or_only_entered_lies_at_infinity():
    found = fit(np.array([[5, 3, 2], [2, 0, 0], [0, 0, 7]]))
    assert int(found.status) == Status.BOUNDARY
    np.testing.assert_allclose(
        np.asarray(found.mapping.probabilities), [[0.5, 0.3, 0.2], [1, 0, 0], [0, 0, 1]], atol=1e-6
    )
    assert int(fit(np.array([[0, 3, 0], [0, 0, 4], [2, 0, 0]])).status) == Status.CONVERGED


def test_rows_without_any_count_are_uniform():
    np.testing.assert_allclose(table(np.array([[5, 3, 0], [2, 0, 0], [0, 0, 0]]))[2], 1 / 3)
    np.testing.assert_allclose(table(np.zeros((3, 3), int)), 1 / 3)


def test_a_mapping_that_is_not_square_is_refused_where_the_study_is_read():
    with pytest.raises(ValueError, match=r"reversible: the mapping is 2 × 3: it must be square"):
        fit(np.ones((2, 3), int))
    truth = {"kind": "dirichlet", "num_x": 2, "num_y": 3}
    problem = {"name": "p", "num_samples": 9, "truth": truth, "learners": [{"kind": "reversible"}]}
    with pytest.raises(StudyError, match=r"problem 'p': learner 'reversible' serves square mappings, not 2 × 3 ones"):
        from_options({"problem": [problem]})
