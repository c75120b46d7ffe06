"""The job that writes datasets, as a user runs it: one hash whatever wrote it, readable by all, refused in one line."""

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import commands
import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from sample_cases import PAIRS, SORTS, TOML, call, row_hash, rows

from stochmap import store as stores
from stochmap.datasets import draw_rows
from stochmap.streams import Role, words_on_host
from stochmap.study import dataset_from_options


def test_the_command_prints_its_rate_and_how_far_the_rows_are_from_the_truth(capsys, tmp_path):
    assert call("--rows", "1e4", "--out", tmp_path / "out", "--in-process") == 0
    printed = capsys.readouterr().out
    assert "10,000 rows in" in printed
    assert "rows/s" in printed
    assert "the rows follow the truth" in printed
    assert "x = 15" in printed
    assert call("--rows", "1e4", "--out", tmp_path / "out", "--in-process") == 0
    assert "nothing to do" in capsys.readouterr().out


def test_rows_that_do_not_follow_the_truth_fail_the_command(capsys, tmp_path, monkeypatch):
    """Rows whose y is always the row's first outcome."""
    arguments = ["--rows", "1e4", "--out", tmp_path / "out", "--in-process"]

    def broken(table, dataset, first, count, tally):
        for block in draw_rows(table, dataset, first, count, tally):
            tally.counts[:] = np.where(np.arange(128) % 8 == 0, tally.counts.sum() // 16, 0)
            yield block

    monkeypatch.setattr("jobs._work.draw_rows", broken)
    assert call(*arguments) == 1
    assert "THE ROWS DO NOT FOLLOW THE TRUTH" in capsys.readouterr().out


def test_the_default_truth_is_16_by_8_normal_logits(written):
    store = stores.open(written["pairs"])
    assert store.study["truth"] == {"kind": "normal_logits", "num_x": 16, "num_y": 8, "scale": 1.0}
    assert store.study["seed"] == 42
    assert rows(written["pairs"])["x"].dtype == np.int8


@pytest.mark.parametrize("sort", SORTS)
def test_files_of_another_size_hold_the_same_rows(cut, hashes, sort):
    assert len(list((cut[sort] / "samples").iterdir())) >= 5
    assert row_hash(cut[sort]) == hashes[sort]


@pytest.mark.parametrize("sort", SORTS)
def test_more_rows_later_are_the_same_rows(home, hashes, sort):
    """And those that were there are left as they are."""
    out, arguments = home / f"grown-{sort}", list(SORTS[sort])
    place = arguments.index("--chains" if sort == "chains" else "--rows") + 1
    size, arguments[place] = arguments[place], "123"
    assert call(*arguments, "--out", out, "--in-process") == 0
    first = {path: path.read_bytes() for path in out.rglob("*.parquet")}
    arguments[place] = size
    assert call(*arguments, "--out", out, "--in-process", "--rows-per-file", "4000") == 0
    assert row_hash(out) == hashes[sort]
    assert all(path.read_bytes() == content for path, content in first.items())
    assert len(commands.entries(out)) > len(first) - 3
    assert not stores.verify(out).problems


def test_the_same_chunk_has_the_same_bytes(written, home):
    for sort, out in written.items():
        again = home / f"again-{sort}"
        assert call(*SORTS[sort], "--out", again, "--in-process") == 0
        assert commands.entries(again) == commands.entries(out)
        for path in out.rglob("*.parquet"):
            assert (again / path.relative_to(out)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("devices", [1, 8])
def test_other_numbers_of_devices_write_the_same_rows(home, hashes, devices):
    """This process has two."""
    script = "import sys; import sample_cases; sys.exit(sample_cases.write(sys.argv[1], '--in-process'))"
    done = subprocess.run(
        [sys.executable, "-c", script, str(home / f"devices-{devices}")],
        cwd=commands.CHECKOUT,
        env=commands.environment(home, JAX_NUM_CPU_DEVICES=str(devices), PYTHONPATH=commands.SEARCH),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for sort, expected in hashes.items():
        assert row_hash(home / f"devices-{devices}" / sort) == expected


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_job_that_was_killed_goes_on_from_where_it_was(home, hashes, number):
    out = home / f"killed-{number}"
    arguments = [*PAIRS, "--out", out, "--in-process", "--rows-per-file"]
    process = subprocess.Popen(
        [sys.executable, "-m", "jobs.sample", *map(str, arguments), "20"],
        cwd=commands.CHECKOUT,
        env=commands.environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 100
    while len(commands.entries(out)) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (3 if number == signal.SIGTERM else -signal.SIGKILL), errors
    assert "Traceback" not in errors
    assert not (out / "manifest" / "SUCCESS.json").exists()
    assert 5 <= len(commands.entries(out)) < 1000
    assert call(*arguments, "3000") == 0
    assert row_hash(out) == hashes["pairs"]
    assert not stores.verify(out).problems


def test_rows_can_be_drawn_again_from_the_files_alone(written):
    """By whole numbers: the published words, and the integer table beside the rows."""
    out = written["pairs"]
    dataset, _ = dataset_from_options(stores.open(out).study)
    columns = {name: column.to_pylist() for name, column in zip(*_columns(out / "truths"), strict=True)}
    cells = len(columns["cell"])
    found = rows(out)
    for row in (*range(100), 19_999):
        blocks = [words_on_host(dataset.key, role, row // 2, 1)[0] for role in (Role.PAIR, Role.PAIR_LOWER)]
        upper, lower = (int(block[row % 2]) for block in blocks)
        cell, remainder = divmod(((upper << 32) | lower) * cells, 1 << 64)
        threshold = (columns["threshold_high"][cell] << 32) | columns["threshold_low"][cell]
        cell = cell if remainder < threshold else columns["alias"][cell]
        assert (found["x"][row], found["y"][row]) == (columns["x"][cell], columns["y"][cell])


def test_chains_can_be_drawn_again_from_the_files_alone(written):
    out = written["chains"]
    dataset, _ = dataset_from_options(stores.open(out).study)
    truths = {name: column.to_pylist() for name, column in zip(*_columns(out / "truths"), strict=True)}
    inputs = {name: column.to_pylist() for name, column in zip(*_columns(out / "inputs"), strict=True)}

    def choose(table: dict[str, list], first: int, size: int, word: int) -> int:
        cell, remainder = divmod(word * size, 1 << 64)
        cell += first
        threshold = (table["threshold_high"][cell] << 32) | table["threshold_low"][cell]
        return cell if remainder < threshold else table["alias"][cell]

    found = {name: values.reshape(300, 30) for name, values in rows(out).items()}
    for chain in (0, 17, 299):
        words = [(int(h) << 32) | int(low) for h, low in words_on_host(dataset.key, Role.PAIR, chain * 31, 31)]
        state = choose(inputs, 0, 5, words[0])
        for step, word in enumerate(words[1:]):
            assert found["x"][chain, step] == state
            mine = [cell for cell, x in enumerate(truths["x"]) if x == state]
            state = truths["y"][choose(truths, mine[0], len(mine), word)]
            assert found["y"][chain, step] == state


def _columns(folder: Path):
    table = pq.read_table(folder)
    return table.column_names, table.columns


SUMS = {"pairs": ["x", "y"], "values": ["x"], "chains": ["chain", "step", "x", "y"]}


@pytest.mark.parametrize("sort", SORTS)
def test_every_reader_reads_the_bare_folder(written, sort):
    pandas = pytest.importorskip("pandas")
    expected = rows(written[sort])
    folder = written[sort] / "samples"
    sums = ", ".join(f"sum({name})" for name in SUMS[sort])
    (by_duckdb,) = duckdb.sql(f"SELECT count(*), {sums} FROM '{folder}/*.parquet'").fetchall()
    by_polars, by_pandas = pl.read_parquet(folder), pandas.read_parquet(folder)
    total = [len(expected["x"]), *(int(expected[name].sum(dtype=np.int64)) for name in SUMS[sort])]
    assert list(by_duckdb) == total
    assert [by_polars.height, *(by_polars[name].cast(pl.Int64).sum() for name in SUMS[sort])] == total
    assert [len(by_pandas), *(by_pandas[name].sum() for name in SUMS[sort])] == total
    if sort == "values":
        np.testing.assert_array_equal(np.sort(by_polars["value"].to_numpy()), np.sort(expected["value"]))


def test_verify_passes_and_sees_damage(written, tmp_path, capsys):
    for out in written.values():
        assert not stores.verify(out).problems
    assert call("--rows", "100", "--out", tmp_path / "out", "--in-process") == 0
    (victim,) = (tmp_path / "out" / "samples").iterdir()
    content = bytearray(victim.read_bytes())
    content[len(content) // 3] ^= 1
    victim.write_bytes(content)
    assert commands.call("verify", tmp_path / "out") == 1
    assert victim.name in capsys.readouterr().err


def test_a_file_says_what_options_say(home, hashes, tmp_path):
    (tmp_path / "dataset.toml").write_text(TOML)
    out = tmp_path / "out"
    assert call(tmp_path / "dataset.toml", "--out", out, "--in-process") == 0
    assert len(rows(out)["x"]) == 3000
    assert call(tmp_path / "dataset.toml", "--rows", "20000", "--out", out, "--in-process") == 0
    assert row_hash(out) == hashes["pairs"]


def test_a_folder_of_something_else_is_left_alone(capsys, tmp_path, written):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert call("--rows", "5", "--out", tmp_path, "--in-process") == 2
    assert "thesis.tex" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    before = {path: path.stat().st_mtime_ns for path in written["pairs"].rglob("*")}
    for other, named in [
        (["--rows", "9", "--seed", "43"], "seed: 42 in the store, 43 asked"),
        ([*PAIRS, "--inputs.kind", "zipf"], "inputs."),
    ]:
        assert call(*other, "--out", written["pairs"], "--in-process") == 2
        errors = capsys.readouterr().err
        assert named in errors
        assert errors.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in written["pairs"].rglob("*")} == before


def test_a_dry_run_tells_the_size_and_writes_nothing(capsys, tmp_path):
    assert call("--rows", "1e12", "--out", tmp_path / "out", "--dry-run") == 0
    printed = capsys.readouterr().out
    assert "1,000,000,000,000 rows" in printed
    assert "files" in printed
    assert not (tmp_path / "out").exists()


@pytest.fixture
def small_disk():
    """No file beyond 16 kB can be written, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(capfd, tmp_path, small_disk, hashes):
    out = tmp_path / "out"
    arguments = [*PAIRS, "--out", out, "--in-process"]
    capfd.readouterr()
    code = call(*arguments)
    errors = [line for line in capfd.readouterr().err.splitlines() if "elapsed" not in line]
    assert code == 1
    assert len(errors) == 1
    assert "free space" in errors[0]
    assert not (out / "manifest" / "SUCCESS.json").exists()
    assert not list(out.glob("samples/*"))
    assert not [entry for entry in commands.entries(out) if (out / "samples" / entry).exists()]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert call(*arguments) == 0
    assert row_hash(out) == hashes["pairs"]
    assert not stores.verify(out).problems
    assert json.loads((out / "manifest" / "SUCCESS.json").read_text())


def test_the_help_has_examples(capsys):
    assert call("--help") == 0
    printed = capsys.readouterr().out
    assert "python -m jobs.sample --out out/pairs --rows 1e9" in printed
    for option in ("--rows", "--chains", "--truth", "--inputs", "--sequence", "--rows-per-file", "--dry-run"):
        assert option in printed
