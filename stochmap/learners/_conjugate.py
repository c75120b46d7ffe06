from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from stochmap import posteriors
from stochmap.sampling import Counts, Moments

from ._abstract import Fit, Status


@dataclass(frozen=True)
class Dirichlet:
    """The exact posterior of a table under a Dirichlet prior for every row.

    The fit is its mean, (c + a)/(n + Σa).

    Args:
        concentration: a, the same for every outcome, under the ``symmetric`` prior: ½ unless it is given.
        prior: ``symmetric``, or the name of a rule in ``posteriors.PRIORS``; ``empirical_bayes`` fits a to the run's
            own counts, and its intervals take the fitted value as known; its status is ``boundary`` where the fit ends
            at an end of 0.001 … 1e6, or where no row tells anything, else ``converged``.

    Raises:
        ValueError: the concentration is not positive, or stands beside a rule; or the rule is unknown.
    """

    concentration: float | None = None
    prior: str = "symmetric"
    needs: ClassVar = "statistics"
    families: ClassVar = frozenset({"categorical"})

    def __post_init__(self) -> None:
        if self.prior not in ("symmetric", *posteriors.PRIORS):
            raise ValueError(f"unknown prior {self.prior!r}: choose one of symmetric, {', '.join(posteriors.PRIORS)}")
        if self.prior == "symmetric":
            concentration = 0.5 if self.concentration is None else self.concentration
            posteriors.check_positive("concentration", concentration)
            object.__setattr__(self, "concentration", concentration)
        elif self.concentration is not None:
            raise ValueError(f"concentration is that of the symmetric prior, got {self.concentration}: leave it out")

    def __call__(self, key: PRNGKeyArray, data: Counts) -> Fit:
        """Fit one run's counts."""
        if self.concentration is not None:
            return _fit(posteriors.Dirichlet.prior(self.concentration, *data.n.shape).update_all(data))
        prior = posteriors.Dirichlet(posteriors.PRIORS[self.prior](data))
        status: Any = Status.EXACT
        if self.prior == "empirical_bayes":
            inside = posteriors.inside_strengths(data, prior.concentration)
            status = jnp.where(inside, int(Status.CONVERGED), int(Status.BOUNDARY))
        return _fit(prior.update_all(data), status)


@dataclass(frozen=True)
class NormalInverseGamma:
    """The exact posterior of Gaussians under a normal-inverse-gamma prior.

    The fit has the mean and the variance of the posterior predictive.

    Raises:
        ValueError: kappa, alpha or beta is not positive, or the mean is not finite.
    """

    mean: float = 0.0
    kappa: float = 1.0
    alpha: float = 2.0
    beta: float = 1.0
    needs: ClassVar = "statistics"
    families: ClassVar = frozenset({"gaussian"})

    def __post_init__(self) -> None:
        posteriors.check_normal_inverse_gamma(self.mean, self.kappa, self.alpha, self.beta)

    def __call__(self, key: PRNGKeyArray, data: Moments) -> Fit:
        """Fit one run's moments."""
        prior = posteriors.NormalInverseGamma.prior(self.mean, self.kappa, self.alpha, self.beta, len(data.n))
        return _fit(prior.update_all(data))


def _fit(posterior: posteriors.AbstractPosterior, status: Any = Status.EXACT) -> Fit:
    return Fit(posterior.to_mapping(), jnp.int32(status), jnp.int64(0), posterior=posterior)
