from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Keys, Role, words_on_host
from stochmap.variates import log_gamma, normal

from ._table import GaussianTable, require_finite, require_positive, require_size, uniform_inputs


@dataclass(frozen=True)
class NormalInverseGamma:
    """For each x, variance ~ InverseGamma(alpha, beta) and mean ~ Normal(mean, variance/kappa), independent.

    Raises:
        ValueError: kappa, alpha or beta is not positive, the mean is not finite, or a size is below 1.
    """

    mean: float = 0.0
    kappa: float = 1.0
    alpha: float = 2.0
    beta: float = 1.0
    num_x: int = 1
    family: ClassVar[Literal["gaussian"]] = "gaussian"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        for name in ("kappa", "alpha", "beta"):
            require_positive(name, getattr(self, name))
        require_finite("mean", self.mean)

    @property
    def num_y(self) -> None:
        """None: y is a real number."""
        return None

    def draw(self, key: Keys) -> GaussianTable:
        """Draw the tables [*runs, x] of keys [*runs, 2]."""
        log_precision = log_gamma(key, Role.TRUTH, self.alpha, self.num_x) - np.log(self.beta)
        std = np.exp(-0.5 * log_precision)
        noise = normal(words_on_host(key, Role.TRUTH, 1 << 40, self.num_x))
        return GaussianTable(self.mean + std / np.sqrt(self.kappa) * noise, std, uniform_inputs(self.num_x))
