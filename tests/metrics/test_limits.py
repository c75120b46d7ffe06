import numpy as np
import pytest
from enumeration import expectation
from scipy import integrate, stats

from stochmap.metrics import limits

ROWS = [np.array([0.5, 0.5]), np.array([0.7, 0.2, 0.1]), np.array([0.05, 0.15, 0.8]), np.full(4, 0.25)]


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return sum(a * np.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


@pytest.mark.parametrize("p", ROWS, ids=str)
@pytest.mark.parametrize("n", [1, 2, 9])
def test_maximum_likelihoods_exact_risks(p, n):
    assert limits.maximum_likelihood_l2_squared(p, n) == pytest.approx(
        expectation(n, p, lambda c: ((c / n - p) ** 2).sum()), rel=1e-12
    )
    assert limits.maximum_likelihood_kl(p, n) == pytest.approx(expectation(n, p, lambda c: kl(c / n, p)), rel=1e-12)


def test_maximum_likelihoods_kl_tends_to_wilks():
    p = np.random.default_rng(1).dirichlet(np.ones(8))
    shares = [limits.maximum_likelihood_kl(p, n) / limits.wilks(7, n) for n in (64, 1024, 65536)]
    off = np.abs(np.subtract(shares, 1.0))
    assert off[0] > 0.01  # an asymptotic reference, not a bound
    assert off[1] < 0.02
    assert off[2] < 5e-4
    for n, above in ((32, 1.069), (80, 1.021)):  # 4k and 10k: it is approached from above
        assert limits.maximum_likelihood_kl(np.full(8, 1 / 8), n) / limits.wilks(7, n) == pytest.approx(above, abs=1e-3)
    assert limits.maximum_likelihood_kl(np.append(p, 0.0), 50) == limits.maximum_likelihood_kl(p, 50)
    np.testing.assert_allclose(limits.wilks(np.array([7, 0]), np.array([100, 5])), [0.035, 0.0])


@pytest.mark.parametrize("p", ROWS, ids=str)
@pytest.mark.parametrize("constant", [0.5, 1.0, 2.7])
def test_adding_a_constant_by_enumeration(p, constant):
    n, k = 7, len(p)
    by_enumeration = expectation(n, p, lambda c: (((c + constant) / (n + k * constant) - p) ** 2).sum())
    assert limits.add_constant_l2_squared(p, n, constant) == pytest.approx(by_enumeration, rel=1e-12)


@pytest.mark.parametrize("p", ROWS, ids=str)
def test_the_minimax_estimators_risk_is_the_same_everywhere(p):
    n, k = 9, len(p)
    constant = np.sqrt(n) / k
    by_enumeration = expectation(n, p, lambda c: (((c + constant) / (n + k * constant) - p) ** 2).sum())
    assert by_enumeration == pytest.approx((1 - 1 / k) / (np.sqrt(n) + 1) ** 2, rel=1e-12)
    assert limits.add_constant_l2_squared(p, n, constant) == pytest.approx(by_enumeration, rel=1e-12)


def test_the_minimax_risk_of_ten_symbols_and_a_hundred_samples():
    for p in np.random.default_rng(2).dirichlet(np.full(10, 0.3), size=5):
        assert limits.add_constant_l2_squared(p, 100, 1.0) == pytest.approx(0.00743802, abs=5e-9)


@pytest.mark.parametrize("p", [*ROWS, np.array([0.0, 0.3, 0.7])], ids=str)
@pytest.mark.parametrize("constant", [0.5, 1.0, 2.7])
def test_adding_a_constant_in_kl_and_chi_squared_by_enumeration(p, constant):
    n, k = 7, len(p)

    def fit(c: np.ndarray) -> np.ndarray:
        return (c + constant) / (n + k * constant)

    by_enumeration = expectation(n, p, lambda c: kl(p, fit(c)))
    assert limits.add_constant_kl(p, n, constant) == pytest.approx(by_enumeration, rel=1e-12)
    by_enumeration = expectation(n, p, lambda c: ((p - fit(c)) ** 2 / fit(c)).sum())
    assert limits.add_constant_chi_squared(p, n, constant) == pytest.approx(by_enumeration, rel=1e-12)


@pytest.mark.parametrize("p", [np.array([0.5, 0.5]), np.array([0.1, 0.9]), np.array([0.0, 1.0])], ids=str)
@pytest.mark.parametrize("n", [1, 2, 9])
def test_braess_and_sauers_estimator_by_enumeration(p, n):
    def fit(c: np.ndarray) -> np.ndarray:
        raised = c + np.array([{0: 0.5, 1: 1.0}.get(int(count), 0.75) for count in c])
        return raised / raised.sum()

    by_enumeration = expectation(n, p, lambda c: kl(p, fit(c)))
    assert limits.braess_sauer_kl(p, n) == pytest.approx(by_enumeration, rel=1e-12)


def test_braess_and_sauers_estimator_is_near_the_least_worst_case_where_no_constant_is():
    """n times the worst case over a grid of p: ½ in the limit. ½ and 1 added to every count stay above it."""
    n, grid = 500, np.linspace(0, 1, 801)
    rows = np.stack([grid, 1 - grid], axis=1)
    worst = max(limits.braess_sauer_kl(row, n) for row in rows)
    assert n * worst == pytest.approx(n * np.log((n + 1.25) / (n + 0.75)), rel=1e-9)
    assert n * worst < 0.5
    assert n * max(limits.add_constant_kl(row, n, 0.5) for row in rows) == pytest.approx(0.5099, abs=1e-4)
    assert n * limits.add_constant_kl(rows[0], n, 1.0) == pytest.approx(0.99701, abs=5e-6)
    assert limits.minimax_kl(2, n) == 0.5 / n
    with pytest.raises(ValueError, match=r"p must have two outcomes, got the shape \(3,\)"):
        limits.braess_sauer_kl(np.full(3, 1 / 3), n)


def test_total_variation_of_maximum_likelihood():
    """Half of Σ E|p̂_j − p_j|, each a binomial's mean deviation; for uniform p, ℓ₁ → √(2(k − 1)/(πn))."""
    p, n = np.array([0.1, 0.3, 0.6]), 4000
    count = np.arange(n + 1)
    exact = sum(0.5 * (stats.binom(n, part).pmf(count) * np.abs(count / n - part)).sum() for part in p)
    assert limits.maximum_likelihood_total_variation(p, n) == pytest.approx(exact, rel=2e-3)
    assert 2 * limits.maximum_likelihood_total_variation(np.full(8, 1 / 8), n) == pytest.approx(
        np.sqrt(2 * 7 / (np.pi * n)), rel=1e-12
    )
    both = limits.maximum_likelihood_total_variation(np.stack([p, p]), np.array([n, 4 * n]))
    assert both[0] == pytest.approx(2 * both[1])


def test_the_gaussians_exact_divergences():
    assert limits.gaussian_kl_truth_fit(10) == pytest.approx(0.175431, abs=5e-7)
    assert limits.gaussian_kl_fit_truth(10) == pytest.approx(0.110283, abs=5e-7)
    # Written out again as integrals over s² ~ χ²_{n−1}/n, with (ȳ − μ)² ~ 1/n.
    for n in (5, 10, 40):
        chi2 = stats.chi2(n - 1)

        def average(value, chi2=chi2, n=n) -> float:
            return integrate.quad(lambda t: chi2.pdf(t) * value(t / n), 0, np.inf, limit=200)[0]

        truth_fit = average(lambda s2, n=n: 0.5 * (np.log(s2) + (1 + 1 / n) / s2 - 1))
        fit_truth = average(lambda s2, n=n: 0.5 * (-np.log(s2) + s2 + 1 / n - 1))
        assert limits.gaussian_kl_truth_fit(n) == pytest.approx(truth_fit, rel=1e-6)
        assert limits.gaussian_kl_fit_truth(n) == pytest.approx(fit_truth, rel=1e-6)
    assert limits.gaussian_kl_fit_truth(1e5) == pytest.approx(limits.wilks(2, 1e5), rel=1e-4)


def test_cramer_rao_is_the_inverse_fisher_information():
    std, n = 2.5, 40
    normal = stats.norm(0.0, std)
    score_mean = integrate.quad(lambda y: normal.pdf(y) * (y / std**2) ** 2, -40, 40)[0]
    score_std = integrate.quad(lambda y: normal.pdf(y) * ((y**2 / std**2 - 1) / std) ** 2, -40, 40)[0]
    assert limits.cramer_rao_mean(std, n) == pytest.approx(1 / (n * score_mean), rel=1e-8)
    assert limits.cramer_rao_std(std, n) == pytest.approx(1 / (n * score_std), rel=1e-8)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2.0, 5.0), (1.0, 30.5)])
def test_the_least_loss_under_a_known_posterior(a, b):
    """For two outcomes an integral over Beta(a, b); no other fit than the mean loses as little."""
    posterior = stats.beta(a, b)

    def loss(q: float) -> float:
        def integrand(u: float) -> float:
            p = posterior.ppf(u)
            return kl(np.array([p, 1 - p]), np.array([q, 1 - q]))

        return integrate.quad(integrand, 0, 1, limit=400)[0]

    mean = a / (a + b)
    least = limits.bayes_kl(np.array([a, b]))
    assert least == pytest.approx(loss(mean), rel=1e-5)
    assert loss(0.9 * mean) > least
    assert loss(0.9 * mean + 0.1) > least


def test_the_least_loss_is_of_each_row():
    a = np.random.default_rng(0).uniform(0.1, 9.0, size=(2, 3, 4))
    rows = limits.bayes_kl(a)
    assert rows.shape == (2, 3)
    assert rows[1, 2] == pytest.approx(limits.bayes_kl(a[1, 2]))
    assert (rows > 0).all()
    draws = np.random.default_rng(1).dirichlet(a[1, 2], size=200_000)
    mean = a[1, 2] / a[1, 2].sum()
    assert rows[1, 2] == pytest.approx((draws * np.log(draws / mean)).sum(axis=1).mean(), rel=0.02)
