"""One published or closed-form value beside ours, and the rule that accepts it."""

import math
import zlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

FALSE_ALARM = 1e-6
"""The chance that all of a table's rows together fail on correct code."""

FLOOR = 1e-12
"""Relative difference that is put down to floating point."""


@dataclass(frozen=True)
class Row:
    """A value from a source, ours with its standard error (0 where none is stated), and how they should compare.

    ``rounding`` is what the published value leaves open: half a unit of its last digit, 0 for a closed form. For the
    relations ≤ and ≥, ``expected`` is a bound.
    """

    section: str
    source: str
    quantity: str
    expected: float
    ours: float
    standard_error: float = 0.0
    rounding: float = 0.0
    relation: Literal["=", "≤", "≥"] = "="

    @property
    def z(self) -> float:
        """By how many standard errors ours misses what is accepted; infinite for a miss without any."""
        difference = self.ours - self.expected
        if math.isnan(difference):  # also ∞ − ∞
            return 0.0 if self.ours == self.expected else math.inf
        if (self.relation, difference < 0) in (("≤", True), ("≥", False)):
            return 0.0
        if math.isinf(difference):
            return difference
        open_ = self.rounding + FLOOR * max(abs(self.expected), abs(self.ours))
        if self.standard_error == 0:
            return 0.0 if abs(difference) <= open_ else math.copysign(math.inf, difference)
        excess = max(abs(difference) - self.rounding, 0.0)
        # Beside a standard error of 1e-17 the last bit of a float is not evidence.
        return math.copysign(excess / max(self.standard_error, FLOOR * abs(self.expected)), difference)


def z_limit(rows: int) -> float:
    """Return the |z| that chance passes in none of the rows, but for FALSE_ALARM: the two-sided normal quantile."""
    return float(-special.ndtri(FALSE_ALARM / (2.0 * max(rows, 1))))


def failures(rows: list[Row]) -> list[Row]:
    """Return the rows that are not accepted."""
    limit = z_limit(len(rows))
    return [row for row in rows if not abs(row.z) <= limit]


def mean_row(
    section: str,
    source: str,
    quantity: str,
    expected: float,
    values: Any,
    *,
    rounding: float = 0.0,
    relation: Any = "=",
) -> Row:
    """Return the row of the mean of independent values."""
    values = np.asarray(values, dtype=np.float64)
    error = float(values.std(ddof=1) / np.sqrt(values.size))
    return Row(section, source, quantity, expected, float(values.mean()), error, rounding, relation)


def variance_row(
    section: str, source: str, quantity: str, expected: float, values: Any, *, rounding: float = 0.0
) -> Row:
    """Return the row of the variance of independent values, its standard error from their fourth moment."""
    values = np.asarray(values, dtype=np.float64)
    squares = (values - values.mean()) ** 2
    error = float(squares.std(ddof=1) / np.sqrt(values.size))
    return Row(section, source, quantity, expected, float(values.var(ddof=1)), error, rounding)


def share_row(
    section: str, source: str, quantity: str, expected: float, hits: int, trials: int, *, rounding: float = 0.0
) -> Row:
    """Return the row of a share of independent trials, its standard error from the expected share."""
    error = math.sqrt(max(expected * (1.0 - expected), 0.0) / trials)
    return Row(section, source, quantity, expected, hits / trials, error, rounding)


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the host's random numbers for a purpose: the same for a seed, whatever else is drawn."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, zlib.crc32(name.encode())], dtype=np.uint64)))
