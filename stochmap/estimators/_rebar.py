import math
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._abstract import AbstractEstimator, Cost, Problem
from ._control_variate import Adapted, ControlVariate, adapted, check_learning_rate, controlled_surrogate
from ._distributions import AbstractDiscrete, AbstractDistribution
from ._relaxation import check_temperature


class Relaxation(NamedTuple):
    """REBAR's own parameters: ln τ, and the scale η."""

    log_temperature: Float[Array, ""]
    scale: Float[Array, ""]


class Rebar(AbstractEstimator):
    """The score function with the relaxed cost as its control variate, and that one's gradient put back.

    (f(b) − ηf(s̃))·∇ln p(b) + η∇f(s) − η∇f(s̃), where s = softmax(z/τ) of the noisy logits z, b their hard sample, and s̃
    the same of z̃ ~ p(z | b), differentiated through l at fixed b. τ and η are adapted to the variance of the estimates
    so far: unbiased given the state.

    Calls: one of f and two of its gradient a sample; adapting takes as much again, and a second derivative, and is left
    out where learning_rate is 0. Unbiased for every cost that is differentiable between the outcomes. Tucker et al.
    (2017), section 3.

    Args:
        num_samples: see AbstractEstimator.
        temperature: τ at the start.
        scale: η at the start.
        learning_rate: of Adam on (ln τ, η); 0 freezes them.

    Raises:
        ValueError: the temperature is not positive, or the learning rate negative.
    """

    temperature: float = eqx.field(default=0.5, static=True)
    scale: float = eqx.field(default=1.0, static=True)
    learning_rate: float = eqx.field(default=0.01, static=True)
    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical"})

    def __check_init__(self) -> None:
        check_temperature(self.temperature)
        check_learning_rate(self.learning_rate)

    def init(self, distribution: AbstractDiscrete) -> Adapted:
        """Return τ and η as given."""
        kind = distribution.logits.dtype
        start = Relaxation(jnp.asarray(math.log(self.temperature), kind), jnp.asarray(self.scale, kind))
        return adapted(start, self.learning_rate)

    def surrogate(
        self, key: PRNGKeyArray, distribution: AbstractDiscrete, cost: Cost, state: Adapted
    ) -> tuple[Float[Array, ""], Adapted]:
        """Return ⟨estimate, logits⟩, and the state with τ and η adapted."""

        def control(to_cost: PRNGKeyArray) -> ControlVariate:
            def relaxed_cost(parameters: Relaxation, z: Array) -> Float[Array, ""]:
                soft = distribution.soften(z, jnp.exp(parameters.log_temperature))
                return parameters.scale * cost(to_cost, soft)

            return relaxed_cost

        return controlled_surrogate(key, distribution, cost, control, state, self.num_samples, self.learning_rate)

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """Two a sample."""
        return 2 * self.num_samples
