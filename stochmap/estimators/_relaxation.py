"""What the relaxed estimators share."""

import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost


def cost_through(key: PRNGKeyArray, cost: Cost, hard: Array, soft: Array) -> Float[Array, ""]:
    """Return f(hard), differentiated as if the sample were ``soft``: the gradient is ∇f(hard)·∂soft."""
    # soft − soft is exactly 0: the cost sees the hard sample to the last bit.
    return cost(key, jax.lax.stop_gradient(hard) + (soft - jax.lax.stop_gradient(soft)))


def check_temperature(temperature: float) -> None:
    """Raise ValueError unless the temperature is positive."""
    if not temperature > 0.0:
        raise ValueError(f"temperature must be positive, got {temperature}: choose a number such as 0.5")
