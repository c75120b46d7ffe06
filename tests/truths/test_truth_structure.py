"""What each kind of table is by its definition: closed forms, bands, ranks, detailed balance."""

import itertools

import numpy as np
import pytest
from chance import assert_distribution, assert_frequencies, assert_mean
from scipy import stats

from stochmap.streams import run_keys
from stochmap.truths import (
    Banded,
    CategoricalTable,
    ErasureChannel,
    LowRank,
    RandomizedResponse,
    Reversible,
    Sparse,
    SymmetricChannel,
    ZipfRows,
    _stationary,
    stationary,
)

KEY = run_keys(77, 5)
KEYS = run_keys(77, np.arange(16384))


def information_in_bits(table: np.ndarray) -> float:
    """Return I(x; y) for uniform x, which is the capacity of a symmetric table."""
    joint = table / len(table)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    seen = joint > 0
    return float((joint[seen] * np.log2(joint[seen] / independent[seen])).sum())


def test_symmetric_channels_have_their_published_capacity():
    assert information_in_bits(SymmetricChannel(2, 0.11).draw(KEY).probabilities) == pytest.approx(0.500084, abs=5e-7)
    assert information_in_bits(SymmetricChannel(4, 0.1).draw(KEY).probabilities) == pytest.approx(1.372508, abs=5e-7)
    np.testing.assert_array_equal(SymmetricChannel(2, 0.11).draw(KEY).probabilities, [[0.89, 0.11], [0.11, 0.89]])
    np.testing.assert_array_equal(SymmetricChannel(3, 1.0).draw(KEY).probabilities, (1 - np.eye(3)) / 2)


def test_the_erasure_is_the_last_symbol():
    table = ErasureChannel(2, 0.3).draw(KEY).probabilities
    np.testing.assert_array_equal(table, [[0.7, 0.0, 0.3], [0.0, 0.7, 0.3]])
    assert information_in_bits(table) == pytest.approx(0.7, rel=1e-14)
    assert ErasureChannel(5).num_y == 6
    large = ErasureChannel(10**5, 0.25).draw_sparse(KEY)
    assert large.outcomes[:4].tolist() == [0, 10**5, 1, 10**5]
    assert ErasureChannel(3, 0.0).draw_sparse(KEY).outcomes.tolist() == [0, 1, 2]
    assert ErasureChannel(3, 1.0).draw_sparse(KEY).outcomes.tolist() == [3, 3, 3]


@pytest.mark.parametrize(("size", "epsilon"), [(2, 0.5), (4, 1.0), (100, 3.0)])
def test_randomized_response_has_its_diagonal_and_its_privacy(size, epsilon):
    table = RandomizedResponse(size, epsilon).draw(KEY).probabilities
    np.testing.assert_allclose(np.diag(table), np.exp(epsilon) / (np.exp(epsilon) + size - 1), rtol=1e-15)
    ratio = table.max(axis=0) / table.min(axis=0)
    np.testing.assert_allclose(ratio, np.exp(epsilon), rtol=1e-14)


def test_randomized_response_at_its_ends():
    np.testing.assert_array_equal(RandomizedResponse(4, 0.0).draw(KEY).probabilities, np.full((4, 4), 0.25))
    np.testing.assert_array_equal(RandomizedResponse(4, 1000.0).draw(KEY).probabilities, np.eye(4))


@pytest.mark.parametrize(
    ("num_x", "num_y", "bandwidth", "centre"),
    [
        (6, 6, 1, [0, 1, 2, 3, 4, 5]),
        (6, 6, 0, [0, 1, 2, 3, 4, 5]),
        (3, 9, 2, [0, 4, 8]),
        (5, 3, 1, [0, 1, 1, 2, 2]),  # 0.5 and 1.5 are rounded up
        (1, 4, 1, [0]),
        (4, 4, 3, [0, 1, 2, 3]),
    ],
)
def test_banded_tables_are_0_off_the_band_and_nowhere_else(num_x, num_y, bandwidth, centre):
    table = Banded(num_x, num_y, bandwidth).draw(KEYS[:50]).probabilities
    inside = np.abs(np.arange(num_y) - np.array(centre)[:, None]) <= bandwidth
    np.testing.assert_array_equal(table > 0, np.broadcast_to(inside, table.shape))


def test_banded_probabilities_are_dirichlet_inside_the_band():
    """Also where the edge leaves 2 or 3 of the 5 outcomes."""
    table = Banded(5, 5, 2, 0.5).draw(KEYS).probabilities
    for x, y, others in [(0, 0, 2), (1, 2, 3), (2, 0, 4), (4, 4, 2)]:
        assert_distribution(table[:, x, y], stats.beta(0.5, 0.5 * others).cdf, detects=0.06, cases=5)
    centred = (table[:, 2, 0] - 0.2) * (table[:, 1, 0] - 0.25)
    assert_mean(centred, 0.0, detects=0.004, cases=5)  # rows are independent


@pytest.mark.parametrize(("num_x", "num_y", "rank"), [(6, 9, 1), (6, 9, 3), (5, 5, 5), (9, 4, 3)])
def test_low_rank_tables_have_their_rank(num_x, num_y, rank):
    tables = LowRank(num_x, num_y, rank).draw(KEYS[:50]).probabilities
    values = np.linalg.svd(tables, compute_uv=False)
    assert (values[:, rank:] < 1e-14).all()
    assert (values[:, rank - 1] > 1e-7).all()


def test_low_rank_tables_mix_dirichlet_classes():
    """Rank 1: every row is the one class, Dirichlet. Rank 2 has the second moment that independence gives.

    p = m·b + (1 − m)·c with m, b, c independent Beta(1, 1), where there are 2 classes and 2 outcomes:
    E p² = 2·E m²·E b² + 2·E m(1 − m)·E b·E c = 2/9 + 1/12; it would be 1/3, 0.028 more, if the classes were alike.
    """
    one = LowRank(2, 3, 1, 0.5).draw(KEYS).probabilities
    np.testing.assert_array_equal(one[:, 0], one[:, 1])
    assert_distribution(one[:, 0, 1], stats.beta(0.5, 1.0).cdf, detects=0.06, cases=2)
    two = LowRank(2, 2, 2, 1.0).draw(KEYS).probabilities
    assert_mean(two[:, 0, 0] ** 2, 2 / 9 + 1 / 12, detects=0.02, cases=2)


def test_zipf_rows_are_the_law_in_some_order():
    table = ZipfRows(3, 4, 2.0).draw(KEYS[:100]).probabilities
    law = np.array([144, 36, 16, 9]) / 205
    np.testing.assert_allclose(np.sort(table, axis=-1)[..., ::-1], np.broadcast_to(law, table.shape), rtol=1e-15)


def test_every_order_of_zipfs_outcomes_is_as_likely():
    """Also of two rows together: would catch an order 5 % off in total variation."""
    order = np.argsort(ZipfRows(2, 3).draw(KEYS).probabilities, axis=-1)
    orders = [np.array(each) for each in itertools.permutations(range(3))]
    found = [
        ((order[:, 0] == first) & (order[:, 1] == second)).all(axis=-1).sum()
        for first, second in itertools.product(orders, orders)
    ]
    assert_frequencies(found, np.full(36, 1 / 36), detects=0.055)


@pytest.mark.parametrize("shape", [0.05, 1.0, 8.0])
def test_reversible_chains_are_in_detailed_balance(shape):
    truth = Reversible(6, shape)
    flow = truth.stationary(KEYS[:50])[..., None] * truth.draw(KEYS[:50]).probabilities
    np.testing.assert_allclose(flow, np.swapaxes(flow, -1, -2), rtol=1e-12)
    np.testing.assert_allclose(flow.sum(axis=(-1, -2)), 1.0, rtol=1e-14)


def test_reversible_weights_are_gamma():
    """p(y | x) is a weight's share among those of x, Beta(a, a·(num_x − 1)); rows share the weights between them."""
    table = Reversible(2, 0.7).draw(KEYS).probabilities
    assert_distribution(table[:, 0, 1], stats.beta(0.7, 0.7).cdf, detects=0.06, cases=4)
    assert_distribution(table[:, 1, 1], stats.beta(0.7, 0.7).cdf, detects=0.06, cases=4)
    three = Reversible(3, 0.7).draw(KEYS).probabilities
    assert_distribution(three[:, 2, 0], stats.beta(0.7, 1.4).cdf, detects=0.06, cases=4)
    # ln(w₀₁/w₀₀) and ln(w₀₁/w₁₁), both of mean 0, have the variance of ln w₀₁ as their covariance.
    logs = np.log(table[:, 0, 1] / table[:, 0, 0]) * np.log(table[:, 1, 0] / table[:, 1, 1])
    assert_mean(logs, stats.loggamma(0.7).var(), detects=0.6, cases=4)


def test_the_stationary_distribution_of_a_reversible_chain_is_the_one_of_its_weights():
    truth = Reversible(40, 0.3)
    np.testing.assert_allclose(stationary(truth.draw(KEY)), truth.stationary(KEY), rtol=1e-13)


def test_the_stationary_distribution_of_a_birth_and_death_chain():
    """Up with ⅔, down with ⅓: π(x) ∝ 2^x, over 120 orders of magnitude; periodic but for its ends."""
    size = 400
    steps = np.diag(np.full(size - 1, 2 / 3), 1) + np.diag(np.full(size - 1, 1 / 3), -1)
    steps[0, 0], steps[-1, -1] = 1 / 3, 2 / 3
    found = stationary(CategoricalTable(steps, np.full(size, 1 / size)))
    np.testing.assert_allclose(found, 2.0 ** (np.arange(size) - size), rtol=1e-10)


def test_stationary_distributions_of_large_tables_agree_with_elimination(monkeypatch):
    table = Sparse(200, 200, 4).draw_sparse(KEY)
    direct = stationary(table)
    assert (direct == 0).any()  # some states are left for good: each is the outcome of no state that can recur
    np.testing.assert_allclose(direct @ table.to_dense().probabilities, direct, atol=1e-16)
    monkeypatch.setattr(_stationary, "_DIRECT", 10)
    np.testing.assert_allclose(stationary(table), direct, atol=1e-10)


def test_a_chain_that_alternates_has_a_stationary_distribution():
    """Period 3: powers of the table never settle."""
    cycle = CategoricalTable(np.eye(3)[[1, 2, 0]], np.full(3, 1 / 3))
    np.testing.assert_allclose(stationary(cycle), 1 / 3, rtol=1e-15)


def test_states_that_are_left_for_good_have_no_share():
    table = CategoricalTable(np.array([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8], [0.0, 0.4, 0.6]]), np.full(3, 1 / 3))
    np.testing.assert_allclose(stationary(table), [0.0, 1 / 3, 2 / 3], rtol=1e-15)


def test_chains_without_one_stationary_distribution_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="has 3 classes of states that it never leaves, and where it ends depends on"):
        stationary(CategoricalTable(np.eye(3), np.full(3, 1 / 3)))
    monkeypatch.setattr(_stationary, "_DIRECT", 10)
    with pytest.raises(ValueError, match="of 2000 states mixes too slowly to find its stationary distribution: use"):
        stationary(Banded(2000, 2000, 1).draw_sparse(KEY))
