import numpy as np
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from stochmap.ingest import read_mapping
from stochmap.streams import run_keys
from stochmap.truths import Fixed, GaussianTable, SparseTable

ROWS = {"x": [0, 1, 0, 2], "y": [2, 0, 0, 1], "probability": [0.25, 1.0, 0.75, 1.0]}
TABLE = [[0.75, 0.0, 0.25], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def write(path, columns) -> str:
    table = pa.table(columns)
    (csv.write_csv if path.suffix == ".csv" else parquet.write_table)(table, path)
    return str(path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_probabilities(tmp_path, suffix):
    """Rows in any order, further columns ignored, cells that are not listed 0."""
    table = read_mapping(write(tmp_path / f"mapping{suffix}", {"note": list("abcd"), **ROWS}))
    assert isinstance(table, SparseTable)
    assert table.probabilities.tolist() == [0.75, 0.25, 1.0, 1.0]
    assert table.outcomes.tolist() == [0, 2, 0, 1]
    assert table.row_starts.tolist() == [0, 2, 3, 4]
    assert (table.outcomes.dtype, table.row_starts.dtype) == (np.int32, np.int64)
    assert table.inputs.tolist() == [1 / 3] * 3
    assert table.to_dense().probabilities.tolist() == TABLE


def test_a_cell_listed_as_0_is_one_that_is_not_listed(tmp_path):
    table = read_mapping(write(tmp_path / "a.csv", {"x": [0, 0, 1], "y": [0, 1, 0], "probability": [0.0, 1.0, 1.0]}))
    assert isinstance(table, SparseTable)
    assert (table.probabilities.tolist(), table.outcomes.tolist()) == ([1.0, 1.0], [1, 0])
    last = read_mapping(write(tmp_path / "b.csv", {"x": [0, 0], "y": [0, 4], "probability": [1.0, 0.0]}))
    assert isinstance(last, SparseTable)
    assert last.num_y == 5  # an outcome that cannot occur


def test_a_large_sparse_table_takes_the_memory_of_its_entries(tmp_path):
    """10⁵ × 10⁵ with 3 entries each, shuffled: 10¹⁰ cells would be 80 GB."""
    x = np.repeat(np.arange(100_000), 3)
    y = (x * 7919 + np.tile([0, 1, 50_000], 100_000)) % 100_000
    value, order = np.tile([0.5, 0.25, 0.25], 100_000), np.random.default_rng(1).permutation(300_000)
    path = write(tmp_path / "bigrams.parquet", {"x": x[order], "y": y[order], "probability": value[order]})
    truth = Fixed(path, read_mapping(path))
    table = truth.draw_sparse(run_keys(1, 0))
    assert (truth.num_x, truth.num_y, len(table.outcomes)) == (100_000, 100_000, 300_000)
    by_cell = np.lexsort((y, x))
    np.testing.assert_array_equal(table.x, x)
    np.testing.assert_array_equal(table.outcomes, y[by_cell])
    np.testing.assert_array_equal(table.probabilities, value[by_cell])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_of_gaussians(tmp_path, suffix):
    columns = {"x": [1, 0], "mean": [1.5, -2.0], "std": [2.5, 0.1]}
    table = read_mapping(write(tmp_path / f"mapping{suffix}", columns))
    assert isinstance(table, GaussianTable)
    assert (table.mean.tolist(), table.std.tolist()) == ([-2.0, 1.5], [0.1, 2.5])
    assert table.inputs.tolist() == [0.5, 0.5]


def test_integers_will_do_for_numbers(tmp_path):
    table = read_mapping(write(tmp_path / "a.csv", {"x": [0, 1], "y": [0, 0], "probability": [1, 1]}))
    assert isinstance(table, SparseTable)
    assert table.probabilities.dtype == np.float64
    table = read_mapping(write(tmp_path / "b.csv", {"x": [0, 1], "mean": [1, 2], "std": [1, 1]}))
    assert isinstance(table, GaussianTable)
    assert table.mean.dtype == np.float64


def test_rows_are_divided_by_their_sums(tmp_path):
    columns = {"x": [0, 0, 0], "y": [0, 1, 2], "probability": [0.3333333, 0.3333333, 0.3333333]}
    table = read_mapping(write(tmp_path / "a.csv", columns))
    np.testing.assert_allclose(table.probabilities, [1 / 3] * 3, rtol=1e-15)


CATEGORICAL = {"x": [0, 0, 1], "y": [0, 1, 0], "probability": [0.5, 0.5, 1.0]}
GAUSSIAN = {"x": [0, 1], "mean": [0.0, 1.0], "std": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": [1]}, "columns are a: expected x, y, probability or x, mean, std"),
        ({**CATEGORICAL, "probability": [0.5, 0.4, 1.0]}, "x = 0 sum to 0.9: make every row sum to 1"),
        ({**CATEGORICAL, "probability": [1.5, -0.5, 1.0]}, "probability -0.5 in row 1: .* must be non-negative"),
        ({**CATEGORICAL, "probability": [0.5, None, 1.0]}, "column probability has 1 empty values"),
        ({**CATEGORICAL, "x": [0, 0, 2]}, "x = 1 is missing: list every x from 0 to 2"),
        ({**CATEGORICAL, "x": [0, 0, -1]}, "column x has the negative value -1: number the labels from 0"),
        ({**CATEGORICAL, "x": [0.0, 0.0, 1.5]}, "column x holds .*, not integers: number the labels from 0"),
        ({**CATEGORICAL, "y": [0, 0, 0]}, "x = 0, y = 0 is listed twice: keep one row a cell"),
        ({**CATEGORICAL, "y": [0, 1, 10**12]}, "cells are more than .* 2147483648: number the labels without gaps"),
        ({**CATEGORICAL, "x": [0, 0, 10**9]}, "1000000001 × 2 cells are more than 67108864 × .*: number the labels"),
        ({**CATEGORICAL, "probability": [0.5, np.inf, 1.0]}, "x = 0 sum to inf: make every row sum to 1"),
        (
            {**CATEGORICAL, "probability": [0.5, np.nan, 1.0]},
            "1 empty values|probability nan in row 1: .* non-negative",
        ),
        ({**CATEGORICAL, "probability": [0.0, 0.0, 1.0]}, "x = 0 sum to 0: make every row sum to 1"),
        ({**CATEGORICAL, "probability": [0.5, 0.5, 1.000002]}, "x = 1 sum to 1.000002: make every row sum to 1"),
        ({**CATEGORICAL, "probability": list("abc")}, "column probability holds .*, not numbers: "),
        ({**GAUSSIAN, "std": [1.0, 0.0]}, "means must be finite and stds positive: correct"),
        ({**GAUSSIAN, "mean": [np.inf, 0.0]}, "means must be finite and stds positive: correct"),
        ({**GAUSSIAN, "x": [0, 0]}, "x = 0 is listed twice: keep one row an x"),
        ({**GAUSSIAN, "x": [0, 2]}, "x = 1 is missing: list every x from 0 to 2"),
        ({**GAUSSIAN, "x": [0, 10**12]}, "inputs are more than 67108864: number the labels without gaps"),
        ({**GAUSSIAN, "std": ["a", "b"]}, "column std holds .*, not numbers: "),
        ({name: values[:0] for name, values in GAUSSIAN.items()}, "it has no rows"),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_that_is_no_mapping_is_refused_in_one_line(tmp_path, suffix, columns, message):
    path = write(tmp_path / f"bad{suffix}", columns)
    with pytest.raises(ValueError, match=message) as caught:
        read_mapping(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(path)


def test_files_that_are_no_tables_are_refused_in_one_line(tmp_path):
    (tmp_path / "noise.parquet").write_bytes(b"not parquet")
    (tmp_path / "ragged.csv").write_text("x,y,probability\n0,0,1\n1,2\n")
    (tmp_path / "nothing.csv").write_text("")
    for path, message in [
        (tmp_path / "absent.csv", "no such file: give the path"),
        (tmp_path, "no such file: give the path"),
        (tmp_path / "noise.parquet", "cannot be read as a table .*: give a Parquet file, or a CSV"),
        (tmp_path / "ragged.csv", "cannot be read as a table"),
        (tmp_path / "nothing.csv", "cannot be read as a table"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            read_mapping(str(path))
        assert "\n" not in str(caught.value)
