import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, polygamma
from jaxtyping import Array, Float, PRNGKeyArray

from stochmap import posteriors
from stochmap.sampling import Counts

from ._abstract import Fit, Status

STRENGTHS = (1e-3, 1e6)
"""The range of A: at its upper end rows are one row, at its lower end each row has one outcome."""

_MAX_STEPS = 500
_TOLERANCE = 1e-7


@dataclass(frozen=True)
class Hierarchical:
    """Rows borrow strength: p(· | x) ~ Dirichlet(A·m), where A and the common row m are fitted to all rows.

    Both maximise the evidence Σ_x ln p(c_x | A·m) (MacKay & Peto 1995), with a Dirichlet(3/2) prior on m, so that an
    outcome that no row has seen keeps a probability. The fit is the posterior mean (c + A·m)/(n_x + A). m is moved by
    Minka's fixed point ("Estimating a Dirichlet distribution", 2000, eq. 65), ln A by Newton's steps; A stays in
    STRENGTHS, and a fit that ends there has status ``boundary``.

    Its intervals are the posterior's at the fitted A and m: they take these as known, which is too narrow where rows
    are few.
    """

    needs: ClassVar = "statistics"
    families: ClassVar = frozenset({"categorical"})

    def __call__(self, key: PRNGKeyArray, data: Counts) -> Fit:
        """Fit one run's counts."""
        posteriors.check_statistics(data)
        prior = fit_row_prior(jnp.asarray(data.n))
        posterior = posteriors.Dirichlet(jnp.broadcast_to(prior.concentration, data.n.shape)).update_all(data)
        return Fit(posterior.to_mapping(), prior.status, prior.steps, posterior=posterior)


class RowPrior(NamedTuple):
    """The fitted prior of rows: concentration A·m, and how its fit ended."""

    concentration: Float[Array, "y"]
    status: Array
    steps: Array


class _State(NamedTuple):
    log_strength: Array
    base: Array
    change: Array
    steps: Array


def fit_row_prior(n: Array) -> RowPrior:
    """Fit A·m to the rows of a table of counts [x, y] by their evidence, as :class:`Hierarchical` says (traced)."""
    counts = n.astype(jnp.float64)
    total, num_y = counts.sum(axis=-1), n.shape[-1]
    low, high = (math.log(end) for end in STRENGTHS)

    def step(state: _State) -> _State:
        strength = jnp.exp(state.log_strength)
        concentration = strength * state.base
        # Expected numbers of tables, in the language of the Chinese restaurant: how often an outcome was drawn from m.
        draws = concentration * (digamma(counts + concentration[None]) - digamma(concentration)[None]).sum(axis=0)
        rows = (digamma(total + strength) - digamma(strength)).sum()
        slope = draws.sum() - strength * rows
        bend = (concentration**2 * _trigamma_rise(counts, concentration[None]).sum(axis=0)).sum()
        curvature = slope + bend - strength**2 * _trigamma_rise(total, strength).sum()
        newton = jnp.where(curvature < 0, -slope / jnp.where(curvature < 0, curvature, -1.0), jnp.sign(slope))
        moved = jnp.clip(state.log_strength + jnp.clip(newton, -1.0, 1.0), low, high)
        base = (draws + 0.5) / (draws.sum() + 0.5 * num_y)
        change = jnp.maximum(jnp.abs(moved - state.log_strength), jnp.abs(base - state.base).max())
        return _State(moved, base, change, state.steps + 1)

    def unfinished(state: _State) -> Array:
        return (state.change > _TOLERANCE) & (state.steps < _MAX_STEPS)

    pooled = counts.sum(axis=0) + 0.5
    start = _State(jnp.float64(math.log(num_y)), pooled / pooled.sum(), jnp.float64(jnp.inf), jnp.int64(0))
    end = jax.lax.while_loop(unfinished, step, start)
    at_end = (end.log_strength <= low) | (end.log_strength >= high)
    inside = jnp.where(end.change > _TOLERANCE, int(Status.MAX_STEPS), int(Status.CONVERGED))
    status = jnp.where(at_end, int(Status.BOUNDARY), inside).astype(jnp.int32)
    return RowPrior(jnp.exp(end.log_strength) * end.base, status, end.steps)


def _trigamma_rise(count: Array, concentration: Array) -> Array:
    """Return ψ'(count + concentration) − ψ'(concentration), which is not positive."""
    return polygamma(1, count + concentration) - polygamma(1, concentration)
