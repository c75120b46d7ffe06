"""The one training loop: an Optax optimizer, rounds of steps, a certificate that ends it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from ._abstract import History, Status

ROUND = 8
"""Steps between two looks at the certificate."""

POINTS = 50
"""Points of a fit's history, beside its end."""

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
    status: Array
    history: Array


def _slots(rounds: int) -> np.ndarray:
    """Return each round's place in the history, −1 for those left out: all at first, then evenly in the logarithm."""
    chosen = np.unique(np.round(np.geomspace(1, rounds + 1, POINTS)).astype(int)) - 1
    slots = np.full(rounds + 1, -1, dtype=np.int32)
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

    Traced and vmapped outside: a run that has ended keeps its state, whatever the others in its batch still do.

    Args:
        loss: from parameters to nats per sample.
        params: where to start.
        optimizer: an Optax optimizer.
        verdict: from parameters to (done, status if done), looked at before the first step and after every ROUND steps.
        max_steps: the limit, rounded up to whole rounds.
    """
    rounds = -(-max_steps // ROUND)
    slots = jnp.asarray(_slots(rounds))
    value_and_grad = jax.value_and_grad(loss)

    def step(params: Any, state: Any) -> tuple[Any, Any, Array]:
        value, gradient = value_and_grad(params)
        updates, state = optimizer.update(gradient, state, params)
        return optax.apply_updates(params, updates), state, value

    def judge(params: Any, finite: Array) -> Array:
        done, status = verdict(params)
        return jnp.where(finite, jnp.where(done, status, -1), int(Status.NON_FINITE)).astype(jnp.int32)

    def one_round(state: _State) -> _State:
        params, optimizer_state, first = step(state.params, state.optimizer)
        for _ in range(ROUND - 1):
            params, optimizer_state, _ = step(params, optimizer_state)
        finite = jnp.isfinite(first)
        for leaf in jax.tree.leaves(params):
            finite &= jnp.isfinite(leaf).all()
        slot = slots[state.round]
        history = state.history.at[jnp.where(slot >= 0, slot, POINTS + 1)].set(first.astype(jnp.float32), mode="drop")
        return _State(params, optimizer_state, state.round + 1, judge(params, finite), history)

    def unfinished(state: _State) -> Array:
        return (state.status < 0) & (state.round < rounds)

    start = _State(
        params,
        optimizer.init(params),
        jnp.int32(0),
        judge(params, jnp.bool_(True)),  # noqa: FBT003
        jnp.full(POINTS + 1, jnp.nan, dtype=jnp.float32),
    )
    end = jax.lax.while_loop(unfinished, one_round, start)
    history = end.history.at[POINTS].set(loss(end.params).astype(jnp.float32))
    place = np.full(POINTS + 1, -1, dtype=np.int64)
    place[slots_in_use(rounds)] = np.flatnonzero(_slots(rounds) >= 0) * ROUND
    steps = (end.round * ROUND).astype(jnp.int64)
    recorded = (
        jnp.where(jnp.isnan(history) | (jnp.asarray(place) >= steps), -1, jnp.asarray(place)).at[POINTS].set(steps)
    )
    status = jnp.where(end.status < 0, int(Status.MAX_STEPS), end.status).astype(jnp.int32)
    return Trained(end.params, status, steps, History(recorded, history))


def slots_in_use(rounds: int) -> np.ndarray:
    """Return the places of the history that some round fills."""
    slots = _slots(rounds)
    return slots[slots >= 0]
