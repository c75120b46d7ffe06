from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Key, Keys, Role
from stochmap.variates import dirichlet

from ._subsets import random_subsets
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
class Sparse:
    """Each x has a uniformly random subset of ``outcomes`` of the num_y outcomes; the others are exactly 0.

    Inside the subset the probabilities are Dirichlet(concentration, …, concentration). ``draw_sparse`` takes time and
    memory for the entries that are not 0 only: 10⁶ × 10⁶ with 10 outcomes each are 10⁷.

    Raises:
        ValueError: a size below 1 or above 2³¹, more outcomes than num_y, or a concentration that is not positive.
    """

    num_x: int
    num_y: int
    outcomes: int
    concentration: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        for name in ("num_x", "num_y"):
            require_size(name, getattr(self, name))
            require_label_range(name, getattr(self, name))
        require_positive("concentration", self.concentration)
        require(
            1 <= self.outcomes <= self.num_y,
            f"outcomes must lie in 1 … num_y = {self.num_y}, got {self.outcomes}: give a number in that range",
        )

    @property
    def num_entries(self) -> int:
        """How many cells are not 0, at most."""
        return self.num_x * self.outcomes

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2]."""
        outcomes, probabilities = self._rows(key)
        table = np.zeros((*outcomes.shape[:-1], self.num_y))
        np.put_along_axis(table, outcomes.astype(np.int64), probabilities, axis=-1)
        return CategoricalTable(table, uniform_inputs(self.num_x))

    def draw_sparse(self, key: Key) -> SparseTable:
        """Draw the table of one key by its entries."""
        return sparse_rows(*self._rows(key), self.num_y)

    def _rows(self, key: Keys) -> tuple[np.ndarray, np.ndarray]:
        """Return the outcomes of every row and their probabilities, [*runs, x, outcomes]."""
        outcomes = random_subsets(key, self.num_x, self.num_y, self.outcomes)
        return outcomes, dirichlet(key, Role.TRUTH, self.concentration, self.num_x, self.outcomes)
