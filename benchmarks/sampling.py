"""Pairs per second beside the usual ways to draw them, and rows per second to Parquet: `python benchmarks/sampling.py`.

Every ratio is taken within one run; each measurement has a process of its own, and those that are compared alternate,
each on one core, as a worker has it, or both on two.
Wants an otherwise idle machine. `pip install -e '.[bench]'` brings what stochmap itself does not need: torch and
tpchgen-cli; what is not installed is left out, and said to be. `--rows 1e9` writes that many rows for the last part.
"""

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SMALL, WIDE = (16, 8), (16, 1024)


def timed(function: Callable[[], object], work: int, seconds: float = 1.0) -> float:
    """Return the nanoseconds that each of ``work`` pieces takes, the median of as many calls as fit, at least five."""
    function()
    found, end = [], time.perf_counter() + seconds
    while len(found) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        found.append((time.perf_counter() - start) / work * 1e9)
    return statistics.median(found)


def truth(num_x: int, num_y: int):
    """Return logits N(0, 1) and their rows' probabilities."""
    import numpy as np

    logits = np.random.default_rng(num_y).normal(size=(num_x, num_y))
    weights = np.exp(logits)
    return logits, weights / weights.sum(axis=1, keepdims=True)


def ours(num_x: int, num_y: int) -> float:
    """Nanoseconds a pair, x and y apart in their narrowest types, as `jobs.sample` gets them."""
    from stochmap.datasets import Tally, build_table, draw_rows
    from stochmap.study import dataset_from_options

    dataset, _ = dataset_from_options({"truth": {"kind": "normal_logits", "num_x": num_x, "num_y": num_y}})
    table, count = build_table(dataset), 1 << 24
    tally = Tally(table)
    tally.add_cells = lambda cell: None  # rows alone
    return timed(lambda: [None for _ in draw_rows(table, dataset, 0, count, tally)], count)


def jax_categorical(num_x: int, num_y: int) -> float:
    """Nanoseconds a pair of batched jax.random.categorical, in float32, x by jax.random.randint."""
    import jax
    import jax.numpy as jnp

    logits = jnp.asarray(truth(num_x, num_y)[0], jnp.float32)
    count = (1 << 24) // num_y

    @jax.jit
    def draw(key):
        first, second = jax.random.split(key)
        x = jax.random.randint(first, (count,), 0, num_x)
        return x, jax.random.categorical(second, logits[x])

    return timed(lambda: jax.block_until_ready(draw(jax.random.key(0))), count)


def jax_inverse_cdf(num_x: int, num_y: int) -> float:
    """Nanoseconds a pair of a uniform compared with the row's cumulative sums, in JAX, float32."""
    import jax
    import jax.numpy as jnp

    cumulative = jnp.asarray(truth(num_x, num_y)[1].cumsum(axis=1), jnp.float32)
    count = 1 << 21

    @jax.jit
    def draw(key):
        first, second = jax.random.split(key)
        x = jax.random.randint(first, (count,), 0, num_x)
        return x, (jax.random.uniform(second, (count, 1)) > cumulative[x]).sum(axis=1)

    return timed(lambda: jax.block_until_ready(draw(jax.random.key(0))), count)


def numpy_choice(num_x: int, num_y: int) -> float:
    """Nanoseconds a pair of Generator.choice, called for each x with all of its pairs at once."""
    import numpy as np

    table, count, rng = truth(num_x, num_y)[1], 1 << 21, np.random.default_rng(0)

    def draw():
        x = rng.integers(0, num_x, count)
        y = np.empty(count, dtype=np.int64)
        for row in range(num_x):
            mine = np.flatnonzero(x == row)
            y[mine] = rng.choice(num_y, size=len(mine), p=table[row])
        return x, y

    return timed(draw, count)


def torch_multinomial(num_x: int, num_y: int) -> float | None:
    """Nanoseconds a pair of torch.multinomial, called for each x with all of its pairs at once."""
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    table, count = torch.tensor(truth(num_x, num_y)[1]), 1 << 21

    def draw():
        x = torch.randint(0, num_x, (count,))
        y = torch.empty(count, dtype=torch.int64)
        for row in range(num_x):
            mine = (x == row).nonzero()[:, 0]
            y[mine] = torch.multinomial(table[row], len(mine), replacement=True)
        return x, y

    return timed(draw, count)


def cells(size: int) -> float:
    """Nanoseconds a pair from a table of ``size`` cells, cells alone."""
    import numpy as np

    from stochmap.sampling import build_alias, draw_cells
    from stochmap.streams import run_keys

    weights = np.random.default_rng(size).exponential(size=size)
    table, key, count = build_alias(weights / weights.sum()), run_keys(1, np.int64(1)), 1 << 24
    return timed(lambda: [None for _ in draw_cells(table, key, 0, count)], count)


def ready(size: int) -> float:
    """Seconds until a truth of ``size`` cells is drawn and its table built."""
    from stochmap.datasets import build_table
    from stochmap.study import dataset_from_options

    side = round(size**0.5)
    options = {"truth": {"kind": "normal_logits", "num_x": side, "num_y": side}}
    start = time.perf_counter()
    build_table(dataset_from_options(options)[0])
    return time.perf_counter() - start


def job(rows: int, workers: int) -> dict[str, float]:
    """Rows per second of `jobs.sample` over Ray, once its workers are warm, and the most memory that one took."""
    import functools

    import jobs.sample
    from cluster import RayExecutor
    from jobs._work import commit_table, sample_and_commit
    from stochmap.datasets import build_table
    from stochmap.study import Chunk, dataset_from_options

    dataset, _ = dataset_from_options({})
    per_file = jobs.sample.default_rows(jobs.sample.row_types(dataset))
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder, RayExecutor(workers) as executor:
        store = jobs.sample.open_store(dataset, folder + "/store")
        commit_table(store, dataset, build_table(dataset))
        work = functools.partial(sample_and_commit, store, dataset)
        few = 1 << 22  # drawn in blocks of the size that the others are: each worker compiles that
        warm = [Chunk(dataset.id, (1 << 50) + index * few, few) for index in range(8 * workers)]
        for outcome in executor.map(work, warm):
            assert outcome.error is None, outcome.error
        chunks = [Chunk(dataset.id, first, per_file) for first in range(0, rows, per_file)]
        start = time.perf_counter()
        size, memory = 0, 0.0
        for outcome in executor.map(work, chunks):
            assert outcome.error is None, outcome.error
            assert outcome.value is not None
            size, memory = size + outcome.value["bytes"], max(memory, outcome.value["peak_bytes"])
        seconds = time.perf_counter() - start
        made = len(chunks) * per_file
        return {"rate": made / seconds, "bytes": size / made, "memory": memory, "rows": made, "seconds": seconds}


def writer(rows: int, core: int, folder: str) -> float:
    """Rows per second of one process that only writes the same columns from memory, with the same options."""
    import numpy as np
    import pyarrow as pa

    import jobs.sample
    from cluster._worker import _keep_freed_memory
    from stochmap import store as stores
    from stochmap.datasets import Tally, build_table, draw_rows
    from stochmap.study import dataset_from_options

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})
    _keep_freed_memory()  # as the job's workers do
    dataset, _ = dataset_from_options({})
    table, types = build_table(dataset), jobs.sample.row_types(dataset)
    schema = stores.dataset_schemas(types, identity="", stream_version=1)["samples"]
    blocks = list(draw_rows(table, dataset, 0, jobs.sample.default_rows(types), Tally(table)))
    batches = [
        pa.record_batch([pa.array(np.ascontiguousarray(b[n])) for n in schema.names], schema=schema) for b in blocks
    ]
    per_file = sum(len(batch) for batch in batches)
    made, start = 0, time.perf_counter()
    while made < rows:
        encoded = stores.encode_row_groups(schema, per_file, batches)
        Path(folder, f"{core}-{made}.parquet").write_bytes(encoded.data)
        made += per_file
    return made / (time.perf_counter() - start)


def duckdb_sql(rows: int) -> float:
    """Rows per second of DuckDB, generating the same distribution in SQL (inverse CDF) and COPYing it, on all cores."""
    import duckdb

    num_x, num_y = SMALL
    cumulative = truth(num_x, num_y)[1].cumsum(axis=1)
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder, duckdb.connect() as connection:
        # Each x its own inverse CDF: nested CASEs are DuckDB's fastest way, three times a join or a list.
        rule = (
            "CASE x "
            + " ".join(
                f"WHEN {x} THEN "
                + "CASE "
                + " ".join(f"WHEN u < {row[y]} THEN {y}" for y in range(num_y - 1))
                + f" ELSE {num_y - 1} END"
                for x, row in enumerate(cumulative)
            )
            + " END"
        )
        query = f"""COPY (SELECT x::TINYINT AS x, ({rule})::TINYINT AS y
            FROM (SELECT floor(random() * {num_x})::INT AS x, random() AS u FROM range({rows})))
            TO '{folder}/pairs.parquet' (FORMAT parquet)"""
        start = time.perf_counter()
        connection.execute(query)
        return rows / (time.perf_counter() - start)


def tpch() -> dict[str, float] | None:
    """Values per second of tpchgen-cli at scale 1, all tables, to Parquet."""
    command = shutil.which("tpchgen-cli")
    if command is None:
        return None
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        start = time.perf_counter()
        subprocess.run([command, "parquet", "-s", "1", "-o", folder], check=True, capture_output=True)
        seconds = time.perf_counter() - start
        footers = [pq.ParquetFile(path).metadata for path in Path(folder).rglob("*.parquet")]
    return {"rate": sum(footer.num_rows * footer.num_columns for footer in footers) / seconds}


def alone(call: str, *, cores: int | None = None) -> object:
    """Evaluate a call of this module in a process of its own, on so many cores (all there are)."""
    environment = {**os.environ, "JAX_PLATFORMS": os.environ.get("JAX_PLATFORMS", "cpu"), "JAX_ENABLE_X64": "1"}
    if "jax_" in call:
        environment["JAX_ENABLE_X64"] = "0"
    usable = sorted(os.sched_getaffinity(0))[:cores]
    command = ["taskset", "-c", ",".join(map(str, usable)), sys.executable, __file__, "--only", call]
    found = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)
    if found.returncode:
        raise SystemExit(f"{call} failed:\n{found.stderr}")
    return json.loads(found.stdout.strip().splitlines()[-1])


def ratio(call: str, other: str, repeats: int) -> tuple[float, float, float] | None:
    """Return the medians of two calls, taken in turn on one core, as a worker has it, and of their ratios.

    None where the second has nothing.
    """
    pairs = [(alone(call, cores=1), alone(other, cores=1)) for _ in range(repeats)]
    if any(theirs is None for _, theirs in pairs):
        return None
    a, b = zip(*pairs, strict=True)
    return statistics.median(a), statistics.median(b), statistics.median(y / x for x, y in pairs)


def line(what: str, found: str, ratio: float | None, wanted: str) -> None:
    """Print one line of the table."""
    print(f"{what:58} {found:>32} {'not installed' if ratio is None else f'{ratio:.4g} ×':>14}   {wanted}", flush=True)


def main() -> None:
    """Measure everything, and print the figures beside their targets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=float, default=1.6e9)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(eval(options.only)))  # a call of this module, made by `alone`
        return
    rows = int(options.rows)
    for name, shape, peer, wanted in (
        ("jax.random.categorical, 16 × 8", SMALL, "jax_categorical", 50),
        ("jax.random.categorical, 16 × 1024", WIDE, "jax_categorical", 4000),
        ("Generator.choice a row, 16 × 8", SMALL, "numpy_choice", 8),
        ("torch.multinomial a row, 16 × 8", SMALL, "torch_multinomial", 8),
        ("inverse CDF in JAX, 16 × 8", SMALL, "jax_inverse_cdf", 8),
    ):
        found = ratio(f"ours{shape}", f"{peer}{shape}", options.repeat)
        text = "" if found is None else f"{found[0]:.2f} against {found[1]:,.4g} ns a pair"
        line(f"sampler over {name}", text, found and found[2], f"at least {wanted}")
    found = ratio("cells(100)", "cells(1_000_000)", options.repeat)
    assert found is not None
    line("a pair at 10⁶ cells over one at 10²", f"{found[1]:.2f} against {found[0]:.2f} ns", found[2], "at most 3")
    seconds = statistics.median(alone("ready(1_000_000)") for _ in range(options.repeat))
    line("a truth of 10⁶ cells ready to draw", f"{seconds:.2f} s", seconds, "s: under 2")
    ours_, writers, sql = [], [], []
    for _ in range(options.repeat):
        ours_.append(alone(f"job({rows}, 2)"))
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
            calls = [
                [sys.executable, __file__, "--only", f"writer({rows // 2}, {core}, {folder!r})"] for core in (0, 1)
            ]
            running = [subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=ROOT) for call in calls]
            writers.append(sum(json.loads(process.communicate()[0].strip().splitlines()[-1]) for process in running))
        sql.append(alone(f"duckdb_sql({min(rows, 100_000_000)})"))
    rate = statistics.median(found["rate"] for found in ours_)
    line(
        "rows to Parquet through Ray over only writing them",
        f"{rate / 1e6:.1f} against {statistics.median(writers) / 1e6:.1f} M rows/s",
        statistics.median(a["rate"] / b for a, b in zip(ours_, writers, strict=True)),
        "at least 0.7",
    )
    line(
        "the same over DuckDB in SQL",
        f"{rate / 1e6:.1f} against {statistics.median(sql) / 1e6:.1f} M rows/s",
        statistics.median(a["rate"] / b for a, b in zip(ours_, sql, strict=True)),
        "at least 3",
    )
    memory = max(found["memory"] for found in ours_)
    line("a worker's peak memory", f"{ours_[0]['bytes']:.2f} bytes a row", memory / 2**30, "GiB: under 1.5")
    speed = alone("tpch()")
    text = "" if speed is None else f"{2 * rate / 1e6:.0f} against {speed['rate'] / 1e6:.0f} M values/s"
    line("values to Parquet over tpchgen-cli at scale 1", text, speed and 2 * rate / speed["rate"], "")


if __name__ == "__main__":
    main()
