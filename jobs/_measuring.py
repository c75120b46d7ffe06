"""One chunk of the gradient laboratory, where it runs. Importable by workers, pickled by reference."""

import dataclasses
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs._environment import platform_name
from stochmap import lab
from stochmap import store as stores
from stochmap.study import Chunk

_MEASURED_ONCE = "seconds_per_estimate"
"""The one column that differs between two attempts at a chunk: it is a time."""


def measure_and_commit(store: stores.Store, study: lab.GradientStudy, chunk: Chunk) -> dict[str, Any]:
    """Run a chunk and publish its tables; return what was published and the notes on what could not be measured.

    Where an earlier attempt has published the chunk, that is the result: times differ from attempt to attempt.
    """
    published = {(entry.condition_id, entry.first, entry.count) for entry in store.committed()}
    if (chunk.condition_id, chunk.first, chunk.count) in published:
        return {"chunk": chunk.name, "units": chunk.count, "notes": []}
    start = time.perf_counter()
    result = lab.run_chunk(study, chunk)
    tables = {name: stores.to_arrow(name, blocks, store.schemas[name]) for name, blocks in result.tables.items()}
    here = dataclasses.replace(store, platform=platform_name())
    try:
        stores.commit(here, chunk, tables, timings={"compute": time.perf_counter() - start})
    except stores.NotDeterministic:
        if not _same_but_for_times(store, chunk, tables):
            raise
    return {"chunk": chunk.name, "units": chunk.count, "notes": result.notes}


def _same_but_for_times(store: stores.Store, chunk: Chunk, tables: dict[str, pa.Table]) -> bool:
    """Say whether the published tables of a chunk, which a racing attempt wrote, hold the same results."""
    for name, table in tables.items():
        data, _ = store.objects.get(f"{name}/{chunk.name}.parquet")
        other = pq.read_table(pa.BufferReader(pa.py_buffer(data)))
        kept = [column for column in store.schemas[name].names if column != _MEASURED_ONCE]
        if not other.select(kept).equals(table.select(kept).cast(other.select(kept).schema)):
            return False
    return True
