from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from stochmap.mappings import CategoricalMapping, GaussianMapping
from stochmap.posteriors import check_statistics
from stochmap.sampling import Counts, Moments, Statistics

from ._abstract import Fit, Status
from ._confidence import Classical, Wilson


@dataclass(frozen=True)
class MaximumLikelihood:
    """The closed form: counts/n for a table, the sample's mean and std (divisor n) for Gaussians.

    A row that was never seen is left uniform (a Gaussian: mean 0, std 1); it carries no information and is never
    scored as learned.
    """

    needs: ClassVar = "statistics"
    families: ClassVar = frozenset({"categorical", "gaussian"})

    def __call__(self, key: PRNGKeyArray, data: Statistics) -> Fit:
        """Fit one run's statistics."""
        check_statistics(data)
        closed = {"status": jnp.int32(Status.EXACT), "steps": jnp.int64(0)}
        if isinstance(data, Counts):
            seen = data.num_samples[..., None] > 0
            logits = jnp.where(seen, jnp.log(data.n.astype(jnp.float64)), 0.0)
            return Fit(CategoricalMapping(logits), confidence=Wilson(data.n), **closed)
        assert isinstance(data, Moments)
        seen = data.n > 0
        std = jnp.where(seen, jnp.sqrt(data.m2 / jnp.maximum(data.n, 1)), 1.0)
        return Fit(GaussianMapping(data.mean, std), confidence=Classical(data.n, data.mean, data.m2), **closed)
