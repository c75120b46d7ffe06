"""Draw the data of a batch of runs, a block of rows at a time, and reduce them to statistics."""

from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import UInt32

from stochmap.sharding import LANES, collect_runs, place_runs
from stochmap.variates import normal_of_bits

from ._alias import AliasTable, abridge, choose_whole
from ._cells import blocks, cells_on_host, draw_cell_block, join_halves, noise_halves, row_words, undecided_rows
from ._counting import GROUP, MAX_COUNTED, count_cell_block, rows_of_plane
from ._pairs import CategoricalSampler, GaussianSampler
from ._statistics import Counts, Moments, value_moments

_CELLS, _VALUES = 1 << 14, 1 << 12
"""Rows of a run in a block that is counted, or whose values are taken: those of LANES runs are 4 MiB at most."""

_TOGETHER = 8
"""Runs whose cells are counted together by NumPy."""

assert LANES % _TOGETHER == 0
assert LANES % GROUP == 0


class _Batch:
    """A batch of runs placed on the devices, drawn block by block."""

    def __init__(self, table: AliasTable, keys: UInt32[np.ndarray, "runs 2"], num_samples: int):
        self.table, self.keys = table, keys
        self.runs, self.cells = table.alias.shape
        self.parts = place_runs((abridge(table), keys))
        if num_samples > _CELLS:
            self.parts = jax.device_put(self.parts)  # once for all blocks
        self.buffer = np.empty((_TOGETHER, 0), dtype=np.int64)

    def draw_cells(self, block: tuple[int, int, slice]) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield a few runs at a time, with their rows as (run within the slice)·K + cell: int64[runs·rows].

        The array is overwritten by the next one: NumPy counts int64 only, and a conversion that stays in the cache
        costs a third of one that writes to fresh memory.
        """
        start, rows, used = block
        drawn = [draw_cell_block(part, start, rows, _TOGETHER) for part in self.parts]
        length = used.stop - used.start
        if self.buffer.shape[1] != length:
            self.buffer = np.empty((_TOGETHER, length), dtype=np.int64)
        for part, cells in enumerate(drawn):
            on_host = cells_on_host(cells, _TOGETHER * self.cells)
            for lane in range(0, LANES, _TOGETHER):
                few = on_host[lane : lane + _TOGETHER, used]
                np.copyto(self.buffer, few)
                first = part * LANES + lane
                lanes, places = np.divmod(undecided_rows(few), length)
                for run in np.unique(lanes).tolist():
                    undecided = places[lanes == run]
                    chosen = self._choose(first + run, start + used.start + undecided)
                    self.buffer[run, undecided] = run * self.cells + chosen
                yield slice(first, first + _TOGETHER), self.buffer.reshape(-1)

    def count_cells(self, start: int, rows: int) -> np.ndarray:
        """Return how often each cell was drawn in whole blocks of small tables: int64[runs, K]."""
        counted = [count_cell_block(part, start, rows) for part in self.parts]
        counts, undecided = collect_runs(counted)
        counts = counts.astype(np.int64)
        for run in np.flatnonzero(counts.sum(axis=-1) < rows).tolist():
            chosen = self._choose(run, start + rows_of_plane(undecided[run]))
            counts[run] += np.bincount(chosen, minlength=self.cells)
        return counts

    def _choose(self, run: int, rows: np.ndarray) -> np.ndarray:
        """Draw rows of a run that its abridged table left undecided."""
        return choose_whole(AliasTable(*(part[run] for part in self.table)), row_words(self.keys[run], rows))

    def draw_noise(self, block: tuple[int, int, slice]) -> np.ndarray:
        """Return the rows' standard normal variates: float64[runs, rows]."""
        start, rows, used = block
        high, low = collect_runs([noise_halves(keys, start, rows) for _, keys in self.parts])
        return normal_of_bits(join_halves(high[:, used], low[:, used]))


def draw_counts(sampler: CategoricalSampler, keys: UInt32[np.ndarray, "runs 2"], num_samples: int) -> Counts:
    """Draw rows 0 … num_samples − 1 of every run of a batch and count them.

    Whole blocks of small tables are counted on the device. Smaller ones are not: a program for each of their sizes
    would take longer to compile than it saves in tens of thousands of runs.

    Raises:
        ValueError: the number of runs is not a multiple of LANES.
    """
    batch = _Batch(sampler.table, keys, num_samples)
    totals = np.zeros((batch.runs, batch.cells), dtype=np.int64)
    for start, rows, used in blocks(0, num_samples, _CELLS):
        if batch.cells <= MAX_COUNTED and used == slice(0, _CELLS):
            totals += batch.count_cells(start, rows)
            continue
        for runs, cell in batch.draw_cells((start, rows, used)):
            totals[runs] += np.bincount(cell, minlength=_TOGETHER * batch.cells).reshape(totals[runs].shape)
    return Counts(totals.reshape(batch.runs, sampler.num_x, sampler.num_y))


def draw_moments(sampler: GaussianSampler, keys: UInt32[np.ndarray, "runs 2"], num_samples: int) -> Moments:
    """Draw rows 0 … num_samples − 1 of every run of a batch and take their moments, in the order of the rows.

    Raises:
        ValueError: the number of runs is not a multiple of LANES.
    """
    batch = _Batch(sampler.table, keys, num_samples)
    runs, num_x = sampler.mean.shape
    total = Moments(np.zeros((runs, num_x), np.int64), np.zeros((runs, num_x)), np.zeros((runs, num_x)))
    for block in blocks(0, num_samples, _VALUES):
        noise, parts = batch.draw_noise(block), []
        for lanes, x in batch.draw_cells(block):
            value = sampler.mean[lanes].reshape(-1)[x] + sampler.std[lanes].reshape(-1)[x] * noise[lanes].reshape(-1)
            part = value_moments(x, value, _TOGETHER * num_x)
            parts.append(jax.tree.map(lambda leaf: leaf.reshape(_TOGETHER, num_x), part))
        total = total + jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    return total
