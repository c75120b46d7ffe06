import hashlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from stochmap.streams import Keys

from ._table import CategoricalTable, GaussianTable, TruthTable, require


@dataclass(frozen=True)
class Fixed:
    """A table that the user brings: columns x, y, probability, or x, mean, std, in a Parquet or CSV file.

    The file is read once, where the study is loaded (``ingest.read_mapping``); the truth is its content, whose hash
    stands for it.

    Raises:
        ValueError: the table has not been read, or it is not a mapping.
    """

    path: str
    table: TruthTable | None = field(default=None, compare=False, repr=False)

    @property
    def family(self) -> Literal["categorical", "gaussian"]:
        """What the table holds."""
        return "categorical" if isinstance(self._content(), CategoricalTable) else "gaussian"

    @property
    def num_x(self) -> int:
        """The number of inputs."""
        return len(self._content().inputs)

    @property
    def num_y(self) -> int | None:
        """The number of outcomes; None for Gaussians."""
        content = self._content()
        return content.probabilities.shape[-1] if isinstance(content, CategoricalTable) else None

    @property
    def content(self) -> str:
        """The hash of the decoded table: 16 hexadecimal digits."""
        digest = hashlib.sha256()
        for part in self._content()[:2]:
            array = np.ascontiguousarray(part, dtype=np.float64)
            digest.update(str(array.shape).encode() + array.tobytes())
        return digest.hexdigest()[:16]

    def draw(self, key: Keys) -> TruthTable:
        """Return the table for every key [*runs, 2]."""
        content, runs = self._content(), np.shape(key)[:-1]

        def repeat(values: np.ndarray) -> np.ndarray:
            return np.broadcast_to(values, (*runs, *values.shape))

        if isinstance(content, CategoricalTable):
            return content._replace(probabilities=repeat(content.probabilities))
        return GaussianTable(repeat(content.mean), repeat(content.std), content.inputs)

    def _content(self) -> TruthTable:
        require(
            self.table is not None, f"the table {self.path} has not been read: load the study with a reader of tables"
        )
        assert self.table is not None
        return self.table
