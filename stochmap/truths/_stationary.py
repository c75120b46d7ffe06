"""The stationary distribution of a square table: where its Markov chain is found in the long run."""

import numpy as np
from jaxtyping import Float
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg as sparse_linalg

from ._table import CategoricalTable, SparseTable, require

_DIRECT = 1024
"""States up to which elimination takes a second at most."""

_RESTARTS = 100
"""Rows of independent outcomes need fewer than 5; this is enough for chains that mix in some thousand steps."""


def stationary(table: CategoricalTable | SparseTable) -> Float[np.ndarray, "x"]:
    """Return π(x) with Σ_x π(x)·p(y | x) = π(y), Σ_x π(x) = 1, of the table of one run.

    Up to 1024 recurrent states by elimination without subtractions, which is exact to rounding in every state
    (Grassmann, Taksar & Heyman, "Regenerative analysis and steady state distributions for Markov chains", 1985);
    beyond by Arnoldi iterations (ARPACK), to about 1e-10 in all.

    Raises:
        ValueError: the table is not square, its chain has more than one closed class (so that where it ends depends on
            where it starts), or it mixes too slowly for the iterations.
    """
    entries = table.to_sparse() if isinstance(table, CategoricalTable) else table
    num_x, num_y = entries.num_x, entries.num_y
    require(
        num_x == num_y,
        f"a stationary distribution needs a square table, got {num_x} × {num_y}: make num_y equal num_x, or use "
        "uniform, zipf or given inputs",
    )
    steps = sparse.csr_array((entries.probabilities, entries.outcomes, entries.row_starts), shape=(num_x, num_y))
    recurrent = _recurrent(steps, entries)
    inside = steps[recurrent][:, recurrent]
    size = len(recurrent)
    result = np.zeros(num_x)
    result[recurrent] = _eliminated(inside.toarray()) if size <= _DIRECT else _iterated(inside, size)
    return result


def _recurrent(steps: sparse.csr_array, entries: SparseTable) -> np.ndarray:
    """Return the states of the one class that is never left."""
    count, label = csgraph.connected_components(steps, connection="strong")
    x, y = label[entries.x], label[entries.outcomes]
    closed = np.ones(count, dtype=bool)
    closed[x[x != y]] = False
    number = int(closed.sum())
    require(
        number == 1,
        f"the Markov chain has {number} classes of states that it never leaves, and where it ends depends on its "
        "start: use uniform, zipf or given inputs",
    )
    return np.flatnonzero(closed[label])


def _eliminated(steps: np.ndarray) -> np.ndarray:
    size = len(steps)
    for last in range(size - 1, 0, -1):
        steps[:last, last] /= steps[last, :last].sum()
        steps[:last, :last] += np.outer(steps[:last, last], steps[last, :last])
    result = np.ones(size)
    for state in range(1, size):
        result[state] = result[:state] @ steps[:state, state]
        result[: state + 1] /= result[: state + 1].sum()  # or it would overflow where the chain drifts
    return result


def _iterated(steps: sparse.csr_array, size: int) -> np.ndarray:
    try:
        vectors = sparse_linalg.eigs(steps.transpose(), k=1, which="LR", v0=np.ones(size), maxiter=_RESTARTS)[1]
    except sparse_linalg.ArpackNoConvergence:
        raise ValueError(
            f"the Markov chain of {size} states mixes too slowly to find its stationary distribution: "
            "use uniform, zipf or given inputs"
        ) from None
    result = np.abs(np.real(np.asarray(vectors)[:, 0]))
    return result / result.sum()
