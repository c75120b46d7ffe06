"""A small study's tables, and what other processes do with its store."""

import os
import signal
from pathlib import Path

import numpy as np

from stochmap.store import (
    METRIC_COLUMNS,
    ChunkRange,
    Labels,
    Store,
    commit,
    create_or_open,
    study_schemas,
    to_arrow,
)

STUDY = """\
name = "small"
seed = 42
keep = ["truths", "counts", "estimates", "history"]

[[problem]]
name = "mapping"
num_samples = [256, 1024]
truth = { kind = "normal_logits", num_x = 4, num_y = 3, scale = 1.0 }
learners = [{ kind = "maximum_likelihood" }, { kind = "dirichlet", concentration = 0.5 }]
"""

CONDITION = (1 << 31) - 5  # so that every run_id lies above 2⁵³
SCHEMAS = study_schemas(
    {"num_x": int, "num_y": int, "scale": float, "path": str, "sorted": bool},
    {"exponent": float},
    identity="0123abcd",
    stream_version=1,
)
NUM_X, NUM_Y = 4, 3


def labels(length: int, *names: str) -> Labels:
    """The names in turn."""
    return Labels((np.arange(length) % len(names)).astype(np.int8), names)


def constant(length: int, name: str) -> Labels:
    return Labels(np.zeros(length, np.int8), (name,))


def columns(chunk: ChunkRange, shift: float = 0.0) -> dict:
    """The chunk's tables as columns; `shift` makes other values of them."""
    rng = np.random.default_rng([chunk.condition_id, chunk.first])
    cells, rows = NUM_X * NUM_Y, chunk.count * NUM_X * NUM_Y
    runs = (np.int64(chunk.condition_id) << 32) + np.arange(chunk.first, chunk.first + chunk.count)
    run_id = np.repeat(runs, cells)
    x = np.tile(np.repeat(np.arange(NUM_X, dtype=np.int32), NUM_Y), chunk.count)
    y = np.tile(np.arange(NUM_Y, dtype=np.int32), chunk.count * NUM_X)
    probability = rng.dirichlet(np.ones(NUM_Y), chunk.count * NUM_X).reshape(-1) + shift
    metrics = {name: rng.random(2 * chunk.count) for name in METRIC_COLUMNS}
    metrics["kl_truth_fit"][:] = np.inf
    metrics["regret"][:] = np.nan
    metrics["coverage"][::2] = np.nan
    return {
        "runs": {
            "run_id": runs,
            "problem": constant(chunk.count, "mapping"),
            "truth_kind": constant(chunk.count, "normal_logits"),
            "truth_num_x": np.full(chunk.count, NUM_X),
            "truth_num_y": np.full(chunk.count, NUM_Y),
            "truth_scale": np.ones(chunk.count),
            "truth_path": None,
            "truth_sorted": np.zeros(chunk.count, bool),
            "inputs_kind": constant(chunk.count, "uniform"),
            "num_samples": np.full(chunk.count, 256),
            "replicate": np.arange(chunk.first, chunk.first + chunk.count),
            "num_visited_x": np.full(chunk.count, NUM_X, np.int32),
            "key": np.array([f"{value:016x}".encode() for value in runs]),
        },
        "truths": {
            "run_id": run_id,
            "parameter": constant(rows, "probability"),
            "x": x,
            "y": y,
            "value": probability,
        },
        "counts": {"run_id": run_id, "x": x, "y": y, "n": rng.integers(1, 99, rows)},
        "fits": {
            "run_id": np.repeat(runs, 2),
            "learner": labels(2 * chunk.count, "maximum_likelihood", "dirichlet"),
            "status": constant(2 * chunk.count, "exact"),
            "steps": np.zeros(2 * chunk.count, np.int64),
            **metrics,
        },
        "estimates": [
            {
                "run_id": run_id,
                "learner": constant(rows, learner),
                "parameter": constant(rows, "probability"),
                "x": x,
                "y": y,
                "value": probability * factor,
                "lower": None if learner == "dirichlet" else probability / 2,
                "upper": None if learner == "dirichlet" else np.where(x > 0, 1.0, np.nan),
                "seen": x > 0,
            }
            for learner, factor in (("maximum_likelihood", 1.0), ("dirichlet", 0.5))
        ],
        "history": {
            "run_id": np.repeat(runs, 2),
            "learner": constant(2 * chunk.count, "dirichlet"),
            "step": np.tile(np.array([0, 10]), chunk.count),
            "loss": rng.random(2 * chunk.count),
        },
    }


def tables(chunk: ChunkRange, shift: float = 0.0) -> dict:
    return {name: to_arrow(name, block, SCHEMAS[name]) for name, block in columns(chunk, shift).items()}


def make_store(path, study: str = STUDY, platform: str = "test") -> Store:
    return create_or_open(path, study, SCHEMAS, platform=platform, versions={"stochmap": "0"})


def snapshot(folder: Path) -> dict:
    """Everything below the folder with its time and size."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(folder.rglob("*"))}


def commit_many(store: Store, chunks: list[ChunkRange], barrier, results) -> None:
    """Commits the chunks in step with other processes."""
    for chunk in chunks:
        ready = tables(chunk)
        barrier.wait(60)
        results.put((chunk.name, commit(store, chunk, ready).files))


def commit_and_die(store: Store, chunk: ChunkRange, step: str, turn: int) -> None:
    """Commits, and is killed before the `turn`-th call of the objects' method `step`."""
    original = getattr(store.objects, step)
    calls = iter(range(1 << 30))

    def counted(*arguments):
        if next(calls) == turn:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments)

    setattr(store.objects, step, counted)
    commit(store, chunk, tables(chunk))


def hold_and_die(store: Store) -> None:
    """Takes the lease and is killed with it."""
    with store.hold():
        os.kill(os.getpid(), signal.SIGKILL)
