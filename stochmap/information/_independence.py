"""Does y depend on x at all?"""

from typing import Any, NamedTuple

import numpy as np
from scipy import special

from ._estimates import check_counts


class IndependenceTest(NamedTuple):
    """The statistic, its degrees of freedom, and the chance of as large a one where y does not depend on x."""

    statistic: float
    degrees: int
    p_value: float


def independence_test(
    counts: Any,
    method: str = "permutation",
    *,
    draws: int = 9999,
    seed: int = 0,
) -> IndependenceTest:
    """Test whether y is independent of x, from counts [x, y].

    The statistic is G = 2n·(plug-in mutual information), or for ``pearson`` χ² = Σ (c − e)²/e, e the margins' product;
    rows and columns without a count do not take part.

    ``permutation`` is exact at every sample size: with the margins given, all pairings of the x's and y's are equally
    likely under independence; of ``draws`` random ones (SciPy's ``random_table``) m have a G as large, and the p value
    is (m + 1)/(draws + 1), which is ≤ α with probability ≤ α (Phipson & Smyth 2010). The other two refer to χ² with
    (rows − 1)(columns − 1) degrees of freedom, which holds for large counts only: where many expected counts are below
    5, a true independence is rejected several times too often by ``likelihood_ratio``.

    Raises:
        ValueError: counts that are not one table, no sample, an unknown method, or less than one draw.
    """
    table = check_counts(counts)
    if table.ndim != 2:
        raise ValueError(f"counts must be one table [x, y], got the shape {table.shape}: test one at a time")
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    degrees = (table.shape[0] - 1) * (table.shape[1] - 1)
    row, column, total = table.sum(axis=1), table.sum(axis=0), table.sum()
    if method == "pearson":
        expected = np.outer(row, column) / total
        statistic = float(((table - expected) ** 2 / expected).sum())
    else:
        statistic = float(_likelihood_ratio(table, row, column))
    if degrees == 0:
        return IndependenceTest(0.0, 0, 1.0)
    if method in ("likelihood_ratio", "pearson"):
        return IndependenceTest(statistic, degrees, float(special.chdtrc(degrees, statistic)))
    if method != "permutation":
        raise ValueError(f"unknown method {method!r}: choose permutation, likelihood_ratio or pearson")
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}: 9999 is usual")
    from scipy import stats  # half a second: not for every command

    margins = row.astype(np.int64), column.astype(np.int64)
    random = np.random.Generator(np.random.Philox(seed))
    as_large, left = 0, draws
    while left:
        few = min(left, max(1, 1_000_000 // table.size))
        tables = stats.random_table(*margins).rvs(few, random_state=random)
        # The same table may be summed in another order: what is equal but for rounding counts as equal.
        as_large += int((_likelihood_ratio(tables, row, column) >= statistic - 1e-9 * max(statistic, 1.0)).sum())
        left -= few
    return IndependenceTest(statistic, degrees, (as_large + 1) / (draws + 1))


def _likelihood_ratio(tables: np.ndarray, row: np.ndarray, column: np.ndarray) -> Any:
    """Return G = 2Σ c ln(c·n/(row·column)) of tables with the same margins."""
    margins = special.xlogy(row, row).sum() + special.xlogy(column, column).sum()
    inner = special.xlogy(tables, tables).sum(axis=(-2, -1))
    return np.maximum(2.0 * (inner - margins + special.xlogy(row.sum(), row.sum())), 0.0)
