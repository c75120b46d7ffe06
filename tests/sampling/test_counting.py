"""Counting by bit planes: what it counts is what is drawn, cell by cell, and the undecided are named."""

import numpy as np
import pytest

from stochmap.sampling import AliasTable, CategoricalSampler, build_alias, draw_counts
from stochmap.sampling._alias import abridge, choose_whole
from stochmap.sampling._batches import _CELLS
from stochmap.sampling._cells import blocks, cells_on_host, draw_cell_block, row_words, undecided_rows
from stochmap.sampling._counting import GROUP, MAX_COUNTED, count_cell_block, rows_of_plane
from stochmap.sharding import batch_size
from stochmap.streams import run_keys

RUNS = 3 * GROUP


def batch(cells: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(cells)
    return abridge(build_alias(rng.dirichlet(np.full(cells, 0.5), size=RUNS))), run_keys(5, np.arange(RUNS))


def assert_counted(cells: int, start: int, rows: int, least_undecided: int) -> None:
    drawn = cells_on_host(draw_cell_block(batch(cells), start, rows), cells)
    counts, undecided = map(np.asarray, count_cell_block(batch(cells), start, rows))
    assert counts.shape == (RUNS, cells)
    found = 0
    for run in range(RUNS):
        where = undecided_rows(drawn[run])
        np.testing.assert_array_equal(np.sort(rows_of_plane(undecided[run])), where)
        decided = np.delete(drawn[run], where)
        assert decided.max(initial=0) < cells
        np.testing.assert_array_equal(counts[run], np.bincount(decided, minlength=cells))
        found += len(where)
    assert found >= least_undecided


# Without any bits, with none in the lower half, with cells left over and with none.
@pytest.mark.parametrize("cells", [1, 2, 3, 4, 61, 127, MAX_COUNTED])
def test_every_cell_of_every_run_is_counted(cells):
    assert_counted(cells, 0, _CELLS, least_undecided=0)


@pytest.mark.parametrize("start", [(1 << 32) - 4096, 5 << 40])
def test_any_window_is_counted(start):
    assert_counted(61, start, 4096, least_undecided=0)


@pytest.mark.parametrize("cells", [1, 61, MAX_COUNTED])
def test_the_undecided_are_left_out_and_named(often_undecided, cells):
    """Three in 256 of 48 · 4096 draws are 2300: that they are named at all is not left to chance."""
    assert_counted(cells, 1 << 20, 4096, least_undecided=1000)


@pytest.mark.parametrize("cells", [2, MAX_COUNTED, MAX_COUNTED + 1])
def test_undecided_draws_are_counted_where_the_whole_word_puts_them(often_undecided, cells):
    """Whole blocks by planes up to 128 cells, by NumPy beyond; by NumPy the rows after the last whole block, too."""
    size, rows = batch_size(), 4 * _CELLS + 100
    assert [used.stop for _, _, used in blocks(0, rows, _CELLS)] == [_CELLS] * 4 + [100]
    table = build_alias(np.random.default_rng(cells).dirichlet(np.full(cells, 0.5)))
    sampler = CategoricalSampler(AliasTable(*(np.broadcast_to(part, (size, cells)) for part in table)), 1, cells)
    key = run_keys(5, 77)
    counts = draw_counts(sampler, np.broadcast_to(key, (size, 2)), rows).n
    expected = choose_whole(table, row_words(key, np.arange(rows)))
    np.testing.assert_array_equal(counts, np.broadcast_to(np.bincount(expected, minlength=cells), (size, 1, cells)))
