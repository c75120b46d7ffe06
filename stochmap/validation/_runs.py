"""Many runs through the project's own streams, sampler, learners and metrics."""

import functools
import zlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stochmap.learners import Fit
from stochmap.metrics import score
from stochmap.sampling import Statistics, categorical_sampler, draw_counts, draw_moments, gaussian_sampler
from stochmap.sharding import LANE_AXIS, batch_size
from stochmap.streams import run_keys
from stochmap.truths import CategoricalTable, TruthTable


class Runs(NamedTuple):
    """Truths and what was drawn from them; leading axes are runs."""

    truth: TruthTable
    statistics: Statistics


def draw_runs(seed: int, name: str, truth: Any, count: int, num_samples: int) -> Runs:
    """Draw truths by ``truth.draw``, or the same table for all, and a dataset from each.

    ``count`` is rounded up to whole batches; ``name`` sets the runs' ids, so that purposes share none.
    """
    size = batch_size()
    parts = []
    for start in range(0, count, size):
        ids = (zlib.crc32(name.encode()) << 24) + np.arange(start, start + size, dtype=np.int64)
        keys = run_keys(seed, ids)
        if isinstance(truth, CategoricalTable):
            table: Any = truth._replace(
                probabilities=np.broadcast_to(truth.probabilities, (size, *truth.probabilities.shape))
            )
        else:
            table = truth.draw(keys)
        if isinstance(table, CategoricalTable):
            statistics: Any = draw_counts(categorical_sampler(table.inputs, table.probabilities), keys, num_samples)
        else:
            statistics = draw_moments(gaussian_sampler(table.inputs, table.mean, table.std), keys, num_samples)
        parts.append((table, statistics))
    inputs, concentration = parts[0][0].inputs, getattr(parts[0][0], "concentration", None)
    leaves = [(table.parameters(), statistics) for table, statistics in parts]
    parameters, statistics = jax.tree.map(lambda *each: np.concatenate(each), *leaves)
    if "probability" in parameters:
        return Runs(CategoricalTable(parameters["probability"], inputs, concentration), statistics)
    return Runs(type(parts[0][0])(parameters["mean"], parameters["std"], inputs), statistics)


def one_row(p: Any) -> CategoricalTable:
    """Return the truth that is one row of probabilities, the same in every run."""
    return CategoricalTable(np.asarray(p, dtype=np.float64)[None], np.ones(1))


def learn(learner: Any, runs: Runs) -> Fit:
    """Fit all runs, on the host afterwards."""
    count = len(jax.tree.leaves(runs.statistics)[0])
    keys = jax.random.split(jax.random.key(0), count)
    fit = _program(learner)(keys, jax.tree.map(jnp.asarray, runs.statistics))
    return jax.tree.map(np.asarray, fit)


def scores(learner: Any, runs: Runs, level: float = 0.95) -> dict[str, np.ndarray]:
    """Fit all runs and return their numbers."""
    fit = learn(learner, runs)
    return score(runs.truth, fit, runs.statistics, Fit.interval(fit, level))


@functools.cache
def _program(learner: Any) -> Any:
    return jax.jit(jax.vmap(learner, axis_name=LANE_AXIS))
