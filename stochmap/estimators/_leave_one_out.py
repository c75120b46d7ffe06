from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost, State
from ._baseline import AbstractBaseline
from ._distributions import AbstractDistribution
from ._evaluation import evaluate, weighted_log_prob


class LeaveOneOut(AbstractBaseline):
    """The score-function estimator with the other samples' mean cost as each sample's baseline, RLOO.

    1/K Σ_k (f(x_k) − 1/(K−1) Σ_{j≠k} f(x_j))·∇ln p(x_k) = 1/(K−1) Σ_k (f(x_k) − f̄)·∇ln p(x_k).

    Calls: K of f. Unbiased for every cost. Salimans & Knowles (2014); Kool, van Hoof & Welling (2019).

    Args:
        num_samples: K ≥ 2.
    """

    num_samples: int = eqx.field(default=2, static=True)
    least_samples: ClassVar[int] = 2

    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost, state: State
    ) -> tuple[Float[Array, ""], State]:
        """Return 1/(K−1) Σ_k (f(x_k) − f̄)·ln p(x_k)."""
        samples, values = evaluate(key, distribution, cost, self.num_samples)
        excess = (values - jnp.mean(values)) * (self.num_samples / (self.num_samples - 1))
        return weighted_log_prob(distribution, samples, excess), state
