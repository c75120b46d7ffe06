"""What the relaxed estimators share."""

from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._distributions import AbstractDistribution


class AbstractRelaxed(AbstractAveraged):
    """An estimator through softmax((l + g)/τ), g Gumbel noise: one call of f's gradient a sample, and a bias.

    Raises:
        ValueError: the temperature is not positive.
    """

    temperature: float = eqx.field(default=0.5, static=True)
    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical"})

    def __check_init__(self) -> None:
        check_temperature(self.temperature)

    def unbiased_for(self, problem: Problem) -> bool:
        """Never."""
        return False

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples


def cost_through(key: PRNGKeyArray, cost: Cost, hard: Array, soft: Array) -> Float[Array, ""]:
    """Return f(hard), differentiated as if the sample were ``soft``: the gradient is ∇f(hard)·∂soft."""
    # soft − soft is exactly 0: the cost sees the hard sample to the last bit.
    return cost(key, jax.lax.stop_gradient(hard) + (soft - jax.lax.stop_gradient(soft)))


def check_temperature(temperature: float) -> None:
    """Raise ValueError unless the temperature is positive."""
    if not temperature > 0.0:
        raise ValueError(f"temperature must be positive, got {temperature}: choose a number such as 0.5")
