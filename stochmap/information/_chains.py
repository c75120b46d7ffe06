"""Square mappings as Markov chains: the state's next value is drawn from its row."""

from typing import Any

import numpy as np
from jaxtyping import Float

from stochmap.truths import CategoricalTable, stationary

from ._entropies import entropy
from ._tables import check_square


def stationary_distribution(table: Any) -> Float[np.ndarray, "x"]:
    """Return the π with Σ_x π_x p(y | x) = π_y, Σπ = 1 (see ``truths.stationary``); states left for ever have π = 0.

    Raises:
        ValueError: not a square mapping, or one with more than one closed class of states, where π is not unique.
    """
    table = check_square(table)
    return stationary(CategoricalTable(table, np.full(len(table), 1.0 / len(table))))


def entropy_rate(table: Any) -> float:
    """Return Σ_x π_x H(p(· | x)), the entropy per step of the stationary chain, in nats.

    Raises:
        ValueError: as for :func:`stationary_distribution`.
    """
    return float(stationary_distribution(table) @ entropy(check_square(table)))
