import abc
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from stochmap import posteriors

from ._abstract import Fit, Status
from ._pair_blocks import PairBlocks


@dataclass(frozen=True)
class AbstractSequential(abc.ABC):
    """A posterior that is carried through the pairs in their order, one ``step`` for each.

    Args:
        concentration: of the symmetric Dirichlet prior, for tables.
        mean: with kappa, alpha and beta, of the normal-inverse-gamma prior, for Gaussians.
        kappa: see mean.
        alpha: see mean.
        beta: see mean.

    Raises:
        ValueError: a prior's parameter is not positive, or the mean is not finite.
    """

    concentration: float = 0.5
    mean: float = 0.0
    kappa: float = 1.0
    alpha: float = 2.0
    beta: float = 1.0
    needs: ClassVar = "pairs"
    families: ClassVar = frozenset({"categorical", "gaussian"})

    def __post_init__(self) -> None:
        posteriors.check_positive("concentration", self.concentration)
        posteriors.check_normal_inverse_gamma(self.mean, self.kappa, self.alpha, self.beta)

    @abc.abstractmethod
    def start(self, prior: posteriors.AbstractPosterior) -> Any:
        """Return what is carried, before the first pair."""
        ...

    @abc.abstractmethod
    def step(self, prior: posteriors.AbstractPosterior, state: Any, x: Array, y: Array) -> Any:
        """Return what is carried after one more pair; nothing of it changes where x is out of range."""
        ...

    @abc.abstractmethod
    def posterior(self, prior: posteriors.AbstractPosterior, state: Any, num_samples: Any) -> Any:
        """Return the posterior that the state after the last pair stands for."""
        ...

    def __call__(self, key: PRNGKeyArray, data: PairBlocks) -> Fit:
        """Fit one run's pairs."""
        prior: Any
        if data.num_y is None:
            prior = posteriors.NormalInverseGamma.prior(self.mean, self.kappa, self.alpha, self.beta, data.num_x)
        else:
            prior = posteriors.Dirichlet.prior(self.concentration, data.num_x, data.num_y)

        def one(state: Any, pair: Any) -> tuple[Any, None]:
            return self.step(prior, state, *pair), None

        state, _ = jax.lax.scan(one, self.start(prior), (data.x, data.y))
        posterior = self.posterior(prior, state, data.num_samples)
        steps = jnp.asarray(data.num_samples, dtype=jnp.int64)
        return Fit(posterior.to_mapping(), jnp.int32(Status.EXACT), steps, posterior=posterior)
