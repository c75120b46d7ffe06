from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from scipy import special

from stochmap.streams import Key, Keys, Role
from stochmap.variates import log_gamma

from ._table import (
    CategoricalTable,
    SparseTable,
    require,
    require_label_range,
    require_positive,
    require_size,
    sparse_rows,
    uniform_inputs,
)


@dataclass(frozen=True)
class Banded:
    """Only outcomes near the diagonal are possible: p(y | x) = 0 beyond c(x) ± bandwidth.

    c(x) = ⌊x·(num_y − 1)/(num_x − 1) + ½⌋ is the diagonal, stretched over the table: c(x) = x in a square one. Inside
    the band, cut off at the table's edges, the probabilities are Dirichlet(concentration, …, concentration).
    ``draw_sparse`` takes time and memory for the band only.

    Raises:
        ValueError: a size below 1 or above 2³¹, a bandwidth outside 0 … num_y − 1, or a concentration that is not
            positive.
    """

    num_x: int
    num_y: int
    bandwidth: int
    concentration: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        for name in ("num_x", "num_y"):
            require_size(name, getattr(self, name))
            require_label_range(name, getattr(self, name))
        require_positive("concentration", self.concentration)
        require(
            0 <= self.bandwidth < self.num_y,
            f"bandwidth must lie in 0 … num_y − 1 = {self.num_y - 1}, got {self.bandwidth}: give one in that range",
        )

    @property
    def num_entries(self) -> int:
        """How many cells are not 0, at most."""
        return self.num_x * min(self.num_y, 2 * self.bandwidth + 1)

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2]."""
        outcomes, probabilities = self._rows(key)
        # With a margin on both sides, so that what the edges cut off has a place: 0 is written there.
        table = np.zeros((*probabilities.shape[:-1], self.num_y + 2 * self.bandwidth))
        places = np.broadcast_to(outcomes + self.bandwidth, probabilities.shape)
        np.put_along_axis(table, places, probabilities, axis=-1)
        inside = np.ascontiguousarray(table[..., self.bandwidth : self.bandwidth + self.num_y])
        return CategoricalTable(inside, uniform_inputs(self.num_x))

    def draw_sparse(self, key: Key) -> SparseTable:
        """Draw the table of one key by its entries."""
        return sparse_rows(*self._rows(key), self.num_y)

    def _rows(self, key: Keys) -> tuple[np.ndarray, np.ndarray]:
        """Return the band's outcomes [x, 2·bandwidth + 1] and their probabilities [*runs, x, …], 0 off the edge."""
        x, steps = np.arange(self.num_x)[:, None], max(1, self.num_x - 1)
        centre = (2 * x * (self.num_y - 1) + steps) // (2 * steps)
        outcomes = centre + np.arange(-self.bandwidth, self.bandwidth + 1)
        logs = log_gamma(key, Role.TRUTH, self.concentration, outcomes.size)
        logs = logs.reshape(*logs.shape[:-1], *outcomes.shape)
        logs = np.where((outcomes >= 0) & (outcomes < self.num_y), logs, -np.inf)
        return outcomes, special.softmax(logs, axis=-1)
