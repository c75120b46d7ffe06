import json

import numpy as np
import pytest
from store_cases import CONDITION, SCHEMAS, columns, make_store, tables

from stochmap.store import ChunkRange, StoreError, commit, to_arrow, verify

FIRST, SECOND = ChunkRange(CONDITION, 0, 4), ChunkRange(CONDITION, 4, 3)


@pytest.fixture
def folder(tmp_path):
    store = make_store(tmp_path)
    for chunk in (FIRST, SECOND):
        commit(store, chunk, tables(chunk))
    return tmp_path


def only_problem(folder) -> str:
    (problem,) = verify(folder).problems
    assert "\n" not in problem
    return problem


def test_a_sound_store_has_no_problems_and_its_totals(folder):
    report = verify(folder)
    assert report.problems == ()
    assert (report.chunks, report.files) == (2, 12)
    assert report.rows == {"runs": 7, "fits": 14, "history": 14, "truths": 84, "counts": 84, "estimates": 168}
    assert report.bytes == sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def flip(path, needle: bytes) -> None:
    content = bytearray(path.read_bytes())
    position = content.index(needle)
    content[position + 3] ^= 1
    path.write_bytes(content)


def test_a_flipped_bit_in_a_page_is_found_and_placed(folder):
    path = folder / "truths" / f"{SECOND.name}.parquet"
    flip(path, columns(SECOND)["truths"]["value"].tobytes())
    problem = only_problem(folder)
    assert problem.startswith(f"truths/{SECOND.name}.parquet has sha256 ")
    assert "damaged in column value, row group 0" in problem


def test_a_flipped_bit_outside_the_pages_is_found(folder):
    flip(folder / "truths" / f"{SECOND.name}.parquet", b"stochmap.identity")
    assert "every page is sound" in only_problem(folder)


def test_a_truncated_file_is_found(folder):
    path = folder / "fits" / f"{FIRST.name}.parquet"
    path.write_bytes(path.read_bytes()[:100])
    assert "no readable Parquet file" in only_problem(folder)


def test_a_missing_file_is_found(folder):
    (folder / "counts" / f"{FIRST.name}.parquet").unlink()
    assert only_problem(folder) == f"counts/{FIRST.name}.parquet is missing"


def test_another_valid_file_in_its_place_is_found(folder):
    content = (folder / "counts" / f"{SECOND.name}.parquet").read_bytes()
    (folder / "counts" / f"{FIRST.name}.parquet").write_bytes(content)
    assert "every page is sound" in only_problem(folder)


def test_a_wrong_row_count_in_the_manifest_is_found(folder):
    path = folder / "manifest" / f"{FIRST.name}.json"
    entry = json.loads(path.read_text())
    entry["files"]["counts"]["rows"] += 1
    path.write_text(json.dumps(entry))
    assert only_problem(folder) == f"counts/{FIRST.name}.parquet has 48 rows, 49 in the manifest"


def test_a_broken_entry_is_found_and_its_files_are_not_taken_for_sound(folder):
    (folder / "manifest" / f"{FIRST.name}.json").write_text("{")
    problems = verify(folder).problems
    assert "is no manifest entry" in problems[0]
    assert len(problems) == 7


def test_an_unpublished_chunk_and_foreign_files_are_found(folder):
    (folder / "manifest" / f"{FIRST.name}.json").unlink()
    (folder / "runs" / "_SUCCESS").write_text("")
    problems = verify(folder).problems
    assert sum("is an orphan" in problem for problem in problems) == 6
    assert sum("runs/_SUCCESS does not belong" in problem for problem in problems) == 1


def test_overlapping_chunks_are_found(folder):
    store = make_store(folder)
    for chunk in (
        ChunkRange(CONDITION, 1, 1),
        ChunkRange(CONDITION, 3, 1),
        ChunkRange(CONDITION, 6, 2),
        ChunkRange(7, 0, 5),
    ):
        commit(store, chunk, tables(chunk))
    assert verify(folder).problems == (
        f"chunks {FIRST.name} and {CONDITION:08x}-1-1 overlap: their common runs are there twice",
        f"chunks {FIRST.name} and {CONDITION:08x}-3-1 overlap: their common runs are there twice",
        f"chunks {SECOND.name} and {CONDITION:08x}-6-2 overlap: their common runs are there twice",
    )


def changed(chunk: ChunkRange, table: str, run_id) -> dict:
    block = columns(chunk)[table]
    block["run_id"] = run_id(block["run_id"])
    return {**tables(chunk), table: to_arrow(table, block, SCHEMAS[table])}


def test_runs_that_are_there_twice_or_do_not_belong_are_found(folder):
    store = make_store(folder)
    chunk = ChunkRange(9, 0, 3)
    commit(store, chunk, changed(chunk, "runs", lambda run_id: np.minimum(run_id, run_id[1])))
    problems = verify(folder).problems
    assert f"runs/{chunk.name}.parquet has run {(9 << 32) + 1} more than once" in problems
    assert any("does not hold the runs of its chunk: 1 lack" in problem for problem in problems)
    assert any(
        problem.startswith(f"fits/{chunk.name}.parquet has 1 runs that table 'runs' lacks") for problem in problems
    )


def test_rows_of_a_run_that_runs_lacks_are_found(folder):
    store = make_store(folder)
    chunk = ChunkRange(9, 0, 3)
    commit(store, chunk, changed(chunk, "truths", lambda run_id: np.where(run_id == run_id[0], run_id + 10, run_id)))
    expected = f"truths/{chunk.name}.parquet has 1 runs that table 'runs' lacks, the first is {(9 << 32) + 10}"
    assert only_problem(folder) == expected


def test_a_file_of_another_schema_is_found(folder):
    store = make_store(folder)
    store.schemas["counts"] = store.schemas["counts"].remove_metadata()
    chunk = ChunkRange(CONDITION + 1, 0, 3)
    changed_tables = tables(chunk)
    changed_tables["counts"] = changed_tables["counts"].replace_schema_metadata(None)
    commit(store, chunk, changed_tables)
    assert "has another schema than" in only_problem(folder)


def test_no_store_is_one_line(tmp_path):
    with pytest.raises(StoreError, match=r"is no store, it has no study.toml; check the path$"):
        verify(tmp_path)
