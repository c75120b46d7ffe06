from typing import ClassVar

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._distributions import AbstractDistribution


class ScoreFunction(AbstractAveraged):
    """The plain score-function estimator, REINFORCE: f(x)·∇ln p(x), x ~ p.

    Calls: one of f a sample. Unbiased for every cost. Williams (1992), theorem 1; Mohamed et al. (2020), section 4.
    """

    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical", "gaussian"})

    def single(self, key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost) -> Float[Array, ""]:
        """Return f(x)·ln p(x), where f(x) and x are constants."""
        to_sample, to_cost = jax.random.split(key)
        sample = jax.lax.stop_gradient(distribution.sample(to_sample))
        return jax.lax.stop_gradient(cost(to_cost, sample)) * distribution.log_prob(sample)

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0
