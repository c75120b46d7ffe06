import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from store_cases import CONDITION, SCHEMAS, columns, constant, make_store, tables

from stochmap.store import (
    METRIC_COLUMNS,
    STUDY_TABLES,
    ChunkRange,
    Labels,
    commit,
    encode,
    study_schemas,
    to_arrow,
)

CHUNK = ChunkRange(CONDITION, 7, 5)


def decoded(table: pa.Table) -> pa.Table:
    return pq.read_table(pa.BufferReader(pa.py_buffer(encode(table))), page_checksum_verification=True)


def test_every_table_has_a_schema_with_the_files_metadata():
    assert tuple(SCHEMAS) == STUDY_TABLES
    for schema in SCHEMAS.values():
        assert schema.metadata[b"stochmap.identity"] == b"0123abcd"
        assert schema.field("run_id").type == pa.int64()
    assert SCHEMAS["runs"].names[:5] == ["run_id", "problem", "truth_kind", "truth_num_x", "truth_num_y"]
    assert SCHEMAS["fits"].names == ["run_id", "learner", "status", "steps", *METRIC_COLUMNS]


def test_a_field_of_another_type_is_refused():
    with pytest.raises(ValueError, match=r"truth field 'table'.*one of int, float, str, bool"):
        study_schemas({"table": list}, {}, identity="", stream_version=1)


@pytest.mark.parametrize("name", list(tables(CHUNK)))
def test_what_is_written_is_read_back(name):
    blocks = columns(CHUNK)[name]
    blocks = blocks if isinstance(blocks, list) else [blocks]
    table = decoded(to_arrow(name, blocks, SCHEMAS[name]))
    assert table.schema.equals(SCHEMAS[name], check_metadata=True)
    for field in SCHEMAS[name]:
        expected = []
        for block in blocks:
            value = block.get(field.name)
            if value is None:
                expected += [None] * len(block["run_id"])
            elif isinstance(value, Labels):
                expected += [value.names[code] for code in value.codes]
            else:
                expected += [v.decode() if isinstance(v, bytes) else v for v in value.tolist()]
        expected = [None if isinstance(v, float) and np.isnan(v) else v for v in expected]
        assert table.column(field.name).to_pylist() == expected


def test_infinity_is_a_value_and_nan_is_null_only_where_it_means_absent():
    fits = decoded(tables(CHUNK)["fits"])
    assert fits.column("kl_truth_fit").to_pylist() == [np.inf] * 10
    assert fits.column("regret").null_count == 10
    assert fits.column("coverage").null_count == 5
    loss = np.array([np.nan, -np.inf, 1.0])
    block = {"run_id": np.arange(3), "learner": constant(3, "a"), "step": np.arange(3), "loss": loss}
    history = decoded(to_arrow("history", block, SCHEMAS["history"]))
    assert history.column("loss").null_count == 0
    np.testing.assert_array_equal(history.column("loss").to_numpy(), loss)


def test_run_ids_above_2_to_the_53_survive():
    run_id = decoded(tables(CHUNK)["truths"]).column("run_id").to_numpy()
    assert run_id.min() > 1 << 53
    assert np.unique(run_id).tolist() == [CONDITION * 2**32 + replicate for replicate in range(7, 12)]


def test_the_same_columns_give_the_same_bytes():
    for name, table in tables(CHUNK).items():
        assert encode(table) == encode(tables(CHUNK)[name])
        assert encode(table) != encode(tables(ChunkRange(CONDITION, 8, 5))[name])


def test_labels_of_several_blocks_share_one_dictionary():
    def block(name: str, other: str) -> dict:
        codes = np.array([1, 0], np.int8)
        return {
            "run_id": np.arange(2),
            "learner": Labels(codes, (name, other)),
            "step": np.arange(2),
            "loss": np.ones(2),
        }

    table = to_arrow("history", [block("a", "b"), block("c", "b"), block("b", "a")], SCHEMAS["history"])
    assert table.column("learner").to_pylist() == ["b", "a", "b", "c", "a", "b"]
    metadata = pq.read_metadata(pa.BufferReader(pa.py_buffer(encode(table))))
    assert "RLE_DICTIONARY" in metadata.row_group(0).column(1).encodings
    assert decoded(table).column("learner").to_pylist() == ["b", "a", "b", "c", "a", "b"]


def test_more_names_than_their_codes_type_can_count():
    names = [tuple(f"{letter}{i}" for i in range(100)) for letter in "ab"]
    blocks = [
        {
            "run_id": np.arange(100),
            "learner": Labels(np.arange(100, dtype=np.int8), group),
            "step": np.arange(100),
            "loss": np.ones(100),
        }
        for group in names
    ]
    assert decoded(to_arrow("history", blocks, SCHEMAS["history"])).column("learner").to_pylist() == [
        *names[0],
        *names[1],
    ]


def test_a_table_may_have_no_rows():
    empty = {"run_id": np.arange(0), "x": np.arange(0, dtype=np.int32), "y": None, "value": np.zeros(0)}
    for blocks in (empty, [empty, empty], []):
        assert decoded(to_arrow("samples", blocks, SCHEMAS["samples"])).num_rows == 0


def test_a_file_larger_than_was_reckoned_is_written_all_the_same(monkeypatch):
    table = tables(CHUNK)["truths"]
    expected = encode(table)
    monkeypatch.setattr("stochmap.store._encoding._upper_bound", lambda _: 100)
    assert encode(table) == expected


def test_row_groups_carry_the_range_of_their_runs():
    count = 1 << 18
    block = {"run_id": np.arange(count), "x": np.zeros(count, np.int32), "y": None, "value": np.ones(count)}
    metadata = pq.read_metadata(pa.BufferReader(pa.py_buffer(encode(to_arrow("samples", block, SCHEMAS["samples"])))))
    ranges = [metadata.row_group(i).column(0).statistics for i in range(metadata.num_row_groups)]
    assert [(r.min, r.max) for r in ranges] == [(0, count // 2 - 1), (count // 2, count - 1)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loss": None}, "history.loss is missing or None; it may not be null"),
        ({"lost": np.ones(2)}, "no column 'lost'"),
        ({"step": np.ones(3, np.int64)}, "must have one length"),
        ({"step": np.ones(2)}, "history.step holds int64, got float64"),
        ({"step": np.ones((2, 1), np.int64)}, "one dimension"),
        ({"run_id": np.ones(2, np.uint64)}, "history.run_id holds int64, got uint64"),
        ({"learner": np.ones(2)}, "history.learner holds text"),
        ({"learner": Labels(np.array([0, 1], np.int8), ("a",))}, r"must lie in 0…0"),
        ({"learner": Labels(np.array([0, -1], np.int8), ("a",))}, r"must lie in 0…0"),
        ({"learner": Labels(np.array([0, 0], np.int64), ("a",))}, "must be int8, int16 or int32"),
        ({"loss": constant(2, "a")}, "history.loss holds double, got Labels"),
    ],
)
def test_columns_that_do_not_fit_are_refused(change, message):
    block = {"run_id": np.arange(2), "learner": constant(2, "a"), "step": np.arange(2), "loss": np.ones(2)}
    with pytest.raises(ValueError, match=message):
        to_arrow("history", {**block, **change}, SCHEMAS["history"])


def test_duckdb_polars_and_pandas_read_every_table_from_the_bare_folder(tmp_path):
    pandas = pytest.importorskip("pandas")
    store = make_store(tmp_path / "out")
    chunks = [ChunkRange(CONDITION, 0, 3), ChunkRange(CONDITION, 3, 2), ChunkRange(3, 0, 4)]
    with store.hold() as held:
        for chunk in chunks:
            block = columns(chunk)
            if chunk.condition_id == 3:  # a condition of another kind: what does not apply to it is null
                for name in ("truth_num_x", "truth_num_y", "truth_scale", "truth_sorted"):
                    block["runs"][name] = None
                block["truths"]["y"] = None
            commit(held, chunk, {name: to_arrow(name, part, SCHEMAS[name]) for name, part in block.items()})
    for name in tables(chunks[0]):
        folder = tmp_path / "out" / name
        files = sorted(folder.iterdir())
        assert len(files) == 3
        whole = pq.read_table(folder)
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        assert whole.num_rows == rows

        described = [
            duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall() for path in (*files, f"{folder}/*.parquet")
        ]
        assert all(types == described[0] for types in described)
        from_duckdb = duckdb.sql(f"SELECT * FROM '{folder}/*.parquet'")
        assert len(from_duckdb) == rows

        assert len({str(pl.read_parquet_schema(file)) for file in files}) == 1
        from_polars = pl.read_parquet(folder)
        assert from_polars.height == rows

        from_pandas = pandas.read_parquet(folder)
        assert len(from_pandas) == rows

        for column in whole.column_names:
            expected = whole.column(column).to_pylist()
            assert sorted(map(repr, expected)) == sorted(
                repr(row[0]) for row in from_duckdb.select(f'"{column}"').fetchall()
            )
            assert sorted(map(repr, expected)) == sorted(map(repr, from_polars[column].to_list()))
        assert from_pandas["run_id"].dtype == np.int64
        assert sorted(from_pandas["run_id"]) == sorted(whole.column("run_id").to_pylist())
