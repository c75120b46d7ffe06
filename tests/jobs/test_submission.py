"""`ray job submit` against a plain `ray start --head` with a token: same store, same verdict, stoppable."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import commands
import pytest
from ray_head import ray_head

SUBMIT = [sys.executable, "-m", "ray.scripts.scripts", "job"]


@pytest.fixture(scope="module")
def head():
    with ray_head({**commands.JAX_VARIABLES, "PYTHONPATH": commands.MODULES}) as running:
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


@pytest.fixture(scope="module")
def told(head):
    """What the job server tells of a job, as `ray job status` and `ray job logs` do a second later."""
    token = (Path(head.environment["HOME"]) / ".ray" / "auth_token").read_text()

    def ask(place: str) -> dict:
        url = f"{head.dashboard_url}/api/jobs/{place}"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    return ask


def test_a_submitted_job_writes_the_store_of_a_local_one_and_succeeds(job, told, study, reference, home):
    out = home / "submitted"
    done = submitted(job, "whole", study, "--out", out, wait=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert told("whole")["status"] == "SUCCEEDED"
    tables = commands.DATA + commands.FITS
    assert commands.content_hash(out, tables) == commands.content_hash(reference, tables)
    log = told("whole/logs")["logs"]
    assert "450/450 runs" in log
    assert "\r" not in log
    assert "\x1b[" not in log.split("450/450 runs")[0].splitlines()[-1]
    assert "efficiency" in log


def test_a_failing_job_fails_with_the_reason_in_its_log(job, told, study, reference):
    done = submitted(job, "refused", study, "--out", reference, "--seed", "6", wait=True)
    assert done.returncode != 0
    assert told("refused")["status"] == "FAILED"
    assert "seed: 5 in the store, 6 asked" in told("refused/logs")["logs"]


def test_a_stopped_job_is_finished_by_the_same_command(job, told, gate, gated, gated_reference, home):
    out = home / "stopped"
    commands.in_small_chunks(gated, out)
    with commands.closed(gate):
        assert submitted(job, "stopped", gated, "--out", out, wait=False).returncode == 0
        commands.wait_for_entries(out)
        assert job("stop", "stopped").returncode == 0
    assert told("stopped")["status"] == "STOPPED"
    assert commands.entries(out)
    assert not (out / "manifest" / "SUCCESS.json").exists()
    done = submitted(job, "finished", gated, "--out", out, wait=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert commands.call("verify", out) == 0
    tables = commands.DATA + commands.FITS
    assert commands.content_hash(out, tables) == commands.content_hash(gated_reference, tables)
