"""What an interval can be asked for: a functional of p(x, y), and a path of tables along which it moves."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ._capacity import capacity
from ._entropies import conditional_entropy, mutual_information

Table = Float[np.ndarray, "x y"]
Tables = Float[np.ndarray, "*runs x y"]

_CAPACITY_GAP = 1e-4


class Quantity(NamedTuple):
    """A functional with a one-parameter family of tables along which it moves.

    ``value`` takes joint distributions [*runs, x, y]; of the shares c/n it is the plug-in estimate. ``logits`` takes
    the common row ln m, the rows ln p and λ ≥ 0, and returns those of a table; ``value`` rises or falls with λ, and at
    λ = 0 it is at one end of what is possible.
    """

    value: Callable[[Tables], Any]
    logits: Callable[[np.ndarray, np.ndarray, float], np.ndarray]
    limits: Callable[[int, int], tuple[float, float]]
    rises: bool
    given_x: bool
    """Whether it depends on p(y | x) alone, so that the n_x are taken as given."""


def _from_independence(base: np.ndarray, rows: np.ndarray, weight: float) -> np.ndarray:
    return base + weight * (rows - base)


def _from_uniform(base: np.ndarray, rows: np.ndarray, weight: float) -> np.ndarray:
    return weight * rows


def _capacity(joint: Tables) -> Any:
    weight = joint.sum(axis=-1, keepdims=True)
    pooled = joint.sum(axis=-2, keepdims=True)
    rows = np.where(weight > 0, joint, pooled) / np.where(weight > 0, weight, 1.0)  # no row: none that adds anything
    found = capacity(rows / rows.sum(axis=-1, keepdims=True), gap=_CAPACITY_GAP)
    return (found.lower + found.upper) / 2.0


def _most_information(num_x: int, num_y: int) -> tuple[float, float]:
    return 0.0, float(np.log(min(num_x, num_y)))


def _most_entropy(num_x: int, num_y: int) -> tuple[float, float]:
    return 0.0, float(np.log(num_y))


QUANTITIES: dict[str, Quantity] = {
    "mutual_information": Quantity(
        mutual_information, _from_independence, _most_information, rises=True, given_x=False
    ),
    "capacity": Quantity(_capacity, _from_independence, _most_information, rises=True, given_x=True),
    "conditional_entropy": Quantity(conditional_entropy, _from_uniform, _most_entropy, rises=False, given_x=False),
}
