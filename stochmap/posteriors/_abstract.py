import abc
from typing import Any, NamedTuple, Self

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from stochmap.mappings import AbstractMapping


class Interval(NamedTuple):
    """Lower and upper ends, of the shape of the parameter (host, float64)."""

    lower: Float[np.ndarray, "..."]
    upper: Float[np.ndarray, "..."]


class AbstractPosterior(eqx.Module):
    """A distribution over mappings, conjugate to their observations; leading axes are independent runs."""

    @abc.abstractmethod
    def update(self, x: Any, y: Any) -> Self:
        """Return the posterior after one more observation (x, y)."""
        ...

    @abc.abstractmethod
    def update_all(self, statistics: Any) -> Self:
        """Return the posterior after all the observations behind the statistics."""
        ...

    @abc.abstractmethod
    def interval(self, level: float) -> dict[str, Interval]:
        """Return each parameter's central interval of posterior probability ``level`` (host)."""
        ...

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> AbstractMapping:
        """Draw one mapping."""
        ...

    @abc.abstractmethod
    def to_mapping(self) -> AbstractMapping:
        """Return the mapping q that minimises the expected KL(truth‖q)."""
        ...


def tails(level: float) -> tuple[float, float]:
    """Return the two tail probabilities of a central interval.

    Raises:
        ValueError: the level lies outside (0, 1).
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie in (0, 1), got {level}: 0.95 is usual")
    return (1.0 - level) / 2.0, (1.0 + level) / 2.0


def host(values: Array | np.ndarray) -> Float[np.ndarray, "..."]:
    """Return an array on the host in float64."""
    return np.asarray(values, dtype=np.float64)


def check_positive(name: str, value: float) -> None:
    """Raise ValueError unless a prior's parameter is positive and finite."""
    if not 0.0 < value < np.inf:
        raise ValueError(f"{name} must be positive and finite, got {value}: choose a larger number")
