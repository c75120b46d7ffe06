"""Small datasets of every sort, and rows of them drawn by Python's integers."""

from typing import Any

import numpy as np
from cipher import words_of_rows

from stochmap.datasets import Table, Tally, draw_rows
from stochmap.sampling import AliasTable
from stochmap.study import Dataset, dataset_from_options


def dataset(truth: dict[str, Any] | None = None, **options: Any) -> Dataset:
    chosen = {} if truth is None else {"truth": truth}
    return dataset_from_options({"seed": 3, **chosen, **options})[0]


def rows(table: Table, of: Dataset, first: int, count: int, tally: Tally | None = None) -> dict[str, np.ndarray]:
    """Rows (or chains) as whole columns."""
    blocks = list(draw_rows(table, of, first, count, Tally(table) if tally is None else tally))
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def cells_by_the_rule(table: AliasTable, key: np.ndarray, start: int, count: int) -> np.ndarray:
    """Draw cells as AliasTable states, in Python's integers."""
    product = words_of_rows(key, start, count) * len(table.alias)
    cell = (product >> 64).astype(np.int64)
    threshold = (table.threshold_high[cell].astype(object) << 32) | table.threshold_low[cell].astype(object)
    return np.where((product & ((1 << 64) - 1)) < threshold, cell, table.alias[cell].astype(np.int64))
