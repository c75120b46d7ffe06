"""Chunks as ranges of replicates: their names, and what is missing of what was asked."""

import re
from collections.abc import Iterable
from typing import NamedTuple, Protocol

_NAME = re.compile(r"([0-9a-f]{8})-(0|[1-9][0-9]*)-([1-9][0-9]*)")


class Chunk(Protocol):
    """What a store needs to know of a unit of work; `name` is `chunk_name` of the other three."""

    @property
    def condition_id(self) -> int:
        """The condition, below 2³¹."""
        ...

    @property
    def first(self) -> int:
        """The first replicate."""
        ...

    @property
    def count(self) -> int:
        """The number of replicates."""
        ...

    @property
    def name(self) -> str:
        """The stem of the chunk's files."""
        ...


class ChunkRange(NamedTuple):
    """Replicates [first, first + count) of one condition."""

    condition_id: int
    first: int
    count: int

    @property
    def name(self) -> str:
        """The stem of the chunk's files: `<condition, 8 hex digits>-<first>-<count>`."""
        return f"{self.condition_id:08x}-{self.first}-{self.count}"


def parse_chunk_name(name: str) -> ChunkRange | None:
    """The range that `name` stands for, or None where it is no chunk's name."""
    match = _NAME.fullmatch(name)
    return None if match is None else ChunkRange(int(match[1], 16), int(match[2]), int(match[3]))


def missing_ranges(count: int, committed: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """[0, count) minus the committed (first, count) ranges, in ascending order and as few ranges as possible."""
    gaps: list[tuple[int, int]] = []
    position = 0
    for first, length in sorted(committed):
        if length <= 0:
            continue
        if position < min(first, count):
            gaps.append((position, min(first, count) - position))
        position = max(position, first + length)
    if position < count:
        gaps.append((position, count - position))
    return gaps
