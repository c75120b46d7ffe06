"""Conformance: what every learner keeps to. A new row of LEARNERS needs an example here, and nothing else."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stochmap.building import construct, field_values
from stochmap.learners import (
    LEARNERS,
    Dirichlet,
    GradientDescent,
    Learner,
    MaximumLikelihood,
    NormalInverseGamma,
    PairBlocks,
    SampledGradient,
    Status,
    pair_blocks,
)
from stochmap.sampling import Counts, Moments, Values
from stochmap.sharding import LANE_AXIS

EXAMPLES = {
    "maximum_likelihood": {},
    "dirichlet": {"concentration": 0.25},
    "normal_inverse_gamma": {"mean": 1.0, "kappa": 0.5, "alpha": 3.0, "beta": 2.0},
    "gradient_descent": {"learning_rate": 0.2, "max_steps": 400},
    "add_constant": {"constant": 2.0},
    "absolute_discounting": {"discount": 0.3},
    "good_turing": {},
    "hierarchical": {},
    "reversible": {},
    "online": {"concentration": 0.25, "forgetting": 0.9},
    "natural_gradient": {"kappa": 0.5},
    "running_moments": {"weight": 0.5},
    "variational": {"steps": 50},
    "sampled_gradient": {"steps": 200, "compared": 8},
}
CASES = [(kind, family) for kind, cls in LEARNERS.items() for family in sorted(cls.families)]
RUNS = 4

_RNG = np.random.default_rng(10)
COUNTS = Counts(_RNG.poisson(6.0, size=(RUNS, 3, 5)))
COUNTS.n[:, 2] = 0  # never visited
COUNTS.n[1, 0, 3] = 0  # never seen
MOMENTS = Moments(
    np.array([[12, 1, 0]] * RUNS), _RNG.normal(size=(RUNS, 3)) * [1, 1, 0], np.array([[30.0, 0.0, 0.0]] * RUNS)
)
_X = _RNG.integers(2, size=(RUNS, 20))
_NOISE = _RNG.normal(size=(RUNS, 12))
_NOISE -= _NOISE.mean(axis=1, keepdims=True)
_NOISE *= np.sqrt(30.0 / (_NOISE**2).sum(axis=1, keepdims=True))
VALUES = Values(
    MOMENTS,
    np.array([[0] * 12 + [1]] * RUNS, dtype=np.int32),
    np.concatenate([MOMENTS.mean[:, :1] + _NOISE, MOMENTS.mean[:, 1:2]], axis=1),
)
DATA = {
    ("statistics", "categorical"): COUNTS,
    ("statistics", "gaussian"): MOMENTS,
    ("pairs", "categorical"): pair_blocks(_X, _RNG.integers(5, size=_X.shape), 3, 5),
    ("pairs", "gaussian"): pair_blocks(_X, _RNG.normal(size=_X.shape), 3),
    ("values", "categorical"): COUNTS,
    ("values", "gaussian"): VALUES,
}


Data = Counts | Moments | PairBlocks | Values


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_no_data_and_no_numbers_are_refused(kind, family):
    """Where they are known, not traced; pairs refuse both before a learner sees them."""
    if LEARNERS[kind].needs == "pairs":
        return
    learner = LEARNERS[kind](**EXAMPLES[kind])
    one = jax.tree.map(lambda leaf: leaf[0], data_for(kind, family))
    empty = jax.tree.map(np.zeros_like, one)
    with pytest.raises(ValueError, match="the dataset is empty, got 0 observations: give at least one"):
        learner(jax.random.key(0), empty)
    if isinstance(one, Moments):
        with pytest.raises(
            ValueError, match="statistics must be finite, got NaN or infinity: leave missing values out"
        ):
            learner(jax.random.key(0), Moments(one.n, one.mean * np.nan, one.m2))


def data_for(kind: str, family: str) -> Data:
    if getattr(LEARNERS[kind], "square", False):
        return Counts(COUNTS.n[..., :3])
    return DATA[LEARNERS[kind].needs, family]


def others_changed(data: Data) -> Data:
    factor = 1 if isinstance(data, PairBlocks | Values) else 3
    return jax.tree.map(lambda leaf: np.concatenate([leaf[:1], np.roll(leaf[1:] * factor, 1, 0)]), data)


@functools.cache
def _program(learner: Learner):
    return jax.jit(jax.vmap(learner, axis_name=LANE_AXIS))


def run(learner: Learner, data: Data):
    keys = jax.random.split(jax.random.key(0), RUNS)
    return jax.tree.map(np.asarray, _program(learner)(keys, jax.tree.map(jnp.asarray, data)))


@pytest.fixture(scope="module")
def fits():
    return {(kind, family): run(LEARNERS[kind](**EXAMPLES[kind]), data_for(kind, family)) for kind, family in CASES}


def test_every_learner_has_an_example():
    assert set(EXAMPLES) == set(LEARNERS)


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_learner_is_its_options(kind):
    learner = LEARNERS[kind](**EXAMPLES[kind])
    assert isinstance(learner, Learner)
    assert learner.needs in ("statistics", "pairs", "values")
    assert learner.families <= {"categorical", "gaussian"}
    again = construct(LEARNERS[kind], field_values(learner), kind)
    assert again == learner
    assert hash(again) == hash(learner)
    with pytest.raises(dataclasses.FrozenInstanceError):
        learner.anything = 1


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_a_fit_is_whole(fits, kind, family):
    fit = fits[kind, family]
    assert fit.mapping.num_x == 3
    assert fit.status.shape == fit.steps.shape == (RUNS,)
    assert set(fit.status.tolist()) <= {int(status) for status in Status} - {Status.NON_FINITE}
    parameters = fit.mapping.parameters()
    assert set(parameters) == ({"probability"} if family == "categorical" else {"mean", "std"})
    for name, values in parameters.items():
        assert values.shape[:2] == (RUNS, 3)
        assert np.isfinite(values).all()
        assert name == "mean" or (values >= 0).all()
    if family == "categorical":
        np.testing.assert_allclose(parameters["probability"].sum(axis=-1), 1.0, rtol=1e-6)
    intervals = fit.interval(0.95)
    if intervals is not None:
        for name, (lower, upper) in intervals.items():
            assert lower.shape == upper.shape == parameters[name].shape
            visited = np.tile([True, True, False], (RUNS, 1)).reshape(RUNS, 3, *[1] * (lower.ndim - 2))
            seen = np.broadcast_to(visited, lower.shape)
            assert (lower <= upper).all()
            inside = (lower <= parameters[name] + 1e-12) & (parameters[name] <= upper + 1e-12)
            assert inside[seen].mean() > 0.9  # the predictive's std may lie beyond a short posterior of it
        wider = fit.interval(0.99)
        for name, (lower, upper) in intervals.items():
            assert (wider[name].lower <= lower).all()
            assert (wider[name].upper >= upper).all()


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_a_fit_is_reproducible_and_each_runs_own(fits, kind, family):
    """The same bits again; and with all other runs exchanged a run keeps its bits."""
    learner, data = LEARNERS[kind](**EXAMPLES[kind]), data_for(kind, family)
    fit = fits[kind, family]
    again = run(learner, data)
    others = run(learner, others_changed(data))
    for before, after, exchanged in zip(*map(jax.tree.leaves, (fit, again, others)), strict=True):
        np.testing.assert_array_equal(before, after)
        np.testing.assert_array_equal(before[0], exchanged[0])


def test_maximum_likelihood_is_the_closed_form(fits):
    fit = fits["maximum_likelihood", "categorical"]
    n = COUNTS.n.sum(axis=-1, keepdims=True)
    expected = np.where(n > 0, COUNTS.n / np.maximum(n, 1), 1 / 5)
    np.testing.assert_allclose(fit.mapping.probabilities, expected, rtol=1e-14)
    assert fit.mapping.probabilities[1, 0, 3] == 0.0
    assert fit.mapping.logits.dtype == np.float64
    assert (fit.status == Status.EXACT).all()
    assert (fit.steps == 0).all()

    fit = fits["maximum_likelihood", "gaussian"]
    np.testing.assert_array_equal(fit.mapping.mean[:, :2], MOMENTS.mean[:, :2])
    np.testing.assert_allclose(fit.mapping.std, [[np.sqrt(30 / 12), 0.0, 1.0]] * RUNS, rtol=1e-14)
    assert (fit.mapping.mean[:, 2] == 0.0).all()


def test_the_dirichlet_learner_adds_its_concentration(fits):
    fit = fits["dirichlet", "categorical"]
    n = COUNTS.n.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(fit.mapping.probabilities, (COUNTS.n + 0.25) / (n + 5 * 0.25), rtol=1e-13)
    np.testing.assert_array_equal(fit.posterior.concentration, COUNTS.n + 0.25)
    assert (fit.status == Status.EXACT).all()


def test_the_normal_inverse_gamma_learner_updates_its_prior(fits):
    posterior = fits["normal_inverse_gamma", "gaussian"].posterior
    np.testing.assert_allclose(posterior.kappa, [[12.5, 1.5, 0.5]] * RUNS)
    np.testing.assert_allclose(posterior.alpha, [[9.0, 3.5, 3.0]] * RUNS)
    np.testing.assert_allclose(posterior.mean[:, 0], (0.5 * 1.0 + 12 * MOMENTS.mean[:, 0]) / 12.5, rtol=1e-13)
    expected = 2.0 + 15.0 + 0.5 * 12 * (MOMENTS.mean[:, 0] - 1.0) ** 2 / (2 * 12.5)
    np.testing.assert_allclose(posterior.beta[:, 0], expected, rtol=1e-13)
    assert (posterior.mean[:, 2] == 1.0).all()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Dirichlet(0.0), "concentration must be positive and finite, got 0.0: choose"),
        (lambda: NormalInverseGamma(alpha=-1.0), "alpha must be positive and finite, got -1.0: choose"),
        (lambda: NormalInverseGamma(kappa=np.inf), "kappa must be positive and finite, got inf: choose"),
        (lambda: GradientDescent(optimizer="adm"), "unknown optimizer 'adm': choose one of adabelief, adam, "),
        (lambda: GradientDescent(learning_rate=0.0), "learning_rate must be positive and finite, got 0.0: give"),
        (lambda: GradientDescent(learning_rate=np.inf), "learning_rate must be positive and finite, got inf: give"),
        (lambda: GradientDescent(max_steps=0), "max_steps must be positive and finite, got 0: give"),
        (lambda: GradientDescent(tolerance=-1.0), "tolerance must be positive and finite, got -1.0: give"),
        (
            lambda: GradientDescent(boundary_tolerance=np.nan),
            "boundary_tolerance must be positive and finite, got nan: ",
        ),
        (
            lambda: SampledGradient(estimator="arn"),
            r"unknown kind 'arn' \(did you mean `arm`\?\): valid kinds are exact",
        ),
        (lambda: SampledGradient(samples=1), "num_samples must be at least 2, got 1: give more"),
        (lambda: SampledGradient(optimizer="adm"), "unknown optimizer 'adm': choose one of adabelief, adam, "),
        (lambda: SampledGradient(steps=0), "steps must be positive and finite, got 0: give"),
        (lambda: SampledGradient(compared=-3), "compared must be positive and finite, got -3: give"),
        (lambda: SampledGradient(learning_rate=np.inf), "learning_rate must be positive and finite, got inf: give"),
        (lambda: SampledGradient(decay=1.5), "decay must lie in 0 … 1, got 1.5: give"),
        (lambda: SampledGradient(averaging=-0.1), "averaging must lie in 0 … 1, got -0.1: give"),
    ],
)
def test_options_out_of_range_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_labels_of_statuses_are_stable():
    """Stored by name: renaming one would make old stores unreadable."""
    assert [status.name.lower() for status in Status] == ["exact", "converged", "boundary", "max_steps", "non_finite"]
    assert MaximumLikelihood() == MaximumLikelihood()
