"""What the score-function estimators share: samples with their costs, scores, and surrogates of known gradients."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost, Distribution
from ._distributions import AbstractDistribution


def evaluate(
    key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost, num_samples: int
) -> tuple[Array, Float[Array, "samples"]]:
    """Return independent samples and the cost of each, without derivatives."""
    fixed = distribution.stopped()

    def one(key: PRNGKeyArray) -> tuple[Array, Float[Array, ""]]:
        to_sample, to_cost = jax.random.split(key)
        sample = fixed.sample(to_sample)
        return sample, cost(to_cost, sample)

    return jax.lax.stop_gradient(jax.vmap(one)(jax.random.split(key, num_samples)))


def weighted_log_prob(
    distribution: AbstractDistribution, samples: Array, weights: Float[Array, "samples"]
) -> Float[Array, ""]:
    """Return the mean of weight·ln p(sample); its gradient is that of weight·score, the weights being constants."""
    return jnp.mean(jax.lax.stop_gradient(weights) * jax.vmap(distribution.log_prob)(samples))


def score(distribution: Distribution, sample: Array) -> Distribution:
    """Return ∇ln p(sample) in the distribution's parameters."""
    return jax.grad(lambda parameters: parameters.log_prob(sample))(distribution)


def linear(distribution: Distribution, slope: Distribution) -> Float[Array, ""]:
    """Return ⟨slope, parameters⟩, whose gradient is the slope."""
    products = jax.tree.map(lambda a, b: jnp.sum(jax.lax.stop_gradient(a) * b), slope, distribution)
    return jax.tree.reduce(jnp.add, products)
