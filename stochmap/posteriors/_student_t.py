import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float
from scipy import special

from ._abstract import Interval, host, tails


class StudentT(eqx.Module):
    """y = mean + scale·t with t ~ Student t of ``freedom`` degrees, for each x."""

    freedom: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    mean: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    scale: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]

    def log_prob(self, y: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]) -> Float[Array, "*runs x"]:
        """Return ln Γ((ν+1)/2) − ln Γ(ν/2) − ½ ln(πν) − ln s − ½(ν + 1) ln(1 + ((y − μ)/s)²/ν), in nats."""
        freedom, scale = jnp.asarray(self.freedom), jnp.asarray(self.scale)
        z = (jnp.asarray(y) - self.mean) / scale
        constant = gammaln(0.5 * (freedom + 1.0)) - gammaln(0.5 * freedom) - 0.5 * jnp.log(jnp.pi * freedom)
        return constant - jnp.log(scale) - 0.5 * (freedom + 1.0) * jnp.log1p(z**2 / freedom)

    def cdf(self, y: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]) -> Float[np.ndarray, "*runs x"]:
        """Return the probability of a value of at most y (host)."""
        return special.stdtr(host(self.freedom), (host(y) - host(self.mean)) / host(self.scale))

    def interval(self, level: float) -> Interval:
        """Return the central interval that holds the next value with probability ``level`` (host).

        Raises:
            ValueError: the level lies outside (0, 1).
        """
        half = special.stdtrit(host(self.freedom), tails(level)[1]) * host(self.scale)
        return Interval(host(self.mean) - half, host(self.mean) + half)
