"""Alias tables with integer thresholds: the exact way from a float64 distribution to draws, without floating point."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, UInt32, UInt64

_WHOLE = 1 << 64
MAX_CELLS = 1 << 26
"""The largest joint table: 2²⁶ cells take 0.8 GB as an alias table."""


TOLERANCE = 1e-6
"""How far a distribution's sum may be from 1."""


class AliasTable(NamedTuple):
    """What one 64-bit word needs to choose among K cells; leading axes are independent tables.

    The word u (0 ≤ u < 2⁶⁴) falls on cell i = ⌊u·K/2⁶⁴⌋ with remainder r = u·K mod 2⁶⁴, and draws i if r <
    threshold_i, else alias_i. The 64-bit thresholds are split into two uint32 arrays, so that drawing needs no
    64-bit mode.
    """

    threshold_high: UInt32[Array, "*tables cells"] | np.ndarray
    threshold_low: UInt32[Array, "*tables cells"] | np.ndarray
    alias: UInt32[Array, "*tables cells"] | np.ndarray


def integer_weights(
    probabilities: Float[np.ndarray, "*tables cells"], remainder: Float[np.ndarray, "*tables cells"] | float = 0.0
) -> UInt64[np.ndarray, "*tables cells"]:
    """Return integers w with Σw = 2⁶⁴ and |w_i − 2⁶⁴·p_i/Σp| ≤ 1: the distribution that is really drawn from.

    The float64 values are taken as they are, multiples of 2⁻⁶⁴ from 2⁻¹¹ up; what rounding leaves over is carried
    from cell to cell, w_i = ⌊C_i + ½⌋ − ⌊C_{i−1} + ½⌋ with C the running sum of 2⁶⁴·p/Σp. A cell of probability 0
    has weight 0. A weight of exactly 2⁶⁴ (one certain cell) is stored as 0, its value modulo 2⁶⁴.
    """
    scaled = probabilities * float(_WHOLE)  # exact: a power of two
    whole = np.floor(scaled)
    fraction = scaled - whole
    fraction += remainder * float(_WHOLE)
    weights = (whole - float(_WHOLE) * (whole >= _WHOLE)).astype(np.uint64)
    # Σp differs from 1 by a little: the excess, exact in integers, is taken back in proportion.
    total = weights.sum(axis=-1, keepdims=True, dtype=np.uint64)
    excess = total.view(np.int64) + fraction.sum(axis=-1, keepdims=True)
    whole *= excess / (_WHOLE + excess)
    fraction -= whole
    carried = np.cumsum(fraction, axis=-1)
    carried += 0.5
    units = np.floor(carried, out=carried).astype(np.int64).view(np.uint64)
    weights += units
    weights[..., 1:] -= units[..., :-1]
    # The running sum may miss the total by a unit where there are tens of millions of cells: the largest cell takes it.
    missing = -(total + units[..., -1:])
    if missing.any():
        largest = probabilities.argmax(axis=-1, keepdims=True)
        np.put_along_axis(weights, largest, np.take_along_axis(weights, largest, axis=-1) + missing, axis=-1)
    return weights


def bucket_starts(cells: int) -> UInt64[np.ndarray, "{cells}+1"]:
    """Return ⌈i·2⁶⁴/K⌉, the first word that falls on cell i, and after them their end, 2⁶⁴, which is 0 modulo 2⁶⁴."""
    quotient, rest = divmod(_WHOLE, cells)
    index = np.arange(cells + 1, dtype=np.uint64)
    return index * np.uint64(quotient % _WHOLE) + (index * np.uint64(rest) + np.uint64(cells - 1)) // np.uint64(cells)


def build_alias(probabilities: Any, remainder: Any = 0.0) -> AliasTable:
    """Build the alias table of every distribution along the last axis (host); O(K log K), vectorised.

    Bucket i holds the whole number of words c_i that fall on it, and the integer weights are shared out among the
    buckets exactly: cell j is drawn by exactly w_j of the 2⁶⁴ words. So the total variation to p/Σp is that of the
    rounding alone, below K·2⁻⁶⁵. Cells are paired by prefix sums in place of a queue, as in Hübschle-Schneider &
    Sanders, "Parallel weighted random sampling" (2022), section 4.

    Args:
        probabilities: non-negative float64 that sum to 1 within 1e-6; any leading axes.
        remainder: what the probabilities lack to the exact ones, where they were rounded.

    Raises:
        ValueError: a value is negative or NaN, a sum is not 1, or K exceeds 2²⁶.
    """
    table = np.asarray(probabilities, dtype=np.float64)
    cells = table.shape[-1]
    if not 1 <= cells <= MAX_CELLS:
        raise ValueError(f"an alias table has 1 … {MAX_CELLS} cells, got {cells}: use a smaller num_x · num_y")
    if not table.min(initial=0.0) >= 0:
        raise ValueError("probabilities must be non-negative numbers, got a negative one or NaN: correct the table")
    total = table.sum(axis=-1)
    if not (np.abs(total - 1.0) <= TOLERANCE).all():
        worst = total.ravel()[np.abs(total - 1.0).argmax()]
        raise ValueError(f"probabilities must sum to 1 within {TOLERANCE:g}, got {worst:.9g}: normalise the table")
    weights = integer_weights(table, remainder).reshape(-1, cells)
    starts = bucket_starts(cells)
    capacity = np.diff(starts)
    own, alias = _share_out(weights, capacity, _certain(weights, table.reshape(-1, cells)))
    # "The first ``own`` words of bucket i" are those of remainder below (start_i + own)·K modulo 2⁶⁴. For a bucket that
    # keeps all its words this is beyond 2⁶⁴: any threshold will do there, since the others go to the same cell.
    threshold = (starts[:-1] + own) * np.uint64(cells)
    full = np.flatnonzero(own == capacity)
    threshold.reshape(-1)[full] = _WHOLE - 1
    alias.reshape(-1)[full] = full % cells
    high, low = threshold >> np.uint64(32), threshold
    return AliasTable(*(part.astype(np.uint32).reshape(table.shape) for part in (high, low, alias)))


def _certain(weights: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where a cell has all the probability: its weight of 2⁶⁴ is 0 modulo 2⁶⁴, so the whole table reads 0."""
    tables = np.flatnonzero(weights.max(axis=-1) == 0)
    return tables, table[tables].argmax(axis=-1)


def _share_out(
    weights: np.ndarray, capacity: np.ndarray, certain: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the words that each bucket keeps for its own cell, and the cell that gets the others, if there are any.

    In order of the cells: a light cell that lacks the words from ``owed`` on takes them from the first heavy cell whose
    running surplus ``spare`` exceeds that; a heavy cell that overshoots its surplus is topped up by the next heavy one.
    Both searches are one merge of two ascending sequences, done for all tables at once by a stable sort.
    """
    tables, cells = weights.shape
    own = np.minimum(weights, capacity)
    own[certain] = capacity[certain[1]]
    surplus, lack = weights - own, capacity - own
    heavy = np.flatnonzero(surplus > 0)
    spare, covered = np.cumsum(surplus, axis=-1), np.cumsum(lack, axis=-1)
    owed = covered - lack
    from_owed = np.argsort(np.concatenate([spare, owed], axis=-1), axis=-1, kind="stable") >= cells
    # The k-th of a sequence at place i of the merge has i − k of the other before it. Places count on from table to
    # table, 2K each, and so do the cells, K each: what is left counts the cells, too.
    index = np.arange(tables * cells)
    alias = np.flatnonzero(from_owed) - index
    alias[heavy[:-1]] = heavy[1:]
    last_covered = np.flatnonzero(~from_owed)[heavy] - heavy - 1
    own.reshape(-1)[heavy] -= covered.reshape(-1)[last_covered] - spare.reshape(-1)[heavy]
    return own, alias.reshape(tables, cells) - index[::cells, None]


def abridge(table: AliasTable) -> UInt32[np.ndarray, "*tables cells"]:
    """Return one number for each cell in place of three: its alias in the lowest ⌈log₂ K⌉ bits, its threshold above.

    With the upper half of a word, what is left of the threshold decides all but 3·2^(⌈log₂ K⌉ − 32) of the draws at
    most (``choose_abridged``); the others are made by the whole word and table (``choose_whole``).
    """
    own = np.uint32(alias_mask(table.alias.shape[-1]))
    return (np.asarray(table.threshold_high) & ~own) | (np.asarray(table.alias) & own)


def alias_mask(cells: int) -> int:
    """Return the bits of an abridged number that are its alias."""
    return (1 << (cells - 1).bit_length()) - 1


def choose_whole(table: AliasTable, words: UInt32[np.ndarray, "rows 2"]) -> UInt32[np.ndarray, "rows"]:
    """Return the cell that each 64-bit word (high, low) draws from one table (host)."""
    cells, half, lower = np.uint64(table.alias.shape[-1]), np.uint64(32), np.uint64(0xFFFFFFFF)
    high, low = words.astype(np.uint64).T
    low = low * cells
    high = high * cells + (low >> half)
    cell = high >> half
    threshold = (table.threshold_high[cell].astype(np.uint64) << half) | table.threshold_low[cell]
    keep = ((high << half) | (low & lower)) < threshold
    return np.where(keep, cell, table.alias[cell]).astype(np.uint32)
