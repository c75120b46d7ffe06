import itertools
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractEstimator, Cost, Problem, State
from ._distributions import AbstractDiscrete, AbstractDistribution

MOST_SAMPLES = 10
"""The weights are sums over the 2^K subsets of a set."""


class UnorderedSet(AbstractEstimator):
    """K different outcomes drawn without replacement, each weighted as if the order had been forgotten.

    Σ_{s∈S} ∇p(s)·R(S, s)·(f(s) − Σ_{s′∈S} p(s′) R^{−s}(S, s′) f(s′)), where R(S, s) = P(S∖s | s out)/P(S), R^{−s}
    the same of the distribution without s (1 for s′ = s), and P(S) the chance to draw the set S in any order. With K
    all outcomes it is the exact gradient. Several variables are one, whose outcomes are listed.

    Calls: K of f. Unbiased for every cost. Kool, van Hoof & Welling (2020), section 4.

    Args:
        num_samples: K, 2 … MOST_SAMPLES, and at most the number of outcomes.

    Raises:
        ValueError: num_samples is out of range, or there are too many outcomes to list.
    """

    num_samples: int = eqx.field(default=2, static=True)
    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical"})
    least_samples: ClassVar[int] = 2

    def __check_init__(self) -> None:
        if self.num_samples > MOST_SAMPLES:
            raise ValueError(f"num_samples must be at most {MOST_SAMPLES}, got {self.num_samples}: give fewer")

    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDiscrete, cost: Cost, state: State
    ) -> tuple[Float[Array, ""], State]:
        """Return Σ_{s∈S} p(s)·weight·excess, where all but p(s) is constant."""
        if self.num_samples > distribution.num_outcomes:
            raise ValueError(
                f"{self.num_samples} samples without replacement from {distribution.num_outcomes} outcomes: take fewer"
            )
        to_set, to_cost = jax.random.split(key)
        outcomes, probabilities = distribution.stopped().enumerate()
        probabilities = jax.lax.stop_gradient(probabilities)
        noise = jax.random.gumbel(to_set, probabilities.shape, probabilities.dtype)
        members = jax.lax.top_k(jnp.log(probabilities) + noise, self.num_samples)[1]
        samples, chances = outcomes[members], probabilities[members]
        values = jax.lax.stop_gradient(jax.vmap(cost)(jnp.broadcast_to(to_cost, (self.num_samples,)), samples))
        rest = jnp.sum(probabilities.at[members].set(0.0))
        ratio, second = _ratios(chances, rest)
        excess = values - second @ (chances * values)
        log_probs = jax.vmap(distribution.log_prob)(samples)
        return jnp.sum(jax.lax.stop_gradient(ratio * excess) * jnp.exp(log_probs)), state

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0


def _ratios(chances: Float[Array, "k"], rest: Float[Array, ""]) -> tuple[Float[Array, "k"], Float[Array, "k k"]]:
    """Return R(S, s) and R^{−s}(S, s′) of a set with these chances, where all others together have the chance ``rest``.

    P(A | C out) = Σ_{a∈A} P(A∖a | C out)·p(a)/(1 − p(C) − p(A∖a)): a may have been the last to be drawn.
    """
    size = len(chances)
    bits = (np.arange(1 << size)[:, None] >> np.arange(size)) & 1
    single = 1 << np.arange(size)
    out = np.concatenate([[0], single, (single[:, None] | single).ravel()])
    # Of no use, and possibly 0, where the set meets what is left out: such entries are never looked up.
    left = rest + jnp.asarray(bits[:, None] | bits[out]) @ (-chances) + jnp.sum(chances)
    share = jnp.zeros((1 << size, len(out)), chances.dtype).at[0].set(1.0)
    for members in range(1, size + 1):
        sets = np.array([sum(1 << i for i in chosen) for chosen in itertools.combinations(range(size), members)])
        last = np.array(list(itertools.combinations(range(size), members)))
        before = sets[:, None] - (1 << last)
        step = share[before] * (chances[last][..., None] / left[before])
        share = share.at[sets].set(jnp.sum(step, axis=1))
    whole = (1 << size) - 1
    all_in = share[whole, 0]
    without = share[whole - single, 1 + np.arange(size)]
    pairs = whole - (single[:, None] | single)
    without_two = share[pairs, 1 + size + np.arange(size * size).reshape(size, size)]
    second = jnp.where(np.eye(size, dtype=bool), 1.0, without_two / without[:, None])
    return without / all_in, second
