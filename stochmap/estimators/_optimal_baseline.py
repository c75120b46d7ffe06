from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost
from ._baseline import AbstractDecayingBaseline
from ._distributions import AbstractDistribution
from ._evaluation import evaluate, linear, score


class SquaredScores(NamedTuple):
    """Exponentially weighted sums of f·s² and of s² for each parameter, each in the shape of the distribution."""

    weighted: Any
    plain: Any

    @property
    def baseline(self) -> Any:
        """Their ratio, 0 before the first value."""
        return jax.tree.map(lambda a, b: a / jnp.where(b > 0, b, 1.0), self.weighted, self.plain)


class OptimalBaseline(AbstractDecayingBaseline):
    """The score-function estimator with the constant baseline of least variance, one for each parameter.

    (f(x) − b_j)·s_j with s = ∇ln p(x) and b_j = E[f s_j²]/E[s_j²], estimated from earlier samples: unbiased given the
    state. Where the state holds the true expectations no other constant has less variance.

    Calls: one of f a sample. Weaver & Tao (2001); Greensmith, Bartlett & Baxter (2004).

    Args:
        num_samples: see AbstractEstimator.
        decay: of an earlier sample's weight from one estimate to the next.

    Raises:
        ValueError: decay does not lie in [0, 1).
    """

    def init(self, distribution: AbstractDistribution) -> SquaredScores:
        """Return empty sums."""
        zeros = jax.tree.map(jnp.zeros_like, distribution)
        return SquaredScores(zeros, zeros)

    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost, state: SquaredScores
    ) -> tuple[Float[Array, ""], SquaredScores]:
        """Return ⟨mean of (f(x) − b)·s, parameters⟩, and the sums with these samples in them."""
        samples, values = evaluate(key, distribution, cost, self.num_samples)
        scores = jax.vmap(lambda sample: score(distribution.stopped(), sample))(samples)

        def mean_product(power: int, weights: Float[Array, "samples"]) -> Any:
            return jax.tree.map(lambda s: jnp.tensordot(weights, s**power, 1) / self.num_samples, scores)

        ones = jnp.ones_like(values)
        slope = jax.tree.map(
            lambda product, plain, b: product - b * plain,
            mean_product(1, values),
            mean_product(1, ones),
            state.baseline,
        )
        new = SquaredScores(mean_product(2, values), mean_product(2, ones))
        after = jax.tree.map(lambda old, now: self.decay * old + (1.0 - self.decay) * now, state, new)
        return linear(distribution, slope), after
