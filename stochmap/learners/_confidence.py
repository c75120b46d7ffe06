import numpy as np
from jaxtyping import Array, Float, Int
from scipy import special

from stochmap.posteriors import Interval, host, tails

from ._abstract import AbstractConfidence


class Wilson(AbstractConfidence):
    """Wilson's score intervals of the cells of a table (Wilson 1927; Brown, Cai & DasGupta 2001, eq. 4).

    With p̂ = c/n and z the normal quantile: (p̂ + z²/2n ± z√(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n). A row never seen
    has [0, 1].
    """

    n: Int[Array, "*runs x y"] | Int[np.ndarray, "*runs x y"]

    def interval(self, level: float) -> dict[str, Interval]:
        """Return the interval of every cell's probability.

        Raises:
            ValueError: the level lies outside (0, 1).
        """
        square = special.ndtri(tails(level)[1]) ** 2
        count = host(self.n)
        total = count.sum(axis=-1, keepdims=True)
        # Multiplied through by n, so that n = 0 gives [0, 1] in place of 0/0.
        centre = count + 0.5 * square
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = np.where(total > 0, count * (total - count) / total, 0.0)
        half = np.sqrt(square * (variance + 0.25 * square))
        # Rounding must not push an end that is exactly 0 or 1 off it.
        lower = np.where(count == 0, 0.0, (centre - half) / (total + square))
        upper = np.where(count == total, 1.0, (centre + half) / (total + square))
        return {"probability": Interval(lower, upper)}


class Classical(AbstractConfidence):
    """The exact intervals of a Gaussian's mean (Student t) and std (χ²), n − 1 degrees each; unbounded for n < 2."""

    n: Int[Array, "*runs x"] | Int[np.ndarray, "*runs x"]
    mean: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]
    m2: Float[Array, "*runs x"] | Float[np.ndarray, "*runs x"]

    def interval(self, level: float) -> dict[str, Interval]:
        """Return the intervals of mean and std.

        Raises:
            ValueError: the level lies outside (0, 1).
        """
        below, above = tails(level)
        n, mean, m2 = host(self.n), host(self.mean), host(self.m2)
        enough = n >= 2
        freedom = np.where(enough, n - 1.0, 1.0)
        half = special.stdtrit(freedom, above) * np.sqrt(m2 / (freedom * np.maximum(n, 1.0)))
        half = np.where(enough, half, np.inf)
        lower = np.sqrt(m2 / special.chdtri(freedom, below))
        upper = np.sqrt(m2 / special.chdtri(freedom, above))
        std = Interval(np.where(enough, lower, 0.0), np.where(enough, upper, np.inf))
        return {"mean": Interval(mean - half, mean + half), "std": std}
