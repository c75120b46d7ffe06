"""The Gaussian q of variational inference: over the log-ratios of a row, and over (mean, ln std)."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from jaxtyping import Array, Float
from scipy import special

from stochmap import posteriors
from stochmap.mappings import CategoricalMapping, GaussianMapping, softmax
from stochmap.posteriors import Interval, host, tails
from stochmap.sampling import Counts, Moments

from ._abstract import AbstractConfidence

_LOG_2PI = float(np.log(2.0 * np.pi))

DRAWS = 1024
"""Quasi-random draws that stand for q where a marginal has no closed form: of quantiles and of mean tables."""


class LogisticNormal(AbstractConfidence):
    """Each row is softmax(w), w_y ~ Normal(location_y, scale_y²), independent.

    So the k − 1 log-ratios z_y = w_y − w_k are Gaussian with covariance diag(scale_y²) + scale_k², which is also the
    form that those of a Dirichlet have; whichever outcome is the last, q is the same.
    """

    location: Float[Array, "*runs x y"] | Float[np.ndarray, "*runs x y"]
    log_scale: Float[Array, "*runs x y"] | Float[np.ndarray, "*runs x y"]

    def draw(self, noise: Float[Array, "draws x y"]) -> Float[Array, "draws x y"]:
        """Return w = location + scale·noise: the noise apart from the parameters (Kingma & Welling, section 2.4)."""
        return jnp.asarray(self.location)[None] + jnp.exp(self.log_scale)[None] * noise

    def log_density(self, w: Float[Array, "draws x y"]) -> Float[Array, "draws x"]:
        """Return ln q(w), in nats: of w, not of the log-ratios; its score is as good for what depends on them alone."""
        z = (w - self.location[None]) * jnp.exp(-self.log_scale)[None]
        return (-0.5 * z**2 - self.log_scale[None] - 0.5 * _LOG_2PI).sum(axis=-1)

    def log_joint(
        self, prior: posteriors.Dirichlet, counts: Counts, w: Float[Array, "draws x y"]
    ) -> Float[Array, "draws x"]:
        """Return ln p(data, z) = lnΓ(A) − Σ lnΓ(a_y) + Σ (c_y + a_y) ln p_y, p = softmax(w), in nats.

        The Dirichlet's a_y − 1 became a_y by the Jacobian ∏ p_y of p in the log-ratios z.
        """
        a, c = jnp.asarray(prior.concentration), jnp.asarray(counts.n)
        constant = gammaln(a.sum(axis=-1)) - gammaln(a).sum(axis=-1)
        return constant[None] + ((a + c)[None] * jax.nn.log_softmax(w, axis=-1)).sum(axis=-1)

    def entropy(self) -> Float[Array, "x"]:
        """Return that of the log-ratios: ½ ln(∏ scale² · Σ scale⁻²) + ½(k − 1) ln 2πe, in nats."""
        log_scale = jnp.asarray(self.log_scale)
        log_det = 2.0 * log_scale.sum(axis=-1) + jax.nn.logsumexp(-2.0 * log_scale, axis=-1)
        return 0.5 * (log_det + (log_scale.shape[-1] - 1) * (1.0 + _LOG_2PI))

    def elbo(self, prior: posteriors.Dirichlet, counts: Counts, noise: Float[Array, "draws x y"]) -> Float[Array, "x"]:
        """Return the estimate of E_q ln p(data, z) + entropy ≤ ln evidence for every row, in nats."""
        return self.log_joint(prior, counts, self.draw(noise)).mean(axis=0) + self.entropy()

    def to_mapping(self) -> CategoricalMapping:
        """Return E_q p, by DRAWS quasi-random draws."""
        noise = jnp.asarray(quasi_normal(self.location.shape[-1]))[:, None]
        log_p = jax.nn.log_softmax(self.draw(jnp.broadcast_to(noise, (DRAWS, *self.location.shape))), axis=-1)
        return CategoricalMapping(jax.nn.logsumexp(log_p, axis=0))

    def interval(self, level: float) -> dict[str, Interval]:
        """Return the central quantiles of q of every probability, by DRAWS quasi-random draws.

        Raises:
            ValueError: the level lies outside (0, 1).
        """
        ends = tails(level)
        location, scale = host(self.location), np.exp(host(self.log_scale))
        noise = quasi_normal(location.shape[-1])
        rows = zip(location.reshape(-1, 1, len(noise[0])), scale.reshape(-1, 1, len(noise[0])), strict=True)
        found = np.stack([np.quantile(softmax(mean + std * noise), ends, axis=0) for mean, std in rows], axis=1)
        return {"probability": Interval(*found.reshape(2, *location.shape))}


class MeanLogStd(AbstractConfidence):
    """For each x, mean ~ Normal(location₀, scale₀²) and ln std ~ Normal(location₁, scale₁²), independent."""

    location: Float[Array, "*runs x 2"] | Float[np.ndarray, "*runs x 2"]
    log_scale: Float[Array, "*runs x 2"] | Float[np.ndarray, "*runs x 2"]

    def draw(self, noise: Float[Array, "draws x 2"]) -> Float[Array, "draws x 2"]:
        """Return (mean, ln std) = location + scale·noise."""
        return jnp.asarray(self.location)[None] + jnp.exp(self.log_scale)[None] * noise

    def log_density(self, w: Float[Array, "draws x 2"]) -> Float[Array, "draws x"]:
        """Return ln q(mean, ln std), in nats."""
        z = (w - self.location[None]) * jnp.exp(-self.log_scale)[None]
        return (-0.5 * z**2 - self.log_scale[None] - 0.5 * _LOG_2PI).sum(axis=-1)

    def log_likelihood(self, moments: Moments, w: Float[Array, "draws x 2"]) -> Float[Array, "draws x"]:
        """Return ln p(data | mean, ln std) = −n(½ ln 2π + ln std) − ½(m2 + n(ȳ − mean)²)/std², in nats."""
        mean, log_std = w[..., 0], w[..., 1]
        n, centre, m2 = (jnp.asarray(leaf)[None] for leaf in (moments.n, moments.mean, moments.m2))
        return -n * (0.5 * _LOG_2PI + log_std) - 0.5 * (m2 + n * (centre - mean) ** 2) * jnp.exp(-2.0 * log_std)

    def kl_to_prior(self, prior: posteriors.NormalInverseGamma) -> Float[Array, "x"]:
        """Return KL(q‖prior), in nats, in closed form.

        The prior's density of (μ, s = ln σ) is that of (μ, σ²) times dσ²/ds = 2σ²: ln p = α ln β − lnΓ(α) + ln 2 +
        ½ ln(κ/2π) − (2α + 1)s − (β + ½κ(μ − μ₀)²)e^(−2s); and E_q e^(−2s) = exp(−2·location₁ + 2·scale₁²).
        """
        mean, log_std = self.location[..., 0], self.location[..., 1]
        variance = jnp.exp(2.0 * jnp.asarray(self.log_scale))
        precision = jnp.exp(-2.0 * log_std + 2.0 * variance[..., 1])
        spread = prior.beta + 0.5 * prior.kappa * ((mean - prior.mean) ** 2 + variance[..., 0])
        constant = prior.alpha * jnp.log(prior.beta) - gammaln(jnp.asarray(prior.alpha)) + jnp.log(2.0)
        constant += 0.5 * (jnp.log(prior.kappa) - _LOG_2PI)
        expected = constant - (2.0 * prior.alpha + 1.0) * log_std - spread * precision
        return -(1.0 + _LOG_2PI + self.log_scale.sum(axis=-1)) - expected

    def elbo(
        self, prior: posteriors.NormalInverseGamma, moments: Moments, noise: Float[Array, "draws x 2"]
    ) -> Float[Array, "x"]:
        """Return the estimate of E_q ln p(data | mean, ln std) − KL(q‖prior) ≤ ln evidence for every x, in nats."""
        return self.log_likelihood(moments, self.draw(noise)).mean(axis=0) - self.kl_to_prior(prior)

    def to_mapping(self) -> GaussianMapping:
        """Return the predictive's mean, location₀, and std: its variance is scale₀² + exp(2·location₁ + 2·scale₁²)."""
        variance = jnp.exp(2.0 * jnp.asarray(self.log_scale))
        within = jnp.exp(2.0 * (self.location[..., 1] + variance[..., 1]))
        return GaussianMapping(jnp.asarray(self.location[..., 0]), jnp.sqrt(variance[..., 0] + within))

    def interval(self, level: float) -> dict[str, Interval]:
        """Return the central quantiles of q: location₀ ± z·scale₀ and exp(location₁ ± z·scale₁).

        Raises:
            ValueError: the level lies outside (0, 1).
        """
        location, half = host(self.location), special.ndtri(tails(level)[1]) * np.exp(host(self.log_scale))
        lower, upper = location - half, location + half
        return {
            "mean": Interval(lower[..., 0], upper[..., 0]),
            "std": Interval(np.exp(lower[..., 1]), np.exp(upper[..., 1])),
        }


@functools.cache
def quasi_normal(size: int) -> Any:
    """Return DRAWS points that are spread like independent normal variates: scrambled Sobol', always the same ones."""
    from scipy.stats import qmc  # half a second: not for every command

    return special.ndtri(qmc.Sobol(size, rng=np.random.default_rng(0)).random(DRAWS))
