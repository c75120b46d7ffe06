"""Proper scores that samples of a model can estimate: what the learner ``sampled_gradient`` descends."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from stochmap.estimators import AbstractDistribution, AbstractEstimator, Bernoulli, Categorical, Cost, Gaussian
from stochmap.mappings import AbstractMapping, CategoricalMapping, GaussianMapping
from stochmap.sampling import Counts, Values


class Certificate(NamedTuple):
    """The squared distance to the score's optimum, the sampling variance beside it, and whether it lies at infinity."""

    distance: Float[Array, ""]
    variance: Float[Array, ""]
    boundary: Bool[Array, ""]


@runtime_checkable
class Score(Protocol):
    """A score of one run's data. Parameters have a leading axis of x; ``readout`` is what is averaged over steps."""

    num_x: int

    def start(self) -> Any: ...

    def distribution(self, row: Any, estimator: AbstractEstimator) -> AbstractDistribution: ...

    def hold(self, key: PRNGKeyArray, params: Any) -> Any: ...

    def cost(self, held: Any) -> Cost: ...

    def visited_only(self, slope: Any) -> Any: ...

    def readout(self, params: Any) -> Any: ...

    def loss(self, readout: Any) -> Float[Array, ""]: ...

    def certificate(self, readout: Any) -> Certificate: ...

    def mapping(self, readout: Any) -> AbstractMapping: ...


def stratified(key: PRNGKeyArray, rows: int, count: int) -> Float[Array, "rows count"]:
    """Return uniform variates, one in each of ``count`` equal parts of (0, 1), in float32 and never 0 or 1.

    Means over them are unbiased, with a variance like count⁻² and less for what is smooth, where independent ones have
    count⁻¹ (Cheng & Davenport 1989).
    """
    jitter = jax.random.uniform(key, (rows, count), jnp.float32)
    spread = (jnp.arange(count, dtype=jnp.float32)[None] + jitter) / count
    return jnp.clip(spread, 2.0**-24, 1.0 - 2.0**-24)


class Brier:
    """Of a table: E[1{z = z′}] − 2E[1{z = y}] = Σ_j p_j² − 2Σ_j p_j p̂_j; the parameters are the logits [x, y]."""

    def __init__(self, data: Counts, compared: int):
        self.num_x, self.num_y = data.n.shape
        self.n = data.num_samples
        self.compared = compared
        self.share = (data.n / jnp.maximum(self.n, 1)[:, None]).astype(jnp.float64)
        self.zero = (data.n == 0).any(axis=1) & (self.n > 0)

    def start(self) -> Float[Array, "x y"]:
        return jnp.zeros((self.num_x, self.num_y), jnp.float32)

    def distribution(self, row: Float[Array, "y"], estimator: AbstractEstimator) -> AbstractDistribution:
        if "categorical" in estimator.families:
            return Categorical(row[None])
        if "bernoulli" in estimator.families and self.num_y == 2:
            return Bernoulli(row[1:] - row[:1])
        served = ", ".join(sorted(estimator.families))
        raise ValueError(
            f"{type(estimator).__name__} serves {served}, not tables of {self.num_y} outcomes: choose another estimator"
        )

    def hold(self, key: PRNGKeyArray, params: Float[Array, "x y"]) -> Float[Array, "x y"]:
        """Return 2(mean z′ − p̂), the cost of each outcome.

        z′ by inversion of the cumulated probabilities, the last of which is 1 whatever the rounding; in float32 a
        probability is met to 6e-8.
        """
        below = jnp.cumsum(jax.nn.softmax(params)[:, :-1], axis=1)
        uniform = stratified(key, self.num_x, self.compared)
        reached = jnp.mean(uniform[:, None, :] < below[:, :, None], axis=2, dtype=jnp.float32)
        mean = jnp.diff(reached, axis=1, prepend=0.0, append=1.0)
        return 2.0 * (mean - self.share.astype(jnp.float32))

    def cost(self, held: Float[Array, "y"]) -> Cost:
        def cost(key: PRNGKeyArray, sample: Array) -> Float[Array, ""]:
            if sample.ndim == 2:
                return jnp.sum(held * sample[0])
            return held[0] + (held[1] - held[0]) * sample[0]

        return cost

    def visited_only(self, slope: Float[Array, "x y"]) -> Float[Array, "x y"]:
        return jnp.where((self.n > 0)[:, None], slope, 0.0)

    def readout(self, params: Float[Array, "x y"]) -> Float[Array, "x y"]:
        return jax.nn.softmax(params)

    def loss(self, readout: Float[Array, "x y"]) -> Float[Array, ""]:
        """Return Σ_x n_x/n (Σp² − 2Σp p̂)."""
        weight = self.n / jnp.maximum(self.n.sum(), 1)
        return jnp.sum(weight * jnp.sum(readout * (readout - 2.0 * self.share), axis=1))

    def certificate(self, readout: Float[Array, "x y"]) -> Certificate:
        each = jnp.sum((readout.astype(jnp.float64) - self.share) ** 2, axis=1)
        variance = (1.0 - jnp.sum(self.share**2, axis=1)) / jnp.maximum(self.n, 1)
        visited = self.n > 0
        return Certificate(
            jnp.sum(jnp.where(visited, each, 0.0)), jnp.sum(jnp.where(visited, variance, 0.0)), self.zero.any()
        )

    def mapping(self, readout: Float[Array, "x y"]) -> AbstractMapping:
        return CategoricalMapping(jnp.log(readout))


class Crps:
    """Of Gaussians: E|z − y| − ½E|z − z′|; the parameters are (mean, ln std) of each x.

    All is in units of each x's own values, less their mean and over their std: the score is equivariant. It starts one
    unit beside the mean, with twice the std.
    """

    def __init__(self, data: Values, compared: int):
        moments = data.moments
        self.num_x = len(moments.n)
        self.n = moments.n
        self.compared = compared
        self.spread = moments.m2 > 0
        self.centre = moments.mean
        self.unit = jnp.where(self.spread, jnp.sqrt(moments.m2 / jnp.maximum(moments.n, 1)), 1.0)
        order = jnp.lexsort((data.value, data.x))
        self.x = data.x[order]
        self.value = ((data.value - self.centre[data.x]) / self.unit[data.x])[order]
        self.end = jnp.cumsum(moments.n)
        self.begin = self.end - moments.n
        self.sums = jnp.concatenate([jnp.zeros(1), jnp.cumsum(self.value)])

    def start(self) -> tuple[Array, Array]:
        ones = jnp.ones(self.num_x, jnp.float32)
        return ones, ones * np.float32(np.log(2.0))

    def distribution(self, row: tuple[Array, Array], estimator: AbstractEstimator) -> AbstractDistribution:
        mean, log_std = row
        return Gaussian(mean[None], jnp.exp(log_std)[None])

    def hold(self, key: PRNGKeyArray, params: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        """Return z′ for each x, and where the values of each x begin and end."""
        mean, log_std = params
        noise = jax.scipy.special.ndtri(stratified(key, self.num_x, self.compared))
        return mean[:, None] + jnp.exp(log_std)[:, None] * noise, self.begin, self.end

    def cost(self, held: tuple[Array, Array, Array]) -> Cost:
        def cost(key: PRNGKeyArray, sample: Float[Array, "1"]) -> Float[Array, ""]:
            others, begin, end = held
            return self._to_data(sample[0], begin, end) - jnp.mean(jnp.abs(sample[0] - others))

        return cost

    def _to_data(self, z: Array, begin: Array, end: Array) -> Array:
        """Return the mean of |z − y| over a row's sorted values, from their running sums: ln n steps, not n."""
        low, high = begin, end
        for _ in range(len(self.value).bit_length()):
            middle = (low + high) // 2
            above = self.value.at[middle].get(mode="clip").astype(z.dtype) > jax.lax.stop_gradient(z)
            low, high = jnp.where(above | (low >= high), low, middle + 1), jnp.where(above, middle, high)
        n = jnp.maximum(end - begin, 1)
        below = (low - begin) / n
        sums = self.sums[end] + self.sums[begin] - 2.0 * self.sums[low]
        return (2.0 * below - 1.0).astype(z.dtype) * z + (sums / n).astype(z.dtype)

    def visited_only(self, slope: tuple[Array, Array]) -> tuple[Array, Array]:
        return jax.tree.map(lambda leaf: jnp.where(self.n > 0, leaf, 0.0), slope)

    def readout(self, params: tuple[Array, Array]) -> tuple[Array, Array]:
        return params[0], jnp.exp(params[1])

    def _each(self, readout: tuple[Array, Array]) -> Float[Array, "x"]:
        """Return each x's exact score, in its units: the mean of s[ω(2Φ(ω) − 1) + 2φ(ω) − 1/√π], ω = (y − mean)/s."""
        mean, std = (leaf.astype(jnp.float64) for leaf in readout)
        scaled = (self.value - mean[self.x]) / std[self.x]
        density = jax.scipy.stats.norm.pdf(scaled)
        values = std[self.x] * (scaled * (2.0 * jax.scipy.stats.norm.cdf(scaled) - 1.0) + 2.0 * density)
        total = jax.ops.segment_sum(values, self.x, self.num_x)
        return total / jnp.maximum(self.n, 1) - std / jnp.sqrt(jnp.pi)

    def loss(self, readout: tuple[Array, Array]) -> Float[Array, ""]:
        """Return Σ_x n_x/n · score_x, in the values' own units."""
        return jnp.sum(self.n * self.unit * self._each(readout)) / jnp.maximum(self.n.sum(), 1)

    def certificate(self, readout: tuple[Array, Array]) -> Certificate:
        """Compare with the optimum, which Newton's method finds from here."""
        here = jax.tree.map(lambda leaf: leaf.astype(jnp.float64), readout)
        # At least three values: with two, or all equal ones, the optimum may lie at std 0.
        told = self.spread & (self.n >= 3)
        best = jax.lax.fori_loop(0, 8, lambda _, point: self._newton(point), here)
        shift = ((here[0] - best[0]) ** 2 + 2.0 * (here[1] - best[1]) ** 2) / best[1] ** 2
        boundary = jnp.asarray((self.n > 0) & ~told)
        return Certificate(jnp.sum(jnp.where(told, self.n * shift, 0.0)), 2.0 * jnp.sum(told), boundary.any())

    def _newton(self, point: tuple[Array, Array]) -> tuple[Array, Array]:
        def total(mean: Array, std: Array) -> Array:
            return jnp.sum(self._each((mean, std)))

        slope = jax.grad(total, (0, 1))(*point)
        # Rows do not mix: the Hessian's blocks are had from its products with two vectors.
        ones, zeros = jnp.ones_like(point[0]), jnp.zeros_like(point[0])
        (aa, ab), (_, bb) = (
            jax.jvp(jax.grad(total, (0, 1)), point, tangent)[1] for tangent in ((ones, zeros), (zeros, ones))
        )
        determinant = aa * bb - ab**2
        safe = jnp.where(jnp.abs(determinant) > 0, determinant, 1.0)
        step = ((bb * slope[0] - ab * slope[1]) / safe, (aa * slope[1] - ab * slope[0]) / safe)
        std = jnp.maximum(point[1] - step[1], 0.5 * point[1])
        return point[0] - step[0], std

    def mapping(self, readout: tuple[Array, Array]) -> AbstractMapping:
        mean, std = (leaf.astype(jnp.float64) for leaf in readout)
        seen = self.n > 0
        fit = jnp.where(seen, self.centre + self.unit * mean, 0.0), jnp.where(seen, self.unit * std, 1.0)
        return GaussianMapping(*fit)
