import functools

import jax
import numpy as np
import pytest
from chance import FALSE_ALARM
from scipy import optimize, special, stats

from stochmap.posteriors import Dirichlet, DriftAlarm, confidence_sequence, first_alarm, log_martingale
from stochmap.sampling import Counts

P = np.array([0.6, 0.3, 0.1])
PRIOR = Dirichlet(np.full((1, 3), 0.5))
PATHS, LENGTH = 3000, 500
ALPHA = 0.05


@functools.cache
def paths(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).choice(3, size=(PATHS, LENGTH), p=P)


def running_counts(y: np.ndarray) -> Counts:
    return Counts(np.eye(3, dtype=np.int64)[y].cumsum(axis=1)[:, :, None, :])


def most(chance: float, trials: int) -> float:
    """The greatest share of trials that chance allows, but for FALSE_ALARM."""
    return float(stats.binom.isf(FALSE_ALARM, trials, chance)) / trials


def test_the_set_covers_the_truth_over_whole_paths():
    """Ville: the martingale ever reaches 1/α on at most 5 % of paths; it does on 1.5 %, so the bound is not idle.

    The interval of a fixed sample size, looked at after each observation, misses on a quarter of them.
    """
    counts = running_counts(paths())
    ever = (log_martingale(PRIOR, counts, P[None])[..., 0] >= -np.log(ALPHA)).any(axis=1).mean()
    assert 0.015 <= ever <= most(ALPHA, PATHS)
    n = counts.n[:, 9:, 0].astype(float)
    tail = special.betainc(n[..., 0] + 0.5, n[..., 1] + n[..., 2] + 1.0, P[0])
    assert ((tail < 0.025) | (tail > 0.975)).any(axis=1).mean() > 0.2


def test_the_martingale_is_one():
    """E evidence/∏p^c = 1 at every time, exactly, by enumeration."""
    from enumeration import all_counts

    for n in (1, 4, 7):
        counts, chance = all_counts(n, P)
        ratio = np.exp(log_martingale(PRIOR, Counts(counts[:, None]), P[None])[:, 0])
        assert (chance * ratio).sum() == pytest.approx(1.0, rel=1e-12)


def test_intervals_are_the_shadows_of_the_set():
    """A point of the set lies in all intervals, and each end is the extreme of its coordinate over the set."""
    c = np.array([12, 5, 0])
    counts = Counts(c[None])
    interval = confidence_sequence(PRIOR, counts, 0.95)
    assert interval.lower[0, 2] == 0.0

    def slack(p: np.ndarray) -> float:
        return -np.log(0.05) - log_martingale(PRIOR, counts, p[None])[0]

    inside = np.random.default_rng(3).dirichlet(c + 0.5, size=2000)
    inside = inside[[slack(p) > 0 for p in inside]]
    assert len(inside) > 1500
    assert (interval.lower[0] <= inside).all()
    assert (inside <= interval.upper[0]).all()
    rules = [{"type": "ineq", "fun": slack}, {"type": "eq", "fun": lambda p: p.sum() - 1}]
    for y in range(3):
        for sign, end in ((1, interval.lower[0, y]), (-1, interval.upper[0, y])):
            best = optimize.minimize(
                lambda p, y=y, sign=sign: sign * p[y], [0.6, 0.3, 0.1], bounds=[(1e-9, 1)] * 3, constraints=rules
            ).x
            assert best[y] == pytest.approx(end, abs=2e-4)


def test_ends_of_confidence_sequences():
    counts = Counts(np.array([[[0, 0]], [[7, 0]], [[10**9, 10**9]]]))
    interval = confidence_sequence(Dirichlet(np.full((1, 2), 0.5)), counts, 0.95)
    assert (interval.lower[0, 0].tolist(), interval.upper[0, 0].tolist()) == ([0.0, 0.0], [1.0, 1.0])
    assert (interval.upper[1, 0, 0], interval.lower[1, 0, 1]) == (1.0, 0.0)
    assert 0.4 < interval.lower[1, 0, 0] == 1.0 - interval.upper[1, 0, 1]
    assert interval.upper[2, 0, 0] - interval.lower[2, 0, 0] < 2e-4
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), got 1.0"):
        confidence_sequence(PRIOR, Counts(np.ones((1, 3), int)), 1.0)


@pytest.fixture(scope="module")
def alarms():
    start = DriftAlarm.start(2, 3)
    return jax.jit(jax.vmap(lambda x, y: first_alarm(start, x, y, ALPHA)[0]))


def test_the_alarm_is_quiet_while_nothing_changes_and_sounds_when_a_row_does(alarms):
    """At most 5 % of paths of a mapping that stands still ever raise it; one row that changes does on 95 %."""
    x = np.random.default_rng(4).integers(2, size=(PATHS, LENGTH))
    assert (np.asarray(alarms(x, paths())) > 0).mean() <= most(ALPHA, PATHS)
    changed = np.random.default_rng(5).choice(3, size=(PATHS, LENGTH), p=[0.1, 0.2, 0.7])
    moves = (x == 0) & (np.arange(LENGTH) >= 250)
    sounded = np.asarray(alarms(x, np.where(moves, changed, paths())))
    assert (sounded > 250).mean() > 0.95
    assert np.median(sounded[sounded > 250]) < 250 + 120


def test_the_alarms_evidence_is_at_most_a_martingale():
    """E[E_x] ≤ 1 under any constant row, at each time: exactly, over all sequences."""
    import itertools

    steps = 6
    sequences = np.array(list(itertools.product(range(2), repeat=steps)))

    def evidence(y):
        alarm, logs = jax.lax.scan(
            lambda alarm, y: ((after := alarm.update(0, y)), after.log_evidence[0]), DriftAlarm.start(1, 2, 0.7), y
        )
        return logs

    e = np.exp(np.asarray(jax.jit(jax.vmap(evidence))(sequences)))
    for p in (0.5, 0.9):
        chance = np.prod(np.where(sequences == 1, p, 1 - p), axis=1)
        expected = (chance[:, None] * e).sum(axis=0)
        assert (expected <= 1.0 + 1e-12).all()
        assert expected[-1] > 0.1


def test_the_alarm_goes_on_from_where_it_was():
    """Two scans, one after the other, equal updates by hand."""
    x = np.random.default_rng(4).integers(2, size=12)
    y = paths()[0, :12]
    alarm = DriftAlarm.start(2, 3)
    _, first = first_alarm(alarm, x[:6], y[:6], 0.01)
    _, second = first_alarm(first, x[6:], y[6:], 0.01)
    by_hand = alarm
    for pair in zip(x, y, strict=True):
        by_hand = by_hand.update(*pair)
    np.testing.assert_allclose(second.log_evidence, by_hand.log_evidence, rtol=1e-12)
    assert not bool(second.sounds(0.01))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: DriftAlarm.start(1, 2, forgetting=1.0), r"forgetting must lie in \(0, 1\), got 1.0: 0.99"),
        (lambda: DriftAlarm.start(1, 2, concentration=0.0), "concentration must be positive and finite, got 0.0"),
        (lambda: DriftAlarm.start(1, 2).sounds(0.0), r"false_alarm must lie in \(0, 1\), got 0.0: 0.01"),
        (lambda: DriftAlarm.start(1, 2).update(0, 2), "y must lie in 0 … 1, got 2: relabel"),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
