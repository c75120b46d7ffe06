"""Draw mappings, sample, learn them back, score: `python -m jobs.recover --out DIR`."""

import contextlib
import functools
import shlex
import sys
from pathlib import Path
from typing import Annotated

import tomli_w
from cyclopts import Parameter

from cluster import (
    Executor,
    Outcome,
    interruptible,
    local_resources,
)
from jobs import _command, _plan, _reproduce, _running
from jobs._command import Count, Flag, UsageError
from jobs._environment import platform_name, versions
from jobs._work import run_and_commit
from stochmap import ingest, report
from stochmap import store as stores
from stochmap.streams import STREAM_VERSION
from stochmap.study import Chunk, Study, chunk_size, load

ORIGIN = Path(__file__).parent / "studies" / "origin.toml"

EXAMPLES = (
    "--out out/origin",
    "my_study.toml --dry-run",
    "my_study.toml --out out/mine --workers 8",
    "my_study.toml --out s3://bucket/mine --address ray://head:10001",
    "my_study.toml --only-run RUN_ID",
)


def recover(
    study: Annotated[Path | None, Parameter(name="STUDY")] = None,
    /,
    *,
    out: str | None = None,
    replicates: Count | None = None,
    seed: Count | None = None,
    workers: Count | None = None,
    address: str | None = None,
    only_run: Count | None = None,
    dry_run: Flag = False,
    in_process: Flag = False,
) -> int:
    """Draw true mappings, sample data from them, learn them back, and write how close each learner came.

    The store at --out holds Parquet tables, a manifest and a report. A second call goes on where the first one
    stopped; more replicates, or more values on a grid axis, add only those.

    Args:
        study: A study's TOML file (default: jobs/studies/origin.toml).
        out: The store: a folder, or s3://bucket/prefix.
        replicates: Runs of each condition, in place of the study's.
        seed: Seed, in place of the study's.
        workers: Worker processes (default: one a core of this machine, or of the cluster).
        address: A Ray cluster to join (default: RAY_ADDRESS, else a Ray of its own on this machine).
        only_run: Run this one run here, without Ray, and print its numbers; nothing is written.
        dry_run: Tell runs, chunks, rows, bytes and memory; nothing is run.
        in_process: Run all chunks in this process, without Ray.

    """
    plan = load(study or ORIGIN, ingest.read_mapping, replicates=replicates, seed=seed)
    _running.check_workers(workers, address, in_process=in_process)
    if dry_run and only_run is not None:
        raise UsageError("--dry-run and --only-run do not go together: give one of them")
    joins = _running.joins_cluster(address, in_process=in_process)
    # On a cluster it is its machines' memory that counts, and they are not here.
    _plan.check_memory(plan, 1 if in_process or joins else workers or local_resources().cpus)
    if dry_run:
        print(_plan.describe(plan))
        return _command.DONE
    if only_run is not None:
        print(_reproduce.describe_run(plan, only_run))
        return _command.DONE
    place = _running.check_place(out, workers, address, in_process=in_process)
    overrides = [
        f"--{name} {value}" for name, value in (("replicates", replicates), ("seed", seed)) if value is not None
    ]
    again = " ".join(["python -m jobs.recover", *([shlex.quote(str(study))] if study else []), *overrides])
    executor = _running.executor_for(workers, address, in_process=in_process)
    with interruptible(), contextlib.ExitStack() as running:
        if joins:  # first of all: a cluster that is not there is no reason to make a store
            _running.start(executor, running)
        return _run(plan, place, executor, running, again)


def _run(study: Study, out: str, executor: Executor, running: contextlib.ExitStack, again: str) -> int:
    store = open_store(study, out)
    size = store.record_once("layout", {"chunk_size": chunk_size(study)})["chunk_size"]
    missing = list(_plan.missing_chunks(study, store, size))
    if not missing and store.completed_plan() is not None:
        print(f"{out}: complete, nothing to do ({_plan.total_runs(study)} runs asked for are there)")
        _show(out)
        return _command.DONE
    with store.hold() as held:
        held.mark_incomplete()
        held.remove_orphans({chunk.name for chunk in missing})
        if missing:
            _running.start(executor, running)
        work, total = functools.partial(run_and_commit, held, study), _plan.total_runs(study)
        failures = _running.work_off("recover", executor, work, missing, total, "runs")
        if failures:
            return _explain(study, failures, out, again)
        held.mark_complete(study.plan_hash())
    _show(out)
    return _command.DONE


def open_store(study: Study, out: str) -> stores.Store:
    """Make the store of a study, or open it where it is there.

    Raises:
        StoreError: the place holds something else, or another study.
    """
    identity = tomli_w.dumps(study.identity())
    schemas = stores.study_schemas(
        study.truth_fields(), study.inputs_fields(), identity=study.identity_hash(), stream_version=STREAM_VERSION
    )
    return stores.create_or_open(out, identity, schemas, platform=platform_name(), versions=versions())


def _explain(study: Study, failures: list[Outcome[Chunk]], out: str, again: str) -> int:
    """Say which chunks failed; for a bug, find the run in this process and print the command that shows it alone."""
    bug = _running.first_bug(failures)
    if bug is None:
        print(f"recover: the other chunks are kept: repeat with `{again} --out {shlex.quote(out)}`", file=sys.stderr)
        return _command.FAILED
    run_id = _reproduce.bisect(study, bug.item)
    if run_id is None:
        print(
            "recover: the chunk does not fail in this process: the fault lies in the worker's surroundings",
            file=sys.stderr,
        )
    else:
        print(f"recover: run {run_id} fails alone: `{again} --only-run {run_id}`", file=sys.stderr)
    return _command.FAILED


def _show(out: str) -> None:
    """Print the table; build the report where there is none of this state of the store."""
    if "://" in out:
        print(f"{out} is complete; for the table and the report copy it to a folder: python -m jobs.report FOLDER")
        return
    page, complete = Path(out) / "report" / "index.html", Path(out) / "manifest" / "SUCCESS.json"
    if not page.exists() or page.stat().st_mtime_ns < complete.stat().st_mtime_ns:
        report.build(out)
    print(report.format_table(report.summary(out)))
    for finding in report.calibration_findings(out):
        print(f"calibration: {finding}")
    print(f"report: {page.resolve()}")


if __name__ == "__main__":
    _command.run(recover, "recover", EXAMPLES)
