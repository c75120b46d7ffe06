"""Draw pairs: exactly, any window of rows, for one mapping or for a batch of runs."""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int32, UInt32

from stochmap.sharding import LANES, WIDE_VECTORS, collect_runs, place_runs
from stochmap.streams import Key, Role, check_window, split_uint64, threefry_2x32
from stochmap.variates import normal

from ._alias import AliasTable, build_alias
from ._statistics import Counts, Moments, value_moments

BLOCKS = (256, 4096)
"""Rows of a run that one call draws. Two compiled programs serve every number of samples."""

_COUNTED = 8
"""Runs that are counted at a time: 8 · 4096 rows as int64 stay in a core's cache."""


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
    return CategoricalSampler(build_alias(*_exact_product(np.repeat(inputs, num_y), rows)), num_x, num_y)


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


def _high_product(a: Array, factor: int) -> Array:
    """Return the upper 32 bits of the 64-bit products a·factor of uint32, from 16-bit halves."""
    half, mask = jnp.uint32(16), jnp.uint32(0xFFFF)
    a_low, a_high = a & mask, a >> half
    if factor <= 1 << 16:  # half the work: a_high·factor + carry stays below 2³²
        return (a_high * jnp.uint32(factor) + ((a_low * jnp.uint32(factor)) >> half)) >> half
    f_low, f_high = jnp.uint32(factor & 0xFFFF), jnp.uint32(factor >> 16)
    first = a_high * f_low + ((a_low * f_low) >> half)
    second = a_low * f_high + (first & mask)
    return a_high * f_high + (first >> half) + (second >> half)


def _draw_cells(batch: tuple[AliasTable, Array], start: Array, *, role: Role, rows: int) -> UInt32[Array, "runs rows"]:
    """Draw rows start … start + rows − 1 of every run, each as (run within the batch)·K + cell, as aliases are given.

    One 64-bit word a row: the word times K gives the cell (upper part) and the remainder, which is compared with the
    cell's threshold. Only uint32 arithmetic, so that XLA makes one vectorised loop of it, in or out of 64-bit mode.
    Flat tables, one output array, absolute aliases and a counter without carry: each saves a fifth to a half.
    """
    table, keys = batch
    runs, cells = table.alias.shape
    high, low = threefry_2x32((keys[:, :1], keys[:, 1:]), _counter_block(role, start, rows))
    factor = jnp.uint32(cells)
    part = high * factor
    remainder_high = part + _high_product(low, cells)
    remainder_low = low * factor
    cell = _high_product(high, cells) + (remainder_high < part).astype(jnp.uint32)
    cell = cell + (jnp.arange(runs, dtype=jnp.uint32) * factor)[:, None]

    def look_up(values: Any) -> Array:
        # The index is never out of range; "clip" is the one mode without a second pass for negative ones.
        return values.reshape(-1).at[cell].get(mode="clip")

    threshold_high, threshold_low = look_up(table.threshold_high), look_up(table.threshold_low)
    keep = (remainder_high < threshold_high) | ((remainder_high == threshold_high) & (remainder_low < threshold_low))
    return jnp.where(keep, cell, look_up(table.alias))


def _draw_words(batch: Array, start: Array, *, role: Role, rows: int) -> UInt32[Array, "runs rows 2"]:
    words = threefry_2x32((batch[:, :1], batch[:, 1:]), _counter_block(role, start, rows))
    return jnp.stack(words, axis=-1)


def _counter_block(role: Role, start: Array, rows: int) -> tuple[Array, Array]:
    """Return the counters of a block that does not cross a multiple of 2³²: one upper half for all of it."""
    low = start[1] + jnp.arange(rows, dtype=jnp.uint32)
    return jnp.uint32(role << 24) | start[0], low[None]


@functools.cache
def _drawer(function: Any, role: Role, rows: int) -> Any:
    options = WIDE_VECTORS if jax.default_backend() == "cpu" else None
    return jax.jit(functools.partial(function, role=role, rows=rows), compiler_options=options)


def _blocks(start: int, count: int) -> Iterator[tuple[int, int, int]]:
    """Cut a window of rows into (start, rows drawn, rows used), none of which uses rows beyond a multiple of 2³²."""
    rows = BLOCKS[0] if count <= 4 * BLOCKS[0] else BLOCKS[1]
    end = start + count
    while start < end:
        used = min(rows, end - start, ((start >> 32) + 1 << 32) - start)
        yield start, rows, used
        start += used


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
    check_window(start, count)
    keys = jnp.asarray(key, dtype=jnp.uint32)[None]
    cells = (jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], sampler.table), keys)
    cell, noise = np.empty(count, dtype=np.int32), np.empty(count)
    for first, rows, used in _blocks(start, count):
        window, at = slice(first - start, first - start + used), split_uint64(first)
        cell[window] = np.asarray(_drawer(_draw_cells, Role.PAIR, rows)(cells, at))[0, :used]
        if isinstance(sampler, GaussianSampler):
            noise[window] = normal(np.asarray(_drawer(_draw_words, Role.NOISE, rows)(keys, at))[0, :used])
    if isinstance(sampler, GaussianSampler):
        return Pairs(cell, None, sampler.mean[cell] + sampler.std[cell] * noise)
    x, y = np.divmod(cell, np.int32(sampler.num_y))
    return Pairs(x, y, None)


class _Batch:
    """A batch of runs placed on the devices, drawn block by block."""

    def __init__(self, table: AliasTable, keys: UInt32[np.ndarray, "runs 2"]):
        self.runs, self.cells = table.alias.shape
        first = np.arange(self.runs, dtype=np.uint32) % LANES * np.uint32(self.cells)
        parts = place_runs((table._replace(alias=table.alias + first[:, None]), keys))
        self.parts = [jax.tree.map(jnp.asarray, part) for part in parts]  # used once for every block
        self.buffer = np.empty((_COUNTED, 0), dtype=np.int64)

    def draw_cells(self, block: tuple[int, int, int]) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield a few runs at a time, with their rows as (run within the slice)·K + cell: int64[runs·rows].

        The array is overwritten by the next one: NumPy counts int64 only, and a conversion that stays in the cache
        costs a third of one that writes to fresh memory.
        """
        start, rows, used = block
        drawer, at = _drawer(_draw_cells, Role.PAIR, rows), split_uint64(start)
        drawn = [drawer(part, at) for part in self.parts]
        if self.buffer.shape[1] != used:
            self.buffer = np.empty((_COUNTED, used), dtype=np.int64)
        for device, cells in enumerate(drawn):
            on_host = np.asarray(cells)
            for lane in range(0, LANES, _COUNTED):
                few = on_host[lane : lane + _COUNTED, :used]
                np.subtract(few, lane * self.cells, out=self.buffer, casting="unsafe")
                first = device * LANES + lane
                yield slice(first, first + _COUNTED), self.buffer.reshape(-1)

    def draw_noise(self, block: tuple[int, int, int]) -> np.ndarray:
        """Return the rows' standard normal variates: float64[runs, rows]."""
        start, rows, used = block
        drawer, at = _drawer(_draw_words, Role.NOISE, rows), split_uint64(start)
        words = collect_runs([drawer(keys, at) for _, keys in self.parts])
        return normal(words[:, :used])


def draw_counts(sampler: CategoricalSampler, keys: UInt32[np.ndarray, "runs 2"], num_samples: int) -> Counts:
    """Draw rows 0 … num_samples − 1 of every run of a whole batch (``sharding.batch_size``) and count them."""
    batch = _Batch(sampler.table, keys)
    totals = np.zeros((batch.runs, sampler.num_x, sampler.num_y), dtype=np.int64)
    for block in _blocks(0, num_samples):
        for runs, cell in batch.draw_cells(block):
            totals[runs] += np.bincount(cell, minlength=_COUNTED * batch.cells).reshape(totals[runs].shape)
    return Counts(totals)


def draw_moments(sampler: GaussianSampler, keys: UInt32[np.ndarray, "runs 2"], num_samples: int) -> Moments:
    """Draw rows 0 … num_samples − 1 of every run of a whole batch and take their moments, in the order of the rows."""
    batch = _Batch(sampler.table, keys)
    runs, num_x = sampler.mean.shape
    total = Moments(np.zeros((runs, num_x), np.int64), np.zeros((runs, num_x)), np.zeros((runs, num_x)))
    for block in _blocks(0, num_samples):
        noise, parts = batch.draw_noise(block), []
        for lanes, x in batch.draw_cells(block):
            value = sampler.mean[lanes].reshape(-1)[x] + sampler.std[lanes].reshape(-1)[x] * noise[lanes].reshape(-1)
            part = value_moments(x, value, _COUNTED * num_x)
            parts.append(jax.tree.map(lambda leaf: leaf.reshape(_COUNTED, num_x), part))
        total = total + jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    return total
