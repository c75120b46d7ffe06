"""Costs of a user's own, as ``package.module:Class`` names them; and some that will not do."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from stochmap.estimators import Bernoulli, Gaussian


@dataclass(frozen=True)
class Parity:
    """±1 by the parity of the bits: no polynomial below degree 1 in each, no closed form given."""

    bits: int = 3
    logit: float = 0.5
    family: ClassVar[str] = "bernoulli"
    degree: ClassVar[int] = 1

    def distribution(self) -> Bernoulli:
        return Bernoulli(jnp.full(self.bits, self.logit))

    def __call__(self, key, sample):
        return jnp.prod(1.0 - 2.0 * sample)


@dataclass(frozen=True)
class Noisy(Parity):
    """Parity with noise of its own."""

    def __call__(self, key, sample):
        return jnp.prod(1.0 - 2.0 * sample) + jax.random.normal(key)


@dataclass(frozen=True)
class Plane:
    """A Gaussian in two dimensions without a closed form."""

    family: ClassVar[str] = "gaussian"

    def distribution(self) -> Gaussian:
        return Gaussian(jnp.zeros(2), jnp.ones(2))

    def __call__(self, key, sample):
        return jnp.sum(sample**2)


@dataclass(frozen=True)
class Step:
    """1{x > 0} of one Gaussian."""

    mean: float = 0.05
    family: ClassVar[str] = "gaussian"

    def distribution(self) -> Gaussian:
        return Gaussian(jnp.array([self.mean]), jnp.ones(1))

    def __call__(self, key, sample):
        return jnp.sum(jnp.where(sample > 0.0, 1.0, 0.0))


@dataclass(frozen=True)
class KnownStep(Step):
    """The same with its expectation, Φ(mean/std)."""

    def expected(self, distribution):
        return jnp.sum(jax.scipy.stats.norm.cdf(distribution.mean / distribution.std))


@dataclass(frozen=True)
class Ramp(Step):
    """max(x, 0): a kink."""

    continuous: ClassVar[bool] = True

    def __call__(self, key, sample):
        return jnp.sum(jnp.maximum(sample, 0.0))


@dataclass(frozen=True)
class Ripple(Step):
    """cos(kx) without its closed form."""

    k: float = 1.0

    def __call__(self, key, sample):
        return jnp.sum(jnp.cos(self.k * sample))


@dataclass(frozen=True)
class NoisySlope:
    """b·(1 + 3ε), ε of its own: random where the bit is 1 alone."""

    logit: float = -0.5
    family: ClassVar[str] = "bernoulli"

    def distribution(self) -> Bernoulli:
        return Bernoulli(jnp.array([self.logit]))

    def __call__(self, key, sample):
        return jnp.sum(sample) * (1.0 + 3.0 * jax.random.normal(key))

    def expected(self, distribution):
        return jnp.sum(jax.nn.sigmoid(distribution.logits))


@dataclass(frozen=True)
class NoCost:
    size: int = 1
