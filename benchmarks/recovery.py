"""Runs per second of the whole job beside the plain way to write it, in one run: `python benchmarks/recovery.py`.

The plain way: a Python loop over jitted Adam minibatch steps, one run at a time (batch 256, 10 epochs). The job: tables
of the same size with as many pairs a run, through Ray, the sampler, gradient_descent on counts, the metrics, and
Parquet on disk. Taken once the workers have compiled, and have the memory that a whole chunk takes (fresh pages cost a
third of a second a worker). Wants an otherwise idle machine with two cores.
"""

import argparse
import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
STUDY = ROOT / "benchmarks" / "studies" / "recovery.toml"

CHUNK = 3968
WARM = 64


def plain(runs: int) -> tuple[float, float]:
    """Return runs per second and the mean KL(fit‖truth) of the plain way, pinned to one core."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    num_x, num_y, num_samples, batch, epochs = 16, 8, 16384, 256, 10
    optimizer = optax.adam(1e-2)

    def loss(logits, x, y):
        return -jnp.mean(jax.nn.log_softmax(logits)[x, y])

    @jax.jit
    def step(logits, state, x, y):
        gradient = jax.grad(loss)(logits, x, y)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(logits, updates), state

    def one(seed: int) -> float:
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=(num_x, num_y))
        key = jax.random.key(seed)
        x = jax.random.randint(key, (num_samples,), 0, num_x)
        y = jax.random.categorical(jax.random.fold_in(key, 1), jnp.asarray(truth, jnp.float32)[x])
        x, y = np.asarray(x), np.asarray(y)
        logits = jnp.zeros((num_x, num_y), jnp.float32)
        state = optimizer.init(logits)
        for _ in range(epochs):
            order = rng.permutation(num_samples)
            x, y = x[order], y[order]
            for start in range(0, num_samples, batch):
                logits, state = step(logits, state, x[start : start + batch], y[start : start + batch])
        p, q = np.exp(truth), np.exp(np.asarray(logits, np.float64))
        p, q = p / p.sum(1, keepdims=True), q / q.sum(1, keepdims=True)
        return float((q * np.log(q / p)).sum(1).mean())

    one(0)
    start = time.perf_counter()
    errors = [one(seed) for seed in range(1, runs + 1)]
    return runs / (time.perf_counter() - start), statistics.fmean(errors)


def pieces(study, workers: int, chunks: int):
    """Return small chunks for each worker to compile on and whole ones for its memory, and the chunks to measure."""
    from stochmap.study import Chunk

    (condition_id,) = study.conditions
    sizes = [WARM] * 4 * workers + [CHUNK] * (2 * workers + chunks)
    cut = [Chunk(condition_id, sum(sizes[:index]), size) for index, size in enumerate(sizes)]
    return cut[:-chunks], cut[-chunks:]


def job(workers: int, chunks: int, out: Path, *, in_process: bool = False) -> dict[str, float]:
    """Return runs per second, seconds a chunk and mean error of the job, once its workers have compiled."""
    import pyarrow.dataset as ds

    import jobs.recover
    from cluster import InProcessExecutor, RayExecutor
    from jobs._work import run_and_commit
    from stochmap.study import load

    study = load(STUDY)
    store = jobs.recover.open_store(study, str(out))
    warm, measured = pieces(study, workers, chunks)
    with InProcessExecutor() if in_process else RayExecutor(workers) as executor:
        work = functools.partial(run_and_commit, store, study)
        for outcome in executor.map(work, warm):
            assert outcome.error is None, outcome.error
        start = time.perf_counter()
        seconds = []
        for outcome in executor.map(work, measured):
            assert outcome.error is None, outcome.error
            seconds.append(outcome.seconds)
        wall = time.perf_counter() - start
    error = ds.dataset(out / "fits").to_table()["kl_fit_truth"].to_numpy().mean()
    return {"rate": chunks * CHUNK / wall, "chunk": statistics.median(seconds), "error": float(error)}


def pinned(mode: str, *arguments: object) -> dict[str, float]:
    """Run one measurement in a process of its own, pinned to the first core where it is a single-core one."""
    prefix = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if mode in ("plain", "process") else []
    command = [*prefix, sys.executable, __file__, "--only", mode, *map(str, arguments)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    text = subprocess.run(command, check=True, capture_output=True, text=True, env=environment, cwd=ROOT).stdout
    return {name: float(value) for name, value in (pair.split("=") for pair in text.split()[-3:])}


def measure(mode: str, chunks: int) -> dict[str, float]:
    """Take one measurement in this process."""
    if mode == "plain":
        rate, error = plain(runs=4 * chunks)
        return {"rate": rate, "chunk": 0.0, "error": error}
    with tempfile.TemporaryDirectory() as folder:
        workers = {"process": 1, "ray1": 1, "ray2": 2}[mode]
        return job(workers, chunks * workers, Path(folder) / "store", in_process=mode == "process")


def main() -> None:
    """Measure everything, and print the figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["plain", "process", "ray1", "ray2"])
    parser.add_argument("--chunks", type=int, default=24, help="chunks a worker and repetition")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions, interleaved")
    options = parser.parse_args()
    if options.only:
        found = measure(options.only, options.chunks)
        print(*(f"{name}={value}" for name, value in found.items()))
        return
    modes = ("plain", "process", "ray1", "ray2")
    found = {mode: [] for mode in modes}
    for _ in range(options.repeat):
        for mode in modes:
            found[mode].append(pinned(mode, "--chunks", options.chunks))

    def median(mode: str, name: str) -> float:
        return statistics.median(result[name] for result in found[mode])

    def ratio(a: str, b: str, name: str = "rate") -> float:
        return statistics.median(x[name] / y[name] for x, y in zip(found[a], found[b], strict=True))

    print(f"{'':44}{'runs/s':>10}{'µs of a core a run':>20}{'mean KL, nats':>16}")
    for mode, label, cores in (
        ("plain", "plain loop, one core", 1),
        ("process", "the job in process, one core", 1),
        ("ray1", "the job through Ray, one worker", 1),
        ("ray2", "the job through Ray, two workers", 2),
    ):
        rate = median(mode, "rate")
        print(f"{label:44}{rate:10.1f}{cores * 1e6 / rate:20.1f}{median(mode, 'error'):16.6f}")
    print(f"the job with two workers over the plain loop   {ratio('ray2', 'plain'):8.0f} ×   (wanted: at least 500)")
    print(f"a chunk through Ray over one in process        {ratio('ray1', 'process', 'chunk'):8.3f} ×   (at most 1.1)")
    print(f"the job's mean KL over the plain loop's         {ratio('ray2', 'plain', 'error'):8.3f} ×   (at most 1)")
    print(f"two workers over one                           {ratio('ray2', 'ray1'):8.2f} ×   (at least 1.8)")


if __name__ == "__main__":
    main()
