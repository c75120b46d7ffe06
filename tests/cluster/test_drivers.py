"""Drivers as processes of their own: joining a cluster with a token, being stopped, losing their Ray."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ray_head import descendants

from cluster import local_resources

DRIVER = str(Path(__file__).with_name("driver.py"))


@contextlib.contextmanager
def driver(environment, *arguments):
    process = subprocess.Popen(
        [sys.executable, DRIVER, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        with process:
            yield process
    finally:
        for pid in descendants(process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def lines(output):
    return [json.loads(line) for line in output.splitlines()]


def wait_for(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def owner(head, child_environment):
    """The environment of the head's owner: the home with the token, and nothing about Ray set."""
    return head.environment | {"PYTHONPATH": child_environment["PYTHONPATH"]}


def test_a_cluster_is_joined_with_the_token_in_the_home_and_given_the_checkout(head, owner):
    with driver(owner, "--address", head.address, "folder", "a", "b") as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors == "" or local_resources().cpus < 2  # where the two workers have no core each, they say so
    resources, *outcomes = lines(output)
    assert (resources["nodes"], resources["cpus"]) == (1, 2)
    assert len(outcomes) == 2
    value = outcomes[0]["value"]
    assert Path(value["folder"]).is_relative_to(head.folder)
    assert Path(value["cluster"]).is_relative_to(value["folder"])
    assert {"cluster", "pyproject.toml"} <= set(value["names"])
    assert not {".git", "out"} & set(value["names"])


def test_a_driver_of_a_joined_cluster_stops_its_tasks_and_not_the_cluster(head, owner, tmp_path):
    beats = [tmp_path / "0", tmp_path / "1"]
    services = [pid for pid in descendants(head.process.pid) if name_of(pid) in ("raylet", "gcs_server")]
    with driver(owner | {"RAY_ADDRESS": head.address}, "beat", *map(str, beats)) as process:
        wait_for(lambda: all(beat.exists() for beat in beats))
        start = time.monotonic()
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=30)
    # `ray job stop` kills what is still there after three seconds.
    assert time.monotonic() - start < 3.0
    assert process.returncode == 3, errors
    assert lines(output)[-1] == "stopped by SIGTERM"
    wait_for(lambda: all(time.time() - beat.stat().st_mtime > 1.0 for beat in beats))
    assert len(services) == 2
    assert all(is_alive(pid) for pid in services)


def name_of(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip() if Path(f"/proc/{pid}").exists() else ""


def test_a_driver_with_a_ray_of_its_own_leaves_no_process_behind(child_environment, tmp_path):
    beat = tmp_path / "0"
    with driver(child_environment, "--workers", "1", "beat", str(beat)) as process:
        wait_for(beat.exists)
        children = descendants(process.pid)
        assert len(children) > 2
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
        assert process.returncode == 3, errors
        assert lines(output)[-1] == "stopped by SIGINT"
        assert errors == ""
        wait_for(lambda: not any(is_alive(pid) for pid in children))


def test_a_lost_ray_ends_in_outcomes_for_every_item(child_environment, tmp_path):
    # The Ray notices in a second what takes it a quarter of a minute by default.
    quick = {
        "RAY_health_check_initial_delay_ms": "0",
        "RAY_health_check_period_ms": "200",
        "RAY_health_check_timeout_ms": "5000",  # of one that is there and busy; one that is gone refuses at once
        "RAY_health_check_failure_threshold": "2",
    }
    beat = tmp_path / "0"
    with driver(child_environment | quick, "--workers", "1", "beat", str(beat), *"bcd") as process:
        wait_for(beat.exists)
        (raylet,) = [pid for pid in descendants(process.pid) if name_of(pid) == "raylet"]
        os.kill(raylet, signal.SIGKILL)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    outcomes = lines(output)[1:]
    assert sorted(outcome["item"] for outcome in outcomes) == sorted([str(beat), *"bcd"])
    assert {outcome["error"]["kind"] for outcome in outcomes} == {"infrastructure"}
    assert sum(outcome["attempts"] == 0 for outcome in outcomes) == 2


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1"),
        ("http://127.0.0.1:8265", "ray job submit"),
        ("somewhere", "host:port"),
    ],
)
def test_an_address_without_a_cluster_is_an_error_at_once(child_environment, address, message):
    start = time.monotonic()
    with driver(child_environment, "--address", address, "double", "a") as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert message in errors.splitlines()[-1]
    assert time.monotonic() - start < 15
