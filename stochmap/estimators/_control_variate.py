"""What REBAR and RELAX share: a control variate of the noisy logits, adapted to the variance of the estimates."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost
from ._distributions import AbstractDiscrete, AbstractDistribution
from ._evaluation import linear, score

ControlVariate = Callable[[Any, Array], Float[Array, ""]]
"""c(parameters, noisy logits)."""


class Adapted(NamedTuple):
    """The control variate's parameters, and its optimizer's state."""

    parameters: Any
    optimizer: Any


def check_learning_rate(learning_rate: float) -> None:
    """Raise ValueError unless the learning rate is 0 or positive."""
    if not 0.0 <= learning_rate < float("inf"):
        raise ValueError(f"learning_rate must be finite and at least 0, got {learning_rate}: 0 freezes the state")


def adapted(parameters: Any, learning_rate: float) -> Adapted:
    """Return the state to start from."""
    return Adapted(parameters, optax.adam(learning_rate).init(parameters))


def controlled_surrogate(
    key: PRNGKeyArray,
    distribution: AbstractDiscrete,
    cost: Cost,
    control: Callable[[PRNGKeyArray], ControlVariate],
    state: Adapted,
    num_samples: int,
    learning_rate: float,
) -> tuple[Float[Array, ""], Adapted]:
    """Return the surrogate of the mean of (f(b) − c(z̃))·∇ln p(b) + ∇c(z) − ∇c(z̃), and the state after a step.

    b = harden(z), z̃ ~ p(z | b). The step of Adam is on Σ_j g_j², g one sample's estimate: its mean is the variance and
    a constant, as E g does not depend on c (Grathwohl et al. 2018, section 3). f and c get the same key.
    """

    def estimate(parameters: Any, key: PRNGKeyArray) -> AbstractDistribution:
        to_noise, to_conditional, to_cost = jax.random.split(key, 3)
        fixed = distribution.stopped()
        sample = fixed.harden(fixed.perturb(to_noise))
        c = control(to_cost)

        def difference(at: AbstractDiscrete) -> tuple[Float[Array, ""], Float[Array, ""]]:
            given = c(parameters, at.perturb_given(to_conditional, sample))
            return c(parameters, at.perturb(to_noise)) - given, given

        slope, given = jax.grad(difference, has_aux=True)(fixed)
        excess = cost(to_cost, sample) - given
        return jax.tree.map(lambda a, b: a + excess * b, slope, score(fixed, sample))

    def estimates(parameters: Any) -> AbstractDistribution:
        keys = jax.random.split(key, num_samples)
        return jax.vmap(lambda each: estimate(parameters, each))(keys)

    def spread(parameters: Any) -> tuple[Float[Array, ""], AbstractDistribution]:
        each = estimates(parameters)
        return jax.tree.reduce(jnp.add, jax.tree.map(lambda leaf: jnp.sum(leaf**2), each)) / num_samples, each

    fixed = jax.lax.stop_gradient(state)
    if learning_rate == 0.0:
        each, after = estimates(fixed.parameters), fixed
    else:
        slope, each = jax.grad(spread, has_aux=True)(fixed.parameters)
        updates, optimizer = optax.adam(learning_rate).update(slope, fixed.optimizer)
        after = Adapted(optax.apply_updates(fixed.parameters, updates), optimizer)
    mean = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), each)
    return linear(distribution, mean), jax.lax.stop_gradient(after)
