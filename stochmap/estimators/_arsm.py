import itertools
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractAveraged, Cost, Problem
from ._distributions import AbstractDistribution, Categorical
from ._evaluation import linear


class Arsm(AbstractAveraged):
    """Augment–REINFORCE–swap–merge, ARM's form for k classes.

    With π ~ Dirichlet(1, …, 1) and z = argmin_i π_i e^(−l_i); z^(c⇄j) is the same with π_c and π_j swapped. The
    estimate for class c is Σ_j (f(z^(c⇄j)) − 1/k Σ_m f(z^(m⇄j)))·(1/k − π_j). With more than one variable all are
    swapped at once, and f is called for all of them together.

    Calls: k(k − 1)/2 + 1 of f for each π. Unbiased for every cost. Yin, Yue & Zhou (2019), section 2.

    Args:
        num_samples: how many π.
    """

    families: ClassVar[frozenset[str]] = frozenset({"categorical"})

    def single(self, key: PRNGKeyArray, distribution: Categorical, cost: Cost) -> Float[Array, ""]:
        """Return ⟨one π's estimate, logits⟩."""
        to_sample, to_cost = jax.random.split(key)
        logits = jax.lax.stop_gradient(distribution.logits)
        # ln of exponential variates: normalised they are Dirichlet's, and the argmin does not need that.
        log_exponential = -jax.random.gumbel(to_sample, logits.shape, logits.dtype)
        swaps, place = _swaps(distribution.num_classes)

        def swapped(order: Array) -> Float[Array, ""]:
            return cost(to_cost, distribution.harden(logits - log_exponential[:, order]))

        table = jax.vmap(swapped)(jnp.asarray(swaps))[place]
        excess = table - jnp.mean(table, axis=0, keepdims=True)
        share = jax.nn.softmax(log_exponential)
        return linear(distribution, Categorical((1.0 / distribution.num_classes - share) @ excess.T))

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """No swap at all, and one for each pair of classes."""
        assert isinstance(distribution, Categorical)
        return self.num_samples * (distribution.num_classes * (distribution.num_classes - 1) // 2 + 1)

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0


def _swaps(num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the identity and the swap of each pair, [swaps, k], and the place of c⇄j among them, [k, k]."""
    swaps, place = [np.arange(num_classes)], np.zeros((num_classes, num_classes), dtype=int)
    for first, second in itertools.combinations(range(num_classes), 2):
        swap = np.arange(num_classes)
        swap[[first, second]] = second, first
        place[first, second] = place[second, first] = len(swaps)
        swaps.append(swap)
    return np.stack(swaps), place
