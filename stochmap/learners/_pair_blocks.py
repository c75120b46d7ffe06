from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, Float, Int

BLOCK = 256
"""Rows are padded to BLOCK·2ʲ, so that a few compiled programs serve every number of samples."""


class PairBlocks(eqx.Module):
    """The pairs of a dataset in their order; leading axes are independent runs.

    Beyond the last pair come rows with x = num_x: an index out of range, whose updates JAX drops.
    """

    x: Int[Array, "*runs rows"] | Int[np.ndarray, "*runs rows"]
    y: (
        Int[Array, "*runs rows"]
        | Float[Array, "*runs rows"]
        | Int[np.ndarray, "*runs rows"]
        | Float[np.ndarray, "*runs rows"]
    )
    num_samples: Int[Array, "*runs"] | Int[np.ndarray, "*runs"]
    num_x: int = eqx.field(static=True)
    num_y: int | None = eqx.field(static=True)
    """The number of outcomes; None for Gaussians."""


def pair_blocks(x: Any, y: Any, num_x: int, num_y: int | None = None) -> PairBlocks:
    """Return the pairs of a dataset, or of several of one size, as sequential learners take them (host).

    Args:
        x: integers [*runs, rows].
        y: outcomes [*runs, rows]: integers, or real numbers where there is no num_y.
        num_x: the number of inputs.
        num_y: the number of outcomes; None for Gaussians.

    Raises:
        ValueError: no rows, x and y of different shapes, a label out of range, or a number that is not finite.
    """
    x, y = np.asarray(x), np.asarray(y, dtype=np.float64 if num_y is None else None)
    if x.shape != y.shape:
        raise ValueError(f"x and y must have one shape, got {x.shape} and {y.shape}: give one y for each x")
    if x.size == 0:
        raise ValueError("the dataset is empty, got 0 pairs: give at least one")
    for name, values, size in (("x", x, num_x), ("y", y, num_y)):
        if size is not None:
            if not np.issubdtype(values.dtype, np.integer):
                raise ValueError(f"{name} must hold integers, got {values.dtype}: relabel the values")
            if not 0 <= values.min() <= values.max() < size:
                raise ValueError(
                    f"{name} must lie in 0 … {size - 1}, got {values.min()} … {values.max()}: relabel the values"
                )
        elif not np.isfinite(values).all():
            raise ValueError(f"an observation must be finite, got {values[~np.isfinite(values)][0]}: leave it out")
    *runs, rows = x.shape
    padding = [(0, 0)] * len(runs) + [(0, padded_rows(rows) - rows)]
    return PairBlocks(
        np.pad(x.astype(np.int32), padding, constant_values=num_x),
        np.pad(y if num_y is None else y.astype(np.int32), padding),
        np.full(runs, rows, dtype=np.int64),
        num_x,
        num_y,
    )


def padded_rows(rows: int) -> int:
    """Return the least BLOCK·2ʲ that is not below ``rows``."""
    return BLOCK << max(0, (-(-rows // BLOCK) - 1).bit_length())
