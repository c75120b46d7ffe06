import functools
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from stochmap.compiling import quickly_compiled
from stochmap.estimators import AbstractDiscrete, AbstractDistribution
from stochmap.streams import Role, run_keys, words_on_host
from stochmap.variates import normal

FUNCTION = TypeVar("FUNCTION", bound=Callable[..., Any])

SEPARATE = 1 << 32
"""The first index of a second set of draws under one seed."""


@runtime_checkable
class Problem(Protocol):
    """A distribution with parameters, and a cost of its samples: the gradient of E cost in the parameters is asked for.

    A frozen dataclass (or an Equinox module) whose fields are its options. Samples are 0/1 vectors [dimension] for
    Bernoullis, one-hot [dimension, classes] for categoricals, numbers [dimension] for Gaussians; relaxed estimators
    call the cost between the corners too. Optional members:

    - ``expected(distribution)``: E cost in closed form; without it the exact gradient comes from enumeration (discrete,
      at most 2¹⁶ outcomes) or quadrature (one Gaussian);
    - ``degree``: the cost's degree as a polynomial in any one variable (None, or none: not a polynomial), from which
      the biased estimators say where they are unbiased;
    - ``continuous``: whether the cost is continuous and differentiable almost everywhere (none: where it is a
      polynomial), from which the pathwise estimator says whether it is unbiased.
    """

    family: ClassVar[str]

    def distribution(self) -> AbstractDistribution: ...

    def __call__(self, key: PRNGKeyArray, sample: Float[Array, "..."]) -> Float[Array, ""]: ...


class Facts(NamedTuple):
    """What an estimator is told of a problem when it says whether it is unbiased on it."""

    family: str
    dimension: int
    num_classes: int
    degree: int | None
    continuous: bool


def compiled(level: int) -> Callable[[FUNCTION], FUNCTION]:
    """Return ``eqx.filter_jit`` at an optimisation level of XLA's back end.

    Compiling is most of a measurement's time. Level 1 makes programs that are as fast as those of the default, level 3;
    level 0 makes them a third as fast in under half of level 1's time: for what runs once.
    """

    def decorate(function: FUNCTION) -> FUNCTION:
        @functools.cache  # at the first call: importing the module starts no backend
        def program() -> Callable[..., Any]:
            options = {"compiler_options": quickly_compiled(level)}
            return eqx.filter_jit(function, **options)  # type: ignore[call-overload]

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            return program()(*args, **kwargs)

        return call  # type: ignore[return-value]

    return decorate


def facts(problem: Problem) -> Facts:
    """Return the family, sizes, degree and continuity of a problem; a Gaussian's num_classes is 0."""
    distribution = problem.distribution()
    classes = distribution.num_classes if isinstance(distribution, AbstractDiscrete) else 0
    degree = getattr(problem, "degree", None)
    continuous = getattr(problem, "continuous", degree is not None)
    return Facts(problem.family, distribution.dimension, classes, degree, continuous)


def draws(seed: int, start: int, *shape: int) -> Float[np.ndarray, "..."]:
    """Return N(0, 1) numbers that belong to a problem's seed: the same ones in every process."""
    count = int(np.prod(shape))
    return normal(words_on_host(run_keys(seed, 0), Role.NOISE, start, count)).reshape(shape)


def check_at_least(least: int, **values: Any) -> None:
    """Raise ValueError where a value is below the least one."""
    for name, value in values.items():
        if not value >= least:
            raise ValueError(f"{name} must be at least {least}, got {value}: give a larger number")


def traced(tree: Any) -> Any:
    """Return a module with its floats as arrays, so that one compiled program serves all their values."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if isinstance(leaf, float) else leaf, tree)
