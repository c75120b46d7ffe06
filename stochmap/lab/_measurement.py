"""Simulating an estimator many times: its mean, its variance and how well both are known."""

import functools
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray
from scipy import special

from stochmap.estimators import AbstractDiscrete, AbstractEstimator, gradient
from stochmap.estimators._distributions import MOST_OUTCOMES

from ._problem import Problem, compiled, traced

FALSE_ALARM = 1e-6
"""The chance that one parameter of an unbiased estimator is called biased."""

_LIMIT = -float(special.ndtri(FALSE_ALARM / 2))
"""The |z| of that chance, 4.89. A bias of 10 standard errors is missed with probability Φ(4.89 − 10) = 2e-7."""

_FLOAT_FLOOR = 1e-12
"""Rounding, relative to the largest parameter of the gradient: what a standard error of 0 is compared with."""

_WORK = 1 << 16
"""Numbers in a block: repeats × parameters × samples that are worked on at once, so that they stay in cache."""

_LISTED = 1 << 23
"""Repeats × outcomes in a block, 64 MB in float64: estimators without replacement list all outcomes."""


class Measurement(NamedTuple):
    """What was seen of an estimator, for each parameter of the distribution: float64[parameters]."""

    mean: np.ndarray
    standard_error: np.ndarray
    variance: np.ndarray
    variance_standard_error: np.ndarray
    repeats: int
    seconds: float
    """Core time of one estimate among many, compilation left out."""


def measure(
    problem: Problem, estimator: AbstractEstimator, key: PRNGKeyArray, repeats: int, warm_up: int = 0
) -> Measurement:
    """Make ``repeats`` independent estimates and return their moments.

    One compiled program: blocks of vmapped estimates, one block after the other, with the sums of the first four powers
    of (estimate − centre) in float64; the centre is the first block's mean. Estimate i has the stream (key, i). The
    standard error of the variance s² is √((m₄ − s⁴)/n). A state first learns from ``warm_up`` estimates, one after the
    other, and then stays as it is.

    Raises:
        ValueError: repeats outside 2 … 2³² − 1, JAX's 64-bit mode is off, or the estimator does not serve the problem.
    """
    if not 2 <= repeats < 1 << 32:
        raise ValueError(f"repeats must be at least 2 and below 2^32, got {repeats}: a variance takes two")
    if not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        raise ValueError("moments are summed in float64: set jax.config.update('jax_enable_x64', True) first")
    block = min(_block(jax.eval_shape(problem.distribution), estimator.num_samples), max(16, repeats))
    problem, estimator = traced(problem), traced(estimator)
    to_warm_up, to_measure = jax.random.split(key)
    state = settled_state(problem, estimator, to_warm_up, warm_up)
    run = functools.partial(_sums, problem, estimator, state, to_measure, block=block)
    jax.block_until_ready(run(repeats=jnp.asarray(0)))  # compiles
    start = time.process_time()
    centre, sums = jax.tree.map(np.asarray, run(repeats=jnp.asarray(repeats)))
    seconds = time.process_time() - start
    return _moments(centre, sums, repeats, seconds / repeats)


def _block(distribution: Any, num_samples: int) -> int:
    """Return how many estimates are made at once."""
    parameters = sum(leaf.size for leaf in jax.tree.leaves(distribution))
    outcomes = distribution.num_outcomes if isinstance(distribution, AbstractDiscrete) else 1
    listed = outcomes if outcomes <= MOST_OUTCOMES else 1  # some estimators list them for every estimate
    return max(16, min(4096, _WORK // (parameters * num_samples), _LISTED // listed))


def is_unbiased(
    bias: Float[np.ndarray, "parameters"],
    standard_error: Float[np.ndarray, "parameters"],
    exact: Float[np.ndarray, "parameters"],
) -> np.ndarray:
    """Say for each parameter whether its bias may be chance: |bias| ≤ 4.89 standard errors + 1e-12·max|exact|.

    An unbiased parameter is called biased with probability FALSE_ALARM, one whose bias is 10 standard errors is called
    unbiased with probability 2e-7.
    """
    return np.abs(bias) <= _LIMIT * standard_error + _FLOAT_FLOOR * np.abs(exact).max(initial=0.0)


def settled_state(problem: Problem, estimator: AbstractEstimator, key: PRNGKeyArray, steps: int) -> Any:
    """Return an estimator's state after ``steps`` estimates at the problem's distribution."""
    empty = jax.eval_shape(estimator.init, jax.eval_shape(problem.distribution))
    return _settled(problem, estimator, key, steps) if jax.tree.leaves(empty) else empty


@compiled(0)
def _settled(problem: Problem, estimator: AbstractEstimator, key: PRNGKeyArray, steps: int) -> Any:
    distribution = problem.distribution()

    def step(state: Any, each: PRNGKeyArray) -> tuple[Any, None]:
        return gradient(estimator, each, distribution, problem, state)[1], None

    return jax.lax.scan(step, estimator.init(distribution), jax.random.split(key, steps))[0]


@compiled(1)
def _sums(
    problem: Problem,
    estimator: AbstractEstimator,
    state: Any,
    key: PRNGKeyArray,
    *,
    repeats: Int[Array, ""],
    block: int,
) -> tuple[Float[Array, "parameters"], Float[Array, "4 parameters"]]:
    """Return the centre and Σ (estimate − centre)^1…4."""
    distribution = problem.distribution()

    def one(each: PRNGKeyArray) -> Float[Array, "parameters"]:
        estimate, _ = gradient(estimator, each, distribution, problem, state)
        return jnp.concatenate([jnp.ravel(leaf).astype(jnp.float64) for leaf in jax.tree.leaves(estimate)])

    def add(index: Int[Array, ""], carry: tuple[Array, Array]) -> tuple[Array, Array]:
        centre, sums = carry
        numbers = index * block + jnp.arange(block)
        estimates = jax.vmap(lambda number: one(jax.random.fold_in(key, number)))(numbers)
        centre = jnp.where(index == 0, estimates.mean(axis=0), centre)
        counted = (numbers < repeats)[:, None]
        deviation = jnp.where(counted, estimates - centre[None], 0.0)
        return centre, sums + jnp.stack([jnp.sum(deviation**power, axis=0) for power in (1, 2, 3, 4)])

    size = sum(leaf.size for leaf in jax.tree.leaves(distribution))
    return jax.lax.fori_loop(0, (repeats + block - 1) // block, add, (jnp.zeros(size), jnp.zeros((4, size))))


def _moments(centre: np.ndarray, sums: np.ndarray, repeats: int, seconds: float) -> Measurement:
    first, second, third, fourth = sums / repeats
    central2 = np.maximum(second - first**2, 0.0)
    central4 = np.maximum(fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4, 0.0)
    variance = central2 * repeats / (repeats - 1)
    return Measurement(
        mean=centre + first,
        standard_error=np.sqrt(variance / repeats),
        variance=variance,
        variance_standard_error=np.sqrt(np.maximum(central4 - central2**2, 0.0) / repeats),
        repeats=repeats,
        seconds=seconds,
    )
