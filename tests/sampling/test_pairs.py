import jax
import numpy as np
import pytest
from chance import assert_distribution, assert_frequencies, assert_mean, normal_limit
from cipher import rows_of_upper_half, words_of_rows
from exact_shares import WHOLE, buckets
from scipy import stats

from stochmap.sampling import (
    CategoricalSampler,
    GaussianSampler,
    _batches,
    _cells,
    categorical_sampler,
    count_pairs,
    draw_counts,
    draw_moments,
    draw_pairs,
    gaussian_sampler,
    value_moments,
)
from stochmap.sampling._alias import choose_whole
from stochmap.sampling._cells import row_words
from stochmap.sharding import batch_size
from stochmap.streams import MAX_INDEX, Role, run_keys, words_on_host
from stochmap.truths import NormalLogits
from stochmap.variates import normal

KEY = run_keys(99, 12345)


def categorical(num_x: int, num_y: int, concentration: float = 0.5) -> CategoricalSampler:
    rng = np.random.default_rng([num_x, num_y])
    inputs = rng.dirichlet(np.ones(num_x))
    return categorical_sampler(inputs, rng.dirichlet(np.full(num_y, concentration), size=num_x))


def gaussian(num_x: int, runs: tuple[int, ...] = ()) -> GaussianSampler:
    rng = np.random.default_rng(num_x)
    return gaussian_sampler(
        np.full(num_x, 1 / num_x), rng.normal(size=(*runs, num_x)), rng.uniform(0.5, 2, (*runs, num_x))
    )


def by_the_rule(sampler: CategoricalSampler | GaussianSampler, words: list[int]) -> list[int]:
    """Draw cells by the rule that AliasTable states, in Python's integers."""
    table, cells = sampler.table, len(sampler.table.alias)
    drawn = []
    for word in words:
        cell, remainder = divmod(word * cells, WHOLE)
        threshold = (int(table.threshold_high[cell]) << 32) | int(table.threshold_low[cell])
        drawn.append(cell if remainder < threshold else int(table.alias[cell]))
    return drawn


def cells_of(sampler: CategoricalSampler, pairs) -> list[int]:
    return (pairs.x.astype(np.int64) * sampler.num_y + pairs.y).tolist()


# Both widths of the product word·K: K up to 2¹⁶ and beyond.
@pytest.mark.parametrize(
    ("num_x", "num_y"), [(1, 1), (1, 2), (3, 1), (16, 8), (7, 191), (256, 256), (257, 256), (1000, 1000)]
)
def test_pairs_follow_the_rule(num_x, num_y):
    sampler = categorical(num_x, num_y)
    pairs = draw_pairs(sampler, KEY, (1 << 32) - 300, 600)
    assert pairs.value is None
    assert pairs.x.dtype == np.int32
    assert cells_of(sampler, pairs) == by_the_rule(sampler, words_of_rows(KEY, (1 << 32) - 300, 600))


@pytest.mark.parametrize("start", [0, 1000, (1 << 31) - 100, (1 << 32) - 10, 1 << 40, MAX_INDEX - 200])
def test_any_window_holds_the_same_rows(start):
    """Rows 2³¹ − 10 and 2³² − 10 too: an int32 or uint32 row index would wrap there."""
    sampler = categorical(5, 9)
    whole = draw_pairs(sampler, KEY, start, 200)
    assert cells_of(sampler, whole) == by_the_rule(sampler, words_of_rows(KEY, start, 200))
    part = draw_pairs(sampler, KEY, start + 37, 91)
    np.testing.assert_array_equal(part.x, whole.x[37:128])
    np.testing.assert_array_equal(part.y, whole.y[37:128])


def test_windows_of_every_length_agree():
    """Of 65,536 rows in blocks of 16,384: windows of them come in blocks of 256, 4096 or 16,384, from odd rows too."""
    sampler, values, count = categorical(5, 9), gaussian(3), 1 << 16
    long, long_values = draw_pairs(sampler, KEY, 0, count), draw_pairs(values, KEY, 0, count)
    for start, length in [
        (0, 1),
        (0, 1024),
        (4090, 12),
        (255, 770),
        (8999, 1),
        (100, 0),
        (1, 20_000),
        (777, 1 << 14),
        (1, count - 1),
    ]:
        window = slice(start, start + length)
        np.testing.assert_array_equal(draw_pairs(sampler, KEY, start, length).y, long.y[window])
        np.testing.assert_array_equal(draw_pairs(values, KEY, start, length).value, long_values.value[window])
    assert [
        max(rows for _, rows, _ in _cells.blocks(start, length))
        for start, length in [(0, count), (1, 20_000), (255, 770), (1, 1 << 20), ((1 << 32) - 5, 1 << 20)]
    ] == [1 << 14, 4096, 256, 1 << 14, 1 << 20]


@pytest.mark.parametrize(("start", "count"), [(12_345, (1 << 20) - 1), ((1 << 32) - 4097, 1 << 20)])
def test_the_largest_blocks_hold_the_same_rows(start, count):
    """2²⁰ rows but for the first, which is odd; and 2²⁰ after a few up to a multiple of 2³²."""
    assert max(rows for _, rows, _ in _cells.blocks(start, count)) == 1 << 20
    sampler, values = categorical(5, 9), gaussian(3)
    pairs, drawn = draw_pairs(sampler, KEY, start, count), draw_pairs(values, KEY, start, count)
    expected = choose_whole(sampler.table, row_words(KEY, np.arange(start, start + count)))
    np.testing.assert_array_equal(pairs.x * 9 + pairs.y, expected)
    part = draw_pairs(values, KEY, start + 500_001, 300)
    np.testing.assert_array_equal(drawn.value[500_001:500_301], part.value)


@pytest.mark.parametrize(("start", "count"), [(-1, 3), (0, -1), (MAX_INDEX, 1)])
def test_windows_out_of_range_are_refused(start, count):
    with pytest.raises(ValueError, match="outside 0 … 2\\^56"):
        draw_pairs(categorical(2, 2), KEY, start, count)


def test_keys_decide_the_rows():
    sampler = categorical(5, 9)
    other = draw_pairs(sampler, run_keys(99, 12346), 0, 200)
    assert not np.array_equal(draw_pairs(sampler, KEY, 0, 200).y, other.y)


def halves(words: list[int]) -> np.ndarray:
    return np.array([[word >> 32, word & 0xFFFFFFFF] for word in words], dtype=np.uint32)


def test_every_threshold_is_where_arithmetic_puts_it():
    """The words on both sides of each bucket's threshold."""
    sampler = categorical(1, 5, concentration=1.0)
    first, words, kept, alias = buckets(sampler.table)
    assert (kept < words).sum() >= 2
    for cell in range(5):
        edges = [(int(first[cell]), cell), (int(first[cell] + words[cell] - 1), int(alias[cell]))]
        if kept[cell] < words[cell]:
            edges += [
                (int(first[cell] + kept[cell] - 1), cell),
                (int(first[cell] + kept[cell]), int(alias[cell])),
            ]
        found = choose_whole(sampler.table, halves([word for word, _ in edges]))
        assert found.tolist() == [expected for _, expected in edges]


def test_rows_whose_upper_half_is_next_to_a_threshold_are_drawn_by_the_whole_word():
    """Of each upper half that stops or begins to decide, rows are found by running the cipher backwards."""
    sampler = categorical(1, 5, concentration=1.0)
    first, words, kept, _ = buckets(sampler.table)
    edges = {int(place) >> 32 for place in (*first, *(first + words - 1), *(first + kept))}
    near = {edge + step for edge in edges for step in (-1, 0, 1) if 0 <= edge + step < 1 << 32}
    assert len(near) > 25
    for upper in near:
        rows = rows_of_upper_half(KEY, upper, tried=8192)
        for row in (rows[0], rows[-1]):  # an even one and an odd one
            (word,) = words_of_rows(KEY, row, 1)
            assert word >> 32 == upper
            assert draw_pairs(sampler, KEY, row, 1).y.tolist() == by_the_rule(sampler, [word])


@pytest.mark.parametrize("probability", [2.0**-40, 1e-9, 2.0**-63])
def test_an_outcome_of_tiny_probability_is_drawn_at_its_words(probability):
    """As float32 Gumbel noise never does below 1e-7: it has ⌊2⁶⁴·p⌉ words, and each of them draws it."""
    p = np.array([0.25, 0.75 - probability, probability])
    sampler = categorical_sampler(np.ones(1), p[None])
    first, words, kept, alias = (part.tolist() for part in buckets(sampler.table))
    assert kept[2] + sum(w - k for w, k, a in zip(words, kept, alias, strict=True) if a == 2) == round(
        probability * WHOLE
    )
    edges = [first[2], first[2] + kept[2] - 1, first[2] + kept[2]]
    assert (choose_whole(sampler.table, halves(edges)) == 2).tolist() == [True, True, False]
    if probability > 2.0**-60:  # enough for rows that draw it to be found
        found = []
        for row in rows_of_upper_half(KEY, (first[2] + kept[2] // 2) >> 32, tried=1 << 18):
            (y,) = by_the_rule(sampler, words_of_rows(KEY, row, 1))
            if y == 2 or row % 16 == 0:
                found.append(y)
                assert draw_pairs(sampler, KEY, row, 1).y.tolist() == [y]
        assert found.count(2) >= 2


def test_frequencies_follow_the_table():
    """Would catch a table 0.5 % off in total variation; cells of probability 0 are never drawn."""
    rng = np.random.default_rng(4)
    inputs, table = rng.dirichlet(np.ones(4)), rng.dirichlet(np.ones(6), size=4)
    table[:, [0, 3, 5]] = 0.0  # the first, a middle and the last class
    table /= table.sum(axis=1, keepdims=True)
    keys = run_keys(5, np.arange(batch_size()))
    sampler = categorical_sampler(inputs, np.broadcast_to(table, (batch_size(), 4, 6)))
    counts = draw_counts(sampler, keys, 8192).n
    assert_frequencies(counts.sum(axis=0), inputs[:, None] * table, detects=0.005, cases=2)
    # And run by run they scatter as independent draws do.
    cell = np.argmax(inputs[:, None] * table)
    share = (inputs[:, None] * table).ravel()[cell]
    z = (counts.reshape(batch_size(), -1)[:, cell] - 8192 * share) / np.sqrt(8192 * share * (1 - share))
    assert_mean(z**2, 1.0, detects=1.2, cases=2)


@pytest.mark.parametrize("num_samples", [1, 700, 1025, 4096, 1 << 14, 20_000])
def test_counting_drawn_pairs_gives_the_counts(num_samples):
    rng = np.random.default_rng(6)
    size, inputs = batch_size(), rng.dirichlet(np.ones(5))
    table = rng.dirichlet(np.full(9, 0.5), size=(size, 5))
    keys = run_keys(1, np.arange(size))
    counts = draw_counts(categorical_sampler(inputs, table), keys, num_samples).n
    assert counts.dtype == np.int64
    assert (counts.sum(axis=(1, 2)) == num_samples).all()
    for run in {0, 1, 7, 8, 63, 64 % size, size - 1}:
        x, y, _ = draw_pairs(categorical_sampler(inputs, table[run]), keys[run], 0, num_samples)
        np.testing.assert_array_equal(counts[run], count_pairs(x, y, 5, 9).n)


@pytest.mark.parametrize("num_samples", [300, 1 << 14])
def test_a_batch_that_is_no_multiple_of_the_lanes_is_refused(num_samples):
    sampler = categorical_sampler(np.ones(1), np.full((192, 1, 4), 0.25))
    with pytest.raises(ValueError, match="a multiple of 128 runs, got 192: repeat the last one"):
        draw_counts(sampler, run_keys(1, np.arange(192)), num_samples)


def test_rows_that_abridged_tables_leave_undecided_are_counted_where_they_belong(monkeypatch):
    """Of 2²² rows over 8192 cells up to 24: one cell's count would be too low, or another's too high."""
    decided = []
    choose = _batches._Batch._choose
    monkeypatch.setattr(
        _batches._Batch, "_choose", lambda self, run, rows: decided.append(run) or choose(self, run, rows)
    )
    size = batch_size()
    table = np.random.default_rng(8).dirichlet(np.full(64, 0.5), size=(size, 128))
    keys, inputs = run_keys(3, np.arange(size)), np.full(128, 1 / 128)
    counts = draw_counts(categorical_sampler(inputs, table), keys, 16384).n
    assert decided
    for run in decided:
        x, y, _ = draw_pairs(categorical_sampler(inputs, table[run]), keys[run], 0, 16384)
        np.testing.assert_array_equal(counts[run], count_pairs(x, y, 128, 64).n)


@pytest.mark.parametrize("num_samples", [1, 700, 8192])
def test_the_moments_of_drawn_pairs_are_the_moments(num_samples):
    size = batch_size()
    sampler = gaussian(3, (size,))
    keys = run_keys(2, np.arange(size))
    moments = draw_moments(sampler, keys, num_samples)
    for run in {0, 1, 7, 8, 63, 64 % size, size - 1}:
        single = gaussian_sampler(np.full(3, 1 / 3), sampler.mean[run], sampler.std[run])
        x, _, value = draw_pairs(single, keys[run], 0, num_samples)
        expected = value_moments(x, value, 3)
        np.testing.assert_array_equal(moments.n[run], expected.n)
        np.testing.assert_allclose(moments.mean[run], expected.mean, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(moments.m2[run], expected.m2, rtol=1e-12, atol=1e-13)


def test_values_are_mean_plus_std_times_the_noise_of_the_row():
    sampler = gaussian(4)
    x, y, value = draw_pairs(sampler, KEY, 5000, 300)
    assert y is None
    assert x.tolist() == by_the_rule(sampler, words_of_rows(KEY, 5000, 300))
    noise = normal(words_on_host(KEY, Role.NOISE, 5000, 300))
    np.testing.assert_allclose(value, sampler.mean[x] + sampler.std[x] * noise, rtol=1e-15)


def test_the_origins_choices_come_back():
    """16 choices from normal logits, 2¹⁴ samples: |p − p̂| is a few thousandths (one σ is up to 0.0033).

    Beyond 5½ σ it leaves with a probability of 5·10⁻⁷; a table 5 % off in total variation is what χ² sees.
    """
    table = NormalLogits(1, 16).draw(KEY).probabilities
    y = draw_pairs(categorical_sampler(np.ones(1), table), KEY, 0, 1 << 14).y
    counts = np.bincount(y, minlength=16)
    sigma = np.sqrt(table[0] * (1 - table[0]) / (1 << 14))
    assert (np.abs(counts / (1 << 14) - table[0]) < normal_limit(2 * 16) * sigma).all()
    assert_frequencies(counts, table[0], detects=0.05, cases=2)


def test_the_origins_gaussian_comes_back():
    """Mean 1, std 2.5, 10,000 samples: mean and std within a few hundredths (one σ is 0.025 and 0.018)."""
    sampler = gaussian_sampler(np.ones(1), np.array([1.0]), np.array([2.5]))
    value = draw_pairs(sampler, KEY, 0, 10_000).value
    assert abs(value.mean() - 1.0) < 0.06
    assert abs(value.std() - 2.5) < 0.06
    assert_mean(value, 1.0, detects=0.25, cases=3)
    assert_mean((value - 1.0) ** 2, 2.5**2, detects=0.9, cases=3)
    assert_distribution(value, stats.norm(1.0, 2.5).cdf, detects=0.06, cases=3)


def test_labels_above_127_are_not_ours_to_lose():
    """Samples cast to int8 come back negative above 127 classes."""
    sampler = categorical_sampler(np.full(2, 0.5), np.full((2, 300), 1 / 300))
    y = draw_pairs(sampler, KEY, 0, 9000).y
    assert set(y.tolist()) == set(range(300))


def test_counts_do_not_stop_at_2_to_the_24():
    """A float32 counter stays at 16,777,216 whatever is added."""
    x = np.zeros((1 << 24) + 3, dtype=np.int8)
    counts = count_pairs(x, x, 1, 2)
    assert counts.n.tolist() == [[16_777_219, 0]]
    more = counts + count_pairs(x[:1], x[:1] + 1, 1, 2) + count_pairs(x[:1], x[:1], 1, 2)
    assert more.n.tolist() == [[16_777_220, 1]]
    assert value_moments(x, x.astype(np.float64), 1).n.tolist() == [16_777_219]


def test_a_batch_is_split_over_the_devices():
    """Otherwise nothing here would have tested sharding."""
    assert jax.local_device_count() == 2
    assert batch_size() == 256
