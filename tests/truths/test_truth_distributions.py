import itertools

import numpy as np
import pytest
from chance import assert_distribution, assert_frequencies, assert_mean
from scipy import stats

from stochmap.streams import run_keys
from stochmap.truths import Dirichlet, NoisyPermutation, NormalInverseGamma, NormalLogits, Sparse

KEYS = run_keys(77, np.arange(16384))


@pytest.mark.parametrize("scale", [0.3, 2.0])
def test_normal_logits_are_normal(scale):
    """Seen through what a row keeps of them, the differences: Normal(0, 2·scale²)."""
    logs = np.log(NormalLogits(2, 4, scale).draw(KEYS).probabilities)
    difference = stats.norm(0.0, np.sqrt(2.0) * scale)
    assert_distribution(logs[:, 0, 0] - logs[:, 0, 1], difference.cdf, detects=0.06, cases=6)
    assert_distribution(logs[:, 1, 3] - logs[:, 1, 2], difference.cdf, detects=0.06, cases=6)
    product = (logs[:, 0, 0] - logs[:, 0, 1]) * (logs[:, 1, 0] - logs[:, 1, 1]) / (2 * scale**2)
    assert_mean(product, 0.0, detects=0.1, cases=6)  # rows are independent


def test_the_centred_logits_of_the_origin_have_their_variance():
    """Σ_j (log p_j − mean)² ~ χ²_7 in a row of 8: would catch a scale wrong by 1 %."""
    logs = np.log(NormalLogits(16, 8).draw(KEYS).probabilities)
    centred = logs - logs.mean(axis=-1, keepdims=True)
    assert_mean((centred**2).sum(axis=-1).mean(axis=-1), 7.0, detects=0.07)


@pytest.mark.parametrize("concentration", [0.2, 1.0, 5.0])
def test_dirichlet_cells_are_beta(concentration):
    table = Dirichlet(2, 5, concentration).draw(KEYS).probabilities
    marginal = stats.beta(concentration, 4 * concentration)
    for x, y in [(0, 0), (0, 4), (1, 2)]:
        assert_distribution(table[:, x, y], marginal.cdf, detects=0.06, cases=12)
    centred = table - 0.2
    assert_mean(centred[:, 0, 0] * centred[:, 1, 0] / marginal.var(), 0.0, detects=0.4, cases=12)


def test_a_noisy_permutation_is_one():
    table = NoisyPermutation(5, 0.3).draw(KEYS[:100]).probabilities
    np.testing.assert_allclose(np.sort(table, axis=-1)[..., :4], 0.06, rtol=1e-14)
    np.testing.assert_allclose(table.max(axis=-1), 0.7 + 0.06, rtol=1e-14)
    assert (np.sort(table.argmax(axis=-1), axis=-1) == np.arange(5)).all()
    exact = NoisyPermutation(5, 0.0).draw(KEYS[:100]).probabilities
    assert set(np.unique(exact)) == {0.0, 1.0}


def test_every_permutation_is_as_likely():
    """Would catch a shuffle 5 % off in total variation."""
    order = NoisyPermutation(4, 0.0).draw(KEYS).probabilities.argmax(axis=-1)
    found = [(order == np.array(each)).all(axis=-1).sum() for each in itertools.permutations(range(4))]
    assert_frequencies(found, np.full(24, 1 / 24), detects=0.05)


def test_sparse_rows_have_so_many_outcomes():
    table = Sparse(3, 6, 2, 0.5).draw(KEYS).probabilities
    assert ((table > 0).sum(axis=-1) == 2).all()


def test_every_subset_of_outcomes_is_as_likely():
    table = Sparse(3, 6, 2, 0.5).draw(KEYS).probabilities > 0
    code = (table * 2 ** np.arange(6)).sum(axis=-1)
    for x in range(3):
        found = [(code[:, x] == 2**i + 2**j).sum() for i, j in itertools.combinations(range(6), 2)]
        assert_frequencies(found, np.full(15, 1 / 15), detects=0.05, cases=3)


def test_sparse_probabilities_are_dirichlet_inside_the_subset():
    table = Sparse(3, 6, 3, 0.5).draw(KEYS).probabilities
    for x in range(3):
        first = np.take_along_axis(table[:, x], (table[:, x] > 0).argmax(axis=-1)[:, None], axis=-1)
        assert_distribution(first, stats.beta(0.5, 1.0).cdf, detects=0.06, cases=3)


@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_normal_inverse_gamma_draws_means_and_variances(alpha):
    table = NormalInverseGamma(mean=3.0, kappa=4.0, alpha=alpha, beta=2.0, num_x=2).draw(KEYS)
    noise = (table.mean - 3.0) / (table.std / 2.0)
    for x in range(2):
        assert_distribution(table.std[:, x] ** 2, stats.invgamma(alpha, scale=2.0).cdf, detects=0.06, cases=12)
        assert_distribution(noise[:, x], stats.norm.cdf, detects=0.06, cases=12)
        precision = stats.rankdata(table.std[:, x]) / len(KEYS) - 0.5
        assert_mean(noise[:, x] * precision, 0.0, detects=0.05, cases=12)  # the noise does not know the variance
    assert_mean(noise[:, 0] * noise[:, 1], 0.0, detects=0.15, cases=12)
