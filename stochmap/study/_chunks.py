from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from stochmap.sharding import LANES

from ._study import Condition, Study


@dataclass(frozen=True)
class Chunk:
    """Replicates first … first + count − 1 of one condition: the unit of work, of retry and of commit."""

    condition_id: int
    first: int
    count: int

    @property
    def name(self) -> str:
        """The name of the chunk's files and of its manifest entry."""
        return f"{self.condition_id:08x}-{self.first}-{self.count}"

    @property
    def run_ids(self) -> np.ndarray:
        """condition_id·2³² + replicate: int64[count]."""
        return (self.condition_id << 32) + np.arange(self.first, self.first + self.count, dtype=np.int64)


def chunks(condition_id: int, ranges: list[tuple[int, int]], size: int) -> Iterator[Chunk]:
    """Cut ranges (first, count) of replicates into chunks whose borders are multiples of ``size``."""
    for first, count in ranges:
        end = first + count
        while first < end:
            stop = min(end, (first // size + 1) * size)
            yield Chunk(condition_id, first, stop - first)
            first = stop


@dataclass(frozen=True)
class Cost:
    """What one run takes, roughly: core seconds, its tables' bytes (in memory, on disk) and rows, a batch's bytes."""

    seconds: float
    bytes: float
    stored_bytes: float
    rows: int
    batch_bytes: float


def estimate(study: Study, condition: Condition) -> Cost:
    """Estimate what one run of a condition takes; only the order of magnitude matters."""
    chosen = study.problem(condition.problem).learners
    learners, in_order = len(chosen), sum(learner.needs == "pairs" for learner in chosen.values())
    parameters = (
        2 * condition.truth.num_x if condition.truth.num_y is None else condition.truth.num_x * condition.truth.num_y
    )
    rows = {
        "truths": parameters,
        "counts": parameters,
        "estimates": parameters * learners,
        "history": 50 * learners,
        "samples": condition.num_samples,
        "calibration": (parameters + 1) * learners,
    }
    kept = sum(rows[table] for table in study.keep) + 1 + learners
    seconds = 50e-6 + (20e-9 + 500e-9 * in_order) * condition.num_samples + 2e-6 * parameters * learners
    if "calibration" in study.keep:
        seconds += 50e-6 * parameters * learners  # draws from posteriors
    # Learners that need pairs have all of a batch's in memory, as drawn and padded; the others one block at a time.
    drawn = 60.0 * condition.num_samples if in_order else 3.0 * min(condition.num_samples, 1 << 14)
    return Cost(seconds, 40.0 * kept, 14.0 * kept, kept, LANES * (200.0 * parameters + drawn))


def chunk_size(study: Study) -> int:
    """Return the replicates in a chunk: about 10 s of work on one core, at most 128 MB of tables in memory.

    It follows from the study's largest condition alone: whole batches of LANES, at most 4096 and at least one whatever
    it takes; fewer runs than a batch only where their tables are large, and at least one run.
    """
    size = 4096 * LANES
    for condition in study.conditions.values():
        cost = estimate(study, condition)
        size = min(size, max(LANES, int(10.0 / cost.seconds)), max(1, int(128e6 / cost.bytes)))
    return size // LANES * LANES if size >= LANES else size


def peak_bytes(study: Study, condition: Condition) -> float:
    """Estimate the most memory that a worker takes for a chunk of a condition, beside 0.5 GB of libraries."""
    cost = estimate(study, condition)
    return cost.batch_bytes + min(chunk_size(study), study.replicates) * cost.bytes
