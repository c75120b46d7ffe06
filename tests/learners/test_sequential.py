"""The per-sample algorithms: by scan, by hand, and as gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stochmap.learners import MaximumLikelihood, NaturalGradient, Online, PairBlocks, RunningMoments, pair_blocks
from stochmap.posteriors import Dirichlet, NormalInverseGamma
from stochmap.sampling import Moments, count_pairs, value_moments

ROWS = 300
_RNG = np.random.default_rng(21)
X = _RNG.integers(3, size=ROWS)
Y = _RNG.integers(4, size=ROWS)
VALUES = _RNG.normal(size=ROWS)
TABLES, GAUSSIANS = pair_blocks(X, Y, 3, 4), pair_blocks(X, VALUES, 3)
PRIORS = {"categorical": Dirichlet.prior(0.5, 3, 4), "gaussian": NormalInverseGamma.prior(0.0, 1.0, 2.0, 1.0, 3)}
DATA = {"categorical": TABLES, "gaussian": GAUSSIANS}
FAMILIES = list(DATA)


@functools.cache
def _program(learner):
    return jax.jit(learner)


def fit(learner, data: PairBlocks):
    return _program(learner)(jax.random.key(0), data)


def steps(learner, family: str) -> np.ndarray:
    """Natural parameters after every pair, [rows, x, parameters]."""
    data, prior = DATA[family], PRIORS[family]

    def one(state, pair):
        state = learner.step(prior, state, *pair)
        return state, learner.posterior(prior, state, jnp.int64(0)).natural_parameters

    return np.asarray(jax.jit(lambda: jax.lax.scan(one, learner.start(prior), (data.x, data.y))[1])())[:ROWS]


@pytest.mark.parametrize("family", FAMILIES)
def test_online_equals_all_at_once(family):
    statistics = count_pairs(X, Y, 3, 4) if family == "categorical" else value_moments(X, VALUES, 3)
    found, expected = fit(Online(), DATA[family]), PRIORS[family].update_all(statistics)
    np.testing.assert_allclose(
        found.posterior.natural_parameters, expected.natural_parameters, rtol=1e-12, atol=1e-12 * ROWS
    )
    assert int(found.steps) == ROWS


def test_three_values_by_the_learner():
    """Prior (0, 1, 2, 1), data 1, 2, 4: posterior (1.75, 4, 3.5, 5.375)."""
    data = pair_blocks(np.zeros(3, int), np.array([1.0, 2.0, 4.0]), 3)
    for learner, rtol in ((Online(), 1e-14), (NaturalGradient(), 1e-11)):
        leaves = [float(leaf[0]) for leaf in jax.tree.leaves(fit(learner, data).posterior)]
        np.testing.assert_allclose(leaves, [1.75, 4.0, 3.5, 5.375], rtol=rtol)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_natural_gradient_is_the_conjugate_update_step_by_step(family):
    """After every pair, to 1e-12 of the natural parameters; a step of size 0.999 999 would be seen."""
    found, expected = steps(NaturalGradient(), family), steps(Online(), family)
    scale = np.abs(expected).max(axis=-1, keepdims=True) if family == "gaussian" else np.abs(expected)
    assert (np.abs(found - expected) / scale).max() < 1e-12
    assert (np.abs(expected - expected[:1]) / scale).max() > 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_forgetting_by_hand(family):
    """All rows fade by λ towards the prior with every pair, and the pair's row is updated; in a plain loop."""
    forgetting, prior = 0.97, PRIORS[family].natural_parameters
    natural = np.array(prior)
    for x, y, value in zip(X, Y, VALUES, strict=True):
        natural = forgetting * natural + (1.0 - forgetting) * prior
        natural = np.array(natural)
        natural[x] += np.eye(4)[y] if family == "categorical" else [value, 1.0, 1.0, value**2]
    found = fit(Online(forgetting=forgetting), DATA[family]).posterior.natural_parameters
    np.testing.assert_allclose(found, natural, rtol=1e-10, atol=1e-12)


def test_the_running_moments_are_the_means_of_what_came():
    """From weight 0 maximum likelihood; else as if so many values at (mean, std) had come before; in both forms."""
    moments = value_moments(X, VALUES, 3)
    closed = MaximumLikelihood()(jax.random.key(0), Moments(*(jnp.asarray(leaf) for leaf in jax.tree.leaves(moments))))
    plain = fit(RunningMoments(weight=0.0), GAUSSIANS).mapping
    np.testing.assert_allclose(plain.mean, closed.mapping.mean, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(plain.std, closed.mapping.std, rtol=1e-12)
    loop, gradient = (fit(RunningMoments(form, 0.5, 2.0, 3.0), GAUSSIANS).mapping for form in ("loop", "gradient"))
    np.testing.assert_allclose(gradient.mean, loop.mean, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(gradient.std, loop.std, rtol=1e-12)
    n = moments.n + 3.0
    mean = (3.0 * 0.5 + moments.n * moments.mean) / n
    square = (3.0 * (4.0 + 0.25) + moments.m2 + moments.n * moments.mean**2) / n
    np.testing.assert_allclose(loop.mean, mean, rtol=1e-11)
    np.testing.assert_allclose(loop.std, np.sqrt(square - mean**2), rtol=1e-11)


def test_rows_never_seen_stay_as_they_were():
    data = pair_blocks(np.zeros(5, int), np.arange(5.0), 2)
    for learner in (Online(kappa=2.0), Online(kappa=2.0, forgetting=0.9), NaturalGradient(kappa=2.0)):
        leaves = [float(leaf[1]) for leaf in jax.tree.leaves(fit(learner, data).posterior)]
        np.testing.assert_allclose(leaves, [0.0, 2.0, 2.0, 1.0], rtol=1e-14)


def test_padding_reaches_a_power_of_two():
    for rows, padded in ((1, 256), (256, 256), (257, 512), (513, 1024)):
        data = pair_blocks(np.zeros((2, rows), int), np.zeros((2, rows), int), 3, 4)
        assert data.x.shape == data.y.shape == (2, padded)
        assert (data.x[:, rows:] == 3).all()
        assert data.num_samples.tolist() == [rows, rows]


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Online(concentration=0.0), "concentration must be positive and finite, got 0.0"),
        (lambda: Online(mean=np.nan), "mean must be finite, got nan"),
        (lambda: Online(forgetting=0.0), r"forgetting must lie in \(0, 1\], got 0.0: 1 forgets nothing"),
        (lambda: Online(forgetting=1.5), r"forgetting must lie in \(0, 1\], got 1.5"),
        (lambda: NaturalGradient(beta=-1.0), "beta must be positive and finite, got -1.0"),
        (lambda: RunningMoments("newton"), "unknown form 'newton': choose one of loop, gradient"),
        (lambda: RunningMoments(std=0.0), "std must be positive and finite, got 0.0"),
        (lambda: RunningMoments(weight=-1.0), "weight must be positive and finite, got -1.0"),
        (lambda: RunningMoments("gradient", weight=0.0), "weight must be positive and finite, got 0.0"),
        (lambda: pair_blocks([], [], 2, 2), "the dataset is empty, got 0 pairs: give at least one"),
        (lambda: pair_blocks([0, 1], [0], 2, 2), r"x and y must have one shape, got \(2,\) and \(1,\): give one y"),
        (lambda: pair_blocks([0, 2], [0, 1], 2, 2), "x must lie in 0 … 1, got 0 … 2: relabel"),
        (lambda: pair_blocks([0, 1], [0, -1], 2, 2), "y must lie in 0 … 1, got -1 … 0: relabel"),
        (lambda: pair_blocks([0, 1], [0.0, 1.0], 2, 2), "y must hold integers, got float64: relabel"),
        (lambda: pair_blocks([0, 1], [0.0, np.nan], 2), "an observation must be finite, got nan: leave it out"),
    ],
)
def test_bad_options_and_data_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
