"""Antithetic pairs of Bernoulli vectors, b = 1{u < θ} and b′ = 1{1 − u < θ}: every pair, with what is known of u."""

import itertools

import numpy as np


def pair_moments(theta: np.ndarray, costs: np.ndarray, *, integrated: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and second moment of (f(b′) − f(b))·(u − ½), for each of the independent bits: float64[dimension].

    With m = min(θ, 1 − θ) a bit's pair is decided by which of (0, m), (m, 1 − m), (1 − m, 1) holds u: so there are
    3^dimension pairs, and the moments of u − ½ on an interval are known. ``integrated``: E[u − ½ | b, b′] in its
    place, which is DisARM. ``costs`` are those of all 2^dimension outcomes, the first bit slowest.
    """
    least = np.minimum(theta, 1.0 - theta)
    edges = np.stack([np.zeros_like(theta), least, 1.0 - least, np.ones_like(theta)])  # [4, dimension]
    chance = np.diff(edges, axis=0)
    middle = (edges[1:] + edges[:-1]) / 2.0
    first_bit, second_bit = middle < theta, 1.0 - middle < theta
    mean_offset = middle - 0.5
    square_offset = mean_offset**2 + (0.0 if integrated else 1.0) * chance**2 / 12.0
    dimension = len(theta)
    intervals = np.array(list(itertools.product(range(3), repeat=dimension)))  # [pairs, dimension]
    columns = np.arange(dimension)
    weights = 1 << np.arange(dimension)[::-1]
    difference = costs[second_bit[intervals, columns] @ weights] - costs[first_bit[intervals, columns] @ weights]
    together = np.prod(chance[intervals, columns], axis=1)
    mean = (together * difference) @ mean_offset[intervals, columns]
    second = (together * difference**2) @ square_offset[intervals, columns]
    return mean, second
