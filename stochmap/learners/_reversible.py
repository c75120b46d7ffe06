from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from stochmap.mappings import CategoricalMapping
from stochmap.posteriors import check_statistics
from stochmap.sampling import Counts

from ._abstract import Fit, Status

_MAX_STEPS = 200
_TOLERANCE = 1e-9
_WIDEST = 30.0  # e⁻³⁰ stands for the probability 0 of an optimum at infinity


@dataclass(frozen=True)
class Reversible:
    """Maximum likelihood among the square mappings that are reversible: π_x p(y | x) = π_y p(x | y) for some π > 0.

    With s = c + cᵀ and n the rows' totals, x_ij = π_i p_ij = s_ij/(q_i + q_j), where q = n/π solves
    Σ_j s_ij q_i/(q_i + q_j) = n_i (Bowman, Beauchamp, Boxer & Pande 2009, eq. 15): the equations of Bradley and Terry's
    model of paired comparisons, concave in ln q, solved here by Newton's steps. Where some outcomes were only left, or
    only entered, the optimum lies at infinity (status ``boundary``). A row that was neither left nor entered is
    uniform.

    Raises:
        ValueError: the mapping is not square.
    """

    needs: ClassVar = "statistics"
    families: ClassVar = frozenset({"categorical"})
    square: ClassVar = True

    def __call__(self, key: PRNGKeyArray, data: Counts) -> Fit:
        """Fit one run's counts."""
        check_statistics(data)
        num_x, num_y = data.n.shape
        if num_x != num_y:
            raise ValueError(f"reversible: the mapping is {num_x} × {num_y}: it must be square, with num_x = num_y")
        counts = jnp.asarray(data.n, dtype=jnp.float64)
        both = counts + counts.T
        end = _solve(both, counts)
        weight = both / jnp.exp(jnp.logaddexp(end.log_q[:, None], end.log_q[None]))
        seen = both.sum(axis=-1, keepdims=True) > 0
        logits = jnp.where(seen, jnp.log(weight), 0.0)
        inside = jnp.where(end.residual > _TOLERANCE, int(Status.MAX_STEPS), int(Status.CONVERGED))
        status = jnp.where(_one_way(counts > 0), int(Status.BOUNDARY), inside).astype(jnp.int32)
        return Fit(CategoricalMapping(logits), status, end.steps)


def _one_way(edge: Array) -> Array:
    """Say whether some i was followed by a j from which no path of what was seen leads back to i."""
    reach = edge.astype(jnp.float32)
    for _ in range(len(edge).bit_length()):
        reach = ((reach + reach @ reach) > 0).astype(jnp.float32)
    return (edge & (reach.T == 0)).any()


class _State(NamedTuple):
    log_q: Array
    residual: Array
    steps: Array


def _solve(both: Array, counts: Array) -> _State:
    """Maximise Σ_i w_i λ_i − ½Σ_ij s_ij ln(e^λ_i + e^λ_j) over λ = ln q, w_i how often i was left for another."""
    size = len(both)
    between = jnp.where(jnp.eye(size, dtype=bool), 0.0, both)
    left = counts.sum(axis=-1) - jnp.diagonal(counts)
    scale = jnp.maximum(between.sum(axis=-1), 1.0)

    def step(state: _State) -> _State:
        share = jax.nn.sigmoid(state.log_q[:, None] - state.log_q[None])
        slope = left - (between * share).sum(axis=-1)
        bend = between * share * share.T
        # λ is known up to a constant in each connected part: a little weight on the diagonal keeps it where it is.
        hessian = jnp.diag(bend.sum(axis=-1) + 1e-10 * scale) - bend
        move = jnp.linalg.solve(hessian, slope)
        move *= jnp.minimum(1.0, 2.0 / jnp.maximum(jnp.abs(move).max(), 1e-300))
        log_q = jnp.clip(state.log_q + move, -_WIDEST, _WIDEST)
        residual = jnp.where((log_q == state.log_q).all(), 0.0, jnp.abs(slope / scale).max())
        return _State(log_q, residual, state.steps + 1)

    def unfinished(state: _State) -> Array:
        return (state.residual > _TOLERANCE) & (state.steps < _MAX_STEPS)

    return jax.lax.while_loop(
        unfinished, step, _State(jnp.zeros(size, jnp.float64), jnp.float64(jnp.inf), jnp.int64(0))
    )
