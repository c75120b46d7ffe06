"""The sampler's distribution, by integer arithmetic over all 2⁶⁴ words: nothing here is sampled."""

from fractions import Fraction

import numpy as np
import pytest
from exact_shares import WHOLE, as_integers, buckets, exact, received

from stochmap.sampling import MAX_CELLS, build_alias, categorical_sampler, integer_weights

SIZES = (2, 3, 7, 128, 1000)


def _with_zeros(rng: np.random.Generator, cells: int) -> np.ndarray:
    weights = rng.random(cells)
    weights[[0, cells // 2, -1]] = 0.0
    weights[min(1, cells // 2 - 1)] += cells < 4
    return weights / weights.sum()


def _certain(rng: np.random.Generator, cells: int) -> np.ndarray:
    return (np.arange(cells) == cells - 1) * 1.0


def _nearly_certain(rng: np.random.Generator, cells: int) -> np.ndarray:
    return np.where(np.arange(cells) == cells // 2, 1.0, 1e-30)


def _tails(rng: np.random.Generator, cells: int) -> np.ndarray:
    tails = np.resize([1e-9, 2.0**-40, 2.0**-64, 2.0**-65, 1e-30, 5e-324], cells - 1)
    return np.append(tails, 1.0 - tails.sum())


def _uneven(rng: np.random.Generator, cells: int) -> np.ndarray:
    return rng.dirichlet(np.full(cells, 0.05))


def _geometric(rng: np.random.Generator, cells: int) -> np.ndarray:
    weights = 2.0 ** -np.minimum(np.arange(1, cells + 1), 70)
    return weights / weights.sum()


DISTRIBUTIONS = {
    "uniform": lambda rng, cells: np.full(cells, 1.0 / cells),
    "even": lambda rng, cells: rng.dirichlet(np.ones(cells)),
    "uneven": _uneven,
    "zeros": _with_zeros,
    "certain": _certain,
    "nearly certain": _nearly_certain,
    "tails": _tails,
    "geometric": _geometric,
    "sums above 1": lambda rng, cells: rng.dirichlet(np.ones(cells)) * (1 + 9e-7),
    "sums below 1": lambda rng, cells: rng.dirichlet(np.ones(cells)) * (1 - 9e-7),
}

CASES = [(name, cells) for name in DISTRIBUTIONS for cells in SIZES if (name, cells) != ("zeros", 2)]
CASES += [("certain", 1), ("sums above 1", 1), ("sums below 1", 1)]


def distribution(name: str, cells: int) -> np.ndarray:
    return DISTRIBUTIONS[name](np.random.default_rng([ord(name[0]), cells]), cells)


@pytest.mark.parametrize(("name", "cells"), CASES)
def test_each_cell_gets_exactly_its_share_of_all_words(name, cells):
    p = distribution(name, cells)
    weights = as_integers(integer_weights(p), p)
    np.testing.assert_array_equal(received(build_alias(p)), weights)
    assert weights.sum() == WHOLE

    total = sum(exact(p))
    off = [abs(weight - WHOLE * part / total) for weight, part in zip(weights.tolist(), exact(p), strict=True)]
    assert max(off) <= 1
    assert sum(off) / 2 / WHOLE <= Fraction(cells, 1 << 65)
    assert (weights[p == 0] == 0).all()


def test_a_million_cells():
    cells = 1_000_000
    p = np.random.default_rng(5).dirichlet(np.ones(cells))
    p[[0, 17, -1]] = 0.0
    p *= (1 + 5e-7) / p.sum()
    weights = integer_weights(p)
    table = build_alias(p)
    np.testing.assert_array_equal(received(table), weights.astype(object))
    # Of 120 bits after the point none is lost: p ≥ 1e-13 where it is not 0.
    scaled = np.array([int(value) for value in np.ldexp(p, 62)], dtype=object) << 58
    scaled += np.ldexp(np.ldexp(p, 62) % 1.0, 58).astype(np.int64).astype(object)
    total = int(scaled.sum())
    assert Fraction(total, 1 << 120) == sum(exact(p[:1000])) + Fraction(int(scaled[1000:].sum()), 1 << 120)
    off = np.abs(weights.astype(object) * total - (scaled << 64))
    assert int(off.max()) <= total
    assert int(off.sum()) <= cells * total


@pytest.mark.parametrize("cells", [1, 2, 3, 128])
def test_batched_tables_equal_single_ones(cells):
    """Whatever stands beside them: tables of all sorts, in both orders, with a certain cell first and last."""
    tables = np.stack([distribution(name, cells) for name, size in CASES if size == cells])
    tables = np.stack([np.concatenate([tables, tables[::-1]]), np.concatenate([tables[::-1], tables])])
    batch = build_alias(tables)
    for run in np.ndindex(tables.shape[:2]):
        for part, single in zip(batch, build_alias(tables[run]), strict=True):
            assert part.shape == tables.shape
            np.testing.assert_array_equal(part[run], single)


def test_float32_gumbel_tails_are_not_ours():
    """A class of probability 1e-9, never drawn by float32 Gumbel noise, has its 1e-9 of all words."""
    p = np.array([0.5, 1e-9, 0.5 - 1e-9])
    share = Fraction(int(received(build_alias(p))[1]), WHOLE)
    assert abs(share - Fraction(1e-9)) <= Fraction(2, WHOLE)


def test_cumulative_sum_draws_are_not_ours():
    """A cumulative sum in floats gives words to a class of probability 0, or none to the last one."""
    p = np.append(np.full(999, 1.0 / 999 - 1e-12), 999e-12)
    p[500], p[501] = 0.0, p[500] + p[501]
    shares = received(build_alias(p))
    assert shares[500] == 0
    assert abs(int(shares[-1]) - WHOLE * Fraction(p[-1]) / sum(exact(p))) <= 1


def test_sparse_tables_keep_every_word_inside_their_support():
    """With most cells at 0, as for sparse truths, each bucket of a cell of probability 0 hands on all its words."""
    rng = np.random.default_rng(8)
    p = np.where(rng.random(500) < 0.03, rng.random(500), 0.0)
    p /= p.sum()
    table = build_alias(p)
    _, _, kept, alias = buckets(table)
    assert (kept[p == 0] == 0).all()
    assert (p[alias[p == 0]] > 0).all()


@pytest.mark.parametrize("name", ["thirds", "uneven", "one over the other"])
def test_the_joint_distribution_is_the_exact_product(name):
    """p(x)·p(y|x) rounded to float64 would be off by up to 2⁻⁵³ of itself: dozens of units of 2⁻⁶⁴, not one."""
    rng = np.random.default_rng(1)
    inputs, table = {
        "thirds": (np.full(3, 1 / 3), np.full((3, 7), 1 / 7)),
        "uneven": (rng.dirichlet(np.ones(5)), rng.dirichlet(np.full(11, 0.1), size=5)),
        "one over the other": (np.array([1e-9, 0.0, 1 - 1e-9]), np.array([[1e-9, 1 - 1e-9], [0.5, 0.5], [0.3, 0.7]])),
    }[name]
    shares = received(categorical_sampler(inputs, table).table).tolist()
    num_y = table.shape[1]
    product = [exact(inputs)[cell // num_y] * exact(table)[cell] for cell in range(table.size)]
    total = sum(product)
    assert max(abs(share - WHOLE * part / total) for share, part in zip(shares, product, strict=True)) <= 1
    rounded = exact(inputs[:, None] * table)
    assert max(abs(a - b) for a, b in zip(rounded, product, strict=True)) * WHOLE > 2  # what the remainder is for


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.array([0.5, -0.1, 0.6]), "must be non-negative numbers.*correct the table"),
        (np.array([0.5, np.nan, 0.5]), "must be non-negative numbers.*correct the table"),
        (np.array([[0.5, 0.5], [0.5, 0.6]]), "must sum to 1 within 1e-06, got 1.1: normalise the table"),
        (np.array([np.inf, 0.0]), "must sum to 1"),
        (np.array([1.0, 2e-6]), "must sum to 1"),
        (np.zeros((2, 0)), "got 0: use a smaller"),
        (np.broadcast_to(0.0, MAX_CELLS + 1), "has 1 … 67108864 cells, got 67108865: use a smaller"),
    ],
)
def test_what_is_no_distribution_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        build_alias(table)
