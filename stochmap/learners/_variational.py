from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from stochmap import posteriors
from stochmap.sampling import Counts, Moments, Statistics

from ._abstract import Fit, History, Status
from ._variational_families import DRAWS, LogisticNormal, MeanLogStd, quasi_normal

ESTIMATORS = ("reparameterized", "score_function")

_POINTS = 50
_TOLD = 16


@dataclass(frozen=True)
class Variational:
    """Variational Bayes with a Gaussian q (Kingma & Welling, arXiv 1312.6114), where the exact posterior is known.

    The generative model: a row p(· | x) ~ Dirichlet(a), or (mean, std²) ~ normal-inverse-gamma; then each y from it. q
    is Gaussian over the row's k − 1 log-ratios (:class:`LogisticNormal`), or over (mean, ln std)
    (:class:`MeanLogStd`). Stochastic natural-gradient steps raise the ELBO E_q[ln p(data, z) − ln q(z)] = ln evidence −
    KL(q‖posterior): the Fisher information of q is diagonal, 1/scale² for a location and 2 for ln scale. Of E_q only
    what has no closed form is estimated, from ``samples`` draws a step: by gradients through the draws (section 2.4),
    or by the score function with the mean of the other draws as baseline. The fit is ``converged`` where one more full
    step would gain at most ``tolerance`` nats a parameter: ½(scale·∂location)² and ¼(∂ln scale)², on average.

    Args:
        concentration: a, of the prior of tables.
        mean: with kappa, alpha and beta, of the prior of Gaussians.
        kappa: see mean.
        alpha: see mean.
        beta: see mean.
        estimator: ``reparameterized`` or ``score_function``.
        samples: draws of q a step.
        steps: how many, rounded up to a multiple of 50.
        learning_rate: ρ of the first step; step t has ρ/(1 + t/20), so that the noise of the draws averages out.
        tolerance: see above.

    Raises:
        ValueError: an unknown estimator, too few samples, or a number that is not positive.
    """

    concentration: float = 0.5
    mean: float = 0.0
    kappa: float = 1.0
    alpha: float = 2.0
    beta: float = 1.0
    estimator: str = "reparameterized"
    samples: int = 16
    steps: int = 1000
    learning_rate: float = 0.5
    tolerance: float = 0.01
    needs: ClassVar = "statistics"
    families: ClassVar = frozenset({"categorical", "gaussian"})

    def __post_init__(self) -> None:
        for name in ("concentration", "learning_rate", "tolerance"):
            posteriors.check_positive(name, getattr(self, name))
        posteriors.check_normal_inverse_gamma(self.mean, self.kappa, self.alpha, self.beta)
        if self.estimator not in ESTIMATORS:
            raise ValueError(f"unknown estimator {self.estimator!r}: choose one of {', '.join(ESTIMATORS)}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}: 1000 are usual")
        least = 2 if self.estimator == "score_function" else 1
        if self.samples < least:
            raise ValueError(f"samples must be at least {least}, got {self.samples}: {self.estimator} needs them")

    def __call__(self, key: PRNGKeyArray, data: Statistics) -> Fit:
        """Fit one run's statistics."""
        posteriors.check_statistics(data)
        prior: Any
        if isinstance(data, Counts):
            prior = posteriors.Dirichlet.prior(self.concentration, *data.n.shape)
            start: Any = LogisticNormal(jnp.zeros(data.n.shape), jnp.zeros(data.n.shape))
        else:
            assert isinstance(data, Moments)
            prior = posteriors.NormalInverseGamma.prior(self.mean, self.kappa, self.alpha, self.beta, len(data.n))
            # From the mode, and as wide as a single value leaves it uncertain: data may lie anywhere.
            mode = prior.update_all(data).mode()
            location = jnp.stack([mode.mean, jnp.log(mode.std)], axis=-1)
            start = MeanLogStd(location, location.at[:, 0].set(location[:, 1]).at[:, 1].set(0.0))

        def reparameterized(q: Any, noise: Array) -> Array:
            return q.elbo(prior, data, noise).sum()

        def score_function(q: Any, noise: Array) -> Array:
            return _score_function(q, prior, data, noise)

        climb = score_function if self.estimator == "score_function" else reparameterized
        total = jnp.maximum(jnp.asarray(data.num_samples).sum(), 1)
        # Draws that no step has seen, of which the first few serve for the history.
        noise = quasi_normal(start.location.shape[-1])[:, None]
        noise = jnp.broadcast_to(noise, (DRAWS, *start.location.shape))
        q, losses = self._maximise(key, start, climb, lambda q: -reparameterized(q, noise[:_TOLD]) / total)
        steps = jnp.arange(1, _POINTS + 1, dtype=jnp.int64) * self._inner
        status = self._judge(q, jax.grad(reparameterized)(q, noise))
        return Fit(q.to_mapping(), status, steps[-1], confidence=q, history=History(steps, losses))

    @property
    def _inner(self) -> int:
        return -(-self.steps // _POINTS)

    def _maximise(self, key: PRNGKeyArray, q: Any, climb: Any, loss: Any) -> tuple[Any, Float[Array, "points"]]:
        """Climb in 50 rounds, and return −ELBO in nats per sample after each."""
        shape, unit = (self.samples, *q.location.shape), jnp.exp(q.log_scale)

        def step(index: Any, q: Any) -> Any:
            noise = jax.random.normal(jax.random.fold_in(key, index), shape, dtype=jnp.float64)
            slope = jax.grad(climb)(q, noise)
            rate = self.learning_rate / (1.0 + index / 20.0)
            # Far from the optimum a full step may lead anywhere: at most as far as q was wide at the start.
            location = unit * jnp.clip(jnp.exp(2.0 * q.log_scale) * slope.location / unit, -1.0, 1.0)
            log_scale = jnp.clip(0.5 * slope.log_scale, -1.0, 1.0)
            return type(q)(q.location + rate * location, q.log_scale + rate * log_scale)

        def one_round(q: Any, index: Array) -> tuple[Any, Array]:
            q = jax.lax.fori_loop(index * self._inner, (index + 1) * self._inner, step, q)
            return q, loss(q).astype(jnp.float32)

        return jax.lax.scan(one_round, q, jnp.arange(_POINTS))

    def _judge(self, q: Any, slope: Any) -> Array:
        gain = 0.5 * (jnp.exp(q.log_scale) * slope.location) ** 2 + 0.25 * slope.log_scale**2
        finite = jnp.isfinite(q.location).all() & jnp.isfinite(q.log_scale).all()
        verdict = jnp.where(gain.mean() <= self.tolerance, int(Status.CONVERGED), int(Status.MAX_STEPS))
        return jnp.where(finite, verdict, int(Status.NON_FINITE)).astype(jnp.int32)


def _score_function(q: Any, prior: Any, data: Statistics, noise: Array) -> Array:
    """Return a number whose gradient (not its value) estimates the ELBO's: (f − the other draws' mean f)·∇ln q."""
    w = jax.lax.stop_gradient(q.draw(noise))
    if isinstance(q, LogisticNormal):
        assert isinstance(data, Counts)
        value, closed = q.log_joint(prior, data, w), q.entropy()
    else:
        assert isinstance(data, Moments)
        value, closed = q.log_likelihood(data, w), -q.kl_to_prior(prior)
    others = (value.sum(axis=0, keepdims=True) - value) / (len(noise) - 1)
    return ((value - others) * q.log_density(w)).mean(axis=0).sum() + closed.sum()
