from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from stochmap import posteriors
from stochmap.mappings import GaussianMapping

from ._abstract import Fit, Status
from ._pair_blocks import PairBlocks

FORMS = ("loop", "gradient")


@dataclass(frozen=True)
class RunningMoments:
    """Point estimates of mean and variance by one observation at a time: the running mean, and its gradient form.

    - ``loop``: n ← n + 1, δ = y − μ, μ ← μ + δ/n, v ← v + (δ·(y − μ) − v)/n, with the new μ: the variance needs both
      (Welford 1962). From weight 0 this is maximum likelihood.
    - ``gradient``: with m = (E y, E y²) and η = (μ/v, −1/2v) the natural parameters of Normal(μ, v),
      m ← m + (1/n)∇_η ln p(y|η), by automatic differentiation. ∇_η is the natural gradient in m, for F_m⁻¹∇_m = ∇_η
      (Amari 1998), and the step is the same.

    Args:
        form: ``loop`` or ``gradient``.
        mean: where μ starts.
        std: where √v starts.
        weight: how many observations the start counts for; the gradient needs some, since one value has no variance.

    Raises:
        ValueError: an unknown form, a std that is not positive, a mean that is not finite, or a weight that is
            negative, or 0 for the gradient.
    """

    form: str = "loop"
    mean: float = 0.0
    std: float = 1.0
    weight: float = 1.0
    needs: ClassVar = "pairs"
    families: ClassVar = frozenset({"gaussian"})

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"unknown form {self.form!r}: choose one of {', '.join(FORMS)}")
        posteriors.check_positive("std", self.std)
        posteriors.check_finite("mean", self.mean)
        if self.form == "gradient" or self.weight != 0.0:
            posteriors.check_positive("weight", self.weight)

    def __call__(self, key: PRNGKeyArray, data: PairBlocks) -> Fit:
        """Fit one run's pairs."""
        step = _loop if self.form == "loop" else _gradient

        def one(state: Array, pair: Any) -> tuple[Array, None]:
            x, y = pair
            return state.at[x].set(step(state[x], y)), None

        start = jnp.array([self.weight, self.mean, self.std**2], dtype=jnp.float64)
        state, _ = jax.lax.scan(one, jnp.tile(start, (data.num_x, 1)), (data.x, data.y))
        steps = jnp.asarray(data.num_samples, dtype=jnp.int64)
        return Fit(GaussianMapping(state[:, 1], jnp.sqrt(state[:, 2])), jnp.int32(Status.EXACT), steps)


def _loop(state: Array, y: Array) -> Array:
    n, mean, variance = state[0] + 1.0, state[1], state[2]
    shift = y - mean
    mean += shift / n
    return jnp.stack([n, mean, variance + (shift * (y - mean) - variance) / n])


def _gradient(state: Array, y: Array) -> Array:
    n, mean, variance = state[0] + 1.0, state[1], state[2]

    def log_prob(natural: Any) -> Array:
        first, second = natural
        return first * y + second * y**2 + 0.25 * first**2 / second + 0.5 * jnp.log(-second / jnp.pi)

    slope = jax.grad(log_prob)((mean / variance, -0.5 / variance))
    first, second = mean + slope[0] / n, mean**2 + variance + slope[1] / n
    return jnp.stack([n, first, second - first**2])
