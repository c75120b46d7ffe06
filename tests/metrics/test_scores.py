import math

import jax.numpy as jnp
import numpy as np
import pytest

from stochmap import metrics
from stochmap.learners import Fit
from stochmap.mappings import CategoricalMapping, GaussianMapping
from stochmap.metrics import METRIC_COLUMNS, score
from stochmap.posteriors import Dirichlet, Interval, NormalInverseGamma
from stochmap.sampling import Counts, Moments
from stochmap.truths import CategoricalTable, GaussianTable

INPUTS = np.array([0.5, 0.3, 0.2])
TRUTH = np.array([[0.5, 0.25, 0.25], [0.1, 0.9, 0.0], [0.2, 0.3, 0.5]])
COUNTS = np.array([[6, 1, 3], [1, 9, 0], [0, 0, 0]])  # x = 2 was never visited
LEARNED = np.array([[0.6, 0.1, 0.3], [0.1, 0.89, 0.01], [0.98, 0.01, 0.01]])
WEIGHTS = np.array([0.5, 0.3, 0.0]) / 0.8


def categorical(table: np.ndarray, posterior: Dirichlet | None = None) -> Fit:
    with np.errstate(divide="ignore"):
        return Fit(CategoricalMapping(np.log(table)), jnp.int32(0), jnp.int64(0), posterior=posterior)


def by_hand(function, values=LEARNED) -> float:
    return sum(w * function(TRUTH[x], values[x]) for x, w in enumerate(WEIGHTS) if w)


def kl(p, q) -> float:
    return sum(a * math.log(a / b) if b > 0 else math.inf for a, b in zip(p, q, strict=True) if a > 0)


def test_errors_are_averaged_over_the_rows_that_were_visited():
    """Row 2, far off and never visited, weighs nothing; the others weigh p(x)/P(visited)."""
    numbers = score(CategoricalTable(TRUTH, INPUTS), categorical(LEARNED), Counts(COUNTS))
    expected = {
        "kl_fit_truth": math.inf,  # an outcome of probability 0 that the fit thinks possible
        "kl_truth_fit": by_hand(kl),
        "total_variation": by_hand(lambda p, q: 0.5 * np.abs(p - q).sum()),
        "l2_squared": by_hand(lambda p, q: ((p - q) ** 2).sum()),
        "hellinger": by_hand(lambda p, q: np.sqrt(1 - np.sqrt(p * q).sum())),
        # s_x is the truth's support: 3 and 2 outcomes.
        "reference_kl_fit_truth": (0.5 * 2 / 20 + 0.3 * 1 / 20) / 0.8,
        "reference_kl_truth_fit": (0.5 * 2 / 20 + 0.3 * 1 / 20) / 0.8,
        "reference_l2_squared": by_hand(lambda p, q: (1 - (p**2).sum()) / 10),
        "reference_total_variation": by_hand(lambda p, q: 0.5 * np.sqrt(2 * p * (1 - p) / (np.pi * 10)).sum()),
        # Σ n_x KL(p̂_x‖q_x) over Σ (seen_x − 1)/2: 3 and 2 outcomes were seen.
        "optimality_gap": (10 * kl([0.6, 0.1, 0.3], LEARNED[0]) + 10 * kl([0.1, 0.9, 0.0], LEARNED[1])) / 1.5,
    }
    assert set(numbers) == set(expected)
    for name, value in expected.items():
        assert float(numbers[name]) == pytest.approx(value, rel=1e-9, abs=1e-15), name
    support = np.where(TRUTH > 0, LEARNED, 0.0)
    inside = categorical(support / support.sum(axis=1, keepdims=True))
    finite = score(CategoricalTable(TRUTH, INPUTS), inside, Counts(COUNTS))["kl_fit_truth"]
    fitted = inside.mapping.probabilities
    assert float(finite) == pytest.approx(0.625 * kl(LEARNED[0], TRUTH[0]) + 0.375 * kl(fitted[1], TRUTH[1]), rel=1e-12)


def test_an_infinite_kl_is_not_a_number_made_up():
    """A supported cell that was never seen: maximum likelihood's KL(truth‖fit) is infinite, and stays it."""
    likeliest = np.array([[0.6, 0.0, 0.4], [0.1, 0.9, 0.0], [1 / 3] * 3])
    numbers = score(CategoricalTable(TRUTH, INPUTS), categorical(likeliest), Counts(COUNTS))
    assert numbers["kl_truth_fit"] == math.inf
    assert math.isfinite(numbers["kl_fit_truth"])


def test_a_learner_with_a_prior_is_also_scored_on_all_rows():
    fit = categorical(LEARNED, posterior=Dirichlet.prior(1.0, 3, 3))
    numbers = score(CategoricalTable(TRUTH, INPUTS), fit, Counts(COUNTS))
    assert numbers["kl_all"] == pytest.approx(sum(INPUTS[x] * kl(TRUTH[x], LEARNED[x]) for x in range(3)), rel=1e-12)


def test_regret_is_what_is_lost_beyond_the_least_possible():
    truth = CategoricalTable(TRUTH, INPUTS, concentration=0.5)
    numbers = score(truth, categorical(LEARNED), Counts(COUNTS))
    least = [float(metrics.limits.bayes_kl(COUNTS[x] + 0.5)) for x in range(2)]
    expected = by_hand(kl) - (0.5 * least[0] + 0.3 * least[1]) / 0.8
    assert numbers["regret"] == pytest.approx(expected, rel=1e-12)


def test_coverage_counts_the_cells_of_visited_rows():
    lower, upper = np.full((3, 3), 0.2), np.full((3, 3), 0.5)
    numbers = score(
        CategoricalTable(TRUTH, INPUTS),
        categorical(LEARNED),
        Counts(COUNTS),
        {"probability": Interval(lower, upper)},
    )
    assert numbers["coverage"] == pytest.approx(0.5 * (3 / 3) + 0.5 * (0 / 3))  # ends count as inside


def test_a_run_without_a_visited_row_has_no_error():
    numbers = score(CategoricalTable(TRUTH, INPUTS), categorical(LEARNED), Counts(np.zeros((3, 3), int)))
    assert math.isnan(numbers["kl_truth_fit"])
    assert math.isnan(numbers["reference_l2_squared"])
    assert numbers["optimality_gap"] == 0.0


def test_an_input_of_probability_0_does_not_weigh():
    counts = np.array([[10, 0, 0], [0, 10, 0], [0, 0, 0]])
    numbers = score(CategoricalTable(TRUTH, np.array([1.0, 0.0, 0.0])), categorical(TRUTH), Counts(counts * [[1]] * 3))
    assert numbers["kl_truth_fit"] == 0.0


def test_runs_are_scored_each_for_itself():
    rng = np.random.default_rng(5)
    truth = rng.dirichlet(np.ones(4), size=(6, 3))
    learned = rng.dirichlet(np.ones(4), size=(6, 3))
    counts = rng.poisson(1.0, size=(6, 3, 4))
    intervals = {"probability": Interval(truth - 0.1 * rng.random((6, 3, 4)), truth + rng.normal(size=(6, 3, 4)))}
    together = score(CategoricalTable(truth, INPUTS, 1.0), categorical(learned), Counts(counts), intervals)
    for run in range(6):
        alone = score(
            CategoricalTable(truth[run], INPUTS, 1.0),
            categorical(learned[run]),
            Counts(counts[run]),
            {"probability": Interval(*(end[run] for end in intervals["probability"]))},
        )
        assert set(alone) == set(together)
        for name, value in alone.items():
            np.testing.assert_allclose(together[name][run], value, rtol=1e-12)


def test_float32_logits_are_scored_in_float64():
    """A float32 softmax sums to 1 within 1e-7 only, which is more than a KL of 1e-12."""
    logits = np.log(TRUTH[[0, 2]]).astype(np.float32)
    numbers = score(
        CategoricalTable(TRUTH[[0, 2]], np.full(2, 0.5)),
        Fit(CategoricalMapping(logits), jnp.int32(0), jnp.int64(0)),
        Counts(np.full((2, 3), 5)),
    )
    assert 0 <= numbers["kl_fit_truth"] < 1e-13


def gaussian(mean, std, posterior=None) -> Fit:
    return Fit(GaussianMapping(np.array(mean), np.array(std)), jnp.int32(0), jnp.int64(0), posterior=posterior)


def test_gaussian_numbers_by_hand():
    truth = GaussianTable(np.array([1.0, 0.0, 5.0]), np.array([2.5, 1.0, 0.1]), INPUTS)
    moments = Moments(np.array([10, 4, 0]), np.array([1.1, -0.2, 0.0]), np.array([50.0, 6.0, 0.0]))
    fit = gaussian([1.2, -0.1, 0.0], [2.0, 1.1, 1.0])

    def normal_kl(mean, std, other_mean, other_std) -> float:
        return math.log(other_std / std) + (std**2 + (mean - other_mean) ** 2) / (2 * other_std**2) - 0.5

    first, second = (1.0, 2.5, 1.2, 2.0), (0.0, 1.0, -0.1, 1.1)
    turned = [(c, d, a, b) for a, b, c, d in (first, second)]
    reference = (0.5 * 2 / 20 + 0.3 * 2 / 8) / 0.8
    expected = {
        "kl_fit_truth": (0.5 * normal_kl(*turned[0]) + 0.3 * normal_kl(*turned[1])) / 0.8,
        "kl_truth_fit": (0.5 * normal_kl(*first) + 0.3 * normal_kl(*second)) / 0.8,
        "reference_kl_fit_truth": reference,
        "reference_kl_truth_fit": reference,
        "mean_error": (0.5 * 0.2**2 + 0.3 * 0.1**2) / 0.8,
        "reference_mean_error": (0.5 * 6.25 / 10 + 0.3 * 1 / 4) / 0.8,
        "std_error": (0.5 * 0.5**2 + 0.3 * 0.1**2) / 0.8,
        "reference_std_error": (0.5 * 6.25 / 20 + 0.3 * 1 / 8) / 0.8,
        "optimality_gap": (
            10 * normal_kl(1.1, math.sqrt(5.0), 1.2, 2.0) + 4 * normal_kl(-0.2, math.sqrt(1.5), -0.1, 1.1)
        )
        / 2,
    }
    numbers = score(truth, fit, moments)
    assert set(numbers) == set(expected)
    for name, value in expected.items():
        assert float(numbers[name]) == pytest.approx(value, rel=1e-9), name

    prior = NormalInverseGamma.prior(0.0, 1.0, 1.0, 1.0, 3)
    numbers = score(truth, gaussian([1.2, -0.1, 0.0], [2.0, 1.1, 1.0], prior), moments)
    unvisited = normal_kl(5.0, 0.1, 0.0, 1.0)
    assert numbers["kl_all"] == pytest.approx(0.8 * expected["kl_truth_fit"] + 0.2 * unvisited, rel=1e-12)


def test_gaussian_coverage_counts_mean_and_std_of_visited_rows():
    truth = GaussianTable(np.array([1.0, 0.0, 5.0]), np.array([2.5, 1.0, 0.1]), INPUTS)
    moments = Moments(np.array([10, 4, 0]), np.zeros(3), np.ones(3))
    intervals = {
        "mean": Interval(np.array([0.9, 0.1, 9.0]), np.array([1.0, 0.2, 9.9])),
        "std": Interval(np.array([2.0, 0.5, 9.0]), np.array([3.0, 1.5, 9.9])),
    }
    numbers = score(truth, gaussian([0.0] * 3, [1.0] * 3), moments, intervals)
    assert numbers["coverage"] == pytest.approx(3 / 4)


def test_a_gaussian_fitted_to_one_value_is_infinitely_far():
    truth = GaussianTable(np.zeros(1), np.ones(1), np.ones(1))
    numbers = score(truth, gaussian([0.7], [0.0]), Moments(np.array([1]), np.array([0.7]), np.zeros(1)))
    assert numbers["kl_truth_fit"] == math.inf
    assert numbers["kl_fit_truth"] == math.inf
    assert numbers["mean_error"] == pytest.approx(0.49)
    assert numbers["optimality_gap"] == 0.0


def test_a_fit_that_is_not_finite_has_no_numbers_and_no_warning():
    logits = np.array([[[np.inf, 0.0, 1.0]] * 3, [[np.nan] * 3] * 3, [[0.0] * 3] * 3])
    fit = Fit(CategoricalMapping(logits), jnp.int32(4), jnp.int64(8))
    truth = CategoricalTable(np.full((3, 3, 3), 1 / 3), INPUTS, 1.0)
    numbers = score(truth, fit, Counts(np.full((3, 3, 3), 2)))
    for name, values in numbers.items():
        if "reference" not in name:
            assert np.isnan(values[:2]).all(), name
            assert np.isfinite(values[2]), name


def test_all_numbers_have_a_column():
    categorical_numbers = score(
        CategoricalTable(TRUTH, INPUTS, 1.0),
        categorical(LEARNED, Dirichlet.prior(1.0, 3, 3)),
        Counts(COUNTS),
        {"probability": Interval(TRUTH, TRUTH)},
    )
    gaussian_numbers = score(
        GaussianTable(np.zeros(1), np.ones(1), np.ones(1)),
        gaussian([0.0], [1.0], NormalInverseGamma.prior(0.0, 1.0, 1.0, 1.0, 1)),
        Moments(np.array([2]), np.zeros(1), np.ones(1)),
        {"mean": Interval(np.zeros(1), np.ones(1)), "std": Interval(np.zeros(1), np.ones(1))},
    )
    assert {*categorical_numbers, *gaussian_numbers} == set(METRIC_COLUMNS)
    assert len(set(METRIC_COLUMNS)) == len(METRIC_COLUMNS)
    assert all(name.removeprefix("reference_") in METRIC_COLUMNS for name in METRIC_COLUMNS)
