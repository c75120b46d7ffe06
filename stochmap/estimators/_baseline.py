"""What the score-function estimators with a baseline share."""

from typing import ClassVar

import equinox as eqx

from ._abstract import AbstractEstimator, Problem
from ._distributions import AbstractDistribution


class AbstractBaseline(AbstractEstimator):
    """(f(x) − b)·∇ln p(x), where b does not depend on x: unbiased for every cost, since E∇ln p = 0."""

    families: ClassVar[frozenset[str]] = frozenset({"bernoulli", "categorical", "gaussian"})

    def unbiased_for(self, problem: Problem) -> bool:
        """Always."""
        return True

    def function_calls(self, distribution: AbstractDistribution) -> int:
        """One a sample."""
        return self.num_samples

    def gradient_calls(self, distribution: AbstractDistribution) -> int:
        """None."""
        return 0


class AbstractDecayingBaseline(AbstractBaseline):
    """A baseline from earlier samples, whose weight falls by ``decay`` from one estimate to the next.

    Raises:
        ValueError: decay does not lie in [0, 1).
    """

    decay: float = eqx.field(default=0.99, static=True)

    def __check_init__(self) -> None:
        if not 0.0 <= self.decay < 1.0:
            raise ValueError(f"decay must lie in [0, 1), got {self.decay}: choose a number such as 0.99")
