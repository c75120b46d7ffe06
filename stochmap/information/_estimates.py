"""Entropies from counts: three estimates, each with its bias."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import special

from stochmap.posteriors import check_positive

from ._entropies import entropy

Numbers = Float[np.ndarray, "*runs"] | float


class Entropies(NamedTuple):
    """Entropies of x, of y and of the pair, in nats, and what follows from them."""

    x: Numbers
    y: Numbers
    joint: Numbers

    @property
    def conditional(self) -> Numbers:
        """H(Y | X) = H(X, Y) − H(X)."""
        return self.joint - self.x

    @property
    def mutual_information(self) -> Numbers:
        """I(X; Y) = H(X) + H(Y) − H(X, Y)."""
        return self.x + self.y - self.joint


def check_counts(counts: Any) -> Float[np.ndarray, "*runs x y"]:
    """Return counts [*runs, x, y] as float64.

    Raises:
        ValueError: not a table, negative or fractional numbers, or no sample at all.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim < 2 or 0 in counts.shape:
        raise ValueError(f"counts must be a table [x, y], got the shape {counts.shape}: give a row for every x")
    if not ((counts >= 0) & (counts == np.floor(counts)) & np.isfinite(counts)).all():
        raise ValueError("counts must be whole numbers ≥ 0: count the pairs with sampling.count_pairs")
    if not (counts.sum(axis=(-2, -1)) > 0).all():
        raise ValueError("the counts are all 0: information needs at least one pair")
    return counts


def plug_in(counts: Any) -> Entropies:
    """Return the entropies of the shares c/n: maximum likelihood.

    Entropies are biased down by about (s − 1)/(2n), s the number of possible outcomes; mutual information is biased up
    by about (s_xy − s_x − s_y + 1)/(2n).

    Raises:
        ValueError: as for :func:`check_counts`.
    """
    return Entropies(*(entropy(part) for part in _margins(_shares(check_counts(counts)))))


def miller_madow(counts: Any) -> Entropies:
    """Return the plug-in entropies raised by (seen − 1)/(2n) each (Miller 1955).

    Raises:
        ValueError: as for :func:`check_counts`.
    """
    counts = check_counts(counts)
    total = counts.sum(axis=(-2, -1))
    seen = [(part > 0).sum(axis=-1) for part in _margins(counts)]
    raised = [value + (s - 1) / (2.0 * total) for value, s in zip(plug_in(counts), seen, strict=True)]
    return Entropies(*raised)


def posterior_mean(counts: Any, concentration: float = 0.5) -> Entropies:
    """Return the exact posterior means of the entropies under a symmetric Dirichlet prior of the cells.

    E H = ψ(A + 1) − Σ_j (a_j/A) ψ(a_j + 1), a = concentration + counts, A = Σa (Wolpert & Wolf 1995, theorem 4); the
    margins of a Dirichlet are Dirichlet. It is as good as its prior: a Dirichlet(½) over many cells is nearly certain
    of a high entropy.

    Raises:
        ValueError: the concentration is not positive, or as for :func:`check_counts`.
    """
    check_positive("concentration", concentration)

    def mean(a: Float[np.ndarray, "*runs cells"]) -> Numbers:
        total = a.sum(axis=-1)
        return special.digamma(total + 1.0) - (a * special.digamma(a + 1.0)).sum(axis=-1) / total

    return Entropies(*(mean(part) for part in _margins(check_counts(counts) + concentration)))


def mutual_information_bias(counts: Any) -> Numbers:
    """Return the leading term of the plug-in mutual information's bias, (s_xy − s_x − s_y + 1)/(2n) nats.

    s are the numbers of cells, rows and columns that were seen.

    Raises:
        ValueError: as for :func:`check_counts`.
    """
    counts = check_counts(counts)
    s_x, s_y, s_xy = ((part > 0).sum(axis=-1) for part in _margins(counts))
    return (s_xy - s_x - s_y + 1) / (2.0 * counts.sum(axis=(-2, -1)))


def _shares(counts: np.ndarray) -> np.ndarray:
    return counts / counts.sum(axis=(-2, -1), keepdims=True)


def _margins(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return table.sum(axis=-1), table.sum(axis=-2), table.reshape(*table.shape[:-2], -1)
