"""Checks of what is given as a mapping."""

from typing import Any

import numpy as np
from jaxtyping import Float

TOLERANCE = 1e-6
"""How far a row's sum may be from 1."""


def check_table(table: Any) -> Float[np.ndarray, "*runs x y"]:
    """Return rows of probabilities [*runs, x, y] as float64, divided by their sums.

    Raises:
        ValueError: not a table, a probability that is negative or NaN, or a row whose sum is not 1.
    """
    table = np.asarray(table, dtype=np.float64)
    if table.ndim < 2 or 0 in table.shape:
        raise ValueError(f"a mapping must be a table [x, y], got the shape {table.shape}: give a row for every x")
    if not (table >= 0).all():
        raise ValueError("probabilities must be numbers ≥ 0: correct the table")
    sums = table.sum(axis=-1, keepdims=True)
    worst = sums.flat[np.abs(sums - 1.0).argmax()]
    if not abs(worst - 1.0) <= TOLERANCE:
        raise ValueError(
            f"every row must sum to 1, one sums to {worst:.9g}: give p(y | x), not counts or a joint table"
        )
    return table / sums


def check_square(table: Any) -> Float[np.ndarray, "x x"]:
    """Return a single square mapping as :func:`check_table` does.

    Raises:
        ValueError: it is not square, or as for :func:`check_table`.
    """
    table = check_table(table)
    if table.ndim != 2 or table.shape[0] != table.shape[1]:
        raise ValueError(
            f"a chain needs one square table, got the shape {table.shape}: x and y must be the same states"
        )
    return table
