"""Rows of a dataset: which they are, in which types, and how they are tallied."""

import numpy as np
import pytest
from chance import assert_frequencies
from dataset_cases import cells_by_the_rule, dataset, rows

from stochmap.datasets import Table, Tally, build_table, row_types
from stochmap.datasets._rows import _count, _labels
from stochmap.sampling import categorical_sampler, draw_pairs, gaussian_sampler, value_moments
from stochmap.streams import Role, words_on_host
from stochmap.variates import normal

WINDOWS = (0, (1 << 31) - 10, (1 << 32) - 10, 1 << 40)

DENSE = dataset({"kind": "dirichlet", "num_x": 5, "num_y": 9}, inputs={"kind": "zipf", "exponent": 0.5})
SPARSE = dataset({"kind": "sparse", "num_x": 3000, "num_y": 1_000_000, "outcomes": 2})
GAUSSIAN = dataset({"kind": "normal_inverse_gamma", "num_x": 3})
CHAINS = dataset({"kind": "reversible", "num_x": 5}, sequence={"length": 7})
BANDS = dataset({"kind": "banded", "num_x": 6, "num_y": 6, "bandwidth": 1}, sequence={"length": 7})


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return {kept.identity_hash(): build_table(kept) for kept in (DENSE, GAUSSIAN, CHAINS, BANDS)}


def test_rows_are_the_pairs_of_the_exact_sampler(tables):
    table = tables[DENSE.identity_hash()]
    sampler = categorical_sampler(table.inputs, table.probability.reshape(5, 9))
    for start in WINDOWS:
        pairs, found = draw_pairs(sampler, DENSE.key, start, 300), rows(table, DENSE, start, 300)
        np.testing.assert_array_equal(found["x"], pairs.x)
        np.testing.assert_array_equal(found["y"], pairs.y)


def test_rows_of_a_sparse_truth_follow_the_rule_and_its_cells():
    table = build_table(SPARSE)
    found = rows(table, SPARSE, 1 << 40, 2000)
    cell = cells_by_the_rule(table.alias, SPARSE.key, 1 << 40, 2000)
    assert (found["x"].dtype, found["y"].dtype) == (np.int16, np.int32)
    np.testing.assert_array_equal(found["x"], table.x[cell])
    np.testing.assert_array_equal(found["y"], table.y[cell])


@pytest.mark.parametrize("which", [DENSE, GAUSSIAN, CHAINS, BANDS], ids=["pairs", "gaussian", "chains", "bands"])
def test_any_window_holds_the_same_rows_however_it_is_cut(tables, which):
    """And each window others: with a counter of 31 or 32 bits the later ones would repeat the first."""
    table, per = tables[which.identity_hash()], which.length or 1
    seen = set()
    for start in WINDOWS:
        whole = rows(table, which, start, 40)
        seen.add(whole["value" if "value" in whole else "y"].tobytes())
        parts = [rows(table, which, start + first, count) for first, count in [(0, 13), (13, 1), (14, 26)]]
        for name, values in whole.items():
            assert len(values) == 40 * per
            np.testing.assert_array_equal(values, np.concatenate([part[name] for part in parts]))
    assert len(seen) == len(WINDOWS)


def test_a_window_longer_than_a_block_equals_its_parts(tables):
    table, start = tables[DENSE.identity_hash()], (1 << 32) - 9000
    whole = rows(table, DENSE, start, 20_000)
    for first, count in [(0, 100), (8990, 20), (4095, 2), (19_000, 1000)]:
        part = rows(table, DENSE, start + first, count)
        np.testing.assert_array_equal(part["x"], whole["x"][first : first + count])
        np.testing.assert_array_equal(part["y"], whole["y"][first : first + count])


def test_values_are_mean_plus_std_times_the_row_s_noise(tables):
    table = tables[GAUSSIAN.identity_hash()]
    for start in WINDOWS:
        found = rows(table, GAUSSIAN, start, 300)
        x = cells_by_the_rule(table.start, GAUSSIAN.key, start, 300)
        noise = normal(words_on_host(GAUSSIAN.key, Role.NOISE, start, 300))
        np.testing.assert_array_equal(found["x"], x)
        assert found["value"].dtype == np.float64
        np.testing.assert_array_equal(found["value"], table.mean[x] + table.std[x] * noise)
        pairs = draw_pairs(gaussian_sampler(table.inputs, table.mean, table.std), GAUSSIAN.key, start, 300)
        np.testing.assert_array_equal(found["value"], pairs.value)


@pytest.mark.parametrize("which", [CHAINS, BANDS], ids=["dense", "sparse"])
def test_y_of_a_row_is_x_of_the_next_in_its_chain(tables, which):
    table = tables[which.identity_hash()]
    found = rows(table, which, 10, 600)
    x, y = (found[name].reshape(600, 7) for name in "xy")
    np.testing.assert_array_equal(y[:, :-1], x[:, 1:])
    np.testing.assert_array_equal(found["chain"], np.repeat(np.arange(10, 610), 7))
    np.testing.assert_array_equal(found["step"], np.tile(np.arange(7), 600))
    possible = np.zeros((table.num_x, table.num_x), bool)
    possible[table.x, table.y] = table.probability > 0
    assert possible[found["x"], found["y"]].all()


def test_a_chain_starts_by_the_inputs_and_steps_by_the_table(tables):
    """Would catch either 0.04 off in total variation."""
    table = tables[CHAINS.identity_hash()]
    found = rows(table, CHAINS, 0, 20_000)
    x, y = (found[name].reshape(-1, 7)[:, 0].astype(int) for name in "xy")
    joint = table.inputs[:, None] * table.probability.reshape(5, 5)
    assert_frequencies(np.bincount(x, minlength=5), table.inputs, detects=0.04, cases=2)
    assert_frequencies(np.bincount(x * 5 + y, minlength=25), joint, detects=0.04, cases=2)


@pytest.mark.parametrize(
    ("labels", "kind"),
    [(1, "int8"), (126, "int8"), (127, "int8"), (128, "int8"), (129, "int16"), (32_768, "int16"), (32_769, "int32")],
)
def test_labels_have_the_narrowest_signed_type(labels, kind):
    wide = dataset({"kind": "sparse", "num_x": labels, "num_y": labels, "outcomes": 1})
    assert row_types(wide) == {"x": kind, "y": kind}
    assert row_types(dataset({"kind": "gaussian", "num_x": labels})) == {"x": kind, "value": "float64"}
    square = dataset({"kind": "sparse", "num_x": labels, "num_y": labels, "outcomes": 1}, sequence={"length": labels})
    assert row_types(square) == {"chain": "int64", "step": kind, "x": kind, "y": kind}


SHAPES = [(1, 1), (1, 255), (1, 256), (1, 257), (256, 1), (255, 1), (2, 128), (2, 129), (127, 2), (128, 2), (129, 2)]
SHAPES += [(16, 16), (3, 100), (1, 65_536), (1, 65_537), (65_536, 1), (65_537, 1), (2, 32_769), (255, 257)]


@pytest.mark.parametrize(("num_x", "num_y"), SHAPES)
def test_cells_become_labels_in_every_type(num_x, num_y):
    """In the cells' own type num_y itself may not fit: 256 into uint8, 65,536 into uint16."""
    of = dataset({"kind": "normal_logits", "num_x": num_x, "num_y": num_y})
    x, y = np.divmod(np.arange(num_x * num_y), num_y)
    table = Table(np.ones(num_x) / num_x, num_y, x, y, np.ones(num_x * num_y) / num_y, None, None, None, None)
    kind = np.min_scalar_type(num_x * num_y - 1)
    found = _labels(table, row_types(of))(np.arange(num_x * num_y).astype(kind))
    for name, expected in (("x", x), ("y", y)):
        assert found[name].dtype == row_types(of)[name]
        np.testing.assert_array_equal(found[name], expected)


def counted(table: Table, tally: Tally) -> np.ndarray:
    columns = tally.to_columns()["counts"]
    assert (columns["n"] > 0).all()
    counts = np.zeros(len(table.x), dtype=np.int64)
    counts[columns["cell"]] = columns["n"]
    return counts


@pytest.mark.parametrize("count", [1, 5000, (1 << 20) - 1])
def test_the_tally_counts_the_rows(tables, count):
    """Two at a time where a block of few cells is long: 2¹⁸ rows and more."""
    table = tables[DENSE.identity_hash()]
    tally = Tally(table)
    first, second = rows(table, DENSE, 0, count, tally), rows(table, DENSE, 7, count, tally)
    cell = np.concatenate([part["x"].astype(int) * 9 + part["y"] for part in (first, second)])
    np.testing.assert_array_equal(counted(table, tally), np.bincount(cell, minlength=45))


@pytest.mark.parametrize("length", [(1 << 18) - 1, 1 << 18, (1 << 18) + 1, (1 << 19) + 3])
@pytest.mark.parametrize("cells", [1, 200, 256])
def test_narrow_cells_are_counted_two_at_a_time(length, cells):
    x, y = np.divmod(np.arange(cells), 1)
    table = Table(np.ones(cells) / cells, 1, x, y, np.ones(cells), None, None, None, None)
    cell = np.random.default_rng(length).integers(0, cells, length).astype(np.uint8)
    tally = Tally(table)
    tally.add_cells(cell[:-1])
    tally.add_cells(cell[1:])  # as of a window with an odd start: its pairs lie at odd addresses
    twice = np.concatenate([cell[:-1], cell[1:]])
    np.testing.assert_array_equal(counted(table, tally), np.bincount(twice, minlength=cells))


@pytest.mark.parametrize("cells", [1 << 16, (1 << 16) + 1, 200_000])
def test_beyond_2_to_the_16_cells_neighbours_are_counted_together(cells):
    x, y = np.divmod(np.arange(cells), 1)
    table = Table(np.ones(cells) / cells, 1, x, y, np.ones(cells), None, None, None, None)
    cell = np.random.default_rng(cells).integers(0, cells, 10_000).astype(np.min_scalar_type(cells - 1))
    tally = Tally(table)
    tally.add_cells(cell)
    columns = tally.to_columns()["counts"]
    group = -(-cells // (1 << 16))
    expected = np.bincount(cell // group)
    np.testing.assert_array_equal(columns["cell"], np.flatnonzero(expected) * group)
    np.testing.assert_array_equal(columns["n"], expected[expected > 0])


@pytest.mark.parametrize("which", [CHAINS, BANDS], ids=["dense", "sparse"])
def test_the_tally_counts_a_sequence_s_steps(tables, which):
    table = tables[which.identity_hash()]
    tally = Tally(table)
    found = rows(table, which, 0, 100, tally)
    steps = np.bincount(found["x"].astype(int) * table.num_x + found["y"], minlength=table.num_x**2)
    np.testing.assert_array_equal(counted(table, tally), steps[table.x.astype(int) * table.num_x + table.y])


@pytest.mark.parametrize("which", [GAUSSIAN, dataset({"kind": "gaussian", "mean": 1.0, "std": 2.5})], ids=["3", "1"])
def test_the_tally_of_values_is_their_moments(which):
    table = build_table(which)
    tally = Tally(table)
    found = rows(table, which, 0, 3000, tally)
    columns = tally.to_columns()["moments"]
    expected = value_moments(found["x"].astype(int), found["value"], table.num_x)
    np.testing.assert_array_equal(columns["n"], expected.n)
    np.testing.assert_allclose(columns["mean"], expected.mean, rtol=1e-12)
    np.testing.assert_allclose(columns["m2"], expected.m2, rtol=1e-12)
    assert (
        columns["beyond_4"].sum()
        == (np.abs((found["value"] - table.mean[found["x"]]) / table.std[found["x"]]) > 4).sum()
    )


def test_rows_of_more_inputs_than_a_piece_are_tallied_all_the_same():
    which = dataset({"kind": "gaussian", "num_x": 40_000})
    table = build_table(which)
    tally = Tally(table)
    found = rows(table, which, 0, 5000, tally)
    columns = tally.to_columns()["moments"]
    seen, n = np.unique(found["x"], return_counts=True)
    assert columns["x"].tolist() == seen.tolist()
    assert columns["n"].tolist() == n.tolist()


def test_values_far_out_are_tallied(tables):
    table = tables[GAUSSIAN.identity_hash()]
    tally = Tally(table)
    noise = np.array([0.0, 3.9, -3.9, 4.1, -4.1, 4.9, 5.1, -5.1, 5.4, 5.6, -8.4])
    x = np.array([0, 0, 0, 0, 2, 2, 2, 2, 2, 0, 2])
    for part in (slice(0, 4), slice(4, None)):
        tally.add_values(x[part], table.mean[x[part]] + table.std[x[part]] * noise[part], noise[part])
    columns = tally.to_columns()["moments"]
    assert columns["x"].tolist() == [0, 2]
    assert columns["n"].tolist() == [5, 6]
    assert columns["beyond_4"].tolist() == [2, 6]
    assert columns["beyond_5"].tolist() == [1, 4]
    assert columns["beyond_5_5"].tolist() == [1, 1]


@pytest.mark.parametrize("size", [1, 2, 100, 128, 129, 256])
@pytest.mark.parametrize("rows", [5, 1 << 17, (1 << 18) + 70_001])
def test_cells_that_are_counted_two_at_a_time_are_counted_once(size, rows):
    cells = np.random.default_rng(rows).integers(0, size, rows).astype(np.uint8)
    np.testing.assert_array_equal(_count(cells, size), [(cells == cell).sum() for cell in range(size)])
