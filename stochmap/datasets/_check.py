"""Does a dataset follow its truth? G-tests of what was counted while its rows were written."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import special

from ._rows import TAILS, group_size, tail_column
from ._table import Table

MIN_EXPECTED = 10.0
"""Cells of which fewer are expected are tested together with their neighbours of that kind."""

ALARM = 1e-9
"""Rows are said not to follow the truth when the smallest p-value times the number of tests is below this."""


class Check(NamedTuple):
    """A test of each part of a dataset; under the truth each p-value is uniform, for large numbers of rows."""

    names: list[str]
    """What is tested: ``inputs``, ``x = 3``, ``cells``, or ``mean, x = 0``."""
    rows: Int[np.ndarray, "tests"]
    statistic: Float[np.ndarray, "tests"]
    freedom: Int[np.ndarray, "tests"]
    p_value: Float[np.ndarray, "tests"]

    @property
    def corrected(self) -> float:
        """The smallest p-value times the number of tests (Bonferroni), at most 1."""
        return float(min(1.0, self.p_value.min(initial=1.0) * max(len(self.names), 1)))

    @property
    def tested(self) -> bool:
        """Whether there were rows enough to test anything."""
        return bool((self.freedom > 0).any())

    @property
    def passed(self) -> bool:
        """False with probability at most ALARM where the rows follow the truth."""
        return self.corrected >= ALARM


def check(table: Table, tallies: Mapping[str, np.ndarray], *, independent: bool) -> Check:
    """Test the tallies of all rows against the table they were drawn from.

    Categorical: for each x the G-test of its outcomes, G = 2 Σ O ln(O/E) with E = n_x·p(y|x), corrected by Williams
    (1976), against χ² with (outcomes − 1) degrees of freedom; for independent rows one of the inputs, too. Where cells
    are counted in groups, one test of all groups. Gaussian: the mean's normal and the variance's χ² test of each x, and
    the numbers of values beyond 4, 5 and 5.5 standard deviations, by Poisson's distribution.

    Args:
        table: the truth, with its inputs.
        tallies: columns of ``counts`` or ``moments``, added up over all chunks.
        independent: whether rows are; in a sequence x is the last row's y, and only its steps are tested.
    """
    if table.x is None:
        return _gaussian(table, tallies)
    assert table.probability is not None
    counts = np.zeros(-(-len(table.x) // group_size(len(table.x))), dtype=np.int64)
    np.add.at(counts, tallies["cell"] // group_size(len(table.x)), tallies["n"])
    if group_size(len(table.x)) > 1:
        weights = table.inputs[table.x] * table.probability if independent else table.probability
        groups = np.add.reduceat(weights, np.arange(0, len(weights), group_size(len(table.x))))
        return _tests(["cells"], [(counts, groups)]) if independent else _tests([], [])
    starts = table.row_starts
    seen = np.add.reduceat(counts, starts[:-1])
    parts = [(f"x = {x}", slice(starts[x], starts[x + 1])) for x in range(table.num_x) if seen[x]]
    names, cases = [name for name, _ in parts], [(counts[row], table.probability[row]) for _, row in parts]
    if independent:
        names, cases = ["inputs", *names], [(seen, table.inputs), *cases]
    return _tests(names, cases)


def _tests(names: list[str], cases: list[tuple[np.ndarray, np.ndarray]]) -> Check:
    found = [_g_test(*case) for case in cases]
    statistic, freedom = (np.array([case[part] for case in found]) for part in (0, 1))
    rows = np.array([counts.sum() for counts, _ in cases], dtype=np.int64)
    return Check(names, rows, statistic, freedom.astype(np.int64), _chi_squared_tail(statistic, freedom))


def _g_test(counts: np.ndarray, probabilities: np.ndarray) -> tuple[float, int]:
    """Return G and its degrees of freedom; neighbouring cells of which few are expected are tested together."""
    total = counts.sum()
    if counts[probabilities == 0].any():
        return np.inf, 1  # what cannot happen did
    if total == 0:
        return 0.0, 0
    expected = total * probabilities / probabilities.sum()
    few = expected < MIN_EXPECTED
    # Each small cell takes the sum on by less than MIN_EXPECTED, so that a bin of twice that has at least so many.
    place = (np.cumsum(expected[few]) / (2.0 * MIN_EXPECTED)).astype(np.int64)
    place = np.minimum(place, max(int(expected[few].sum() / (2.0 * MIN_EXPECTED)) - 1, 0))
    observed = np.concatenate([counts[~few], np.bincount(place, weights=counts[few])])
    expected = np.concatenate([expected[~few], np.bincount(place, weights=expected[few])])
    observed, expected = observed[expected > 0], expected[expected > 0]
    statistic = max(0.0, 2.0 * float(special.xlogy(observed, observed / expected).sum()))
    freedom = len(observed) - 1
    # Williams (1976): χ² has the mean of G / q up to terms of 1/n²; without it thousands of small cells raise alarms.
    # A last bin of which next to nothing is expected is left out: its 1/E would swamp all the others.
    large = expected[expected >= MIN_EXPECTED]
    q = 1.0 + max(0.0, (total / large).sum() - 1.0) / (6.0 * total * max(freedom, 1))
    return statistic / q, freedom


def _chi_squared_tail(statistic: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    return np.where(freedom > 0, special.chdtrc(np.maximum(freedom, 1), statistic), 1.0)


def _gaussian(table: Table, tallies: Mapping[str, np.ndarray]) -> Check:
    assert table.mean is not None
    assert table.std is not None
    n, mean, m2 = _merged(tallies, table.num_x)
    x = np.flatnonzero(n)
    size, z = n[x], (mean[x] - table.mean[x]) / table.std[x] * np.sqrt(n[x])
    # About the true mean the sum of squares is σ²·χ² with n degrees of freedom, the mean's own part taken out n − 1.
    squares = m2[x] / table.std[x] ** 2
    names = [f"{what}, x = {value}" for what in ("mean", "variance") for value in x]
    below, above = special.chdtr(size - 1, squares), special.chdtrc(size - 1, squares)
    spread = np.where(size > 1, 2.0 * np.minimum(below, above), 1.0)
    statistic, p_value = np.concatenate([z, squares]), np.concatenate([2.0 * special.ndtr(-np.abs(z)), spread])
    rows, freedom = np.concatenate([size, size]), np.concatenate([np.ones_like(size), size - 1])
    for limit in TAILS:
        found, expected = tallies[tail_column(limit)].sum(), n.sum() * 2.0 * special.ndtr(-limit)
        names.append(f"beyond {limit:g} std, {expected:.4g} expected")
        below, above = special.pdtr(found, expected), special.gammainc(found, expected) if found else 1.0
        statistic, p_value = np.append(statistic, found), np.append(p_value, min(1.0, 2.0 * min(below, above)))
        rows, freedom = np.append(rows, n.sum()), np.append(freedom, 0)
    inputs = _tests(["inputs"], [(n, table.inputs)])
    return Check(
        ["inputs", *names],
        *(np.concatenate(parts) for parts in zip(inputs[1:], (rows, statistic, freedom, p_value), strict=True)),
    )


def _merged(tallies: Mapping[str, np.ndarray], num_x: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n, mean and m2 of every x over all chunks."""
    x, n = tallies["x"], tallies["n"]
    total = np.bincount(x, weights=n, minlength=num_x).astype(np.int64)
    mean = np.bincount(x, weights=n * tallies["mean"], minlength=num_x) / np.maximum(total, 1)
    m2 = np.bincount(x, weights=tallies["m2"] + n * (tallies["mean"] - mean[x]) ** 2, minlength=num_x)
    return total, mean, m2
