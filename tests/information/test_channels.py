import numpy as np
import pytest

from stochmap.information import capacity, entropy, entropy_rate, mutual_information, stationary_distribution

BIT = np.log(2)
RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("table", "bits", "inputs"),
    [
        ([[0.89, 0.11], [0.11, 0.89]], 0.500084, [0.5, 0.5]),
        ([[0.7, 0.3, 0.0], [0.0, 0.3, 0.7]], 0.7, [0.5, 0.5]),
        ([[1.0, 0.0], [0.5, 0.5]], 0.321928, [0.6, 0.4]),
        (np.eye(4) * (0.9 - 0.1 / 3) + 0.1 / 3, 1.372508, [0.25] * 4),
        (np.eye(5), np.log2(5), [0.2] * 5),
        (np.full((3, 2), 0.5), 0.0, None),
        ([[1.0]], 0.0, [1.0]),
    ],
)
def test_capacities_that_are_known(table, bits, inputs):
    found = capacity(table)
    assert found.upper - found.lower <= 1e-9
    assert found.lower - 1e-12 <= bits * BIT + 5e-7
    assert found.upper + 1e-12 >= bits * BIT - 5e-7
    if inputs is not None:
        np.testing.assert_allclose(found.inputs, inputs, atol=1e-4)


def test_the_bounds_hold_and_close():
    """More inputs than outcomes, whose optimum leaves some out; no inputs that are drawn beat the upper bound."""
    tables = RNG.dirichlet(np.ones(4), size=(20, 9))
    found = capacity(tables, gap=1e-6)
    assert found.lower.shape == (20,)
    assert (found.upper - found.lower <= 1e-6).all()
    assert (found.upper >= found.lower).all()
    attained = mutual_information(found.inputs[..., None] * tables)
    np.testing.assert_allclose(attained, found.lower, atol=1e-12)
    for inputs in RNG.dirichlet(np.full(9, 0.2), size=200):
        assert (mutual_information(inputs[:, None] * tables) <= found.upper).all()
    early = capacity(tables, gap=1e-6, max_steps=3)
    assert (early.upper >= found.lower).all()
    assert (early.lower <= found.upper).all()
    assert (early.upper - early.lower).max() > 1e-3


def test_a_single_table_and_a_batch_agree():
    table = RNG.dirichlet(np.ones(3), size=4)
    assert capacity(table[None]).lower[0] == capacity(table).lower


def test_what_is_not_a_channel_is_refused():
    with pytest.raises(ValueError, match="every row must sum to 1, one sums to 2: give"):
        capacity([[1.0, 1.0]])
    with pytest.raises(ValueError, match="probabilities must be numbers ≥ 0"):
        capacity([[np.nan, 1.0]])
    with pytest.raises(ValueError, match="gap must be positive, got 0.0: 1e-9"):
        capacity([[1.0, 0.0]], gap=0.0)


def test_the_stationary_distribution_is_left_alone_by_the_mapping():
    table = RNG.dirichlet(np.full(6, 0.3), size=6)
    found = stationary_distribution(table)
    np.testing.assert_allclose(found @ table, found, atol=1e-14)
    assert found.sum() == pytest.approx(1.0)
    assert entropy_rate(table) == pytest.approx(found @ entropy(table), rel=1e-12)


def test_states_that_are_left_for_ever_and_rare_ones():
    np.testing.assert_allclose(
        stationary_distribution([[0.5, 0.5, 0], [0, 0.2, 0.8], [0, 0.7, 0.3]]), [0, 7 / 15, 8 / 15], rtol=1e-14
    )
    np.testing.assert_allclose(stationary_distribution([[0, 1], [1, 0]]), [0.5, 0.5])
    rare = stationary_distribution([[1 - 1e-15, 1e-15], [1.0, 0.0]])
    assert rare[1] == pytest.approx(1e-15, rel=1e-12)  # full relative accuracy
    assert entropy_rate(np.full((4, 4), 0.25)) == pytest.approx(np.log(4))


def test_chains_without_one_stationary_distribution_are_refused():
    with pytest.raises(ValueError, match="3 classes of states that it never leaves"):
        stationary_distribution(np.eye(3))
    with pytest.raises(ValueError, match=r"a chain needs one square table, got the shape \(1, 2\)"):
        entropy_rate([[0.5, 0.5]])


def test_onegins_letters():
    """Markov (1913): vowels and consonants of the first 20,000 letters."""
    counts = np.array([[1104, 7534], [7535, 3827]])
    table = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(table[:, 0], [0.128, 0.663], atol=5e-4)
    np.testing.assert_allclose(stationary_distribution(table)[0], 0.432, atol=5e-4)
