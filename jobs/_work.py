"""One chunk, where it runs: compute, encode, publish. Importable by workers, pickled by reference."""

import dataclasses
import time
from typing import Any

from jobs._environment import platform_name
from stochmap import store as stores
from stochmap.recovery import run_chunk
from stochmap.study import Chunk, Study


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
