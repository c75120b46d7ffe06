from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from stochmap.mappings import CategoricalMapping
from stochmap.posteriors import check_statistics
from stochmap.sampling import Counts

from ._abstract import Fit, Status
from ._confidence import Wilson


@dataclass(frozen=True)
class GoodTuring:
    """Rare outcomes get what Good and Turing give them, frequent ones their count; for large sparse rows.

    With Φ_t the number of the row's outcomes seen t times, q ∝ c where c > Φ_{c+1}, else ∝ (c + 1)(Φ_{c+1} + 1)/Φ_c.
    Its expected KL(truth‖q) is at most (3 + o(1))/n^⅓ nats above that of the best estimator that knows the truth up to
    a relabelling of the outcomes, whatever their number (Orlitsky & Suresh 2015, theorem 1).
    """

    needs: ClassVar = "statistics"
    families: ClassVar = frozenset({"categorical"})

    def __call__(self, key: PRNGKeyArray, data: Counts) -> Fit:
        """Fit one run's counts."""
        check_statistics(data)
        mapping = CategoricalMapping(jnp.log(jax.vmap(_weights)(jnp.asarray(data.n))))
        return Fit(mapping, jnp.int32(Status.EXACT), jnp.int64(0), confidence=Wilson(data.n))


def _weights(n: Int[Array, "y"]) -> Float[Array, "y"]:
    ordered = jnp.sort(n)
    same, above, beyond = (jnp.searchsorted(ordered, n + step) for step in (0, 1, 2))
    times, next_times = above - same, beyond - above
    rare = (n + 1) * (next_times + 1) / times
    return jnp.where(n > next_times, n.astype(rare.dtype), rare)
