"""Who gets which random bits: every random word is a pure function of (run key, role, index).

The generator is Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as
1, 2, 3", SC 2011). A word is the block cipher of the counter ``role (8 bits) ‖ index (56 bits)`` under the run's
key, and the run's key is the block of the run's 64-bit id under the seed: for a fixed seed that is a bijection, so
no two runs share a key.

The same lines of arithmetic serve NumPy arrays (truths, on the host) and JAX arrays (datasets, on the device).
"""

import enum
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt32

STREAM_VERSION = 2
"""Stored with every output; it changes whenever the same key, role and index would give other bits, or a row others."""

MAX_INDEX = 1 << 56

Key = UInt32[Array, "2"] | UInt32[np.ndarray, "2"]
Keys = UInt32[Array, "*runs 2"] | UInt32[np.ndarray, "*runs 2"]

_PARITY = 0x1BD11BDA
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


class Role(enum.IntEnum):
    """What a stream is for. Values are part of the stream's definition: they are never reused.

    A row's cell is drawn by a 64-bit word whose halves have a role each (``halves_at``): the upper one decides nearly
    every draw alone, so one block of PAIR draws two rows, and few blocks of PAIR_LOWER are ever made. A step of a chain
    has a whole word of PAIR.
    """

    TRUTH = 1
    PAIR = 2
    NOISE = 3
    LEARNER = 4
    POSTERIOR = 5
    PAIR_LOWER = 6


def threefry_2x32(key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """Encrypt one 64-bit counter block: (c₀, c₁) ↦ Threefry-2x32-20 under (k₀, k₁).

    All four are uint32 arrays (NumPy or JAX) that broadcast. Follows Salmon et al. (2011), section 4.2 and the
    Random123 reference; checked against its known-answer vectors.
    """
    word = np.uint32
    schedule = (key[0], key[1], key[0] ^ key[1] ^ word(_PARITY))
    x0, x1 = counter[0] + schedule[0], counter[1] + schedule[1]
    # From here on x0 and x1 are this function's own: NumPy works in place, which halves its time; JAX makes new ones.
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            x0 += x1
            upper = x1 << word(distance)
            x1 >>= word(32 - distance)
            x1 |= upper
            x1 ^= x0
        x0 += schedule[(group + 1) % 3]
        x1 += schedule[(group + 2) % 3]
        x1 += word(group + 1)
    return x0, x1


def split_uint64(values: Any) -> UInt32[np.ndarray, "*shape 2"]:
    """Split non-negative 64-bit integers into (high, low) uint32 halves along a new last axis (host)."""
    wide = np.asarray(values, dtype=np.uint64)
    return np.stack([wide >> np.uint64(32), wide & np.uint64(0xFFFFFFFF)], axis=-1).astype(np.uint32)


def seed_key(seed: int) -> UInt32[np.ndarray, "2"]:
    """Turn a seed, 0 ≤ seed < 2⁶⁴, into the key under which run keys are made.

    Raises:
        ValueError: the seed is out of range.
    """
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed must be in 0 … 2^64 - 1, got {seed}: choose a smaller non-negative integer")
    return split_uint64(seed)


def run_keys(seed: int, run_ids: Any) -> UInt32[np.ndarray, "*shape 2"]:
    """Return the keys of runs: the Threefry block of each run_id under the seed's key (host).

    ``run_ids`` are non-negative 64-bit integers of any shape; the result has one more axis, (high, low). For one
    seed the map is a bijection of the 64-bit integers: different runs never share a key.
    """
    key, ids = seed_key(seed), split_uint64(run_ids)
    # At least one axis: NumPy warns of wrap-around in scalars, and wrap-around is what a cipher is made of.
    flat = ids.reshape(-1, 2)
    blocks = threefry_2x32((key[:1], key[1:]), (flat[:, 0], flat[:, 1]))
    return np.stack(blocks, axis=-1).reshape(ids.shape)


def check_window(start: int, count: int) -> None:
    """Raise ValueError unless the indices start … start + count − 1 exist."""
    if start < 0 or count < 0 or start + count > MAX_INDEX:
        raise ValueError(f"rows {start} … {start + count} lie outside 0 … 2^56: ask for a window inside that range")


def counters(role: Role, start: Any, count: int) -> tuple[Array, Array]:
    """Return the counters (high, low) of the indices start … start + count − 1 as uint32[count] (device, traceable).

    ``start`` is a uint32[2] array (high, low), traced, so that one compiled program serves every window.
    """
    offset = jnp.arange(count, dtype=jnp.uint32)
    low = start[1] + offset
    carry = (low < offset).astype(jnp.uint32)
    return (jnp.uint32(role << 24) | start[0]) + carry, low


def words(key: Key, role: Role, start: int, count: int) -> UInt32[Array, "count 2"]:
    """Return words start … start + count − 1 of a role's stream: 64 random bits each, as two uint32 (device).

    wordᵢ = Threefry-2x32-20(key, role‖i). Any window may be drawn alone; the bits are the same on every platform.

    Raises:
        ValueError: the window lies outside 0 … 2⁵⁶.
    """
    check_window(start, count)
    return _words(jnp.asarray(key, dtype=jnp.uint32), jnp.asarray(split_uint64(start)), role=role, count=count)


@jax.jit(static_argnames=("role", "count"))
def _words(key: Array, start: Array, *, role: Role, count: int) -> Array:
    high, low = counters(role, start, count)
    return jnp.stack(threefry_2x32((key[0], key[1]), (high, low)), axis=-1)


def words_on_host(keys: Any, role: Role, start: int, count: int) -> UInt32[np.ndarray, "*runs count 2"]:
    """Return the same words as :func:`words` with NumPy, for any leading axes of keys ``uint32[*runs, 2]``.

    Raises:
        ValueError: the window lies outside 0 … 2⁵⁶.
    """
    check_window(start, count)
    keys = np.asarray(keys, dtype=np.uint32)
    return words_at(keys[..., None, :], role, np.arange(start, start + count, dtype=np.uint64))


def words_at(keys: Any, role: Role, index: Any) -> UInt32[np.ndarray, "*shape 2"]:
    """Return the words at any indices of a role's stream (host); keys ``uint32[*shape, 2]`` and indices broadcast."""
    counter = split_uint64(np.asarray(index, dtype=np.uint64) | np.uint64(role << 56))
    return np.stack(threefry_2x32((keys[..., 0], keys[..., 1]), (counter[..., 0], counter[..., 1])), axis=-1)


def halves_at(keys: Any, role: Role, index: Any) -> UInt32[np.ndarray, "*shape"]:
    """Return the 32-bit halves at any indices of a role's stream (host): half j is half j mod 2 of word ⌊j/2⌋."""
    index = np.asarray(index, dtype=np.uint64)
    word = words_at(keys, role, index >> np.uint64(1))
    return np.where(index & np.uint64(1), word[..., 1], word[..., 0])
