"""The one training loop: an Optax optimizer, rounds of steps, a certificate that ends it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from stochmap.sharding import any_lane

from ._abstract import History, Status

ROUND = 16
"""Steps between two looks at the certificate."""

POINTS = 50
"""Points of a fit's history, beside its end."""

_RUNNING = -1

OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "adabelief": optax.adabelief,
    "adam": optax.adam,
    "adamax": optax.adamax,
    "lion": optax.lion,
    "nadam": optax.nadam,
    "rmsprop": optax.rmsprop,
    "sgd": optax.sgd,
    "yogi": optax.yogi,
}


class Trained(NamedTuple):
    """What the loop returns: parameters, how it ended, and the losses on the way."""

    params: Any
    status: Array
    steps: Array
    history: History


class _State(NamedTuple):
    params: Any
    optimizer: Any
    round: Array
    history: Array
    status: Array
    steps: Array
    ended: Any


def _slots(rounds: int) -> np.ndarray:
    """Return each round's place in the history, POINTS for those left out: all at first, then evenly in ln step."""
    chosen = np.unique(np.round(np.geomspace(1, rounds + 1, POINTS)).astype(int)) - 1
    slots = np.full(rounds + 1, POINTS, dtype=np.int32)
    slots[chosen] = np.arange(len(chosen))
    return slots


def train(
    loss: Callable[[Any], Float[Array, ""]],
    params: Any,
    optimizer: optax.GradientTransformation,
    verdict: Callable[[Any], tuple[Bool[Array, ""], Array]],
    max_steps: int,
) -> Trained:
    """Minimise ``loss`` until ``verdict`` is satisfied or the steps run out.

    Traced, and vmapped outside over the axis LANE_AXIS, where there is more than one run: the loop goes on until all
    lanes have ended, and each lane's result is what it had when it ended itself, whatever the others still do.

    Args:
        loss: from parameters to nats per sample.
        params: where to start.
        optimizer: an Optax optimizer.
        verdict: from parameters to (done, status if done), looked at before the first step and after every ROUND steps.
        max_steps: the limit, rounded up to whole rounds.
    """
    rounds = -(-max_steps // ROUND)
    slots = _slots(rounds)

    def step(_: Any, carry: tuple[Any, Any]) -> tuple[Any, Any]:
        params, state = carry
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    def judge(params: Any, value: Array) -> Array:
        finite = jnp.isfinite(value)
        for leaf in jax.tree.leaves(params):
            finite &= jnp.isfinite(leaf).all()
        done, status = verdict(params)
        return jnp.where(finite, jnp.where(done, status, _RUNNING), int(Status.NON_FINITE)).astype(jnp.int32)

    def one_round(state: _State) -> _State:
        value = loss(state.params)
        params, optimizer_state = jax.lax.fori_loop(0, ROUND, step, (state.params, state.optimizer))
        running = state.status == _RUNNING
        slot = jnp.asarray(slots)[state.round]
        return _State(
            params,
            optimizer_state,
            state.round + 1,
            state.history.at[slot].set(value.astype(jnp.float32)),
            jnp.where(running, judge(params, value), state.status),
            jnp.where(running, (state.round + 1) * ROUND, state.steps),
            jax.tree.map(lambda new, old: jnp.where(running, new, old), params, state.ended),
        )

    def unfinished(state: _State) -> Array:
        return any_lane(state.status == _RUNNING) & (state.round < rounds)

    start = _State(
        params,
        optimizer.init(params),
        jnp.int32(0),
        jnp.full(POINTS + 1, jnp.nan, dtype=jnp.float32),
        judge(params, jnp.float32(0.0)),
        jnp.int32(0),
        params,
    )
    end = jax.lax.while_loop(unfinished, one_round, start)
    status = jnp.where(end.status == _RUNNING, int(Status.MAX_STEPS), end.status).astype(jnp.int32)
    steps = end.steps.astype(jnp.int64)
    return Trained(end.ended, status, steps, _history(end.history, slots, steps, loss(end.ended)))


def _history(losses: Array, slots: np.ndarray, steps: Array, last: Array) -> History:
    """Keep the points before the run's own end, and put its end last."""
    place = np.full(POINTS + 1, -1, dtype=np.int64)
    place[slots[slots < POINTS]] = np.flatnonzero(slots < POINTS) * ROUND
    recorded = jnp.where(jnp.asarray(place) < steps, jnp.asarray(place), -1).at[POINTS].set(steps)
    losses = losses.at[POINTS].set(last.astype(jnp.float32))
    return History(recorded, jnp.where(recorded >= 0, losses, jnp.nan))
