from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._distributions import AbstractDiscrete, AbstractDistribution
from ._relaxation import check_temperature, cost_through


class ReinMax(AbstractAveraged):
    """Straight-through of second order: ∇f(D)·(2J((p_τ + D)/2) − ½J(p)), J(m) = diag(m) − m mᵀ, p_τ = softmax(l/τ).

    Heun's method on f(D) − f(D′) where straight-through is Euler's.

    Calls: one of f's gradient a sample. At τ = 1 unbiased where f is at most quadratic in each variable (others
    fixed), for any number of classes: f(D) − f(D′) = ½(∇f(D) + ∇f(D′))·(D − D′) exactly. Biased otherwise. Liu et al.
    (2023), algorithm 2.

    Args:
        num_samples: see AbstractEstimator.
        temperature: τ.

    Raises:
        ValueError: the temperature is not positive.
    """

    temperature: float = eqx.field(default=1.0, static=True)
    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical"})

    def __check_init__(self) -> None:
        check_temperature(self.temperature)

    def single(self, key: PRNGKeyArray, distribution: AbstractDiscrete, cost: Cost) -> Float[Array, ""]:
        """Return f(D), differentiated through 2J((p_τ + D)/2)l − ½J(p)l."""
        to_sample, to_cost = jax.random.split(key)
        fixed = distribution.stopped()
        hard = fixed.sample(to_sample)
        middle = 0.5 * (fixed.soften(fixed.logits, self.temperature) + hard)
        # Linear in the logits: J of the middle is had without its logits, which are infinite where p rounds to 1.
        soft = 2.0 * distribution.covariance_times(middle, distribution.logits)
        soft -= 0.5 * distribution.covariance_times(fixed.mean, distribution.logits)
        return cost_through(to_cost, cost, hard, soft)

    def unbiased_for(self, problem: Problem) -> bool:
        """Say whether the temperature is 1 and the cost at most quadratic in each variable."""
        return self.temperature == 1.0 and problem.degree is not None and problem.degree <= 2

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples
