"""Draw cells by alias tables on the device, block by block."""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, UInt, UInt32

from stochmap.compiling import wide_integers
from stochmap.streams import Key, Role, check_window, halves_at, split_uint64, threefry_2x32

from ._alias import AliasTable, abridge, alias_mask, choose_whole

BLOCKS = (256, 4096, 1 << 14, 1 << 20)
"""Rows that one call draws: four compiled programs serve every window."""

TablesAndKeys = tuple[UInt32[Array, "runs cells"] | np.ndarray, UInt32[Array, "runs 2"] | np.ndarray]
"""Each run's abridged alias table, and its key."""


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
        return draw_cell_block(batch, first, rows)

    for drawn in _ahead(draw, lambda drawn: cells_on_host(drawn, cells), start, count):
        undecided = undecided_rows(drawn)
        if len(undecided):
            drawn = drawn.copy()
            drawn[undecided] = choose_whole(table, row_words(key, start + undecided))
        yield drawn.astype(np.min_scalar_type(cells - 1), copy=False)
        start += len(drawn)


def draw_bits(key: Key, start: int, count: int) -> Iterator[np.ndarray]:
    """Yield the noise words of rows start … start + count − 1 of one dataset as uint64, in the blocks of draw_cells."""
    keys = jnp.asarray(key, dtype=jnp.uint32)[None]

    def draw(first: int, rows: int) -> tuple[Array, Array]:
        return noise_halves(keys, first, rows)

    yield from _ahead(draw, lambda halves: join_halves(*map(np.asarray, halves)), start, count)


def _ahead(draw: Any, on_host: Any, start: int, count: int) -> Iterator[Any]:
    """Draw each block of a window while the one before it is used; one run, so that the axis of runs is left out."""
    waiting = None
    for first, rows, used in [*blocks(start, count), (0, 0, slice(0))]:
        drawn = draw(first, rows) if rows else None
        if waiting is not None:
            device, place = waiting
            yield on_host(device)[0, place]
        waiting = (drawn, used)


def blocks(start: int, count: int, largest: int = BLOCKS[-1]) -> Iterator[tuple[int, int, slice]]:
    """Cut a window of rows into blocks: first row (an even one), rows drawn, and which of them are used.

    At most a quarter as many as asked are drawn in vain, or one block's of the smallest size; none used is beyond a
    multiple of 2³².
    """
    end = start + count
    while start < end:
        border = min(end, (start >> 32) + 1 << 32)
        first = start & ~1
        length = border - first
        rows = max((size for size in BLOCKS if size <= largest and -length % size <= length // 4), default=BLOCKS[0])
        while start < border:
            stop = min(first + rows, border)
            yield first, rows, slice(start - first, stop - first)
            first = start = stop


@functools.cache
def integer_program(function: Any, **fixed: Any) -> Any:
    """Return the compiled program of an integer kernel, with some of its arguments fixed."""
    return jax.jit(functools.partial(function, **fixed), compiler_options=wide_integers())


def noise_halves(keys: Array, start: int, rows: int) -> tuple[Array, Array]:
    """Draw both halves of every run's noise words, uint32[runs, rows]; one program with two outputs is slower."""
    at = split_uint64(start)
    first, second = (integer_program(_draw_half, half=half, rows=rows)(keys, at) for half in (0, 1))
    return first, second


def row_words(keys: Any, index: Any) -> UInt32[np.ndarray, "*shape 2"]:
    """Return the 64-bit words (upper half, lower half) that draw the cells of rows at any indices (host)."""
    return np.stack([halves_at(keys, role, index) for role in (Role.PAIR, Role.PAIR_LOWER)], axis=-1)


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


def draw_cell_block(batch: TablesAndKeys, start: int, rows: int, together: int = 1) -> UInt32[Array, "runs numbers"]:
    """Draw rows start … start + rows − 1 of every run; ``start`` is even.

    A cell is counted on from run to run of ``together``, (run mod together)·K + cell; where the upper half of a row's
    word and the abridged table do not decide, all its bits are set. As many as there is room for make up a number, the
    first at its lower end: ``cells_on_host`` takes them apart.
    """
    return integer_program(trace_cell_block, rows=rows, together=together)(batch, split_uint64(start // 2))


def cells_on_host(drawn: Array, cells: int) -> UInt[np.ndarray, "runs rows"]:
    """Return what ``draw_cell_block`` drew, one cell an element, where ``together``·K is ``cells``.

    In the narrowest type that holds this number. Memory has the lower end of a number first.
    """
    return np.asarray(drawn).view(np.min_scalar_type(cells))


def undecided_rows(drawn: UInt[np.ndarray, "*rows"]) -> np.ndarray:
    """Return where the undecided are in an array of ``cells_on_host``, as flat indices."""
    mark = np.iinfo(drawn.dtype).max
    return np.flatnonzero(drawn == mark) if drawn.max() == mark else np.arange(0)


def trace_cell_block(batch: TablesAndKeys, first_block: Array, *, rows: int, together: int = 1) -> Array:
    """Do ``draw_cell_block`` (traceable) from a block of the cipher on, as (high, low); each draws two rows."""
    table, keys = batch
    runs, cells = table.shape
    size = np.min_scalar_type(together * cells).itemsize
    in_one, bits = 4 // size, 8 * size
    run = jnp.arange(runs, dtype=jnp.uint32)[:, None]

    def choose(word: Array) -> Array:
        # One flat table and one output array: each saves a fifth to a half.
        cell, decided = choose_abridged(
            word, cells, lambda cell: look_up(table.reshape(-1), run * jnp.uint32(cells) + cell)
        )
        counted_on = cell + run % jnp.uint32(together) * jnp.uint32(cells)
        return jnp.where(decided, counted_on, jnp.uint32((1 << bits) - 1))

    def block(place: Array) -> tuple[Array, Array]:
        return threefry_2x32((keys[:, :1], keys[:, 1:]), _counters(Role.PAIR, first_block, place))

    number = jnp.arange(rows // in_one, dtype=jnp.uint32)
    if in_one == 1:  # each block of the cipher twice, for want of an output of 64 bits
        even, odd = block(number >> jnp.uint32(1))
        return choose(jnp.where(number % jnp.uint32(2) == 0, even, odd))
    blocks = [block(number * jnp.uint32(in_one // 2) + jnp.uint32(place)) for place in range(in_one // 2)]
    drawn = [choose(word) << jnp.uint32(place * bits) for place, word in enumerate(itertools.chain(*blocks))]
    return functools.reduce(jnp.bitwise_or, drawn)


def choose_abridged(
    upper: Array, cells: int, number_of: Callable[[Array], Array]
) -> tuple[UInt32[Array, "*shape"], Bool[Array, "*shape"]]:
    """Return the cell that 64-bit words draw among ``cells``, by their upper halves, and whether it is certain.

    As ``choose_cell``, from the numbers of ``abridge``: one look-up in place of three. The lower half adds less than K
    to the upper half of the remainder, so of that all but the lowest ⌈log₂ K⌉ bits are known but for a carry. Where
    they are all ones, equal the threshold's or lack one to them, it is not certain what is drawn. (Traceable.)
    """
    mask = jnp.uint32(alias_mask(cells))
    cell = _high_product(upper, cells)
    number, remainder = number_of(cell), (upper * jnp.uint32(cells)) | mask
    chosen = jnp.where(remainder < number, cell, number & mask)
    certain = ((number | mask) - remainder > mask + jnp.uint32(1)) & (remainder != jnp.uint32(0xFFFFFFFF))
    return chosen, certain


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


def _draw_half(keys: Array, start: Array, *, half: int, rows: int) -> UInt32[Array, "runs rows"]:
    place = jnp.arange(rows, dtype=jnp.uint32)
    return threefry_2x32((keys[:, :1], keys[:, 1:]), _counters(Role.NOISE, start, place))[half]


def _counters(role: Role, start: Array, place: Array) -> tuple[Array, Array]:
    """Return the counters at places of a block that does not cross a multiple of 2³²: one upper half for all of it."""
    return jnp.uint32(role << 24) | start[0], (start[1] + place)[None]
