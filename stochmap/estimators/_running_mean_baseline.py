from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost
from ._baseline import AbstractDecayingBaseline
from ._distributions import AbstractDistribution
from ._evaluation import evaluate, weighted_log_prob


class RunningMean(NamedTuple):
    """An exponentially weighted sum and the weight in it: sum/weight is the mean."""

    sum: Float[Array, ""]
    weight: Float[Array, ""]

    @property
    def mean(self) -> Float[Array, ""]:
        """The mean, 0 before the first value."""
        return self.sum / jnp.where(self.weight > 0, self.weight, 1.0)


class RunningMeanBaseline(AbstractDecayingBaseline):
    """The score-function estimator less a mean of earlier costs: (f(x) − b)·∇ln p(x), b ← decay·b + (1 − decay)·f.

    The mean is corrected for its start at 0, and excludes the current samples: unbiased given the state.

    Calls: one of f a sample. Sutton (1984) and Williams (1992): reinforcement comparison.

    Args:
        num_samples: see AbstractEstimator.
        decay: of an earlier cost's weight from one estimate to the next.

    Raises:
        ValueError: decay does not lie in [0, 1).
    """

    def init(self, distribution: AbstractDistribution) -> RunningMean:
        """Return an empty mean."""
        zero = jnp.zeros((), jax.tree.leaves(distribution)[0].dtype)
        return RunningMean(zero, zero)

    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost, state: RunningMean
    ) -> tuple[Float[Array, ""], RunningMean]:
        """Return the mean of (f(x) − b)·ln p(x), and the mean with these costs in it."""
        samples, values = evaluate(key, distribution, cost, self.num_samples)
        kept, new = self.decay, 1.0 - self.decay
        after = RunningMean(kept * state.sum + new * jnp.mean(values), kept * state.weight + new)
        return weighted_log_prob(distribution, samples, values - state.mean), after
