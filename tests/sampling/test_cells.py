"""From logits to drawn cells: exactness at extreme values, and abridged tables that draw what the whole ones do."""

from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest
from chance import assert_mean
from cipher import words_of_rows
from exact_shares import WHOLE, as_integers, buckets, exact, received

from stochmap.mappings import CategoricalMapping
from stochmap.sampling import (
    AliasTable,
    CategoricalSampler,
    _cells,
    build_alias,
    categorical_sampler,
    draw_bits,
    draw_cells,
    draw_counts,
    integer_weights,
)
from stochmap.sampling._alias import abridge, alias_mask, choose_whole
from stochmap.sampling._cells import choose_abridged, look_up, row_words
from stochmap.sharding import batch_size
from stochmap.streams import Role, run_keys, words_on_host

KEY = run_keys(7, 3 << 32)
INF = np.inf

LOGITS = {
    "one outcome": [3.0],
    "never drawn": [-INF, 0.0, -INF, 1.0, -INF],
    "one possible": [-INF, -INF, 0.5],
    "huge": [1e30, 0.0, -1e30],
    "huge ties": [1e30, -1e30, 1e30, 1e30],
    "huge and impossible": [-1e30, -INF, -1e30],
    "ties": [0.25] * 7,
    "ties for two": [0.0, 5.0, 5.0, -3.0],
}


def drawn(table, start: int, count: int) -> np.ndarray:
    return np.concatenate(list(draw_cells(table, KEY, start, count)))


@pytest.mark.parametrize("name", LOGITS)
def test_logits_of_any_size_are_drawn_exactly(name):
    logits = np.array(LOGITS[name])
    p = CategoricalMapping(logits[None]).probabilities
    words = received(categorical_sampler(np.ones(1), p).table)
    np.testing.assert_array_equal(words, as_integers(integer_weights(p[0]), p[0]))
    assert words.sum() == WHOLE
    assert (words[np.isneginf(logits)] == 0).all()
    assert (words[logits < logits.max() - 1e3] == 0).all()
    total = sum(exact(p))
    assert all(abs(share - WHOLE * part / total) <= 1 for share, part in zip(words.tolist(), exact(p), strict=True))
    ties = words[logits == logits.max()]
    assert ties.max() - ties.min() <= 1


def test_a_quarter_of_a_million_outcomes_far_below_one_peak():
    """The tail together has 3.3e-4; float32 Gumbel noise, JAX's default, all but never draws it.

    Of 2²² rows 1374 are expected there: a tail a quarter too light or too heavy would be seen.
    """
    logits = np.append(np.full(1 << 18, -20.5), 0.0)
    p = CategoricalMapping(logits[None]).probabilities
    sampler = categorical_sampler(np.ones(1), p)
    words = received(sampler.table)
    share = Fraction(int(words[:-1].sum()), WHOLE)
    assert (p[0, :-1] == p[0, 0]).all()
    tails, peak = (1 << 18) * Fraction(p[0, 0]), Fraction(p[0, -1])
    assert abs(share - tails / (tails + peak)) <= Fraction(len(p[0]), 1 << 65)
    assert words[:-1].max() - words[:-1].min() <= 1
    tail = np.concatenate([cell < 1 << 18 for cell in draw_cells(sampler.table, KEY, 0, 1 << 22)])
    assert_mean(tail, float(share), detects=float(share) / 4)


@pytest.mark.parametrize("cells", [1, 2, 100, 128, 40_000, 1 << 20])
def test_every_draw_is_the_whole_tables(cells):
    """Also where the abridged numbers do not decide: at 2²⁰ cells one draw in 1400, and across a multiple of 2³²."""
    table = build_alias(np.random.default_rng(cells).dirichlet(np.full(cells, 0.5)))
    start, count = (1 << 32) - 30_000, 60_000
    found = drawn(table, start, count)
    product = words_of_rows(KEY, start, count) * cells
    cell = (product >> 64).astype(np.int64)
    threshold = (table.threshold_high[cell].astype(object) << 32) | table.threshold_low[cell].astype(object)
    keep = (product & (WHOLE - 1)) < threshold
    np.testing.assert_array_equal(found, np.where(keep, cell, table.alias[cell].astype(np.int64)))
    assert 0 < keep.sum() < len(keep) or cells == 1
    bits = alias_mask(cells).bit_length()
    alike = ((product >> (32 + bits)) ^ (threshold >> (32 + bits))) & ((1 << (32 - bits)) - 1) == 0
    assert alike.sum() > 5 or cells < 1 << 20


@pytest.mark.parametrize("cells", [1, 2, 3, 61, 128, 1000, (1 << 16) + 1])
def test_an_upper_half_decides_only_what_it_decides_for_every_lower_half(cells):
    """At each threshold and border of a cell, and a few beside it; it is the lowest and the highest word that tell."""
    table = build_alias(np.random.default_rng(cells).dirichlet(np.full(cells, 0.5)))
    first, words, kept, alias = buckets(table)
    edges = np.concatenate([first, first + words - 1, first + kept]) >> 32
    upper = np.unique(np.clip(np.add.outer(np.arange(-4, 5), edges).astype(np.int64), 0, (1 << 32) - 1))
    drawn = []
    for lower in (0, (1 << 32) - 1):
        word = (upper.astype(object) << 32) | lower
        cell = np.searchsorted(first, word, side="right") - 1
        drawn.append(np.where(word < first[cell] + kept[cell], cell, alias[cell]))
    number = jnp.asarray(abridge(table))
    chosen, certain = choose_abridged(jnp.asarray(upper, dtype=jnp.uint32), cells, lambda cell: look_up(number, cell))
    certain = np.asarray(certain)
    for lowest_or_highest in drawn:
        np.testing.assert_array_equal(np.asarray(chosen)[certain], lowest_or_highest[certain])
    # It decides wherever three units of what is kept of a threshold lie between the word and it.
    assert 0 < (~certain).sum() <= 3 * 2 ** alias_mask(cells).bit_length() / cells * len(edges)
    assert certain.any()


@pytest.mark.parametrize("cells", [1, 31, 32, 255, 256])
def test_undecided_draws_are_told_from_cells_in_every_width(often_undecided, cells):
    """A number's type changes between 255 and 256 cells, and where 8 runs are counted on, between 31 and 32."""
    table = build_alias(np.random.default_rng(cells).dirichlet(np.full(cells, 0.5)))
    expected = choose_whole(table, row_words(KEY, np.arange(5000)))
    np.testing.assert_array_equal(drawn(table, 0, 5000), expected)
    size = batch_size()
    sampler = CategoricalSampler(AliasTable(*(np.broadcast_to(part, (size, cells)) for part in table)), 1, cells)
    counts = draw_counts(sampler, np.broadcast_to(KEY, (size, 2)), 5000).n
    np.testing.assert_array_equal(counts, np.broadcast_to(np.bincount(expected, minlength=cells), (size, 1, cells)))


@pytest.mark.parametrize(("cells", "kind"), [(256, np.uint8), (257, np.uint16)])
def test_cells_come_in_the_narrowest_type(cells, kind):
    found = drawn(build_alias(np.full(cells, 1 / cells)), 0, 20_000)
    assert found.dtype == kind
    assert found.max() == cells - 1


def test_the_largest_cell_is_drawn_beyond_16_bits():
    cells = (1 << 16) + 1
    table = build_alias(np.where(np.arange(cells) == cells - 1, 1.0, 0.0))
    found = drawn(table, 0, 5)
    assert found.dtype == np.uint32
    assert (found == cells - 1).all()


@pytest.mark.parametrize("start", [0, (1 << 31) - 10, (1 << 32) - 10, 1 << 40])
def test_noise_bits_are_the_stream_s_words(start):
    words = words_on_host(KEY, Role.NOISE, start, 300).astype(np.uint64)
    bits = np.concatenate(list(draw_bits(KEY, start, 300)))
    np.testing.assert_array_equal(bits, (words[:, 0] << np.uint64(32)) | words[:, 1])


def test_no_block_crosses_a_multiple_of_2_to_the_32():
    """There the counter's upper half changes, which is one number for a whole block."""
    whole = 1 << 32
    for start, count in [(whole - 10, 20), (whole, 5000), (whole - 5000, 12_000), (3 * whole - 1, 2), (7, 1 << 22)]:
        position = start
        for first, rows, used in _cells.blocks(start, count):
            assert first % 2 == 0
            assert first + used.start == position
            assert used.start < used.stop <= rows
            assert first // whole == (first + used.stop - 1) // whole
            position = first + used.stop
        assert position == start + count
