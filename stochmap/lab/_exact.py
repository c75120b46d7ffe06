"""The exact gradient of an expected cost: in closed form, by enumeration, or by quadrature."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from stochmap.estimators import AbstractDiscrete, AbstractDistribution, Gaussian

from ._problem import Problem, compiled, traced

NODES = 160
"""Gauss–Hermite nodes: exact for polynomials below degree 320, cos(kx) to 1e-13 up to k·std = 12."""


def exact_gradient(problem: Problem) -> Float[np.ndarray, "parameters"]:
    """Return the gradient of E cost in the distribution's parameters, one after the other (float64, host).

    From ``expected`` where the problem has it; else by enumeration, or by quadrature for one Gaussian.

    Raises:
        ValueError: there is no way to it.
    """
    if not hasattr(problem, "expected"):
        _check_deterministic(problem, problem.distribution())
    return flat(_gradient(traced(problem)))


@compiled(0)
def _gradient(problem: Any) -> AbstractDistribution:
    distribution = problem.distribution()
    if hasattr(problem, "expected"):
        return jax.grad(problem.expected)(distribution)
    method = by_enumeration if isinstance(distribution, AbstractDiscrete) else by_quadrature
    return jax.grad(lambda d: method(problem, d))(distribution)


def by_enumeration(problem: Problem, distribution: AbstractDiscrete) -> Float[Array, ""]:
    """Return Σ_z p(z)·cost(z) over all outcomes; differentiable in the distribution.

    Raises:
        ValueError: more than 2¹⁶ outcomes.
    """
    samples, probabilities = distribution.enumerate()
    return jnp.sum(probabilities * jax.vmap(lambda sample: problem(jax.random.key(0), sample))(samples))


def by_quadrature(problem: Problem, distribution: AbstractDistribution) -> Float[Array, ""]:
    """Return E cost over one Gaussian by Gauss–Hermite quadrature; differentiable in the distribution.

    Raises:
        ValueError: it is not one Gaussian.
    """
    if not isinstance(distribution, Gaussian) or distribution.dimension != 1:
        raise ValueError(
            f"{type(problem).__name__}: quadrature serves one Gaussian: give the problem a method "
            "expected(distribution)"
        )
    nodes, weights = gauss_hermite()
    costs = jax.vmap(lambda node: problem(jax.random.key(0), distribution.mean + distribution.std * node))(nodes)
    return jnp.sum(weights * costs)


def gauss_hermite() -> tuple[Float[Array, "nodes"], Float[Array, "nodes"]]:
    """Return nodes and weights with E g(z) = Σ weights·g(nodes), z ~ N(0, 1)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return jnp.asarray(nodes), jnp.asarray(weights / weights.sum())


def flat(tree: AbstractDistribution) -> Float[np.ndarray, "parameters"]:
    """Return the parameters of a distribution, or a gradient in them, one after the other (host)."""
    return np.concatenate([np.ravel(np.asarray(leaf, np.float64)) for leaf in jax.tree.leaves(tree)])


def _check_deterministic(problem: Problem, distribution: AbstractDistribution) -> None:
    """Refuse a cost that depends on its key: its expectation over the key is the problem's to give."""
    sample = distribution.sample(jax.random.key(0))
    values = {float(problem(jax.random.key(number), sample)) for number in range(3)}
    if len(values) > 1:
        raise ValueError(
            f"{type(problem).__name__}: the cost depends on its key: give the problem a method expected(distribution)"
        )
