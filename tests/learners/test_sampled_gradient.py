import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, stats

from stochmap.estimators import ESTIMATORS
from stochmap.learners import SampledGradient, Status
from stochmap.sampling import Counts, Values, value_moments

_RNG = np.random.default_rng(31)


def _tables(num_x: int, num_y: int, sizes: list[int]) -> Counts:
    logits = _RNG.normal(size=(len(sizes), num_x, num_y))
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True) / num_x
    drawn = [_RNG.multinomial(n, table.ravel()) for n, table in zip(sizes, shares, strict=True)]
    return Counts(np.array(drawn).reshape(len(sizes), num_x, num_y))


ORIGIN = _tables(16, 8, [256, 16384])
BITS = _tables(16, 2, [256, 16384])
BITS.n[0, 3] = 0  # never visited


@functools.cache
def _program(learner: SampledGradient):
    return jax.jit(jax.vmap(learner))


def run(learner: SampledGradient, data: Counts | Values):
    keys = jax.random.split(jax.random.key(7), len(jax.tree.leaves(data)[0]))
    return jax.tree.map(np.asarray, _program(learner)(keys, jax.tree.map(jnp.asarray, data)))


def distance(fit, data: Counts) -> np.ndarray:
    """Return Σ_x Σ_y (fit − p̂)² over Σ_x (1 − Σp̂²)/n_x, rows that were visited."""
    n = data.n.sum(axis=-1, keepdims=True)
    share = data.n / np.maximum(n, 1)
    each = np.where(n[..., 0] > 0, ((fit.mapping.probabilities - share) ** 2).sum(axis=-1), 0.0)
    variance = np.where(n[..., 0] > 0, (1.0 - (share**2).sum(axis=-1)) / np.maximum(n[..., 0], 1), 0.0)
    return each.sum(axis=-1) / variance.sum(axis=-1)


@pytest.mark.parametrize(
    ("learner", "data"),
    [
        (SampledGradient(), ORIGIN),
        (SampledGradient(estimator="straight_through", samples=1), ORIGIN),
        (SampledGradient(estimator="disarm", steps=2000), BITS),
    ],
)
def test_tables_end_at_maximum_likelihood(learner, data):
    """At the origin's least and largest size; within 5 % of the variance that the data leave."""
    fit = run(learner, data)
    found = distance(fit, data)
    assert (found <= 0.05).all(), found
    unseen = ((data.n == 0) & (data.n.sum(axis=-1, keepdims=True) > 0)).any(axis=(1, 2))
    np.testing.assert_array_equal(fit.status, np.where(unseen, Status.BOUNDARY, Status.CONVERGED))
    assert (fit.steps == learner.steps).all()
    np.testing.assert_allclose(fit.mapping.probabilities.sum(axis=-1), 1.0, rtol=1e-5)
    assert (fit.mapping.probabilities[(data.n.sum(axis=-1) == 0)] == 1.0 / data.n.shape[-1]).all()

    # The history tells the score itself: from the uniform table's to within its least value.
    share, row = data.n / np.maximum(data.n.sum(axis=-1, keepdims=True), 1), data.n.sum(axis=-1)
    least = -(row * (share**2).sum(axis=-1)).sum(axis=-1) / row.sum(axis=-1)
    assert (np.diff(fit.history.step, axis=1) > 0).all()
    assert (fit.history.step[:, -1] == learner.steps).all()
    np.testing.assert_allclose(fit.history.loss[:, 0], -1.0 / data.n.shape[-1], rtol=1e-5)
    assert (fit.history.loss[:, -1] - least >= -1e-6).all()
    assert (fit.history.loss[:, -1] - least <= 2e-3 * (fit.history.loss[:, 0] - least)).all()


def test_too_few_steps_are_told():
    fit = run(SampledGradient(estimator="disarm", steps=30), BITS)
    assert distance(fit, BITS)[1] > 0.05
    assert fit.status[1] == Status.MAX_STEPS


def _values(n: int, runs: int) -> Values:
    x = np.array([_RNG.permutation(n) % 2 for _ in range(runs)], dtype=np.int32)
    value = np.where(x == 0, 1000.0 + 2.5 * _RNG.normal(size=x.shape), _RNG.exponential(size=x.shape) ** 1.5)
    moments = [value_moments(*row, 3) for row in zip(x, value, strict=True)]
    return Values(jax.tree.map(lambda *leaves: np.stack(leaves), *moments), x, value)


def _crps(parameters, values) -> float:
    """Return the mean score of Normal(m, s²) (Gneiting & Raftery 2007, eq. 21, the sign turned)."""
    scaled = (values - parameters[0]) / parameters[1]
    each = scaled * (2 * stats.norm.cdf(scaled) - 1) + 2 * stats.norm.pdf(scaled) - 1 / np.sqrt(np.pi)
    return float((parameters[1] * each).mean())


def test_gaussians_end_at_the_optimum_of_their_own_score():
    """Not at maximum likelihood, which is elsewhere where the values are no Gaussian's; far from 0 as well as near.

    There the gradient's noise does not die out at the optimum: more samples of the model.
    """
    data = _values(2000, 2)
    fit = run(SampledGradient(estimator="pathwise", samples=16), data)
    assert (fit.status == Status.CONVERGED).all()
    for index in range(2):
        scores = []
        for x in range(2):
            values = data.value[index][data.x[index] == x]
            start, unit = (values.mean(), values.std()), values.std()
            best = optimize.minimize(_crps, start, args=(values,), method="Nelder-Mead", options={"xatol": 1e-9 * unit})
            mean, std = best.x
            distance = (fit.mapping.mean[index, x] - mean) ** 2 + 2 * (fit.mapping.std[index, x] - std) ** 2
            assert len(values) * distance / std**2 <= 2 * 0.05
            if x == 1:
                assert len(values) * (std - unit) ** 2 / std**2 > 10  # where maximum likelihood is
            scores.append(best.fun)
        assert (fit.mapping.mean[index, 2], fit.mapping.std[index, 2]) == (0.0, 1.0)  # never visited
        assert fit.history.loss[index, -1] == pytest.approx(np.mean(scores), rel=1e-4)
        assert fit.history.loss[index, 0] > 1.2 * np.mean(scores)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_what_an_estimator_serves(estimator):
    served = ESTIMATORS[estimator].families
    learner = SampledGradient(estimator=estimator)
    assert learner.families == ({"categorical"} if served & {"categorical", "bernoulli"} else set()) | (
        served & {"gaussian"}
    )


def test_a_table_that_an_estimator_cannot_serve():
    with pytest.raises(ValueError, match="Arm serves bernoulli, not tables of 8 outcomes: choose another estimator"):
        run(SampledGradient(estimator="arm"), ORIGIN)
