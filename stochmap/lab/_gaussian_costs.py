"""Costs of one Gaussian whose expectations have closed forms."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float, PRNGKeyArray

from stochmap.estimators import Gaussian


def _gaussian(mean: ArrayLike, std: ArrayLike) -> Gaussian:
    return Gaussian(jnp.asarray(mean, jnp.float64)[None], jnp.asarray(std, jnp.float64)[None])


def _check_std(std: float) -> None:
    if not std > 0:
        raise ValueError(f"std must be positive, got {std}: give a number above 0")


class GaussianQuadratic(eqx.Module):
    """f(x) = (x − k)², x ~ N(mean, std²): E f = (mean − k)² + std² (Mohamed et al., arXiv 1906.10652, section 3)."""

    k: float = -3.0
    mean: float = 1.0
    std: float = 1.0
    family: ClassVar[str] = "gaussian"
    degree: ClassVar[int] = 2

    def __check_init__(self) -> None:
        _check_std(self.std)

    def distribution(self) -> Gaussian:
        """Return N(mean, std²)."""
        return _gaussian(self.mean, self.std)

    def __call__(self, key: PRNGKeyArray, sample: Float[Array, "1"]) -> Float[Array, ""]:
        """Return (x − k)²."""
        return jnp.sum((sample - self.k) ** 2)

    def expected(self, distribution: Gaussian) -> Float[Array, ""]:
        """Return (mean − k)² + std²."""
        return jnp.sum((distribution.mean - self.k) ** 2 + distribution.std**2)


class GaussianCosine(eqx.Module):
    """f(x) = cos(kx), x ~ N(mean, std²): E f = exp(−k²std²/2)·cos(k·mean)."""

    k: float = 1.0
    mean: float = 1.0
    std: float = 1.0
    family: ClassVar[str] = "gaussian"
    degree: ClassVar[None] = None
    continuous: ClassVar[bool] = True

    def __check_init__(self) -> None:
        _check_std(self.std)

    def distribution(self) -> Gaussian:
        """Return N(mean, std²)."""
        return _gaussian(self.mean, self.std)

    def __call__(self, key: PRNGKeyArray, sample: Float[Array, "1"]) -> Float[Array, ""]:
        """Return cos(kx)."""
        return jnp.sum(jnp.cos(self.k * sample))

    def expected(self, distribution: Gaussian) -> Float[Array, ""]:
        """Return exp(−k²std²/2)·cos(k·mean)."""
        return jnp.sum(jnp.exp(-((self.k * distribution.std) ** 2) / 2) * jnp.cos(self.k * distribution.mean))
