"""How independent runs lie on the local devices."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

LANES = 128
"""Runs that one device works on at a time. XLA's floating-point results depend on a batch's shape, so it never
varies: a short batch is padded, a long one is a sequence of such batches."""

LANE_AXIS = "lanes"
"""The name of the axis over which a device's runs are vmapped."""


def batch_size() -> int:
    """Return the number of runs in a batch: LANES on every local device."""
    return LANES * jax.local_device_count()


def place_runs(batch: Any) -> list[Any]:
    """Split a batch along its leading axis of runs, and put each device's LANES runs on it.

    A jitted function that is called with each part runs on all devices at once, and on each it is the program of a
    single device. Sharded over a mesh instead, it would be compiled differently for every number of devices; the last
    bits would differ, and a fit that stops where a certificate holds could stop at another step.
    """
    devices = jax.local_devices()
    if len(devices) == 1:
        return [batch]

    def part(index: int) -> Any:
        return jax.tree.map(lambda leaf: leaf[index * LANES : (index + 1) * LANES], batch)

    return [jax.device_put(part(index), device) for index, device in enumerate(devices)]


def collect_runs(parts: list[Any]) -> Any:
    """Bring the devices' results to the host, their runs one after the other."""
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
