import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost
from ._distributions import AbstractDiscrete
from ._relaxation import AbstractRelaxed, cost_through


class StraightThroughGumbelSoftmax(AbstractRelaxed):
    """The cost's gradient at the hard sample, times the Jacobian of the relaxed one: ∇f(D)·∂softmax((l + g)/τ)/∂l.

    D is the argmax of the same l + g.

    Calls: one of f's gradient a sample. Biased, on linear costs too. Jang, Gu & Poole (2017), section 2.2.

    Args:
        num_samples: see AbstractEstimator.
        temperature: τ.

    Raises:
        ValueError: the temperature is not positive.
    """

    def single(self, key: PRNGKeyArray, distribution: AbstractDiscrete, cost: Cost) -> Float[Array, ""]:
        """Return f(D), differentiated through the relaxed sample."""
        to_sample, to_cost = jax.random.split(key)
        noisy = distribution.perturb(to_sample)
        soft = distribution.soften(noisy, self.temperature)
        return cost_through(to_cost, cost, distribution.harden(noisy), soft)
