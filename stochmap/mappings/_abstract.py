import abc
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, Int, PRNGKeyArray


class AbstractMapping(eqx.Module):
    """A stochastic mapping: a distribution of y for each x in 0 … num_x − 1."""

    @property
    @abc.abstractmethod
    def num_x(self) -> int:
        """The number of inputs."""
        ...

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray, x: Int[Array, "*shape"]) -> Array:
        """Draw one y for each x."""
        ...

    @abc.abstractmethod
    def log_prob(self, x: Int[Array, "*shape"], y: Array) -> Float[Array, "*shape"]:
        """Return ln p(y | x), in nats."""
        ...

    @abc.abstractmethod
    def parameters(self) -> dict[str, Any]:
        """Return the numbers that identify the mapping, by the names they have in the store."""
        ...
