"""The manifest: one entry a chunk, published after all of the chunk's files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from stochmap.store._errors import StoreError
from stochmap.store._objects import Objects
from stochmap.store._ranges import ChunkRange, parse_chunk_name

FOLDER = "manifest"
SUCCESS = f"{FOLDER}/SUCCESS.json"


@dataclass(frozen=True)
class FileRecord:
    """One file of a chunk as it was published; `sha256` in hex digits."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """A published chunk: its files by table, and where and by what they were made.

    Two attempts on one `platform` must agree in `files`; `timings` (seconds) and `versions` are not compared.
    """

    chunk: ChunkRange
    files: Mapping[str, FileRecord]
    platform: str
    versions: Mapping[str, str]
    timings: Mapping[str, float]

    def to_json(self) -> bytes:
        """The entry's text."""
        content = {
            "chunk": self.chunk.name,
            "condition_id": f"{self.chunk.condition_id:08x}",
            "first": self.chunk.first,
            "count": self.chunk.count,
            "files": {table: asdict(record) for table, record in sorted(self.files.items())},
            "platform": self.platform,
            "versions": dict(self.versions),
            "timings": dict(self.timings),
        }
        return json.dumps(content, indent=1).encode()


def entry_path(chunk_name: str) -> str:
    """Where the chunk's entry is."""
    return f"{FOLDER}/{chunk_name}.json"


def data_path(table: str, chunk_name: str) -> str:
    """Where the chunk's file of a table is."""
    return f"{table}/{chunk_name}.parquet"


def read_entry(objects: Objects, chunk_name: str) -> Entry | None:
    """The chunk's entry, or None where it is not published.

    Raises:
        StoreError: the entry cannot be read as one.
    """
    path = entry_path(chunk_name)
    try:
        text, _ = objects.get(path)
    except FileNotFoundError:
        return None
    try:
        content = json.loads(bytes(text))
        return Entry(
            chunk=ChunkRange(int(content["condition_id"], 16), content["first"], content["count"]),
            files={table: FileRecord(**record) for table, record in content["files"].items()},
            platform=content["platform"],
            versions=content["versions"],
            timings=content["timings"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{objects.url}/{path} is no manifest entry ({error!r}); delete it and run the study again"
        ) from error


def committed_chunks(objects: Objects) -> list[ChunkRange]:
    """The chunks with an entry, in order of condition and replicate; one listing, no entry is read."""
    names = (path.removeprefix(f"{FOLDER}/").removesuffix(".json") for path in objects.paths(FOLDER))
    return sorted(chunk for chunk in map(parse_chunk_name, names) if chunk is not None)
