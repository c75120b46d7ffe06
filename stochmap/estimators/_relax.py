from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractEstimator, Cost, Problem
from ._control_variate import Adapted, ControlVariate, adapted, check_learning_rate, controlled_surrogate
from ._distributions import AbstractDiscrete, AbstractDistribution


class Network(eqx.Module):
    """w·tanh(W z + a) + b, from noisy logits to a number; 0 at the start."""

    inner: Float[Array, "width inputs"]
    inner_bias: Float[Array, "width"]
    outer: Float[Array, "width"]
    outer_bias: Float[Array, ""]

    def __call__(self, z: Array) -> Float[Array, ""]:
        """Evaluate it."""
        return self.outer @ jnp.tanh(self.inner @ z.reshape(-1) + self.inner_bias) + self.outer_bias


class Relax(AbstractEstimator):
    """REBAR with a learned function of the noisy logits in the relaxed cost's place: f need not be differentiable.

    (f(b) − c(z̃))·∇ln p(b) + ∇c(z) − ∇c(z̃), c a network with one hidden layer, trained on the variance of the estimates
    so far: unbiased given the state. At the start c = 0: the score function.

    Calls: one of f a sample, trained or not. Unbiased for every cost. Grathwohl et al. (2018), section 3.

    Args:
        num_samples: see AbstractEstimator.
        width: of the hidden layer.
        learning_rate: of Adam on the network; 0 freezes it.
        seed: of the hidden layer's weights at the start.

    Raises:
        ValueError: the width is below 1, or the learning rate negative.
    """

    width: int = eqx.field(default=10, static=True)
    learning_rate: float = eqx.field(default=0.01, static=True)
    seed: int = eqx.field(default=0, static=True)
    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical"})

    def __check_init__(self) -> None:
        check_learning_rate(self.learning_rate)
        if self.width < 1:
            raise ValueError(f"width must be at least 1, got {self.width}: give a larger number")

    def init(self, distribution: AbstractDiscrete) -> Adapted:
        """Return a network whose last layer is 0."""
        kind, inputs = distribution.logits.dtype, distribution.logits.size
        inner = jax.random.normal(jax.random.key(self.seed), (self.width, inputs), kind) / inputs**0.5
        zeros = jnp.zeros(self.width, kind)
        return adapted(Network(inner, zeros, zeros, jnp.zeros((), kind)), self.learning_rate)

    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDiscrete, cost: Cost, state: Adapted
    ) -> tuple[Float[Array, ""], Adapted]:
        """Return ⟨estimate, logits⟩, and the state with the network trained."""

        def control(to_cost: PRNGKeyArray) -> ControlVariate:
            return lambda network, z: network(z)

        return controlled_surrogate(key, distribution, cost, control, state, self.num_samples, self.learning_rate)

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0
