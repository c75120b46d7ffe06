from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._arm import antithetic_pair
from ._distributions import AbstractDistribution, Bernoulli
from ._evaluation import linear


class Disarm(AbstractAveraged):
    """ARM with the uniform variable integrated out: ½(f(b) − f(b′))·(b − b′)·σ(|l|), b and b′ antithetic.

    Never more variance than ARM, and 0 for one bit with θ = ½.

    Calls: one of f a sample. Unbiased for every cost. Dong, Mnih & Tucker (2020), section 3; the same as U2G
    (Yin et al. 2020).

    Args:
        num_samples: a multiple of 2: the antithetic pairs' members.
    """

    num_samples: int = eqx.field(default=2, static=True)
    families: ClassVar[frozenset[str]] = frozenset({"bernoulli"})
    least_samples: ClassVar[int] = 2

    def single(self, key: PRNGKeyArray, distribution: Bernoulli, cost: Cost) -> Float[Array, ""]:
        """Return ⟨one pair's estimate, logits⟩."""
        _, to_cost, (first, second) = antithetic_pair(key, distribution)
        difference = cost(to_cost, first) - cost(to_cost, second)
        scale = jax.nn.sigmoid(jnp.abs(distribution.logits))
        return linear(distribution, Bernoulli(0.5 * difference * (first - second) * scale))

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0
