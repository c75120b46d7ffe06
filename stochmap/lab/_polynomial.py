"""Costs that are polynomials of one weighted sum: their expectations have closed forms in any dimension."""

import math
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from stochmap.estimators import Bernoulli, Categorical

from ._problem import SEPARATE, check_at_least, draws


class BernoulliToy(eqx.Module):
    """f(b) = (b − t)², b ~ Bernoulli(θ): the toy of Grathwohl et al. (arXiv 1711.00123), section 5.1.

    The gradient in the logit is (1 − 2t)·θ(1 − θ).
    """

    t: float = 0.499
    theta: float = 0.5
    family: ClassVar[str] = "bernoulli"
    degree: ClassVar[int] = 2

    def __check_init__(self) -> None:
        if not 0.0 < self.theta < 1.0:
            raise ValueError(f"theta must lie between 0 and 1, got {self.theta}: its logit has to be finite")

    def distribution(self) -> Bernoulli:
        """Return Bernoulli(θ)."""
        return Bernoulli(jnp.log(jnp.array([self.theta])) - jnp.log1p(-jnp.array([self.theta])))

    def __call__(self, key: PRNGKeyArray, sample: Float[Array, "1"]) -> Float[Array, ""]:
        """Return (b − t)²."""
        return jnp.sum((sample - self.t) ** 2)

    def expected(self, distribution: Bernoulli) -> Float[Array, ""]:
        """Return θ(1 − t)² + (1 − θ)t²."""
        theta = jax.nn.sigmoid(distribution.logits)
        return jnp.sum(theta * (1.0 - self.t) ** 2 + (1.0 - theta) * self.t**2)


class _Polynomial(eqx.Module):
    """f(z) = u + curvature·u^degree, u = Σ_d w_d·z_d / √D, w_dj ~ N(0, 1) by the seed; logits N(0, logit_scale²)."""

    degree: eqx.AbstractClassVar[int]
    dimension: eqx.AbstractVar[int]
    curvature: eqx.AbstractVar[float]
    logit_scale: eqx.AbstractVar[float]
    seed: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        check_at_least(1, dimension=self.dimension)
        check_at_least(0, logit_scale=self.logit_scale, seed=self.seed)

    def _score(self, sample: Float[Array, "..."]) -> Float[Array, ""]:
        weights = draws(self.seed, SEPARATE, *sample.shape)
        return jnp.sum(weights * sample) / math.sqrt(sample.shape[0])

    def __call__(self, key: PRNGKeyArray, sample: Float[Array, "..."]) -> Float[Array, ""]:
        """Return u + curvature·u^degree."""
        u = self._score(sample)
        return u + self.curvature * u**self.degree

    def expected(self, distribution: Bernoulli | Categorical) -> Float[Array, ""]:
        """Return E f from the cumulants of u, which are the sums of those of the dimensions."""
        shape, logits = distribution.logits.shape, distribution.logits
        weights = draws(self.seed, SEPARATE, *shape) / math.sqrt(shape[0])
        if len(shape) == 1:  # a Bernoulli is the categorical of logits (0, l) with the weights (0, w)
            logits, weights = (jnp.stack([jnp.zeros(shape), jnp.asarray(part)], axis=1) for part in (logits, weights))
        p = jax.nn.softmax(logits, axis=1)
        means = jnp.sum(p * weights, axis=1, keepdims=True)
        first, second, third = means.sum(), *(jnp.sum(p * (weights - means) ** power) for power in (2, 3))
        moment = {2: second + first**2, 3: third + 3.0 * second * first + first**3}[self.degree]
        return first + self.curvature * moment


class _Categoricals(_Polynomial):
    num_classes: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        check_at_least(2, num_classes=self.num_classes)

    def distribution(self) -> Categorical:
        """Return the categoricals, their logits drawn by the seed."""
        return Categorical(jnp.asarray(self.logit_scale * draws(self.seed, 0, self.dimension, self.num_classes)))


class Quadratic(_Categoricals):
    """f(z) = u + curvature·u², u = w·z: one categorical, w_j and the logits drawn from N(0, 1) by the seed."""

    num_classes: int = 4
    curvature: float = 1.0
    logit_scale: float = 1.0
    seed: int = 0
    dimension: ClassVar[int] = 1
    family: ClassVar[str] = "categorical"
    degree: ClassVar[int] = 2


class Cubic(_Categoricals):
    """f(z) = u + curvature·u³, u = w·z: one categorical, w_j and the logits drawn from N(0, 1) by the seed."""

    num_classes: int = 4
    curvature: float = 1.0
    logit_scale: float = 1.0
    seed: int = 0
    dimension: ClassVar[int] = 1
    family: ClassVar[str] = "categorical"
    degree: ClassVar[int] = 3


class IndependentCategoricals(_Categoricals):
    """f(z) = u + curvature·u², u = Σ_d w_d·z_d / √D, of D independent categoricals; the gradient is exact at any D."""

    dimension: int = 16
    num_classes: int = 4
    curvature: float = 1.0
    logit_scale: float = 1.0
    seed: int = 0
    family: ClassVar[str] = "categorical"
    degree: ClassVar[int] = 2


class IndependentBernoullis(_Polynomial):
    """f(b) = u + curvature·u², u = Σ_d w_d b_d / √D, of D independent Bernoullis; the gradient is exact at any D."""

    dimension: int = 16
    curvature: float = 1.0
    logit_scale: float = 1.0
    seed: int = 0
    family: ClassVar[str] = "bernoulli"
    degree: ClassVar[int] = 2

    def distribution(self) -> Bernoulli:
        """Return the Bernoullis, their logits drawn by the seed."""
        return Bernoulli(jnp.asarray(self.logit_scale * draws(self.seed, 0, self.dimension)))
