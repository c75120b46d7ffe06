"""Integrals, each by a fine and by a coarse rule: what the two disagree on is not called exact."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from stochmap.estimators import Gaussian

from ._problem import Problem, compiled, traced

TOLERANCE = 1e-6
"""The most that fine and coarse rule may differ by, relative to the integral of the integrand's absolute value.

Both have rounding's error on smooth costs, at most 1e-6 on costs with kinks, and more on costs with jumps.
"""

FURTHEST = 12.0
"""Standard deviations from the mean beyond which less than 1e-30 of a Gaussian lies."""

_NODES = (1 << 14, 10_007)
"""Of the trapezoidal rule, which converges geometrically on smooth functions (Trefethen & Weideman 2014): cos(kz) to
rounding up to k = 2500. Neither number divides the other: a cost that one aliases the other aliases to something else.
"""


class Rule(NamedTuple):
    """Integrands at the nodes of a quadrature: weight[nodes], values[nodes, integrals], and what rounding may make."""

    weight: np.ndarray
    values: np.ndarray
    rounding: np.ndarray | float = 0.0


class Nodes(NamedTuple):
    """One Gaussian's standard deviation; and at nodes z ~ N(0, 1) their weight, the cost and its slope."""

    std: float
    z: np.ndarray
    weight: np.ndarray
    cost: np.ndarray
    slope: np.ndarray

    def score(self) -> np.ndarray:
        """Return (z/σ, (z² − 1)/σ): [nodes, 2]."""
        return np.stack([self.z, self.z**2 - 1.0], axis=1) / self.std


def is_one_gaussian(problem: Problem) -> bool:
    """Say whether samples are one number."""
    shape = jax.eval_shape(problem.distribution)
    return isinstance(shape, Gaussian) and shape.mean.shape == (1,)


def gaussian_nodes(problem: Problem) -> tuple[Nodes, Nodes] | None:
    """Return the fine and the coarse rule of one Gaussian; None for anything else."""
    if not is_one_gaussian(problem):
        return None
    z = [np.linspace(-FURTHEST, FURTHEST, count) for count in _NODES]
    std, costs, slopes = (
        np.asarray(part) for part in _values_and_slopes(traced(problem), jnp.asarray(np.concatenate(z)))
    )
    cut = [len(z[0])]
    parts = zip(z, np.split(costs, cut), np.split(slopes, cut), strict=True)
    fine, coarse = (Nodes(float(std), each, _weights(each), cost, slope) for each, cost, slope in parts)
    return fine, coarse


def agreed(fine: Rule, coarse: Rule) -> np.ndarray | None:
    """Return Σ weight·value of the fine rule; None where the coarse one's differs."""
    first, second = (rule.weight @ rule.values for rule in (fine, coarse))
    tolerance = TOLERANCE * (fine.weight @ np.abs(fine.values)) + fine.rounding
    return first if (np.abs(first - second) <= tolerance).all() else None


def _weights(z: np.ndarray) -> np.ndarray:
    weight = np.exp(-(z**2) / 2.0)
    return weight / weight.sum()


@compiled(0)
def _values_and_slopes(problem: Problem, z: Array) -> tuple[Array, Array, Array]:
    distribution = problem.distribution()
    assert isinstance(distribution, Gaussian)
    mean, std = distribution.mean[0], distribution.std[0]
    cost = jax.value_and_grad(lambda x: problem(jax.random.key(0), x[None]))
    costs, slopes = jax.vmap(lambda each: cost(mean + std * each))(z)
    return std, costs, slopes
