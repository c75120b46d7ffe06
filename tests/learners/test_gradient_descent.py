import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from stochmap.learners import GradientDescent, Status, training
from stochmap.learners._gradient_descent import FULL_BATCH
from stochmap.metrics import gaussian_kl, gaussian_metrics
from stochmap.metrics._categorical import optimality_gap
from stochmap.sampling import Counts, Moments
from stochmap.sharding import LANE_AXIS
from stochmap.truths import GaussianTable

LANES = 8
_RNG = np.random.default_rng(21)
COUNTS = 1 + _RNG.poisson(40.0, size=(LANES, 3, 5))
COUNTS[3] = 20  # the start is the optimum
COUNTS[4, 1, 2] = 0  # an optimum at infinity
COUNTS[5, 1] = 0  # a row that was never visited
COUNTS[6] = [[1, 10, 100, 1000, 10_000]] * 3
COUNTS[7] = [[9, 0, 0, 0, 0]] * 3  # one outcome seen in each row
STATUSES = [Status.CONVERGED] * 4 + [Status.BOUNDARY] + [Status.CONVERGED] * 2 + [Status.BOUNDARY]

MOMENTS = Moments(
    np.array([[50, 4]] * LANES), _RNG.normal(0.0, 2.0, size=(LANES, 2)), _RNG.uniform(4.0, 100.0, size=(LANES, 2))
)
MOMENTS.n[1, 1], MOMENTS.mean[1, 1], MOMENTS.m2[1, 1] = 0, 0.0, 0.0  # never visited
MOMENTS.n[2, 1], MOMENTS.m2[2, 1] = 1, 0.0  # one value: its likelihood is unbounded


@functools.cache
def _program(learner: GradientDescent):
    return jax.jit(jax.vmap(learner, axis_name=LANE_AXIS))


def run(learner: GradientDescent, data: Counts | Moments):
    keys = jax.random.split(jax.random.key(0), LANES)
    return jax.tree.map(np.asarray, _program(learner)(keys, jax.tree.map(jnp.asarray, data)))


DEFAULT = GradientDescent()


@pytest.fixture(scope="module")
def fit():
    return run(DEFAULT, Counts(COUNTS))


@pytest.fixture(scope="module")
def gaussian_fit():
    return run(DEFAULT, MOMENTS)


def test_each_run_ends_as_it_should(fit):
    assert fit.status.tolist() == STATUSES
    assert (fit.steps % training.ROUND == 0).all()
    assert fit.steps[3] == 0
    assert (np.delete(fit.steps, 3) > 0).all()


def test_the_certificate_holds_for_the_fit_that_is_returned(fit):
    """Computed anew from counts and logits: G ≤ 10⁻⁴ (at the boundary 10⁻²) of half the free parameters."""
    gap = optimality_gap(COUNTS, _probabilities(fit))
    assert (gap <= np.where(fit.status == Status.BOUNDARY, 1e-2, 1e-4)).all()
    assert (gap >= 0).all()
    assert gap[0] > 1e-9  # and is not 0 because nothing was computed


def test_it_lands_on_maximum_likelihoods_table(fit):
    """By Pinsker's inequality: n_x·KL(p̂_x‖q_x) ≤ G bounds max |p̂ − q| by √(G/(2n_x)): 0.002 at n_x = 200."""
    n = COUNTS.sum(axis=-1, keepdims=True)
    freedom = np.maximum(np.where(n[..., 0] > 0, (COUNTS > 0).sum(axis=-1) - 1, 0).sum(axis=-1) / 2, 0.5)
    allowed = freedom * np.where(fit.status == Status.BOUNDARY, 1e-2, 1e-4)
    off = np.abs(COUNTS / np.maximum(n, 1) - _probabilities(fit)).max(axis=-1)
    bound = np.sqrt(allowed[:, None] / (2 * np.maximum(n[..., 0], 1)))
    assert (off <= bound)[n[..., 0] > 0].all()
    assert bound[0].max() < 0.0015


def test_a_row_never_visited_keeps_its_start(fit):
    assert (fit.mapping.logits[5, 1] == 0.0).all()


def _probabilities(fit) -> np.ndarray:
    logits = fit.mapping.logits.astype(np.float64)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def test_the_history_is_that_of_the_descent(fit):
    step, loss = fit.history
    share = COUNTS / COUNTS.sum(axis=(1, 2), keepdims=True)
    final = -(share * np.log(_probabilities(fit))).sum(axis=(1, 2))
    for lane in range(LANES):
        used = step[lane] >= 0
        steps, losses = step[lane][used], loss[lane][used]
        assert (np.diff(steps) > 0).all()
        assert steps[0] == 0
        assert steps[-1] == fit.steps[lane]
        assert losses[0] == pytest.approx(np.log(5), rel=1e-6)  # every row uniform
        assert losses[-1] == pytest.approx(final[lane], rel=1e-5, abs=1e-6)  # float32
        assert losses[-1] <= losses.min() + 1e-5
    assert np.isfinite(loss[step >= 0]).all()
    assert (step >= 0).sum(axis=1).max() <= training.POINTS + 1


def test_a_run_does_not_see_its_neighbours(fit):
    """Lane 0 keeps its bits when all other lanes take many more steps, or none."""
    for others in (np.full_like(COUNTS, 7), COUNTS[[6] * LANES]):
        again = run(DEFAULT, Counts(np.concatenate([COUNTS[:1], others[1:]])))
        for before, after in zip(jax.tree.leaves(fit), jax.tree.leaves(again), strict=True):
            np.testing.assert_array_equal(before[0], after[0])


def test_a_run_alone_ends_as_in_a_batch(fit):
    """Without lanes beside it, and so without their axis; XLA rounds another shape differently."""
    alone = jax.jit(DEFAULT)(jax.random.key(0), jax.tree.map(jnp.asarray, Counts(COUNTS[0])))
    assert int(alone.status) == fit.status[0]
    assert int(alone.steps) == fit.steps[0]
    np.testing.assert_allclose(alone.mapping.logits, fit.mapping.logits[0], atol=1e-4)


def test_too_few_steps_are_said_to_be():
    rounds = 3 * training.ROUND
    few = run(GradientDescent("adam", learning_rate=1e-3, max_steps=rounds - 1), Counts(COUNTS))
    assert few.status.tolist() == [Status.MAX_STEPS] * 3 + [Status.CONVERGED] + [Status.MAX_STEPS] * 4
    assert few.steps.tolist() == [rounds] * 3 + [0] + [rounds] * 4  # whole rounds
    assert np.isfinite(few.mapping.logits).all()
    assert [row[row >= 0].tolist() for row in few.history.step[:1]] == [[0, rounds // 3, 2 * rounds // 3, rounds]]


def test_an_explosion_is_a_status():
    """And what is left of such a run is scored without a warning: it has no numbers."""
    burst = run(GradientDescent(optimizer="sgd", learning_rate=1e4), MOMENTS)
    assert (burst.status == Status.NON_FINITE).all()
    assert (burst.steps == training.ROUND).all()  # seen at the first look
    truth = GaussianTable(np.zeros((LANES, 2)), np.ones((LANES, 2)), np.full(2, 0.5))
    assert not np.isfinite(gaussian_metrics(truth, burst, MOMENTS)["kl_truth_fit"]).any()


def test_gaussians_land_on_maximum_likelihood(gaussian_fit):
    """n_x·KL ≤ 10⁻⁴·(runs' x): the mean within √(2G/n) standard deviations, the std within about √(G/n) of itself."""
    assert gaussian_fit.status.tolist() == [Status.CONVERGED] * 2 + [Status.BOUNDARY] + [Status.CONVERGED] * 5
    mean, std = (leaf.astype(np.float64) for leaf in (gaussian_fit.mapping.mean, gaussian_fit.mapping.std))
    spread = MOMENTS.m2 > 0
    n, expected = np.maximum(MOMENTS.n, 1), np.sqrt(MOMENTS.m2 / np.maximum(MOMENTS.n, 1))
    allowed = np.where(gaussian_fit.status == Status.BOUNDARY, 1e-2, 1e-4)[:, None] * (MOMENTS.n > 0).sum(1)[:, None]
    divergence = n * gaussian_kl(MOMENTS.mean, np.where(spread, expected, 1.0), mean, std)
    assert (divergence <= allowed)[spread].all()
    assert (np.abs(mean - MOMENTS.mean) <= std * np.sqrt(2.0 * allowed / n))[spread].all()
    assert (np.abs(std / np.where(spread, expected, 1.0) - 1) <= 1.1 * np.sqrt(allowed / n))[spread].all()
    assert (mean[1, 1], std[1, 1]) == (0.0, 1.0)
    assert std[2, 1] < 1e-3


def test_the_gaussians_gap_is_that_of_the_metric(gaussian_fit):
    truth = GaussianTable(np.zeros((LANES, 2)), np.ones((LANES, 2)), np.full(2, 0.5))
    gap = gaussian_metrics(truth, gaussian_fit, MOMENTS)["optimality_gap"]
    assert (gap <= np.where(gaussian_fit.status == Status.BOUNDARY, 1e-2, 1e-4)).all()


def test_the_gaussians_history_ends_at_the_likelihood(gaussian_fit):
    step, loss = gaussian_fit.history
    first = (0.5 * (MOMENTS.m2 + MOMENTS.n * MOMENTS.mean**2)).sum(axis=1) / MOMENTS.n.sum(axis=1)
    np.testing.assert_allclose(loss[:, 0], first + 0.5 * np.log(2 * np.pi), rtol=1e-5)
    assert (step[:, -1] == gaussian_fit.steps).all()
    share, variance = MOMENTS.n[0] / MOMENTS.n[0].sum(), MOMENTS.m2[0] / MOMENTS.n[0]
    assert loss[0, -1] == pytest.approx((share * 0.5 * (np.log(2 * np.pi * variance) + 1)).sum(), abs=1e-4)


RATES = {"sgd": 3.0, "lion": 0.003, "adabelief": 0.1, "rmsprop": 0.01}


@pytest.mark.parametrize("name", FULL_BATCH)
def test_every_optimizer_descends(name):
    learner = GradientDescent(optimizer=name, learning_rate=RATES.get(name, 0.1), max_steps=2000, tolerance=1e-2)
    fit = run(learner, Counts(COUNTS))
    assert set(fit.status[:4].tolist()) == {Status.CONVERGED}, fit.status


def test_rprop_needs_few_steps_whatever_the_scale():
    """Adam at 0.1 takes more than 100 for every one of these; a step too far that were not taken back would, too."""
    rng = np.random.default_rng(5)
    p = np.exp(rng.normal(size=(LANES, 16, 8)))
    p /= p.sum(axis=(1, 2), keepdims=True)
    sizes = np.geomspace(100, 10**6, LANES).astype(int)
    fit = run(
        DEFAULT, Counts(np.stack([rng.multinomial(n, q.ravel()).reshape(16, 8) for n, q in zip(sizes, p, strict=True)]))
    )
    assert set(fit.status.tolist()) == {Status.CONVERGED, Status.BOUNDARY}
    assert (fit.steps <= 48).all()
    assert (fit.steps <= 36).mean() >= 0.5
