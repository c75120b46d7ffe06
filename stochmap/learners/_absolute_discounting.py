from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from stochmap.mappings import CategoricalMapping
from stochmap.posteriors import check_statistics
from stochmap.sampling import Counts

from ._abstract import Fit, Status
from ._confidence import Wilson


@dataclass(frozen=True)
class AbsoluteDiscounting:
    """Every outcome that was seen gives up the same amount d of its count to those that were not.

    A row of s seen outcomes among k gets (c − d)/n where c > 0, and d·s/(n(k − s)) where c = 0; one that saw all of
    them keeps c/n. For large sparse rows (Ney, Essen & Kneser 1994; Falahatgar et al. 2017, section 2). Without
    ``discount`` d = (N₁ + ½)/(N₁ + 2N₂ + 1), N₁ and N₂ the numbers of cells seen once and twice: Ney's N₁/(N₁ + 2N₂),
    kept inside (0, 1).

    Raises:
        ValueError: the discount lies outside (0, 1).
    """

    discount: float | None = None
    needs: ClassVar = "statistics"
    families: ClassVar = frozenset({"categorical"})

    def __post_init__(self) -> None:
        if self.discount is not None and not 0.0 < self.discount < 1.0:
            raise ValueError(f"discount must lie in (0, 1), got {self.discount}: 0.5 is usual")

    def __call__(self, key: PRNGKeyArray, data: Counts) -> Fit:
        """Fit one run's counts."""
        check_statistics(data)
        n = data.n.astype(jnp.float64)
        once, twice = (n == 1).sum(), (n == 2).sum()
        discount = (once + 0.5) / (once + 2.0 * twice + 1.0) if self.discount is None else self.discount
        seen = n > 0
        num_seen = seen.sum(axis=-1, keepdims=True)
        num_unseen = n.shape[-1] - num_seen
        freed = jnp.where(num_unseen > 0, discount, 0.0)
        # In counts, so that a row that was never visited has 0 everywhere and is left uniform.
        weight = jnp.where(seen, n - freed, discount * num_seen / jnp.maximum(num_unseen, 1))
        logits = jnp.where(num_seen > 0, jnp.log(weight), 0.0)
        return Fit(CategoricalMapping(logits), jnp.int32(Status.EXACT), jnp.int64(0), confidence=Wilson(data.n))
