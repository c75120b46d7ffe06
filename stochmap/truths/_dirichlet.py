from dataclasses import dataclass
from typing import ClassVar, Literal

from stochmap.streams import Keys, Role
from stochmap.variates import dirichlet

from ._table import CategoricalTable, require_positive, require_size, uniform_inputs


@dataclass(frozen=True)
class Dirichlet:
    """Every row p(· | x) ~ Dirichlet(concentration, …, concentration), independent.

    Raises:
        ValueError: a size below 1, or a concentration that is not positive.
    """

    num_x: int
    num_y: int
    concentration: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_size("num_y", self.num_y)
        require_positive("concentration", self.concentration)

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2]."""
        table = dirichlet(key, Role.TRUTH, self.concentration, self.num_x, self.num_y)
        return CategoricalTable(table, uniform_inputs(self.num_x), self.concentration)
