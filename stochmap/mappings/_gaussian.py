from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ._abstract import AbstractMapping


class GaussianMapping(AbstractMapping):
    """From an integer to a Gaussian: p(y | x) = Normal(mean_x, std_x²)."""

    mean: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    std: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]

    @property
    def num_x(self) -> int:
        """The number of inputs."""
        return self.mean.shape[-1]

    def sample(self, key: PRNGKeyArray, x: Int[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Draw y = mean_x + std_x·z with z ~ Normal(0, 1) from the key alone.

        Reparameterised (Kingma & Welling 2013, section 2.4): at a fixed key dy/dmean = 1 and dy/dstd = z.
        """
        mean, std = jnp.asarray(self.mean), jnp.asarray(self.std)
        return mean[x] + std[x] * jax.random.normal(key, jnp.shape(x), dtype=mean.dtype)

    def log_prob(self, x: Int[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """Return ln p(y | x) = −½((y − mean)/std)² − ln std − ½ ln 2π, in nats."""
        mean, std = jnp.asarray(self.mean)[x], jnp.asarray(self.std)[x]
        return -0.5 * ((y - mean) / std) ** 2 - jnp.log(std) - 0.5 * jnp.log(2.0 * jnp.pi)

    def parameters(self) -> dict[str, Any]:
        """Return ``mean`` and ``std``, each [x]."""
        return {"mean": self.mean, "std": self.std}
