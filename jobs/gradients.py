"""Measure gradient estimators against exact gradients: `python -m jobs.gradients --out DIR`."""

import contextlib
import functools
import os
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import tomli_w
from cyclopts import Parameter

from cluster import Executor, InProcessExecutor, interruptible
from jobs import _command, _running
from jobs._command import Count, Flag, UsageError
from jobs._environment import platform_name, versions
from jobs._measuring import measure_and_commit
from stochmap import lab, report
from stochmap import store as stores
from stochmap.streams import STREAM_VERSION
from stochmap.study import Chunk

DEFAULT = Path(__file__).parent / "studies" / "gradients.toml"

EXAMPLES = (
    "--out out/gradients",
    "jobs/studies/atlas.toml --out out/atlas",
    "--problem.kind gaussian_cosine --problem.k 1.0 --problem.mean 1.0 --problem.std 1.0 "
    "--estimators pathwise,score_function --repeats 1e6",
    "--problem.kind my_package.costs:Cost --estimators reinmax,leave_one_out --samples 2",
)

UNITS_A_CHUNK = 4
"""Estimators in a chunk: some seconds of work, most of it compiling."""


def gradients(
    study: Annotated[Path | None, Parameter(name="STUDY")] = None,
    /,
    *,
    out: str | None = None,
    problem: dict[str, str] | None = None,
    estimators: str | None = None,
    samples: str | None = None,
    repeats: Count | None = None,
    seed: Count | None = None,
    workers: Count | None = None,
    address: str | None = None,
    in_process: Flag = False,
) -> int:
    """Measure the bias and variance of gradient estimators on problems whose gradients are known exactly.

    The store at --out holds Parquet tables, a manifest and a report. A second call goes on where the first one
    stopped; new values of the problems' fields add only those. One problem may be given by options in place of a study;
    without --out it is measured in this process and nothing is kept.

    Args:
        study: A study's TOML file (default: jobs/studies/gradients.toml).
        out: The store: a folder, or s3://bucket/prefix.
        problem: One problem: --problem.kind and its fields, such as --problem.k 1.0.
        estimators: Kinds of estimators, with commas between them, in place of the study's.
        samples: Samples of one estimate, with commas between several (default with --problem: 1).
        repeats: Estimates that are made with each estimator, in place of the study's.
        seed: Seed, in place of the study's.
        workers: Worker processes (default: one a core of this machine, or of the cluster).
        address: A Ray cluster to join (default: RAY_ADDRESS, else a Ray of its own on this machine).
        in_process: Measure all in this process, without Ray.

    """
    changes = {
        "repeats": repeats,
        "seed": seed,
        "estimators": estimators.split(",") if estimators else None,
        "samples": samples.split(",") if samples else None,
    }
    if problem:
        if study is not None:
            raise UsageError("--problem and a study do not go together: give one of them")
        given = {key: value for key, value in changes.items() if value is not None}
        plan = lab.from_options({"name": problem.get("kind", "problem"), "problem": [problem], **given})
    else:
        plan = lab.load(study or DEFAULT, **changes)
    _check_options(out, workers, address, in_process=in_process, alone=bool(problem))
    again = " ".join(["python -m jobs.gradients", *map(shlex.quote, sys.argv[1:])])
    if not out:
        with tempfile.TemporaryDirectory(prefix="stochmap-") as folder, contextlib.ExitStack() as running:
            return _run(plan, folder, InProcessExecutor(), running, again, show=_print)
    joins = _running.joins_cluster(address, in_process=in_process)
    with interruptible(), contextlib.ExitStack() as running:
        shared = {} if joins or in_process else _shared_programs(running)
        executor = _running.executor_for(workers, address, in_process=in_process, environment=shared)
        if joins:  # first of all: a cluster that is not there is no reason to make a store
            _running.start(executor, running)
        return _run(plan, out, executor, running, again, show=_show)


def _check_options(out: str | None, workers: int | None, address: str | None, *, in_process: bool, alone: bool) -> None:
    if not out and alone:
        _running.check_workers(workers, address, in_process=in_process)
        if workers is not None or address is not None:
            raise UsageError("without --out one problem is measured in this process: leave out --workers and --address")
        return
    _running.check_place(out, workers, address, in_process=in_process)


def open_store(study: lab.GradientStudy, out: str) -> stores.Store:
    """Make the store of a study, or open it where it is there.

    Raises:
        StoreError: the place holds something else, or another study.
    """
    schemas = stores.gradient_schemas(
        study.problem_fields(), study.estimator_fields(), identity=study.identity_hash(), stream_version=STREAM_VERSION
    )
    identity = tomli_w.dumps(study.identity())
    return stores.create_or_open(out, identity, schemas, platform=platform_name(), versions=versions())


def missing_chunks(study: lab.GradientStudy, store: stores.Store, size: int) -> list[Chunk]:
    """Return the chunks of what was asked minus what is committed."""
    there: dict[int, list[tuple[int, int]]] = {}
    for task_id, first, count in store.committed():
        there.setdefault(task_id, []).append((first, count))
    found = []
    for task in study.tasks.values():
        ranges = stores.missing_ranges(len(study.serving(task)), there.get(task.id, []))
        found += study.chunks_of(task, ranges, size if isinstance(task, lab.Cell) else 1)
    # What takes longest goes first, so that no worker is left with it at the end.
    return sorted(found, key=lambda chunk: isinstance(study.tasks[chunk.condition_id], lab.Cell))


def _run(
    study: lab.GradientStudy,
    out: str,
    executor: Executor,
    running: contextlib.ExitStack,
    again: str,
    *,
    show: Callable[[str], None],
) -> int:
    store = open_store(study, out)
    size = store.record_once("layout", {"chunk_size": UNITS_A_CHUNK})["chunk_size"]
    missing = missing_chunks(study, store, size)
    if not missing and store.completed_plan() is not None:
        print(f"{out}: complete, nothing to do")
        show(out)
        return _command.DONE
    with store.hold() as held:
        held.mark_incomplete()
        held.remove_orphans({chunk.name for chunk in missing})
        if missing:
            _running.start(executor, running)
        work = functools.partial(measure_and_commit, held, study)
        total = sum(len(study.serving(task)) for task in study.tasks.values())
        describe = functools.partial(_describe, study)
        failures = _running.work_off("gradients", executor, work, missing, total, "measurements", describe)
        if failures:
            _running.first_bug(failures)
            print(f"gradients: the other chunks are kept: repeat with `{again}`", file=sys.stderr)
            return _command.FAILED
        held.mark_complete(study.plan_hash())
    show(out)
    return _command.DONE


def _describe(study: lab.GradientStudy, chunk: Chunk) -> str:
    """Return a chunk's name, problem and estimators."""
    return f"{chunk.name} ({study.tasks[chunk.condition_id].name}: {', '.join(study.estimator_names(chunk))})"


def _shared_programs(running: contextlib.ExitStack) -> dict[str, str]:
    """Return the environment in which this machine's workers share what they compile, in a folder that goes with them.

    Problems that differ in numbers alone, such as a curvature, are one program.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return {}
    folder = tempfile.TemporaryDirectory(prefix="stochmap-programs-", ignore_cleanup_errors=True)
    return {
        "JAX_COMPILATION_CACHE_DIR": running.enter_context(folder),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


def _print(out: str) -> None:
    print(report.gradients_table(out))


def _show(out: str) -> None:
    """Print the table; build the report where there is none of this state of the store."""
    if "://" in out:
        print(f"{out} is complete; for the table and the report copy it to a folder: python -m jobs.report FOLDER")
        return
    page, complete = Path(out) / "report" / "index.html", Path(out) / "manifest" / "SUCCESS.json"
    if not page.exists() or page.stat().st_mtime_ns < complete.stat().st_mtime_ns:
        report.build_gradients(out)
    _print(out)
    print(f"report: {page.resolve()}")


if __name__ == "__main__":
    _command.run(gradients, "gradients", EXAMPLES)
