from typing import Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from stochmap.streams import Key, Keys


class CategoricalTable(NamedTuple):
    """A true table p(y | x) with its inputs' distribution p(x); leading axes are runs (host, float64)."""

    probabilities: Float[np.ndarray, "*runs x y"]
    inputs: Float[np.ndarray, "x"]
    concentration: float | None = None
    """Of the symmetric Dirichlet that every row was drawn from, where it was."""
    parts: Float[np.ndarray, "*runs parts x y"] | None = None
    """Where the truth drifts: the tables of equal parts of the dataset in order; ``probabilities`` is the last."""

    def parameters(self) -> dict[str, np.ndarray]:
        """Return the numbers that identify the mapping, by the names they have in the store."""
        return {"probability": self.probabilities}

    def to_sparse(self) -> "SparseTable":
        """Return the table of one run by its entries that are not 0.

        Raises:
            ValueError: the table has leading axes.
        """
        shape = self.probabilities.shape
        require(len(shape) == 2, f"a sparse table holds one run, got the shape {shape}: index the runs first")
        x, y = np.nonzero(self.probabilities)
        return SparseTable(
            self.probabilities[x, y],
            y.astype(np.int32),
            row_starts(np.bincount(x, minlength=shape[0])),
            shape[1],
            self.inputs,
        )


class SparseTable(NamedTuple):
    """A true table p(y | x) of one run by its entries that are not 0, in compressed sparse rows (host, float64).

    The entries of row x are those from row_starts[x] up to row_starts[x + 1], in ascending order of y.
    """

    probabilities: Float[np.ndarray, "entries"]
    outcomes: Int[np.ndarray, "entries"]
    """The y of every entry, int32."""
    row_starts: Int[np.ndarray, "x+1"]
    """Where every row starts, int64; the last element is the number of entries."""
    num_y: int
    inputs: Float[np.ndarray, "x"]

    @property
    def num_x(self) -> int:
        """The number of inputs."""
        return len(self.row_starts) - 1

    @property
    def x(self) -> Int[np.ndarray, "entries"]:
        """The x of every entry, int32."""
        return np.repeat(np.arange(self.num_x, dtype=np.int32), np.diff(self.row_starts))

    def parameters(self) -> dict[str, np.ndarray]:
        """Return the numbers that identify the mapping, by the names they have in the store."""
        return {"probability": self.probabilities}

    def to_dense(self) -> CategoricalTable:
        """Return the same table with every cell, float64[x, y]."""
        table = np.zeros((self.num_x, self.num_y))
        table[self.x, self.outcomes] = self.probabilities
        return CategoricalTable(table, self.inputs)


class GaussianTable(NamedTuple):
    """A true Gaussian for each x, with its inputs' distribution p(x); leading axes are runs (host, float64)."""

    mean: Float[np.ndarray, "*runs x"]
    std: Float[np.ndarray, "*runs x"]
    inputs: Float[np.ndarray, "x"]

    def parameters(self) -> dict[str, np.ndarray]:
        """Return the numbers that identify the mapping, by the names they have in the store."""
        return {"mean": self.mean, "std": self.std}


TruthTable = CategoricalTable | GaussianTable


@runtime_checkable
class Truth(Protocol):
    """How a true mapping is drawn. A frozen dataclass whose fields are the kind's options, all of them grid axes."""

    @property
    def family(self) -> Literal["categorical", "gaussian"]: ...

    @property
    def num_x(self) -> int: ...

    @property
    def num_y(self) -> int | None:
        """The number of outcomes; None for Gaussians."""
        ...

    def draw(self, key: Keys) -> TruthTable:
        """Draw the table of every key, uint32[*runs, 2], with the same leading axes and uniform inputs (host)."""
        ...


@runtime_checkable
class SparseTruth(Truth, Protocol):
    """A truth most of whose cells are 0: also drawn without ever holding them."""

    @property
    def num_entries(self) -> int:
        """How many cells are not 0, at most."""
        ...

    def draw_sparse(self, key: Key) -> SparseTable:
        """Draw the table of one key, uint32[2]: the one that ``draw`` gives, entry by entry."""
        ...


def row_starts(sizes: Int[np.ndarray, "x"]) -> Int[np.ndarray, "x+1"]:
    """Return where rows of these sizes start in one sequence, and where the last one ends, int64."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def sparse_rows(
    outcomes: Int[np.ndarray, "x width"], probabilities: Float[np.ndarray, "x width"], num_y: int
) -> SparseTable:
    """Return the table whose row x has these outcomes, ascending; those of probability 0 are left out."""
    possible = probabilities > 0
    return SparseTable(
        probabilities[possible],
        outcomes[possible].astype(np.int32, copy=False),
        row_starts(np.count_nonzero(possible, axis=-1)),
        num_y,
        uniform_inputs(len(outcomes)),
    )


def constant(table: Float[np.ndarray, "x y"], key: Keys) -> CategoricalTable:
    """Return a table that is the same for every key [*runs, 2], with uniform inputs."""
    return CategoricalTable(np.broadcast_to(table, (*np.shape(key)[:-1], *table.shape)), uniform_inputs(len(table)))


def uniform_inputs(num_x: int) -> Float[np.ndarray, "x"]:
    """Return p(x) = 1/num_x."""
    return np.full(num_x, 1.0 / num_x)


def require(rule: bool, message: str) -> None:  # noqa: FBT001
    """Raise ValueError with the message unless the rule holds."""
    if not rule:
        raise ValueError(message)


def require_finite(name: str, value: float) -> None:
    """Raise ValueError unless a number is finite."""
    require(bool(np.isfinite(value)), f"{name} must be finite, got {value}: give a number")


def require_size(name: str, value: int) -> None:
    """Raise ValueError unless a size is positive."""
    require(value >= 1, f"{name} must be at least 1, got {value}: give a positive number")


def require_label_range(name: str, value: int) -> None:
    """Raise ValueError unless labels 0 … value − 1 are 32-bit integers."""
    require(value <= 1 << 31, f"{name} must be at most 2^31, got {value}: labels are 32-bit integers")


def require_probability(name: str, value: float) -> None:
    """Raise ValueError unless a number lies in 0 … 1."""
    require(0 <= value <= 1, f"{name} must lie in 0 … 1, got {value}: it is a probability")


def require_positive(name: str, value: float) -> None:
    """Raise ValueError unless a number is positive and finite."""
    require(0 < value < np.inf, f"{name} must be positive and finite, got {value}: choose a larger number")
