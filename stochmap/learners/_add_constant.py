from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from stochmap.mappings import CategoricalMapping
from stochmap.posteriors import check_positive, check_statistics
from stochmap.sampling import Counts

from ._abstract import Fit, Status
from ._confidence import Wilson


@dataclass(frozen=True)
class AddConstant:
    """Every count is raised by the same amount a: (c + a)/(n + k·a), with Wilson's intervals.

    a = 1 is Laplace's rule, ½ Krichevsky & Trofimov's; what it costs exactly is in ``metrics.limits``.

    Raises:
        ValueError: the constant is not positive.
    """

    constant: float = 1.0
    needs: ClassVar = "statistics"
    families: ClassVar = frozenset({"categorical"})

    def __post_init__(self) -> None:
        check_positive("constant", self.constant)

    def __call__(self, key: PRNGKeyArray, data: Counts) -> Fit:
        """Fit one run's counts."""
        check_statistics(data)
        mapping = CategoricalMapping(jnp.log(data.n.astype(jnp.float64) + self.constant))
        return Fit(mapping, jnp.int32(Status.EXACT), jnp.int64(0), confidence=Wilson(data.n))
