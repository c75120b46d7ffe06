import abc
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._distributions import AbstractDistribution

Distribution = TypeVar("Distribution", bound=AbstractDistribution)
State = Any
Cost = Callable[[PRNGKeyArray, Array], Float[Array, ""]]
"""f(key, sample): a scalar. The key is for costs that are random themselves; most ignore it."""


@runtime_checkable
class Problem(Protocol):
    """What an estimator's bias depends on."""

    @property
    def family(self) -> str:
        """The family of the distribution: "bernoulli", "categorical" or "gaussian"."""
        ...

    @property
    def num_classes(self) -> int:
        """The number of outcomes of one variable; 0 for Gaussians."""
        ...

    @property
    def degree(self) -> int | None:
        """The degree of the cost as a polynomial in any one variable (others fixed); None where it is none.

        Products of different variables do not count: z·z' of two independent one-hots has degree 1.
        """
        ...

    @property
    def continuous(self) -> bool:
        """Whether the cost is known to be continuous, and differentiable almost everywhere."""
        ...


class AbstractEstimator(eqx.Module):
    """An estimate of ∇E f(sample) in a distribution's parameters: its fields are its options.

    Written for one estimate, traceable, and vmapped outside. An estimator with a state is unbiased given the state:
    whatever adapts does so to earlier estimates only.

    Args:
        num_samples: how many samples of the distribution one estimate uses.

    Raises:
        ValueError: fewer samples than ``least_samples``.
    """

    families: ClassVar[frozenset[str]]
    """The families of distributions that it serves."""

    least_samples: ClassVar[int] = 1

    num_samples: int = eqx.field(default=1, static=True)

    def __check_init__(self) -> None:
        if self.num_samples < self.least_samples:
            raise ValueError(f"num_samples must be at least {self.least_samples}, got {self.num_samples}: give more")

    def init(self, distribution: AbstractDistribution) -> State:
        """Return what the estimator carries from one estimate to the next; () for nothing."""
        return ()

    @abc.abstractmethod
    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost, state: State
    ) -> tuple[Float[Array, ""], State]:
        """Return a scalar whose gradient in the distribution is the estimate, and the next state (without gradient).

        The scalar's own value means nothing.
        """
        ...

    @abc.abstractmethod
    def unbiased_for(self, problem: Problem) -> bool:
        """Say whether the mean of the estimates is the gradient, whatever the distribution's parameters."""
        ...

    @abc.abstractmethod
    def function_calls(self, distribution: AbstractDistribution) -> int:
        """Return how often one estimate evaluates f alone."""
        ...

    @abc.abstractmethod
    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """Return how often one estimate evaluates f's gradient in the sample (f itself is had with it)."""
        ...


class AbstractAveraged(AbstractEstimator):
    """An estimator without state that averages independent repetitions of ``least_samples`` samples each.

    Raises:
        ValueError: num_samples is not a multiple of ``least_samples``.
    """

    def __check_init__(self) -> None:
        if self.num_samples % self.least_samples:
            raise ValueError(
                f"num_samples must be a multiple of {self.least_samples}, got {self.num_samples}: round it up"
            )

    @property
    def repetitions(self) -> int:
        """The number of independent repetitions."""
        return self.num_samples // self.least_samples

    @abc.abstractmethod
    def single(self, key: PRNGKeyArray, distribution: Any, cost: Cost) -> Float[Array, ""]:
        """Return the surrogate of one repetition."""
        ...

    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDistribution, cost: Cost, state: State
    ) -> tuple[Float[Array, ""], State]:
        """Return the mean of the repetitions' surrogates, and the state as it was."""
        keys = jax.random.split(key, self.repetitions)
        return jnp.mean(jax.vmap(lambda each: self.single(each, distribution, cost))(keys)), state


def gradient(
    estimator: AbstractEstimator, key: PRNGKeyArray, distribution: Distribution, cost: Cost, state: State
) -> tuple[Distribution, State]:
    """Return one estimate of ∇E f, in the shape of the distribution, and the next state.

    Raises:
        ValueError: the estimator does not serve the distribution's family.
    """
    check_family(estimator, distribution.family)

    def surrogate(parameters: Distribution) -> tuple[Float[Array, ""], State]:
        return estimator.surrogate(key, parameters, cost, state)

    return jax.grad(surrogate, has_aux=True)(distribution)


def check_family(estimator: AbstractEstimator, family: str) -> None:
    """Raise ValueError unless the estimator serves the family."""
    if family not in estimator.families:
        served = ", ".join(sorted(estimator.families))
        raise ValueError(f"{type(estimator).__name__} does not serve {family!r}: it serves {served}")
