from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Keys

from ._table import GaussianTable, require_finite, require_positive, require_size, uniform_inputs


@dataclass(frozen=True)
class Gaussian:
    """p(y | x) = Normal(mean, std²), the same for every x and every run: the project's origin has mean 1, std 2.5.

    Raises:
        ValueError: a std that is not positive, a mean that is not finite, or a size below 1.
    """

    mean: float = 0.0
    std: float = 1.0
    num_x: int = 1
    family: ClassVar[Literal["gaussian"]] = "gaussian"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_positive("std", self.std)
        require_finite("mean", self.mean)

    @property
    def num_y(self) -> None:
        """None: y is a real number."""
        return None

    def draw(self, key: Keys) -> GaussianTable:
        """Return the constant tables [*runs, x] of keys [*runs, 2]."""
        shape = (*np.shape(key)[:-1], self.num_x)
        return GaussianTable(
            np.full(shape, float(self.mean)), np.full(shape, float(self.std)), uniform_inputs(self.num_x)
        )
