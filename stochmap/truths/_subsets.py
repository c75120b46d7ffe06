"""Uniformly random subsets, one for every row of every run, in a time that depends on what is chosen only."""

import numpy as np
from jaxtyping import Int

from stochmap.streams import Keys, Role, words_at

_FIRST_WORD = 1 << 40
"""Beyond the words of the gamma variates, whose number of attempts is bounded in effect."""

_BLOCK = 1 << 18
"""Elements at a time: their words and places stay in the cache, and memory in bounds."""


def random_subsets(keys: Keys, rows: int, population: int, size: int) -> Int[np.ndarray, "*runs {rows} {size}"]:
    """Return independent uniformly random subsets of 0 … population − 1 for every key, ascending, int32.

    Elements are drawn uniformly, and those that are there already again, until they are distinct. Nothing in that
    depends on which elements they are, so every subset of that size is as likely as any other. More than half of the
    population is what a subset of the rest leaves over: each draw is a new element with a chance of at least ½. An
    element is ⌊u·population/2⁶⁴⌋, u a 64-bit word: its chance is 1/population within 2⁻⁶⁴.
    """
    keys = np.asarray(keys, dtype=np.uint32)
    flat_keys = keys.reshape(-1, 2)
    chosen = np.empty((len(flat_keys) * rows, size), dtype=np.int32)
    drawn = min(size, population - size)
    step = max(1, _BLOCK // max(1, size))
    for start in range(0, len(chosen), step):
        run, row = np.divmod(np.arange(start, min(start + step, len(chosen))), rows)
        subsets = _distinct(flat_keys[run], row, rows * drawn, population, drawn)
        chosen[start : start + step] = subsets if drawn == size else _others(subsets, population)
    return chosen.reshape(*keys.shape[:-1], rows, size)


def _distinct(keys: np.ndarray, row: np.ndarray, words_a_round: int, population: int, size: int) -> np.ndarray:
    """Return sorted rows of distinct elements. Round t, row r, place i reads the word t·words_a_round + r·size + i."""
    elements = np.empty((len(row), size), dtype=np.int32)
    pending, again = np.arange(len(row)), np.ones(elements.shape, dtype=bool)
    attempt = 0
    while pending.size:
        which, place = np.nonzero(again)
        which = pending[which]
        index = _FIRST_WORD + attempt * words_a_round + row[which] * size + place
        elements[which, place] = _below(population, words_at(keys[which], Role.TRUTH, index))
        ordered = np.sort(elements[pending], axis=-1)
        elements[pending] = ordered
        again = np.zeros(ordered.shape, dtype=bool)
        again[:, 1:] = ordered[:, 1:] == ordered[:, :-1]
        unfinished = again.any(axis=-1)
        pending, again = pending[unfinished], again[unfinished]
        attempt += 1
    return elements


def _below(limit: int, words: np.ndarray) -> np.ndarray:
    """Return ⌊u·limit/2⁶⁴⌋ of 64-bit words, limit < 2³², in 64-bit arithmetic."""
    high, low = words[..., 0].astype(np.uint64), words[..., 1].astype(np.uint64)
    factor, half = np.uint64(limit), np.uint64(32)
    return ((high * factor + ((low * factor) >> half)) >> half).astype(np.int32)


def _others(subsets: np.ndarray, population: int) -> np.ndarray:
    kept = np.ones((len(subsets), population), dtype=bool)
    np.put_along_axis(kept, subsets.astype(np.int64), values=False, axis=-1)
    return np.nonzero(kept)[1].reshape(len(subsets), -1)
