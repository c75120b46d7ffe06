"""One Gaussian: moments of its estimators by quadrature. Parameters in the order mean, std."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy import special

from stochmap.estimators import Gaussian

from ._problem import Problem, compiled, traced
from ._quadrature import FURTHEST, Rule, agreed, gaussian_nodes, is_one_gaussian

_NODES = (200, 160)
"""Gauss–Legendre nodes of the fine and the coarse rule: 2·nodes² calls of the cost for the standard deviation."""


def gaussian_table(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return weight, cost and score of every node; None where they do not give the moments of cost·score."""
    both = gaussian_nodes(problem)
    if both is None:
        return None
    rules = []
    for nodes in both:
        values = nodes.cost[:, None] * np.hstack([np.ones((len(nodes.z), 1)), nodes.score()])
        rules.append(Rule(nodes.weight, np.hstack([values, values**2])))
    fine = both[0]
    return None if agreed(*rules) is None else (fine.weight, fine.cost, fine.score())


def gaussian_pathwise(problem: Problem) -> tuple[np.ndarray, np.ndarray] | None:
    """Return weight and estimate (f′(x), f′(x)z) of every node; None where they do not give its moments."""
    both = gaussian_nodes(problem)
    if both is None:
        return None
    values = [nodes.slope[:, None] * np.stack([np.ones_like(nodes.z), nodes.z], axis=1) for nodes in both]
    rules = [Rule(nodes.weight, np.hstack([each, each**2])) for nodes, each in zip(both, values, strict=True)]
    return None if agreed(*rules) is None else (both[0].weight, values[0])


def gaussian_measure_valued(problem: Problem) -> tuple[np.ndarray, np.ndarray] | None:
    """Return mean and variance of the coupled weak derivatives; None where quadrature does not give them.

    ∂μ: (f(μ + σw) − f(μ − σw))/(σ√(2π)), density w·e^(−w²/2). ∂σ: (f(μ + σm) − f(μ + σmu))/σ, m with density
    m²e^(−m²/2)/√(2π) on both sides, u uniform (Mohamed et al., arXiv 1906.10652, table 1).
    """
    if not is_one_gaussian(problem):
        return None
    fine, coarse = (_coupled(problem, count) for count in _NODES)
    moments = [agreed(first, second) for first, second in zip(fine, coarse, strict=True)]
    if any(each is None for each in moments):
        return None
    mean, second = np.array(moments).T
    return mean, second - mean**2


def _coupled(problem: Problem, count: int) -> list[Rule]:
    """Return the estimate with its square, for ∂μ and for ∂σ."""
    legendre = special.roots_legendre(count)
    u, u_weight = (legendre[0] + 1.0) / 2.0, legendre[1] / 2.0
    w = m = FURTHEST * u
    w_weight, m_weight = (power * np.exp(-(w**2) / 2.0) * u_weight for power in (w, m**2))
    w_weight, m_weight = w_weight / w_weight.sum(), m_weight / m_weight.sum()
    both = np.concatenate([m, -m])
    points = np.concatenate([w, -w, both, np.outer(both, u).ravel()])
    std, costs = (np.asarray(part) for part in _costs(traced(problem), jnp.asarray(points)))
    up, down, at_m, at_mu = np.split(costs, np.cumsum([len(w), len(w), len(both)]))
    of_mean = (up - down) / (std * np.sqrt(2.0 * np.pi))
    of_std = (at_m[:, None] - at_mu.reshape(len(both), len(u))).ravel() / std
    chance = np.outer(np.concatenate([m_weight, m_weight]) / 2.0, u_weight).ravel()
    rounding = 1e-12 * (w_weight @ (np.abs(up) + np.abs(down))) / std
    return [
        Rule(weight, np.stack([each, each**2], axis=1), np.array([rounding, rounding**2]))
        for weight, each in ((w_weight, of_mean), (chance, of_std))
    ]


@compiled(0)
def _costs(problem: Problem, points: Array) -> tuple[Array, Array]:
    distribution = problem.distribution()
    assert isinstance(distribution, Gaussian)
    mean, std = distribution.mean[0], distribution.std[0]
    return std, jax.vmap(lambda z: problem(jax.random.key(0), (mean + std * z)[None]))(points)
