from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Keys, Role, words_on_host
from stochmap.variates import normal

from ._table import CategoricalTable, require, require_size, uniform_inputs


@dataclass(frozen=True)
class NormalLogits:
    """p(y | x) = softmax(scale·z_x)_y with z ~ Normal(0, 1), independent: the project's origin has 16 × 8 and scale 1.

    Raises:
        ValueError: a size below 1, or a negative scale.
    """

    num_x: int
    num_y: int
    scale: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_size("num_y", self.num_y)
        require(0 <= self.scale < np.inf, f"scale must be non-negative and finite, got {self.scale}: 1.0 is usual")

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2]."""
        noise = normal(words_on_host(key, Role.TRUTH, 0, self.num_x * self.num_y))
        logits = self.scale * noise.reshape(*noise.shape[:-1], self.num_x, self.num_y)
        # In this order NumPy finds the largest of all short rows at once, at a fifth of the cost.
        largest = np.asfortranarray(logits).max(axis=-1, keepdims=True)
        weights = np.exp(logits - largest)
        return CategoricalTable(weights / weights.sum(axis=-1, keepdims=True), uniform_inputs(self.num_x))
