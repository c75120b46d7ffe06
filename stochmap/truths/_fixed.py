import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from stochmap.streams import Key, Keys

from ._table import CategoricalTable, GaussianTable, SparseTable, TruthTable, require


@dataclass(frozen=True)
class Fixed:
    """A table that the user brings: columns x, y, probability, or x, mean, std, in a Parquet or CSV file.

    The file is read once, where the study is loaded (``ingest.read_mapping``); the truth is its content, whose hash
    stands for it. A categorical table is held by its entries that are not 0, whatever it was given as.

    Raises:
        ValueError: the table has not been read, or it is not a mapping.
    """

    path: str
    table: TruthTable | SparseTable | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.table, CategoricalTable):
            object.__setattr__(self, "table", self.table.to_sparse())

    @property
    def family(self) -> Literal["categorical", "gaussian"]:
        """What the table holds."""
        return "gaussian" if isinstance(self._content, GaussianTable) else "categorical"

    @property
    def num_x(self) -> int:
        """The number of inputs."""
        return len(self._content.inputs)

    @property
    def num_y(self) -> int | None:
        """The number of outcomes; None for Gaussians."""
        return None if isinstance(self._content, GaussianTable) else self._content.num_y

    @property
    def num_entries(self) -> int:
        """How many numbers the table holds: cells that are not 0, or Gaussians."""
        return self.num_x if isinstance(self._content, GaussianTable) else len(self._content.outcomes)

    @property
    def content(self) -> str:
        """The hash of the decoded table: 16 hexadecimal digits."""
        digest = hashlib.sha256()
        parts = self._content[:2] if isinstance(self._content, GaussianTable) else self._content[:4]
        for part in parts:
            array = np.asarray(part)
            array = array.astype("<f8" if array.dtype.kind == "f" else "<i8")
            digest.update(str(array.shape).encode() + array.tobytes())
        return digest.hexdigest()[:16]

    def draw(self, key: Keys) -> TruthTable:
        """Return the table for every key [*runs, 2]."""
        content, runs = self._dense, np.shape(key)[:-1]

        def repeat(values: np.ndarray) -> np.ndarray:
            return np.broadcast_to(values, (*runs, *values.shape))

        if isinstance(content, CategoricalTable):
            return content._replace(probabilities=repeat(content.probabilities))
        return GaussianTable(repeat(content.mean), repeat(content.std), content.inputs)

    def draw_sparse(self, key: Key) -> SparseTable:
        """Return the table by its entries, the same for every key.

        Raises:
            ValueError: it holds Gaussians.
        """
        require(
            not isinstance(self._content, GaussianTable),
            f"{self.path} holds Gaussians, which are never sparse: draw it",
        )
        assert isinstance(self._content, SparseTable)
        return self._content

    @property
    def _content(self) -> SparseTable | GaussianTable:
        table = self.table
        require(table is not None, f"the table {self.path} has not been read: load the study with a reader of tables")
        assert isinstance(table, SparseTable | GaussianTable)
        return table

    @cached_property
    def _dense(self) -> TruthTable:
        return self._content.to_dense() if isinstance(self._content, SparseTable) else self._content
