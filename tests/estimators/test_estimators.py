"""Conformance: what every estimator keeps to. A new row of ESTIMATORS buys all of it."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from chance import normal_limit
from estimator_cases import (
    CASES,
    PARAMETERS,
    REPEATS,
    Declared,
    across,
    build,
    estimates,
    exact_gradient,
    polynomial,
)

from stochmap.building import construct, field_values
from stochmap.estimators import ESTIMATORS, AbstractEstimator, Categorical, gradient

COSTS = {1: across, 2: lambda family: polynomial(family, quadratic=1.0), 3: lambda f: polynomial(f, cubic=1.0)}
STATEFUL = [(kind, family) for kind, family in CASES if jax.tree.leaves(build(kind).init(PARAMETERS[family]))]


def disturbed(state):
    """The state with every number moved: unbiased means unbiased given any state."""
    return jax.tree.map(lambda leaf: leaf + 0.3 * (1 + jnp.arange(leaf.size).reshape(leaf.shape) % 3), state)


def estimated(kind: str, family: str, degree: int, calls: int) -> np.ndarray:
    """Return estimates of the gradient of a cost, with a state that is not the first."""
    state = build(kind).init(PARAMETERS[family])
    if jax.tree.leaves(state):
        state = disturbed(state)
    return estimates(kind, PARAMETERS[family], COSTS[degree](family), state=state, calls=calls, seed=degree)


@functools.cache
def measured(kind: str, family: str, degree: int) -> np.ndarray:
    return estimated(kind, family, degree, calls=4 if family == "gaussian" else 1)  # there some have heavy tails


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_an_estimator_is_its_options(kind):
    estimator = build(kind)
    assert isinstance(estimator, AbstractEstimator)
    again = construct(ESTIMATORS[kind], field_values(estimator), kind)
    assert again == estimator
    assert hash(again) == hash(estimator)
    assert not jax.tree.leaves(estimator)  # nothing that is traced
    assert ESTIMATORS[kind].__doc__
    with pytest.raises(ValueError, match=f"num_samples must be at least {estimator.least_samples}, got 0: give more"):
        ESTIMATORS[kind](num_samples=0)


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_unbiased_where_declared_and_biased_where_not(kind, family):
    """False alarms: 1e-6 over all cases together. Of each declared bias some parameter shows 10 standard errors.

    A fault of 10 standard errors is missed with a chance below 1e-3; the tolerances below are those, in f's own units.
    """
    parameters = sum(leaf.size for leaf in jax.tree.leaves(PARAMETERS[family]))
    limit = normal_limit(len(CASES) * len(COSTS) * parameters)
    assert limit + 3.1 <= 10.0
    for degree, cost in COSTS.items():
        values, exact = measured(kind, family, degree), exact_gradient(PARAMETERS[family], cost(family))
        assert values.shape[1] == parameters
        if kind == "exact":
            np.testing.assert_allclose(values, np.broadcast_to(exact, values.shape), atol=1e-12)
            continue
        assert len(values) >= REPEATS
        error = values.std(axis=0, ddof=1) / math.sqrt(len(values))
        assert (error <= 0.03 * np.abs(exact).max() + 0.03).all()
        difference = np.abs(values.mean(axis=0) - exact)
        declared = Declared(family, {"bernoulli": 2, "categorical": 3, "gaussian": 0}[family], degree)
        if build(kind).unbiased_for(declared):
            assert (difference <= limit * error + 1e-12).all(), (degree, difference / error)
        else:
            assert (difference > 10.0 * error).any(), (degree, difference / error)


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_an_estimate_is_its_keys_alone(kind, family):
    """Other keys, other estimates; the same key alone gives the same estimate, and no NaN."""
    values = measured(kind, family, 2)
    assert np.isfinite(values).all()
    if kind != "exact":
        assert len(np.unique(values.round(12), axis=0)) > 1
        np.testing.assert_array_equal(estimated(kind, family, 2, calls=1), values[:REPEATS])


def counted(estimator, distribution) -> dict[str, int]:
    """Count the evaluations of f alone and of its gradient in one traced estimate, those that are vmapped too."""

    def call(name, sample):
        shape = jax.ShapeDtypeStruct((), sample.dtype)
        return jax.pure_callback(CALLS[name], shape, sample, vmap_method="expand_dims")

    @jax.custom_vjp
    def cost(sample):
        return call("function", sample)

    cost.defvjp(lambda sample: (call("gradient", sample), sample), lambda sample, tangent: (tangent * sample,))
    state = estimator.init(distribution)

    def estimate(key):
        return gradient(estimator, key, distribution, lambda key, sample: cost(sample), state)

    total = dict.fromkeys(CALLS, 0)

    def visit(jaxpr) -> None:
        for equation in jaxpr.eqns:
            if equation.primitive.name == "pure_callback":
                name = next(name for name, code in CALLS.items() if code is equation.params["callback"].callback_func)
                total[name] += math.prod(equation.outvars[0].aval.shape)
            for inner in jax.tree.leaves(equation.params, is_leaf=lambda leaf: hasattr(leaf, "eqns")):
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    visit(inner)

    visit(jax.make_jaxpr(estimate)(jax.random.key(0)).jaxpr)
    return total


CALLS = {"function": lambda sample: sample.sum(), "gradient": lambda sample: 2.0 * sample.sum()}


@pytest.mark.parametrize(("kind", "family"), CASES)
def test_calls_are_as_declared(kind, family):
    """With more samples too; what adapts is frozen, since its own work is no part of an estimate."""
    fields = field_values(build(kind))
    frozen = {"learning_rate": 0.0} if "learning_rate" in fields else {}
    for factor in (1, 2):
        estimator = ESTIMATORS[kind](**{**fields, **frozen, "num_samples": factor * fields["num_samples"]})
        assert counted(estimator, PARAMETERS[family]) == {
            "function": estimator.function_calls(PARAMETERS[family]),
            "gradient": estimator.gradient_calls(PARAMETERS[family]),
        }


@pytest.mark.parametrize(("kind", "family"), [case for case in STATEFUL if case[1] != "categorical"])
def test_a_state_moves_and_has_no_gradient(kind, family):
    estimator, cost = build(kind), polynomial(family, quadratic=1.0)
    state = estimator.init(PARAMETERS[family])

    def step(distribution):
        after = estimator.surrogate(jax.random.key(1), distribution, cost, state)[1]
        return sum(jnp.sum(leaf.astype(float)) for leaf in jax.tree.leaves(after)), after

    slope, after = eqx.filter_jit(jax.grad(step, has_aux=True))(PARAMETERS[family])
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(slope))
    assert jax.tree.structure(after) == jax.tree.structure(state)
    before = jax.tree.leaves(state)
    assert [leaf.dtype for leaf in jax.tree.leaves(after)] == [leaf.dtype for leaf in before]
    assert any((new != old).any() for new, old in zip(jax.tree.leaves(after), before, strict=True))


@pytest.mark.parametrize("kind", ["rebar", "relax"])
def test_a_learning_rate_of_0_freezes_the_state(kind):
    estimator, distribution = ESTIMATORS[kind](learning_rate=0.0), PARAMETERS["bernoulli"]
    state = disturbed(estimator.init(distribution))
    step = jax.jit(lambda: estimator.surrogate(jax.random.key(1), distribution, COSTS[2]("bernoulli"), state)[1])
    for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(step()), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("leave_one_out", {"num_samples": 1}, "num_samples must be at least 2, got 1: give more"),
        ("arm", {"num_samples": 3}, "num_samples must be a multiple of 2, got 3: round it up"),
        ("unordered_set", {"num_samples": 11}, "num_samples must be at most 10, got 11: give fewer"),
        ("gumbel_softmax", {"temperature": 0.0}, "temperature must be positive, got 0.0: choose"),
        ("reinmax", {"temperature": -1.0}, "temperature must be positive, got -1.0: choose"),
        ("rebar", {"temperature": math.nan}, "temperature must be positive, got nan: choose"),
        ("rebar", {"learning_rate": -1.0}, "learning_rate must be finite and at least 0, got -1.0: 0 freezes"),
        ("relax", {"width": 0}, "width must be at least 1, got 0: give"),
        ("gumbel_rao", {"num_conditional": 0}, "num_conditional must be at least 1, got 0: give"),
        ("running_mean_baseline", {"decay": 1.0}, r"decay must lie in \[0, 1\), got 1.0: choose"),
        ("optimal_baseline", {"decay": -0.5}, r"decay must lie in \[0, 1\), got -0.5: choose"),
        ("exact", {"nodes": 1}, "nodes must lie in 2 … 180, got 1: choose"),
    ],
)
def test_options_out_of_range_are_refused(kind, options, message):
    with pytest.raises(ValueError, match=message):
        ESTIMATORS[kind](**options)


def test_what_cannot_be_estimated_is_refused():
    key, cost = jax.random.key(0), polynomial("bernoulli", linear=1.0)
    with pytest.raises(ValueError, match="Pathwise does not serve 'bernoulli': it serves gaussian"):
        gradient(build("pathwise"), key, PARAMETERS["bernoulli"], cost, ())
    with pytest.raises(ValueError, match="5 samples without replacement from 4 outcomes: take fewer"):
        gradient(ESTIMATORS["unordered_set"](num_samples=5), key, PARAMETERS["bernoulli"], cost, ())
    with pytest.raises(ValueError, match="59049 outcomes|177147 outcomes cannot be listed: at most 65536 can"):
        gradient(build("exact"), key, Categorical(jnp.zeros((11, 3))), cost, ())
