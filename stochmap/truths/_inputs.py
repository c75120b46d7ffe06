from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from ._stationary import stationary
from ._table import GaussianTable, SparseTable, TruthTable, require, uniform_inputs


@runtime_checkable
class Inputs(Protocol):
    """How x is distributed: the same in every run."""

    def probabilities(self, num_x: int) -> Float[np.ndarray, "x"]:
        """Return p(x), float64[num_x], which sums to 1."""
        ...


@dataclass(frozen=True)
class Uniform:
    """p(x) = 1/num_x."""

    def probabilities(self, num_x: int) -> Float[np.ndarray, "x"]:
        """Return p(x), float64[num_x]."""
        return uniform_inputs(num_x)


@dataclass(frozen=True)
class Zipf:
    """p(x) ∝ (x + 1)^(−exponent).

    Raises:
        ValueError: the exponent is negative or not finite.
    """

    exponent: float = 1.0

    def __post_init__(self) -> None:
        require(
            0 <= self.exponent < np.inf, f"exponent must be non-negative and finite, got {self.exponent}: 1.0 is usual"
        )

    def probabilities(self, num_x: int) -> Float[np.ndarray, "x"]:
        """Return p(x), float64[num_x]."""
        weights = np.arange(1, num_x + 1, dtype=np.float64) ** -self.exponent
        return weights / weights.sum()


@dataclass(frozen=True)
class Given:
    """p(x) as listed.

    Raises:
        ValueError: a value is negative, the sum is not 1 within 1e-6, or the length is not num_x.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        require(
            all(value >= 0 for value in self.values), "the inputs' probabilities must be non-negative: correct `values`"
        )
        total = float(np.sum(self.values))
        require(abs(total - 1) <= 1e-6, f"the inputs' probabilities must sum to 1, got {total:.9g}: normalise `values`")

    def probabilities(self, num_x: int) -> Float[np.ndarray, "x"]:
        """Return p(x), float64[num_x]."""
        require(
            len(self.values) == num_x,
            f"the inputs have {len(self.values)} probabilities, the truth has num_x = {num_x}: make them equal",
        )
        values = np.asarray(self.values, dtype=np.float64)
        return values / values.sum()


@dataclass(frozen=True)
class Stationary:
    """p(x) = Σ_z p(z)·p(x | z): where the Markov chain of a square table is found in the long run.

    It follows from the drawn table (``with_inputs``), so that it serves where one table is drawn; a study's inputs are
    the same in every run.
    """

    def probabilities(self, num_x: int) -> Float[np.ndarray, "x"]:
        """Raise ValueError: a number of inputs does not tell."""
        raise ValueError(
            "stationary inputs differ from run to run, and a study's are the same in all: use uniform, zipf or given"
        )


INPUTS: dict[str, type] = {"uniform": Uniform, "zipf": Zipf, "given": Given, "stationary": Stationary}


def with_inputs(table: TruthTable | SparseTable, inputs: Inputs) -> TruthTable | SparseTable:
    """Return the table of one run with its inputs distributed as ``inputs`` say.

    Raises:
        ValueError: the inputs do not go with the table: another number of them, or stationary ones where it holds
            Gaussians, is not square or has no unique stationary distribution.
    """
    if not isinstance(inputs, Stationary):
        return table._replace(inputs=inputs.probabilities(len(table.inputs)))
    if isinstance(table, GaussianTable):
        raise ValueError("stationary inputs need a table of integers, not Gaussians: use uniform, zipf or given ones")
    return table._replace(inputs=stationary(table))
