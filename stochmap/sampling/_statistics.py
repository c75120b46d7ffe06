"""Sufficient statistics of pairs. They add: the statistics of two datasets together are the sum of the two."""

from typing import Protocol, Self, runtime_checkable

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int32, Int64


@runtime_checkable
class Statistics(Protocol):
    """What a learner needs to know of a dataset; ``num_samples`` is the number of pairs behind it, for every x."""

    @property
    def num_samples(self) -> Array | np.ndarray: ...

    def __add__(self, other: Self) -> Self: ...


class Counts(eqx.Module):
    """How often each (x, y) occurred: int64[*runs, x, y]."""

    n: Int64[Array, "*runs x y"] | Int64[np.ndarray, "*runs x y"]

    @property
    def num_samples(self) -> Array | np.ndarray:
        """Pairs with each x: int64[*runs, x]."""
        return self.n.sum(axis=-1)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.n + other.n)


class Moments(eqx.Module):
    """Number, mean and sum of squared deviations m2 = Σ(v − mean)² of the values seen with each x: float64[*runs, x].

    An x that never occurred has n = 0 and mean = m2 = 0.
    """

    n: Int64[Array, "*runs x"] | Int64[np.ndarray, "*runs x"]
    mean: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    m2: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]

    @property
    def num_samples(self) -> Array | np.ndarray:
        """Values with each x: int64[*runs, x]."""
        return self.n

    def __add__(self, other: "Moments") -> "Moments":
        """Merge by Chan, Golub & LeVeque (1983): m2 = m2ₐ + m2_b + (mean_b − mean_a)²·nₐn_b/n."""
        n = self.n + other.n
        share = other.n / np.maximum(n, 1)
        shift = other.mean - self.mean
        return Moments(n, self.mean + shift * share, self.m2 + other.m2 + shift**2 * (self.n * share))


class Values(eqx.Module):
    """A Gaussian's pairs, in any order, with their moments; leading axes are independent runs.

    A table's pairs need no such record: but for their order, counts are the pairs.
    """

    moments: Moments
    x: Int32[Array, "*runs rows"] | Int32[np.ndarray, "*runs rows"]
    value: Float[Array, "*runs rows"] | Float[np.ndarray, "*runs rows"]


def count_pairs(x: np.ndarray, y: np.ndarray, num_x: int, num_y: int) -> Counts:
    """Count (x, y) pairs given as integer arrays (host).

    Raises:
        ValueError: an x or a y lies outside its range.
    """
    for name, values, size in (("x", x, num_x), ("y", y, num_y)):
        if len(values) and not (0 <= values.min() and values.max() < size):
            raise ValueError(
                f"{name} must lie in 0 … {size - 1}, got {values.min()} … {values.max()}: relabel the values"
            )
    cell = np.asarray(x, dtype=np.int64) * num_y + y
    return Counts(np.bincount(cell, minlength=num_x * num_y).reshape(num_x, num_y))


def value_moments(x: np.ndarray, value: np.ndarray, num_x: int) -> Moments:
    """Return the moments of the values seen with each x, summed in the order of the rows (host).

    Two passes, mean first: the squared deviations lose nothing to a mean far from 0.
    """
    if num_x == 1:  # an eighth of the time
        mean = value.mean() if len(value) else 0.0
        return Moments(np.array([len(value)]), np.array([mean]), np.array([((value - mean) ** 2).sum()]))
    n = np.bincount(x, minlength=num_x)
    mean = np.bincount(x, weights=value, minlength=num_x) / np.maximum(n, 1)
    m2 = np.bincount(x, weights=(value - mean[x]) ** 2, minlength=num_x)
    return Moments(n, mean, m2.astype(np.float64, copy=False))  # of no rows at all NumPy returns integers
