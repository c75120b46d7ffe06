from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from scipy import special

from stochmap.streams import Keys, Role
from stochmap.variates import log_gamma

from ._table import CategoricalTable, require_positive, require_size, uniform_inputs


@dataclass(frozen=True)
class Reversible:
    """A random Markov chain that looks the same backwards: p(y | x) = w_xy/Σ_z w_xz, with weights w_xy = w_yx.

    The weights of the num_x·(num_x + 1)/2 pairs {x, y} are independent Gamma(shape, 1). The stationary distribution is
    π(x) ∝ Σ_y w_xy, and π(x)·p(y | x) = π(y)·p(x | y). A smaller shape makes the weights less even. Follows Bordenave,
    Caputo & Chafaï, "Spectrum of large random reversible Markov chains: two examples" (2010), on the complete graph.

    Raises:
        ValueError: a size below 1, or a shape that is not positive.
    """

    num_x: int
    shape: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        require_size("num_x", self.num_x)
        require_positive("shape", self.shape)

    @property
    def num_y(self) -> int:
        """The number of outcomes, that of the inputs."""
        return self.num_x

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2]."""
        return CategoricalTable(special.softmax(self._log_weights(key), axis=-1), uniform_inputs(self.num_x))

    def stationary(self, key: Keys) -> Float[np.ndarray, "*runs x"]:
        """Return π(x) of the tables that ``draw`` gives for keys [*runs, 2], from the weights."""
        return special.softmax(special.logsumexp(self._log_weights(key), axis=-1), axis=-1)

    def _log_weights(self, key: Keys) -> Float[np.ndarray, "*runs x x"]:
        x = np.arange(self.num_x)
        larger, smaller = np.maximum(x[:, None], x), np.minimum(x[:, None], x)
        logs = log_gamma(key, Role.TRUTH, self.shape, self.num_x * (self.num_x + 1) // 2)
        return logs[..., larger * (larger + 1) // 2 + smaller]
