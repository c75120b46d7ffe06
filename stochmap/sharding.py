"""How independent runs lie on the local devices."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

LANES = 128
"""Runs that one device works on at a time. XLA's floating-point results depend on a batch's shape, so it never
varies: what is short is padded, what is long is a sequence of such parts."""

LANE_AXIS = "lanes"
"""The name of the axis over which a device's runs are vmapped."""


def batch_size() -> int:
    """Return the number of runs that all local devices work on at a time: LANES on each."""
    return LANES * jax.local_device_count()


def place_runs(batch: Any) -> list[Any]:
    """Split a batch, a multiple of LANES along its leading axis, into parts of LANES for the local devices in turn.

    A jitted function that is called with each part runs on all devices at once, and on each it is the program of a
    single device. Sharded over a mesh instead, it would be compiled differently for every number of devices; the last
    bits would differ, and a fit that stops where a certificate holds could stop at another step.

    Raises:
        ValueError: the number of runs is not a multiple of LANES.
    """
    runs = len(jax.tree.leaves(batch)[0])
    if runs % LANES:
        raise ValueError(f"a batch has a multiple of {LANES} runs, got {runs}: repeat the last one, as pad_runs does")

    def part(first: int) -> Any:
        return jax.tree.map(lambda leaf: leaf[first : first + LANES], batch)

    devices = jax.local_devices()
    parts = [part(first) for first in range(0, runs, LANES)]
    if len(devices) == 1:
        return parts
    return [jax.device_put(part, device) for part, device in zip(parts, itertools.cycle(devices), strict=False)]


def collect_runs(parts: list[Any]) -> Any:
    """Bring the results of parts to the host, their runs one after the other."""
    if len(parts) == 1:
        return jax.tree.map(np.asarray, parts[0])
    return jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *parts)


def any_lane(flag: Array) -> Array:
    """Return whether a flag is set in any of a device's runs: one flag for all, where they are vmapped over LANE_AXIS.

    A loop on this condition keeps its counters common to all lanes, which costs a fifth less than a loop that each lane
    leaves on its own; what a lane had when it ended is then the loop's to remember. For one run alone, its own flag.
    """
    try:
        return jax.lax.pmax(flag.astype(jnp.int32), LANE_AXIS) > 0
    except NameError:  # there is no such axis: the run is not one of several
        return flag


def pad_runs(batch: Any, size: int) -> Any:
    """Repeat the last run of a host batch until there are ``size`` of them."""

    def pad(leaf: np.ndarray) -> np.ndarray:
        missing = size - len(leaf)
        return leaf if missing == 0 else np.concatenate([leaf, np.repeat(leaf[-1:], missing, axis=0)])

    return jax.tree.map(pad, batch)
