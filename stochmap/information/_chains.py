"""Square mappings as Markov chains: the state's next value is drawn from its row."""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.sparse import csgraph

from ._entropies import entropy
from ._tables import check_square


def stationary_distribution(table: Any) -> Float[np.ndarray, "x"]:
    """Return the π with Σ_x π_x p(y | x) = π_y, Σπ = 1, by Grassmann, Taksar & Heyman's elimination (1985).

    It subtracts nothing, so that every π_x has full relative accuracy, however rare x is. States that are left for ever
    have π = 0.

    Raises:
        ValueError: not a square mapping, or one with more than one closed class of states, where π is not unique.
    """
    table = check_square(table)
    closed = _closed_classes(table)
    if len(closed) > 1:
        raise ValueError(
            f"the mapping has {len(closed)} closed classes of states: its stationary distribution is not unique; "
            "take one class, such as the states " + ", ".join(map(str, closed[0][:8]))
        )
    states = closed[0]
    rates = table[np.ix_(states, states)].copy()
    size = len(states)
    for last in range(size - 1, 0, -1):
        rates[:last, last] /= rates[last, :last].sum()
        rates[:last, :last] += np.outer(rates[:last, last], rates[last, :last])
    weights = np.ones(size)
    for state in range(1, size):
        weights[state] = weights[:state] @ rates[:state, state]
    result = np.zeros(len(table))
    result[states] = weights / weights.sum()
    return result


def entropy_rate(table: Any) -> float:
    """Return Σ_x π_x H(p(· | x)), the entropy per step of the stationary chain, in nats.

    Raises:
        ValueError: as for :func:`stationary_distribution`.
    """
    return float(stationary_distribution(table) @ entropy(check_square(table)))


def _closed_classes(table: np.ndarray) -> list[np.ndarray]:
    """Return the classes of states that lead to each other and to no other."""
    count, label = csgraph.connected_components(table > 0, connection="strong")
    leaves = {int(label[x]) for x, y in np.argwhere(table > 0) if label[x] != label[y]}
    return [np.flatnonzero(label == each) for each in range(count) if each not in leaves]
