"""Draw pairs: exactly, and any window of rows of a dataset."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int32

from stochmap.streams import Key
from stochmap.variates import normal_of_bits

from ._alias import AliasTable, build_alias
from ._cells import draw_bits, draw_cells


class Pairs(NamedTuple):
    """Rows of a dataset (host): x, and either the integer y or the float value."""

    x: Int32[np.ndarray, "rows"]
    y: Int32[np.ndarray, "rows"] | None
    value: Float[np.ndarray, "rows"] | None


class CategoricalSampler(NamedTuple):
    """One alias table over the (x, y) cells, cell = x·num_y + y; leading axes are independent runs."""

    table: AliasTable
    num_x: int
    num_y: int


class GaussianSampler(NamedTuple):
    """An alias table over x, and each x's mean and standard deviation; leading axes are independent runs."""

    table: AliasTable
    mean: Float[np.ndarray, "*runs x"]
    std: Float[np.ndarray, "*runs x"]


PairSampler = CategoricalSampler | GaussianSampler


def categorical_sampler(inputs: Any, probabilities: Any) -> CategoricalSampler:
    """Build the sampler of p(x)·p(y|x) from inputs float64[x] and probabilities float64[*runs, x, y] (host)."""
    *runs, num_x, num_y = np.shape(probabilities)
    rows = np.reshape(probabilities, (*runs, num_x * num_y))
    return CategoricalSampler(joint_alias(np.repeat(inputs, num_y), rows), num_x, num_y)


def joint_alias(inputs: Any, probabilities: Any) -> AliasTable:
    """Build the alias table over cells from each cell's p(x) and p(y|x): the products are exact, not rounded."""
    return build_alias(*_exact_product(np.asarray(inputs, np.float64), np.asarray(probabilities, np.float64)))


def gaussian_sampler(inputs: Any, mean: Any, std: Any) -> GaussianSampler:
    """Build the sampler of p(x)·Normal(mean_x, std_x²) from inputs [x], mean and std [*runs, x], float64."""
    inputs = np.broadcast_to(np.asarray(inputs, dtype=np.float64), np.shape(mean))
    return GaussianSampler(build_alias(inputs), np.asarray(mean, np.float64), np.asarray(std, np.float64))


def _exact_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a·b as an unevaluated sum of two float64 (Dekker, 1971): the rounded product and its error."""
    product = a * b
    a_high, b_high = _upper_half(a), _upper_half(b)
    a_low, b_low = a - a_high, b - b_high
    return product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)


def _upper_half(a: np.ndarray) -> np.ndarray:
    scaled = a * 134217729.0  # 2²⁷ + 1 (Veltkamp's splitting)
    return scaled - (scaled - a)


def draw_pairs(sampler: PairSampler, key: Key, start: int, count: int) -> Pairs:
    """Draw rows start … start + count − 1 of the dataset that belongs to a key.

    Row i is a pure function of (sampler, key, i): any window equals the same rows drawn in any other way. Integers
    are the same on every platform and number of devices; float values on one platform (1e-15 across).

    Args:
        sampler: of a single mapping (no leading axes).
        key: the run's key, uint32[2].
        start: the first row, 0 ≤ start.
        count: how many rows; start + count ≤ 2⁵⁶.

    Raises:
        ValueError: the window lies outside 0 … 2⁵⁶.
    """
    cell = _joined(draw_cells(sampler.table, key, start, count), np.int32)
    if isinstance(sampler, GaussianSampler):
        noise = normal_of_bits(_joined(draw_bits(key, start, count), np.uint64))
        return Pairs(cell, None, sampler.mean[cell] + sampler.std[cell] * noise)
    x, y = np.divmod(cell, np.int32(sampler.num_y))
    return Pairs(x, y, None)


def _joined(parts: Iterator[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *parts]).astype(dtype, copy=False)
