import numpy as np
import pytest
from enumeration import all_counts

from stochmap import information

JOINT = np.array([[0.1, 0.2, 0.0], [0.3, 0.05, 0.35]])
COUNTS = np.array([[3, 0, 1], [2, 2, 9]])


def by_hand(joint: np.ndarray) -> tuple[float, float]:
    """H(Y | X) and I(X; Y), cell by cell."""
    px, py, conditional, mutual = joint.sum(1), joint.sum(0), 0.0, 0.0
    for x in range(joint.shape[0]):
        for y in range(joint.shape[1]):
            if joint[x, y] > 0:
                conditional -= joint[x, y] * np.log(joint[x, y] / px[x])
                mutual += joint[x, y] * np.log(joint[x, y] / (px[x] * py[y]))
    return conditional, mutual


def test_entropies_by_their_definitions():
    conditional, mutual = by_hand(JOINT)
    assert information.conditional_entropy(JOINT) == pytest.approx(conditional, rel=1e-13)
    assert information.mutual_information(JOINT) == pytest.approx(mutual, rel=1e-13)
    assert information.entropy([0.5, 0.25, 0.25, 0.0]) == pytest.approx(1.5 * np.log(2), rel=1e-14)
    both = information.mutual_information(np.stack([JOINT, np.outer([0.3, 0.7], [0.2, 0.3, 0.5])]))
    np.testing.assert_allclose(both, [mutual, 0.0], atol=1e-15)
    assert both.min() >= 0


def test_a_small_mutual_information_keeps_its_digits():
    """I of [[¼ + e, ¼ − e], …] is 8e² to leading order: at e = 1e-7 differences of entropies would know one digit."""
    e = 1e-7
    joint = np.array([[0.25 + e, 0.25 - e], [0.25 - e, 0.25 + e]])
    assert information.mutual_information(joint) == pytest.approx(8 * e**2, rel=1e-2)


def test_estimates_from_counts():
    n, (conditional, mutual) = COUNTS.sum(), by_hand(COUNTS / COUNTS.sum())
    found = information.plug_in(COUNTS)
    assert found.conditional == pytest.approx(conditional, rel=1e-12)
    assert found.mutual_information == pytest.approx(mutual, rel=1e-12)
    corrected = information.miller_madow(COUNTS)
    assert corrected.x == pytest.approx(found.x + 1 / (2 * n))
    assert corrected.joint == pytest.approx(found.joint + 4 / (2 * n))
    bias = information.mutual_information_bias(COUNTS)
    assert bias == pytest.approx((5 - 2 - 3 + 1) / (2 * n))
    assert corrected.mutual_information == pytest.approx(mutual - bias, rel=1e-12)


def test_the_leading_bias_is_that_of_the_exact_expectation():
    """2 × 2 independent cells, all 12,341 tables of 40 pairs: E I = 1/(2n)·(1 + O(1/n))."""
    counts, chance = all_counts(40, np.array([0.12, 0.28, 0.18, 0.42]))
    values = information.plug_in(counts.reshape(-1, 2, 2)).mutual_information
    assert chance @ values == pytest.approx(1 / 80, rel=0.1)


def test_the_posterior_mean_is_that_of_draws():
    draws = np.random.default_rng(1).dirichlet(COUNTS.reshape(-1) + 0.5, size=100_000).reshape(-1, 2, 3)
    found = information.posterior_mean(COUNTS, 0.5)
    for expected, values in (
        (found.mutual_information, information.mutual_information(draws)),
        (found.conditional, information.conditional_entropy(draws)),
    ):
        assert expected == pytest.approx(values.mean(), abs=6 * values.std() / np.sqrt(len(values)))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, 2], r"counts must be a table \[x, y\], got the shape \(2,\)"),
        ([[1, -1]], "counts must be whole numbers"),
        ([[1, 0.5]], "counts must be whole numbers"),
        ([[1, np.nan]], "counts must be whole numbers"),
        ([[0, 0]], "the counts are all 0"),
    ],
)
def test_what_is_not_counts_is_refused(counts, message):
    for function in (information.plug_in, information.miller_madow, information.posterior_mean, information.interval):
        with pytest.raises(ValueError, match=message):
            function(counts)
