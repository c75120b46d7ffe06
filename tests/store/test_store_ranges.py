import pytest
from hypothesis import given
from hypothesis import strategies as st

from stochmap.store import ChunkRange, missing_ranges
from stochmap.store._ranges import parse_chunk_name

RANGES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 15)), max_size=8)


@given(st.integers(0, 45), RANGES)
def test_missing_ranges_are_what_was_asked_minus_what_is_there(count, committed):
    present = {i for first, length in committed for i in range(first, first + length)}
    gaps = missing_ranges(count, committed)
    covered = [i for first, length in gaps for i in range(first, first + length)]
    assert covered == sorted(set(range(count)) - present)
    assert all(length > 0 for _, length in gaps)
    ends = [first + length for first, length in gaps]
    assert all(end < first for end, (first, _) in zip(ends, gaps[1:], strict=False))


@given(st.builds(ChunkRange, st.integers(0, 2**31 - 1), st.integers(0, 2**32 - 1), st.integers(1, 2**32)))
def test_a_chunks_name_tells_its_range(chunk):
    assert parse_chunk_name(chunk.name) == chunk


@pytest.mark.parametrize(
    "name", ["SUCCESS", "lease-1", "0000002a-0", "2a-0-3", "0000002a-0-0", "0000002a-01-3", "0000002A-0-3"]
)
def test_other_names_are_no_chunks(name):
    assert parse_chunk_name(name) is None
