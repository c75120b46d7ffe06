"""All outcomes of a small experiment, with their probabilities: the oracle of exact expectations."""

import itertools
import math
from collections.abc import Callable

import numpy as np


def all_counts(n: int, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return every vector of counts of n draws from p, [outcomes, k], and its multinomial probability."""
    k = len(p)
    counts = np.array([c for c in itertools.product(range(n + 1), repeat=k) if sum(c) == n])
    ways = [math.factorial(n) // math.prod(math.factorial(int(part)) for part in row) for row in counts]
    return counts, np.array(ways, dtype=np.float64) * np.prod(np.asarray(p) ** counts, axis=1)


def expectation(n: int, p: np.ndarray, value: Callable[[np.ndarray], float]) -> float:
    """Return E value(counts), counts ~ Multinomial(n, p), as a finite sum."""
    counts, probability = all_counts(n, p)
    assert abs(probability.sum() - 1.0) < 1e-12
    return math.fsum(float(chance) * float(value(row)) for row, chance in zip(counts, probability, strict=True))
