"""Draw Markov chains: y of one row is x of the next. Chains are addressable, as rows are elsewhere."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Int32, UInt32

from stochmap.compiling import wide_integers
from stochmap.streams import Key, Role, split_uint64, threefry_2x32

from ._alias import AliasTable, build_alias
from ._cells import choose_cell, look_up

_STEPS = 256
"""Steps of every chain that one call draws."""

_CHAINS = (16, 4096)
"""Chains that one call draws: two compiled programs serve every number."""


class ChainSampler(NamedTuple):
    """An alias table over the states to start from, and one for each state, over its own cells, in one sequence.

    The cells of state x are those from row_starts[x] up to row_starts[x + 1]; aliases count over all cells.
    """

    start: AliasTable
    rows: AliasTable
    row_starts: Int[np.ndarray, "states+1"]
    outcomes: Int[np.ndarray, "cells"]


def chain_sampler(start: Any, probabilities: Any, row_starts: Any, outcomes: Any) -> ChainSampler:
    """Build the sampler of chains from a distribution over states and rows in compressed form (``SparseTable``)."""
    row_starts = np.asarray(row_starts, dtype=np.int64)
    table = np.asarray(probabilities, dtype=np.float64)
    parts = [np.empty(len(table), dtype=np.uint32) for _ in AliasTable._fields]
    widths = np.diff(row_starts)
    for width in np.unique(widths):  # all rows of a width at once
        first = row_starts[:-1][widths == width]
        cells = first[:, None] + np.arange(width)
        built = build_alias(table[cells])
        built = built._replace(alias=built.alias + first[:, None].astype(np.uint32))
        for part, values in zip(parts, built, strict=True):
            part[cells] = values
    return ChainSampler(build_alias(start), AliasTable(*parts), row_starts, np.asarray(outcomes, dtype=np.int32))


def draw_chains(
    sampler: ChainSampler, key: Key, first: int, count: int, length: int
) -> Int32[np.ndarray, "chains states"]:
    """Return the ``length + 1`` states of chains first … first + count − 1 (host).

    Chain c reads the words c·(length + 1) … : the first chooses the state to start from, each other one a step. So any
    range of chains equals the same chains drawn in any other way.
    """
    states = np.empty((count, length + 1), dtype=np.int32)
    lanes = _CHAINS[0] if count <= 4 * _CHAINS[0] else _CHAINS[1]
    rows = tuple(map(jnp.asarray, sampler.rows))
    starts, outcomes = jnp.asarray(sampler.row_starts.astype(np.uint32)), jnp.asarray(sampler.outcomes)
    widths = np.diff(sampler.row_starts)
    width = int(widths[0]) if (widths == widths[0]).all() else None
    begin, walk = _programs(len(sampler.start.alias), width, lanes)
    keys = jnp.asarray(key, dtype=jnp.uint32)
    for at in range(0, count, lanes):
        used = min(lanes, count - at)
        word = np.arange(first + at, first + at + lanes, dtype=np.uint64) * np.uint64(length + 1)
        state = begin(tuple(map(jnp.asarray, sampler.start)), keys, split_uint64(word))
        states[at : at + used, 0] = np.asarray(state)[:used]
        for step in range(0, length, _STEPS):
            block, state = walk(rows, starts, outcomes, keys, split_uint64(word + np.uint64(step + 1)), state)
            taken = min(_STEPS, length - step)
            states[at : at + used, step + 1 : step + 1 + taken] = np.asarray(block)[:taken, :used].T
    return states


@functools.cache
def _programs(states: int, width: int | None, lanes: int) -> tuple[Any, Any]:
    """Compile the first step and the others; ``width`` is the number of cells of a state where all have as many."""

    def words(key: Array, high: Array, low: Array) -> tuple[Array, Array]:
        return threefry_2x32((key[0], key[1]), (jnp.uint32(Role.PAIR << 24) | high, low))

    def begin(table: tuple[Array, ...], key: Array, index: UInt32[Array, "lanes 2"]) -> Array:
        drawn = words(key, index[:, 0], index[:, 1])
        return choose_cell(drawn, states, 0, lambda part, cell: look_up(table[part], cell)).astype(jnp.int32)

    def walk(
        rows: tuple[Array, ...], starts: Array, outcomes: Array, key: Array, index: Array, state: Array
    ) -> tuple[Int32[Array, "steps lanes"], Int32[Array, "lanes"]]:
        def step(carry: tuple[Array, ...], _: None) -> tuple[tuple[Array, ...], Array]:
            high, low, state = carry
            if width is None:
                first = look_up(starts, state)
                cells = look_up(starts, state + 1) - first
            else:
                first, cells = state.astype(jnp.uint32) * jnp.uint32(width), width
            drawn = words(key, high, low)
            cell = choose_cell(drawn, cells, first, lambda part, cell: look_up(rows[part], cell))
            state = look_up(outcomes, cell)
            low = low + jnp.uint32(1)
            return (high + (low == 0).astype(jnp.uint32), low, state), state

        (_, _, state), block = jax.lax.scan(step, (index[:, 0], index[:, 1], state), length=_STEPS)
        return block, state

    assert lanes in _CHAINS
    options = wide_integers()
    return jax.jit(begin, compiler_options=options), jax.jit(walk, compiler_options=options)
