"""How many samples reach a target: a start from theory, corrected by simulation, checked by fresh simulation."""

import functools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy import special

from stochmap.learners import Fit, Learner
from stochmap.metrics import limits, score
from stochmap.posteriors import tails
from stochmap.sampling import Counts
from stochmap.sharding import LANE_AXIS, LANES
from stochmap.streams import run_keys
from stochmap.truths import CategoricalTable, Inputs, Truth

LEVEL = 0.95
"""Of the intervals whose width is measured."""

RATES = {
    "kl_truth_fit": 1.0,
    "kl_fit_truth": 1.0,
    "kl_all": 1.0,
    "l2_squared": 1.0,
    "total_variation": 0.5,
    "hellinger": 0.5,
    "width": 0.5,
}
"""What can be planned for, and the power of 1/n with which it falls: columns of ``fits``, and the mean width of the
95 % intervals, Σ_x p(x)·mean_y(upper − lower)."""

MOST = 1 << 48


class Setting(NamedTuple):
    """What is learned, from what, and by what."""

    truth: Truth
    inputs: Inputs
    learner: Learner


class Measured(NamedTuple):
    """A mean over simulated runs with its standard error."""

    value: float
    standard_error: float
    runs: int


class Plan(NamedTuple):
    """The number of samples, what fresh runs at that number have, and what theory alone would have said."""

    num_samples: int
    measured: Measured
    theory: int | None


def plan(setting: Setting, measure: str, target: float, *, runs: int = 1024, seed: int = 0) -> Plan:
    """Return about the least number of samples at which the mean of a measure over truths is at most the target.

    From what theory says (``expected``) the number is corrected by simulation along the measure's rate, until runs at
    it meet the target within their error or within 1 %. The runs of the check are drawn anew.

    Args:
        setting: truth kind, inputs and learner.
        measure: a key of RATES.
        target: what its mean should be at most.
        runs: simulated truths and datasets at each number of samples.
        seed: of the simulation.

    Raises:
        ValueError: a measure that is unknown, that the learner does not have, or whose mean is infinite; a target that
            is not positive, that 2⁴⁸ samples do not reach or that the search does not find; truths that are not tables.
    """
    if measure not in RATES:
        raise ValueError(f"unknown measure {measure!r}: choose one of {', '.join(RATES)}")
    if not 0.0 < target < math.inf:
        raise ValueError(f"the target must be positive and finite, got {target}: give another number")
    if runs < 2:
        raise ValueError(f"runs must be at least 2, got {runs}: 1024 are usual")
    rate = RATES[measure]
    at_one = expected(setting, measure, seed)
    theory = None if at_one is None else max(1, math.ceil((at_one / target) ** (1.0 / rate)))
    number = min(theory or 16 * setting.truth.num_x, MOST)
    short, enough = 0, None  # the largest number that misses the target, the smallest that meets it
    for attempt in range(40):
        found = simulate(setting, measure, number, runs, (seed, attempt))
        if found.value <= target:
            enough = number
        else:
            short = number
        near = abs(found.value - target) <= max(found.standard_error, 0.01 * target)
        if enough == 1 or (near and found.value <= target) or (enough is not None and enough <= short * 1.005 + 1):
            break
        if short >= MOST:
            raise ValueError(
                f"2⁴⁸ samples give {measure} = {found.value:.4g}, the target is {target:g}: give a larger target"
            )
        # A hair beyond the target, so that its noise does not make the search creep up to it from one side.
        ratio = (found.value / (target * (1.0 - 0.5 * max(found.standard_error / target, 0.005)))) ** (1.0 / rate)
        proposed = number * min(max(ratio, 1 / 16), 16.0)
        if enough is not None and not short < proposed < enough:
            proposed = math.sqrt(max(short, 1) * enough)
        elif enough is None:
            proposed = max(proposed, short + 1)
        number = min(max(round(proposed), 1), MOST)
    if enough is None:
        raise ValueError(
            f"{measure} stayed above {target:g} in 40 attempts, the last at {number:,} samples: give more runs"
        )
    # The number was chosen where its noise was kind: fresh runs that miss the target raise it.
    for again in range(1, 6):
        check = simulate(setting, measure, enough, runs, (seed, MOST + again))
        if check.value <= target + check.standard_error or enough >= MOST:
            break
        enough = min(max(round(enough * (check.value / target) ** (1.0 / rate)), enough + 1), MOST)
    else:
        check = simulate(setting, measure, enough, runs, (seed, MOST + 6))
    return Plan(enough, check, theory)


def expected(setting: Setting, measure: str, seed: int = 0) -> float | None:
    """Return what theory says a measure is at n = 1, averaged over truths, where it falls as n^−RATES; else None.

    The references of ``metrics.limits`` at n_x = n·p(x); for the width that of Wald's intervals.
    """
    table = _truths(setting, LANES, (seed, 0))
    p, inputs = table.probabilities, table.inputs
    used = inputs > 0
    p, inputs = p[:, used], inputs[used]
    if measure in ("kl_truth_fit", "kl_fit_truth", "kl_all"):
        rows = limits.wilks((p > 0).sum(axis=-1) - 1, inputs)
    elif measure == "l2_squared":
        rows = limits.maximum_likelihood_l2_squared(p, inputs)
    elif measure == "total_variation":
        rows = limits.maximum_likelihood_total_variation(p, inputs)
    elif measure == "width":
        rows = 2.0 * special.ndtri(tails(LEVEL)[1]) * np.sqrt(p * (1.0 - p)).mean(axis=-1) / np.sqrt(inputs)
    else:
        return None
    return float((inputs * rows).sum(axis=-1).mean())


def simulate(setting: Setting, measure: str, num_samples: int, runs: int, stream: tuple[int, int]) -> Measured:
    """Return the mean of a measure over runs with ``num_samples`` pairs each.

    Counts are drawn as multinomials, so that 10¹² samples cost what ten do.

    Raises:
        ValueError: the learner does not have the measure, or its mean is infinite.
    """
    values = np.concatenate(list(_batches(setting, measure, num_samples, runs, stream)))[:runs]
    values = values[~np.isnan(values)]  # of runs in which no row was visited that could be scored
    if np.isinf(values).any():
        raise ValueError(
            f"the mean {measure} of this learner is infinite (in {np.isinf(values).mean():.1%} of the runs with "
            f"{num_samples:,} samples): choose a learner with a prior, or another measure"
        )
    return Measured(float(values.mean()), float(values.std(ddof=1) / math.sqrt(values.size)), values.size)


def _batches(
    setting: Setting, measure: str, num_samples: int, runs: int, stream: tuple[int, int]
) -> Iterator[Float[np.ndarray, "runs"]]:
    for batch, _ in enumerate(range(0, runs, LANES)):
        random = np.random.Generator(np.random.Philox(np.random.SeedSequence([*(part for part in stream), batch])))
        table = _truths(setting, LANES, (*stream, batch))
        row = random.multinomial(num_samples, table.inputs, size=LANES)
        counts = Counts(random.multinomial(row, table.probabilities))
        keys = jax.random.split(jax.random.key(batch), LANES)
        fit = jax.tree.map(np.asarray, _program(setting.learner)(keys, jax.tree.map(jnp.asarray, counts)))
        intervals = Fit.interval(fit, LEVEL) if measure == "width" else None
        if measure == "width":
            if intervals is None:
                raise ValueError("this learner has no intervals: choose another learner, or another measure")
            lower, upper = intervals["probability"]
            yield ((upper - lower).mean(axis=-1) * table.inputs).sum(axis=-1)
            continue
        numbers = score(table, fit, counts, intervals)
        if measure not in numbers:
            raise ValueError(f"this learner has no {measure}: choose a learner with a prior, or another measure")
        yield np.asarray(numbers[measure])


def _truths(setting: Setting, runs: int, stream: tuple[int, ...]) -> CategoricalTable:
    # The batch's number is spread over the run ids: no two attempts, and no two batches, share a truth.
    first = np.random.SeedSequence(stream).generate_state(1, np.uint32)[0]
    table = setting.truth.draw(run_keys(stream[0], (int(first) << 16) + np.arange(runs, dtype=np.int64)))
    if not isinstance(table, CategoricalTable):
        raise ValueError("a plan is for tables, these truths are Gaussians: their errors are σ²/n and σ²/(2n)")
    return table._replace(inputs=setting.inputs.probabilities(setting.truth.num_x))


@functools.cache
def _program(learner: Learner) -> Any:
    return jax.jit(jax.vmap(learner, axis_name=LANE_AXIS))
