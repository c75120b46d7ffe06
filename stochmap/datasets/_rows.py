"""Rows of a dataset: any range of them, a block at a time, and a tally of what they hold."""

from collections.abc import Iterator

import numpy as np

from stochmap.sampling import ChainSampler, Moments, draw_bits, draw_cells, draw_chains, value_moments
from stochmap.study import Dataset
from stochmap.variates import normal_of_bits

from ._table import Table

Block = dict[str, np.ndarray]

MAX_COUNTED = 1 << 16
"""Up to so many cells each is counted by itself; beyond, groups of neighbouring cells are."""

TAILS = (4.0, 5.0, 5.5)
"""Standard deviations beyond which Gaussian values are counted."""

_CHAIN_ROWS = 1 << 22

_PAIRS = 1 << 17
"""Pairs of cells that are counted at a time."""

_PIECE = 1 << 15
"""Gaussian values that are made at a time: the arrays stay in a core's cache."""


def row_types(dataset: Dataset) -> dict[str, np.dtype]:
    """Return the columns of ``samples`` and their types: the narrowest signed integers that hold all labels."""
    x, num_y = _narrowest(dataset.truth.num_x), dataset.truth.num_y
    if num_y is None:
        return {"x": x, "value": np.dtype(np.float64)}
    if dataset.length is None:
        return {"x": x, "y": _narrowest(num_y)}
    return {"chain": np.dtype(np.int64), "step": _narrowest(dataset.length), "x": x, "y": x}


def _narrowest(size: int) -> np.dtype:
    return next(np.dtype(kind) for kind in (np.int8, np.int16, np.int32, np.int64) if size - 1 <= np.iinfo(kind).max)


def group_size(cells: int) -> int:
    """Return how many neighbouring cells are counted together."""
    return -(-cells // MAX_COUNTED)


class Tally:
    """What rows were drawn: counts of cells (or of groups of them), or moments and tails of Gaussian values."""

    def __init__(self, table: Table):
        self.table = table
        self.group = group_size(1 if table.x is None else len(table.x))
        groups = 0 if table.x is None else -(-len(table.x) // self.group)
        self.counts = np.zeros(groups, dtype=np.int64)
        zeros = np.zeros(table.num_x if table.x is None else 0)
        self.moments = Moments(zeros.astype(np.int64), zeros, zeros)
        self.beyond = np.zeros((len(TAILS), len(zeros)), dtype=np.int64)

    def add_cells(self, cell: np.ndarray) -> None:
        """Count cells."""
        if self.group > 1:
            cell = cell // cell.dtype.type(self.group)
        self.counts += _count(cell, len(self.counts))

    def add_values(self, x: np.ndarray, value: np.ndarray, noise: np.ndarray) -> None:
        """Take the values' moments, and count those far out."""
        self.moments = self.moments + value_moments(x, value, self.table.num_x)
        far = np.flatnonzero(np.abs(noise) > TAILS[0])
        for index, limit in enumerate(TAILS):
            further = far[np.abs(noise[far]) > limit]
            self.beyond[index] += np.bincount(x[further], minlength=self.table.num_x)

    def to_columns(self) -> dict[str, Block]:
        """Return the table ``counts`` or ``moments`` of the store; what did not occur is left out."""
        if self.table.x is not None:
            seen = np.flatnonzero(self.counts)
            return {"counts": {"cell": seen * self.group, "n": self.counts[seen]}}
        seen = np.flatnonzero(self.moments.n)
        columns = {name: getattr(self.moments, name)[seen] for name in ("n", "mean", "m2")}
        tails = {tail_column(limit): beyond[seen] for limit, beyond in zip(TAILS, self.beyond, strict=True)}
        return {"moments": {"x": seen, **columns, **tails}}


def tail_column(limit: float) -> str:
    """Return the name of the column that counts values beyond a limit."""
    return f"beyond_{limit:g}".replace(".", "_")


def _count(cell: np.ndarray, size: int) -> np.ndarray:
    if cell.dtype != np.uint8 or len(cell) < 2 * _PAIRS:
        return np.bincount(cell, minlength=size)
    # Two neighbours are one increment of a table, in pieces that stay in a core's cache.
    even = len(cell) & ~1
    pairs = cell[:even].view(np.uint16)
    counts, index = np.zeros(size << 8, dtype=np.int64), np.empty(_PAIRS, dtype=np.int64)
    for start in range(0, len(pairs), _PAIRS):
        piece = pairs[start : start + _PAIRS]
        np.copyto(index[: len(piece)], piece)
        counts += np.bincount(index[: len(piece)], minlength=len(counts))
    square = counts.reshape(size, 256)
    return square.sum(axis=0)[:size] + square.sum(axis=1) + np.bincount(cell[even:], minlength=size)


def draw_rows(table: Table, dataset: Dataset, first: int, count: int, tally: Tally) -> Iterator[Block]:
    """Yield rows first … first + count − 1 (of a sequence: all rows of those chains), and tally them.

    A row is a pure function of the table, the dataset's key and its index. The next block is drawn while one is used.
    """
    types = row_types(dataset)
    if table.num_y is None:
        yield from _gaussian_rows(table, dataset, first, count, tally, types)
    elif dataset.length is None:
        yield from _pair_rows(table, dataset, first, count, tally, types)
    else:
        yield from _chain_rows(table, dataset, first, count, tally, types)


def _pair_rows(
    table: Table, dataset: Dataset, first: int, count: int, tally: Tally, types: dict[str, np.dtype]
) -> Iterator[Block]:
    assert table.alias is not None
    labels = _labels(table, types)
    for cell in draw_cells(table.alias, dataset.key, first, count):
        tally.add_cells(cell)
        yield labels(cell)


def _labels(table: Table, types: dict[str, np.dtype]):
    """Return the function from cells to x and y."""
    assert table.x is not None
    assert table.y is not None
    assert table.num_y is not None
    if len(table.x) < table.num_x * table.num_y:
        x_of, y_of = (values.astype(types[name]) for name, values in (("x", table.x), ("y", table.y)))
        return lambda cell: {"x": x_of[cell], "y": y_of[cell]}
    num_y = table.num_y

    def divided(cell: np.ndarray) -> Block:
        # In the cells' own narrow type, in which NumPy divides many at a time.
        kind = cell.dtype.type
        x = cell // kind(num_y) if num_y <= np.iinfo(kind).max else np.zeros_like(cell)
        y = x * kind(num_y % (int(np.iinfo(kind).max) + 1))
        np.subtract(cell, y, out=y)
        return {"x": _as(x, types["x"]), "y": _as(y, types["y"])}

    return divided


def _as(labels: np.ndarray, kind: np.dtype) -> np.ndarray:
    """Return unsigned labels as signed ones that hold them: the same bytes, where there are as many."""
    return labels.view(kind) if labels.itemsize == kind.itemsize else labels.astype(kind)


def _gaussian_rows(
    table: Table, dataset: Dataset, first: int, count: int, tally: Tally, types: dict[str, np.dtype]
) -> Iterator[Block]:
    assert table.start is not None
    assert table.mean is not None
    assert table.std is not None
    cells = draw_cells(table.start, dataset.key, first, count)
    size = max(_PIECE, table.num_x)  # each piece's moments take time for every x
    for x, bits in zip(cells, draw_bits(dataset.key, first, count), strict=True):
        value = np.empty(len(x))
        for start in range(0, len(x), size):
            piece = slice(start, start + size)
            noise = normal_of_bits(bits[piece])
            np.multiply(table.std[x[piece]] if table.num_x > 1 else table.std, noise, out=value[piece])
            value[piece] += table.mean[x[piece]] if table.num_x > 1 else table.mean
            tally.add_values(x[piece], value[piece], noise)
        yield {"x": _as(x, types["x"]), "value": value}


def _chain_rows(
    table: Table, dataset: Dataset, first: int, count: int, tally: Tally, types: dict[str, np.dtype]
) -> Iterator[Block]:
    assert table.start is not None
    assert table.alias is not None
    assert table.y is not None
    assert dataset.length is not None
    length = dataset.length
    sampler = ChainSampler(table.start, table.alias, table.row_starts, table.y.astype(np.int32))
    at_once = max(1, _CHAIN_ROWS // length)
    for start in range(first, first + count, at_once):
        chains = min(at_once, first + count - start)
        states = draw_chains(sampler, dataset.key, start, chains, length)
        x, y = states[:, :-1].reshape(-1), states[:, 1:].reshape(-1)
        tally.add_cells(_cell_of(table)(x, y))
        yield {
            "chain": np.repeat(np.arange(start, start + chains), length),
            "step": np.tile(np.arange(length, dtype=types["step"]), chains),
            "x": x.astype(types["x"]),
            "y": y.astype(types["y"]),
        }


def _cell_of(table: Table):
    """Return the function from (x, y) to cells."""
    assert table.x is not None
    assert table.y is not None
    assert table.num_y is not None
    num_y = table.num_y
    if len(table.x) == table.num_x * num_y:
        return lambda x, y: x.astype(np.int64) * num_y + y
    number = table.x.astype(np.int64) * num_y + table.y
    return lambda x, y: np.searchsorted(number, x.astype(np.int64) * num_y + y)
