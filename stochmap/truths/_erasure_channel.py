from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Key, Keys

from ._table import (
    CategoricalTable,
    SparseTable,
    constant,
    require_label_range,
    require_probability,
    require_size,
    sparse_rows,
)


@dataclass(frozen=True)
class ErasureChannel:
    """A symbol arrives, or its erasure does: p(x | x) = 1 − erasure, p(num_y − 1 | x) = erasure.

    The erasure is one more symbol, y = num_y − 1 with num_y = num_x + 1. The same in every run. Its capacity is
    (1 − erasure)·ln num_x nats: Cover & Thomas, "Elements of Information Theory" (2006), section 7.1.5.

    Raises:
        ValueError: a size below 1 or of 2³¹ or more, or an erasure outside 0 … 1.
    """

    num_x: int
    erasure: float = 0.1
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_label_range("num_y = num_x + 1", self.num_y)
        require_probability("erasure", self.erasure)

    @property
    def num_y(self) -> int:
        """The number of outcomes: the inputs' symbols and the erasure."""
        return self.num_x + 1

    @property
    def num_entries(self) -> int:
        """How many cells are not 0, at most."""
        return 2 * self.num_x

    def draw(self, key: Keys) -> CategoricalTable:
        """Return the constant tables [*runs, x, y] of keys [*runs, 2]."""
        return constant(self._entries().to_dense().probabilities, key)

    def draw_sparse(self, key: Key) -> SparseTable:
        """Return the table by its entries, the same for every key."""
        return self._entries()

    def _entries(self) -> SparseTable:
        outcomes = np.stack([np.arange(self.num_x), np.full(self.num_x, self.num_x)], axis=-1)
        return sparse_rows(outcomes, np.broadcast_to([1.0 - self.erasure, self.erasure], outcomes.shape), self.num_y)
