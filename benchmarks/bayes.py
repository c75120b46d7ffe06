"""Exact Bayes beside its peers, in one run, on one core: `taskset -c 0 python benchmarks/bayes.py`.

Posteriors of 16 × 8 tables with their 95 % intervals, beside SciPy's quantiles; the scans of the learners that take
one observation at a time, over a batch of 64 runs, beside a Python loop of `conjugate-models` (where it is installed)
and one of plain NumPy. CPU time, medians of repetitions after one to compile.
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
jax.config.update("jax_enable_x64", True)  # noqa: FBT003

from stochmap.learners import NaturalGradient, Online, RunningMoments, pair_blocks  # noqa: E402
from stochmap.posteriors import Dirichlet  # noqa: E402
from stochmap.sampling import Counts  # noqa: E402

RUNS, NUM_X, NUM_Y, ROWS = 64, 16, 8, 1 << 13
REPEAT = 3


def seconds(work: Callable[[], object]) -> float:
    """Return the median CPU time of the work, after one that compiles."""
    work()
    taken = []
    for _ in range(REPEAT):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def line(label: str, rate: float, unit: str, note: str = "") -> None:
    """Print one figure."""
    print(f"{label:58}{rate:16,.0f} {unit}  {note}")


def intervals() -> None:
    """Posteriors with intervals per second."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(NUM_Y), size=(1000, NUM_X))
    for n in (16, 256, 4096):
        counts = Counts(rng.multinomial(n, p))
        prior = Dirichlet(np.full((NUM_X, NUM_Y), 0.5))
        ours = 1000 / seconds(lambda c=counts, prior=prior: prior.update_all(c).interval(0.95))
        few = Counts(counts.n[:50])
        a = 0.5 + few.n
        rest = a.sum(axis=-1, keepdims=True) - a
        scipy = 50 / seconds(lambda a=a, rest=rest: (stats.beta.ppf(0.025, a, rest), stats.beta.ppf(0.975, a, rest)))
        line(f"posteriors of 16 × 8 tables with intervals, {n} a row", ours, "tables/s", f"{ours / scipy:.1f} × SciPy")


def updates() -> None:
    """One-observation updates per second."""
    rng = np.random.default_rng(1)
    x, y = rng.integers(NUM_X, size=(RUNS, ROWS)), rng.integers(NUM_Y, size=(RUNS, ROWS))
    values = rng.normal(size=(RUNS, ROWS))
    tables, gaussians = pair_blocks(x, y, NUM_X, NUM_Y), pair_blocks(x, values, NUM_X)
    keys = jax.random.split(jax.random.key(0), RUNS)
    loop = numpy_loop(x[0], y[0])
    for learner, label in (
        (Online(), "online"),
        (Online(forgetting=0.99), "online, forgetting"),
        (NaturalGradient(), "natural_gradient"),
        (RunningMoments(), "running_moments"),
    ):
        for data, family in ((tables, "tables"), (gaussians, "Gaussians")):
            if family == "tables" and "categorical" not in learner.families:
                continue
            program = jax.jit(jax.vmap(learner))
            rate = RUNS * ROWS / seconds(lambda p=program, d=data: jax.block_until_ready(p(keys, d)))
            line(f"{label}, {family}, 64 runs", rate, "updates/s", f"{rate / loop:.0f} × the NumPy loop")
    line("a Python loop over NumPy's Dirichlet", loop, "updates/s")
    conjugate = conjugate_models_loop(y[0])
    if conjugate is None:
        print("conjugate-models is not installed: pip install -e '.[bench]'")
    else:
        line("a Python loop of conjugate-models' Dirichlet (one row)", conjugate, "updates/s")


def numpy_loop(x: np.ndarray, y: np.ndarray) -> float:
    """Return the updates per second of the plainest loop."""

    def work() -> np.ndarray:
        a = np.full((NUM_X, NUM_Y), 0.5)
        for place, outcome in zip(x, y, strict=True):
            a[place, outcome] += 1.0
        return a

    return ROWS / seconds(work)


def conjugate_models_loop(y: np.ndarray) -> float | None:
    """Return the updates per second of `conjugate-models`, one observation at a time; None where it is not there."""
    try:
        from conjugate.distributions import Dirichlet as Peer
        from conjugate.models import multinomial_dirichlet
    except ImportError:
        return None
    few, one_hot = y[:500], np.eye(NUM_Y)

    def work() -> object:
        posterior = Peer(np.full(NUM_Y, 0.5))
        for outcome in few:
            posterior = multinomial_dirichlet(x=one_hot[outcome], prior=posterior)
        return posterior

    return len(few) / seconds(work)


if __name__ == "__main__":
    intervals()
    updates()
