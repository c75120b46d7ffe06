from pathlib import Path
from typing import Any

import numpy as np

from stochmap.sampling import MAX_CELLS
from stochmap.truths import GaussianTable, SparseTable

MAX_LABELS = 1 << 31
"""Labels of outcomes are 32-bit integers."""

TOLERANCE = 1e-6
"""How far a row's sum may be from 1."""


def read_mapping(path: str) -> SparseTable | GaussianTable:
    """Read a mapping from a Parquet or CSV file with the columns x, y, probability, or x, mean, std.

    Inputs are uniform. x and y are integers from 0; a cell that is not listed has probability 0, and takes no memory.
    Every x up to the largest must occur. Rows are divided by their sums, which must be 1 within 1e-6.

    Raises:
        ValueError: one line that says what is wrong, where, and what to do.
    """
    columns = _columns(path)
    if {"x", "y", "probability"} <= set(columns):
        return _categorical(path, columns)
    if {"x", "mean", "std"} <= set(columns):
        return _gaussian(path, columns)
    raise ValueError(f"{path}: columns are {', '.join(columns)}: expected x, y, probability or x, mean, std")


def _columns(path: str) -> dict[str, np.ndarray]:
    import pyarrow as pa
    from pyarrow import csv, parquet

    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file: give the path of a Parquet or CSV file")
    try:
        table = csv.read_csv(path) if path.endswith((".csv", ".csv.gz")) else parquet.ParquetFile(path).read()
        if table.num_rows == 0:
            raise ValueError("it has no rows")
        if len(set(table.column_names)) < len(table.column_names):
            raise ValueError("two columns have one name")
        return {name: _numbers(name, table[name].combine_chunks()) for name in table.column_names}
    except (pa.ArrowException, OSError, ValueError) as error:
        message = str(error).splitlines()[0]
        raise ValueError(
            f"{path}: cannot be read as a table ({message}): give a Parquet file, or a CSV with a header"
        ) from None


def _numbers(name: str, column: Any) -> np.ndarray:
    if column.null_count:
        raise ValueError(f"column {name} has {column.null_count} empty values")
    return np.asarray(column)


def _index(path: str, name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "iu":
        raise ValueError(f"{path}: column {name} holds {values.dtype}, not integers: number the labels from 0")
    if values.min() < 0:
        raise ValueError(f"{path}: column {name} has the negative value {values.min()}: number the labels from 0")
    return values.astype(np.int64)


def _real(path: str, name: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{path}: column {name} holds {values.dtype}, not numbers: correct the table")
    return values.astype(np.float64)


def _no_gaps(path: str, present: np.ndarray) -> None:
    if not present.all():
        raise ValueError(
            f"{path}: x = {np.flatnonzero(~present)[0]} is missing: list every x from 0 to {len(present) - 1}"
        )


def _categorical(path: str, columns: dict[str, np.ndarray]) -> SparseTable:
    x, y = _index(path, "x", columns["x"]), _index(path, "y", columns["y"])
    num_x, num_y = int(x.max()) + 1, int(y.max()) + 1
    if num_x > MAX_CELLS or num_y > MAX_LABELS:
        raise ValueError(
            f"{path}: {num_x} × {num_y} cells are more than {MAX_CELLS} × {MAX_LABELS}: number the labels without gaps"
        )
    value = _real(path, "probability", columns["probability"])
    bad = np.flatnonzero(~(value >= 0))
    if bad.size:
        raise ValueError(
            f"{path}: probability {value[bad[0]]} in row {bad[0]}: probabilities must be non-negative numbers"
        )
    order = np.lexsort((y, x))
    x, y, value = x[order], y[order], value[order]
    repeated = np.flatnonzero((x[1:] == x[:-1]) & (y[1:] == y[:-1]))
    if repeated.size:
        raise ValueError(f"{path}: x = {x[repeated[0]]}, y = {y[repeated[0]]} is listed twice: keep one row a cell")
    listed = np.bincount(x, minlength=num_x)
    _no_gaps(path, listed > 0)
    sums = np.add.reduceat(value, np.cumsum(listed) - listed)
    worst = int(np.abs(sums - 1.0).argmax())
    if not abs(sums[worst] - 1.0) <= TOLERANCE:
        raise ValueError(f"{path}: the probabilities of x = {worst} sum to {sums[worst]:.9g}: make every row sum to 1")
    possible = value > 0
    starts = np.concatenate([[0], np.cumsum(np.bincount(x[possible], minlength=num_x))])
    return SparseTable(
        (value / sums[x])[possible], y[possible].astype(np.int32), starts, num_y, np.full(num_x, 1.0 / num_x)
    )


def _gaussian(path: str, columns: dict[str, np.ndarray]) -> GaussianTable:
    x = _index(path, "x", columns["x"])
    num_x = int(x.max()) + 1
    if num_x > MAX_CELLS:
        raise ValueError(f"{path}: {num_x} inputs are more than {MAX_CELLS}: number the labels without gaps")
    times = np.bincount(x, minlength=num_x)
    if times.max() > 1:
        raise ValueError(f"{path}: x = {times.argmax()} is listed twice: keep one row an x")
    _no_gaps(path, times > 0)
    mean, std = np.empty(num_x), np.empty(num_x)
    mean[x], std[x] = _real(path, "mean", columns["mean"]), _real(path, "std", columns["std"])
    if not (np.isfinite(mean).all() and (std > 0).all() and np.isfinite(std).all()):
        raise ValueError(f"{path}: means must be finite and stds positive: correct the table")
    return GaussianTable(mean, std, np.full(num_x, 1.0 / num_x))
