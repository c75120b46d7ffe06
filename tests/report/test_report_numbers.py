"""The report's numbers against NumPy on the same rows."""

import math

import numpy as np
import pytest

from stochmap.report import Mean, format_table, summary
from stochmap.report._numbers import number, plus_minus, share
from stochmap.report._query import StoreQueries


def _runs(store, learner, condition_id) -> list[dict]:
    return [fit for fit in store.fits if fit["learner"] == learner and fit["run_id"] >> 32 == condition_id]


@pytest.fixture(scope="module")
def rows(origin):
    return summary(origin.path)


def test_summary_means_and_intervals(origin, rows):
    assert len(rows) == 4 * 3 + 4 * 2
    for row in rows:
        runs = _runs(origin, row.learner, row.condition_id)
        error = np.array([run["kl_fit_truth"] for run in runs])
        reference = np.array([run["reference_kl_fit_truth"] for run in runs])
        assert row.runs == row.scored == 64
        assert row.error.value == pytest.approx(error.mean(), rel=1e-12)
        assert row.error.half_width == pytest.approx(1.959964 * error.std(ddof=1) / 8, rel=1e-9)
        assert row.reference == pytest.approx(reference.mean(), rel=1e-12)
        # the delta method as residuals of the ratio, where the SQL has variances and a covariance
        efficiency = reference.sum() / error.sum()
        residuals = reference - efficiency * error
        assert row.efficiency.value == pytest.approx(efficiency, rel=1e-12)
        assert row.efficiency.standard_error == pytest.approx(residuals.std(ddof=1) / 8 / error.mean(), rel=1e-6)


def test_efficiency_interval_is_that_of_resampled_runs(origin, rows):
    row = next(row for row in rows if row.learner == "maximum_likelihood" and row.num_samples == 4096)
    runs = _runs(origin, row.learner, row.condition_id)
    error, reference = (np.array([run[key] for run in runs]) for key in ("kl_fit_truth", "reference_kl_fit_truth"))
    picks = np.random.default_rng(0).integers(0, 64, (4000, 64))
    bootstrap = reference[picks].sum(1) / error[picks].sum(1)
    assert row.efficiency.standard_error == pytest.approx(bootstrap.std(), rel=0.1)


def test_summary_shares_and_statuses(origin, rows):
    for row in rows:
        runs = _runs(origin, row.learner, row.condition_id)
        assert row.infinite_share == np.mean([math.isinf(run["kl_truth_fit"]) for run in runs])
        assert row.statuses == {status: sum(run["status"] == status for run in runs) for status in row.statuses}
        assert sum(row.statuses.values()) == row.runs
        if row.learner == "gradient_descent":
            assert row.coverage is None
        else:
            covered = np.array([run["coverage"] for run in runs])
            assert row.coverage.value == pytest.approx(covered.mean())
            assert row.coverage.standard_error == pytest.approx(covered.std(ddof=1) / 8)
    mapping = {(row.learner, row.num_samples): row for row in rows if row.problem == "mapping"}
    assert mapping["maximum_likelihood", 256].infinite_share == 1
    assert mapping["dirichlet", 256].infinite_share == 0
    assert mapping["gradient_descent", 256].not_converged == {"boundary": 1.0}


def test_summary_follows_the_study_file(origin, rows):
    # study.toml lists mapping before gaussian and maximum_likelihood first
    assert [row.problem for row in rows] == ["mapping"] * 12 + ["gaussian"] * 8
    assert [row.learner for row in rows[:3]] == ["maximum_likelihood", "dirichlet", "gradient_descent"]
    assert [row.num_samples for row in rows[:12:3]] == [256, 1024, 4096, 16384]


def test_recovery_error_measures(origin):
    with StoreQueries(origin.path) as queries:
        found = queries.rows("recovery_error")
    assert {row["metric"] for row in found} == {
        *("kl_fit_truth", "kl_truth_fit", "total_variation", "hellinger", "mean_error", "std_error")
    }
    for row in found:
        values = np.array([run[row["metric"]] for run in _runs(origin, row["learner"], row["condition_id"])])
        assert row["runs"] == 64
        assert row["infinite"] == np.isinf(values).sum()
        if row["infinite"]:
            # an infinite value is never averaged, nor left out of an average
            assert row["error"] is row["error_low"] is row["efficiency"] is None
            continue
        half = 1.959964 * values.std(ddof=1) / 8
        assert row["error"] == pytest.approx(values.mean(), rel=1e-12)
        assert (row["error_low"], row["error_high"]) == pytest.approx((values.mean() - half, values.mean() + half))
        if row["metric"] == "mean_error":
            assert row["reference"] == pytest.approx(2.5**2 / row["num_samples"])
        if row["metric"] == "total_variation":
            assert row["reference"] is row["efficiency"] is None


def test_infinite_shares_have_wilson_intervals(origin):
    with StoreQueries(origin.path) as queries:
        found = queries.rows("infinite")
    assert any(0 < row["infinite"] < 64 for row in found)
    for row in found:
        n, p, z = row["runs"], row["infinite"] / row["runs"], 1.959964
        # the ends of Wilson's interval are the shares q whose own z-score for p is ±z
        for q in (row["share_low"], row["share_high"]):
            if 0 < q < 1:
                assert (p - q) ** 2 == pytest.approx(z**2 * q * (1 - q) / n)
        assert 0 <= row["share_low"] <= p <= row["share_high"] <= 1


def test_regret_is_left_out_where_it_is_infinite(new_store):
    store = new_store()
    store.add_mapping(64, runs=50, num_x=3, num_y=4, concentration=0.5)
    with StoreQueries(store.path) as queries:
        found = {row["learner"]: row for row in queries.rows("regret")}
    values = np.array([fit["regret"] for fit in store.fits if fit["learner"] == "dirichlet"])
    assert found["dirichlet"]["regret"] == pytest.approx(values.mean())
    half = found["dirichlet"]["regret_high"] - found["dirichlet"]["regret"]
    assert half == pytest.approx(1.959964 * values.std(ddof=1) / math.sqrt(50))
    assert abs(values.mean()) < 3 * half  # the matching posterior mean
    assert found["maximum_likelihood"]["infinite"] > 0
    assert found["maximum_likelihood"]["regret"] is None


def test_typical_is_the_median_run_and_worst_the_last(origin):
    with StoreQueries(origin.path) as queries:
        found = queries.rows("typical_and_worst")
    for row in found:
        runs = sorted(_runs(origin, row["learner"], row["condition_id"]), key=lambda run: run["kl_fit_truth"])
        expected = runs[31 if row["role"] == "typical" else 63]
        assert row["run_id"] == expected["run_id"]
    assert len(found) == 2 * 20


def test_not_a_number_is_no_error(new_store):
    store = new_store()
    runs = store.add_mapping(64, runs=4, learners=("maximum_likelihood",))
    broken = [run | {"kl_fit_truth": math.nan, "coverage": math.nan, "status": "non_finite"} for run in runs[:1]]
    store.write("fits", store.chunk, [*broken, *runs[1:]])
    (row,) = summary(store.path)
    assert (row.runs, row.scored, row.statuses) == (4, 3, {"exact": 3, "non_finite": 1})
    assert row.error.value == pytest.approx(np.mean([run["kl_fit_truth"] for run in runs[1:]]))
    assert row.error.standard_error == pytest.approx(
        np.std([run["kl_fit_truth"] for run in runs[1:]], ddof=1) / math.sqrt(3)
    )
    text = format_table([row])
    assert "non_finite in 25 % at 64 samples" in text
    assert "no error in 1 of 4 runs" in text
    assert "nan" not in text


@pytest.mark.parametrize(
    ("mean", "text"),
    [
        (Mean(0.2310049, 0.00158), "0.2310 ± 0.0031"),
        (Mean(0.00342123, 2.5e-5), "0.003421 ± 0.000049"),
        (Mean(2.1362e-5, 6e-8), "2.136e-5 ± 0.012e-5"),
        (Mean(0.99961, 0.005), "0.9996 ± 0.0098"),
        (Mean(1.1, 0.51), "1.1 ± 1.0"),
        (Mean(12345.678, 9.0), "12,346 ± 18"),
        (Mean(0.5, None), "0.5000"),
        (Mean(0.0, 0.0), "0"),
        (Mean(-0.0012, 0.001), "-0.0012 ± 0.0020"),
        (None, "–"),
    ],
)
def test_plus_minus(mean, text):
    assert plus_minus(mean) == text


def test_other_numbers():
    assert [number(value) for value in (0.05, 1e-3, 9.9996e-4, 12.3456, 1e6, 0, math.inf, None, math.nan)] == [
        *("0.05000", "0.001000", "1.000e-3", "12.35", "1.000e6", "0", "∞", "–", "–")
    ]
    assert [share(value) for value in (0.0, 1e-5, 0.516, 0.99999, 1.0, None)] == [
        *("0 %", "< 0.1 %", "51.6 %", "> 99.9 %", "100 %", "–")
    ]
    assert plus_minus(Mean(0.94871, 0.001), percent=True) == "94.9 ± 0.2"


def test_table_for_the_terminal(rows):
    text = format_table(rows)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    table = lines[: lines.index("")]
    assert len(table) == 1 + 2 + len(rows)
    assert {len(line) for line in table if line.startswith("   ")} == {len(table[0])}  # aligned to the last column
    assert "boundary in 100 % at 256 samples" in text
    assert format_table([]) == "no finished runs"
