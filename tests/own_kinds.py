"""Kinds of a user's own, as ``package.module:Class`` names them; and some that will not do."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from stochmap.learners import Fit, Status
from stochmap.mappings import CategoricalMapping
from stochmap.truths import CategoricalTable, NormalLogits


@dataclass(frozen=True)
class Cycle:
    """y = x + step with probability 1 − slip, else x."""

    num_x: int
    slip: float = 0.25
    step: int = 1
    family: ClassVar = "categorical"

    @property
    def num_y(self) -> int:
        return self.num_x

    def draw(self, key) -> CategoricalTable:
        eye = np.eye(self.num_x)
        table = (1 - self.slip) * np.roll(eye, self.step, axis=1) + self.slip * eye
        return CategoricalTable(
            np.broadcast_to(table, (*np.shape(key)[:-1], *table.shape)), np.full(self.num_x, 1 / self.num_x)
        )


@dataclass(frozen=True)
class Constant:
    """Learns nothing: uniform rows."""

    needs: ClassVar = "statistics"
    families: ClassVar = ("categorical",)

    def __call__(self, key, data) -> Fit:
        return Fit(CategoricalMapping(jnp.zeros(data.n.shape)), jnp.int32(Status.EXACT), jnp.int64(0))


@dataclass(frozen=True)
class Guess(Constant):
    """Random rows, from the learner's key alone."""

    def __call__(self, key, data) -> Fit:
        logits = jax.random.normal(key, data.n.shape)
        return Fit(CategoricalMapping(logits), jnp.int32(Status.EXACT), jnp.int64(0))


@dataclass(frozen=True)
class FromImages(Constant):
    needs: ClassVar = "images"


@dataclass(frozen=True)
class Edges:
    """The first and the last x, half of the time each."""

    def probabilities(self, num_x: int) -> np.ndarray:
        return np.bincount([0, num_x - 1], minlength=num_x) / 2


@dataclass
class Thawed:
    """Not frozen: its options could change under a program that was compiled for them."""

    size: int = 1


class Plain:
    """No dataclass."""


@dataclass(frozen=True)
class NoLearner:
    size: int = 1


@dataclass(frozen=True)
class Tilted(NormalLogits):
    """A truth with fields that no column holds as they are: a list, and a number that may be absent."""

    weights: tuple[float, ...] = (1.0, 2.0)
    tilt: float | None = None
