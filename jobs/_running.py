"""What the commands that write a store share: an executor to run on, and the chunks worked off."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from cluster import Executor, InProcessExecutor, Outcome, Progress, RayExecutor
from jobs import _command
from jobs._command import UsageError
from stochmap.store import StoreError
from stochmap.study import Chunk

C = TypeVar("C", bound=Chunk)

_NAMED = 4
"""Failed chunks that are named; of more, the number."""


def joins_cluster(address: str | None, *, in_process: bool) -> bool:
    """Say whether a Ray cluster that is there already will be used: other machines' memory and cores count then."""
    return not in_process and bool(address or os.environ.get("RAY_ADDRESS", "local") != "local")


def check_place(out: str | None, workers: int | None, address: str | None, *, in_process: bool) -> str:
    """Return where to write.

    Raises:
        UsageError: options that do not go together, or no place, or one that would not outlive a submitted job.
    """
    check_workers(workers, address, in_process=in_process)
    if not out:
        raise UsageError("--out is missing: give a folder for the results, such as --out out/origin")
    if "RAY_JOB_CONFIG_JSON_ENV_VAR" in os.environ and "://" not in out and not os.path.isabs(out):
        raise UsageError(
            f"--out {out} would lie in the copy of the checkout that Ray deletes after a submitted job: "
            "give an absolute path that every machine can write to, or a URL such as s3://bucket/prefix"
        )
    return out


def check_workers(workers: int | None, address: str | None, *, in_process: bool) -> None:
    """Raise UsageError unless the options say one way to run."""
    if workers is not None and workers < 1:
        raise UsageError(f"--workers must be at least 1, got {workers}: leave it out to use every core")
    if in_process and (workers is not None or address is not None):
        raise UsageError("--in-process uses no Ray: leave out --workers and --address")


def executor_for(
    workers: int | None, address: str | None, *, in_process: bool, environment: Mapping[str, str] | None = None
) -> Executor:
    """Return what the chunks will run on, not yet started; ``environment`` is for its worker processes."""
    return InProcessExecutor() if in_process else RayExecutor(workers, address, environment=environment)


def start(executor: Executor, running: contextlib.ExitStack) -> None:
    """Start an executor, unless it is, to be stopped with ``running``."""
    if isinstance(executor, RayExecutor) and executor.running:
        return
    try:
        running.enter_context(executor)
    except ValueError as error:
        raise UsageError(f"--address: {error}") from error
    except ConnectionError as error:
        raise _command.NoCluster(str(error)) from error


def chunk_name(chunk: Chunk) -> str:
    """Return what a chunk is called in a store."""
    return chunk.name


def work_off(
    name: str,
    executor: Executor,
    work: Callable[[C], dict[str, Any]],
    missing: Sequence[C],
    total: int,
    unit: str,
    describe: Callable[[C], str] = chunk_name,
) -> list[Outcome[C]]:
    """Run the missing chunks of a command; return those that failed. After a bug nothing more is handed out.

    ``total`` counts what was asked, in units of which each chunk is ``count``. What the work has as "notes" is printed.
    """
    begun = time.perf_counter()
    done = total - sum(chunk.count for chunk in missing)
    failures: list[Outcome[C]] = []
    with Progress(total, unit, initial=done) as progress:
        for outcome in executor.map(work, _until(missing, failures)):
            if outcome.error is not None:
                failures.append(outcome)
                if outcome.error.kind != "bug":  # a bug ends the work, and is told below
                    progress.note(f"chunk {describe(outcome.item)} failed: {outcome.error}")
                continue
            for note in (outcome.value or {}).get("notes", []):
                progress.note(note)
            if outcome.attempts > 1:
                progress.note(f"chunk {outcome.item.name} was tried {outcome.attempts} times: its worker was lost")
            progress.update(outcome.item.count)
    if missing and not failures:
        seconds, made = time.perf_counter() - begun, total - done
        print(f"{made:,} {unit} in {seconds:.1f} s, {made / seconds:,.0f} {unit}/s, start-up included")
    for line in _told(failures, describe):
        print(f"{name}: {line}", file=sys.stderr)
    return failures


def _told(failures: Sequence[Outcome[C]], describe: Callable[[C], str]) -> Iterator[str]:
    """Yield one line for each kind of failure: the chunks that met it, and the first one's message."""
    kinds = dict.fromkeys(outcome.error.type for outcome in failures if outcome.error is not None)
    for kind in kinds:
        alike = [outcome for outcome in failures if outcome.error is not None and outcome.error.type == kind]
        names = [describe(outcome.item) for outcome in alike]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"chunk {', '.join(names[:_NAMED])}{more} failed: {alike[0].error}"


def first_bug(failures: Sequence[Outcome[C]]) -> Outcome[C] | None:
    """Return the first failure that is a fault of the program's, having printed its traceback.

    A store that cannot be written, as on a full disk, is none: its message is enough.
    """
    for outcome in failures:
        error = outcome.error
        if error is not None and error.kind == "bug" and error.type != StoreError.__name__:
            print(error.traceback, file=sys.stderr)
            return outcome
    return None


def _until(chunks: Sequence[C], failures: list[Outcome[C]]) -> Iterator[C]:
    for chunk in chunks:
        if any(outcome.error is not None and outcome.error.kind == "bug" for outcome in failures):
            return
        yield chunk
