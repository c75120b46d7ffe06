"""The integer table that a dataset is drawn from: built once, stored, and read back by whoever draws rows."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from stochmap.building import StudyError
from stochmap.sampling import MAX_CELLS, AliasTable, build_alias, chain_sampler, joint_alias
from stochmap.study import Dataset
from stochmap.truths import CategoricalTable, GaussianTable, SparseTable, SparseTruth, Truth, TruthTable, with_inputs

Columns = dict[str, np.ndarray | None]


class Table(NamedTuple):
    """A truth of one run, cell by cell, with the alias tables that draw from it (host).

    Cells are in ascending order of (x, y). A dense truth has all of them, a sparse one those that are not 0. For
    Gaussians there are none, and mean and std for each x.
    """

    inputs: Float[np.ndarray, "num_x"]
    num_y: int | None
    x: Int[np.ndarray, "cells"] | None
    y: Int[np.ndarray, "cells"] | None
    probability: Float[np.ndarray, "cells"] | None
    mean: Float[np.ndarray, "num_x"] | None
    std: Float[np.ndarray, "num_x"] | None
    alias: AliasTable | None
    """Over the cells: of all of them together or, for sequences, of each x's own."""
    start: AliasTable | None
    """Over the inputs, for Gaussians and for sequences."""

    @property
    def num_x(self) -> int:
        """The number of inputs."""
        return len(self.inputs)

    @property
    def row_starts(self) -> Int[np.ndarray, "{self.num_x}+1"]:
        """Where the cells of each x start, and where the last ones end."""
        assert self.x is not None
        return np.concatenate([[0], np.cumsum(np.bincount(self.x, minlength=self.num_x))])


def num_cells(truth: Truth) -> int:
    """Return how many cells the table of a truth has, at most; of Gaussians, one for each x."""
    return truth.num_entries if isinstance(truth, SparseTruth) else truth.num_x * (truth.num_y or 1)


def build_table(dataset: Dataset) -> Table:
    """Draw the truth of a dataset and build its integer table.

    Raises:
        StudyError: the truth has more cells than a table can hold, or the inputs do not go with it.
    """
    truth, key = dataset.truth, dataset.key
    if num_cells(truth) > MAX_CELLS:
        raise StudyError(
            f"truth ({dataset.truth_kind}): {num_cells(truth)} cells are more than {MAX_CELLS}: "
            "use a smaller num_x or num_y, or a truth with fewer cells that are not 0"
        )
    sparse = truth if truth.family == "categorical" and isinstance(truth, SparseTruth) else None
    drawn = truth.draw(key) if sparse is None else sparse.draw_sparse(key)
    try:
        drawn = with_inputs(drawn, dataset.inputs)
    except ValueError as error:
        raise StudyError(f"inputs ({dataset.inputs_kind}): {error}") from error
    if isinstance(drawn, CategoricalTable) and drawn.parts is not None:
        raise StudyError(f"truth ({dataset.truth_kind}): it changes while it is sampled: use a kind that stands still")
    if isinstance(drawn, GaussianTable):
        nothing = (None, None, None, None)
        return Table(drawn.inputs, *nothing, drawn.mean, drawn.std, None, build_alias(drawn.inputs))
    x, y, probability, num_y = _cells(drawn)
    empty = Table(drawn.inputs, num_y, x, y, probability, None, None, None, None)
    if dataset.length is None:
        return empty._replace(alias=joint_alias(drawn.inputs[x], probability))
    chains = chain_sampler(drawn.inputs, probability, empty.row_starts, y)
    return empty._replace(alias=chains.rows, start=chains.start)


def _cells(drawn: TruthTable | SparseTable) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    if isinstance(drawn, SparseTable) and len(drawn.outcomes) < drawn.num_x * drawn.num_y:
        return drawn.x, drawn.outcomes, drawn.probabilities, drawn.num_y
    table = drawn.to_dense() if isinstance(drawn, SparseTable) else drawn
    assert isinstance(table, CategoricalTable)
    num_x, num_y = table.probabilities.shape
    x, y = np.divmod(np.arange(num_x * num_y, dtype=np.int64), num_y)
    return x, y, table.probabilities.reshape(-1), num_y


def to_columns(table: Table) -> dict[str, Columns]:
    """Return the tables ``truths`` and ``inputs`` of the store, as columns."""
    inputs: Columns = {"x": np.arange(table.num_x), "probability": table.inputs, **_alias_columns(table.start)}
    if table.probability is None:
        return {"truths": {"x": np.arange(table.num_x), "mean": table.mean, "std": table.std}, "inputs": inputs}
    cells: Columns = {"cell": np.arange(len(table.probability)), "x": table.x, "y": table.y}
    cells |= {"probability": table.probability, **_alias_columns(table.alias)}
    return {"truths": cells, "inputs": inputs}


def from_columns(truths: Mapping[str, Any], inputs: Mapping[str, Any], num_y: int | None) -> Table:
    """Return the table whose columns ``to_columns`` gave."""
    if num_y is None:
        nothing = (None, None, None, None)
        return Table(inputs["probability"], *nothing, truths["mean"], truths["std"], None, _alias(inputs))
    cells = (truths["x"], truths["y"], truths["probability"])
    return Table(inputs["probability"], num_y, *cells, None, None, _alias(truths), _alias(inputs))


def _alias_columns(table: AliasTable | None) -> Columns:
    if table is None:
        return dict.fromkeys(AliasTable._fields)
    return {name: np.asarray(part).astype(np.int64) for name, part in zip(table._fields, table, strict=True)}


def _alias(columns: Mapping[str, Any]) -> AliasTable | None:
    if columns[AliasTable._fields[0]] is None:
        return None
    return AliasTable(*(np.asarray(columns[name]).astype(np.uint32) for name in AliasTable._fields))
