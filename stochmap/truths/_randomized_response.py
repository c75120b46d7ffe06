from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Keys

from ._table import CategoricalTable, constant, require, require_size


@dataclass(frozen=True)
class RandomizedResponse:
    """Answers under ε-local differential privacy: p(x | x) = e^ε/(e^ε + k − 1), p(y | x) = 1/(e^ε + k − 1) for y ≠ x.

    k = num_x. No answer tells more than a factor e^ε about the truth: p(y | x) ≤ e^ε·p(y | x') for all x, x', y. The
    same in every run. Follows Warner, "Randomized response" (1965) for k = 2, and Kairouz, Bonawitz & Ramage, "Discrete
    distribution estimation under local privacy" (2016), k-ary randomized response.

    Raises:
        ValueError: a size below 1, or an epsilon that is negative or not finite.
    """

    num_x: int
    epsilon: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require(
            0 <= self.epsilon < np.inf, f"epsilon must be non-negative and finite, got {self.epsilon}: 1.0 is usual"
        )

    @property
    def num_y(self) -> int:
        """The number of outcomes, that of the inputs."""
        return self.num_x

    def draw(self, key: Keys) -> CategoricalTable:
        """Return the constant tables [*runs, x, y] of keys [*runs, 2]."""
        other = np.exp(-self.epsilon)  # of one that is true: this way e^ε never overflows
        table = np.full((self.num_x, self.num_x), other)
        np.fill_diagonal(table, 1.0)
        return constant(table / (1.0 + (self.num_x - 1) * other), key)
