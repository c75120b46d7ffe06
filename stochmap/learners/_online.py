from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from stochmap import posteriors

from ._sequential import AbstractSequential


class _Fading(NamedTuple):
    """Each row as it was when its last pair came: ``seen`` pairs of the dataset in."""

    posterior: Any
    seen: Array
    now: Array


@dataclass(frozen=True)
class Online(AbstractSequential):
    """The conjugate update of the posterior by one observation at a time; for mappings that drift, with forgetting.

    Every pair of the dataset, of whichever x, first fades all that was learned: η ← λη + (1 − λ)η_prior, λ =
    ``forgetting``, so that a row remembers about the last 1/(1 − λ) pairs. At λ = 1 nothing fades, and the result is
    that of all observations at once.

    Raises:
        ValueError: forgetting lies outside (0, 1].
    """

    forgetting: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.forgetting <= 1.0:
            raise ValueError(f"forgetting must lie in (0, 1], got {self.forgetting}: 1 forgets nothing")

    def start(self, prior: posteriors.AbstractPosterior) -> Any:
        """Return the prior; where there is forgetting, with a clock for each row."""
        if self.forgetting == 1.0:
            return prior
        num_x = jax.tree.leaves(prior)[0].shape[0]
        return _Fading(prior, jnp.zeros(num_x, dtype=jnp.int64), jnp.int64(0))

    def step(self, prior: posteriors.AbstractPosterior, state: Any, x: Array, y: Array) -> Any:
        """Let the row fade for the time since its last pair, and update it; the other rows wait for theirs."""
        if self.forgetting == 1.0:
            return state.update(x, y)

        def row(leaves: Any) -> Any:
            return jax.tree.map(lambda leaf: leaf[x][None], leaves)

        now = state.now + 1
        faded = row(state.posterior).forget(row(prior), self._kept(now - state.seen[x])[None])
        after = faded.update(0, y)
        posterior = jax.tree.map(lambda leaf, new: leaf.at[x].set(new[0]), state.posterior, after)
        return _Fading(posterior, state.seen.at[x].set(now), now)

    def posterior(self, prior: posteriors.AbstractPosterior, state: Any, num_samples: Any) -> Any:
        """Bring all rows up to the last pair."""
        if self.forgetting == 1.0:
            return state
        return state.posterior.forget(prior, self._kept(num_samples - state.seen))

    def _kept(self, pairs: Array) -> Array:
        return jnp.float64(self.forgetting) ** pairs
