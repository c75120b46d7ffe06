"""Checking a store against its manifest, one file in memory at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from stochmap.store._errors import StoreError
from stochmap.store._manifest import FOLDER, Entry, FileRecord, committed_chunks, data_path, entry_path, read_entry
from stochmap.store._objects import Objects, open_objects
from stochmap.store._ranges import ChunkRange, parse_chunk_name
from stochmap.store._reading import read_study

_NOT_TABLES = (FOLDER, "report")


@dataclass(frozen=True)
class Report:
    """What `verify` found: one line a problem, and what is there by table."""

    problems: tuple[str, ...]
    chunks: int
    files: int
    bytes: int
    rows: dict[str, int]


def verify(path: str | Path) -> Report:
    """Re-hashes every file against the manifest and looks for what does not belong.

    Found are: missing, damaged, orphaned and foreign files, rows that do not add up, files of another schema, chunks
    that overlap, run_ids that occur twice in `runs` or lie outside their chunk, and rows of a run that `runs` lacks.
    Pages of a damaged file are read with their checksums to say where it is damaged.

    Raises:
        StoreError: there is no store.
    """
    objects = open_objects(path)
    read_study(objects)
    chunks = committed_chunks(objects)
    problems = list(_overlaps(chunks))
    present = {
        item for item in objects.paths() if "/" in item and not item.startswith(tuple(f"{f}/" for f in _NOT_TABLES))
    }
    expected: set[str] = set()
    schemas: dict[str, tuple[pa.Schema, str]] = {}
    rows: dict[str, int] = {}
    size = 0
    for chunk in chunks:
        try:
            entry = read_entry(objects, chunk.name)
        except StoreError as error:
            problems.append(str(error))
            continue
        if entry is None or entry.chunk != chunk:
            problems.append(f"{entry_path(chunk.name)} is the entry of another chunk")
            continue
        expected |= {record.path for record in entry.files.values()}
        for table, record in entry.files.items():
            rows[table] = rows.get(table, 0) + record.rows
            size += record.bytes
        problems += _check_chunk(objects, entry, schemas)
    problems += _unexpected(present - expected, set(chunks))
    problems += [
        f"{name} was left by a killed writer; the next run of the study removes it"
        for name in objects.temporary_files()
    ]
    return Report(tuple(problems), len(chunks), len(expected), size, dict(sorted(rows.items())))


def _overlaps(chunks: Sequence[ChunkRange]) -> Iterator[str]:
    furthest: ChunkRange | None = None
    for chunk in chunks:
        if furthest is None or chunk.condition_id != furthest.condition_id:
            furthest = chunk
            continue
        if chunk.first < furthest.first + furthest.count:
            yield f"chunks {furthest.name} and {chunk.name} overlap: their common runs are there twice"
        if chunk.first + chunk.count > furthest.first + furthest.count:
            furthest = chunk


def _unexpected(paths: set[str], published: set[ChunkRange]) -> Iterator[str]:
    for path in sorted(paths):
        name = path.partition("/")[2]
        chunk = parse_chunk_name(name.removesuffix(".parquet"))
        if chunk is None or not name.endswith(".parquet"):
            yield f"{path} does not belong into a data folder, readers may fail on it"
        elif chunk in published:
            yield f"{path} is not in the manifest entry of its chunk"
        else:
            yield f"{path} is an orphan: its chunk is not published; the next run of the study adopts or removes it"


def _check_chunk(objects: Objects, entry: Entry, schemas: dict[str, tuple[pa.Schema, str]]) -> Iterator[str]:
    run_ids: np.ndarray | None = None if "runs" in entry.files else np.empty(0, np.int64)
    # `runs` first: the others' rows are checked against it.
    for table in sorted(entry.files, key=lambda name: (name != "runs", name)):
        record = entry.files[table]
        if record.path != data_path(table, entry.chunk.name):
            yield f"{entry_path(entry.chunk.name)} names {record.path} as its file of table {table!r}"
        try:
            data, _ = objects.get(record.path)
        except FileNotFoundError:
            yield f"{record.path} is missing"
            continue
        damage = list(_check_bytes(record, data))
        if damage:
            yield from damage
            continue
        file = _open(data)
        if file.metadata.num_rows != record.rows:
            yield f"{record.path} has {file.metadata.num_rows} rows, {record.rows} in the manifest"
        if table == "samples" and "runs" not in entry.files and record.rows % entry.chunk.count:
            yield f"{record.path} has {record.rows} rows, not as many for each of its {entry.chunk.count}"
        schema, first = schemas.setdefault(table, (file.schema_arrow, record.path))
        if not file.schema_arrow.equals(schema, check_metadata=True):
            yield f"{record.path} has another schema than {first}"
        if "run_id" not in file.schema_arrow.names:
            continue
        if table == "runs":
            own = file.read(columns=["run_id"], use_threads=False).column(0).to_numpy()
            yield from _check_runs(record, entry.chunk, own)
            run_ids = own
        elif run_ids is not None:
            strangers = np.setdiff1d(_run_ids(file), run_ids)
            if len(strangers):
                yield f"{record.path} has {len(strangers)} runs that table 'runs' lacks, the first is {strangers[0]}"


def _check_runs(record: FileRecord, chunk: ChunkRange, run_ids: np.ndarray) -> Iterator[str]:
    values, counts = np.unique(run_ids, return_counts=True)
    if (counts > 1).any():
        yield f"{record.path} has run {values[counts > 1][0]} more than once"
    planned = (chunk.condition_id << 32) + np.arange(chunk.first, chunk.first + chunk.count, dtype=np.int64)
    if not np.array_equal(values, planned):
        wrong = np.setxor1d(values, planned)
        yield (
            f"{record.path} does not hold the runs of its chunk: {len(wrong)} lack or do not belong, "
            f"the first is {wrong[0]}"
        )


def _run_ids(file: pq.ParquetFile) -> np.ndarray:
    """The run_ids of a file, each consecutive one once, decoded a row group at a time."""
    parts = []
    for group in range(file.num_row_groups):
        column = file.read_row_group(group, columns=["run_id"], use_threads=False).column(0).to_numpy()
        parts.append(column[np.flatnonzero(np.diff(column, prepend=column[:1] - 1))])
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _open(data: memoryview) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(pa.py_buffer(data)), page_checksum_verification=True)


def _check_bytes(record: FileRecord, data: memoryview) -> Iterator[str]:
    digest = sha256(data).hexdigest()
    if digest == record.sha256:
        return
    yield f"{record.path} has sha256 {digest}, {record.sha256} in the manifest ({_damage(data)})"


def _damage(data: memoryview) -> str:
    """Which part of a file fails to be read."""
    try:
        file = _open(data)
    except (pa.ArrowException, OSError):
        return "it is no readable Parquet file"
    for group in range(file.num_row_groups):
        for column in file.schema_arrow.names:
            try:
                file.read_row_group(group, columns=[column], use_threads=False)
            except (pa.ArrowException, OSError):
                return f"damaged in column {column}, row group {group}"
    return "every page is sound: it is another file, or its footer is damaged"
