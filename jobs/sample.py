"""Write a dataset of any size whose truth is known: `python -m jobs.sample --out DIR --rows 1e9`."""

import contextlib
import functools
from pathlib import Path
from typing import Annotated

import numpy as np
import tomli_w
from cyclopts import Parameter

from cluster import Executor, interruptible
from jobs import _command, _running
from jobs._command import Count, Flag, UsageError
from jobs._environment import platform_name, versions
from jobs._plan import format_bytes
from jobs._work import commit_table, read_table, sample_and_commit
from stochmap import ingest
from stochmap import store as stores
from stochmap.datasets import ALARM, MAX_COUNTED, Check, Table, build_table, check, num_cells, row_types
from stochmap.streams import STREAM_VERSION
from stochmap.study import Chunk, Dataset, chunks, dataset_from_options, load_dataset

EXAMPLES = (
    "--out out/pairs --rows 1e9",
    "--out out/pairs --rows 2e9",
    "--out out/zipf --rows 1e8 --truth.kind zipf --truth.num-x 1000 --truth.num-y 1000 --seed 42",
    "--out out/mine --rows 1e8 --truth.kind fixed --truth.path mine.parquet",
    "--out out/chains --truth.kind reversible --truth.num-x 50 --sequence --length 1000 --chains 1e6",
    "my_dataset.toml --out out/mine --workers 8",
)

Fields = dict[str, str]

MAX_FILE_ROWS = 1 << 26


def sample(
    dataset: Annotated[Path | None, Parameter(name="DATASET")] = None,
    /,
    *,
    out: str | None = None,
    rows: Count | None = None,
    chains: Count | None = None,
    seed: Count | None = None,
    truth: Annotated[Fields | None, Parameter(negative="")] = None,
    inputs: Annotated[Fields | None, Parameter(negative="")] = None,
    sequence: Flag = False,
    length: Count | None = None,
    rows_per_file: Count | None = None,
    workers: Count | None = None,
    address: str | None = None,
    dry_run: Flag = False,
    in_process: Flag = False,
) -> int:
    """Draw a true mapping and write a dataset of (x, y) rows from it, exactly, with the truth beside the rows.

    The store at --out holds samples/, truths/ and inputs/ (the table that the rows were drawn from), tallies and a
    manifest. A second call goes on where the first one stopped; more rows add only those.

    Args:
        dataset: A dataset's TOML file, in place of the options --truth, --inputs and --sequence.
        out: The store: a folder, or s3://bucket/prefix.
        rows: Rows of the dataset, those that are there included.
        chains: Chains of a sequence, in place of rows.
        seed: Seed (default: 0).
        truth: The true mapping: --truth.kind and the fields of that kind (default: normal_logits, 16 × 8).
        inputs: How x is distributed: --inputs.kind and its fields (default: uniform).
        sequence: Draw Markov chains of a square mapping: y of one row is x of the next.
        length: Rows of each chain.
        rows_per_file: Rows of a Parquet file (default: files of about 30 MB).
        workers: Worker processes (default: one a core of this machine, or of the cluster).
        address: A Ray cluster to join (default: RAY_ADDRESS, else a Ray of its own on this machine).
        dry_run: Tell rows, files, bytes and memory; nothing is drawn.
        in_process: Draw all rows in this process, without Ray.

    """
    _running.check_workers(workers, address, in_process=in_process)
    plan, size = _plan(dataset, rows, chains, seed, truth, inputs, length, sequence=sequence)
    if rows_per_file is not None and not 1 <= rows_per_file <= MAX_FILE_ROWS:
        raise UsageError(
            f"--rows-per-file must be in 1 … 2^26, got {rows_per_file}: a file is made in memory, leave it out"
        )
    if dry_run:
        print(_describe(plan, size, rows_per_file))
        return _command.DONE
    place = _running.check_place(out, workers, address, in_process=in_process)
    executor = _running.executor_for(workers, address, in_process=in_process)
    with interruptible(), contextlib.ExitStack() as running:
        if _running.joins_cluster(address, in_process=in_process):
            _running.start(executor, running)
        return _run(plan, size, place, rows_per_file, executor, running)


def _plan(
    path: Path | None,
    rows: int | None,
    chains: int | None,
    seed: int | None,
    truth: Fields | None,
    inputs: Fields | None,
    length: int | None,
    *,
    sequence: bool,
) -> tuple[Dataset, int]:
    """Return the dataset that was asked for, and how many rows (of a sequence: chains) of it."""
    if path is not None:
        if truth or inputs or sequence or length is not None:
            raise UsageError(f"{path} says what to draw: leave out --truth, --inputs, --sequence and --length")
        dataset, size = load_dataset(path, ingest.read_mapping, rows=rows, chains=chains, seed=seed)
    else:
        if sequence != (length is not None):
            raise UsageError("--sequence and --length go together: give both, or neither")
        given = {"rows": rows, "chains": chains, "seed": seed, "truth": _fields(truth), "inputs": _fields(inputs)}
        options = {key: value for key, value in given.items() if value is not None}
        if sequence:
            options["sequence"] = {"length": length}
        dataset, size = dataset_from_options(options, ingest.read_mapping)
    if size is None:
        unit = "rows" if dataset.length is None else "chains"
        raise UsageError(f"--{unit} is missing: say how many {unit} to write, such as --{unit} 1e6")
    return dataset, size


def _fields(options: Fields | None) -> Fields | None:
    """Options are spelled with hyphens, fields with underscores."""
    return None if options is None else {key.replace("-", "_"): value for key, value in options.items()}


def open_store(dataset: Dataset, out: str) -> stores.Store:
    """Make the store of a dataset, or open it where it is there.

    Raises:
        StoreError: the place holds something else, or another dataset.
    """
    schemas = stores.dataset_schemas(
        row_types(dataset), identity=dataset.identity_hash(), stream_version=STREAM_VERSION
    )
    identity = tomli_w.dumps(dataset.identity())
    return stores.create_or_open(out, identity, schemas, platform=platform_name(), versions=versions())


def _run(
    dataset: Dataset,
    size: int,
    out: str,
    rows_per_file: int | None,
    executor: Executor,
    running: contextlib.ExitStack,
) -> int:
    # A truth that cannot be drawn leaves no store behind.
    table = None if _there(out) else build_table(dataset)
    store = open_store(dataset, out)
    default = {"rows_per_file": default_rows(row_types(dataset))}
    per_file = rows_per_file or store.record_once("layout", default)["rows_per_file"]
    missing = list(chunks(dataset.id, store.missing(dataset.id, size), max(1, per_file // (dataset.length or 1))))
    unit = "rows" if dataset.length is None else "chains"
    if missing or store.completed_plan() is None:
        with store.hold() as held:
            held.mark_incomplete()
            held.remove_orphans({chunk.name for chunk in missing} | {_table_chunk(dataset).name})
            if not any(chunk.condition_id == dataset.table_id for chunk in held.committed()):
                table = table or build_table(dataset)
                commit_table(held, dataset, table)
            if missing:
                _running.start(executor, running)
            work = functools.partial(sample_and_commit, held, dataset)
            failures = _running.work_off("sample", executor, work, missing, size, unit)
            if failures:
                _running.first_bug(failures)
                return _command.FAILED
            held.mark_complete(f"{dataset.identity_hash()}-{size}")
    else:
        print(f"{out}: complete, nothing to do ({size:,} {unit} asked for are there)")
    found = _check(store, dataset, table or read_table(store, dataset))
    print(_format_check(found))
    return _command.DONE if found.passed else _command.FAILED


def _there(out: str) -> bool:
    try:
        stores.open(out)
    except stores.StoreError:
        return False
    return True


def default_rows(types: dict[str, np.dtype]) -> int:
    """Return the rows of a file: 2²⁶ bytes in memory, about half of that on disk; a second of one core's work."""
    return (1 << 26) // (1 << (sum(kind.itemsize for kind in types.values()) - 1).bit_length())


def _table_chunk(dataset: Dataset) -> Chunk:
    return Chunk(dataset.table_id, 0, dataset.truth.num_x)


def _check(store: stores.Store, dataset: Dataset, table: Table) -> Check:
    """Test all rows of the store against the truth."""
    name = "counts" if table.mean is None else "moments"
    found = stores.open(store.url).table(name)
    columns = {column: found[column].to_numpy() for column in found.column_names}
    return check(table, columns, independent=dataset.length is None)


SHOWN = 32
"""Tests that are printed one by one; of more, the worst."""


def _format_check(found: Check) -> str:
    """Return the tests as text: how far the rows are from the truth, and how often chance is as far."""
    header = f"{'goodness of fit':36} {'rows':>16} {'statistic':>12} {'freedom':>8} {'p-value':>9}"
    order = np.arange(len(found.names)) if len(found.names) <= SHOWN else np.argsort(found.p_value)[:SHOWN]
    lines = [header] if len(found.names) <= SHOWN else [f"{header}  (the {SHOWN} smallest of {len(found.names)})"]
    lines += [
        f"{found.names[i]:36} {found.rows[i]:>16,} {found.statistic[i]:>12.4g} {found.freedom[i]:>8,} "
        f"{found.p_value[i]:>9.3g}"
        for i in order
    ]
    if not found.tested:
        return f"goodness of fit: not tested (few rows, or a sequence over more than {MAX_COUNTED:,} cells)"
    verdict = "the rows follow the truth" if found.passed else "THE ROWS DO NOT FOLLOW THE TRUTH"
    lines.append(
        f"{verdict}: the smallest of {len(found.names)} p-values, times their number, is {found.corrected:.3g} "
        f"(an alarm below {ALARM:g})"
    )
    return "\n".join(lines)


def _describe(dataset: Dataset, size: int, rows_per_file: int | None) -> str:
    """Tell what a run would write."""
    types = row_types(dataset)
    per_row = sum(kind.itemsize for kind in types.values())
    rows = size * (dataset.length or 1)
    files = -(-rows // (rows_per_file or default_rows(types)))
    columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
    cells = num_cells(dataset.truth)
    what = "" if dataset.length is None else f"{size:,} chains of {dataset.length:,}, "
    return "\n".join(
        [
            f"truth {dataset.truth_kind}, {dataset.truth.num_x:,} × {dataset.truth.num_y or 'Gaussian'}, "
            f"inputs {dataset.inputs_kind}, seed {dataset.seed}; columns {columns}",
            f"about: {what}{rows:,} rows in {files:,} files, {format_bytes(per_row * rows)} on disk, "
            f"{cells:,} cells or fewer, {(1 << 28) / 1e9 + 0.5:.1f} GB of memory a worker, "
            f"{rows * (20e-9 if per_row < 9 else 80e-9):.0f} s of one core",
        ]
    )


if __name__ == "__main__":
    _command.run(sample, "sample", EXAMPLES)
