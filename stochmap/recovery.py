"""One chunk of runs, start to end: truth → data → learners → numbers. A pure function, without I/O."""

import functools
import math
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from stochmap import calibration
from stochmap.columns import Labels
from stochmap.compiling import short_loops
from stochmap.learners import Fit, Learner, PairBlocks, Status, pair_blocks
from stochmap.metrics import METRIC_COLUMNS, score
from stochmap.posteriors import AbstractPosterior, Interval
from stochmap.sampling import (
    Counts,
    Moments,
    Pairs,
    Statistics,
    Values,
    categorical_sampler,
    draw_counts,
    draw_moments,
    draw_pairs,
    gaussian_sampler,
)
from stochmap.sharding import LANE_AXIS, batch_size, collect_runs, pad_runs, place_runs
from stochmap.streams import Role, run_keys, words_at
from stochmap.study import Chunk, Condition, Study
from stochmap.truths import CategoricalTable, GaussianTable, TruthTable

LEVEL = 0.95
"""Of the intervals in ``estimates`` and of those whose ``coverage`` is told."""

POSTERIOR_DRAWS = 99
"""Of each posterior, among which the truth's ranks in ``calibration`` are: a hundred values, equally likely."""

Columns = dict[str, Any]
"""A table as columns: NumPy arrays (text as ASCII bytes), Labels for text that repeats, None where all is null."""


def run_chunk(study: Study, chunk: Chunk) -> dict[str, list[Columns]]:
    """Run all runs of a chunk and return the tables that the study keeps, each as blocks of columns.

    The result depends on the study and on the chunk's runs alone, bit by bit on one platform. Across platforms truths
    may differ in the last bit, being drawn in float64; pairs and counts are the same wherever the truth is. Runs are
    worked on in batches of fixed size, so that a run's numbers do not depend on its neighbours.
    """
    if not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise RuntimeError('statistics are int64 and float64: call jax.config.update("jax_enable_x64", True) first')
    condition = study.conditions[chunk.condition_id]
    keys = run_keys(study.seed, chunk.run_ids)
    # A learner's stream is that of its name: it does not depend on which others are listed.
    names = study.problem(condition.problem).learners
    learner_keys, posterior_keys = (
        {name: words_at(keys, role, zlib.crc32(name.encode())) for name in names}
        for role in (Role.LEARNER, Role.POSTERIOR)
    )
    padded = -(-chunk.count // batch_size()) * batch_size()
    runs = pad_runs(_Runs(chunk.run_ids, keys, learner_keys, posterior_keys), padded)
    size = batch_size() * _together(study, condition)
    batches = [_run_batch(study, condition, _window(runs, start, size)) for start in range(0, padded, size)]
    return _tables(study, condition, _joined(batches, chunk.count))


def _together(study: Study, condition: Condition) -> int:
    """Return how many times the devices' runs the host works on at once, at most 4.

    On small tables NumPy's calls cost as much as their work: more runs a call save a tenth of a run's time at 16 × 8,
    half of it at 2 × 2. Arrays of more than 512 KiB would leave the cache. Where pairs are kept in memory, by learners
    that need them or by truths made of parts, they are those of as few runs as can be.
    """
    learners = study.problem(condition.problem).learners.values()
    by_pair = {learner.needs for learner in learners} != {"statistics"} or hasattr(condition.truth, "parts")
    cells = condition.truth.num_x * (condition.truth.num_y or 1)
    return 1 if by_pair else min(4, max(1, (1 << 16) // (batch_size() * cells)))


class _Runs(NamedTuple):
    """Runs to do; every leaf has a leading axis of runs."""

    run_ids: np.ndarray
    keys: np.ndarray
    learner_keys: dict[str, np.ndarray]
    posterior_keys: dict[str, np.ndarray]


def _window(runs: _Runs, start: int, size: int) -> _Runs:
    return jax.tree.map(lambda leaf: leaf[start : start + size], runs)


class _Calibration(NamedTuple):
    """Where the truth lies in a learner's posterior, by quantity; every leaf has a leading axis of runs."""

    pit: dict[str, np.ndarray]
    rank: dict[str, np.ndarray]


class _Scored(NamedTuple):
    """A learner's fits with their intervals and numbers; every leaf has a leading axis of runs."""

    fit: Fit
    intervals: dict[str, Interval] | None
    scores: dict[str, np.ndarray]
    calibration: _Calibration | None = None


class _Results(NamedTuple):
    """Some runs, start to end; every leaf has a leading axis of runs."""

    run_ids: np.ndarray
    keys: np.ndarray
    truth: dict[str, np.ndarray]
    parts: np.ndarray | None
    statistics: Statistics
    learned: dict[str, _Scored]


def _run_batch(study: Study, condition: Condition, runs: _Runs) -> _Results:
    inputs = condition.inputs.probabilities(condition.truth.num_x)
    truth = condition.truth.draw(runs.keys)._replace(inputs=inputs)
    learners = study.problem(condition.problem).learners
    needs = {learner.needs for learner in learners.values()}
    drifts = isinstance(truth, CategoricalTable) and truth.parts is not None
    blocks = _draw_blocks(truth, runs.keys, condition.num_samples) if drifts or "pairs" in needs else None
    counted = _count_blocks(blocks) if drifts and blocks is not None else None
    statistics = counted or _draw_statistics(truth, runs.keys, condition.num_samples)
    data: dict[str, Any] = {"statistics": statistics, "pairs": blocks, "values": statistics}
    if "values" in needs and isinstance(truth, GaussianTable) and isinstance(statistics, Moments):
        data["values"] = _draw_values(truth, runs.keys, statistics, condition.num_samples)
    learned = {}
    # By name, so that a store's bytes do not depend on the order in its study's file.
    for name, learner in sorted(learners.items()):
        fit = _fit(learner, runs.learner_keys[name], data[learner.needs])
        # Through the class: through the object Equinox would wrap the method anew, which costs a quarter of `score`.
        intervals = Fit.interval(fit, LEVEL)
        scored = _Scored(fit, intervals, score(truth, fit, statistics, intervals))
        if "calibration" in study.keep and fit.posterior is not None:
            scored = scored._replace(
                calibration=_calibrate(fit.posterior, truth, statistics, runs.posterior_keys[name])
            )
        learned[name] = scored
    parts = truth.parts if isinstance(truth, CategoricalTable) else None
    return _Results(runs.run_ids, runs.keys, truth.parameters(), parts, statistics, learned)


def _joined(batches: list[_Results], count: int) -> _Results:
    """Put the batches' runs one after the other, so that each table is made in one go, and leave out the padding."""
    return jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *batches)


def _tables(study: Study, condition: Condition, results: _Results) -> dict[str, list[Columns]]:
    """Turn results into the tables that the study keeps, each as blocks of columns."""
    run_ids, statistics = results.run_ids, results.statistics
    shape = next(iter(results.truth.values())).shape
    cells = _cells(run_ids, shape) if {"truths", "counts", "estimates", "calibration"} & set(study.keep) else {}
    tables = {"runs": [_runs(study, condition, run_ids, results.keys, statistics)]}
    if "truths" in study.keep:
        tables["truths"] = [_truths(cells, *parameter) for parameter in results.truth.items()]
    if "counts" in study.keep:
        tables["counts" if isinstance(statistics, Counts) else "moments"] = [_statistics(cells, statistics)]
    if "samples" in study.keep:
        tables["samples"] = _samples(condition, results)
    tables["fits"] = [_fits(run_ids, name, learned) for name, learned in results.learned.items()]
    if "estimates" in study.keep:
        seen = np.asarray(statistics.num_samples) > 0
        told = {**cells, "seen": np.broadcast_to(seen if len(shape) == 2 else seen[..., None], shape).reshape(-1)}
        tables["estimates"] = [block for item in results.learned.items() for block in _estimates(told, *item)]
    if "calibration" in study.keep:
        blocks = [block for item in results.learned.items() for block in _calibration(cells, run_ids, *item)]
        if blocks:
            tables["calibration"] = blocks
    if "history" in study.keep:
        blocks = [_history(run_ids, name, learned.fit) for name, learned in results.learned.items()]
        if any(blocks):
            tables["history"] = [block for block in blocks if block]
    return tables


def _draw_statistics(truth: TruthTable, keys: np.ndarray, num_samples: int) -> Statistics:
    if isinstance(truth, CategoricalTable):
        return draw_counts(categorical_sampler(truth.inputs, truth.probabilities), keys, num_samples)
    return draw_moments(gaussian_sampler(truth.inputs, truth.mean, truth.std), keys, num_samples)


def _draw_pairs(truth: TruthTable, keys: np.ndarray, num_samples: int) -> Iterator[Pairs]:
    """Yield each run's pairs in their order; where the truth drifts, each part of the rows from its own table."""
    if isinstance(truth, CategoricalTable):
        parts = truth.probabilities[:, None] if truth.parts is None else truth.parts
        samplers: Any = [categorical_sampler(truth.inputs, parts[:, part]) for part in range(parts.shape[1])]
    else:
        samplers = [gaussian_sampler(truth.inputs, truth.mean, truth.std)]
    borders = [num_samples * part // len(samplers) for part in range(len(samplers) + 1)]
    for run, key in enumerate(keys):
        drawn = [
            draw_pairs(_sampler_of(sampler, run), key, first, last - first)
            for sampler, first, last in zip(samplers, borders, borders[1:], strict=False)
        ]
        yield jax.tree.map(lambda *columns: np.concatenate(columns), *drawn)


def _sampler_of(sampler: Any, run: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[run] if isinstance(leaf, np.ndarray) else leaf, sampler)


def _draw_blocks(truth: TruthTable, keys: np.ndarray, num_samples: int) -> PairBlocks:
    """Draw the pairs of every run of a batch, for the learners that need them in order."""
    x, y, value = zip(*_draw_pairs(truth, keys, num_samples), strict=True)
    if isinstance(truth, CategoricalTable):
        return pair_blocks(np.stack(x), np.stack(y), *truth.probabilities.shape[-2:])
    return pair_blocks(np.stack(x), np.stack(value), truth.mean.shape[-1])


def _count_blocks(blocks: PairBlocks) -> Counts:
    assert blocks.num_y is not None
    cells = blocks.x * blocks.num_y + blocks.y  # rows beyond the last pair lie beyond the last cell
    size = blocks.num_x * blocks.num_y
    counts = [np.bincount(run[run < size], minlength=size) for run in np.asarray(cells)]
    return Counts(np.reshape(counts, (-1, blocks.num_x, blocks.num_y)))


def _draw_values(truth: GaussianTable, keys: np.ndarray, moments: Moments, num_samples: int) -> Values:
    """Draw the values of every run of a batch, for the learners that need each of them."""
    x, _, value = zip(*_draw_pairs(truth, keys, num_samples), strict=True)
    return Values(moments, np.stack(x), np.stack(value))


@functools.cache
def _program(learner: Learner) -> Any:
    def fit_one(key: Any, data: Any) -> Fit:
        return learner(jax.random.wrap_key_data(key, impl="threefry2x32"), data)

    return jax.jit(jax.vmap(fit_one, axis_name=LANE_AXIS), compiler_options=short_loops())


def _fit(learner: Learner, keys: np.ndarray, data: Any) -> Fit:
    """Fit a batch on the devices and bring it back in float64."""
    program = _program(learner)
    fit = collect_runs([program(*part) for part in place_runs((keys, data))])
    return jax.tree.map(lambda leaf: leaf.astype(np.float64) if leaf.dtype == np.float32 else leaf, fit)


def _calibrate(
    posterior: AbstractPosterior, truth: TruthTable, statistics: Statistics, keys: np.ndarray
) -> _Calibration:
    """Find where the truth lies in the exact posteriors of a batch."""
    ranks = [
        calibration.rank_program(jax.random.wrap_key_data(part, impl="threefry2x32"), *data, draws=POSTERIOR_DRAWS)
        for part, *data in place_runs((keys, posterior, truth.parameters(), statistics))
    ]
    return _Calibration(calibration.pit(posterior, truth), collect_runs(ranks))


def _constant(text: str, rows: int) -> Labels:
    return Labels(np.zeros(rows, dtype=np.int8), (text,))


def _repeat(value: Any, rows: int) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return _constant(value, rows)
    return np.full(rows, value)


def _runs(study: Study, condition: Condition, run_ids: np.ndarray, keys: np.ndarray, statistics: Statistics) -> Columns:
    rows = len(run_ids)
    visited = (np.asarray(statistics.num_samples) > 0).sum(axis=-1)
    truth, inputs = study.truth_fields(), study.inputs_fields()
    truth_values, inputs_values = condition.truth_values(), condition.inputs_values()
    return {
        "run_id": run_ids,
        "problem": _constant(condition.problem, rows),
        "truth_kind": _constant(condition.truth_kind, rows),
        **{f"truth_{name}": _repeat(truth_values.get(name), rows) for name in truth},
        "inputs_kind": _constant(condition.inputs_kind, rows),
        **{f"inputs_{name}": _repeat(inputs_values.get(name), rows) for name in inputs},
        "num_samples": np.full(rows, condition.num_samples, dtype=np.int64),
        "replicate": run_ids & 0xFFFFFFFF,
        "num_visited_x": visited.astype(np.int32),
        "key": np.frombuffer(keys.astype(">u4").tobytes().hex().encode(), dtype="S16"),
    }


def _cells(run_ids: np.ndarray, shape: tuple[int, ...]) -> Columns:
    """Return the coordinates of a [runs, x] or [runs, x, y] array, flattened."""
    x, *y = (np.broadcast_to(index, shape).reshape(-1) for index in np.indices(shape[1:], dtype=np.int32, sparse=True))
    return {"run_id": np.repeat(run_ids, math.prod(shape[1:])), "x": x, "y": y[0] if y else None}


def _truths(cells: Columns, parameter: str, values: np.ndarray) -> Columns:
    block = _long(cells, parameter, values)
    return _rows(block, block["value"] > 0) if parameter == "probability" else block  # absent means 0


def _rows(block: Columns, present: np.ndarray) -> Columns:
    """Leave the rows out that are not present."""
    if present.all():
        return block

    def kept(column: Any) -> Any:
        return Labels(column.codes[present], column.names) if isinstance(column, Labels) else column[present]

    return {name: None if column is None else kept(column) for name, column in block.items()}


def _long(cells: Columns, parameter: str, values: np.ndarray) -> Columns:
    return {**cells, "parameter": _constant(parameter, values.size), "value": values.reshape(-1)}


def _statistics(cells: Columns, statistics: Statistics) -> Columns:
    if isinstance(statistics, Counts):
        block = {**cells, "n": statistics.n.reshape(-1)}
    else:
        assert isinstance(statistics, Moments)
        values = {name: getattr(statistics, name).reshape(-1) for name in ("n", "mean", "m2")}
        block = {"run_id": cells["run_id"], "x": cells["x"], **values}
    return _rows(block, block["n"] > 0)


def _samples(condition: Condition, results: _Results) -> list[Columns]:
    inputs, rows = condition.inputs.probabilities(condition.truth.num_x), condition.num_samples
    if isinstance(results.statistics, Counts):
        truth = CategoricalTable(results.truth["probability"], inputs, parts=results.parts)
    else:
        truth = GaussianTable(results.truth["mean"], results.truth["std"], inputs)
    drawn = zip(results.run_ids, _draw_pairs(truth, results.keys, rows), strict=True)
    return [{"run_id": np.full(rows, run_id), **pairs._asdict()} for run_id, pairs in drawn]


def _fits(run_ids: np.ndarray, learner: str, learned: _Scored) -> Columns:
    return {
        "run_id": run_ids,
        "learner": _constant(learner, len(run_ids)),
        "status": Labels(
            np.asarray(learned.fit.status, dtype=np.int8), tuple(status.name.lower() for status in Status)
        ),
        "steps": np.asarray(learned.fit.steps, dtype=np.int64),
        **{column: learned.scores.get(column) for column in METRIC_COLUMNS},
    }


def _estimates(cells: Columns, learner: str, learned: _Scored) -> list[Columns]:
    blocks = []
    for parameter, values in learned.fit.mapping.parameters().items():
        block = {"learner": _constant(learner, values.size), **_long(cells, parameter, values)}
        if learned.intervals is not None:
            lower, upper = learned.intervals[parameter]
            block |= {"lower": lower.reshape(-1), "upper": upper.reshape(-1)}
        blocks.append(block)
    return blocks


def _calibration(cells: Columns, run_ids: np.ndarray, learner: str, learned: _Scored) -> list[Columns]:
    """Return transforms and ranks of every cell's parameters, and the rank of the log-likelihood of the run's data."""
    if learned.calibration is None:
        return []
    blocks = []
    for quantity, rank in learned.calibration.rank.items():
        whole = quantity == calibration.LOG_LIKELIHOOD
        pit = learned.calibration.pit.get(quantity)
        place = {"run_id": run_ids, "x": None, "y": None} if whole else cells
        blocks.append(
            {
                **place,
                "learner": _constant(learner, rank.size),
                "quantity": _constant(quantity, rank.size),
                "pit": None if pit is None else pit.reshape(-1),
                "rank": rank.reshape(-1),
                "draws": np.full(rank.size, POSTERIOR_DRAWS, dtype=np.int32),
            }
        )
    return blocks


def _history(run_ids: np.ndarray, learner: str, fit: Fit) -> Columns:
    if fit.history is None:
        return {}
    run, point = np.nonzero(fit.history.step >= 0)
    return {
        "run_id": run_ids[run],
        "learner": _constant(learner, len(run)),
        "step": fit.history.step[run, point],
        "loss": fit.history.loss[run, point],
    }
