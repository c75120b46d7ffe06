"""Exact Bayes beside its peers, in one run, on one core: `taskset -c 0 python benchmarks/bayes.py`.

10⁴ posteriors of 16 × 8 tables with their 95 % intervals, beside SciPy's quantiles; the scans of the learners that
take one observation at a time, over a batch of runs, beside Python loops of `conjugate-models` (where it is installed)
and of plain NumPy. CPU time, medians of repetitions after one to compile. About half a minute.
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

NUM_X, NUM_Y, TABLES = 16, 8, 10_000
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
    print(f"{label:58}{rate:14,.0f} {unit}  {note}", flush=True)


def intervals() -> None:
    """Posteriors with intervals per second."""
    rng = np.random.default_rng(0)
    p, prior = rng.dirichlet(np.ones(NUM_Y), size=(TABLES, NUM_X)), Dirichlet.prior(0.5, NUM_X, NUM_Y)
    for n in (16, 256, 4096):
        counts = Counts(rng.multinomial(n, p))
        ours = TABLES / seconds(lambda c=counts: prior.update_all(c).interval(0.95))
        few = 0.5 + counts.n[:50]
        rest = few.sum(axis=-1, keepdims=True) - few
        scipy = 50 / seconds(lambda a=few, b=rest: [stats.beta.ppf(tail, a, b) for tail in (0.025, 0.975)])
        beside = f"{ours / scipy:.1f} × SciPy's beta.ppf ({scipy:,.0f})"
        line(f"posteriors of 16 × 8 tables with intervals, {n} a row", ours, "tables/s ", beside)


def updates() -> None:
    """One-observation updates per second."""
    rng = np.random.default_rng(1)
    loops = {"tables": table_loops(rng), "Gaussians": gaussian_loops(rng)}
    for learner, label, runs, rows in (
        (Online(), "online", 512, 2048),
        (Online(forgetting=0.99), "online, forgetting", 512, 2048),
        (RunningMoments(), "running_moments", 512, 2048),
        (NaturalGradient(), "natural_gradient", 64, 2048),
    ):
        x, y = rng.integers(NUM_X, size=(runs, rows)), rng.integers(NUM_Y, size=(runs, rows))
        keys = jax.random.split(jax.random.key(0), runs)
        data = {"tables": pair_blocks(x, y, NUM_X, NUM_Y), "Gaussians": pair_blocks(x, rng.normal(size=x.shape), NUM_X)}
        for family, pairs in data.items():
            if family == "tables" and "categorical" not in learner.families:
                continue
            program, pairs = jax.jit(jax.vmap(learner)), jax.device_put(pairs)
            rate = runs * rows / seconds(lambda p=program, d=pairs, k=keys: jax.block_until_ready(p(k, d)))
            beside = ", ".join(f"{rate / loop:.3g} × {name}" for name, loop in loops[family].items())
            line(f"{label}, {family}, {runs} runs", rate, "updates/s", beside)
    for family, found in loops.items():
        for name, rate in found.items():
            line(f"a Python loop of {name}, {family}", rate, "updates/s")
    if "conjugate-models" not in loops["tables"]:
        print("conjugate-models is not installed: pip install conjugate-models")


def table_loops(rng: np.random.Generator) -> dict[str, float]:
    """Return the updates per second of Python loops, one observation of a 16 × 8 table at a time."""
    x, y = rng.integers(NUM_X, size=5000), rng.integers(NUM_Y, size=5000)

    def plain() -> np.ndarray:
        a = np.full((NUM_X, NUM_Y), 0.5)
        for place, outcome in zip(x, y, strict=True):
            a[place, outcome] += 1.0
        return a

    found = {"NumPy": len(x) / seconds(plain)}
    try:
        from conjugate.distributions import Dirichlet as Peer
        from conjugate.models import categorical_dirichlet
    except ImportError:
        return found
    one_hot = np.eye(NUM_Y)

    def peer() -> list:
        rows = [Peer(np.full(NUM_Y, 0.5)) for _ in range(NUM_X)]
        for place, outcome in zip(x, y, strict=True):
            rows[place] = categorical_dirichlet(x=one_hot[outcome], prior=rows[place])
        return rows

    if not np.array_equal([np.asarray(row.alpha) for row in peer()], plain()):
        raise AssertionError("conjugate-models' posterior is another one: not a comparison")
    return {**found, "conjugate-models": len(x) / seconds(peer)}


def gaussian_loops(rng: np.random.Generator) -> dict[str, float]:
    """Return the updates per second of Python loops, one value of one of 16 Gaussians at a time."""
    x, values = rng.integers(NUM_X, size=5000), rng.normal(size=5000)

    def plain() -> np.ndarray:
        state = np.tile([0.0, 1.0, 2.0, 1.0], (NUM_X, 1))
        for place, value in zip(x, values, strict=True):
            mean, kappa, alpha, beta = state[place]
            shift = value - mean
            state[place] = mean + shift / (kappa + 1.0), kappa + 1.0, alpha + 0.5, beta
            state[place, 3] += 0.5 * kappa * shift**2 / (kappa + 1.0)
        return state

    found = {"NumPy": len(x) / seconds(plain)}
    try:
        from conjugate.distributions import NormalInverseGamma as Peer
        from conjugate.models import normal
    except ImportError:
        return found

    def peer() -> list:
        rows = [Peer(mu=0.0, nu=1.0, alpha=2.0, beta=1.0) for _ in range(NUM_X)]
        for place, value in zip(x, values, strict=True):
            rows[place] = normal(x_total=value, x2_total=value**2, n=1, prior=rows[place])
        return rows

    theirs = [[row.mu, row.nu, row.alpha, row.beta] for row in peer()]
    if not np.allclose(np.asarray(theirs, dtype=float), plain()):
        raise AssertionError("conjugate-models' posterior is another one: not a comparison")
    return {**found, "conjugate-models": len(x) / seconds(peer)}


if __name__ == "__main__":
    intervals()
    updates()
