"""Draw cells by alias tables on the device, block by block."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, UInt, UInt32

from stochmap.sharding import compiler_options
from stochmap.streams import Key, Role, check_window, split_uint64, threefry_2x32, words_at

from ._alias import AliasTable, abridge, alias_mask, choose_whole

TOGETHER = 8
"""Runs whose cells are counted together."""

BLOCKS = (256, 4096, 1 << 20)
"""Rows that one call draws: three compiled programs serve every window."""


def draw_cells(table: AliasTable, key: Key, start: int, count: int) -> Iterator[UInt[np.ndarray, "rows"]]:
    """Yield the cells of rows start … start + count − 1 of one dataset, a block at a time (host).

    The next block is drawn while this one is used. Cells are of the narrowest unsigned type.

    Raises:
        ValueError: the window lies outside 0 … 2⁵⁶.
    """
    check_window(start, count)
    cells = table.alias.shape[-1]
    batch = (jnp.asarray(abridge(table))[None], jnp.asarray(key, dtype=jnp.uint32)[None])

    def draw(first: int, rows: int) -> Array:
        return drawer(draw_cell_block, Role.PAIR, rows)(batch, split_uint64(first))

    for drawn in _ahead(draw, start, count):
        if drawn.max() == cells:
            undecided, drawn = np.flatnonzero(drawn == cells), drawn.copy()
            drawn[undecided] = choose_whole(table, words_at(key, Role.PAIR, start + undecided))
        yield drawn.astype(np.min_scalar_type(cells - 1), copy=False)
        start += len(drawn)


def draw_bits(key: Key, start: int, count: int) -> Iterator[np.ndarray]:
    """Yield the noise words of rows start … start + count − 1 of one dataset as uint64, in the blocks of draw_cells."""
    keys = jnp.asarray(key, dtype=jnp.uint32)[None]

    def draw(first: int, rows: int) -> tuple[Array, Array]:
        return noise_halves(keys, first, rows)

    for high, low in _ahead(draw, start, count):
        yield join_halves(high, low)


def _ahead(draw: Any, start: int, count: int) -> Iterator[Any]:
    """Draw each block of a window while the one before it is used; one run, so that the axis of runs is left out."""
    waiting = None
    for first, rows, used in [*blocks(start, count), (0, 0, 0)]:
        drawn = draw(first, rows) if rows else None
        if waiting is not None:
            device, length = waiting
            yield jax.tree.map(lambda leaf, length=length: np.asarray(leaf)[0, :length], device)
        waiting = (drawn, used)


def blocks(start: int, count: int, largest: int = BLOCKS[-1]) -> Iterator[tuple[int, int, int]]:
    """Cut a window of rows into (start, rows drawn, rows used), none of which uses rows beyond a multiple of 2³²."""
    rows = max((size for size in BLOCKS if size <= min(largest, count // 4)), default=BLOCKS[0])
    end = start + count
    while start < end:
        used = min(rows, end - start, ((start >> 32) + 1 << 32) - start)
        yield start, rows, used
        start += used


@functools.cache
def drawer(function: Any, role: Role, rows: int, *options: Any) -> Any:
    """Return the compiled program that draws blocks of ``rows`` rows."""
    bound = functools.partial(function, *options, role=role, rows=rows)
    return jax.jit(bound, compiler_options=compiler_options())


def noise_halves(keys: Array, start: int, rows: int) -> tuple[Array, Array]:
    """Draw both halves of every run's noise words, uint32[runs, rows]; one program with two outputs is slower."""
    at = split_uint64(start)
    first, second = (drawer(_draw_half, Role.NOISE, rows, half)(keys, at) for half in (0, 1))
    return first, second


def join_halves(high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Return high·2³² + low as uint64."""
    return (np.asarray(high).astype(np.uint64) << np.uint64(32)) | np.asarray(low)


def _high_product(a: Array, factor: Any) -> Array:
    """Return the upper 32 bits of the 64-bit products a·factor of uint32, from 16-bit halves."""
    half, mask = jnp.uint32(16), jnp.uint32(0xFFFF)
    a_low, a_high = a & mask, a >> half
    if isinstance(factor, int) and factor <= 1 << 16:  # half the work: a_high·factor + carry stays below 2³²
        return (a_high * jnp.uint32(factor) + ((a_low * jnp.uint32(factor)) >> half)) >> half
    if isinstance(factor, int):
        f_low, f_high = jnp.uint32(factor & 0xFFFF), jnp.uint32(factor >> 16)
    else:
        f_low, f_high = factor & mask, factor >> half
    first = a_high * f_low + ((a_low * f_low) >> half)
    second = a_low * f_high + (first & mask)
    return a_high * f_high + (first >> half) + (second >> half)


def draw_cell_block(batch: tuple[Array, Array], start: Array, *, role: Role, rows: int) -> UInt[Array, "runs rows"]:
    """Draw rows start … start + rows − 1 of every run from abridged tables [runs, K].

    A cell is counted on from run to run of ``TOGETHER``, (run mod TOGETHER)·K + cell; where the abridged table does not
    decide, it is TOGETHER·K (of one run alone, K). One flat table and one output array: each saves a fifth to a half.
    """
    table, keys = batch
    runs, cells = table.shape
    together = min(runs, TOGETHER)
    index = jnp.arange(runs, dtype=jnp.uint32)[:, None]
    words = threefry_2x32((keys[:, :1], keys[:, 1:]), _counter_block(role, start, rows))
    cell, decided = choose_abridged(
        words, cells, lambda cell: look_up(table.reshape(-1), index * jnp.uint32(cells) + cell)
    )
    cell = jnp.where(decided, cell + index % jnp.uint32(together) * jnp.uint32(cells), jnp.uint32(together * cells))
    return cell.astype(np.min_scalar_type(together * cells))


def choose_abridged(
    words: tuple[Array, Array], cells: int, number_of: Callable[[Array], Array]
) -> tuple[UInt32[Array, "*shape"], Bool[Array, "*shape"]]:
    """Return the cell that each 64-bit word draws among ``cells``, and whether that is certain (traceable).

    As ``choose_cell``, from the numbers of ``abridge``: one look-up in place of three, and no lower half.
    """
    cell, remainder, _ = _scaled(words, cells)
    mask = jnp.uint32(alias_mask(cells))
    number = number_of(cell)
    chosen = jnp.where((remainder | mask) < number, cell, number & mask)
    return chosen, (remainder ^ number) > mask


def choose_cell(words: tuple[Array, Array], width: Any, first: Any, part_of: Callable[[int, Array], Array]) -> Array:
    """Return the cell, counted from ``first``, that each 64-bit word draws among ``width`` cells (traceable).

    The word times the width gives the cell (upper part) and the remainder, which is compared with the cell's threshold.
    Only uint32 arithmetic, so that XLA makes one vectorised loop of it, in or out of 64-bit mode.

    Args:
        words: upper and lower halves.
        width: a number, or one for each word.
        first: the first of the cells.
        part_of: from (0, 1 or 2) and cells to their thresholds' upper and lower halves and aliases.
    """
    cell, remainder_high, remainder_low = _scaled(words, width)
    cell = cell + first
    threshold_high, threshold_low = part_of(0, cell), part_of(1, cell)
    keep = (remainder_high < threshold_high) | ((remainder_high == threshold_high) & (remainder_low < threshold_low))
    return jnp.where(keep, cell, part_of(2, cell))


def _scaled(words: tuple[Array, Array], width: Any) -> tuple[Array, Array, Array]:
    """Return the three thirds, upper first, of the 96-bit products of words and a number of cells."""
    high, low = words
    factor = jnp.asarray(width, dtype=jnp.uint32)
    part = high * factor
    remainder_high = part + _high_product(low, width)
    return _high_product(high, width) + (remainder_high < part).astype(jnp.uint32), remainder_high, low * factor


def look_up(values: Any, index: Array) -> Array:
    """Return values at indices that are in range; "clip" is the one mode without a second pass for negative ones."""
    return jnp.asarray(values).at[index].get(mode="clip")


def _draw_half(half: int, keys: Array, start: Array, *, role: Role, rows: int) -> UInt32[Array, "runs rows"]:
    return threefry_2x32((keys[:, :1], keys[:, 1:]), _counter_block(role, start, rows))[half]


def _counter_block(role: Role, start: Array, rows: int) -> tuple[Array, Array]:
    """Return the counters of a block that does not cross a multiple of 2³²: one upper half for all of it."""
    low = start[1] + jnp.arange(rows, dtype=jnp.uint32)
    return jnp.uint32(role << 24) | start[0], low[None]
