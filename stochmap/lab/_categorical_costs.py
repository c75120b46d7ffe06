"""Costs of categoricals that are tables, scores or networks."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from stochmap.estimators import Categorical

from ._problem import SEPARATE, check_at_least, draws


class BrierScore(eqx.Module):
    """The Brier score of a row p against the row q, from two samples of p: f(z, z') = z·z' − q·z − q·z'.

    E f = Σ p_j² − 2Σ q_j p_j, least at p = q (Brier 1950; a strictly proper score). The distribution is the row twice,
    as two independent categoricals; the row's gradient is the sum of theirs. q and the logits are drawn by the seed.
    """

    num_classes: int = 8
    logit_scale: float = 1.0
    seed: int = 0
    family: ClassVar[str] = "categorical"
    degree: ClassVar[int] = 1

    def __check_init__(self) -> None:
        check_at_least(2, num_classes=self.num_classes)
        check_at_least(0, logit_scale=self.logit_scale, seed=self.seed)

    def distribution(self) -> Categorical:
        """Return the row, twice."""
        row = self.logit_scale * draws(self.seed, 0, self.num_classes)
        return Categorical(jnp.broadcast_to(jnp.asarray(row), (2, self.num_classes)))

    def __call__(self, key: PRNGKeyArray, sample: Float[Array, "2 classes"]) -> Float[Array, ""]:
        """Return z·z' − q·z − q·z'."""
        target = jax.nn.softmax(jnp.asarray(draws(self.seed, SEPARATE, self.num_classes)))
        return sample[0] @ sample[1] - target @ sample[0] - target @ sample[1]

    def expected(self, distribution: Categorical) -> Float[Array, ""]:
        """Return the score at the probabilities: f is linear in each of the independent samples."""
        return self(jax.random.key(0), jax.nn.softmax(distribution.logits, axis=1))


class CostTable(eqx.Module):
    """f(z) = the entry of a table at z's classes; its classes^dimension entries are drawn from N(0, 1) by the seed.

    Any cost of few outcomes is such a table. Between the corners it is interpolated: linear in each variable.
    """

    dimension: int = 2
    num_classes: int = 4
    logit_scale: float = 1.0
    seed: int = 0
    family: ClassVar[str] = "categorical"
    degree: ClassVar[int] = 1

    def __check_init__(self) -> None:
        check_at_least(1, dimension=self.dimension)
        check_at_least(2, num_classes=self.num_classes)
        check_at_least(0, logit_scale=self.logit_scale, seed=self.seed)
        if self.num_classes**self.dimension > 1 << 16:
            raise ValueError(
                f"{self.num_classes}^{self.dimension} entries are more than 65536: "
                "give a smaller dimension or num_classes"
            )

    def distribution(self) -> Categorical:
        """Return the categoricals, their logits drawn by the seed."""
        return Categorical(jnp.asarray(self.logit_scale * draws(self.seed, 0, self.dimension, self.num_classes)))

    def __call__(self, key: PRNGKeyArray, sample: Float[Array, "dimension classes"]) -> Float[Array, ""]:
        """Return Σ table[j₁, …, j_D] Π_d z_d[j_d]."""
        value = jnp.asarray(draws(self.seed, SEPARATE, *([self.num_classes] * self.dimension)))
        for d in range(self.dimension):
            value = jnp.tensordot(sample[d], value, axes=1)
        return value

    def expected(self, distribution: Categorical) -> Float[Array, ""]:
        """Return the interpolated table at the probabilities."""
        return self(jax.random.key(0), jax.nn.softmax(distribution.logits, axis=1))


class Network(eqx.Module):
    """f(z) = v·tanh(gain·W z) / √hidden: a small network with N(0, 1) weights by the seed; enumerated."""

    dimension: int = 2
    num_classes: int = 4
    hidden: int = 8
    gain: float = 1.0
    logit_scale: float = 1.0
    seed: int = 0
    family: ClassVar[str] = "categorical"
    degree: ClassVar[None] = None

    def __check_init__(self) -> None:
        check_at_least(1, dimension=self.dimension, hidden=self.hidden)
        check_at_least(2, num_classes=self.num_classes)
        check_at_least(0, logit_scale=self.logit_scale, seed=self.seed)

    def distribution(self) -> Categorical:
        """Return the categoricals, their logits drawn by the seed."""
        return Categorical(jnp.asarray(self.logit_scale * draws(self.seed, 0, self.dimension, self.num_classes)))

    def __call__(self, key: PRNGKeyArray, sample: Float[Array, "dimension classes"]) -> Float[Array, ""]:
        """Return the network's output."""
        inputs = self.dimension * self.num_classes
        first = draws(self.seed, SEPARATE, self.hidden, inputs)
        second = draws(self.seed, 2 * SEPARATE, self.hidden) / self.hidden**0.5
        return jnp.asarray(second) @ jnp.tanh(self.gain * (jnp.asarray(first) @ sample.reshape(-1)))
