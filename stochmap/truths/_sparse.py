from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Keys, Role, words_on_host
from stochmap.variates import log_gamma

from ._table import CategoricalTable, require, require_positive, require_size, uniform_inputs


@dataclass(frozen=True)
class Sparse:
    """Each x has a uniformly random subset of ``outcomes`` of the num_y outcomes; the others are exactly 0.

    Inside the subset the probabilities are Dirichlet(concentration, …, concentration).

    Raises:
        ValueError: a size below 1, more outcomes than num_y, or a concentration that is not positive.
    """

    num_x: int
    num_y: int
    outcomes: int
    concentration: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_size("num_y", self.num_y)
        require_positive("concentration", self.concentration)
        require(
            1 <= self.outcomes <= self.num_y,
            f"outcomes must lie in 1 … num_y = {self.num_y}, got {self.outcomes}: give a number in that range",
        )

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2]."""
        cells = self.num_x * self.num_y
        # The places come from words beyond those of the gamma variates, whose number of attempts is bounded by 2³²
        # in effect.
        words = words_on_host(key, Role.TRUTH, 1 << 40, cells)
        place = ((words[..., 0].astype(np.uint64) << np.uint64(32)) | words[..., 1]).reshape(
            *words.shape[:-2], self.num_x, self.num_y
        )
        order = np.argsort(place, axis=-1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(np.arange(self.num_y), order.shape), axis=-1)
        logs = log_gamma(key, Role.TRUTH, self.concentration, cells).reshape(rank.shape)
        logs = np.where(rank < self.outcomes, logs, -np.inf)
        weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
        return CategoricalTable(weights / weights.sum(axis=-1, keepdims=True), uniform_inputs(self.num_x))
