"""The handle on a store that is being written."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from stochmap.store._errors import IdentityDiffers, StoreError
from stochmap.store._identity import describe_difference
from stochmap.store._lease import Lease, check_lease, hold_lease
from stochmap.store._manifest import FOLDER, SUCCESS, committed_chunks
from stochmap.store._objects import Objects, create_objects, open_objects
from stochmap.store._ranges import ChunkRange, missing_ranges, parse_chunk_name

STUDY_FILE = "study.toml"


@dataclass(frozen=True)
class Store:
    """A store open for writing; small and picklable, so that workers get it with their chunks.

    `platform` names what decides the bits of a float (instruction set, jaxlib); pyarrow, which decides the bytes of a
    file, is added to it. `lease` is set on the handle that `hold` yields and on its copies.
    """

    url: str
    schemas: Mapping[str, pa.Schema]
    platform: str
    versions: Mapping[str, str]
    lease: Lease | None = None

    @cached_property
    def objects(self) -> Objects:
        """The objects below the store's folder or prefix."""
        return open_objects(self.url)

    def __getstate__(self) -> dict[str, Any]:
        """Without the open connection, which may carry credentials: a worker opens its own."""
        return {name: value for name, value in self.__dict__.items() if name != "objects"}

    @contextmanager
    def hold(self) -> Iterator[Self]:
        """The store with its lease, inside the block; only one driver can be there.

        Raises:
            StoreBusy: another one is.
        """
        with hold_lease(self.objects) as lease:
            yield replace(self, lease=lease)

    def check_lease(self) -> None:
        """Passes where this handle's lease is still the current one.

        Raises:
            StoreError: the handle has no lease.
            LeaseLost: it has, and another driver took over, or it was released.
        """
        if self.lease is None:
            raise StoreError(f"{self.url}: only the driver that holds the store may do this; use `with store.hold()`")
        check_lease(self.objects, self.lease)

    def committed(self) -> list[ChunkRange]:
        """The published chunks, in order of condition and replicate."""
        return committed_chunks(self.objects)

    def missing(self, condition_id: int, count: int) -> list[tuple[int, int]]:
        """What of the condition's replicates [0, count) is not published, as (first, count) ranges.

        It lists the manifest: for many conditions call `committed` once and `missing_ranges` for each.
        """
        published = [(first, length) for condition, first, length in self.committed() if condition == condition_id]
        return missing_ranges(count, published)

    def completed_plan(self) -> str | None:
        """The hash of the plan that is complete, or None."""
        try:
            return json.loads(bytes(self.objects.get(SUCCESS)[0]))["plan"]
        except FileNotFoundError:
            return None

    def mark_incomplete(self) -> None:
        """Takes the completion back, the first act of an extension; needs the lease."""
        self.check_lease()
        self.objects.delete(SUCCESS)

    def mark_complete(self, plan_hash: str) -> None:
        """Says that all of the plan is published; needs the lease."""
        self.check_lease()
        self.objects.put(SUCCESS, json.dumps({"plan": plan_hash}).encode())

    def record_once(self, name: str, value: dict[str, Any]) -> dict[str, Any]:
        """Keeps a JSON object under `manifest/<name>.json` if there is none yet, and returns the one that is kept."""
        kept = self.recorded(name)
        if kept is None:  # most calls find it, and then nothing is touched
            self.objects.put_if_absent(f"{FOLDER}/{name}.json", json.dumps(value).encode())
            kept = self.recorded(name)
        return value if kept is None else kept

    def recorded(self, name: str) -> dict[str, Any] | None:
        """The JSON object under `manifest/<name>.json`, or None.

        Raises:
            StoreError: what is there is no JSON object.
        """
        path = f"{FOLDER}/{name}.json"
        try:
            found = json.loads(bytes(self.objects.get(path)[0]))
        except FileNotFoundError:
            return None
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise StoreError(f"{self.url}/{path} is damaged: it is no JSON object; restore it, or give a new folder")
        return found

    def remove_orphans(self, planned: Collection[str]) -> list[str]:
        """Deletes data files of chunks that are neither published nor planned, and what killed writers left.

        Call it before the first chunk is handed out: a file that is being written is a leftover too. Needs the lease.
        Files whose names are no chunk's are not touched. Returns the deleted paths.
        """
        self.check_lease()
        kept = {chunk.name for chunk in self.committed()} | set(planned)
        removed = []
        for table in self.schemas:
            for path in list(self.objects.paths(table)):
                name = path.removeprefix(f"{table}/").removesuffix(".parquet")
                if name not in kept and parse_chunk_name(name) is not None:
                    self.objects.delete(path)
                    removed.append(path)
        removed += self.objects.temporary_files()
        self.objects.delete_temporary_files()
        return sorted(removed)


def create_or_open(
    path: str | Path,
    study_toml: str,
    schemas: Mapping[str, pa.Schema],
    *,
    platform: str,
    versions: Mapping[str, str],
) -> Store:
    """The store at a local folder or `s3://bucket/prefix`, made where there is none and left untouched where there is.

    Raises:
        IdentityDiffers: the store's identity text says something else, naming the keys; or other versions of the
            streams or the schemas wrote it, whose rows would not be these; or the folder holds something that is no
            store.
    """
    objects = create_objects(path)
    stored = _read_study(objects)
    if stored is None:
        other = next((item for item in objects.paths() if not item.startswith(".")), None)
        stored = _read_study(objects)  # another driver may just have made it
        if stored is None and other is not None:
            raise IdentityDiffers(
                f"{objects.url} is no store and not empty (it holds {other}); give a new or an empty folder"
            )
    if stored is None:
        objects.put_if_absent(STUDY_FILE, study_toml.encode())
        stored = _read_study(objects)
    if stored != study_toml:
        difference = describe_difference(stored or "", study_toml)
        if difference:
            raise IdentityDiffers(
                f"{objects.url} holds something else: {difference}; ask for the same, or give a new folder"
            )
    store = Store(objects.url, dict(schemas), f"{platform}; pyarrow {pa.__version__}", dict(versions))
    _check_format(store)
    return store


def _check_format(store: Store) -> None:
    """Passes where this software's versions of streams and schemas wrote the store, or nothing has been written yet."""
    ours = _format(store.schemas)
    theirs = store.recorded("format")
    if theirs is None and store.committed():
        theirs = store.recorded("format") or {}  # another driver may just have begun the store
    if theirs is None:
        theirs = store.record_once("format", ours)
    for name, version in ours.items():
        if theirs.get(name) != version:
            raise IdentityDiffers(
                f"{store.url} was written with {name.replace('_', ' ')} {theirs.get(name, 1)}, and this is {version}: "
                "it can be read (jobs.report, jobs.verify), not added to; give a new folder, or use what began it"
            )


def _format(schemas: Mapping[str, pa.Schema]) -> dict[str, str]:
    """The versions on which it depends what a row is, as the files' metadata tell them."""
    metadata = {name: value for schema in schemas.values() for name, value in (schema.metadata or {}).items()}
    told = {name: metadata.get(f"stochmap.{name}".encode()) for name in ("stream_version", "schema_version")}
    return {name: version.decode() for name, version in told.items() if version is not None}


def _read_study(objects: Objects) -> str | None:
    try:
        return bytes(objects.get(STUDY_FILE)[0]).decode()
    except FileNotFoundError:
        return None
