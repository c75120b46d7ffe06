from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ._abstract import AbstractMapping


def softmax(logits: Any) -> Any:
    """Return exp(logits_j)/Σ_k exp(logits_k) along the last axis; a NumPy array where the logits are one."""
    module: Any = jnp if isinstance(logits, jax.Array) else np
    with np.errstate(invalid="ignore"):  # a fit that became infinite has the probabilities NaN
        weights = module.exp(logits - logits.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights


class CategoricalMapping(AbstractMapping):
    """A full table: p(y | x) = softmax(logits_x)_y.

    Rows of logits are identified up to a constant only; −∞ is a probability of 0. Leading axes are independent
    mappings, of which only ``probabilities`` knows.
    """

    logits: Float[Array, "*runs x y"] | Float[np.ndarray, "*runs x y"]

    @property
    def num_x(self) -> int:
        """The number of inputs."""
        return self.logits.shape[-2]

    @property
    def num_y(self) -> int:
        """The number of outcomes."""
        return self.logits.shape[-1]

    @property
    def probabilities(self) -> Any:
        """The table p(y | x), rows sum to 1; a NumPy array where the logits are one."""
        return softmax(self.logits)

    def sample(self, key: PRNGKeyArray, x: Int[Array, "*shape"]) -> Int[Array, "*shape"]:
        """Draw y ~ p(· | x) with JAX's own sampler, for use inside traced programs.

        Gumbel noise in the logits' precision: in float32, outcomes below about 1e-7 are never drawn.
        ``sampling.draw_pairs`` is exact.
        """
        return jax.random.categorical(key, jnp.asarray(self.logits)[x])

    def log_prob(self, x: Int[Array, "*shape"], y: Int[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Return ln p(y | x) = logits_xy − ln Σ_j exp(logits_xj), in nats."""
        return jax.nn.log_softmax(jnp.asarray(self.logits), axis=-1)[x, y]

    def parameters(self) -> dict[str, Any]:
        """Return ``probability``, the table [x, y]."""
        return {"probability": self.probabilities}
