import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost, State
from ._baseline import AbstractBaseline
from ._distributions import AbstractDistribution
from ._evaluation import evaluate, weighted_log_prob


class ConstantBaseline(AbstractBaseline):
    """The score-function estimator less a constant: (f(x) − b)·∇ln p(x).

    Calls: one of f a sample. Unbiased for every cost, since E∇ln p = 0. Williams (1992), theorem 1.

    Args:
        num_samples: see AbstractEstimator.
        baseline: b.
    """

    baseline: float = eqx.field(default=0.0, static=True)

    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost, state: State
    ) -> tuple[Float[Array, ""], State]:
        """Return the mean of (f(x) − b)·ln p(x)."""
        samples, values = evaluate(key, distribution, cost, self.num_samples)
        return weighted_log_prob(distribution, samples, values - self.baseline), state
