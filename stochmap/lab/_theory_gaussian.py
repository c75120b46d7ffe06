"""One Gaussian: moments of its estimators by quadrature. Parameters in the order mean, std."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy import special

from stochmap.estimators import Gaussian

from ._exact import gauss_hermite
from ._problem import Problem, compiled, traced

_NODES = 160
_FURTHEST = 12.0
"""Standard deviations from the mean beyond which less than 1e-30 of either density lies."""


def gaussian_table(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return weight, cost and score (z/σ, (z² − 1)/σ) of every Gauss–Hermite node; None for anything but a Gaussian."""
    found = _at_nodes(problem)
    if found is None:
        return None
    std, nodes, weights, costs, _ = found
    return weights, costs, np.stack([nodes, nodes**2 - 1.0], axis=1) / std


def gaussian_pathwise(problem: Problem) -> tuple[np.ndarray, np.ndarray] | None:
    """Return weight and estimate (f′(x), f′(x)z) of every Gauss–Hermite node; None for anything but a Gaussian."""
    found = _at_nodes(problem)
    if found is None:
        return None
    _, nodes, weights, _, slopes = found
    return weights, slopes[:, None] * np.stack([np.ones_like(nodes), nodes], axis=1)


def gaussian_measure_valued(problem: Problem) -> tuple[np.ndarray, np.ndarray] | None:
    """Return mean and variance of the coupled weak derivatives; None for anything but a Gaussian.

    ∂μ: (f(μ + σw) − f(μ − σw))/(σ√(2π)), density w·e^(−w²/2). ∂σ: (f(μ + σm) − f(μ + σmu))/σ, m with density
    m²e^(−m²/2)/√(2π) on both sides, u uniform (Mohamed et al., arXiv 1906.10652, table 1).
    """
    if not _is_one_gaussian(problem):
        return None
    legendre = special.roots_legendre(_NODES)
    u, u_weight = (legendre[0] + 1.0) / 2.0, legendre[1] / 2.0
    w = m = _FURTHEST * u
    w_weight, m_weight = (power * np.exp(-(w**2) / 2.0) * u_weight for power in (w, m**2))
    w_weight, m_weight = w_weight / w_weight.sum(), m_weight / m_weight.sum()
    both = np.concatenate([m, -m])
    points = np.concatenate([w, -w, both, np.outer(both, u).ravel()])
    mean, std, costs = (np.asarray(part) for part in _costs(traced(problem), jnp.asarray(points)))
    split = np.cumsum([len(w), len(w), len(both)])
    up, down, at_m, at_mu = np.split(costs, split)
    of_mean = (up - down) / (std * np.sqrt(2.0 * np.pi))
    of_std = (at_m[:, None] - at_mu.reshape(len(both), len(u))).ravel() / std
    chance = np.outer(np.concatenate([m_weight, m_weight]) / 2.0, u_weight).ravel()
    means = np.array([w_weight @ of_mean, chance @ of_std])
    seconds = np.array([w_weight @ of_mean**2, chance @ of_std**2])
    return means, seconds - means**2


def _is_one_gaussian(problem: Problem) -> bool:
    shape = jax.eval_shape(problem.distribution)
    return isinstance(shape, Gaussian) and shape.mean.shape == (1,)


@compiled(0)
def _costs(problem: Problem, points: Array) -> tuple[Array, Array, Array]:
    distribution = problem.distribution()
    assert isinstance(distribution, Gaussian)
    mean, std = distribution.mean[0], distribution.std[0]
    return mean, std, jax.vmap(lambda z: problem(jax.random.key(0), (mean + std * z)[None]))(points)


def _at_nodes(problem: Problem) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    if not _is_one_gaussian(problem):
        return None
    std, costs, slopes = (np.asarray(part) for part in _values_and_slopes(traced(problem)))
    nodes, weights = (np.asarray(part) for part in gauss_hermite())
    return float(std), nodes, weights, costs, slopes


@compiled(0)
def _values_and_slopes(problem: Problem) -> tuple[Array, Array, Array]:
    distribution = problem.distribution()
    assert isinstance(distribution, Gaussian)
    nodes, _ = gauss_hermite()
    cost = jax.value_and_grad(lambda x: problem(jax.random.key(0), x[None]))
    costs, slopes = jax.vmap(lambda z: cost(distribution.mean[0] + distribution.std[0] * z))(nodes)
    return distribution.std[0], costs, slopes
