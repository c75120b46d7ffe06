import numpy as np
import pytest
from scipy import special, stats

from stochmap.information import QUANTITIES, independence_test, interval, posterior_draws, posterior_interval

CHANNEL = np.array([[0.45, 0.05], [0.1, 0.4]])
COUNTS = np.random.default_rng(2).multinomial(400, CHANNEL.reshape(-1)).reshape(2, 2)


def test_the_permutation_test_is_fishers_where_all_tables_can_be_listed():
    """2 × 2 with margins (4, 6) and (5, 5): the p value by the hypergeometric distribution."""
    counts = np.array([[4, 0], [1, 5]])
    chance = stats.hypergeom(10, 5, 4)
    tables = [np.array([[k, 4 - k], [5 - k, 1 + k]]) for k in range(5)]
    values = [2 * special.xlogy(table, table).sum() for table in tables]
    exact = sum(chance.pmf(k) for k in range(5) if values[k] >= values[4] - 1e-9)
    found = independence_test(counts, draws=40_000)
    assert found.p_value == pytest.approx(exact, abs=6 * np.sqrt(exact / 40_000))
    assert found.degrees == 1


def test_the_statistics_are_scipys():
    g, p_g, degrees, _ = stats.chi2_contingency(COUNTS, correction=False, lambda_="log-likelihood")
    found = independence_test(COUNTS, "likelihood_ratio")
    np.testing.assert_allclose(found, (g, degrees, p_g), rtol=1e-9)
    chi2, p_chi2, degrees, _ = stats.chi2_contingency(COUNTS, correction=False)
    padded = np.pad(COUNTS, ((0, 1), (1, 0)))  # rows and columns without a count take no part
    np.testing.assert_allclose(independence_test(padded, "pearson"), (chi2, degrees, p_chi2), rtol=1e-9)


def test_the_permutation_test_holds_its_level_where_the_other_does_not():
    """Independent 16 × 8 tables of 256 pairs, two in a cell: P(p ≤ 0.05) is 0.05 by permutation, 0.4 by χ²."""
    tables = np.random.default_rng(5).multinomial(256, np.full(128, 1 / 128), size=300).reshape(-1, 16, 8)
    rejected = {
        method: sum(
            independence_test(table, method, draws=99, seed=i).p_value <= 0.05 for i, table in enumerate(tables)
        )
        for method in ("permutation", "likelihood_ratio")
    }
    most = stats.binom(300, 0.05).isf(1e-6)
    assert stats.binom(300, 0.2).cdf(most) < 1e-3  # a level of 0.2 would be seen
    assert rejected["permutation"] <= most
    assert rejected["likelihood_ratio"] > 0.25 * 300


def test_a_table_without_freedom_says_nothing():
    assert independence_test([[3, 4]]) == (0.0, 0, 1.0)
    assert independence_test([[3, 0], [4, 0]], "pearson") == (0.0, 0, 1.0)


def test_intervals_cover():
    """60 datasets of 60 pairs: 95 %; a coverage of 55 % would be seen. docs/information.md measures it closely."""
    truth = float(QUANTITIES["mutual_information"].value(CHANNEL))
    datasets = np.random.default_rng(7).multinomial(60, CHANNEL.reshape(-1), size=60).reshape(-1, 2, 2)
    found = [interval(counts, draws=60, seed=i) for i, counts in enumerate(datasets)]
    least = stats.binom(60, 0.95).ppf(1e-6)
    assert stats.binom(60, 0.55).sf(least - 1) < 1e-3
    assert sum(each.lower <= truth <= each.upper for each in found) >= least
    assert np.mean([each.upper - each.lower for each in found]) < 0.5
    assert all(each.lower <= each.estimate <= each.upper for each in found)


def test_a_dirichlets_posterior_does_not_cover_on_other_truths():
    """Under independence its lower end is above 0 always; the calibrated one's in 2.5 % of the cases at most."""
    counts = np.random.default_rng(8).multinomial(300, np.full(24, 1 / 24)).reshape(4, 6)
    assert posterior_interval(counts).lower > 0.01
    assert interval(counts).lower == 0.0
    assert interval(counts).independence > 0.025


def test_an_interval_narrows_and_repeats():
    small, large = (np.round(n * CHANNEL) for n in (100, 10_000))
    assert interval(large) == interval(large)
    narrow, wide = interval(large), interval(small)
    assert narrow.upper - narrow.lower < (wide.upper - wide.lower) / 5
    truth = QUANTITIES["mutual_information"].value(CHANNEL)
    assert narrow.estimate == pytest.approx(truth, abs=0.02)
    assert interval(small, level=0.5).upper < wide.upper


def test_capacity_and_the_entropy_of_one_row():
    found = interval(np.array([[890, 110], [110, 890]]), "capacity", draws=40)
    assert found.lower < 0.500084 * np.log(2) < found.upper
    row = interval(np.array([[700, 200, 100]]), "conditional_entropy", draws=100)
    assert row.lower < special.entr([0.7, 0.2, 0.1]).sum() < row.upper
    assert row.upper - row.lower < 0.12


@pytest.mark.parametrize("counts", [np.diag([50, 40]), np.array([[9, 0], [8, 0]])])
def test_tables_at_the_end_of_what_is_possible(counts):
    for quantity in ("mutual_information", "conditional_entropy"):
        found = interval(counts, quantity, draws=50)
        assert np.isfinite(found[:3]).all()
        assert 0 <= found.lower <= found.upper <= np.log(counts.shape[1]) + 1e-12
    if counts[1, 1]:
        assert interval(counts, draws=50).upper > 0.68


def test_undersampled_tables_are_flagged():
    counts = np.random.default_rng(9).multinomial(60, np.full(200, 1 / 200)).reshape(10, 20)
    found = interval(counts)
    assert found.undersampled
    assert np.isnan(found.estimate)
    assert (found.lower, found.upper) == (0.0, np.log(10))
    assert 0 < found.independence <= 1
    assert posterior_interval(counts).undersampled


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interval(COUNTS, level=1.0), r"level must lie in \(0, 1\), got 1.0"),
        (lambda: interval(COUNTS, "mutual information"), "unknown quantity 'mutual information': choose mutual_inf"),
        (lambda: interval(COUNTS, draws=3), "draws must be at least 20, got 3"),
        (lambda: interval(np.ones((2, 2, 2))), r"one table \[x, y\], got the shape \(2, 2, 2\)"),
        (lambda: independence_test(COUNTS, "exact"), "unknown method 'exact': choose permutation"),
        (lambda: independence_test(COUNTS, draws=0), "draws must be at least 1, got 0"),
        (lambda: posterior_interval(COUNTS, concentration=0.0), "concentration must be positive"),
        (lambda: posterior_interval(COUNTS, draws=3), "draws must be at least 20, got 3: 1000 is usual"),
        (lambda: posterior_draws(COUNTS, draws=0), "draws must be at least 1, got 0: 1000 is usual"),
        (lambda: posterior_draws(COUNTS, "entropy"), "unknown quantity .entropy.: choose"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
