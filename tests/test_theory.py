"""What the whole chain — truth, exact draws, learner, metric — gives on average, against what theory says it gives."""

import numpy as np
import pytest
from chance import assert_mean, assert_mean_at_least, normal_limit
from example_study import chunk_of
from scipy import special, stats
from tables import decoded

from stochmap.metrics import limits
from stochmap.recovery import run_chunk
from stochmap.study import from_options
from stochmap.truths import CategoricalTable, GaussianTable

ML, GD = {"kind": "maximum_likelihood"}, {"kind": "gradient_descent", "learning_rate": 0.2}


def runs_of(count: int, truth: dict, learners: list[dict], n: int, *, keep=(), table=None) -> dict:
    """Return the decoded tables of ``count`` runs of one condition."""
    problem = {"name": "problem", "num_samples": n, "truth": truth, "learners": learners}
    study = from_options({"seed": 2024, "keep": list(keep), "problem": [problem]}, lambda _: table)
    return decoded(run_chunk(study, chunk_of(study, "problem", 0, count)))


def column(tables: dict, learner: str, name: str) -> np.ndarray:
    return tables["fits"][name][tables["fits"]["learner"] == learner]


ORIGIN = {"kind": "normal_logits", "num_x": 16, "num_y": 8, "scale": 1.0}


@pytest.fixture(scope="module")
def origin():
    """The project's origin at its largest size: 16 × 8, N(0, 1) logits, uniform x, 2¹⁴ pairs."""
    learners = [ML, {"kind": "dirichlet", "concentration": 0.5}, GD]
    return runs_of(1024, ORIGIN, learners, 16384, keep=["estimates"])


@pytest.mark.parametrize(
    ("learner", "error"),
    [
        *[(learner, "kl_fit_truth") for learner in ("maximum_likelihood", "dirichlet", "gradient_descent")],
        *[(learner, "l2_squared") for learner in ("maximum_likelihood", "dirichlet", "gradient_descent")],
        ("dirichlet", "kl_truth_fit"),  # infinite for the others, where a cell was never seen
    ],
)
def test_efficiency_is_near_1_at_the_origins_largest_size(origin, learner, error):
    """Σ reference / Σ error in 0.97–1.03, of which chance takes ±0.007 or so."""
    errors, reference = column(origin, learner, error), column(origin, learner, f"reference_{error}")
    spread = (errors - reference).std() / np.sqrt(len(errors)) / reference.mean()
    assert normal_limit(7) * spread < 0.03
    assert 0.97 < reference.sum() / errors.sum() < 1.03


def test_maximum_likelihoods_squared_error_is_exactly_that_of_theory(origin):
    """(1 − Σp²)/n at the realised n_x; would catch 2 % too much or too little."""
    difference = column(origin, "maximum_likelihood", "l2_squared") / column(
        origin, "maximum_likelihood", "reference_l2_squared"
    )
    assert_mean(difference, 1.0, detects=0.05, cases=2)
    total = column(origin, "maximum_likelihood", "total_variation")
    assert_mean(total / column(origin, "maximum_likelihood", "reference_total_variation"), 1.0, detects=0.05, cases=2)


def test_gradient_descent_lands_on_maximum_likelihoods_table(origin):
    """Its certificate, G ≤ 10⁻⁴ · 56, bounds max |p̂ − q| by √(G/(2n_x)): 0.0018 at n_x = 900."""
    estimates = origin["estimates"]
    tables = [estimates["value"][estimates["learner"] == name] for name in ("maximum_likelihood", "gradient_descent")]
    status, gap = (column(origin, "gradient_descent", name) for name in ("status", "optimality_gap"))
    assert set(status) <= {"converged", "boundary"}
    assert (status == "converged").mean() > 0.95
    assert (gap <= np.where(status == "boundary", 1e-2, 1e-4)).all()
    off = np.abs(tables[0] - tables[1]).reshape(len(status), -1).max(axis=1)
    bound = np.sqrt(56 * np.where(status == "boundary", 1e-2, 1e-4) / (2 * 900))
    assert (off <= bound).all()
    assert (column(origin, "maximum_likelihood", "optimality_gap") < 1e-12).all()


ROW = np.random.default_rng(6).dirichlet(np.ones(10))


@pytest.fixture(scope="module")
def one_row():
    """One row of ten symbols, a hundred samples, the same truth in every run."""
    truth, table = {"kind": "fixed", "path": "row"}, CategoricalTable(ROW[None], np.ones(1))
    return runs_of(32768, truth, [ML, {"kind": "dirichlet", "concentration": 1.0}], 100, table=table)


def test_the_minimax_estimators_squared_error(one_row):
    """Adding √n/k = 1: (1 − 1/k)/(√n + 1)² = 0.00743802, whatever the truth; would catch 3 %."""
    assert_mean(column(one_row, "dirichlet", "l2_squared"), 0.00743802, detects=0.03 * 0.00743802, cases=3)


def test_maximum_likelihoods_divergence_has_its_exact_expectation(one_row):
    """2n·E KL(p̂‖p) = 2Σ_j E[C_j ln(C_j/(n p_j))], a finite sum: 5 % from Wilks' k − 1 here, which would be seen."""
    expected = limits.maximum_likelihood_kl(ROW, 100)
    count = np.arange(1, 101)
    by_hand = sum((stats.binom(100, p).pmf(count) * count * np.log(count / (100 * p))).sum() for p in ROW) / 100
    assert expected == pytest.approx(by_hand, rel=1e-10)
    assert_mean(column(one_row, "maximum_likelihood", "kl_fit_truth"), expected, detects=0.03 * expected, cases=3)
    assert abs(limits.wilks(9, 100) / expected - 1) > 0.03
    squared = (1 - (ROW**2).sum()) / 100
    assert_mean(column(one_row, "maximum_likelihood", "l2_squared"), squared, detects=0.03 * squared, cases=3)


@pytest.fixture(scope="module")
def ten_values():
    """Gaussians with mean 1 and std 2.5 from ten values each."""
    learners = [ML, {"kind": "normal_inverse_gamma"}, GD]
    return runs_of(32768, {"kind": "gaussian", "mean": 1.0, "std": 2.5}, learners, 10)


@pytest.mark.parametrize("learner", ["maximum_likelihood", "gradient_descent"])
def test_the_gaussians_divergences_have_their_exact_expectations(ten_values, learner):
    """0.175431 and 0.110283 at n = 10, where Wilks says 0.1; gradient descent lands there within its tolerance."""
    assert_mean(column(ten_values, learner, "kl_truth_fit"), 0.175431, detects=0.02, cases=8)
    assert_mean(column(ten_values, learner, "kl_fit_truth"), 0.110283, detects=0.008, cases=8)
    # E(s − σ)² from E s² = (n − 1)/n·σ² and E s = √((n − 1)/n)·c₄·σ: 1.09 times Cramér–Rao.
    c4 = np.sqrt(2 / 9) * special.gamma(5) / special.gamma(4.5)
    assert c4 == pytest.approx(0.972659, abs=5e-7)
    expected = 2.5**2 * (0.9 + 1 - 2 * np.sqrt(0.9) * c4)
    assert expected / (2.5**2 / 20) == pytest.approx(1.0902, abs=5e-5)
    assert_mean(column(ten_values, learner, "std_error"), expected, detects=0.07 * expected, cases=8)
    assert_mean(column(ten_values, learner, "mean_error"), 0.625, detects=0.05, cases=8)


def test_gradient_descent_lands_on_the_gaussians_likelihood(ten_values):
    assert set(column(ten_values, "gradient_descent", "status")) == {"converged"}
    assert (column(ten_values, "gradient_descent", "optimality_gap") <= 1e-4).all()


def test_classical_intervals_cover_at_any_truth(ten_values):
    """Exact ones, N = 32,768 runs × 2 parameters: 95 %, and 1 % less would be seen."""
    assert_mean(column(ten_values, "maximum_likelihood", "coverage"), 0.95, detects=0.01)


PRIOR = {"kind": "dirichlet", "num_x": 16, "num_y": 8, "concentration": 0.5}


@pytest.fixture(scope="module")
def from_the_prior():
    """Truths from Dirichlet(½), learned with that prior, with others, and with none."""
    learners = [
        ML,
        {"kind": "dirichlet", "concentration": 0.5},
        {"kind": "dirichlet", "concentration": 1.0, "name": "flat"},
        {"kind": "dirichlet", "concentration": 0.05, "name": "sharp"},
        GD,
    ]
    return runs_of(2048, PRIOR, learners, 400)


def test_the_matching_posterior_mean_has_no_regret(from_the_prior):
    """0 within its error, which is a fifth of what the flat prior loses: a least loss wrong by that would be seen."""
    matching, flat = (column(from_the_prior, name, "regret") for name in ("dirichlet", "flat"))
    assert_mean(matching, 0.0, detects=0.3 * flat.mean(), cases=4)
    assert flat.mean() > 0.002


@pytest.mark.parametrize("learner", ["maximum_likelihood", "flat", "sharp", "gradient_descent"])
def test_every_other_learner_has_regret(from_the_prior, learner):
    regret = column(from_the_prior, learner, "regret")
    if learner == "maximum_likelihood":
        assert (regret == np.inf).mean() > 0.99  # some supported cell was never seen
        return
    assert_mean_at_least(regret, 0.0, cases=4)
    assert_mean_at_least(regret - column(from_the_prior, "dirichlet", "regret"), 1e-3, cases=4)


def test_posterior_intervals_cover_where_truths_come_from_the_prior(from_the_prior):
    """N = 2048 runs × 128 cells: 95 %, and half a percent less would be seen. Not so for another prior."""
    z = assert_mean(column(from_the_prior, "dirichlet", "coverage"), 0.95, detects=0.005)
    assert abs(z) < normal_limit(1)
    assert column(from_the_prior, "sharp", "coverage").mean() < 0.93


def test_gaussian_posterior_intervals_cover_where_truths_come_from_the_prior():
    """N = 4096 runs × 3 x × 2 parameters, n = 12; and of x never visited the prior itself is scored."""
    prior = {"mean": -1.0, "kappa": 0.5, "alpha": 3.0, "beta": 2.0}
    learners = [ML, {"kind": "normal_inverse_gamma", **prior}, {"kind": "normal_inverse_gamma", "name": "default"}]
    tables = runs_of(4096, {"kind": "normal_inverse_gamma", "num_x": 3, **prior}, learners, 12)
    assert_mean(column(tables, "normal_inverse_gamma", "coverage"), 0.95, detects=0.015)
    matching, default = (column(tables, name, "kl_truth_fit") for name in ("normal_inverse_gamma", "default"))
    assert_mean_at_least(default - matching, 0.0)


def test_one_value_leaves_maximum_likelihood_infinitely_far():
    """Stored as infinity: not as a number, and not as nothing."""
    tables = runs_of(64, {"kind": "gaussian", "num_x": 4}, [ML, {"kind": "normal_inverse_gamma"}, GD], 3)
    far = column(tables, "maximum_likelihood", "kl_truth_fit")
    assert (far == np.inf).mean() > 0.5
    assert not np.isnan(far).any()
    assert np.isfinite(column(tables, "normal_inverse_gamma", "kl_truth_fit")).all()
    assert "boundary" in column(tables, "gradient_descent", "status")


def test_fixed_gaussians_are_the_users():
    table = GaussianTable(np.array([0.0, 10.0]), np.array([1.0, 3.0]), np.full(2, 0.5))
    tables = runs_of(64, {"kind": "fixed", "path": "own"}, [ML], 4000, keep=["truths", "estimates"], table=table)
    truths, estimates = tables["truths"], tables["estimates"]
    assert truths["value"][truths["run_id"] == truths["run_id"][0]].tolist() == [0.0, 10.0, 1.0, 3.0]
    found = estimates["value"].reshape(2, 64, 2)  # blocks of means, then of stds
    assert_mean(found[0, :, 1], 10.0, detects=0.1, cases=2)
    assert_mean(found[1, :, 1], 3.0, detects=0.1, cases=2)
