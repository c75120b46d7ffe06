from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from stochmap.streams import Keys, Role, words_on_host
from stochmap.variates import normal

from ._table import CategoricalTable, require, require_size, uniform_inputs


@dataclass(frozen=True)
class DriftingLogits:
    """A table of normal logits that changes while it is sampled: a stationary random walk over parts of the dataset.

    In part t p(y | x) = softmax(scale·z_t)_y with z_0 ~ Normal(0, 1) and z_t = ρ z_{t−1} + √(1 − ρ²)·Normal(0, 1),
    ρ = 1 − ``drift``; all parts have the same number of rows (± 1). The truth that learners are scored on is that of
    the last part.

    Raises:
        ValueError: a size or ``parts`` below 1, a drift outside 0 … 1, or a negative scale.
    """

    num_x: int
    num_y: int
    parts: int = 16
    drift: float = 0.05
    scale: float = 1.0
    family: ClassVar[Literal["categorical"]] = "categorical"

    def __post_init__(self) -> None:
        for name in ("num_x", "num_y", "parts"):
            require_size(name, getattr(self, name))
        require(0 <= self.drift <= 1, f"drift must lie in 0 … 1, got {self.drift}: 0 stands still, 1 forgets at once")
        require(0 <= self.scale < np.inf, f"scale must be non-negative and finite, got {self.scale}: 1.0 is usual")

    def draw(self, key: Keys) -> CategoricalTable:
        """Draw the tables [*runs, x, y] of keys [*runs, 2], and those of all parts."""
        cells, correlation = self.num_x * self.num_y, 1.0 - self.drift
        noise = normal(words_on_host(key, Role.TRUTH, 0, self.parts * cells))
        noise = noise.reshape(*noise.shape[:-1], self.parts, self.num_x, self.num_y)
        logits = np.empty_like(noise)
        logits[..., 0, :, :] = noise[..., 0, :, :]
        for part in range(1, self.parts):
            fresh = np.sqrt(1.0 - correlation**2) * noise[..., part, :, :]
            logits[..., part, :, :] = correlation * logits[..., part - 1, :, :] + fresh
        weights = np.exp(self.scale * (logits - logits.max(axis=-1, keepdims=True)))
        parts = weights / weights.sum(axis=-1, keepdims=True)
        return CategoricalTable(parts[..., -1, :, :], uniform_inputs(self.num_x), parts=parts)
