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
class NoCost:
    size: int = 1
