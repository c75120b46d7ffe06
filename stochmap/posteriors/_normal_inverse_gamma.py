from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float, PRNGKeyArray
from scipy import special

from stochmap.mappings import GaussianMapping
from stochmap.sampling import Moments

from ._abstract import (
    AbstractPosterior,
    Interval,
    check_finite,
    check_label,
    check_positive,
    check_statistics,
    check_value,
    host,
    tails,
)
from ._student_t import StudentT


def check_normal_inverse_gamma(mean: float, kappa: float, alpha: float, beta: float) -> None:
    """Raise ValueError unless kappa, alpha and beta of a proper prior are positive, and its mean is finite."""
    check_finite("mean", mean)
    for name, value in (("kappa", kappa), ("alpha", alpha), ("beta", beta)):
        check_positive(name, value)


class NormalInverseGamma(AbstractPosterior):
    """For each x, variance ~ InverseGamma(alpha, beta) and mean ~ Normal(mean, variance/kappa).

    Conjugate to Gaussian values. Murphy, "Conjugate Bayesian analysis of the Gaussian distribution" (2007), section 6.
    Improper priors, such as the flat one with κ = β = 0 and α = −½, are given by their numbers; ``prior`` refuses them.
    """

    mean: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    kappa: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    alpha: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    beta: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]

    @classmethod
    def prior(cls, mean: float, kappa: float, alpha: float, beta: float, num_x: int) -> "NormalInverseGamma":
        """Return the same prior for every x, float64.

        Raises:
            ValueError: kappa, alpha or beta is not positive, or the mean is not finite.
        """
        check_normal_inverse_gamma(mean, kappa, alpha, beta)
        return cls(*(jnp.full(num_x, value, dtype=jnp.float64) for value in (mean, kappa, alpha, beta)))

    @classmethod
    def from_natural(cls, natural: Float[Array, "*runs x 4"]) -> "NormalInverseGamma":
        """Return the distribution with these ``natural_parameters``."""
        first, kappa, double_alpha, second = (natural[..., index] for index in range(4))
        return cls(first / kappa, kappa, 0.5 * double_alpha, 0.5 * (second - first**2 / kappa))

    @property
    def natural_parameters(self) -> Float[Array, "*runs x 4"]:
        """(κμ, κ, 2α, 2β + κμ²), to which an observation y adds (y, 1, 1, y²).

        Up to a fixed affine map those of the exponential family with sufficient statistics
        (μ/σ², −μ²/2σ², −½ ln σ², −1/2σ²).
        """
        mean, kappa, alpha, beta = (jnp.asarray(leaf) for leaf in self._leaves())
        return jnp.stack([kappa * mean, kappa, 2.0 * alpha, 2.0 * beta + kappa * mean**2], axis=-1)

    @property
    def variance(self) -> Float[Array, "*runs x"]:
        """E σ² = β/(α − 1); infinite for α ≤ 1. ``mean`` is the expected mean."""
        alpha = jnp.asarray(self.alpha)
        return jnp.where(alpha > 1.0, self.beta / jnp.maximum(alpha - 1.0, 1e-300), jnp.inf)

    def update(self, x: Any, y: Any) -> "NormalInverseGamma":
        """κ' = κ + 1, μ' = (κμ + y)/κ', α' = α + ½, β' = β + κ(y − μ)²/(2κ').

        Raises:
            ValueError: x is out of range, or y is not finite.
        """
        check_label("x", x, self.mean.shape[-1])
        check_value(y)
        mean, kappa, alpha, beta = (jnp.asarray(leaf) for leaf in self._leaves())
        shift = y - mean[x]
        return NormalInverseGamma(
            mean.at[x].add(shift / (kappa[x] + 1.0)),
            kappa.at[x].add(1.0),
            alpha.at[x].add(0.5),
            beta.at[x].add(0.5 * kappa[x] * shift**2 / (kappa[x] + 1.0)),
        )

    def update_all(self, statistics: Moments) -> "NormalInverseGamma":
        """κ' = κ + n, μ' = (κμ + n·ȳ)/κ', α' = α + n/2, β' = β + m2/2 + κn(ȳ − μ)²/(2κ').

        Raises:
            ValueError: there are no observations, or they are not finite.
        """
        check_statistics(statistics)
        n, kappa = statistics.n, self.kappa + statistics.n
        shift = statistics.mean - self.mean
        return NormalInverseGamma(
            self.mean + shift * n / kappa,
            kappa,
            self.alpha + 0.5 * n,
            self.beta + 0.5 * statistics.m2 + 0.5 * self.kappa * n * shift**2 / kappa,
        )

    def merge(self, other: "NormalInverseGamma", prior: "NormalInverseGamma") -> "NormalInverseGamma":
        """Add the natural parameters, taken about this mean, and take those of the prior off."""

        def about(part: NormalInverseGamma) -> Array:
            return NormalInverseGamma(part.mean - self.mean, part.kappa, part.alpha, part.beta).natural_parameters

        merged = NormalInverseGamma.from_natural(about(self) + about(other) - about(prior))
        return NormalInverseGamma(merged.mean + self.mean, merged.kappa, merged.alpha, merged.beta)

    def forget(self, prior: "NormalInverseGamma", kept: Float[Array, "x"]) -> "NormalInverseGamma":
        """Mix the natural parameters, without the differences of large numbers that they would bring.

        With w = kept·κ and w₀ = (1 − kept)·κ₀: κ' = w + w₀, μ' = (wμ + w₀μ₀)/κ', α and β are mixed likewise, and to β
        comes ½ww₀(μ − μ₀)²/κ'.
        """
        lost = 1.0 - kept
        own, other = kept * self.kappa, lost * prior.kappa
        kappa, shift = own + other, prior.mean - self.mean
        return NormalInverseGamma(
            self.mean + shift * other / kappa,
            kappa,
            kept * self.alpha + lost * prior.alpha,
            kept * self.beta + lost * prior.beta + 0.5 * own * other * shift**2 / kappa,
        )

    def num_samples(self, prior: "NormalInverseGamma") -> Float[Array, "*runs x"]:
        """Return κ − κ_prior."""
        return jnp.asarray(self.kappa) - prior.kappa

    def log_evidence(self, statistics: Moments) -> Float[Array, "*runs x"]:
        """Return ½ ln(κ/κ') + α ln β − α' ln β' + lnΓ(α') − lnΓ(α) − (n/2) ln 2π for every x, in nats.

        Raises:
            ValueError: there are no observations, or they are not finite.
        """
        after = self.update_all(statistics)
        _, kappa, alpha, beta = (jnp.asarray(leaf) for leaf in self._leaves())
        scales = 0.5 * jnp.log(kappa / after.kappa) + alpha * jnp.log(beta) - after.alpha * jnp.log(after.beta)
        return scales + gammaln(after.alpha) - gammaln(alpha) - 0.5 * statistics.n * jnp.log(2.0 * jnp.pi)

    def predictive(self) -> StudentT:
        """Return the Student t with 2α degrees, centre μ and scale² β(κ + 1)/(ακ)."""
        kappa, alpha = jnp.asarray(self.kappa), jnp.asarray(self.alpha)
        return StudentT(2.0 * alpha, jnp.asarray(self.mean), jnp.sqrt(self.beta * (kappa + 1.0) / (alpha * kappa)))

    def interval(self, level: float) -> dict[str, Interval]:
        """Return quantiles of the mean and of std.

        The mean's are Student t with 2α degrees and scale √(β/(ακ)); std's come from the inverse gamma.

        Raises:
            ValueError: the level lies outside (0, 1).
        """
        below, above = tails(level)
        mean, kappa, alpha, beta = (host(leaf) for leaf in self._leaves())
        half = special.stdtrit(2.0 * alpha, above) * np.sqrt(beta / (alpha * kappa))
        std = Interval(
            np.sqrt(beta / special.gammainccinv(alpha, below)), np.sqrt(beta / special.gammainccinv(alpha, above))
        )
        return {"mean": Interval(mean - half, mean + half), "std": std}

    def cdf(self, parameters: dict[str, Any]) -> dict[str, Float[np.ndarray, "*runs x"]]:
        """Return Student t's distribution function at ``mean``, and the inverse gamma's at the square of ``std``."""
        mean, kappa, alpha, beta = (host(leaf) for leaf in self._leaves())
        shift = (host(parameters["mean"]) - mean) / np.sqrt(beta / (alpha * kappa))
        return {
            "mean": special.stdtr(2.0 * alpha, shift),
            "std": special.gammaincc(alpha, beta / host(parameters["std"]) ** 2),
        }

    def sample(self, key: PRNGKeyArray) -> GaussianMapping:
        """Draw one mapping."""
        first, second = jax.random.split(key)
        std = jnp.sqrt(self.beta / jax.random.gamma(first, jnp.asarray(self.alpha)))
        noise = jax.random.normal(second, jnp.shape(self.mean), dtype=jnp.float64)
        return GaussianMapping(self.mean + std / jnp.sqrt(self.kappa) * noise, std)

    def mode(self) -> GaussianMapping:
        """Return the greatest joint density over (mean, variance): μ and β/(α + 3/2)."""
        return GaussianMapping(jnp.asarray(self.mean), jnp.sqrt(self.beta / (jnp.asarray(self.alpha) + 1.5)))

    def to_mapping(self) -> GaussianMapping:
        """Return the Gaussian with the predictive's mean μ and variance β(κ + 1)/((α − 1)κ); infinite for α ≤ 1."""
        return GaussianMapping(jnp.asarray(self.mean), jnp.sqrt(self.variance * (self.kappa + 1.0) / self.kappa))

    def _leaves(self) -> tuple[Any, Any, Any, Any]:
        return self.mean, self.kappa, self.alpha, self.beta
