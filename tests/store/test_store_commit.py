import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from store_cases import CONDITION, SCHEMAS, commit_and_die, commit_many, make_store, snapshot, tables

from stochmap.store import ChunkRange, LeaseLost, NotDeterministic, StoreError, commit, encode, verify
from stochmap.store._manifest import read_entry

CHUNK = ChunkRange(CONDITION, 0, 4)
SPAWN = multiprocessing.get_context("spawn")


def test_a_chunk_is_published_with_its_hashes(tmp_path):
    store = make_store(tmp_path)
    entry = commit(store, CHUNK, tables(CHUNK), timings={"learn": 1.5})
    assert store.committed() == [CHUNK]
    assert read_entry(store.objects, CHUNK.name) == entry
    assert entry.timings["learn"] == 1.5
    assert set(entry.timings) == {"learn", "encode", "write"}
    for table, record in entry.files.items():
        content = (tmp_path / record.path).read_bytes()
        assert record.path == f"{table}/{CHUNK.name}.parquet"
        assert (record.bytes, record.sha256) == (len(content), sha256(content).hexdigest())
        assert record.rows == tables(CHUNK)[table].num_rows
    text = json.loads((tmp_path / "manifest" / f"{CHUNK.name}.json").read_text())
    assert text["condition_id"] == f"{CONDITION:08x}"
    assert verify(tmp_path).problems == ()
    assert not list(tmp_path.rglob("*#*"))


def test_a_second_attempt_changes_nothing(tmp_path):
    store = make_store(tmp_path)
    first = commit(store, CHUNK, tables(CHUNK))
    before = snapshot(tmp_path)
    assert commit(store, CHUNK, tables(CHUNK)) == first
    again = make_store(tmp_path)
    assert (again.committed(), again.missing(CONDITION, 4)) == ([CHUNK], [])
    assert snapshot(tmp_path) == before


def test_missing_follows_any_chunk_boundaries(tmp_path):
    store = make_store(tmp_path)
    for chunk in (ChunkRange(CONDITION, 2, 3), ChunkRange(CONDITION, 7, 1), ChunkRange(5, 0, 9)):
        commit(store, chunk, tables(chunk))
    assert store.missing(CONDITION, 12) == [(0, 2), (5, 2), (8, 4)]
    assert store.missing(5, 9) == []
    assert store.missing(6, 2) == [(0, 2)]


def test_processes_that_race_for_chunks_publish_each_once(tmp_path):
    store = make_store(tmp_path)
    chunks = [ChunkRange(CONDITION, first, 2) for first in range(0, 40, 2)]
    with store.hold() as held:
        barrier, results = SPAWN.Barrier(4), SPAWN.Queue()
        processes = [SPAWN.Process(target=commit_many, args=(held, chunks, barrier, results)) for _ in range(4)]
        for process in processes:
            process.start()
        published = [results.get(timeout=60) for _ in range(4 * len(chunks))]
        for process in processes:
            process.join(60)
            assert process.exitcode == 0
    for name, files in published:
        assert files == read_entry(store.objects, name).files
    report = verify(tmp_path)
    assert report.problems == ()
    assert report.chunks == len(chunks)
    assert store.missing(CONDITION, 40) == []


@pytest.mark.parametrize(
    ("step", "turn"),
    [("put_if_absent", 0), ("put_if_absent", 3), ("put_if_absent", 6), ("_stage", 2), ("tag", 1)],
)
def test_a_killed_commit_is_finished_by_the_next(tmp_path, step, turn):
    store = make_store(tmp_path)
    process = SPAWN.Process(target=commit_and_die, args=(store, CHUNK, step, turn))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    present = [path for path in tmp_path.rglob("*.parquet")]
    if step == "put_if_absent":
        assert len(present) == turn
    assert all(path.read_bytes()[-4:] == b"PAR1" for path in present)
    published = step == "tag"  # looked at after the entry is out
    assert store.committed() == ([CHUNK] if published else [])
    with store.hold() as held:
        assert held.remove_orphans([CHUNK.name]) == []
        times = {path: path.stat().st_mtime_ns for path in present}
        commit(held, CHUNK, tables(CHUNK))
    assert times == {path: path.stat().st_mtime_ns for path in present}  # adopted, not written again
    assert verify(tmp_path).problems == ()


def test_what_a_killed_writer_leaves_is_outside_the_data_folders_and_is_removed(tmp_path):
    store = make_store(tmp_path)
    commit(store, CHUNK, tables(CHUNK))
    other = ChunkRange(CONDITION, 4, 4)
    code = (
        "import os, signal, obstore, store_cases as c; from stochmap.store import ChunkRange;"
        "obstore.rename = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL);"
        f"chunk = ChunkRange({other.condition_id}, {other.first}, {other.count});"
        f"c.commit(c.make_store({str(tmp_path)!r}), chunk, c.tables(chunk))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == -signal.SIGKILL
    left = store.objects.temporary_files()
    assert len(left) == 1
    assert left[0].startswith(".staging/")
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {f"{CHUNK.name}.parquet"}
    assert any("killed writer" in problem for problem in verify(tmp_path).problems)
    with store.hold() as held:
        assert held.remove_orphans([]) == left
    assert verify(tmp_path).problems == ()


def test_other_bytes_from_the_same_platform_are_an_error(tmp_path):
    store = make_store(tmp_path)
    entry = commit(store, CHUNK, tables(CHUNK))
    before = snapshot(tmp_path)
    ours = sha256(encode(tables(CHUNK, shift=0.5)["estimates"])).hexdigest()
    with pytest.raises(
        NotDeterministic, match=f"^estimates/{CHUNK.name}.parquet.*{entry.files['estimates'].sha256}.*{ours}"
    ):
        commit(store, CHUNK, tables(CHUNK, shift=0.5))
    with pytest.raises(NotDeterministic, match="history"):
        commit(store, CHUNK, {name: table for name, table in tables(CHUNK).items() if name != "history"})
    assert snapshot(tmp_path) == before


def test_other_bytes_from_another_platform_give_way_to_what_is_published(tmp_path):
    entry = commit(make_store(tmp_path), CHUNK, tables(CHUNK))
    before = snapshot(tmp_path)
    assert commit(make_store(tmp_path, platform="other"), CHUNK, tables(CHUNK, shift=0.5)) == entry
    assert snapshot(tmp_path) == before


def orphan(folder: Path, table: str, shift: float, chunk: ChunkRange = CHUNK) -> Path:
    path = folder / table / f"{chunk.name}.parquet"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode(tables(chunk, shift)[table]))
    return path


def test_an_orphan_with_the_right_bytes_is_adopted(tmp_path):
    store = make_store(tmp_path)
    path = orphan(tmp_path, "truths", 0.0)
    written = path.stat()
    commit(store, CHUNK, tables(CHUNK))
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (written.st_mtime_ns, written.st_ino)
    assert verify(tmp_path).problems == ()


def test_an_orphan_with_other_bytes_is_replaced_only_under_the_lease(tmp_path):
    store = make_store(tmp_path)
    path = orphan(tmp_path, "truths", 0.5)
    other = path.read_bytes()
    with pytest.raises(StoreError, match=f"truths/{CHUNK.name}.parquet holds other bytes.*store.hold"):
        commit(store, CHUNK, tables(CHUNK))
    assert path.read_bytes() == other
    assert store.committed() == []
    with store.hold() as held:
        commit(held, CHUNK, tables(CHUNK))
    assert path.read_bytes() == bytes(encode(tables(CHUNK)["truths"]))
    assert verify(tmp_path).problems == ()


def test_orphans_of_chunks_that_are_not_planned_are_removed(tmp_path):
    store = make_store(tmp_path)
    commit(store, CHUNK, tables(CHUNK))
    planned, stray = ChunkRange(CONDITION, 4, 4), ChunkRange(CONDITION, 4, 3)
    kept = [orphan(tmp_path, "runs", 0.0, planned), orphan(tmp_path, "fits", 0.0, planned)]
    gone = orphan(tmp_path, "runs", 0.0, stray)
    foreign = tmp_path / "runs" / "notes.txt"
    foreign.write_text("mine")
    half = tmp_path / "runs" / f"{planned.name}.parquet#12"
    half.write_text("half")
    problems = verify(tmp_path).problems
    for name in (planned.name, stray.name, "notes.txt", "#12"):
        assert any(name in problem for problem in problems)
    with pytest.raises(StoreError, match="store.hold"):
        store.remove_orphans([planned.name])
    with store.hold() as held:
        assert held.remove_orphans([planned.name]) == [f"runs/{stray.name}.parquet", f"runs/{planned.name}.parquet#12"]
    assert all(path.exists() for path in (*kept, foreign))
    assert not gone.exists()
    assert not half.exists()


def test_a_file_replaced_before_its_entry_was_seen_is_restored(tmp_path, monkeypatch):
    """Two platforms at work on one chunk: whoever publishes, the files are the published ones."""
    store = make_store(tmp_path)
    other = make_store(tmp_path, platform="other")
    with store.hold() as held:
        other = replace(other, lease=held.lease)
        publish = held.objects.put_if_absent

        def overtaken(path: str, data: memoryview) -> str | None:
            if path.startswith("manifest/"):
                other.objects.put(f"truths/{CHUNK.name}.parquet", encode(tables(CHUNK, shift=0.5)["truths"]))
            return publish(path, data)

        monkeypatch.setattr(held.objects, "put_if_absent", overtaken)
        entry = commit(held, CHUNK, tables(CHUNK))
        assert verify(tmp_path).problems == ()

    # The other way round: our entry comes out while the other replaces a file of it.
    second = ChunkRange(CONDITION, 4, 4)
    orphan(tmp_path, "runs", 0.0, second)
    with make_store(tmp_path).hold() as held:
        other = replace(other, lease=held.lease)
        replace_object = other.objects.put

        def overtaking(path: str, data: memoryview) -> str:
            monkeypatch.undo()
            tag = replace_object(path, data)
            if not held.committed() == [CHUNK, second]:
                other.objects.put(path, encode(tables(second)[path.partition("/")[0]]))
                commit(held, second, tables(second))
                tag = replace_object(path, data)
            return tag

        orphan(tmp_path, "truths", 0.0, second)
        monkeypatch.setattr(other.objects, "put", overtaking)
        published = commit(other, second, tables(second, shift=0.5))
        assert published.platform == entry.platform
        assert verify(tmp_path).problems == ()


def test_a_handle_whose_lease_was_taken_over_publishes_nothing(tmp_path):
    store = make_store(tmp_path)
    with store.hold() as held:
        worker = pickle.loads(pickle.dumps(held))
        commit(worker, CHUNK, tables(CHUNK))
    with pytest.raises(LeaseLost):
        commit(worker, ChunkRange(CONDITION, 4, 4), tables(ChunkRange(CONDITION, 4, 4)))
    with store.hold(), pytest.raises(LeaseLost):
        commit(worker, ChunkRange(CONDITION, 4, 4), tables(ChunkRange(CONDITION, 4, 4)))
    assert store.committed() == [CHUNK]
    assert verify(tmp_path).problems == ()


def test_a_store_taken_over_during_a_commit_gets_no_entry_of_it(tmp_path, monkeypatch):
    with make_store(tmp_path).hold() as held:
        put = held.objects.put_if_absent

        def taken_over(path: str, data: memoryview) -> str | None:
            if path.startswith("fits/"):
                put("manifest/lease-2.json", b"{}")
            return put(path, data)

        monkeypatch.setattr(held.objects, "put_if_absent", taken_over)
        with pytest.raises(LeaseLost):
            commit(held, CHUNK, tables(CHUNK))
        assert held.committed() == []


def test_a_handle_does_not_carry_its_connection(tmp_path):
    store = make_store(tmp_path)
    assert store.objects.url == str(tmp_path)
    assert "objects" not in pickle.loads(pickle.dumps(store)).__dict__


def test_a_table_of_another_schema_is_refused(tmp_path):
    store = make_store(tmp_path)
    good = tables(CHUNK)
    with pytest.raises(ValueError, match="keeps no table 'guesses'"):
        commit(store, CHUNK, {"guesses": good["runs"]})
    with pytest.raises(ValueError, match="table 'truths' does not have the store's schema"):
        commit(store, CHUNK, {"truths": good["truths"].drop_columns("y")})
    with pytest.raises(ValueError, match="does not have the store's schema"):
        commit(store, CHUNK, {"truths": good["truths"].replace_schema_metadata({})})
    assert not list(tmp_path.glob("*/*.parquet"))


def test_completion_is_marked_and_taken_back_under_the_lease(tmp_path):
    store = make_store(tmp_path)
    assert store.completed_plan() is None
    with pytest.raises(StoreError, match="store.hold"):
        store.mark_complete("abc")
    with store.hold() as held:
        held.mark_complete("abc")
    assert make_store(tmp_path).completed_plan() == "abc"
    assert json.loads((tmp_path / "manifest" / "SUCCESS.json").read_text()) == {"plan": "abc"}
    with store.hold() as held:
        held.mark_incomplete()
        held.mark_incomplete()
    assert store.completed_plan() is None


def test_importing_the_store_loads_neither_ray_nor_jax():
    code = "import stochmap.store._reading, stochmap.store, sys; print(sorted({'ray', 'duckdb'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
    sources = (Path(sys.modules["stochmap.store"].__file__).parent).glob("*.py")
    for source in sources:
        for line in source.read_text().splitlines():
            assert not line.startswith(("import jax", "from jax", "import ray", "from stochmap.mappings"))


def test_the_store_knows_all_of_the_studys_tables(tmp_path):
    assert make_store(tmp_path).schemas == SCHEMAS
