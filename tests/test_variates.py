import math
from fractions import Fraction

import numpy as np
import pytest
from chance import assert_distribution, assert_mean
from scipy import stats

from stochmap.streams import Role, run_keys, split_uint64, words_on_host
from stochmap.variates import dirichlet, log_gamma, normal, uniform

KEYS = run_keys(2024, np.arange(64))
TOP = (1 << 64) - 1
SHAPES = (0.01, 0.5, 1.0, 3.0)


def at(*words: int) -> np.ndarray:
    return split_uint64(np.array(words, dtype=np.uint64))


def test_uniforms_are_the_stated_function_of_the_word():
    for word in (0, 1 << 11, 12345 << 11, (1 << 63) + 77, 0x9E3779B97F4A7C15):
        assert uniform(at(word))[0] == float((Fraction(word >> 11) + Fraction(1, 2)) / (1 << 53))


def test_uniforms_never_reach_0_or_1():
    values = uniform(at(0, (1 << 11) - 1, TOP - (1 << 11), TOP))
    assert (values > 0).all()
    assert (values < 1).all()
    assert values[0] == 2.0**-54
    assert values[-1] == 1 - 2.0**-53


def test_normals_are_the_stated_function_of_the_word():
    for magnitude in (0, 1, 1 << 20, 1 << 50, (1 << 53) - 1):
        z = stats.norm.ppf((magnitude + 0.5) / 2.0**54)
        word = (magnitude << 10) | 0x3FF
        np.testing.assert_allclose(normal(at(word, word | 1 << 63)), [z, -z], rtol=1e-14)


def test_the_tail_of_normals_goes_beyond_8_standard_deviations():
    """Made from float32 uniforms it stops near 5.2 to 5.4; made from one-sided float64 ones, at 8.2 on one side."""
    low, high = normal(at(0, 1 << 63))
    assert low == -high
    assert low == pytest.approx(stats.norm.ppf(2.0**-55), rel=1e-12)
    assert low < -8.37
    # And what lies in the tail has its share: of all words, P(|Z| > 6) of them, by where the function passes 6.
    beyond = math.floor(stats.norm.cdf(-6.0) * 2.0**54)
    assert normal(at((beyond - 1) << 10))[0] < -6 < normal(at((beyond + 1) << 10))[0]


def test_uniforms_and_normals_follow_their_distributions():
    drawn = words_on_host(KEYS, Role.NOISE, 0, 1 << 12)
    assert_distribution(uniform(drawn), stats.uniform.cdf, detects=0.01, cases=2)
    assert_distribution(normal(drawn), stats.norm.cdf, detects=0.01, cases=2)


@pytest.mark.parametrize("shape", SHAPES)
def test_gamma_variates_follow_their_distribution(shape):
    """At shape 0.01 a third of the variates lie below the least positive float64: the logarithms are compared."""
    logs = log_gamma(KEYS, Role.TRUTH, shape, 1 << 12)

    def cdf(log_value: np.ndarray) -> np.ndarray:
        # Below 1e-300 the CDF is its first term, x^a / (a·Γ(a)).
        small = np.exp(shape * log_value - math.lgamma(shape + 1.0))
        return np.where(log_value < -690.0, small, stats.gamma.cdf(np.exp(np.maximum(log_value, -690.0)), shape))

    assert np.isfinite(logs).all()
    assert_distribution(logs, cdf, detects=0.01, cases=len(SHAPES))


@pytest.mark.parametrize("shape", SHAPES)
def test_gamma_variates_are_independent_of_their_neighbours(shape):
    """Would catch words shared between neighbours (a boost and a normal, say): a correlation of 0.02."""
    ranks = stats.rankdata(log_gamma(KEYS, Role.TRUTH, shape, 1 << 12), axis=-1)
    scores = (ranks - ranks.mean(axis=-1, keepdims=True)) / ranks.std(axis=-1, keepdims=True)
    assert_mean(scores[:, :-1] * scores[:, 1:], 0.0, detects=0.02, cases=2 * len(SHAPES))
    assert_mean(scores[:-1] * scores[1:], 0.0, detects=0.02, cases=2 * len(SHAPES))


def test_gamma_variates_of_a_key_do_not_depend_on_the_batch():
    batch = log_gamma(KEYS.reshape(4, 16, 2), Role.TRUTH, 0.5, 33)
    assert batch.shape == (4, 16, 33)
    np.testing.assert_array_equal(batch[2, 5], log_gamma(KEYS[37], Role.TRUTH, 0.5, 33))


@pytest.mark.parametrize("concentration", [1e-3, 0.5, 30.0])
def test_dirichlet_marginals_are_beta(concentration):
    rows, size = 400, 6
    table = dirichlet(KEYS, Role.TRUTH, concentration, rows, size)
    assert table.shape == (64, rows, size)
    np.testing.assert_allclose(table.sum(axis=-1), 1.0, rtol=1e-14)
    for cell in range(size):
        # Read off where p ≤ ½: at 1e-3 nearly all the mass is next to 0 and 1, further than any float tells.
        below = (table[..., cell] <= 0.5).ravel()
        expected = stats.beta.cdf(0.5, concentration, (size - 1) * concentration)
        if 0 < below.sum() < below.size:
            assert_mean(below, expected, detects=0.025, cases=2 * 3 * size)
        if concentration >= 0.5:
            marginal = stats.beta(concentration, (size - 1) * concentration)
            assert_distribution(table[..., cell], marginal.cdf, detects=0.035, cases=2 * 3 * size)


def test_dirichlet_cells_share_a_row_as_they_should():
    """E p₀p₁ = a²/(A(A + 1)): would catch rows normalised over the wrong axis, by 2 % of the product."""
    table = dirichlet(KEYS, Role.TRUTH, 2.0, 2000, 4)
    expected = 2.0 * 2.0 / (8.0 * 9.0)
    assert_mean(table[..., 0] * table[..., 1], expected, detects=0.02 * expected)
