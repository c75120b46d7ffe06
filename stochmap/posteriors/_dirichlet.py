from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from scipy import special

from stochmap.mappings import CategoricalMapping
from stochmap.sampling import Counts

from ._abstract import AbstractPosterior, Interval, check_positive, host, tails


class Dirichlet(AbstractPosterior):
    """Independent Dirichlet rows: p(· | x) ~ Dirichlet(concentration_x), conjugate to counts.

    Gelman et al., Bayesian Data Analysis (3rd ed.), section 3.4.
    """

    concentration: Float[Array, "*runs x y"] | Float[np.ndarray, "*runs x y"]

    @classmethod
    def prior(cls, concentration: float, num_x: int, num_y: int) -> "Dirichlet":
        """Return the symmetric prior, float64.

        Raises:
            ValueError: the concentration is not positive.
        """
        check_positive("concentration", concentration)
        return cls(jnp.full((num_x, num_y), concentration, dtype=jnp.float64))

    def update(self, x: Any, y: Any) -> "Dirichlet":
        """Add 1 to concentration_xy."""
        return Dirichlet(jnp.asarray(self.concentration).at[x, y].add(1.0))

    def update_all(self, statistics: Counts) -> "Dirichlet":
        """Add the counts."""
        return Dirichlet(self.concentration + statistics.n)

    def interval(self, level: float) -> dict[str, Interval]:
        """Return quantiles of the marginals p_xy ~ Beta(a_xy, A_x − a_xy), A_x the row's sum.

        Raises:
            ValueError: the level lies outside (0, 1).
        """
        below, above = tails(level)
        a = host(self.concentration)
        rest = a.sum(axis=-1, keepdims=True) - a
        if a.shape[-1] == 1:
            return {"probability": Interval(np.ones_like(a), np.ones_like(a))}
        return {"probability": Interval(special.betaincinv(a, rest, below), special.betaincinv(a, rest, above))}

    def sample(self, key: PRNGKeyArray) -> CategoricalMapping:
        """Draw one table; logits are logarithms of independent Gamma(a_xy) variates."""
        return CategoricalMapping(jax.random.loggamma(key, jnp.asarray(self.concentration)))

    def to_mapping(self) -> CategoricalMapping:
        """Return the posterior mean, a_xy/A_x."""
        return CategoricalMapping(jnp.log(self.concentration))
