from typing import ClassVar

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._distributions import AbstractDistribution, Gaussian


class Pathwise(AbstractAveraged):
    """The reparameterised gradient of a Gaussian: ∇f(mean + std·z) = (f'(x), f'(x)·z), z ~ Normal(0, 1).

    Calls: one of f's gradient a sample. Unbiased for costs that are differentiable (almost everywhere and without
    jumps). Kingma & Welling (2014), section 2.4; Mohamed et al. (2020), section 5.
    """

    families: ClassVar[frozenset[str]] = frozenset({"gaussian"})

    def single(self, key: PRNGKeyArray, distribution: Gaussian, cost: Cost) -> Float[Array, ""]:
        """Return f at a sample that is a function of mean and std."""
        to_sample, to_cost = jax.random.split(key)
        return cost(to_cost, distribution.sample(to_sample))

    def unbiased_for(self, problem: Problem) -> bool:
        """Where the cost is continuous: its jumps are seen by no derivative."""
        return problem.continuous

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples
