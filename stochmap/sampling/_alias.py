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
    weights = np.where(whole >= _WHOLE, whole - _WHOLE, whole).astype(np.uint64)
    fraction = scaled - whole + remainder * float(_WHOLE)
    # Σp differs from 1 by a little: the excess, exact in integers, is taken back in proportion.
    excess = weights.sum(axis=-1, keepdims=True, dtype=np.uint64).view(np.int64).astype(np.float64)
    excess = excess + fraction.sum(axis=-1, keepdims=True)
    fraction = fraction - whole * (excess / (_WHOLE + excess))
    units = np.floor(np.cumsum(fraction, axis=-1) + 0.5).astype(np.int64)
    weights += np.diff(units, axis=-1, prepend=0).view(np.uint64)
    # The running sum may miss the total by a unit where there are tens of millions of cells: the largest cell takes it.
    missing = -weights.sum(axis=-1, dtype=np.uint64).view(np.int64)
    if missing.any():
        largest = probabilities.argmax(axis=-1)[..., None]
        given = np.take_along_axis(weights, largest, axis=-1) + missing[..., None].view(np.uint64)
        np.put_along_axis(weights, largest, given, axis=-1)
    return weights


def bucket_starts(cells: int) -> UInt64[np.ndarray, "cells"]:
    """Return ⌈i·2⁶⁴/K⌉, the first word that falls on cell i (the end of the last bucket, 2⁶⁴, is 0 modulo 2⁶⁴)."""
    quotient, rest = divmod(_WHOLE, cells)
    index = np.arange(cells, dtype=np.uint64)
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
    if not (table >= 0).all():
        raise ValueError("probabilities must be non-negative numbers, got a negative one or NaN: correct the table")
    total = table.sum(axis=-1)
    if not (np.abs(total - 1.0) <= TOLERANCE).all():
        worst = total.ravel()[np.abs(total - 1.0).argmax()]
        raise ValueError(f"probabilities must sum to 1 within {TOLERANCE:g}, got {worst:.9g}: normalise the table")
    weights = integer_weights(table, remainder).reshape(-1, cells)
    starts = bucket_starts(cells)
    capacity = np.diff(starts, append=np.uint64(0))
    own, alias = _share_out(weights, capacity, _heavy(weights, capacity, table.reshape(-1, cells)))
    threshold = _as_thresholds(own, starts, cells).reshape(table.shape)
    return AliasTable(
        (threshold >> np.uint64(32)).astype(np.uint32),
        threshold.astype(np.uint32),
        alias.reshape(table.shape).astype(np.uint32),
    )


def _heavy(weights: np.ndarray, capacity: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return which cells weigh more than their bucket holds."""
    heavy = weights > capacity
    # A weight of 2⁶⁴ is 0 modulo 2⁶⁴, so the whole table reads 0: its cell is the one with all the probability.
    certain = np.flatnonzero(~weights.any(axis=-1))
    heavy[certain, table[certain].argmax(axis=-1)] = True
    if len(capacity) == 1:  # The one bucket holds 2⁶⁴ words, also 0: it keeps them all.
        heavy[:] = False
    return heavy


def _share_out(weights: np.ndarray, capacity: np.ndarray, heavy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the words that each bucket keeps for its own cell, and the cell that gets the others.

    In order of the cells: a light cell that is owed the units ``before`` … ``owed`` takes them from the first heavy
    cell whose running surplus exceeds ``before``; a heavy cell that overshoots its surplus is topped up by the next
    heavy one. Both searches are one merge of two ascending sequences, done for all tables at once by a stable sort.
    """
    tables, cells = weights.shape
    need = np.where(heavy, np.uint64(0), capacity - weights)
    owed = np.cumsum(need, axis=-1, dtype=np.uint64)
    spare = np.cumsum(np.where(heavy, weights - capacity, np.uint64(0)), axis=-1, dtype=np.uint64)
    index = np.arange(cells)
    order = np.argsort(np.concatenate([spare, owed], axis=-1), axis=-1, kind="stable")
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(2 * cells)[None], axis=-1)
    first_covering = np.minimum(place[:, :cells] - index, cells - 1)  # the first cell with owed ≥ spare_j
    giver = np.empty((tables, cells), dtype=np.int64)  # the first cell with spare > owed_{i−1}
    giver[:, 0] = (spare == 0).sum(axis=-1)
    giver[:, 1:] = place[:, cells:-1] - index[:-1]
    overshoot = np.take_along_axis(owed, first_covering, axis=-1) - spare
    following = np.minimum.accumulate(np.where(heavy, index, cells)[:, ::-1], axis=-1)[:, ::-1]
    following = np.concatenate([following[:, 1:], np.full((tables, 1), cells)], axis=-1)
    own = np.where(heavy, capacity - overshoot, weights)
    alias = np.where(heavy, np.where(overshoot > 0, following, index), np.where(need > 0, giver, index))
    return own, alias


def _as_thresholds(own: np.ndarray, starts: np.ndarray, cells: int) -> np.ndarray:
    """Turn "the first ``own`` words of bucket i" into "remainder below T" = (start_i·K mod 2⁶⁴) + own·K, below 2⁶⁴."""
    size = np.uint64(cells)
    first = starts * size
    limit = (np.uint64(_WHOLE - 1) - first) // size
    return np.where(own > limit, np.uint64(_WHOLE - 1), first + np.minimum(own, limit) * size)
