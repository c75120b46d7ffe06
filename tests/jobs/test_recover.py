"""The main job, as a user runs it: the same store whatever ran it, resumed, extended, refused."""

import json
import os
import signal
import subprocess
import sys
import time

import commands
import duckdb
import pandas as pd
import polars as pl
import pytest

EVERYTHING = commands.DATA + commands.FITS


def test_the_printed_table_names_every_condition_and_where_the_report_is(home, study, reference):
    done = commands.run("recover", study, "--out", reference, "--in-process", home=home)
    assert done.returncode == 0
    for word in ("table", "gaussian", "maximum_likelihood", "gradient_descent", "normal_inverse_gamma", "efficiency"):
        assert word in done.stdout
    assert str(reference / "report" / "index.html") in done.stdout
    assert (reference / "report" / "index.html").stat().st_size > 10_000


def test_a_second_call_does_nothing_and_says_so(home, study, reference):
    before = {path: path.stat().st_mtime_ns for path in reference.rglob("*")}
    done = commands.run("recover", study, "--out", reference, "--in-process", home=home)
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in reference.rglob("*")} == before


@pytest.mark.parametrize("devices", [2, 8])
def test_other_numbers_of_devices_write_the_same(home, study, reference, devices):
    out = home / f"devices-{devices}"
    done = commands.run("recover", study, "--out", out, "--in-process", home=home, JAX_NUM_CPU_DEVICES=str(devices))
    assert done.returncode == 0, done.stderr
    assert commands.content_hash(out, EVERYTHING) == commands.content_hash(reference, EVERYTHING)


@pytest.mark.parametrize("workers", [1, 2])
def test_ray_writes_the_same_bytes_as_this_process(home, study, reference, workers):
    out = home / f"workers-{workers}"
    done = commands.run("recover", study, "--out", out, "--workers", str(workers), home=home)
    assert done.returncode == 0, done.stderr
    assert commands.content_hash(out, EVERYTHING) == commands.content_hash(reference, EVERYTHING)
    entries = sorted(path.name for path in (reference / "manifest").glob("*-*-*.json"))
    assert entries == sorted(path.name for path in (out / "manifest").glob("*-*-*.json"))
    for name in entries:
        ours, theirs = (json.loads((folder / "manifest" / name).read_text()) for folder in (out, reference))
        assert ours["files"] == theirs["files"]


def test_extending_adds_only_what_is_missing(home, study, reference):
    out, grown = home / "extended", home / "grown.toml"
    smaller = commands.STUDY.replace("num_samples = [40, 300]", "num_samples = [40]")
    grown.write_text(smaller)
    assert commands.run("recover", grown, "--out", out, "--replicates", "70", "--in-process", home=home).returncode == 0
    first = {path: path.read_bytes() for path in out.rglob("*.parquet")}
    done = commands.run("recover", study, "--out", out, "--in-process", home=home)
    assert done.returncode == 0, done.stderr
    assert all(path.read_bytes() == content for path, content in first.items())
    assert commands.content_hash(out, EVERYTHING) == commands.content_hash(reference, EVERYTHING)
    assert commands.run("verify", out, home=home).returncode == 0


def test_another_chunk_size_and_being_stopped_part_way_write_the_same(home, study, reference):
    out = home / "stopped"
    assert commands.run("recover", study, "--out", out, "--replicates", "1", "--in-process", home=home).returncode == 0
    (out / "manifest" / "layout.json").write_text('{"chunk_size": 64}')
    command = [sys.executable, "-m", "jobs.recover", str(study), "--out", str(out), "--workers", "1"]
    process = subprocess.Popen(
        command,
        cwd=commands.CHECKOUT,
        env=commands.environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    chunks = len(list((out / "manifest").glob("*-*-*.json")))
    deadline = time.monotonic() + 100
    while len(list((out / "manifest").glob("*-*-*.json"))) == chunks and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "Traceback" not in errors
    assert not (out / "manifest" / "SUCCESS.json").exists()
    done = commands.run("recover", study, "--out", out, "--workers", "2", home=home)
    assert done.returncode == 0, done.stderr
    assert commands.content_hash(out, EVERYTHING) == commands.content_hash(reference, EVERYTHING)
    assert commands.run("verify", out, home=home).returncode == 0


def test_the_order_of_problems_and_learners_does_not_matter(home, reference):
    out = home / "reordered"
    assert (
        commands.run(
            "recover", home / "study.toml", "--out", out, "--replicates", "70", "--in-process", home=home
        ).returncode
        == 0
    )
    head, first, second = commands.STUDY.split("[[problem]]")
    lines = first.splitlines()
    learners = [line for line in lines if line.startswith("  {")]
    first = first.replace("\n".join(learners), "\n".join(reversed(learners)))
    (home / "reordered.toml").write_text("[[problem]]".join([head, second, first]))
    done = commands.run("recover", home / "reordered.toml", "--out", out, "--in-process", home=home)
    assert done.returncode == 0, done.stderr
    assert commands.run("verify", out, home=home).returncode == 0
    assert commands.content_hash(out, EVERYTHING) == commands.content_hash(reference, EVERYTHING)


def test_a_report_older_than_the_store_is_built_again(home, study):
    out = home / "old-report"
    assert commands.run("recover", study, "--out", out, "--replicates", "3", "--in-process", home=home).returncode == 0
    page = out / "report" / "index.html"
    page.write_text("of an earlier state")
    os.utime(page, (1, 1))
    assert commands.run("recover", study, "--out", out, "--replicates", "3", "--in-process", home=home).returncode == 0
    assert "of an earlier state" not in page.read_text()


def test_another_seed_is_refused_by_its_key_and_changes_nothing(home, study, reference):
    before = {path: path.stat().st_mtime_ns for path in reference.rglob("*")}
    done = commands.run("recover", study, "--out", reference, "--seed", "6", "--in-process", home=home)
    assert done.returncode == 2
    assert "seed: 5 in the store, 6 asked" in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in reference.rglob("*")} == before


def test_every_reader_reads_every_table_from_the_bare_folder(reference):
    for table in EVERYTHING:
        expected = commands.rows(reference, table).num_rows
        glob = str(reference / table / "*.parquet")
        assert duckdb.sql(f"SELECT count(*) FROM read_parquet('{glob}')").fetchall() == [(expected,)]
        assert pl.read_parquet(glob).height == expected
        assert len(pd.read_parquet(reference / table)) == expected


def test_samples_are_what_was_counted(reference):
    query = f"""
        WITH drawn AS (
            SELECT run_id, x, y, count(*) AS n FROM '{reference}/samples/*.parquet' WHERE y IS NOT NULL GROUP BY ALL
        )
        SELECT count(*), count(*) FILTER (drawn.n IS DISTINCT FROM counted.n)
        FROM drawn FULL JOIN '{reference}/counts/*.parquet' AS counted USING (run_id, x, y)
    """
    ((cells, different),) = duckdb.sql(query).fetchall()
    assert cells > 1000
    assert different == 0


def test_only_run_prints_the_numbers_of_the_store(home, study, reference):
    fits = commands.rows(reference, "fits")
    run_id, error = fits["run_id"][7].as_py(), fits["kl_fit_truth"][7].as_py()
    done = commands.run("recover", study, "--only-run", str(run_id), home=home)
    assert done.returncode == 0, done.stderr
    assert f"{error:.6g}" in done.stdout


def test_a_bug_names_the_chunk_and_the_command_that_shows_its_run_alone(home, study):
    (home / "broken_truth.py").write_text(
        "from dataclasses import dataclass\n"
        "from stochmap.truths import NormalLogits\n"
        "from stochmap.streams import run_keys\n"
        "import numpy as np\n"
        "@dataclass(frozen=True)\n"
        "class Broken(NormalLogits):\n"
        "    def draw(self, key):\n"
        "        table = super().draw(key)\n"
        "        first = table.probabilities[..., 0, 0]\n"
        "        if (first > 0.62).any():\n"
        "            raise RuntimeError('planted')\n"
        "        return table\n"
    )
    broken = home / "broken.toml"
    broken.write_text(
        'name = "broken"\nreplicates = 200\n[[problem]]\nname = "p"\nnum_samples = 10\n'
        'truth = { kind = "broken_truth:Broken", num_x = 2, num_y = 3 }\nlearners = [{ kind = "maximum_likelihood" }]\n'
    )
    path = os.pathsep.join([str(home), os.environ.get("PYTHONPATH", "")])
    done = commands.run("recover", broken, "--out", home / "broken", "--workers", "1", home=home, PYTHONPATH=path)
    assert done.returncode == 1
    assert "RuntimeError: planted" in done.stderr
    command = done.stderr.strip().splitlines()[-1]
    assert "--only-run" in command
    run_id = command.split("--only-run ")[1].rstrip("`")
    again = commands.run("recover", broken, "--only-run", run_id, home=home, PYTHONPATH=path)
    assert again.returncode != 0
    assert "planted" in again.stderr
    other = str(int(run_id) - 1)
    assert commands.run("recover", broken, "--only-run", other, home=home, PYTHONPATH=path).returncode == 0
