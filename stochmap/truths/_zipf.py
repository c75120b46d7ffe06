from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Keys, Role, words_on_host
from stochmap.variates import uniform

from ._table import CategoricalTable, require, require_size, uniform_inputs


@dataclass(frozen=True)
class ZipfRows:
    """Every row is Zipf's law over its own order of the outcomes: p(y | x) ∝ (1 + r_x(y))^(−exponent).

    The ranks r_x(y) from 0 to num_y − 1 are a uniformly random permutation, independent from row to row.

    Raises:
        ValueError: a size below 1, or an exponent that is negative or not finite.
    """

    num_x: int
    num_y: int
    exponent: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_size("num_y", self.num_y)
        require(
            0 <= self.exponent < np.inf, f"exponent must be non-negative and finite, got {self.exponent}: 1.0 is usual"
        )

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2]."""
        places = uniform(words_on_host(key, Role.TRUTH, 0, self.num_x * self.num_y))
        places = places.reshape(*places.shape[:-1], self.num_x, self.num_y)
        weights = np.arange(1, self.num_y + 1, dtype=np.float64) ** -self.exponent
        table = np.empty(places.shape)
        by_rank = np.broadcast_to(weights / weights.sum(), places.shape)
        np.put_along_axis(table, np.argsort(places, axis=-1, kind="stable"), by_rank, axis=-1)
        return CategoricalTable(table, uniform_inputs(self.num_x))
