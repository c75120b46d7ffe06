from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Keys

from ._table import CategoricalTable, constant, require, require_probability, require_size


@dataclass(frozen=True)
class SymmetricChannel:
    """A symbol arrives, or any other one does: p(x | x) = 1 − error, p(y | x) = error/(num_x − 1) for y ≠ x.

    The same in every run. Its capacity is ln num_x − H(error) − error·ln(num_x − 1) nats, H the binary entropy: Cover &
    Thomas, "Elements of Information Theory" (2006), section 7.2.

    Raises:
        ValueError: a size below 1, an error outside 0 … 1, or one above 0 where there is no other symbol.
    """

    num_x: int
    error: float = 0.1
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_probability("error", self.error)
        require(
            self.num_x > 1 or self.error == 0,
            f"error must be 0 where num_x = 1, got {self.error}: there is no other symbol, so give num_x = 2 or more",
        )

    @property
    def num_y(self) -> int:
        """The number of outcomes, that of the inputs."""
        return self.num_x

    def draw(self, key: Keys) -> CategoricalTable:
        """Return the constant tables [*runs, x, y] of keys [*runs, 2]."""
        table = np.full((self.num_x, self.num_x), self.error / max(1, self.num_x - 1))
        np.fill_diagonal(table, 1.0 - self.error)
        return constant(table, key)
