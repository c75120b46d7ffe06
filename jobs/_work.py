"""One chunk, where it runs: compute, encode, publish. Importable by workers, pickled by reference."""

import dataclasses
import functools
import resource
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from jobs._environment import platform_name
from stochmap import store as stores
from stochmap.datasets import Table, Tally, draw_rows, from_columns, to_columns
from stochmap.recovery import run_chunk
from stochmap.study import Chunk, Dataset, Study

_MAXRSS = 1 if sys.platform == "darwin" else 1024
"""Bytes in getrusage's unit of memory."""


def run_and_commit(store: stores.Store, study: Study, chunk: Chunk) -> dict[str, Any]:
    """Run a chunk and publish its tables; return what was published: chunk, runs, rows, bytes and seconds."""
    start = time.perf_counter()
    blocks = run_chunk(study, chunk)
    computed = time.perf_counter()
    tables = {name: stores.to_arrow(name, columns, store.schemas[name]) for name, columns in blocks.items()}
    here = dataclasses.replace(store, platform=platform_name())
    entry = stores.commit(here, chunk, tables, timings={"compute": computed - start})
    files = entry.files.values()
    return {
        "chunk": chunk.name,
        "runs": chunk.count,
        "rows": sum(file.rows for file in files),
        "bytes": sum(file.bytes for file in files),
        "seconds": time.perf_counter() - start,
    }


def sample_and_commit(store: stores.Store, dataset: Dataset, chunk: Chunk) -> dict[str, Any]:
    """Draw a chunk's rows (or chains) and publish them; return what was published, and the time and memory it took."""
    start = time.perf_counter()
    table = _table(store, dataset)
    schema, tally = store.schemas["samples"], Tally(table)
    blocks = draw_rows(table, dataset, chunk.first, chunk.count, tally)
    batches = (pa.record_batch([pa.array(block[name]) for name in schema.names], schema=schema) for block in blocks)
    samples = stores.encode_row_groups(schema, chunk.count * (dataset.length or 1), batches)
    tallies = {name: _to_arrow(store, name, columns) for name, columns in tally.to_columns().items()}
    here = dataclasses.replace(store, platform=platform_name())
    entry = stores.commit(here, chunk, {"samples": samples, **tallies})
    files = entry.files.values()
    return {
        "chunk": chunk.name,
        "rows": samples.num_rows,
        "bytes": sum(file.bytes for file in files),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _MAXRSS,
        "seconds": time.perf_counter() - start,
    }


def commit_table(store: stores.Store, dataset: Dataset, table: Table) -> None:
    """Publish the table that a dataset is drawn from: the tables ``truths`` and ``inputs``."""
    tables = {name: _to_arrow(store, name, columns) for name, columns in to_columns(table).items()}
    stores.commit(store, Chunk(dataset.table_id, 0, table.num_x), tables)


def read_table(store: stores.Store, dataset: Dataset) -> Table:
    """Read back the table that a dataset is drawn from, once it is published."""
    found = stores.open(store.url)
    truths, inputs = (_columns(found.table(name)) for name in ("truths", "inputs"))
    return from_columns(truths, inputs, dataset.truth.num_y)


@functools.lru_cache(maxsize=1)
def _kept(url: str, identity: str) -> list[Table]:
    return []


def _table(store: stores.Store, dataset: Dataset) -> Table:
    """Return the table of a dataset; a worker reads it once."""
    kept = _kept(store.url, dataset.identity_hash())
    if not kept:
        kept.append(read_table(store, dataset))
    return kept[0]


def _to_arrow(store: stores.Store, name: str, columns: Mapping[str, np.ndarray | None]) -> pa.Table:
    """Return columns as a table of the store, labels in the types that it has for them."""
    schema = store.schemas[name]
    fitting = {
        key: None if values is None else values.astype(schema.field(key).type.to_pandas_dtype(), copy=False)
        for key, values in columns.items()
    }
    return stores.to_arrow(name, fitting, schema)


def _columns(table: pa.Table) -> dict[str, np.ndarray | None]:
    """Return a table's columns; None for one that is null throughout."""
    return {name: None if table[name].null_count else np.asarray(table[name].to_numpy()) for name in table.column_names}
