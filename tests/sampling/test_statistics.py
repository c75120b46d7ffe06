import numpy as np
import pytest

from stochmap.sampling import Counts, Moments, Statistics, count_pairs, value_moments

RNG = np.random.default_rng(12)


def moments(values: np.ndarray, num_x: int = 3) -> Moments:
    x = RNG.integers(num_x - 1, size=len(values))  # the last x never occurs
    return value_moments(x, values, num_x)


def assert_close(a: Moments, b: Moments, rtol: float) -> None:
    np.testing.assert_array_equal(a.n, b.n)
    np.testing.assert_allclose(a.mean, b.mean, rtol=1e-13)
    np.testing.assert_allclose(a.m2, b.m2, rtol=rtol)


def test_counts_are_those_of_the_pairs():
    x, y = RNG.integers(4, size=500), RNG.integers(6, size=500)
    counts = count_pairs(x, y, 4, 6)
    assert counts.n.dtype == np.int64
    for cell in np.ndindex(4, 6):
        assert counts.n[cell] == ((x == cell[0]) & (y == cell[1])).sum()
    np.testing.assert_array_equal(counts.num_samples, [(x == value).sum() for value in range(4)])
    assert count_pairs(x[:0], y[:0], 4, 6).n.sum() == 0


def test_counts_add():
    x, y = RNG.integers(4, size=500), RNG.integers(6, size=500)
    parts = [count_pairs(x[cut], y[cut], 4, 6) for cut in (slice(0, 100), slice(100, 120), slice(120, None))]
    assert isinstance(parts[0], Statistics)
    a, b, c = parts
    np.testing.assert_array_equal(((a + b) + c).n, count_pairs(x, y, 4, 6).n)
    np.testing.assert_array_equal((a + (b + c)).n, (c + b + a).n)
    big = Counts(np.array([[2**62]]))
    assert (big + Counts(np.array([[2**62 - 1]]))).n.item() == 2**63 - 1


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([0, 4], [0, 0], "x must lie in 0 … 3, got 0 … 4: relabel"),
        ([0, 1], [0, -1], "y must lie in 0 … 5, got -1 … 0: relabel"),
    ],
)
def test_pairs_out_of_range_are_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        count_pairs(np.array(x), np.array(y), 4, 6)


def test_moments_are_those_of_the_values():
    values, x = RNG.normal(3.0, 2.0, 400), RNG.integers(2, size=400)
    found = value_moments(x, values, 3)
    assert isinstance(found, Statistics)
    assert found.n.dtype == np.int64
    for index in range(2):
        seen = values[x == index]
        assert found.num_samples[index] == len(seen)
        assert found.mean[index] == pytest.approx(seen.mean(), rel=1e-13)
        assert found.m2[index] == pytest.approx(((seen - seen.mean()) ** 2).sum(), rel=1e-12)
    assert (found.n[2], found.mean[2], found.m2[2]) == (0, 0.0, 0.0)


@pytest.mark.parametrize(("centre", "rtol"), [(0.0, 1e-12), (1e9, 1e-6)])
def test_moments_add(centre, rtol):
    """Σv² − n·mean² would keep no digit of the variance at a mean of 10⁹ (each square is known to ±100)."""
    noise, x = RNG.normal(0.0, 1.0, 600), RNG.integers(2, size=600)
    values = centre + noise
    a, b, c = (value_moments(x[cut], values[cut], 3) for cut in (slice(0, 200), slice(200, 203), slice(203, None)))
    whole = value_moments(x, values, 3)
    assert_close((a + b) + c, whole, rtol)
    assert_close(a + (b + c), whole, rtol)
    assert_close(c + a + b, whole, rtol)
    exact = values - centre  # the rounded values themselves, near 0
    for index in range(2):
        seen = exact[x == index]
        assert whole.m2[index] == pytest.approx(((seen - seen.mean()) ** 2).sum(), rel=rtol)


def test_nothing_added_changes_nothing():
    nothing = value_moments(np.zeros(0, np.int64), np.zeros(0), 3)
    some = moments(RNG.normal(size=10))
    for total in (nothing + some, some + nothing):
        for name in ("n", "mean", "m2"):
            np.testing.assert_array_equal(getattr(total, name), getattr(some, name))
