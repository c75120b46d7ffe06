"""The exact gradients: closed forms, enumeration and quadrature against each other."""

import jax
import jax.numpy as jnp
import numpy as np
import own_costs
import pytest
from scipy import stats

from stochmap import estimators, lab
from stochmap.estimators import Categorical
from stochmap.lab._exact import flat

SMALL = {
    "independent_bernoullis": {"dimension": 4, "curvature": 0.7},
    "independent_categoricals": {"dimension": 3, "num_classes": 3, "curvature": -0.4},
    "cost_table": {"dimension": 3, "num_classes": 2},
    "cubic": {"num_classes": 5, "curvature": 2.0, "seed": 3},
    "gaussian_cosine": {"k": 1.5, "mean": -0.3, "std": 1.2},
    "gaussian_quadratic": {"k": 0.5, "mean": 2.0, "std": 0.4},
    "bernoulli_toy": {"t": 0.2, "theta": 0.9},
}


@pytest.mark.parametrize("kind", lab.PROBLEMS)
def test_the_exact_gradient_is_that_of_the_sum_over_outcomes_or_nodes(kind):
    problem = lab.PROBLEMS[kind](**SMALL.get(kind, {}))
    assert isinstance(problem, lab.Problem)
    if problem.family == "gaussian":
        expected = lab.by_quadrature(problem)
    else:
        expected = flat(jax.jit(jax.grad(lambda d: lab.by_enumeration(problem, d)))(problem.distribution()))
    np.testing.assert_allclose(lab.exact_gradient(problem), expected, rtol=1e-11, atol=1e-13)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize(("t", "theta"), [(0.499, 0.5), (0.3, 0.85)])
def test_the_toys_gradient_is_the_papers(t, theta):
    (found,) = lab.exact_gradient(lab.BernoulliToy(t=t, theta=theta))
    assert found == pytest.approx((1 - 2 * t) * theta * (1 - theta), rel=1e-12)


def test_the_gaussians_gradients_are_the_papers():
    found = lab.exact_gradient(lab.GaussianQuadratic(k=-3.0, mean=1.0, std=1.0))
    np.testing.assert_allclose(found, [8.0, 2.0], rtol=1e-13)
    found = lab.exact_gradient(lab.GaussianCosine(k=2.0, mean=0.4, std=0.6))
    decay = np.exp(-0.72)
    np.testing.assert_allclose(found, [-2 * decay * np.sin(0.8), -4 * 0.6 * decay * np.cos(0.8)], rtol=1e-13)


def test_the_brier_score_is_least_where_the_model_is_the_row():
    problem = lab.BrierScore(num_classes=3)
    zeros, eye = jnp.zeros(3), jnp.eye(3)
    row = np.array([-problem(jax.random.key(0), jnp.stack([each, zeros])) for each in eye])
    assert row.sum() == pytest.approx(1.0)
    at_row = Categorical(jnp.log(jnp.stack([row, row])))
    np.testing.assert_allclose(flat(jax.jit(jax.grad(problem.expected))(at_row)), 0.0, atol=1e-15)
    assert problem.expected(at_row) == pytest.approx(-np.sum(row**2))


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("bernoulli_toy", {"theta": 1.0}, "between 0 and 1"),
        ("quadratic", {"num_classes": 1}, "num_classes must be at least 2"),
        ("independent_bernoullis", {"dimension": 0}, "dimension must be at least 1"),
        ("cost_table", {"dimension": 9, "num_classes": 8}, "8\\^9 entries"),
        ("network", {"hidden": 0}, "hidden must be at least 1"),
        ("gaussian_quadratic", {"std": 0.0}, "std must be positive"),
        ("gaussian_cosine", {"std": float("nan")}, "std must be positive"),
    ],
)
def test_fields_out_of_range_are_refused(kind, fields, message):
    with pytest.raises(ValueError, match=message):
        lab.PROBLEMS[kind](**fields)


def test_a_cost_of_ones_own_is_enumerated():
    (first, *_) = lab.exact_gradient(own_costs.Parity(bits=3, logit=0.5))
    theta = 1 / (1 + np.exp(-0.5))
    assert first == pytest.approx(-2 * theta * (1 - theta) * (1 - 2 * theta) ** 2, rel=1e-12)


def test_gradients_without_a_way_to_them_say_so():
    with pytest.raises(ValueError, match="depends on its key"):
        lab.exact_gradient(own_costs.Noisy())
    with pytest.raises(ValueError, match="cannot be listed"):
        lab.exact_gradient(own_costs.Parity(bits=40))
    with pytest.raises(ValueError, match="quadrature serves one Gaussian"):
        lab.exact_gradient(own_costs.Plane())


def test_a_cost_with_jumps_has_no_quadrature_and_one_with_kinks_has():
    with pytest.raises(ValueError, match=r"Step: quadratures with different nodes differ .* expected\(distribution\)"):
        lab.exact_gradient(own_costs.Step())
    with pytest.raises(ValueError, match="differ by more than 1e-06"):  # at the nodes of one rule it is cos(x)
        lab.exact_gradient(own_costs.Ripple(k=1 + 2 * np.pi / 24 * 16383))
    mean = 0.05  # E max(x, 0) of N(mean, 1) has the gradient Φ(mean), φ(mean)
    expected = [stats.norm.cdf(mean), stats.norm.pdf(mean)]
    np.testing.assert_allclose(lab.exact_gradient(own_costs.Ramp(mean)), expected, rtol=1e-6)


def test_a_step_has_the_gradient_of_its_expectation_and_pathwise_misses_it():
    problem = own_costs.KnownStep()
    exact = lab.exact_gradient(problem)
    np.testing.assert_allclose(exact, [stats.norm.pdf(0.05), -0.05 * stats.norm.pdf(0.05)], rtol=1e-12)
    pathwise, score = estimators.Pathwise(), estimators.ScoreFunction()
    assert not pathwise.unbiased_for(lab.facts(problem))
    assert score.unbiased_for(lab.facts(problem))
    assert pathwise.unbiased_for(lab.facts(lab.GaussianCosine()))
    for estimator, unbiased in ((pathwise, False), (score, True)):
        seen = lab.measure(problem, estimator, jax.random.key(3), 10_000)
        assert lab.is_unbiased(seen.mean - exact, seen.standard_error, exact)[0] == unbiased
    np.testing.assert_array_equal(lab.theory(problem, pathwise).mean, [0.0, 0.0])
    assert lab.theory(problem, score) is None
