"""One run alone, in this process: to look at it, or to find the one that fails."""

from stochmap.building import StudyError
from stochmap.recovery import run_chunk
from stochmap.study import Chunk, Study


def only_run(study: Study, run_id: int) -> Chunk:
    """Return the chunk that is one run.

    Raises:
        StudyError: the study has no such run.
    """
    condition_id, replicate = divmod(run_id, 1 << 32)
    if condition_id not in study.conditions:
        raise StudyError(f"--only-run: the study has no run {run_id}: take a run_id from its runs table")
    if replicate >= study.replicates:
        raise StudyError(
            f"--only-run: run {run_id} is replicate {replicate} and the study has {study.replicates}: "
            "give more --replicates"
        )
    return Chunk(condition_id, replicate, 1)


def describe_run(study: Study, run_id: int) -> str:
    """Run one run and return its numbers as text: what it is, then each learner's."""
    chunk = only_run(study, run_id)
    tables = run_chunk(study, chunk)
    condition = study.conditions[chunk.condition_id]
    (run,) = tables["runs"]
    truth = ", ".join(f"{name} = {value}" for name, value in condition.truth_values().items() if value is not None)
    lines = [
        f"run {run_id}: problem {condition.problem}, replicate {chunk.first}, key {run['key'][0].decode()}",
        f"truth {condition.truth_kind} ({truth}), num_samples = {condition.num_samples}",
    ]
    for fit in tables["fits"]:
        learner, status = fit["learner"].names[0], fit["status"].names[int(fit["status"].codes[0])]
        lines.append(f"{learner}: {status}, {int(fit['steps'][0])} steps")
        numbers = {
            name: column[0]
            for name, column in fit.items()
            if name not in ("run_id", "learner", "status", "steps") and column is not None
        }
        lines += [f"    {name:28} {value:.6g}" for name, value in numbers.items()]
    return "\n".join(lines)


def bisect(study: Study, chunk: Chunk) -> int | None:
    """Return the first run of a failing chunk that fails alone; None if the chunk does not fail here."""
    if not _fails(study, chunk):
        return None
    while chunk.count > 1:
        half = chunk.count // 2
        left = Chunk(chunk.condition_id, chunk.first, half)
        chunk = left if _fails(study, left) else Chunk(chunk.condition_id, chunk.first + half, chunk.count - half)
    return int(chunk.run_ids[0])


def _fails(study: Study, chunk: Chunk) -> bool:
    try:
        run_chunk(study, chunk)
    except Exception:  # noqa: BLE001  whatever it is, it is the bug that is looked for
        return True
    return False
