"""What an alias table draws, by exact integer arithmetic over all 2⁶⁴ words, from the rule that AliasTable states."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from stochmap.sampling import AliasTable

WHOLE = 1 << 64


class Buckets(NamedTuple):
    """Of each bucket of one table, in Python's integers: its first word, its words, and how many it keeps."""

    first: np.ndarray
    words: np.ndarray
    kept: np.ndarray
    alias: np.ndarray


def buckets(table: AliasTable) -> Buckets:
    """Word u falls on cell i = ⌊u·K/2⁶⁴⌋ and is kept if u·K − i·2⁶⁴ < T_i, that is if u < (T_i + i·2⁶⁴)/K."""
    cells = len(table.alias)
    threshold = (np.asarray(table.threshold_high).astype(object) << 32) | np.asarray(table.threshold_low).astype(object)
    start = np.arange(cells + 1).astype(object) << 64
    edges = -(-start // cells)
    words = edges[1:] - edges[:-1]
    kept = -(-(threshold + start[:-1]) // cells) - edges[:-1]
    kept = np.where(kept > words, words, kept)
    return Buckets(edges[:-1], words, kept, np.asarray(table.alias).astype(np.int64))


def received(table: AliasTable) -> np.ndarray:
    """Return how many of the 2⁶⁴ words draw each cell: Python integers."""
    _, words, kept, alias = buckets(table)
    shares = kept.copy()
    np.add.at(shares, alias, words - kept)
    return shares


def as_integers(weights: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return integer weights as Python integers; all 0 stand for a certain cell's 2⁶⁴ modulo 2⁶⁴."""
    shares = weights.astype(object)
    if not weights.any():
        shares[np.argmax(probabilities)] = WHOLE
    return shares


def exact(values: np.ndarray) -> list[Fraction]:
    """Return float64 values as the fractions that they are."""
    return [Fraction(float(value)) for value in np.ravel(values)]
