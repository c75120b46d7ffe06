import abc
from typing import Any, NamedTuple, Self

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PRNGKeyArray

from stochmap.mappings import AbstractMapping


class Interval(NamedTuple):
    """Lower and upper ends, of the shape of the parameter (host, float64)."""

    lower: Float[np.ndarray, "..."]
    upper: Float[np.ndarray, "..."]


class AbstractPosterior(eqx.Module):
    """A distribution over mappings, conjugate to their observations; leading axes are independent runs.

    An x that was never seen keeps its prior; ``num_samples`` says which.
    """

    @abc.abstractmethod
    def update(self, x: Any, y: Any) -> Self:
        """Return the posterior after one more observation (x, y).

        Raises:
            ValueError: x or y is out of range, or not a number (where they are known, not traced).
        """
        ...

    @abc.abstractmethod
    def update_all(self, statistics: Any) -> Self:
        """Return the posterior after all the observations behind the statistics.

        Raises:
            ValueError: there are no observations, or they hold NaN (where they are known, not traced).
        """
        ...

    @abc.abstractmethod
    def merge(self, other: Self, prior: Self) -> Self:
        """Return the posterior after two datasets, from that after each of them under the same prior."""
        ...

    @abc.abstractmethod
    def forget(self, prior: Self, kept: Float[Array, "x"]) -> Self:
        """Return the posterior with a share of what each x has learned: kept·η + (1 − kept)·η_prior.

        η are the natural parameters (stabilised forgetting, Kulhavý & Zarrop 1993).
        """
        ...

    @abc.abstractmethod
    def num_samples(self, prior: Self) -> Float[Array, "*runs x"]:
        """Return how many observations of each x are behind the posterior: 0 where it is the prior still.

        After forgetting, what is left of them, up to rounding.
        """
        ...

    @property
    @abc.abstractmethod
    def natural_parameters(self) -> Array:
        """The natural parameters, to which each observation adds its sufficient statistics."""
        ...

    @abc.abstractmethod
    def log_evidence(self, statistics: Any) -> Float[Array, "*runs x"]:
        """Return ln p(data_x | this prior), the mapping integrated out, for every x, in nats; data in their order.

        Raises:
            ValueError: as for ``update_all``.
        """
        ...

    @abc.abstractmethod
    def predictive(self) -> Any:
        """Return the distribution of the next y for every x, the mapping integrated out."""
        ...

    @abc.abstractmethod
    def interval(self, level: float) -> dict[str, Interval]:
        """Return each parameter's central interval of posterior probability ``level`` (host)."""
        ...

    @abc.abstractmethod
    def cdf(self, parameters: dict[str, Any]) -> dict[str, Float[np.ndarray, "..."]]:
        """Return the marginal probability that each parameter is at most the given value (host)."""
        ...

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> AbstractMapping:
        """Draw one mapping."""
        ...

    @abc.abstractmethod
    def mode(self) -> AbstractMapping:
        """Return the mapping with the greatest density; NaN for an x where there is none."""
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


def check_finite(name: str, value: float) -> None:
    """Raise ValueError unless a prior's parameter is finite."""
    if not np.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}: give a number")


def check_label(name: str, value: Any, size: int) -> None:
    """Raise ValueError unless a label that is known, not traced, or each of several, lies in 0 … size − 1."""
    if isinstance(value, Tracer):
        return
    if not np.issubdtype(np.asarray(value).dtype, np.integer):
        raise ValueError(f"{name} must be an integer in 0 … {size - 1}, got {value}: relabel the values")
    wrong = np.ravel(value)[(np.ravel(value) < 0) | (np.ravel(value) >= size)]
    if wrong.size:
        raise ValueError(f"{name} must lie in 0 … {size - 1}, got {wrong[0]}: relabel the values")


def check_value(value: Any) -> None:
    """Raise ValueError unless an observed number that is known, not traced, is finite."""
    if not isinstance(value, Tracer) and not np.isfinite(value):
        raise ValueError(f"an observation must be finite, got {value}: leave missing values out")


def check_statistics(statistics: Any) -> None:
    """Raise ValueError unless statistics that are known, not traced, are those of at least one observation."""
    leaves = jax.tree.leaves(statistics)
    if any(isinstance(leaf, Tracer) for leaf in leaves):
        return
    if not np.asarray(statistics.num_samples).any():
        raise ValueError("the dataset is empty, got 0 observations: give at least one")
    if not all(np.isfinite(leaf).all() for leaf in leaves):
        raise ValueError("statistics must be finite, got NaN or infinity: leave missing values out of the data")
