import math

import numpy as np
import pytest
from scipy import integrate, stats

from stochmap.metrics import gaussian_kl, hellinger, kl, l2_squared, total_variation

RNG = np.random.default_rng(3)
P, Q = RNG.dirichlet(np.full(5, 0.5), size=(2, 3)), RNG.dirichlet(np.full(5, 0.5), size=(2, 3))

BRUTE_FORCE = {
    kl: lambda p, q: sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)),
    total_variation: lambda p, q: max(sum(p[i] - q[i] for i in part) for part in SUBSETS),
    l2_squared: lambda p, q: sum((a - b) ** 2 for a, b in zip(p, q, strict=True)),
    hellinger: lambda p, q: math.sqrt(1 - sum(math.sqrt(a * b) for a, b in zip(p, q, strict=True))),
}
SUBSETS = [[i for i in range(5) if code >> i & 1] for code in range(32)]


@pytest.mark.parametrize("distance", BRUTE_FORCE, ids=lambda function: function.__name__)
def test_distances_by_brute_force(distance):
    found = distance(P, Q)
    assert found.shape == (2, 3)
    for row in np.ndindex(2, 3):
        assert found[row] == pytest.approx(BRUTE_FORCE[distance](P[row].tolist(), Q[row].tolist()), rel=1e-12)
    np.testing.assert_allclose(distance(P, P), 0.0, atol=1e-15)


def test_an_infinite_kl_is_infinite():
    p, q = np.array([[0.5, 0.5, 0.0]]), np.array([[1.0, 0.0, 0.0]])
    assert kl(p, q).tolist() == [np.inf]
    assert kl(q, p).tolist() == [math.log(2.0)]
    assert kl(p, p).tolist() == [0.0]


def test_small_kls_are_known_to_1e_16_and_never_negative():
    step = 1e-5 * np.array([1.0, -1.0, 0.0, 2.0, -2.0])
    p = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    expected = sum(a * (t - math.log1p(t)) for a, t in zip(p, step / p, strict=True))  # 3e-9
    assert kl(p, p + step) == pytest.approx(expected, rel=1e-7, abs=0)
    rows = RNG.dirichlet(np.ones(8), size=10_000)
    nearby = rows + 1e-9 * rows[:, ::-1]
    assert (kl(rows, nearby / nearby.sum(axis=1, keepdims=True)) >= 0).all()
    assert (gaussian_kl(np.zeros(1000), 1 + 1e-9 * np.arange(1000), np.zeros(1000), np.ones(1000)) >= 0).all()


def test_gaussian_kl_by_integration():
    for mean, std, other_mean, other_std in [(1.0, 2.5, 0.0, 1.0), (0.0, 0.3, 0.5, 2.0), (-2.0, 1.0, -2.0, 1.5)]:
        first, second = stats.norm(mean, std), stats.norm(other_mean, other_std)
        expected, _ = integrate.quad(
            lambda y, first=first, second=second: first.pdf(y) * (first.logpdf(y) - second.logpdf(y)),
            mean - 12 * std,
            mean + 12 * std,
        )
        arguments = [np.array([value]) for value in (mean, std, other_mean, other_std)]
        assert gaussian_kl(*arguments)[0] == pytest.approx(expected, rel=1e-8)


def test_gaussian_kl_to_the_standard_normal():
    """½Σ(μ² + σ² − 1 − log σ²): Kingma & Welling 2013, appendix B."""
    mean, std = RNG.normal(size=4), RNG.uniform(0.2, 3.0, 4)
    expected = 0.5 * (mean**2 + std**2 - 1 - np.log(std**2))
    np.testing.assert_allclose(gaussian_kl(mean, std, np.zeros(4), np.ones(4)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((0.0, 1.0, 0.3, 0.0), np.inf),  # a fit to one value
        ((0.0, 1.0, 0.0, 0.0), np.inf),
        ((0.3, 0.0, 0.0, 1.0), np.inf),
        ((0.0, np.inf, 0.0, 1.0), np.inf),  # a posterior without a variance
        ((0.0, 1.0, 0.0, np.inf), np.inf),
        ((np.nan, 1.0, 0.0, 1.0), np.nan),
        ((0.0, np.nan, 0.0, 1.0), np.nan),
    ],
)
def test_a_degenerate_gaussian_is_infinitely_far(arguments, expected):
    found = gaussian_kl(*(np.array([value]) for value in arguments))
    np.testing.assert_array_equal(found, [expected])


def test_small_gaussian_kls():
    found = gaussian_kl(np.array([1e-4]), np.array([1.0 + 1e-5]), np.zeros(1), np.ones(1))
    assert found[0] == pytest.approx(0.5e-8 + 1e-10, rel=1e-5, abs=0)
