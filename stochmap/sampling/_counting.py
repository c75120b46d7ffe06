"""Draw the cells of small tables and count them on the device, by bit planes.

NumPy counts one cell after the other, which takes longer than drawing them. Here bit b of 32 cells makes one number of
plane b. A cell was drawn where every plane has that cell's bit, and the places in a number are counted at once: a
quarter of NumPy's time at 128 cells. The work grows with the number of cells.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt32

from stochmap.streams import split_uint64

from ._cells import TablesAndKeys, integer_program, trace_cell_block

MAX_COUNTED = 128
"""The most cells: they are numbers of seven bits, and the eighth tells the undecided."""

GROUP = 16
"""Runs at a time: all that is made of their draws stays in a core's cache."""

_UNDECIDED = 7
_PARTS = 16
"""Parts of a sum: XLA's CPU loops add up along a last axis one number at a time."""


def count_cell_block(
    batch: TablesAndKeys, start: int, rows: int
) -> tuple[UInt32[Array, "runs cells"], UInt32[Array, "runs words"]]:
    """Draw rows as ``draw_cell_block`` does, from at most ``MAX_COUNTED`` cells, and count each cell.

    The number of runs is a multiple of ``GROUP``, and the number of rows one of 512.

    Returns:
        the counts of the decided draws, and the plane of the undecided ones (``rows_of_plane``).
    """
    runs, cells = batch[0].shape
    assert cells <= MAX_COUNTED, cells
    assert runs % GROUP == 0, runs
    assert rows % (32 * _PARTS) == 0, rows
    return integer_program(_count_cell_block, rows=rows)(batch, split_uint64(start // 2))


def rows_of_plane(plane: UInt32[np.ndarray, "words"]) -> np.ndarray:
    """Return the rows of a block whose bits of a plane are set (host)."""
    word, bit = np.divmod(np.flatnonzero(np.unpackbits(plane.view(np.uint8), bitorder="little")), 32)
    byte, part = np.divmod(bit, 8)
    return 4 * (part * len(plane) + word) + byte


def _count_cell_block(batch: TablesAndKeys, first_block: Array, *, rows: int) -> tuple[Array, Array]:
    cells = batch[0].shape[-1]
    bits = (cells - 1).bit_length()

    def count(group: tuple[Array, Array]) -> tuple[Array, Array]:
        planes = _planes(trace_cell_block(group, first_block, rows=rows), bits)
        # Where the lower half of the bits has a value, and the upper one, is found once for all cells that share it.
        # The upper half's last plane is that of the undecided: its bit is 0 in every value.
        lower = _places(planes[: bits // 2], 1 << bits // 2)
        upper = _places(planes[bits // 2 :], 1 << bits - bits // 2)
        return _count_common(upper, lower)[:, :cells], planes[-1]

    groups = jax.tree.map(lambda leaf: leaf.reshape(-1, GROUP, leaf.shape[-1]), batch)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, leaf.shape[-1]), jax.lax.map(count, groups))


def _planes(drawn: UInt32[Array, "runs numbers"], bits: int) -> UInt32[Array, "planes runs words"]:
    """Return the planes of the cells' bits, four cells in a number, and that of the bit that tells the undecided.

    Of byte q in number k·words + w, bit b is bit 8·q + k of word w in plane b. As a loop, or XLA would make a plane
    anew wherever it is used.
    """
    number = drawn.reshape(len(drawn), 8, -1)

    def plane(bit: Array) -> Array:
        of_bytes = ((number[:, k] >> bit) & jnp.uint32(0x01010101) for k in range(8))
        return functools.reduce(jnp.bitwise_or, (part << jnp.uint32(k) for k, part in enumerate(of_bytes)))

    return jax.lax.map(plane, jnp.array([*range(bits), _UNDECIDED], dtype=jnp.uint32))


def _places(planes: UInt32[Array, "planes runs words"], values: int) -> UInt32[Array, "runs {values} words"]:
    """Return, for each value 0 … values − 1, the places where the planes have its bits."""
    value = jnp.arange(values, dtype=jnp.uint32)[None, :, None]
    found = jnp.full((planes.shape[1], values, planes.shape[2]), 0xFFFFFFFF, dtype=jnp.uint32)
    for bit, plane in enumerate(planes):
        other = ((value >> jnp.uint32(bit)) & jnp.uint32(1)) - jnp.uint32(1)  # all ones where the value's bit is 0
        found &= plane[:, None] ^ other
    return found


def _count_common(upper: Array, lower: Array) -> UInt32[Array, "runs cells"]:
    """Return how many places each of ``upper`` has in common with each of ``lower``."""
    runs, _, words = upper.shape
    upper = upper.reshape(runs, -1, 1, words // _PARTS, _PARTS)
    lower = lower.reshape(runs, 1, -1, words // _PARTS, _PARTS)
    common = (upper[..., n, :] & lower[..., n, :] for n in range(words // _PARTS))
    parts = functools.reduce(jnp.add, map(jax.lax.population_count, common))
    return parts.sum(axis=-1, dtype=jnp.uint32).reshape(runs, -1)
