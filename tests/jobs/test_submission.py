"""`ray job submit` against a plain `ray start --head` with a token: same store, same verdict, stoppable."""

import json
import re
import subprocess
import sys
import time

import commands
import pytest
from ray_head import ray_head

SUBMIT = [sys.executable, "-m", "ray.scripts.scripts", "job"]


@pytest.fixture(scope="module")
def head():
    with ray_head() as running:
        yield running


@pytest.fixture(scope="module")
def owner(head):
    """The environment of the cluster's owner, who has its token."""
    return {**head.environment, "RAY_ADDRESS": head.dashboard_url, "RAY_AUTH_MODE": "token"}


@pytest.fixture(scope="module")
def job(owner):
    def call(*arguments: object) -> subprocess.CompletedProcess:
        command = [*SUBMIT, *map(str, arguments)]
        return subprocess.run(command, cwd=commands.CHECKOUT, env=owner, capture_output=True, text=True, timeout=240)

    return call


def submitted(job, name: str, *arguments: object, wait: bool) -> subprocess.CompletedProcess:
    options = ["--submission-id", name, "--working-dir", "."]
    options += [] if wait else ["--no-wait"]
    return job("submit", *options, "--", sys.executable, "-m", "jobs.recover", *arguments)


def status(job, name: str) -> str:
    found = re.search(r"(SUCCEEDED|FAILED|STOPPED|RUNNING|PENDING)", job("status", name).stdout, re.IGNORECASE)
    assert found, name
    return found[1].lower()


def test_a_submitted_job_writes_the_store_of_a_local_one_and_succeeds(job, study, reference, home):
    out = home / "submitted"
    done = submitted(job, "whole", study, "--out", out, wait=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert status(job, "whole") == "succeeded"
    tables = commands.DATA + commands.FITS
    assert commands.content_hash(out, tables) == commands.content_hash(reference, tables)
    log = job("logs", "whole").stdout
    assert "450/450 runs" in log
    assert "\r" not in log
    assert "\x1b[" not in log.split("450/450 runs")[0].splitlines()[-1]
    assert "efficiency" in log


def test_a_failing_job_fails_with_the_reason_in_its_log(job, study, home):
    done = submitted(job, "refused", study, "--out", home / "submitted", "--seed", "6", wait=True)
    assert done.returncode != 0
    assert status(job, "refused") == "failed"
    assert "seed: 5 in the store, 6 asked" in job("logs", "refused").stdout


def test_a_stopped_job_is_finished_by_the_same_command(job, study, reference, home):
    out = home / "stopped"
    assert commands.run("recover", study, "--out", out, "--replicates", "1", "--in-process", home=home).returncode == 0
    (out / "manifest" / "layout.json").write_text(json.dumps({"chunk_size": 64}))
    # Enough that the job still runs when the command that stops it has started, a few seconds later.
    arguments = [study, "--out", out, "--replicates", "2500"]
    before = len(list((out / "manifest").glob("*-*-*.json")))
    assert submitted(job, "stopped", *arguments, wait=False).returncode == 0
    deadline = time.monotonic() + 120
    while len(list((out / "manifest").glob("*-*-*.json"))) == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert job("stop", "stopped").returncode == 0
    assert status(job, "stopped") == "stopped"
    assert not (out / "manifest" / "SUCCESS.json").exists()
    done = submitted(job, "finished", *arguments, wait=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert commands.run("verify", out, home=home).returncode == 0
    assert commands.rows(out, "runs").num_rows == 3 * 2500
    tables = commands.DATA + commands.FITS
    assert commands.content_hash(out, tables, replicates=150) == commands.content_hash(reference, tables)
