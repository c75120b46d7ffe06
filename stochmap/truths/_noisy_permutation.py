from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Keys, Role, words_on_host
from stochmap.variates import uniform

from ._table import CategoricalTable, require_probability, require_size, uniform_inputs


@dataclass(frozen=True)
class NoisyPermutation:
    """y = π(x) with probability 1 − noise, else uniform over all outcomes; π is a uniformly random permutation.

    p(y | x) = (1 − noise)·1{y = π(x)} + noise/num_x.

    Raises:
        ValueError: a size below 1, or noise outside 0 … 1.
    """

    num_x: int
    noise: float = 0.1
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_probability("noise", self.noise)

    @property
    def num_y(self) -> int:
        """The number of outcomes, that of the inputs."""
        return self.num_x

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2]."""
        order = np.argsort(uniform(words_on_host(key, Role.TRUTH, 0, self.num_x)), axis=-1, kind="stable")
        one_hot = order[..., None] == np.arange(self.num_x)
        table = self.noise / self.num_x + (1.0 - self.noise) * one_hot
        return CategoricalTable(table, uniform_inputs(self.num_x))
