from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy import special

from stochmap.mappings import GaussianMapping
from stochmap.sampling import Moments

from ._abstract import AbstractPosterior, Interval, check_positive, host, tails


class NormalInverseGamma(AbstractPosterior):
    """For each x, variance ~ InverseGamma(alpha, beta) and mean ~ Normal(mean, variance/kappa).

    Conjugate to Gaussian values. Murphy, "Conjugate Bayesian analysis of the Gaussian distribution" (2007), section 6.
    """

    mean: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    kappa: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    alpha: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    beta: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]

    @classmethod
    def prior(cls, mean: float, kappa: float, alpha: float, beta: float, num_x: int) -> "NormalInverseGamma":
        """Return the same prior for every x, float64.

        Raises:
            ValueError: kappa, alpha or beta is not positive.
        """
        for name, value in (("kappa", kappa), ("alpha", alpha), ("beta", beta)):
            check_positive(name, value)
        return cls(*(jnp.full(num_x, value, dtype=jnp.float64) for value in (mean, kappa, alpha, beta)))

    def update(self, x: Any, y: Any) -> "NormalInverseGamma":
        """κ' = κ + 1, μ' = (κμ + y)/κ', α' = α + ½, β' = β + κ(y − μ)²/(2κ')."""
        mean, kappa, alpha, beta = (jnp.asarray(leaf) for leaf in (self.mean, self.kappa, self.alpha, self.beta))
        shift = y - mean[x]
        return NormalInverseGamma(
            mean.at[x].add(shift / (kappa[x] + 1.0)),
            kappa.at[x].add(1.0),
            alpha.at[x].add(0.5),
            beta.at[x].add(0.5 * kappa[x] * shift**2 / (kappa[x] + 1.0)),
        )

    def update_all(self, statistics: Moments) -> "NormalInverseGamma":
        """κ' = κ + n, μ' = (κμ + n·ȳ)/κ', α' = α + n/2, β' = β + m2/2 + κn(ȳ − μ)²/(2κ')."""
        n, kappa = statistics.n, self.kappa + statistics.n
        shift = statistics.mean - self.mean
        return NormalInverseGamma(
            self.mean + shift * n / kappa,
            kappa,
            self.alpha + 0.5 * n,
            self.beta + 0.5 * statistics.m2 + 0.5 * self.kappa * n * shift**2 / kappa,
        )

    def interval(self, level: float) -> dict[str, Interval]:
        """Return quantiles of the mean and of std.

        The mean's are Student t with 2α degrees and scale √(β/(ακ)); std's come from the inverse gamma.

        Raises:
            ValueError: the level lies outside (0, 1).
        """
        below, above = tails(level)
        mean, kappa, alpha, beta = (host(leaf) for leaf in (self.mean, self.kappa, self.alpha, self.beta))
        half = special.stdtrit(2.0 * alpha, above) * np.sqrt(beta / (alpha * kappa))
        std = Interval(
            np.sqrt(beta / special.gammainccinv(alpha, below)), np.sqrt(beta / special.gammainccinv(alpha, above))
        )
        return {"mean": Interval(mean - half, mean + half), "std": std}

    def sample(self, key: PRNGKeyArray) -> GaussianMapping:
        """Draw one mapping."""
        first, second = jax.random.split(key)
        std = jnp.sqrt(self.beta / jax.random.gamma(first, jnp.asarray(self.alpha)))
        noise = jax.random.normal(second, jnp.shape(self.mean), dtype=jnp.float64)
        return GaussianMapping(self.mean + std / jnp.sqrt(self.kappa) * noise, std)

    def to_mapping(self) -> GaussianMapping:
        """Return the Gaussian with the predictive's mean μ and variance β(κ + 1)/((α − 1)κ); infinite for α ≤ 1."""
        spread = jnp.where(self.alpha > 1.0, self.beta / jnp.maximum(self.alpha - 1.0, 1e-300), jnp.inf)
        return GaussianMapping(jnp.asarray(self.mean), jnp.sqrt(spread * (self.kappa + 1.0) / self.kappa))
