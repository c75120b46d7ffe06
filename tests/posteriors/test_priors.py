import numpy as np
import pytest
from enumeration import expectation
from scipy import optimize, special

from stochmap.posteriors import PRIORS, Dirichlet, braess_sauer, empirical_bayes, jeffreys, minimax, perks
from stochmap.sampling import Counts

N = np.array([[0, 1, 2, 7], [0, 0, 0, 0]])


def test_fixed_rules():
    counts = Counts(N)
    assert (np.asarray(jeffreys(counts)) == 0.5).all()
    assert (np.asarray(perks(counts)) == 0.25).all()
    np.testing.assert_allclose(minimax(counts), [[np.sqrt(10) / 4] * 4, [0.25] * 4], rtol=1e-15)
    assert np.asarray(braess_sauer(counts)).tolist() == [[0.5, 1.0, 0.75, 0.75], [0.5] * 4]
    for rule in PRIORS.values():
        assert rule(counts).shape == N.shape


@pytest.mark.parametrize("p", [[0.2, 0.3, 0.5], [0.01, 0.01, 0.98]])
def test_the_minimax_rule_has_the_same_risk_everywhere(p):
    """(1 − 1/k)/(√n + 1)² by enumeration."""

    def loss(c: np.ndarray) -> float:
        a = np.asarray(minimax(Counts(c.astype(int)[None])))[0]
        return ((((c + a) / (c + a).sum()) - p) ** 2).sum()

    assert expectation(9, np.array(p), loss) == pytest.approx((1 - 1 / 3) / 16, rel=1e-12)


def test_empirical_bayes_has_the_greatest_evidence():
    """Against SciPy's maximum of the evidence, and against one that is known: rows that are all alike."""
    rng = np.random.default_rng(7)
    p = rng.dirichlet(np.full(6, 0.4), size=(3, 10))
    n = rng.multinomial(40, p)
    alike, one_each, alone = np.full((10, 6), 1000), 20 * np.eye(10, 6, dtype=int), np.eye(10, 6, dtype=int)
    fitted = np.asarray(empirical_bayes(Counts(np.stack([*n, alike, one_each, alone]))))[:, 0, 0]

    def loss(log_a: float, rows: np.ndarray) -> float:
        a, total = np.exp(log_a), rows.sum(axis=1)
        terms = special.gammaln(6 * a) - special.gammaln(6 * a + total)
        return -terms.sum() - (special.gammaln(a + rows) - special.gammaln(a)).sum()

    for run in range(3):
        best = optimize.minimize_scalar(loss, (-3.0, 1.0), args=(n[run],), tol=1e-12)
        np.testing.assert_allclose(fitted[run], np.exp(best.x), rtol=1e-5)
    assert fitted[3] > 1e5
    assert fitted[4] < 2e-3
    assert fitted[5] == 0.5  # one sample a row tells nothing


def test_empirical_bayes_finds_the_prior_that_truths_came_from():
    rng = np.random.default_rng(8)
    n = rng.multinomial(200, rng.dirichlet(np.full(5, 1.7), size=2000))
    assert np.asarray(empirical_bayes(Counts(n)))[0, 0] == pytest.approx(1.7, rel=0.05)


def test_empirical_bayes_of_nothing_is_refused():
    with pytest.raises(ValueError, match="the dataset is empty, got 0 observations: give at least one"):
        empirical_bayes(Counts(np.zeros((2, 3), int)))


def test_a_row_never_seen_keeps_its_prior():
    posterior = Dirichlet(perks(Counts(N))).update_all(Counts(N))
    assert np.asarray(posterior.concentration)[1].tolist() == [0.25] * 4
