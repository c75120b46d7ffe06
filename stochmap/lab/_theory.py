"""Exact bias and variance of estimators, written down from the papers' formulas and not from the estimators' code.

A finite sum over outcomes, pairs of outcomes or antithetic pairs where the randomness is discrete, a one-dimensional
quadrature where one bit or one Gaussian is relaxed. What has neither is simulated (``measure``).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stochmap.estimators import (
    AbstractDiscrete,
    AbstractEstimator,
    Arm,
    Bernoulli,
    ConstantBaseline,
    Disarm,
    Exact,
    GumbelSoftmax,
    LeaveOneOut,
    MeasureValued,
    Pathwise,
    ReinMax,
    ScoreFunction,
    StraightThrough,
    StraightThroughGumbelSoftmax,
    UnorderedSet,
)

from ._exact import exact_gradient, is_random
from ._problem import Problem, compiled, traced
from ._theory_antithetic import pair_moments
from ._theory_gaussian import gaussian_measure_valued, gaussian_pathwise, gaussian_table
from ._theory_relaxed import relaxed_bit

MOST_NUMBERS = 1 << 22
"""Outcomes (or pairs of them) × parameters that are summed over."""


class Moments(NamedTuple):
    """The exact mean and variance of one estimate, for each parameter: float64[parameters]."""

    mean: np.ndarray
    variance: np.ndarray


class Table(NamedTuple):
    """A discrete problem written out: for every outcome its chance, cost, the cost's gradient there and the score."""

    distribution: AbstractDiscrete
    samples: np.ndarray
    chance: np.ndarray
    cost: np.ndarray
    slope: np.ndarray
    score: np.ndarray


def theory(problem: Problem, estimator: AbstractEstimator) -> Moments | None:
    """Return the exact moments of one estimate, or None where no finite sum or small quadrature gives them.

    None too where the cost is random itself: its noise is in none of the formulas.
    """
    formula = _FORMULAS.get(type(estimator))
    return None if formula is None or is_random(problem) else formula(problem, estimator)


def table(problem: Problem) -> Table | None:
    """Write a discrete problem out; None where it is not discrete or too large."""
    shape = jax.eval_shape(problem.distribution)
    if not isinstance(shape, AbstractDiscrete) or shape.num_outcomes * shape.logits.size > MOST_NUMBERS:
        return None
    if shape.num_outcomes > 1 << 16:
        return None
    distribution, *parts = jax.tree.map(np.asarray, _written_out(traced(problem)))
    samples, chance, cost, slope = parts
    rows = len(chance)
    score = (samples - np.asarray(distribution.mean)).reshape(rows, -1)
    return Table(distribution, samples, chance, cost, slope.reshape(rows, -1), score)


@compiled(0)
def _written_out(problem: Problem) -> tuple[Any, ...]:
    distribution = problem.distribution()
    assert isinstance(distribution, AbstractDiscrete)
    samples, chance = distribution.enumerate()
    cost, slope = jax.vmap(jax.value_and_grad(lambda sample: problem(jax.random.key(0), sample)))(samples)
    return distribution, samples, chance, cost, slope


def from_values(chance: np.ndarray, values: np.ndarray, copies: int = 1) -> Moments:
    """Return the moments of the mean of ``copies`` independent estimates with these values[outcomes, parameters]."""
    mean = chance @ values
    return Moments(mean, chance @ (values - mean) ** 2 / copies)


def _exact(problem: Problem, estimator: Any) -> Moments:
    gradient = exact_gradient(problem)
    return Moments(gradient, np.zeros_like(gradient))


def _scored(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return chance, cost and score of every outcome, or of every quadrature node of one Gaussian."""
    found = table(problem)
    return gaussian_table(problem) if found is None else (found.chance, found.cost, found.score)


def _score_function(problem: Problem, estimator: ScoreFunction | ConstantBaseline) -> Moments | None:
    found = _scored(problem)
    if found is None:
        return None
    chance, cost, score = found
    baseline = estimator.baseline if isinstance(estimator, ConstantBaseline) else 0.0
    return from_values(chance, (cost - baseline)[:, None] * score, estimator.num_samples)


def _leave_one_out(problem: Problem, estimator: LeaveOneOut) -> Moments | None:
    """The sample covariance of cost and score: var = μ₂₂/n − (n−2)σ₁₂²/(n(n−1)) + σ₁²σ₂²/(n(n−1))."""
    found = _scored(problem)
    if found is None:
        return None
    (chance, cost, score), n = found, estimator.num_samples
    excess = cost - chance @ cost
    mean = chance @ (excess[:, None] * score)
    both, squares = chance @ (excess[:, None] * score) ** 2, (chance @ excess**2) * (chance @ score**2)
    return Moments(mean, both / n + (squares - (n - 2) * mean**2) / (n * (n - 1)))


def _unordered_pair(problem: Problem, estimator: UnorderedSet) -> Moments | None:
    """For two outcomes i, j: (1−p_i)(1−p_j)/(2−p_i−p_j)·(f_i−f_j)(s_i−s_j), at p_i p_j/(1−p_i) + p_i p_j/(1−p_j)."""
    found = table(problem)
    if found is None or estimator.num_samples != 2 or found.score.size * len(found.chance) > MOST_NUMBERS:
        return None
    first, second = np.triu_indices(len(found.chance), 1)
    p, q = found.chance[first], found.chance[second]
    difference = (found.cost[first] - found.cost[second])[:, None] * (found.score[first] - found.score[second])
    scale = (1 - p) * (1 - q) / (2 - p - q)
    return from_values(p * q * (1 / (1 - p) + 1 / (1 - q)), scale[:, None] * difference)


def _measure_valued(problem: Problem, estimator: MeasureValued) -> Moments | None:
    """p_j(1−p_j)·(f(z with z_d = j) − f(z)) over the outcomes z with z_d ≠ j."""
    found = table(problem)
    if found is None:
        moments = gaussian_measure_valued(problem)
        return None if moments is None else Moments(moments[0], moments[1] / estimator.num_samples)
    shape = found.distribution.logits.shape
    dimension, classes = shape[0], (shape[1] if len(shape) == 2 else 2)
    costs = found.cost.reshape([classes] * dimension)
    chances = found.chance.reshape([classes] * dimension)
    probability = np.asarray(found.distribution.mean)
    mean, variance = np.zeros(shape), np.zeros(shape)
    for place in np.ndindex(*shape):
        d, j = place[0], (place[1] if len(shape) == 2 else 1)
        p = probability[place]
        # −f where class j is not hot, so that the difference is f(j) − f(i)
        difference = np.take(costs, [j], axis=d) - np.delete(costs, j, axis=d)
        weight = np.delete(chances, j, axis=d) / (1 - p)
        moments = from_values(weight.ravel(), p * (1 - p) * difference.reshape(-1, 1), estimator.num_samples)
        mean[place], variance[place] = moments.mean[0], moments.variance[0]
    return Moments(mean.ravel(), variance.ravel())


def _antithetic(problem: Problem, estimator: Arm | Disarm) -> Moments | None:
    """ARM: (f(b′) − f(b))(u − ½); DisARM: the same with u integrated out given b and b′."""
    found = table(problem)
    if found is None or not isinstance(found.distribution, Bernoulli):
        return None
    theta = np.asarray(found.distribution.mean)
    if 3 ** len(theta) * len(theta) > MOST_NUMBERS:
        return None
    mean, second = pair_moments(theta, found.cost, integrated=isinstance(estimator, Disarm))
    return Moments(mean, (second - mean**2) / estimator.repetitions)


def _jacobian_times(found: Table, mean: np.ndarray) -> np.ndarray:
    """Return J(mean)·slope for every outcome: [outcomes, parameters]."""
    slope = found.slope.reshape(found.samples.shape)
    if isinstance(found.distribution, Bernoulli):
        return mean * (1 - mean) * slope
    product = mean * (slope - np.sum(mean * slope, axis=-1, keepdims=True))
    return product.reshape(len(found.chance), -1)


def _straight_through(problem: Problem, estimator: StraightThrough) -> Moments | None:
    found = table(problem)
    if found is None:
        return None
    return from_values(found.chance, _jacobian_times(found, np.asarray(found.distribution.mean)), estimator.num_samples)


def _reinmax(problem: Problem, estimator: ReinMax) -> Moments | None:
    found = table(problem)
    if found is None:
        return None
    logits = jnp.asarray(found.distribution.logits / estimator.temperature)
    tempered = type(found.distribution)(logits)
    middle = 0.5 * (np.asarray(tempered.mean) + found.samples)
    values = 2.0 * _jacobian_times(found, middle) - 0.5 * _jacobian_times(found, np.asarray(found.distribution.mean))
    return from_values(found.chance, values, estimator.num_samples)


def _relaxed(problem: Problem, estimator: GumbelSoftmax | StraightThroughGumbelSoftmax) -> Moments | None:
    hard = isinstance(estimator, StraightThroughGumbelSoftmax)
    moments = relaxed_bit(problem, estimator.temperature, hard=hard)
    return None if moments is None else Moments(moments[0], moments[1] / estimator.num_samples)


def _pathwise(problem: Problem, estimator: Pathwise) -> Moments | None:
    found = gaussian_pathwise(problem)
    return None if found is None else from_values(*found, estimator.num_samples)


_FORMULAS: Mapping[type, Callable[[Problem, Any], Moments | None]] = {
    Exact: _exact,
    ScoreFunction: _score_function,
    ConstantBaseline: _score_function,
    LeaveOneOut: _leave_one_out,
    UnorderedSet: _unordered_pair,
    MeasureValued: _measure_valued,
    Arm: _antithetic,
    Disarm: _antithetic,
    StraightThrough: _straight_through,
    ReinMax: _reinmax,
    GumbelSoftmax: _relaxed,
    StraightThroughGumbelSoftmax: _relaxed,
    Pathwise: _pathwise,
}
