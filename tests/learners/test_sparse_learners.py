"""Learners for rows of many outcomes: adding a constant, discounting, Good and Turing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stochmap.learners import AbsoluteDiscounting, AddConstant, Dirichlet, GoodTuring
from stochmap.metrics import kl
from stochmap.sampling import Counts

COUNTS = np.array([[7, 1, 1, 2, 0, 0], [3, 2, 2, 1, 1, 1], [0, 0, 0, 0, 0, 0], [9, 0, 0, 0, 0, 0]])


def table(learner, counts: np.ndarray) -> np.ndarray:
    return np.asarray(learner(jax.random.key(0), Counts(jnp.asarray(counts))).mapping.probabilities)


def test_adding_a_constant_is_the_posterior_mean_without_the_posterior():
    learner = AddConstant(0.75)
    np.testing.assert_allclose(
        table(learner, COUNTS), (COUNTS + 0.75) / (COUNTS.sum(1, keepdims=True) + 4.5), rtol=1e-13
    )
    np.testing.assert_allclose(table(learner, COUNTS), table(Dirichlet(0.75), COUNTS), rtol=1e-13)
    fit = learner(jax.random.key(0), Counts(jnp.asarray(COUNTS)))
    assert fit.posterior is None
    assert fit.confidence is not None


def test_absolute_discounting_by_hand():
    """4 seen of 6 give up 0.3 each: 1.2 of 11 for the 2 others; a row that saw all gives nothing, one that saw none is
    uniform."""
    found = table(AbsoluteDiscounting(0.3), COUNTS)
    np.testing.assert_allclose(found[0], np.array([6.7, 0.7, 0.7, 1.7, 0.6, 0.6]) / 11, rtol=1e-13)
    np.testing.assert_allclose(found[1], COUNTS[1] / 10, rtol=1e-13)
    np.testing.assert_allclose(found[2], np.full(6, 1 / 6), rtol=1e-13)
    np.testing.assert_allclose(found[3], np.array([8.7, *[0.06] * 5]) / 9, rtol=1e-13)


def test_the_discount_follows_from_what_was_seen_once_and_twice():
    """Five cells once and three twice: (5 + ½)/(5 + 6 + 1)."""
    np.testing.assert_allclose(
        table(AbsoluteDiscounting(), COUNTS), table(AbsoluteDiscounting(5.5 / 12), COUNTS), rtol=1e-13
    )
    for counts in (COUNTS[3:], np.array([[1, 1, 0]]), np.array([[2, 2, 0]])):
        assert (table(AbsoluteDiscounting(), counts) > 0).all()


def test_good_turing_by_hand():
    """Row 0 has Φ₀ = 2, Φ₁ = 2, Φ₂ = 1, Φ₇ = 1: 0 → 1·(2 + 1)/2, 1 → 2·(1 + 1)/2 (1 is not above Φ₂), 2 and 7 stay."""
    weights = np.array([7, 2, 2, 2, 1.5, 1.5])
    np.testing.assert_allclose(table(GoodTuring(), COUNTS)[0], weights / weights.sum(), rtol=1e-13)
    np.testing.assert_allclose(table(GoodTuring(), COUNTS)[2], np.full(6, 1 / 6), rtol=1e-13)


def test_they_beat_adding_one_half_where_rows_are_large_and_sparse():
    """1000 outcomes of Zipf's law and 500 samples a row: what the learners are for."""
    rng = np.random.default_rng(4)
    weights = 1.0 / np.arange(1, 1001) ** 1.2
    p = np.stack([rng.permutation(weights / weights.sum()) for _ in range(20)])
    counts = np.stack([rng.multinomial(500, row) for row in p])
    loss = {
        type(learner).__name__: kl(p, table(learner, counts)).mean()
        for learner in (AddConstant(0.5), AbsoluteDiscounting(), GoodTuring())
    }
    assert loss["GoodTuring"] < 0.8 * loss["AddConstant"]
    assert loss["AbsoluteDiscounting"] < 0.8 * loss["AddConstant"]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AddConstant(0.0), "constant must be positive and finite, got 0.0: choose"),
        (lambda: AddConstant(np.nan), "constant must be positive and finite, got nan: choose"),
        (lambda: AbsoluteDiscounting(1.0), r"discount must lie in \(0, 1\), got 1.0: 0.5 is usual"),
        (lambda: AbsoluteDiscounting(np.nan), r"discount must lie in \(0, 1\), got nan: 0.5 is usual"),
    ],
)
def test_options_out_of_range_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
