"""Are posteriors as sure as they say? Probability integral transforms, ranks, and the band that holds them.

Where truths come from the prior, every quantity of a truth is a draw from its own posterior: over runs its probability
integral transform is uniform, and so is its rank among posterior draws (Talts et al., arXiv 1804.06788). The
log-likelihood is one of the quantities, or a posterior that ignores the data would pass (Modrák et al., arXiv
2211.02383). The bands are those of Säilynoja, Bürkner & Vehtari (2022, arXiv 2103.10522). Host functions in float64.
"""

import functools
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from scipy import special

from stochmap.mappings import CategoricalMapping, GaussianMapping
from stochmap.posteriors import AbstractPosterior, tails
from stochmap.sampling import Counts, Moments, Statistics
from stochmap.truths import CategoricalTable, TruthTable

LOG_LIKELIHOOD = "log_likelihood"
"""The quantity ln p(data | mapping) of a run, beside the parameters."""


class Band(NamedTuple):
    """Where the empirical distribution function of uniform values stays, at all of some points at once."""

    size: int
    """Number of values."""
    points: Float[np.ndarray, "points"]
    lower: Int[np.ndarray, "points"]
    """The fewest values ≤ each point that are inside."""
    upper: Int[np.ndarray, "points"]
    """The most."""


class Panel(NamedTuple):
    """One quantity of one cell, over all runs."""

    quantity: str
    cell: tuple[int, ...]
    counts: Int[np.ndarray, "points"]
    """Values ≤ each point of the band."""
    inside: bool


class Check(NamedTuple):
    """All quantities against one band, whose level is Bonferroni's: they all stay inside with the level asked for."""

    band: Band
    panels: list[Panel]

    @property
    def failed(self) -> list[Panel]:
        """The panels that leave the band."""
        return [panel for panel in self.panels if not panel.inside]


def pit(posterior: AbstractPosterior, truth: TruthTable) -> dict[str, Float[np.ndarray, "..."]]:
    """Return the posterior probability that each parameter is at most the true one: exact, [*runs, x(, y)].

    Beta for probabilities, Student t for means, inverse gamma for variances (the same number as for std). For a
    posterior under the prior that truths come from, each is uniform over runs. Those of one row depend on each other.
    Where there is a single outcome its probability is certain, and has none: there is no ``probability``.
    """
    values = posterior.cdf(truth.parameters())
    if isinstance(truth, CategoricalTable) and truth.probabilities.shape[-1] == 1:
        del values["probability"]
    return values


def ranks(
    posterior: AbstractPosterior, truth: TruthTable, statistics: Statistics, keys: Any, draws: int = 99
) -> dict[str, Int[np.ndarray, "..."]]:
    """Return how many of ``draws`` posterior draws lie below the truth: of every parameter, and of the log-likelihood.

    For a posterior under the prior that truths come from, each is uniform on 0 … draws over runs; draws that equal the
    truth are counted below it with a random rank among them. The log-likelihood, [*runs], is that of all of a run's
    data; it would be seen if the posterior did not depend on them. ``keys`` are `jax.random` keys, [*runs]: a run's
    ranks depend on its own alone.

    Raises:
        ValueError: there are no draws.
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}: 99 are usual")
    found = rank_program(jnp.asarray(keys), posterior, truth.parameters(), statistics, draws=draws)
    return {name: np.asarray(values) for name, values in found.items()}


@jax.jit(static_argnames="draws")
def rank_program(
    keys: Any, posterior: AbstractPosterior, true: dict[str, Any], statistics: Statistics, *, draws: int
) -> dict[str, Int[Array, "..."]]:
    """Return the ranks, on the device where the arguments are: true parameters by name, the rest as for ``ranks``."""

    def one(
        key: PRNGKeyArray, posterior: AbstractPosterior, true: dict[str, Any], statistics: Statistics
    ) -> dict[str, Array]:
        own, ties = jax.random.split(key)
        true = {**true, LOG_LIKELIHOOD: _log_likelihood(true, statistics)}

        def add(total: dict[str, Array], key: PRNGKeyArray) -> tuple[dict[str, Array], None]:
            mapping = posterior.sample(key)
            assert isinstance(mapping, CategoricalMapping | GaussianMapping)
            drawn: dict[str, Any] = mapping.parameters()
            drawn = {**drawn, LOG_LIKELIHOOD: _log_likelihood(drawn, statistics)}
            below = {name: jnp.stack([drawn[name] < true[name], drawn[name] == true[name]]) for name in true}
            return jax.tree.map(jnp.add, total, below), None

        start = {name: jnp.zeros((2, *jnp.shape(values)), dtype=jnp.int32) for name, values in true.items()}
        total, _ = jax.lax.scan(add, start, jax.random.split(own, draws))
        # Probabilities that round to 0 or 1 on both sides: a rank of their own each, or they would all be the lowest.
        return {
            name: below + jax.random.randint(key, below.shape, 0, equal + 1, dtype=jnp.int32)
            for key, (name, (below, equal)) in zip(jax.random.split(ties, len(total)), total.items(), strict=True)
        }

    for _ in range(keys.ndim):
        one = jax.vmap(one)
    return one(keys, posterior, true, statistics)


def _log_likelihood(parameters: dict[str, Array], statistics: Statistics) -> Array:
    """Return ln p(data | parameters) but for what does not depend on them, [*runs]."""
    if isinstance(statistics, Counts):
        n = jnp.asarray(statistics.n)
        return jax.scipy.special.xlogy(n, parameters["probability"]).sum(axis=(-2, -1))
    assert isinstance(statistics, Moments)
    n, mean, m2 = (jnp.asarray(leaf) for leaf in (statistics.n, statistics.mean, statistics.m2))
    square = (m2 + n * (mean - parameters["mean"]) ** 2) / parameters["std"] ** 2
    return -(n * jnp.log(parameters["std"]) + 0.5 * square).sum(axis=-1)


def check_pit(values: dict[str, Any], level: float = 0.99, points: int = 100) -> Check:
    """Hold values that should be uniform on (0, 1), [runs, …] by quantity, against a simultaneous band.

    Every quantity of every cell is a panel of its own; cells are never pooled.

    Raises:
        ValueError: no runs, a value outside [0, 1], a level outside (0, 1), or fewer than 2 points.
    """
    return _check({name: np.asarray(array, dtype=np.float64) for name, array in values.items()}, level, points)


def check_ranks(values: dict[str, Any], draws: int, level: float = 0.99) -> Check:
    """Hold ranks among ``draws``, [runs, …] by quantity, against a band at the draws + 1 values that they can have.

    Raises:
        ValueError: as for :func:`check_pit`.
    """
    # A rank r is counted at (r + 1)/(draws + 1), where a uniform rank's distribution function is exact.
    uniform = {name: (np.asarray(array) + 1.0) / (draws + 1.0) for name, array in values.items()}
    return _check(uniform, level, draws + 1)


def _check(values: dict[str, np.ndarray], level: float, points: int) -> Check:
    tails(level)
    sizes = {len(array) for array in values.values()}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(f"every quantity needs the same number of runs, at least 1, got {sorted(sizes)}: give some")
    if not all(((array >= 0.0) & (array <= 1.0)).all() for array in values.values()):
        raise ValueError("values must lie in 0 … 1, got others or NaN: give probability integral transforms or ranks")
    found = sum(int(np.prod(array.shape[1:])) for array in values.values())
    band = ecdf_band(sizes.pop(), points, 1.0 - (1.0 - level) / found)
    panels = [_panel(band, *column) for name, array in values.items() for column in _columns(name, array)]
    return Check(band, panels)


def _columns(name: str, array: np.ndarray) -> Iterator[tuple[str, tuple[int, ...], np.ndarray]]:
    for cell in np.ndindex(array.shape[1:]):
        yield name, cell, array[(slice(None), *cell)]


def _panel(band: Band, quantity: str, cell: tuple[int, ...], values: np.ndarray) -> Panel:
    # A rank's value and its point are the same fraction: no rounding may part them.
    counts = np.searchsorted(np.sort(values), band.points * (1.0 + 1e-12), side="right")
    inside = bool(((band.lower <= counts) & (counts <= band.upper)).all())
    return Panel(quantity, cell, counts, inside)


@functools.cache
def ecdf_band(size: int, points: int, level: float) -> Band:
    """Return the band that holds the distribution function of ``size`` uniform values with at least ``level``.

    At each of i/points, 0 < i < points, the band is the central binomial interval of one probability 1 − γ, the
    smallest for which all hold together with ``level``: found by halving on the exact probability, not by simulation.
    Binomial quantiles are whole numbers, so the band holds a little more often than asked.

    Raises:
        ValueError: no values, a level outside (0, 1), or fewer than 2 points.
    """
    tails(level)
    if size < 1 or points < 2:
        raise ValueError(f"a band needs at least 1 value and 2 points, got {size} and {points}: give more")
    from scipy import stats  # half a second: not for every command

    at = np.arange(1, points) / points

    def band(gamma: float) -> Band:
        ends = (stats.binom.ppf(tail, size, at).astype(np.int64) for tail in (0.5 * gamma, 1.0 - 0.5 * gamma))
        return Band(size, at, *ends)

    # Bonferroni over the points is wide enough, and one point alone too narrow.
    enough, narrow = np.log((1.0 - level) / points), np.log(1.0 - level)
    for _ in range(24):
        middle = 0.5 * (enough + narrow)
        holds = probability_inside(band(np.exp(middle))) >= level
        enough, narrow = (middle, narrow) if holds else (enough, middle)
    return band(float(np.exp(enough)))


def probability_inside(band: Band, cdf: Float[np.ndarray, "points"] | None = None) -> float:
    """Return the probability that independent values with this distribution function at the points stay in the band.

    Uniform values if none is given; else 1 minus it is the power of the check against that fault. The numbers of
    values between the points are independent Poisson variates, given that they add up to ``size``: a chain over the
    points, each step a convolution.
    """
    from scipy import signal  # a second

    cdf = band.points if cdf is None else np.asarray(cdf, dtype=np.float64)
    rates = band.size * np.diff(cdf, prepend=0.0, append=1.0)
    inside, first = np.ones(1), 0
    for rate, low, high in zip(rates, band.lower, band.upper, strict=False):
        # From any count first … first + len − 1 to any in low … high.
        steps = np.arange(low - first - len(inside) + 1, high - first + 1)
        inside = signal.convolve(inside, _poisson(steps, rate), mode="valid")
        first = int(low)
    last = band.size - first - np.arange(len(inside))
    total = float((inside * _poisson(last, rates[-1])).sum())
    return min(1.0, max(0.0, total / float(_poisson(np.array([band.size]), float(band.size))[0])))


def _poisson(count: np.ndarray, rate: float) -> np.ndarray:
    known = np.maximum(count, 0)
    return np.where(count >= 0, np.exp(special.xlogy(known, rate) - rate - special.gammaln(known + 1.0)), 0.0)
