from typing import ClassVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._distributions import AbstractDistribution, Bernoulli
from ._evaluation import linear


class Arm(AbstractAveraged):
    """Augment–REINFORCE–merge: (f(1{u > σ(−l)}) − f(1{u < σ(l)}))·(u − ½), u ~ Uniform(0, 1), for logits l.

    The two samples are antithetic; with more than one bit they are drawn, and f is called, for all bits at once.

    Calls: one of f a sample. Unbiased for every cost. Yin & Zhou (2019), theorem 1.

    Args:
        num_samples: a multiple of 2: the antithetic pairs' members.
    """

    num_samples: int = eqx.field(default=2, static=True)
    families: ClassVar[frozenset[str]] = frozenset({"bernoulli"})
    least_samples: ClassVar[int] = 2

    def single(self, key: PRNGKeyArray, distribution: Bernoulli, cost: Cost) -> Float[Array, ""]:
        """Return ⟨one pair's estimate, logits⟩."""
        uniform, to_cost, samples = antithetic_pair(key, distribution)
        first, second = (cost(to_cost, sample) for sample in samples)
        return linear(distribution, Bernoulli((second - first) * (uniform - 0.5)))

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0


def antithetic_pair(
    key: PRNGKeyArray, distribution: Bernoulli
) -> tuple[Float[Array, "dimension"], PRNGKeyArray, tuple[Array, Array]]:
    """Return u, a key for the cost, and the two samples 1{u < θ} and 1{1 − u < θ}."""
    to_sample, to_cost = jax.random.split(key)
    logits = jax.lax.stop_gradient(distribution.logits)
    uniform = jax.random.uniform(to_sample, logits.shape, logits.dtype)
    samples = (uniform < jax.nn.sigmoid(logits), uniform > jax.nn.sigmoid(-logits))
    return uniform, to_cost, (samples[0].astype(logits.dtype), samples[1].astype(logits.dtype))
