"""Publishing a chunk exactly once, by idempotence: every attempt may be repeated, raced or killed at any point."""

import time
from collections.abc import Mapping
from hashlib import sha256

import pyarrow as pa

from stochmap.store._encoding import Encoded, encode
from stochmap.store._errors import NotDeterministic, StoreError
from stochmap.store._manifest import Entry, FileRecord, data_path, entry_path, read_entry
from stochmap.store._ranges import Chunk, ChunkRange
from stochmap.store._store import Store


def commit(
    store: Store,
    chunk: Chunk,
    tables: Mapping[str, pa.Table | Encoded],
    *,
    timings: Mapping[str, float] | None = None,
) -> Entry:
    """Publishes the chunk's tables, files first and the manifest entry last, and returns the published entry.

    Where the chunk is already published with the same bytes, by an earlier or a racing attempt, that is the result. A
    file that a dead attempt left is adopted where its bytes are the same; otherwise it is replaced by a handle that
    holds the store's lease. `timings` (seconds) are recorded with the entry beside "encode" and "write".

    Raises:
        ValueError: a table that the store has no schema for, or of another schema.
        NotDeterministic: the chunk is published with other bytes, from the same platform.
        LeaseLost: the handle's lease is no longer the current one.
        StoreError: another attempt's file stands in the way and the handle has no lease.
    """
    started = time.perf_counter()
    contents, entry = _encode_all(store, ChunkRange(chunk.condition_id, chunk.first, chunk.count), tables)
    encoded = time.perf_counter()
    published = read_entry(store.objects, chunk.name)
    if published is not None:
        return _settle(entry, published)
    if store.lease is not None:
        store.check_lease()
    tags = {}
    for record in entry.files.values():
        tag = _place(store, entry, record, contents[record.path])
        if tag is None:
            return _settle_with_published(store, entry)
        tags[record.path] = tag
    if store.lease is not None:
        store.check_lease()
    seconds = {**(timings or {}), "encode": encoded - started, "write": time.perf_counter() - encoded}
    entry = Entry(entry.chunk, entry.files, entry.platform, entry.versions, seconds)
    if store.objects.put_if_absent(entry_path(chunk.name), entry.to_json()) is None:
        return _settle_with_published(store, entry)
    for path, tag in tags.items():
        # An attempt on another platform may have put its own file in place of ours before it could see our entry.
        if store.objects.tag(path) != tag:
            store.objects.put(path, contents[path])
    return entry


def _encode_all(
    store: Store, chunk: ChunkRange, tables: Mapping[str, pa.Table | Encoded]
) -> tuple[dict[str, memoryview], Entry]:
    contents, records = {}, {}
    for name, table in tables.items():
        _check_schema(store, name, table)
        data = encode(table) if isinstance(table, pa.Table) else table.data
        path = data_path(name, chunk.name)
        contents[path] = data
        records[name] = FileRecord(path, table.num_rows, len(data), sha256(data).hexdigest())
    return contents, Entry(chunk, records, store.platform, store.versions, {})


def _check_schema(store: Store, name: str, table: pa.Table | Encoded) -> None:
    if name not in store.schemas:
        raise ValueError(f"{store.url} keeps no table {name!r}; its tables are {', '.join(store.schemas)}")
    plain = pa.schema(
        [
            field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
            for field in table.schema
        ],
        table.schema.metadata,
    )
    if not plain.equals(store.schemas[name], check_metadata=True):
        raise ValueError(f"table {name!r} does not have the store's schema; build it with to_arrow and that schema")


def _place(store: Store, entry: Entry, record: FileRecord, data: memoryview) -> str | None:
    """Makes `data` the file's content and returns its tag; None where the chunk turns out to be published."""
    objects = store.objects
    while (tag := objects.put_if_absent(record.path, data)) is None:
        try:
            found, tag = objects.get(record.path)
        except FileNotFoundError:
            continue  # an orphan, removed between the two looks
        if sha256(found).hexdigest() == record.sha256:
            return tag
        if read_entry(objects, entry.chunk.name) is not None:
            return None
        if store.lease is None:
            raise StoreError(
                f"{objects.url}/{record.path} holds other bytes, left by an attempt that did not publish them; only "
                "the driver that holds the store replaces them: use `with store.hold()`"
            )
        store.check_lease()
        tag = objects.put(record.path, data)
        if read_entry(objects, entry.chunk.name) is None:
            return tag
        objects.put(record.path, found)  # published while we replaced its file
        return None
    return tag


def _settle_with_published(store: Store, ours: Entry) -> Entry:
    published = read_entry(store.objects, ours.chunk.name)
    if published is None:
        raise StoreError(f"{store.url}/{entry_path(ours.chunk.name)} was there and is gone; run the same command again")
    return _settle(ours, published)


def _settle(ours: Entry, published: Entry) -> Entry:
    """The published entry, where ours may differ from it."""
    if ours.platform != published.platform:
        return published
    for table in sorted(ours.files.keys() | published.files.keys()):
        mine, theirs = ours.files.get(table), published.files.get(table)
        if mine != theirs:
            path = data_path(table, ours.chunk.name)
            raise NotDeterministic(
                f"{path} is published with sha256 {theirs.sha256 if theirs else 'none'} and came out as "
                f"{mine.sha256 if mine else 'none'} on the same platform ({ours.platform}); compute the chunk twice "
                "and compare its tables"
            )
    return published
