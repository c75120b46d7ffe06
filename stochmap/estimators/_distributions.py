import abc
import itertools
import math
from typing import ClassVar, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

MOST_OUTCOMES = 1 << 16
"""Of a distribution whose outcomes are listed."""


class AbstractDistribution(eqx.Module):
    """Independent variables of one family; its array fields are the parameters that are differentiated."""

    family: ClassVar[str]

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """The number of independent variables."""
        ...

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> Array:
        """Draw one sample of all variables."""
        ...

    @abc.abstractmethod
    def log_prob(self, sample: Array) -> Float[Array, ""]:
        """Return ln p(sample), summed over the variables, in nats."""
        ...

    def stopped(self) -> Self:
        """Return the same distribution without derivatives."""
        return jax.tree.map(jax.lax.stop_gradient, self)


class AbstractDiscrete(AbstractDistribution):
    """Discrete variables, seen as a hard threshold of noisy logits z (Gumbel-max; Maddison et al. 2017, section 2.2).

    The estimators that look behind the threshold are written on ``perturb``, ``perturb_given``, ``harden`` and
    ``soften``, once for both families.
    """

    logits: eqx.AbstractVar[Array]

    @property
    @abc.abstractmethod
    def num_classes(self) -> int:
        """The number of outcomes of one variable."""
        ...

    @property
    @abc.abstractmethod
    def mean(self) -> Array:
        """E sample: the probabilities, in the shape of a sample."""
        ...

    @abc.abstractmethod
    def perturb(self, key: PRNGKeyArray) -> Array:
        """Return noisy logits z = logits + noise; ``harden(z)`` is a sample, and z is differentiable in the logits."""
        ...

    @abc.abstractmethod
    def perturb_given(self, key: PRNGKeyArray, sample: Array) -> Array:
        """Draw z given harden(z) = sample, differentiable in the logits at a fixed key."""
        ...

    @abc.abstractmethod
    def harden(self, z: Array) -> Array:
        """Return the sample of noisy logits."""
        ...

    @abc.abstractmethod
    def soften(self, z: Array, temperature: Array | float) -> Array:
        """Return the relaxed sample of noisy logits; of the logits themselves, at temperature 1, the mean."""
        ...

    @abc.abstractmethod
    def covariance_times(self, mean: Array, vector: Array) -> Array:
        """Return Cov[sample]·vector for variables of the given mean: the Jacobian of the mean in the logits."""
        ...

    @abc.abstractmethod
    def values(self) -> Array:
        """Return the ``num_classes`` values of one variable."""
        ...

    @property
    def num_outcomes(self) -> int:
        """The number of joint outcomes, num_classes^dimension."""
        return self.num_classes**self.dimension

    def enumerate(self) -> tuple[Array, Float[Array, "outcomes"]]:
        """Return all joint outcomes, each a sample, and their probabilities.

        Raises:
            ValueError: there are more than MOST_OUTCOMES.
        """
        if self.num_outcomes > MOST_OUTCOMES:
            raise ValueError(f"{self.num_outcomes} outcomes cannot be listed: at most {MOST_OUTCOMES} can")
        index = np.array(list(itertools.product(range(self.num_classes), repeat=self.dimension)))
        samples = self.values()[index]
        return samples, jnp.exp(jax.vmap(self.log_prob)(samples))


class Bernoulli(AbstractDiscrete):
    """Bits b, P(b = 1) = θ = σ(logit); a sample is a float vector of 0 and 1."""

    logits: Float[Array, "dimension"]
    family: ClassVar[str] = "bernoulli"

    @property
    def dimension(self) -> int:
        """The number of bits."""
        return self.logits.shape[0]

    @property
    def num_classes(self) -> int:
        """Two."""
        return 2

    @property
    def mean(self) -> Float[Array, "dimension"]:
        """The probabilities θ of 1."""
        return jax.nn.sigmoid(self.logits)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "dimension"]:
        """Draw the bits."""
        uniform = jax.random.uniform(key, self.logits.shape, self.logits.dtype)
        return (uniform < self.mean).astype(self.logits.dtype)

    def log_prob(self, sample: Float[Array, "dimension"]) -> Float[Array, ""]:
        """Return Σ b·ln θ + (1 − b)·ln(1 − θ)."""
        return jnp.sum(sample * self.logits - jax.nn.softplus(self.logits))

    def perturb(self, key: PRNGKeyArray) -> Float[Array, "dimension"]:
        """Return z = logit + logistic noise; b = 1{z > 0}."""
        return self.logits + jax.random.logistic(key, self.logits.shape, self.logits.dtype)

    def perturb_given(self, key: PRNGKeyArray, sample: Float[Array, "dimension"]) -> Float[Array, "dimension"]:
        """Return ±ln(1 + e^noise / P(the other bit)) (Tucker et al. 2017, appendix)."""
        noise = jax.random.logistic(key, self.logits.shape, self.logits.dtype)
        sign = 2.0 * sample - 1.0
        return sign * jax.nn.softplus(noise + jax.nn.softplus(sign * self.logits))

    def harden(self, z: Float[Array, "dimension"]) -> Float[Array, "dimension"]:
        """Return 1{z > 0}."""
        return (z > 0).astype(z.dtype)

    def soften(self, z: Float[Array, "dimension"], temperature: Array | float) -> Float[Array, "dimension"]:
        """Return σ(z/temperature)."""
        return jax.nn.sigmoid(z / temperature)

    def covariance_times(
        self, mean: Float[Array, "dimension"], vector: Float[Array, "dimension"]
    ) -> Float[Array, "dimension"]:
        """Return mean·(1 − mean)·vector."""
        return mean * (1.0 - mean) * vector

    def values(self) -> Float[Array, "2"]:
        """Return 0 and 1."""
        return jnp.arange(2, dtype=self.logits.dtype)


class Categorical(AbstractDiscrete):
    """Categorical variables, p = softmax(logits) for each; a sample has one one-hot row for each."""

    logits: Float[Array, "dimension classes"]
    family: ClassVar[str] = "categorical"

    @property
    def dimension(self) -> int:
        """The number of variables."""
        return self.logits.shape[0]

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return self.logits.shape[1]

    @property
    def mean(self) -> Float[Array, "dimension classes"]:
        """The probabilities p."""
        return jax.nn.softmax(self.logits)

    def sample(self, key: PRNGKeyArray) -> Float[Array, "dimension classes"]:
        """Draw one-hot rows."""
        return self.harden(self.perturb(key))

    def log_prob(self, sample: Float[Array, "dimension classes"]) -> Float[Array, ""]:
        """Return Σ ln p of the classes that are hot."""
        return jnp.sum(sample * jax.nn.log_softmax(self.logits))

    def perturb(self, key: PRNGKeyArray) -> Float[Array, "dimension classes"]:
        """Return z = ln p + Gumbel noise; the hot class is its argmax."""
        return jax.nn.log_softmax(self.logits) + jax.random.gumbel(key, self.logits.shape, self.logits.dtype)

    def perturb_given(
        self, key: PRNGKeyArray, sample: Float[Array, "dimension classes"]
    ) -> Float[Array, "dimension classes"]:
        """Return −ln(e_i/p_i + e_hot), and −ln e_hot for the hot class, e ~ Exp(1) (Tucker et al. 2017, appendix)."""
        log_exponential = -jax.random.gumbel(key, self.logits.shape, self.logits.dtype)
        hot = jnp.sum(sample * log_exponential, axis=1, keepdims=True)
        cold = -jnp.logaddexp(log_exponential - jax.nn.log_softmax(self.logits), hot)
        return jnp.where(sample > 0.5, -hot, cold)

    def harden(self, z: Float[Array, "dimension classes"]) -> Float[Array, "dimension classes"]:
        """Return the one-hot argmax of each row."""
        return jax.nn.one_hot(jnp.argmax(z, axis=1), z.shape[1], dtype=z.dtype)

    def soften(
        self, z: Float[Array, "dimension classes"], temperature: Array | float
    ) -> Float[Array, "dimension classes"]:
        """Return softmax(z/temperature)."""
        return jax.nn.softmax(z / temperature)

    def covariance_times(
        self, mean: Float[Array, "dimension classes"], vector: Float[Array, "dimension classes"]
    ) -> Float[Array, "dimension classes"]:
        """Return mean∘(vector − ⟨mean, vector⟩) for each row."""
        return mean * (vector - jnp.sum(mean * vector, axis=1, keepdims=True))

    def values(self) -> Float[Array, "classes classes"]:
        """Return the one-hot rows."""
        return jnp.eye(self.num_classes, dtype=self.logits.dtype)


class Gaussian(AbstractDistribution):
    """Independent Gaussians; a sample is a float vector."""

    mean: Float[Array, "dimension"]
    std: Float[Array, "dimension"]
    family: ClassVar[str] = "gaussian"

    @property
    def dimension(self) -> int:
        """The number of Gaussians."""
        return self.mean.shape[0]

    def sample(self, key: PRNGKeyArray) -> Float[Array, "dimension"]:
        """Return mean + std·z, z ~ Normal(0, 1) from the key alone: differentiable in mean and std."""
        return self.mean + self.std * jax.random.normal(key, self.mean.shape, self.mean.dtype)

    def log_prob(self, sample: Float[Array, "dimension"]) -> Float[Array, ""]:
        """Return Σ −½((x − mean)/std)² − ln std − ½ ln 2π."""
        scaled = (sample - self.mean) / self.std
        return jnp.sum(-0.5 * scaled**2 - jnp.log(self.std) - 0.5 * math.log(2.0 * math.pi))
