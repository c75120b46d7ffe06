"""The estimators against closed forms: published variances, biases by enumeration and by quadrature."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from chance import assert_distribution, assert_frequencies, assert_mean
from estimator_cases import PARAMETERS, Polynomial, across, build, estimates, exact_gradient, polynomial
from scipy import integrate, special

from stochmap.estimators import ESTIMATORS, Bernoulli, Categorical, Gaussian, gradient

TOYS = [(0.499, 0.5), (0.3, 0.8), (0.9, 0.15)]
GAUSSIANS = [(1.0, 1.0, -3.0), (2.0, 0.5, -1.0)]


def toy(t: float) -> Polynomial:
    """(b − t)² of the first of two bits."""
    return Polynomial(jnp.asarray(t**2), jnp.array([-2.0 * t, 0.0]), jnp.diag(jnp.array([1.0, 0.0])), jnp.zeros(2))


def toy_variance(kind: str, t: float, theta: float) -> float:
    delta, least, half = 1.0 - 2.0 * t, min(theta, 1.0 - theta), theta * (1.0 - theta)
    return {
        "score_function": half * ((1.0 - theta) * (1.0 - t) ** 2 + theta * t**2) ** 2,
        "leave_one_out": delta**2 * half * (0.5 - half),
        "arm": 2.0 * delta**2 / 3.0 * (0.125 - (0.5 - least) ** 3) - delta**2 * half**2,
        "disarm": delta**2 * least * (1.0 - least) ** 2 * (0.5 - least),
    }[kind]


def assert_variance(values: np.ndarray, mean: float, variance: float, *, detects: float, cases: int) -> None:
    """The variance is this one; a relative fault of ``detects`` would be seen."""
    squares = (values - mean) ** 2
    if squares.std() < 1e-6 * variance:  # two values, as far from the mean as each other: no chance in it
        np.testing.assert_allclose(squares.mean(), variance, rtol=1e-6)
    else:
        assert_mean(squares, variance, detects=detects * variance, cases=cases)


@pytest.mark.parametrize("kind", ["score_function", "leave_one_out", "arm", "disarm"])
def test_variances_on_the_bernoulli_toy(kind):
    """Grathwohl et al. (2018), section 5.1: the toy; variances in closed form. Faults of 12 % would be seen."""
    for t, theta in TOYS:
        distribution = Bernoulli(jnp.array([special.logit(theta), 0.3]))
        values = estimates(kind, distribution, toy(t), calls=2)[:, 0]
        mean, variance = (1.0 - 2.0 * t) * theta * (1.0 - theta), toy_variance(kind, t, theta)
        if variance < 1e-20:  # DisARM at ½
            np.testing.assert_allclose(values, mean, atol=1e-15)
            continue
        assert_mean(values, mean, detects=0.06 * np.sqrt(variance), cases=24)
        assert_variance(values, mean, variance, detects=0.12, cases=24)


def gaussian_variances(mean: float, std: float, k: float) -> dict[str, tuple[float, float]]:
    d, s = (mean - k) ** 2, std**2
    return {
        "score_function": (d**2 / s + 14 * d + 15 * s, 2 * d**2 / s + 60 * d + 74 * s),
        "running_mean_baseline": (8 * d + 10 * s, 40 * d + 56 * s),
        "optimal_baseline": (8 * d + 6 * s, 40 * d + 24 * s),
        "pathwise": (4 * s, 4 * d + 8 * s),
        "measure_valued": (d * (16 / np.pi - 4), 4 * d + 4 * s),
    }


@pytest.mark.parametrize("kind", gaussian_variances(*GAUSSIANS[0]))
def test_variances_on_the_gaussian_quadratic(kind):
    """Mohamed et al. (2020), section 3: (x − k)²; the state of a baseline is what it tends to. Faults of 40 % are seen.

    (The squares of score-function estimates have heavy tails.)
    """
    for mean, std, k in GAUSSIANS:
        d, s = (mean - k) ** 2, std**2
        distribution = Gaussian(jnp.array([mean, 0.3]), jnp.array([std, 0.7]))
        state = build(kind).init(distribution)
        if kind == "running_mean_baseline":
            state = state._replace(sum=jnp.asarray(2.0 * (d + s)), weight=jnp.asarray(2.0))
        if kind == "optimal_baseline":
            both = (Gaussian(jnp.array([a, 0.0]), jnp.array([b, 0.0])) for a, b in ((d + 3 * s, d + 5 * s), (1.0, 1.0)))
            state = type(state)(*both)
        cost = Polynomial(jnp.asarray(k**2), jnp.array([-2.0 * k, 0.0]), jnp.diag(jnp.array([1.0, 0.0])), jnp.zeros(2))
        values = estimates(kind, distribution, cost, state=state, calls=4)
        expected = gaussian_variances(mean, std, k)[kind]
        for column, true, variance in ((0, 2.0 * (mean - k), expected[0]), (2, 2.0 * std, expected[1])):
            assert_mean(values[:, column], true, detects=0.05 * np.sqrt(variance), cases=40)
            assert_variance(values[:, column], true, variance, detects=0.4, cases=40)


class FixedBernoulli(Bernoulli):
    outcome: jax.Array

    def sample(self, key):
        return self.outcome


class FixedCategorical(Categorical):
    outcome: jax.Array

    def sample(self, key):
        return self.outcome


def enumerated_mean(kind: str, distribution, cost) -> np.ndarray:
    """Return the exact mean of an estimator whose only noise is the sample."""
    samples, chances = distribution.enumerate()
    return np.asarray(jnp.tensordot(chances, _given_samples(kind, distribution, cost, samples), 1)).ravel()


@functools.partial(jax.jit, static_argnums=0)
def _given_samples(kind: str, distribution, cost, samples):
    fixed = FixedBernoulli if isinstance(distribution, Bernoulli) else FixedCategorical

    def one(sample):
        return gradient(build(kind), jax.random.key(0), fixed(distribution.logits, sample), cost, ())[0].logits

    return jax.vmap(one)(samples)


@pytest.mark.parametrize("family", ["bernoulli", "categorical"])
def test_reinmax_and_straight_through_by_enumeration(family):
    """Liu et al. (2023), theorem 3.1: ReinMax is exact on all quadratics; straight-through where squares are absent."""
    distribution = PARAMETERS[family]
    quadratic, cubic, products = polynomial(family, quadratic=2.0), polynomial(family, cubic=1.0), across(family)
    np.testing.assert_allclose(
        enumerated_mean("reinmax", distribution, quadratic), exact_gradient(distribution, quadratic), atol=1e-14
    )
    for kind in ("reinmax", "straight_through"):
        np.testing.assert_allclose(
            enumerated_mean(kind, distribution, products), exact_gradient(distribution, products), atol=1e-14
        )
        bias = enumerated_mean(kind, distribution, cubic) - exact_gradient(distribution, cubic)
        assert np.abs(bias).max() > 0.02
    bias = enumerated_mean("straight_through", distribution, quadratic) - exact_gradient(distribution, quadratic)
    assert np.abs(bias).max() > 0.05


def test_straight_throughs_bias_on_the_toy():
    """(2θ − 1)θ(1 − θ), whatever t: 0 at ½, where the toy starts; the mean is 0 at θ = t, where it ends."""
    for t, theta in [*TOYS, (0.3, 0.3)]:
        distribution = Bernoulli(jnp.array([special.logit(theta), 0.3]))
        mean = enumerated_mean("straight_through", distribution, toy(t))[0]
        exact = (1.0 - 2.0 * t) * theta * (1.0 - theta)
        np.testing.assert_allclose(mean - exact, (2 * theta - 1) * theta * (1 - theta), atol=1e-15)
        np.testing.assert_allclose(mean, 2.0 * (theta - t) * theta * (1 - theta), atol=1e-15)


def relaxed_mean(logit: float, slope, *, straight_through: bool, temperature: float = 0.5) -> float:
    """Return E f′(x)·ds/dl of one bit, s = σ((l + noise)/τ), x = s or 1{s > ½}, by quadrature over the noise's CDF."""

    def integrand(u: float) -> float:
        z = logit + special.logit(u)
        s = special.expit(z / temperature)
        return slope(float(z > 0) if straight_through else s) * s * (1.0 - s) / temperature

    return integrate.quad(integrand, 0.0, 1.0, points=[special.expit(-logit)], epsabs=1e-12)[0]


def test_relaxed_means_by_quadrature():
    """Gumbel-Rao's mean is straight-through Gumbel-softmax's, and its variance is less. Faults of 5 % would be seen."""
    cost = Polynomial(jnp.asarray(0.0), jnp.array([-0.8, 0.0]), jnp.diag(jnp.array([1.5, 0.0])), jnp.array([1.0, 0.0]))
    spreads = {}
    for logit in (0.9, -0.6):
        distribution = Bernoulli(jnp.array([logit, 0.3]))
        for kind in ("gumbel_softmax", "straight_through_gumbel_softmax", "gumbel_rao"):
            expected = relaxed_mean(
                logit, lambda x: -0.8 + 3.0 * x + 3.0 * x**2, straight_through=kind != "gumbel_softmax"
            )
            values = estimates(kind, distribution, cost, calls=2)[:, 0]
            assert_mean(values, expected, detects=0.05 * abs(expected) + 0.02, cases=6)
            spreads[kind] = values.var()
        assert spreads["gumbel_rao"] < 0.8 * spreads["straight_through_gumbel_softmax"]


def test_all_outcomes_without_replacement_are_the_exact_gradient():
    """And the samples are weighted by the chance of their set, whatever their order."""
    estimator, distribution = ESTIMATORS["unordered_set"](num_samples=4), PARAMETERS["bernoulli"]
    estimate = jax.jit(lambda cost: gradient(estimator, jax.random.key(3), distribution, cost, ())[0])
    for cost in (polynomial("bernoulli", quadratic=2.0), across("bernoulli")):
        found = estimate(cost)
        np.testing.assert_allclose(found.logits, exact_gradient(distribution, cost), atol=1e-13)


@pytest.mark.parametrize(("kind", "t"), [("relax", 0.499), ("rebar", 0.1)])
def test_control_variates_learn(kind, t):
    """On the toy at θ = ½: after 4000 steps, the state then frozen, under a tenth of the score function's variance.

    A control variate that is of no use, REBAR's at scale 0 or RELAX's network as it starts, is not under a half of it.
    (At t = ½ REBAR's has next to nothing to do with the cost, (b − t)² being the same for both.)
    """
    estimator, distribution = build(kind), Bernoulli(jnp.zeros(1))  # a second bit's noise would be minimised too
    cost = Polynomial(jnp.asarray(t**2), jnp.array([-2.0 * t]), jnp.eye(1), jnp.zeros(1))
    start = estimator.init(distribution)
    if kind == "rebar":
        start = start._replace(parameters=start.parameters._replace(scale=jnp.asarray(0.0)))

    @jax.jit
    def train(keys):
        def step(state, key):
            return estimator.surrogate(key, distribution, cost, state)[1], None

        return jax.lax.scan(step, start, keys)[0]

    trained = train(jax.random.split(jax.random.key(4), 4000))
    useless, useful = (estimates(kind, distribution, cost, state=state)[:, 0] for state in (start, trained))
    variance = toy_variance("score_function", t, 0.5)
    assert useful.var() < 0.1 * variance
    assert useless.var() > 0.5 * variance
    assert_mean(useful, 0.25 * (1.0 - 2.0 * t), detects=0.01, cases=2)


@pytest.mark.parametrize("family", ["bernoulli", "categorical"])
def test_noisy_logits_given_the_sample_are_those_that_gave_it(family):
    """P(z′) over all samples is P(z), and z′ gives the sample back. A CDF off by 3.5 % would be seen."""
    distribution, repeats = PARAMETERS[family], 20_000

    @jax.jit
    def draw(key):
        def one(key):
            to_noise, to_given = jax.random.split(key)
            sample = distribution.harden(distribution.perturb(to_noise))
            given = distribution.perturb_given(to_given, sample)
            return sample, distribution.harden(given), given

        return jax.vmap(one)(jax.random.split(key, repeats))

    samples, again, given = map(np.asarray, draw(jax.random.key(5)))
    np.testing.assert_array_equal(samples, again)
    mean = np.asarray(distribution.mean)
    for place in np.ndindex(mean.shape):
        centre = special.logit(mean[place]) if family == "bernoulli" else np.log(mean[place])
        cdf = special.expit if family == "bernoulli" else (lambda x: np.exp(-np.exp(-x)))
        assert_distribution(given[(slice(None), *place)] - centre, cdf, detects=0.035, cases=8)


@pytest.mark.parametrize("family", ["bernoulli", "categorical"])
def test_outcomes_and_their_probabilities(family):
    """All outcomes, once; the chances are those of the variables; samples follow them (a distance of 4 % is seen)."""
    distribution = PARAMETERS[family]
    outcomes, chances = (np.asarray(array) for array in distribution.enumerate())
    assert len(np.unique(outcomes.reshape(len(outcomes), -1), axis=0)) == distribution.num_outcomes == len(chances)
    mean = np.asarray(distribution.mean)
    each = mean**outcomes * ((1.0 - mean) ** (1.0 - outcomes) if family == "bernoulli" else 1.0)
    np.testing.assert_allclose(chances, each.reshape(len(outcomes), -1).prod(axis=1), rtol=1e-13)
    samples = np.asarray(jax.jit(jax.vmap(distribution.sample))(jax.random.split(jax.random.key(6), 20_000)))
    same = (samples[:, None] == outcomes[None]).reshape(len(samples), len(outcomes), -1).all(axis=2)
    assert_frequencies(same.sum(axis=0), chances, detects=0.04, cases=2)
