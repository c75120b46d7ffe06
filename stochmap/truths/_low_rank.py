from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from scipy import special

from stochmap.streams import Keys, Role
from stochmap.variates import log_gamma

from ._table import CategoricalTable, require, require_positive, require_size, uniform_inputs


@dataclass(frozen=True)
class LowRank:
    """x chooses a class, the class chooses y: p(y | x) = Σ_k p(k | x)·p(y | k), a table of rank ``rank``.

    Both p(k | x) and p(y | k) are Dirichlet(concentration, …, concentration), independent. Follows Saul & Pereira,
    "Aggregate and mixed-order Markov models for statistical language processing" (1997), aggregate models.

    Raises:
        ValueError: a size below 1, a rank outside 1 … min(num_x, num_y), or a concentration that is not positive.
    """

    num_x: int
    num_y: int
    rank: int
    concentration: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_size("num_y", self.num_y)
        require_positive("concentration", self.concentration)
        largest = min(self.num_x, self.num_y)
        require(
            1 <= self.rank <= largest,
            f"rank must lie in 1 … min(num_x, num_y) = {largest}, got {self.rank}: give a number in that range",
        )

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2]."""
        memberships = self.num_x * self.rank
        logs = log_gamma(key, Role.TRUTH, self.concentration, memberships + self.rank * self.num_y)
        runs = logs.shape[:-1]
        classes = special.softmax(logs[..., :memberships].reshape(*runs, self.num_x, self.rank), axis=-1)
        outcomes = special.softmax(logs[..., memberships:].reshape(*runs, self.rank, self.num_y), axis=-1)
        # Not a matrix product: the last bits of that depend on how many runs there are.
        table = np.zeros((*runs, self.num_x, self.num_y))
        for k in range(self.rank):
            table += classes[..., :, k, None] * outcomes[..., None, k, :]
        return CategoricalTable(table, uniform_inputs(self.num_x))
