from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractEstimator, Cost, Problem, State
from ._distributions import MOST_OUTCOMES, AbstractDiscrete, AbstractDistribution, Gaussian


class Exact(AbstractEstimator):
    """The oracle: Σ p(x) f(x) ∇ln p(x) over all outcomes x; for Gaussians over Gauss–Hermite nodes.

    With n nodes a dimension the integral is exact for polynomials up to degree 2n − 3, and converges faster than any
    power of 1/n for analytic costs. A cost's own randomness is the same for all outcomes. The num_samples is without
    effect.

    Calls: num_classes^dimension of f; for Gaussians nodes^dimension. Golub & Welsch (1969) for the nodes.

    Args:
        num_samples: see AbstractEstimator.
        nodes: Gauss–Hermite nodes a dimension.

    Raises:
        ValueError: nodes is not in 2 … 180 (beyond, weights underflow), or there are too many outcomes.
    """

    nodes: int = eqx.field(default=64, static=True)
    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical", "gaussian"})

    def __check_init__(self) -> None:
        if not 2 <= self.nodes <= 180:
            raise ValueError(f"nodes must lie in 2 … 180, got {self.nodes}: choose a number in it")

    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost, state: State
    ) -> tuple[Float[Array, ""], State]:
        """Return Σ p(x) f(x) ln p(x), where all but the logarithm is constant."""
        fixed = distribution.stopped()
        samples, weights = fixed.enumerate() if isinstance(fixed, AbstractDiscrete) else self._quadrature(fixed)
        values = jax.lax.stop_gradient(jax.vmap(lambda sample: cost(key, sample))(samples))
        return jnp.sum(weights * values * jax.vmap(distribution.log_prob)(samples)), state

    def _quadrature(self, distribution: AbstractDistribution) -> tuple[Array, Array]:
        assert isinstance(distribution, Gaussian)
        if (total := self.nodes**distribution.dimension) > MOST_OUTCOMES:
            raise ValueError(f"{total} nodes are too many: at most {MOST_OUTCOMES}; choose fewer nodes a dimension")
        nodes, weights = np.polynomial.hermite_e.hermegauss(self.nodes)
        grid = np.stack(np.meshgrid(*[nodes] * distribution.dimension, indexing="ij"), axis=-1)
        product = np.stack(np.meshgrid(*[weights] * distribution.dimension, indexing="ij"), axis=-1).prod(axis=-1)
        noise = jnp.asarray(grid.reshape(-1, distribution.dimension), distribution.mean.dtype)
        chances = jnp.asarray(product.ravel() / product.sum(), distribution.mean.dtype)
        return distribution.mean[None] + distribution.std[None] * noise, chances

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """One an outcome, or one a node."""
        if isinstance(distribution, AbstractDiscrete):
            return distribution.num_outcomes
        return self.nodes**distribution.dimension

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0
