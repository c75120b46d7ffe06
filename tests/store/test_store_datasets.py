"""A dataset's files: schemas, types and encodings, and samples that are encoded while they are drawn."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stochmap.store import commit, create_or_open, dataset_schemas, encode_row_groups, verify
from stochmap.store._ranges import ChunkRange

PAIRS = {"x": np.dtype(np.int8), "y": np.dtype(np.int16)}
VALUES = {"x": np.dtype(np.int8), "value": np.dtype(np.float64)}
CHAINS = {"chain": np.dtype(np.int64), "step": np.dtype(np.int16), "x": np.dtype(np.int8), "y": np.dtype(np.int8)}
SORTS = {"pairs": PAIRS, "values": VALUES, "chains": CHAINS}


def schemas(sort: str) -> dict[str, pa.Schema]:
    return dataset_schemas(SORTS[sort], identity="0123456789abcdef", stream_version=1)


def columns(sort: str, rows: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(rows)
    found = {}
    for name, kind in SORTS[sort].items():
        whole = {"chain": np.arange(rows) // 100 + (1 << 40), "step": np.arange(rows) % 100}
        drawn = rng.normal(size=rows) if kind == np.float64 else rng.integers(0, np.iinfo(kind).max, rows)
        found[name] = whole.get(name, drawn).astype(kind)
    return found


def batches(sort: str, found: dict[str, np.ndarray], *sizes: int):
    """The rows in batches, one at a time."""
    schema, start = schemas(sort)["samples"], 0
    for size in sizes:
        yield pa.record_batch([pa.array(values[start : start + size]) for values in found.values()], schema=schema)
        start += size


def encoded(sort: str, found: dict[str, np.ndarray], *sizes: int) -> memoryview:
    made = encode_row_groups(schemas(sort)["samples"], sum(sizes), batches(sort, found, *sizes))
    assert made.num_rows == sum(sizes)
    return made.data


def parquet(data: memoryview | bytes) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(pa.py_buffer(data)), page_checksum_verification=True)


@pytest.mark.parametrize("sort", SORTS)
def test_samples_are_read_back_with_their_types_and_nothing_else(sort):
    found = columns(sort, 5000)
    file = parquet(encoded(sort, found, 3000, 1, 1999))
    assert file.num_row_groups == 1
    table = file.read()
    assert table.schema.equals(schemas(sort)["samples"], check_metadata=True)
    for name, values in found.items():
        np.testing.assert_array_equal(table[name].to_numpy(), values)
    assert file.schema_arrow.metadata[b"stochmap.identity"] == b"0123456789abcdef"
    assert b"ARROW:schema" not in file.metadata.metadata


@pytest.mark.parametrize("sort", SORTS)
def test_physical_and_logical_types_are_plain_parquet(sort):
    """INT(8) and INT(16) over int32; int64; double: required columns, no Arrow of their own."""
    file = parquet(encoded(sort, columns(sort, 100), 100))
    for index, (name, kind) in enumerate(SORTS[sort].items()):
        column = file.schema.column(index)
        assert column.name == name
        assert column.max_definition_level == 0
        wide = kind.itemsize == 8
        assert column.physical_type == ("DOUBLE" if kind.kind == "f" else "INT64" if wide else "INT32")
        expected = "None" if wide else f"Int(bitWidth={8 * kind.itemsize}, isSigned=true)"
        assert str(column.logical_type) == expected


@pytest.mark.parametrize("sort", SORTS)
def test_encodings_are_those_that_spark_reads(sort):
    """Spark up to 4.1 refuses BYTE_STREAM_SPLIT; PLAIN and DELTA_BINARY_PACKED every one reads that is in use."""
    group = parquet(encoded(sort, columns(sort, 5000), 5000)).metadata.row_group(0)
    for index in range(group.num_columns):
        column = group.column(index)
        assert set(column.encodings) <= {"PLAIN", "RLE", "DELTA_BINARY_PACKED"}
        assert column.compression in ("UNCOMPRESSED", "ZSTD")


def test_a_pair_of_16_by_8_takes_little_more_than_its_bits():
    rng = np.random.default_rng(0)
    found = {"x": rng.integers(0, 16, 1 << 18).astype(np.int8), "y": rng.integers(0, 8, 1 << 18).astype(np.int16)}
    assert len(encoded("pairs", found, 1 << 18)) < 1.3 * (1 << 18)
    assert len(encoded("chains", columns("chains", 100_000), 100_000)) < 2.3 * 100_000


@pytest.mark.parametrize("sort", SORTS)
def test_any_damaged_byte_of_a_page_is_noticed(sort):
    data = bytes(encoded(sort, columns(sort, 3000), 3000))
    group = parquet(data).metadata.row_group(0)
    for index in range(group.num_columns):
        end = group.column(index).data_page_offset + group.column(index).total_compressed_size
        damaged = bytearray(data)
        damaged[end - 5] ^= 1
        with pytest.raises(OSError, match="CRC"):
            parquet(damaged).read()


def test_the_same_batches_give_the_same_bytes():
    found = columns("chains", 3000)
    assert encoded("chains", found, 1000, 2000) == encoded("chains", found, 1000, 2000)
    found["y"][0] ^= 1
    assert encoded("chains", columns("chains", 3000), 3000) != encoded("chains", found, 3000)


@pytest.mark.parametrize("sort", SORTS)
def test_what_cannot_be_compressed_still_fits(sort):
    """Many small row groups, or labels that fill their types: the file's memory is taken before it is made."""
    found = columns(sort, 6000)
    assert parquet(encoded(sort, found, *[250] * 24)).metadata.num_rows == 6000
    wide = {"x": np.dtype(np.int32), "y": np.dtype(np.int32)}
    schema = dataset_schemas(wide, identity="", stream_version=1)["samples"]
    labels = np.random.default_rng(1).integers(0, 1 << 31, 1 << 20).astype(np.int32)
    made = encode_row_groups(schema, 1 << 20, [pa.record_batch([labels, labels[::-1]], schema=schema)])
    np.testing.assert_array_equal(parquet(made.data).read()["y"].to_numpy(), labels[::-1])


def test_row_groups_are_whole_batches_of_a_million_rows():
    whole = 1 << 20
    sizes = (whole - 1, 2, whole, 700_000, 5, whole, 9)
    file = parquet(encoded("pairs", columns("pairs", sum(sizes)), *sizes))
    groups = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    assert groups == [whole + 1, whole, 700_005 + whole, 9]


def test_a_table_may_have_no_rows():
    assert parquet(encoded("pairs", columns("pairs", 0), 0)).read().num_rows == 0
    assert parquet(encoded("pairs", columns("pairs", 0))).read().num_rows == 0


@pytest.mark.parametrize("promised", [99, 101])
def test_another_number_of_rows_than_promised_is_refused(promised):
    schema = schemas("pairs")["samples"]
    with pytest.raises(ValueError, match=f"100 rows in all, not {promised}"):
        encode_row_groups(schema, promised, batches("pairs", columns("pairs", 100), 100))


def test_every_table_has_its_columns():
    pairs, values, chains = (schemas(sort) for sort in SORTS)
    alias = ["threshold_high", "threshold_low", "alias"]
    for found in (pairs, chains):
        assert found["truths"].names == ["cell", "x", "y", "probability", *alias]
        assert found["inputs"].names == ["x", "probability", *alias]
        assert found["counts"].names == ["cell", "n"]
        assert {str(found["truths"].field(name).type) for name in ("cell", *alias)} == {"int64"}
        assert not found["truths"].field("probability").nullable
    assert values["truths"].names == ["x", "mean", "std"]
    assert values["moments"].names == ["x", "n", "mean", "m2", "beyond_4", "beyond_5", "beyond_5_5"]
    assert pairs["truths"].field("y").type == pairs["samples"].field("y").type == pa.int16()
    assert all(schema.metadata[b"stochmap.stream_version"] == b"1" for schema in pairs.values())


def test_encoded_samples_are_published_as_tables_are(tmp_path):
    store = create_or_open(tmp_path / "out", "seed = 1\n", schemas("pairs"), platform="test", versions={})
    found = columns("pairs", 300)
    made = encode_row_groups(store.schemas["samples"], 300, batches("pairs", found, 300))
    entry = commit(store, ChunkRange(5, 0, 300), {"samples": made})
    assert entry.files["samples"].rows == 300
    assert commit(store, ChunkRange(5, 0, 300), {"samples": made}).files == entry.files
    assert not verify(tmp_path / "out").problems
    other = encode_row_groups(schemas("values")["samples"], 300, batches("values", columns("values", 300), 300))
    with pytest.raises(ValueError, match="does not have the store's schema"):
        commit(store, ChunkRange(5, 300, 300), {"samples": other})
