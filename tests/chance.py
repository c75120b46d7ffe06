"""Statistical assertions that bound both errors.

Each test has a chance of at most FALSE_ALARM to fail on correct code, shared equally (Bonferroni) by its ``cases``; the
streams are fixed, so that a test that passes once passes always. And each states the least fault it is there to catch,
and asserts that its sample would have caught it with a probability of at least 1 − MISS.
"""

from typing import Any

import numpy as np
from scipy import stats

FALSE_ALARM = 1e-6
MISS = 1e-3


def normal_limit(cases: int) -> float:
    """The |z| that chance passes in none of the cases, but for FALSE_ALARM."""
    return float(stats.norm.isf(FALSE_ALARM / (2 * cases)))


def assert_mean(values: Any, expected: float, *, detects: float, cases: int = 1) -> float:
    """Independent values have this mean; a mean off by ``detects`` would be seen. Returns z."""
    values = np.asarray(values, dtype=np.float64)
    error = values.std(ddof=1) / np.sqrt(values.size)
    reach = (normal_limit(cases) + stats.norm.isf(MISS)) * error
    assert reach <= detects, f"{values.size} values see a fault of {reach:.3g}, not of {detects:.3g}: take more"
    z = (values.mean() - expected) / error
    assert abs(z) <= normal_limit(cases), f"mean {values.mean():.6g}, expected {expected:.6g}: z = {z:.2f}"
    return float(z)


def assert_mean_at_least(values: Any, bound: float, *, cases: int = 1) -> None:
    """The mean of independent values is not below the bound, but for chance."""
    values = np.asarray(values, dtype=np.float64)
    error = values.std(ddof=1) / np.sqrt(values.size)
    assert values.mean() >= bound - normal_limit(cases) * error, f"mean {values.mean():.6g} is below {bound:.6g}"


def assert_frequencies(counts: Any, probabilities: Any, *, detects: float, cases: int = 1) -> None:
    """Counts follow the probabilities (Pearson's χ²); a distribution ``detects`` away in total variation would be
    seen.

    The fault in mind moves that mass from one half of the distribution to the other, from each cell in proportion.
    """
    counts, probabilities = np.ravel(counts), np.ravel(probabilities)
    assert (counts[probabilities == 0] == 0).all(), "an outcome of probability 0 was drawn"
    counts, probabilities = counts[probabilities > 0], probabilities[probabilities > 0]
    total, freedom = counts.sum(), len(counts) - 1
    assert (total * probabilities >= 5).all(), "too few draws for χ²: take more"
    limit = stats.chi2.isf(FALSE_ALARM / cases, freedom)
    miss = stats.ncx2.cdf(limit, freedom, total * (2 * detects) ** 2)
    assert miss <= MISS, f"a fault of {detects:.3g} would be missed with probability {miss:.3g}: take more"
    statistic = ((counts - total * probabilities) ** 2 / (total * probabilities)).sum()
    assert statistic <= limit, f"χ² = {statistic:.1f} with {freedom} degrees of freedom, limit {limit:.1f}"


def assert_distribution(values: Any, cdf: Any, *, detects: float, cases: int = 1) -> None:
    """Independent values follow the distribution (Kolmogorov–Smirnov); a CDF off by ``detects`` would be seen.

    Both bounds are Dvoretzky–Kiefer–Wolfowitz's, P(D > d) ≤ 2·exp(−2nd²).
    """
    values = np.ravel(values)
    limit, slack = (np.sqrt(np.log(2 / chance) / (2 * values.size)) for chance in (FALSE_ALARM / cases, MISS))
    assert limit + slack <= detects, f"{values.size} values see {limit + slack:.3g}, not {detects:.3g}: take more"
    distance = stats.kstest(values, cdf).statistic
    assert distance <= limit, f"the distributions differ by {distance:.4g}, limit {limit:.4g}"
