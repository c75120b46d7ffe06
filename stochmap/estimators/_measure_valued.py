from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._distributions import AbstractDistribution, Bernoulli, Categorical, Gaussian
from ._evaluation import linear

Difference = Callable[[Array, Array, Array], Float[Array, ""]]
"""Of the costs with variable ``index`` at a positive and at a negative value, all others as they were drawn."""


class MeasureValued(AbstractAveraged):
    """The weak derivative: for each parameter a constant times the difference of f at two coupled samples.

    Of the variable that the parameter belongs to, with all others drawn from p, the same in both samples:

    | parameter | constant | positive part | negative part, coupled |
    |---|---|---|---|
    | logit of a bit | θ(1 − θ) | 1 | 0 |
    | logit of class j | p_j(1 − p_j) | j | i ≠ j with p_i/(1 − p_j) |
    | mean | 1/(σ√(2π)) | μ + σw, w ~ Rayleigh | μ − σw |
    | std | 1/σ | μ + σm, m double-sided Maxwell | μ + σmu, u ~ Uniform(0, 1): a Gaussian |

    Calls: two of f for each parameter and sample. Unbiased for every cost. Mohamed et al. (2020), section 6
    and table 1; section 7.2 for the coupling.
    """

    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical", "gaussian"})

    def single(self, key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost) -> Float[Array, ""]:
        """Return ⟨one estimate of every parameter, parameters⟩."""
        to_others, to_parts, to_cost = jax.random.split(key, 3)
        fixed = distribution.stopped()
        others = fixed.sample(to_others)

        def difference(index: Array, positive: Array, negative: Array) -> Float[Array, ""]:
            return cost(to_cost, others.at[index].set(positive)) - cost(to_cost, others.at[index].set(negative))

        if isinstance(fixed, Bernoulli):
            ones, zeros = jnp.ones_like(others), jnp.zeros_like(others)
            found = jax.vmap(difference)(jnp.arange(fixed.dimension), ones, zeros)
            return linear(distribution, Bernoulli(fixed.mean * (1.0 - fixed.mean) * found))
        if isinstance(fixed, Categorical):
            return linear(distribution, Categorical(_categorical(to_parts, fixed, difference)))
        assert isinstance(fixed, Gaussian)
        return linear(distribution, _gaussian(to_parts, fixed, difference))

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """Two for each parameter and sample."""
        parameters = sum(leaf.size for leaf in jax.tree.leaves(distribution))
        return 2 * self.num_samples * parameters

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0


def _categorical(key: PRNGKeyArray, distribution: Categorical, difference: Difference) -> Array:
    # The negative parts are Gumbel-max draws with class j left out, on noise that all classes of a variable share.
    noisy = distribution.perturb(key)
    classes = jnp.eye(distribution.num_classes, dtype=bool)
    without = jnp.where(classes[None], -jnp.inf, noisy[:, None, :])
    negative = jax.vmap(distribution.harden)(without)
    positive = distribution.values()
    row = jax.vmap(difference, in_axes=(None, 0, 0))
    found = jax.vmap(row, in_axes=(0, None, 0))(jnp.arange(distribution.dimension), positive, negative)
    return distribution.mean * (1.0 - distribution.mean) * found


def _gaussian(key: PRNGKeyArray, distribution: Gaussian, difference: Difference) -> Gaussian:
    mean, std = distribution.mean, distribution.std
    to_rayleigh, to_maxwell, to_uniform = jax.random.split(key, 3)
    index, each = jnp.arange(distribution.dimension), jax.vmap(difference)
    rayleigh = jax.random.rayleigh(to_rayleigh, jnp.ones_like(mean), mean.shape, mean.dtype)
    of_mean = each(index, mean + std * rayleigh, mean - std * rayleigh) / (std * jnp.sqrt(2.0 * jnp.pi))
    maxwell = jax.random.double_sided_maxwell(to_maxwell, 0.0, 1.0, mean.shape, mean.dtype)
    uniform = jax.random.uniform(to_uniform, mean.shape, mean.dtype)
    of_std = each(index, mean + std * maxwell, mean + std * maxwell * uniform) / std
    return Gaussian(of_mean, of_std)
