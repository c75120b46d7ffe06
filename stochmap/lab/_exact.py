"""The exact gradient of an expected cost: in closed form, by enumeration, or by quadrature."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from stochmap.estimators import AbstractDiscrete, AbstractDistribution

from ._problem import Problem, compiled, traced
from ._quadrature import TOLERANCE, Rule, agreed, gaussian_nodes

_LISTED = 1 << 12
"""Outcomes up to which each is looked at for a cost that is random; of more, or of a Gaussian, 256 samples are."""


def exact_gradient(problem: Problem) -> Float[np.ndarray, "parameters"]:
    """Return the gradient of E cost in the distribution's parameters, one after the other (float64, host).

    From ``expected`` where the problem has it; else by enumeration, or by quadrature for one Gaussian.

    Raises:
        ValueError: there is no way to it.
    """
    if not hasattr(problem, "expected"):
        if is_random(problem):
            raise ValueError(
                f"{type(problem).__name__}: the cost depends on its key: "
                "give the problem a method expected(distribution)"
            )
        if not isinstance(jax.eval_shape(problem.distribution), AbstractDiscrete):
            return by_quadrature(problem)
    return flat(_gradient(traced(problem)))


def is_random(problem: Problem) -> bool:
    """Say whether the cost of any sample depends on its key."""
    return bool(_differs(traced(problem)))


@compiled(0)
def _differs(problem: Problem) -> Bool[Array, ""]:
    distribution = problem.distribution()
    if isinstance(distribution, AbstractDiscrete) and distribution.num_outcomes <= _LISTED:
        samples, _ = distribution.enumerate()
    else:
        samples = jax.vmap(distribution.sample)(jax.random.split(jax.random.key(0), 256))
    once, again = (jax.vmap(problem, (None, 0))(jax.random.key(number), samples) for number in (1, 2))
    return ~jnp.array_equal(once, again, equal_nan=True)


@compiled(0)
def _gradient(problem: Any) -> AbstractDistribution:
    if hasattr(problem, "expected"):
        return jax.grad(problem.expected)(problem.distribution())
    return jax.grad(lambda distribution: by_enumeration(problem, distribution))(problem.distribution())


def by_enumeration(problem: Problem, distribution: AbstractDiscrete) -> Float[Array, ""]:
    """Return Σ_z p(z)·cost(z) over all outcomes; differentiable in the distribution.

    Raises:
        ValueError: more than 2¹⁶ outcomes.
    """
    samples, probabilities = distribution.enumerate()
    return jnp.sum(probabilities * jax.vmap(lambda sample: problem(jax.random.key(0), sample))(samples))


def by_quadrature(problem: Problem) -> Float[np.ndarray, "2"]:
    """Return the gradient of E cost in the mean and std of one Gaussian: E cost·score, the cost not differentiated.

    Raises:
        ValueError: it is not one Gaussian, or the cost jumps or swings more than quadrature can follow.
    """
    both = gaussian_nodes(problem)
    if both is None:
        raise ValueError(
            f"{type(problem).__name__}: quadrature serves one Gaussian: give the problem a method "
            "expected(distribution)"
        )
    fine, coarse = (Rule(nodes.weight, nodes.cost[:, None] * nodes.score()) for nodes in both)
    found = agreed(fine, coarse)
    if found is None:
        raise ValueError(
            f"{type(problem).__name__}: quadratures with different nodes differ by more than {TOLERANCE:g} (a cost "
            "with jumps?): give the problem a method expected(distribution)"
        )
    return found


def flat(tree: AbstractDistribution) -> Float[np.ndarray, "parameters"]:
    """Return the parameters of a distribution, or a gradient in them, one after the other (host)."""
    return np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(tree)])
