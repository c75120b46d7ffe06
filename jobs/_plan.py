"""What a study asks for, and what of it is missing in a store."""

from collections.abc import Iterator

from cluster import local_resources
from stochmap import store as stores
from stochmap.building import StudyError
from stochmap.study import Chunk, Study, chunk_size, chunks, estimate, peak_bytes


def total_runs(study: Study) -> int:
    """Count the runs that a study asks for."""
    return len(study.conditions) * study.replicates


def missing_chunks(study: Study, store: stores.Store, size: int) -> Iterator[Chunk]:
    """Yield the chunks of what was asked minus what is committed, whatever the chunks it was committed in."""
    there: dict[int, list[tuple[int, int]]] = {}
    for condition_id, first, count in store.committed():
        there.setdefault(condition_id, []).append((first, count))
    for condition_id in study.conditions:
        ranges = stores.missing_ranges(study.replicates, there.get(condition_id, []))
        yield from chunks(condition_id, ranges, size)


def check_memory(study: Study, workers: int) -> None:
    """Raise StudyError if ``workers`` workers at some condition would not fit into this machine's memory."""
    memory = local_resources().memory
    for condition in study.conditions.values():
        need = workers * (peak_bytes(study, condition) + 0.5e9)
        if need > memory:
            raise StudyError(
                f"problem {condition.problem!r}, {condition.truth_kind}, num_samples = {condition.num_samples}: "
                f"{workers} workers take about {format_bytes(need)}, this machine has {format_bytes(memory)}: "
                "use a smaller num_x, num_y or num_samples, keep fewer tables, or fewer --workers"
            )


def describe(study: Study) -> str:
    """Tell what a run of the study would do: a line for each condition, and the totals."""
    size = chunk_size(study)
    header = f"{'problem':16} {'condition':>9} {'num_samples':>12} {'runs':>10} {'chunks':>7} {'rows':>12} {'bytes':>9}"
    lines = [f"study {study.name}, seed {study.seed}, chunks of {size} runs", header]
    rows_in_all, chunks_in_all, bytes_in_all, seconds, memory = 0, 0, 0.0, 0.0, 0.0
    for condition_id, condition in study.conditions.items():
        cost = estimate(study, condition)
        pieces = len(list(chunks(condition_id, [(0, study.replicates)], size)))
        rows, stored = cost.rows * study.replicates, cost.stored_bytes * study.replicates
        lines.append(
            f"{condition.problem:16} {condition_id:>9x} {condition.num_samples:>12,} {study.replicates:>10,} "
            f"{pieces:>7,} {rows:>12,} {format_bytes(stored):>9}"
        )
        rows_in_all, chunks_in_all, bytes_in_all = rows_in_all + rows, chunks_in_all + pieces, bytes_in_all + stored
        seconds += cost.seconds * study.replicates
        memory = max(memory, peak_bytes(study, condition))
    total = total_runs(study)
    lines.append(
        f"about: {total:,} runs, {chunks_in_all:,} chunks, {rows_in_all:,} rows, {format_bytes(bytes_in_all)} on disk, "
        f"{format_bytes(memory)} of memory a worker beside 0.5 GB of libraries, {seconds:.0f} s of one core"
    )
    return "\n".join(lines)


def format_bytes(number: float) -> str:
    """Return a number of bytes as people write it."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError
