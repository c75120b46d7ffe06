from typing import ClassVar

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._distributions import AbstractDiscrete, AbstractDistribution
from ._relaxation import cost_through


class StraightThrough(AbstractAveraged):
    """The cost's gradient at the sample, times the Jacobian of the mean: ∇f(D)·∂softmax(l)/∂l; for bits f′(b)θ(1 − θ).

    Calls: one of f's gradient a sample. Unbiased where f is linear in each variable (others fixed): then ∇f in one
    variable does not depend on that variable. Biased on anything else: for a bit and f = (b − t)² by (2θ − 1)θ(1 − θ).
    Hinton (2012, lectures); Bengio, Léonard & Courville (2013).
    """

    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical"})

    def single(self, key: PRNGKeyArray, distribution: AbstractDiscrete, cost: Cost) -> Float[Array, ""]:
        """Return f(D), differentiated through the mean."""
        to_sample, to_cost = jax.random.split(key)
        return cost_through(to_cost, cost, distribution.sample(to_sample), distribution.mean)

    def unbiased_for(self, problem: Problem) -> bool:
        """Say whether the cost is linear in each variable."""
        return problem.degree is not None and problem.degree <= 1

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples
