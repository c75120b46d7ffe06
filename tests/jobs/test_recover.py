"""The main job, as a user runs it: the same store whatever ran it, resumed, extended, refused."""

import os
import shutil
import signal
import subprocess
import sys

import commands
import duckdb
import pandas as pd
import polars as pl
import pytest

EVERYTHING = commands.DATA + commands.FITS


def recover(study, out, *options) -> int:
    return commands.call("recover", study, "--out", out, "--in-process", *options)


def states(out) -> dict:
    return {path: path.stat().st_mtime_ns for path in out.rglob("*")}


def test_the_printed_table_names_every_condition_and_where_the_report_is(capsys, study, reference):
    assert recover(study, reference) == 0
    printed = capsys.readouterr().out
    for word in ("table", "gaussian", "maximum_likelihood", "gradient_descent", "normal_inverse_gamma", "efficiency"):
        assert word in printed
    assert str(reference / "report" / "index.html") in printed
    assert (reference / "report" / "index.html").stat().st_size > 10_000


def test_a_second_call_does_nothing_and_says_so(home, study, reference):
    before = states(reference)
    done = commands.run("recover", study, "--out", reference, "--in-process", home=home)
    assert done.returncode == 0
    assert "nothing to do" in done.stdout
    assert states(reference) == before


@pytest.mark.parametrize("devices", [1, 8])
def test_other_numbers_of_devices_write_the_same(home, study, reference, devices):
    """This process has two."""
    out = home / f"devices-{devices}"
    done = commands.run("recover", study, "--out", out, "--in-process", home=home, JAX_NUM_CPU_DEVICES=str(devices))
    assert done.returncode == 0, done.stderr
    assert commands.content_hash(out, EVERYTHING) == commands.content_hash(reference, EVERYTHING)


def test_extending_adds_only_what_is_missing(home, study, reference):
    out, smaller = home / "extended", home / "smaller.toml"
    smaller.write_text(commands.STUDY.replace("num_samples = [40, 300]", "num_samples = [40]"))
    assert recover(smaller, out, "--replicates", "70") == 0
    first = {path: path.read_bytes() for path in out.rglob("*.parquet")}
    assert recover(study, out) == 0
    assert all(path.read_bytes() == content for path, content in first.items())
    assert commands.content_hash(out, EVERYTHING) == commands.content_hash(reference, EVERYTHING)
    assert commands.call("verify", out) == 0


def test_another_chunk_size_and_being_stopped_part_way_write_the_same(home, gate, gated, gated_reference):
    out = home / "stopped"
    commands.in_small_chunks(gated, out)
    with commands.closed(gate):
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs.recover", str(gated), "--out", str(out), "--workers", "1"],
            cwd=commands.CHECKOUT,
            env=commands.environment(home, PYTHONPATH=commands.MODULES),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        commands.wait_for_entries(out)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 3, errors
    assert "Traceback" not in errors
    assert commands.entries(out)
    assert not (out / "manifest" / "SUCCESS.json").exists()
    done = commands.run("recover", gated, "--out", out, "--workers", "2", home=home, PYTHONPATH=commands.MODULES)
    assert done.returncode == 0, done.stderr
    assert commands.content_hash(out, EVERYTHING) == commands.content_hash(gated_reference, EVERYTHING)
    assert commands.entries(out) != commands.entries(gated_reference)
    assert commands.call("verify", out) == 0


def test_the_order_of_problems_and_learners_does_not_matter(home, study, reference):
    out = home / "reordered"
    assert recover(study, out, "--replicates", "70") == 0
    head, first, second = commands.STUDY.split("[[problem]]")
    learners = [line for line in first.splitlines() if line.startswith("  {")]
    first = first.replace("\n".join(learners), "\n".join(reversed(learners)))
    (home / "reordered.toml").write_text("[[problem]]".join([head, second, first]))
    assert recover(home / "reordered.toml", out) == 0
    assert commands.call("verify", out) == 0
    assert commands.content_hash(out, EVERYTHING) == commands.content_hash(reference, EVERYTHING)


def test_a_report_older_than_the_store_is_built_again(home, study, reference):
    out = shutil.copytree(reference, home / "old-report")
    page = out / "report" / "index.html"
    page.write_text("of an earlier state")
    os.utime(page, (1, 1))
    assert recover(study, out) == 0
    assert "of an earlier state" not in page.read_text()


def test_another_seed_is_refused_by_its_key_and_changes_nothing(capsys, study, reference):
    before = states(reference)
    assert recover(study, reference, "--seed", "6") == 2
    errors = capsys.readouterr().err
    assert "seed: 5 in the store, 6 asked" in errors
    assert errors.count("\n") == 1
    assert states(reference) == before


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


def test_only_run_prints_the_numbers_of_the_store(capsys, study, reference):
    fits = commands.rows(reference, "fits")
    run_id, error = fits["run_id"][7].as_py(), fits["kl_fit_truth"][7].as_py()
    assert commands.call("recover", study, "--only-run", run_id) == 0
    assert f"{error:.6g}" in capsys.readouterr().out
