"""What the jobs write through Ray is what they write without, and a worker's bug is told. One Ray for all of it."""

import json
import os
import subprocess
import sys

import commands
import pytest
from sample_cases import SORTS, row_hash

ROWS = {"1": ["pairs"], "2": ["pairs", "values"], "4": ["pairs", "chains"]}
"""Chunks at a time, and what is drawn so."""

BROKEN_TRUTH = """
from dataclasses import dataclass

from stochmap.truths import NormalLogits


@dataclass(frozen=True)
class Broken(NormalLogits):
    def draw(self, key):
        table = super().draw(key)
        if (table.probabilities[..., 0, 0] > 0.62).any():
            raise RuntimeError("planted")
        return table
"""

BROKEN = """
name = "broken"
replicates = 200

[[problem]]
name = "p"
num_samples = 10
truth = { kind = "broken_truth:Broken", num_x = 2, num_y = 3 }
learners = [{ kind = "maximum_likelihood" }]
"""


@pytest.fixture(scope="module")
def broken(home):
    (home / "broken_truth.py").write_text(BROKEN_TRUTH)
    (home / "broken.toml").write_text(BROKEN)
    return home / "broken.toml"


@pytest.fixture(scope="module")
def done(home, study, broken):
    """What each command did, by the name of its store."""
    jobs = {f"recovered-{workers}": ["recover", study, "--workers", workers] for workers in "12"}
    for workers, sorts in ROWS.items():
        for sort in sorts:
            jobs[f"{sort}-{workers}"] = ["sample", *SORTS[sort], "--workers", workers, "--rows-per-file", "1999"]
    jobs["broken"] = ["recover", broken, "--workers", "1"]
    written = [[*map(str, job), "--out", str(home / name)] for name, job in jobs.items()]
    process = subprocess.run(
        [sys.executable, str(commands.CHECKOUT / "tests" / "jobs" / "in_one_ray.py"), json.dumps(written)],
        cwd=commands.CHECKOUT,
        env=commands.environment(home, PYTHONPATH=os.pathsep.join([commands.SEARCH, str(home)])),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    return dict(zip(jobs, json.loads(process.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_has_the_same_bytes(done, home, reference, workers):
    out, tables = home / f"recovered-{workers}", commands.DATA + commands.FITS
    assert done[out.name]["code"] == 0, done[out.name]["errors"]
    assert commands.content_hash(out, tables) == commands.content_hash(reference, tables)
    assert commands.entries(out) == commands.entries(reference)
    for name in commands.entries(out):
        ours, theirs = (json.loads((folder / "manifest" / name).read_text()) for folder in (out, reference))
        assert ours["files"] == theirs["files"]


@pytest.mark.parametrize(("workers", "sort"), [(workers, sort) for workers, sorts in ROWS.items() for sort in sorts])
def test_a_dataset_has_the_same_bytes(done, home, cut, hashes, workers, sort):
    out = home / f"{sort}-{workers}"
    assert done[out.name]["code"] == 0, done[out.name]["errors"]
    assert row_hash(out) == hashes[sort]
    assert commands.entries(out) == commands.entries(cut[sort])
    for path in out.rglob("*.parquet"):
        assert (cut[sort] / path.relative_to(out)).read_bytes() == path.read_bytes(), path


def test_a_bug_names_the_chunk_and_the_command_that_shows_its_run_alone(done, home, broken, monkeypatch):
    assert done["broken"]["code"] == 1
    assert "chunk" in done["broken"]["errors"]
    assert "RuntimeError: planted" in done["broken"]["errors"]
    command = done["broken"]["errors"].strip().splitlines()[-1]
    assert "--only-run" in command
    run_id = command.split("--only-run ")[1].rstrip("`")
    monkeypatch.syspath_prepend(home)
    with pytest.raises(RuntimeError, match="planted"):
        commands.call("recover", broken, "--only-run", run_id)
    assert commands.call("recover", broken, "--only-run", int(run_id) - 1) == 0
