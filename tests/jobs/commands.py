"""Running the commands as a user does, and comparing what they write by its decoded content."""

import atexit
import contextlib
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from jobs import _command
from jobs.recover import open_store
from stochmap.ingest import read_mapping
from stochmap.study import load

CHECKOUT = Path(__file__).resolve().parents[2]

STUDY = """
name = "small"
seed = 5
replicates = 150
keep = ["truths", "counts", "estimates", "history", "samples"]

[[problem]]
name = "table"
num_samples = [40, 300]
truth = { kind = "normal_logits", num_x = 4, num_y = 3 }
inputs = { kind = "zipf", exponent = 0.5 }
learners = [
  { kind = "maximum_likelihood" },
  { kind = "gradient_descent", learning_rate = 0.3 },
]

[[problem]]
name = "gaussian"
num_samples = 20
truth = { kind = "normal_inverse_gamma", num_x = 2 }
learners = [{ kind = "normal_inverse_gamma" }]
"""

MODULES = str(CHECKOUT / "tests" / "jobs")
"""Where a process finds the modules beside this one."""

SEARCH = os.pathsep.join([str(CHECKOUT), MODULES])
"""Where it finds the commands too."""

COMPILED = tempfile.mkdtemp(prefix="compiled-")
"""Programs that one command has compiled and the next one loads: a fifth of these tests' time."""
atexit.register(shutil.rmtree, COMPILED, ignore_errors=True)

JAX_VARIABLES = {
    "JAX_PLATFORMS": "cpu",
    "JAX_NUM_CPU_DEVICES": "1",
    "JAX_COMPILATION_CACHE_DIR": COMPILED,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
}

DATA = ("truths", "counts", "moments", "samples")
FITS = ("runs", "fits", "estimates", "history")


def environment(home: Path, **extra: str | None) -> dict[str, str]:
    """A user's environment with a home of its own, one CPU device, and no Ray."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "JAX_", "XLA_"))}
    found = {**clean, "HOME": str(home), **JAX_VARIABLES, **extra}
    return {name: value for name, value in found.items() if value is not None}


def call(job: str, *arguments: object) -> int:
    """Run a command in this process; return its exit code. What it prints is the caller's to capture."""
    module = importlib.import_module(f"jobs.{job}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [job, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            _command.run(getattr(module, job), job, getattr(module, "EXAMPLES", ()))
    return stop.value.code


def run(job: str, *arguments: object, home: Path, **extra: str | None) -> subprocess.CompletedProcess:
    """Run `python -m jobs.<job>` from the checkout."""
    command = [sys.executable, "-m", f"jobs.{job}", *map(str, arguments)]
    return subprocess.run(
        command, cwd=CHECKOUT, env=environment(home, **extra), capture_output=True, text=True, timeout=240
    )


def rows(out: Path, table: str) -> pa.Table:
    """A table's rows in a fixed order, whatever files they came in."""
    found = ds.dataset(out / table, format="parquet").to_table()
    keys = [name for name in ("run_id", "learner", "parameter", "x", "y", "step") if name in found.schema.names]
    # Samples are ordered within a run, and each run lies in one file: a stable sort by run keeps their order.
    keys = ["run_id"] if table == "samples" else keys
    order = pc.sort_indices(
        found.append_column("row", pa.array(range(len(found)))), [(k, "ascending") for k in [*keys, "row"]]
    )
    return found.take(order).combine_chunks()


def content_hash(out: Path, tables: tuple[str, ...]) -> dict[str, str]:
    """One hash of the decoded content of each table."""
    hashes = {}
    for table in tables:
        sink = pa.BufferOutputStream()
        content = rows(out, table).replace_schema_metadata(None)
        with pa.ipc.new_stream(sink, content.schema) as writer:
            writer.write_table(content)
        hashes[table] = hashlib.sha256(sink.getvalue()).hexdigest()
    return hashes


def in_small_chunks(study: Path, out: Path) -> None:
    """Make a store whose runs come in chunks of 64: three for each condition of the small study."""
    open_store(load(study, read_mapping), str(out)).record_once("layout", {"chunk_size": 64})


@contextlib.contextmanager
def closed(gate: Path) -> Iterator[None]:
    gate.touch()
    try:
        yield
    finally:
        gate.unlink()


def entries(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "manifest").glob("*-*-*.json"))


def wait_for_entries(out: Path) -> None:
    deadline = time.monotonic() + 120
    while not entries(out) and time.monotonic() < deadline:
        time.sleep(0.02)
