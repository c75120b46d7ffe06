"""The local device mesh, and how independent runs lie on it."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

LANES = 64
"""Runs that one device works on at a time. XLA's floating-point results depend on a batch's shape, so it never
varies: a short batch is padded, a long one is a sequence of such batches."""

LANE_AXIS = "lanes"
"""The name of the axis over which a device's runs are vmapped."""


@functools.cache
def runs_mesh() -> Mesh:
    """Return the mesh of all local devices with the one axis ``runs``."""
    devices = jax.local_devices()
    return jax.make_mesh((len(devices),), ("runs",), axis_types=(AxisType.Auto,), devices=devices)


def batch_size() -> int:
    """Return the number of runs in a batch: LANES on every local device."""
    return LANES * runs_mesh().size


def place_runs(batch: Any) -> Any:
    """Put a host batch on the devices, its leading axis of runs split over them."""
    return jax.device_put(batch, NamedSharding(runs_mesh(), PartitionSpec("runs")))


WIDE_VECTORS = {"xla_cpu_prefer_vector_width": 512}
"""Compiler options for integer kernels: XLA's default of 256 bits halves the speed of the sampler where there are 512.
Left off floating-point programs, whose results would depend on it."""


def over_runs(
    function: Callable[[Any, Any], Any], compiler_options: dict[str, Any] | None = None
) -> Callable[[Any, Any], Any]:
    """Compile ``function(batch, shared)`` so that each device works on its own runs.

    Every leaf of ``batch`` (see :func:`place_runs`) and of the result has a leading axis of runs, split over the
    devices; ``shared`` is the same on all of them. Each device runs the program of a single device on its LANES
    runs: loops that run until their lanes are done do not wait for the other devices, and a run's bits do not depend
    on how many there are.
    """
    runs, everywhere = PartitionSpec("runs"), PartitionSpec()
    specs = {"in_specs": (runs, everywhere), "out_specs": runs}
    mapped = jax.shard_map(function, mesh=runs_mesh(), check_vma=False, **specs)
    return jax.jit(mapped, compiler_options=compiler_options)


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
