"""Draw mappings, sample, learn them back, score: `python -m jobs.recover --out DIR`."""

import functools
import os
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import tomli_w
from cyclopts import Parameter

from cluster import InProcessExecutor, Outcome, Progress, RayExecutor, interruptible
from jobs import _command, _plan, _reproduce
from jobs._command import Count, Flag
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
    "my_study.toml --only-run 5041848284813066240",
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
    path = study or ORIGIN
    plan = load(path, ingest.read_mapping, replicates=replicates, seed=seed)
    if workers is not None and workers < 1:
        raise _command.StudyError(f"--workers must be at least 1, got {workers}: leave it out to use every core")
    _plan.check_memory(plan)
    if dry_run:
        print(_plan.describe(plan))
        return _command.DONE
    if only_run is not None:
        print(_reproduce.describe_run(plan, only_run))
        return _command.DONE
    if out is None:
        raise _command.StudyError("--out is missing: give a folder for the results, such as --out out/origin")
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ and "://" not in out and not os.path.isabs(out):
        raise _command.StudyError(
            f"--out {out} would lie in the copy of the checkout that Ray deletes after a submitted job: "
            "give an absolute path that every machine can write to, or a URL such as s3://bucket/prefix"
        )
    overrides = [
        f"--{name} {value}" for name, value in (("replicates", replicates), ("seed", seed)) if value is not None
    ]
    again = " ".join(["python -m jobs.recover", *([shlex.quote(str(study))] if study else []), *overrides])
    executor = InProcessExecutor() if in_process else RayExecutor(workers, address)
    with interruptible():
        return _run(plan, out, executor, again)


def _run(study: Study, out: str, executor: InProcessExecutor | RayExecutor, again: str) -> int:
    store = _open(study, out)
    size = store.record_once("layout", {"chunk_size": chunk_size(study)})["chunk_size"]
    missing = list(_plan.missing_chunks(study, store, size))
    if missing or store.completed_plan() is None:
        with store.hold() as held:
            held.mark_incomplete()
            held.remove_orphans({chunk.name for chunk in missing})
            failures = _work_off(study, held, executor, missing)
            if failures:
                return _explain(study, failures, out, again)
            held.mark_complete(study.plan_hash())
    else:
        print(f"{out}: complete, nothing to do ({_plan.total_runs(study)} runs asked for are there)")
    _show(out, rebuild=bool(missing))
    return _command.DONE


def _open(study: Study, out: str) -> stores.Store:
    identity = tomli_w.dumps(study.identity())
    schemas = stores.study_schemas(
        study.truth_fields(), study.inputs_fields(), identity=study.identity_hash(), stream_version=STREAM_VERSION
    )
    return stores.create_or_open(out, identity, schemas, platform=platform_name(), versions=versions())


def _work_off(
    study: Study, store: stores.Store, executor: InProcessExecutor | RayExecutor, missing: list[Chunk]
) -> list[Outcome[Chunk]]:
    """Run the missing chunks; return those that failed. After a bug nothing more is handed out."""
    total, start = _plan.total_runs(study), time.perf_counter()
    done = total - sum(chunk.count for chunk in missing)
    failures: list[Outcome[Chunk]] = []
    with executor, Progress(total, "runs", initial=done) as progress:
        for outcome in executor.map(functools.partial(run_and_commit, store, study), _until(missing, failures)):
            if outcome.error is not None:
                failures.append(outcome)
                progress.note(f"chunk {outcome.item.name} failed: {outcome.error}")
                continue
            if outcome.attempts > 1:
                progress.note(f"chunk {outcome.item.name} was tried {outcome.attempts} times: its worker was lost")
            progress.update(outcome.item.count)
    if not failures:
        seconds = time.perf_counter() - start
        print(f"{total - done} runs in {seconds:.1f} s, {(total - done) / seconds:.0f} runs/s, start-up included")
    return failures


def _until(chunks: list[Chunk], failures: list[Outcome[Chunk]]) -> Iterator[Chunk]:
    for chunk in chunks:
        if any(outcome.error is not None and outcome.error.kind == "bug" for outcome in failures):
            return
        yield chunk


def _explain(study: Study, failures: list[Outcome[Chunk]], out: str, again: str) -> int:
    """Say which chunks failed; for a bug, find the run in this process and print the command that shows it alone."""
    for outcome in failures:
        print(f"recover: chunk {outcome.item.name} failed: {outcome.error}", file=sys.stderr)
    bug = next((outcome for outcome in failures if outcome.error is not None and outcome.error.kind == "bug"), None)
    if bug is None:
        print(f"recover: the other chunks are kept: repeat with `{again} --out {shlex.quote(out)}`", file=sys.stderr)
        return _command.FAILED
    assert bug.error is not None
    print(bug.error.traceback, file=sys.stderr)
    run_id = _reproduce.bisect(study, bug.item)
    if run_id is None:
        print(
            "recover: the chunk does not fail in this process: the fault lies in the worker's surroundings",
            file=sys.stderr,
        )
    else:
        print(f"recover: run {run_id} fails alone: `{again} --only-run {run_id}`", file=sys.stderr)
    return _command.FAILED


def _show(out: str, *, rebuild: bool) -> None:
    if "://" in out:
        print(f"report: copy {out} to a folder and run `python -m jobs.report FOLDER`")
        return
    page = Path(out) / "report" / "index.html"
    if rebuild or not page.exists():
        page = report.build(out).html
    rows = report.summary(out)
    print(report.format_table(rows))
    print(f"report: {page}")


if __name__ == "__main__":
    _command.run(recover, "recover", EXAMPLES)
