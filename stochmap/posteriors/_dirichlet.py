from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.special import gammaln
from jaxtyping import Array, Float, PRNGKeyArray
from scipy import special

from stochmap.mappings import CategoricalMapping
from stochmap.sampling import Counts

from ._abstract import (
    AbstractPosterior,
    Interval,
    check_label,
    check_positive,
    check_statistics,
    host,
    tails,
)


class Dirichlet(AbstractPosterior):
    """Independent Dirichlet rows: p(· | x) ~ Dirichlet(concentration_x), conjugate to counts.

    Gelman et al., Bayesian Data Analysis (3rd ed.), section 3.4.

    Raises:
        ValueError: a concentration is not positive (where they are known, not traced).
    """

    concentration: Float[Array, "*runs x y"] | Float[np.ndarray, "*runs x y"]

    def __check_init__(self) -> None:
        given = self.concentration
        if isinstance(given, np.ndarray | jax.Array) and not isinstance(given, Tracer):
            values = np.ravel(given)
            for wrong in values[~((values > 0.0) & np.isfinite(values))][:1]:
                check_positive("concentration", wrong)

    @classmethod
    def prior(cls, concentration: float, num_x: int, num_y: int) -> "Dirichlet":
        """Return the symmetric prior, float64.

        Raises:
            ValueError: the concentration is not positive.
        """
        check_positive("concentration", concentration)
        return cls(jnp.full((num_x, num_y), concentration, dtype=jnp.float64))

    @property
    def natural_parameters(self) -> Float[Array, "*runs x y"]:
        """The concentration: natural in the exponential family over ∏ 1/p_y, whose sufficient statistics are ln p."""
        return jnp.asarray(self.concentration)

    @property
    def mean(self) -> Float[Array, "*runs x y"]:
        """E p_xy = a_xy/A_x, A_x the row's sum."""
        a = jnp.asarray(self.concentration)
        return a / a.sum(axis=-1, keepdims=True)

    def update(self, x: Any, y: Any) -> "Dirichlet":
        """Add 1 to concentration_xy.

        Raises:
            ValueError: x or y is out of range.
        """
        num_x, num_y = self.concentration.shape
        check_label("x", x, num_x)
        check_label("y", y, num_y)
        return Dirichlet(jnp.asarray(self.concentration).at[x, y].add(1.0))

    def update_all(self, statistics: Counts) -> "Dirichlet":
        """Add the counts.

        Raises:
            ValueError: there are none.
        """
        check_statistics(statistics)
        return Dirichlet(self.concentration + statistics.n)

    def merge(self, other: "Dirichlet", prior: "Dirichlet") -> "Dirichlet":
        """Add the concentrations, and take the prior off that was counted twice."""
        return Dirichlet(self.concentration + other.concentration - prior.concentration)

    def forget(self, prior: "Dirichlet", kept: Float[Array, "x"]) -> "Dirichlet":
        """Return kept·a + (1 − kept)·a_prior."""
        share = kept[..., None]
        return Dirichlet(share * self.concentration + (1.0 - share) * prior.concentration)

    def num_samples(self, prior: "Dirichlet") -> Float[Array, "*runs x"]:
        """Return Σ_y (a − a_prior)."""
        return (jnp.asarray(self.concentration) - prior.concentration).sum(axis=-1)

    def log_evidence(self, statistics: Counts) -> Float[Array, "*runs x"]:
        """Return lnΓ(A) − lnΓ(A + n) + Σ_y [lnΓ(a_y + c_y) − lnΓ(a_y)] for every row, in nats.

        It is that of the observations in their order: no multinomial coefficient.

        Raises:
            ValueError: there are none.
        """
        check_statistics(statistics)
        a, c = jnp.asarray(self.concentration), jnp.asarray(statistics.n)
        total, n = a.sum(axis=-1), c.sum(axis=-1)
        return gammaln(total) - gammaln(total + n) + (gammaln(a + c) - gammaln(a)).sum(axis=-1)

    def predictive(self) -> CategoricalMapping:
        """Return the categorical distribution with probabilities a_xy/A_x."""
        return self.to_mapping()

    def interval(self, level: float) -> dict[str, Interval]:
        """Return quantiles of the marginals p_xy ~ Beta(a_xy, A_x − a_xy).

        Raises:
            ValueError: the level lies outside (0, 1).
        """
        below, above = tails(level)
        a, rest = self._marginals()
        if a.shape[-1] == 1:
            return {"probability": Interval(np.ones_like(a), np.ones_like(a))}
        # A quantile costs ten times a look-up, and tables of counts have few different marginals.
        pairs, place = np.unique(a.ravel() + 1j * rest.ravel(), return_inverse=True)
        ends = (special.betaincinv(pairs.real, pairs.imag, tail)[place].reshape(a.shape) for tail in (below, above))
        return {"probability": Interval(*ends)}

    def cdf(self, parameters: dict[str, Any]) -> dict[str, Float[np.ndarray, "*runs x y"]]:
        """Return the Beta(a_xy, A_x − a_xy) distribution functions at ``probability``."""
        a, rest = self._marginals()
        return {"probability": special.betainc(a, rest, host(parameters["probability"]))}

    def _marginals(self) -> tuple[np.ndarray, np.ndarray]:
        a = host(self.concentration)
        return a, a.sum(axis=-1, keepdims=True) - a

    def sample(self, key: PRNGKeyArray) -> CategoricalMapping:
        """Draw one table; logits are logarithms of independent Gamma(a_xy) variates."""
        return CategoricalMapping(jax.random.loggamma(key, jnp.asarray(self.concentration)))

    def mode(self) -> CategoricalMapping:
        """Return (a_xy − 1)/(A_x − k); NaN for a row with some a < 1 or all a = 1, which has no single mode."""
        excess = jnp.asarray(self.concentration) - 1.0
        single = (excess >= 0.0).all(axis=-1, keepdims=True) & (excess > 0.0).any(axis=-1, keepdims=True)
        return CategoricalMapping(jnp.log(jnp.where(single, excess, jnp.nan)))

    def to_mapping(self) -> CategoricalMapping:
        """Return the posterior mean, a_xy/A_x."""
        return CategoricalMapping(jnp.log(self.concentration))
