import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost
from ._distributions import AbstractDiscrete
from ._relaxation import AbstractRelaxed, cost_through


class GumbelRao(AbstractRelaxed):
    """Straight-through Gumbel-softmax with the Jacobian averaged over noise that gives the same hard sample D.

    ∇f(D)·1/K Σ_k ∂softmax((l + g_k)/τ)/∂l, g_k ~ p(g | D): the Jacobian is taken at fixed g_k, although the g_k are
    drawn given D and l. So its mean is straight-through Gumbel-softmax's, and its variance is less for K ≥ 2 (not for
    K = 1, where the two have one distribution).

    Calls: one of f's gradient a sample, for any K. Biased, on linear costs too. Paulus, Maddison & Krause (2021),
    section 4.

    Args:
        num_samples: see AbstractEstimator.
        temperature: τ.
        num_conditional: K.

    Raises:
        ValueError: the temperature is not positive, or num_conditional is below 1.
    """

    num_conditional: int = eqx.field(default=10, static=True)

    def __check_init__(self) -> None:
        if self.num_conditional < 1:
            raise ValueError(f"num_conditional must be at least 1, got {self.num_conditional}: give a larger number")

    def single(self, key: PRNGKeyArray, distribution: AbstractDiscrete, cost: Cost) -> Float[Array, ""]:
        """Return f(D), differentiated through the mean of the relaxed samples."""
        to_sample, to_noise, to_cost = jax.random.split(key, 3)
        fixed = distribution.stopped()
        hard = fixed.sample(to_sample)

        def relaxed(key: PRNGKeyArray) -> Array:
            noise = fixed.perturb_given(key, hard) - fixed.logits
            return distribution.soften(distribution.logits + noise, self.temperature)

        soft = jnp.mean(jax.vmap(relaxed)(jax.random.split(to_noise, self.num_conditional)), axis=0)
        return cost_through(to_cost, cost, hard, soft)
