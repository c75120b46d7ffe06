from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from stochmap.streams import Keys


class CategoricalTable(NamedTuple):
    """A true table p(y | x) with its inputs' distribution p(x); leading axes are runs (host, float64)."""

    probabilities: Float[np.ndarray, "*runs x y"]
    inputs: Float[np.ndarray, "x"]
    concentration: float | None = None
    """Of the symmetric Dirichlet that every row was drawn from, where it was."""
    parts: Float[np.ndarray, "*runs parts x y"] | None = None
    """Where the truth drifts: the tables of equal parts of the dataset in order; ``probabilities`` is the last."""

    def parameters(self) -> dict[str, np.ndarray]:
        """Return the numbers that identify the mapping, by the names they have in the store."""
        return {"probability": self.probabilities}


class GaussianTable(NamedTuple):
    """A true Gaussian for each x, with its inputs' distribution p(x); leading axes are runs (host, float64)."""

    mean: Float[np.ndarray, "*runs x"]
    std: Float[np.ndarray, "*runs x"]
    inputs: Float[np.ndarray, "x"]

    def parameters(self) -> dict[str, np.ndarray]:
        """Return the numbers that identify the mapping, by the names they have in the store."""
        return {"mean": self.mean, "std": self.std}


TruthTable = CategoricalTable | GaussianTable


@runtime_checkable
class Truth(Protocol):
    """How a true mapping is drawn. A frozen dataclass whose fields are the kind's options, all of them grid axes."""

    @property
    def family(self) -> Literal["categorical", "gaussian"]: ...

    @property
    def num_x(self) -> int: ...

    @property
    def num_y(self) -> int | None:
        """The number of outcomes; None for Gaussians."""
        ...

    def draw(self, key: Keys) -> TruthTable:
        """Draw the table of every key, uint32[*runs, 2], with the same leading axes and uniform inputs (host)."""
        ...


def uniform_inputs(num_x: int) -> Float[np.ndarray, "x"]:
    """Return p(x) = 1/num_x."""
    return np.full(num_x, 1.0 / num_x)


def require(rule: bool, message: str) -> None:  # noqa: FBT001
    """Raise ValueError with the message unless the rule holds."""
    if not rule:
        raise ValueError(message)


def require_size(name: str, value: int) -> None:
    """Raise ValueError unless a size is positive."""
    require(value >= 1, f"{name} must be at least 1, got {value}: give a positive number")


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless a number is positive and finite."""
    require(0 < value < np.inf, f"{name} must be positive and finite, got {value}: choose a larger number")
