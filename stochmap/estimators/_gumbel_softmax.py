import jax
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import Cost
from ._distributions import AbstractDiscrete
from ._relaxation import AbstractRelaxed


class GumbelSoftmax(AbstractRelaxed):
    """The gradient of a relaxed cost: ∇f(softmax((l + g)/τ)), g Gumbel noise; for bits ∇f(σ((l + noise)/τ)).

    Calls: one of f's gradient a sample, at a point that is no outcome. Biased: it is the exact gradient of another
    problem, which tends to the right one as τ → 0, while the variance grows like 1/τ. Jang, Gu & Poole (2017), eq. 2;
    Maddison, Mnih & Teh (2017), section 3.

    Args:
        num_samples: see AbstractEstimator.
        temperature: τ.

    Raises:
        ValueError: the temperature is not positive.
    """

    def single(self, key: PRNGKeyArray, distribution: AbstractDiscrete, cost: Cost) -> Float[Array, ""]:
        """Return f at a relaxed sample."""
        to_sample, to_cost = jax.random.split(key)
        return cost(to_cost, distribution.soften(distribution.perturb(to_sample), self.temperature))
