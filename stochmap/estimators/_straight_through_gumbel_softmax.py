from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._distributions import AbstractDiscrete, AbstractDistribution
from ._relaxation import check_temperature, cost_through


class StraightThroughGumbelSoftmax(AbstractAveraged):
    """The cost's gradient at the hard sample, times the Jacobian of the relaxed one: ∇f(D)·∂softmax((l + g)/τ)/∂l.

    D is the argmax of the same l + g.

    Calls: one of f's gradient a sample. Biased, on linear costs too. Jang, Gu & Poole (2017), section 2.2.

    Args:
        num_samples: see AbstractEstimator.
        temperature: τ.

    Raises:
        ValueError: the temperature is not positive.
    """

    temperature: float = eqx.field(default=0.5, static=True)
    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical"})

    def __check_init__(self) -> None:
        check_temperature(self.temperature)

    def single(self, key: PRNGKeyArray, distribution: AbstractDiscrete, cost: Cost) -> Float[Array, ""]:
        """Return f(D), differentiated through the relaxed sample."""
        to_sample, to_cost = jax.random.split(key)
        noisy = distribution.perturb(to_sample)
        soft = distribution.soften(noisy, self.temperature)
        return cost_through(to_cost, cost, distribution.harden(noisy), soft)

    def unbiased_for(self, problem: Problem) -> bool:
        """Never."""
        return False

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples
