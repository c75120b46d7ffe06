"""One chunk of runs, start to end: truth → data → learners → numbers. A pure function, without I/O."""

import functools
import zlib
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stochmap.labels import Labels
from stochmap.learners import Fit, Learner, Status
from stochmap.metrics import METRIC_COLUMNS, score
from stochmap.posteriors import Interval
from stochmap.sampling import (
    Counts,
    Moments,
    Statistics,
    categorical_sampler,
    draw_counts,
    draw_moments,
    draw_pairs,
    gaussian_sampler,
)
from stochmap.sharding import LANE_AXIS, batch_size, over_runs, pad_runs, place_runs
from stochmap.streams import Role, run_keys, words_at
from stochmap.study import Chunk, Condition, Study
from stochmap.truths import CategoricalTable, GaussianTable, TruthTable

LEVEL = 0.95
"""Of the intervals in ``estimates`` and of those whose ``coverage`` is told."""

Columns = dict[str, Any]
"""A table as columns: NumPy arrays (text as ASCII bytes), Labels for text that repeats, None where all is null."""


def run_chunk(study: Study, chunk: Chunk) -> dict[str, list[Columns]]:
    """Run all runs of a chunk and return the tables that the study keeps, each as blocks of columns.

    The result depends on the study and on the chunk's runs alone: integers (truths excepted, which are drawn in
    float64 on the host) on any platform, floats on one. Runs are worked on in batches of fixed size, so that a run's
    numbers do not depend on its neighbours.
    """
    if not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise RuntimeError('statistics are int64 and float64: call jax.config.update("jax_enable_x64", True) first')
    condition = study.conditions[chunk.condition_id]
    size = batch_size()
    starts = range(0, chunk.count, size)
    batches = [_run_batch(study, condition, chunk.run_ids[start : start + size], size) for start in starts]
    return _tables(study, condition, _joined(batches))


class _Scored(NamedTuple):
    """A learner's fits with their intervals and numbers; every leaf has a leading axis of runs."""

    fit: Fit
    intervals: dict[str, Interval] | None
    scores: dict[str, np.ndarray]


class _Results(NamedTuple):
    """Some runs, start to end; every leaf has a leading axis of runs."""

    run_ids: np.ndarray
    keys: np.ndarray
    truth: dict[str, np.ndarray]
    statistics: Statistics
    learned: dict[str, _Scored]
    samples: list[Columns]


def _run_batch(study: Study, condition: Condition, run_ids: np.ndarray, size: int) -> _Results:
    used = len(run_ids)
    keys = pad_runs(run_keys(study.seed, run_ids), size)
    truth = condition.truth.draw(keys)._replace(inputs=condition.inputs.probabilities(condition.truth.num_x))
    statistics = _draw_statistics(truth, keys, condition.num_samples)
    real_truth, real_statistics = _first(truth, used), _first(statistics, used)
    learned = {}
    for name, learner in study.problem(condition.problem).learners.items():
        fit = _first(_fit(learner, name, keys, statistics), used)
        intervals = fit.interval(LEVEL)
        learned[name] = _Scored(fit, intervals, score(real_truth, fit, real_statistics, intervals))
    samples = _samples(real_truth, keys, run_ids, condition.num_samples) if "samples" in study.keep else []
    return _Results(run_ids, keys[:used], real_truth.parameters(), real_statistics, learned, samples)


def _joined(batches: list[_Results]) -> _Results:
    """Put the batches' runs one after the other, so that each table is made in one go."""
    samples = [block for batch in batches for block in batch.samples]
    bare = [batch._replace(samples=[]) for batch in batches]
    return jax.tree.map(lambda *parts: np.concatenate(parts), *bare)._replace(samples=samples)


def _tables(study: Study, condition: Condition, results: _Results) -> dict[str, list[Columns]]:
    """Turn results into the tables that the study keeps, each as blocks of columns."""
    run_ids, statistics = results.run_ids, results.statistics
    tables = {"runs": [_runs(study, condition, run_ids, results.keys, statistics)]}
    if "truths" in study.keep:
        tables["truths"] = [_truths(run_ids, *parameter) for parameter in results.truth.items()]
    if "counts" in study.keep:
        tables["counts" if isinstance(statistics, Counts) else "moments"] = [_statistics(statistics, run_ids)]
    if "samples" in study.keep:
        tables["samples"] = results.samples
    tables["fits"] = [_fits(run_ids, name, learned) for name, learned in results.learned.items()]
    if "estimates" in study.keep:
        tables["estimates"] = [block for item in results.learned.items() for block in _estimates(run_ids, *item)]
    if "history" in study.keep:
        blocks = [_history(run_ids, name, learned.fit) for name, learned in results.learned.items()]
        if any(blocks):
            tables["history"] = [block for block in blocks if block]
    return tables


def _first(tree: Any, used: int) -> Any:
    """Drop the padding: every leaf with the batch's axis loses it, inputs and scalars stay."""
    if isinstance(tree, CategoricalTable):
        return tree._replace(probabilities=tree.probabilities[:used])
    if isinstance(tree, GaussianTable):
        return tree._replace(mean=tree.mean[:used], std=tree.std[:used])
    return jax.tree.map(lambda leaf: leaf[:used], tree)


def _draw_statistics(truth: TruthTable, keys: np.ndarray, num_samples: int) -> Statistics:
    if isinstance(truth, CategoricalTable):
        return draw_counts(categorical_sampler(truth.inputs, truth.probabilities), keys, num_samples)
    return draw_moments(gaussian_sampler(truth.inputs, truth.mean, truth.std), keys, num_samples)


@functools.cache
def _program(learner: Learner) -> Any:
    def fit_one(key: Any, statistics: Statistics) -> Fit:
        return learner(jax.random.wrap_key_data(key, impl="threefry2x32"), statistics)

    return over_runs(lambda batch, _: jax.vmap(fit_one, axis_name=LANE_AXIS)(*batch))


def _fit(learner: Learner, name: str, keys: np.ndarray, statistics: Statistics) -> Fit:
    """Fit a batch on the devices and bring it back in float64."""
    # A learner's stream is that of its name: it does not depend on which others are listed.
    learner_keys = words_at(keys, Role.LEARNER, zlib.crc32(name.encode()))
    fit = _program(learner)(place_runs((learner_keys, statistics)), ())

    def bring(leaf: Any) -> np.ndarray:
        return np.asarray(leaf, dtype=np.float64 if jnp.issubdtype(leaf.dtype, jnp.floating) else None)

    return jax.tree.map(bring, fit)


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
    visited = (np.asarray(statistics.num_samples)[:rows] > 0).sum(axis=-1)
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


def _grid(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return the indices of a [runs, x] or [runs, x, y] array, flattened: int32."""
    return [index.reshape(-1) for index in np.indices(shape, dtype=np.int32)]


def _truths(run_ids: np.ndarray, parameter: str, values: np.ndarray) -> Columns:
    block = _long(run_ids, parameter, values)
    present = block["value"] > 0  # absent means 0
    return block if parameter != "probability" or present.all() else _take(block, present)


def _take(block: Columns, rows: np.ndarray) -> Columns:
    def take(column: Any) -> Any:
        return Labels(column.codes[rows], column.names) if isinstance(column, Labels) else column[rows]

    return {name: None if column is None else take(column) for name, column in block.items()}


def _long(run_ids: np.ndarray, parameter: str, values: np.ndarray) -> Columns:
    run, x, *y = _grid(values.shape)
    return {
        "run_id": run_ids[run],
        "parameter": _constant(parameter, values.size),
        "x": x,
        "y": y[0] if y else None,
        "value": values.reshape(-1),
    }


def _statistics(statistics: Statistics, run_ids: np.ndarray) -> Columns:
    if isinstance(statistics, Counts):
        run, x, y = np.nonzero(statistics.n)
        return {"run_id": run_ids[run], "x": x.astype(np.int32), "y": y.astype(np.int32), "n": statistics.n[run, x, y]}
    assert isinstance(statistics, Moments)
    run, x = np.nonzero(statistics.n)
    values = {name: getattr(statistics, name)[run, x] for name in ("n", "mean", "m2")}
    return {"run_id": run_ids[run], "x": x.astype(np.int32), **values}


def _samples(truth: TruthTable, keys: np.ndarray, run_ids: np.ndarray, num_samples: int) -> list[Columns]:
    blocks = []
    for index, run_id in enumerate(run_ids):
        if isinstance(truth, CategoricalTable):
            sampler = categorical_sampler(truth.inputs, truth.probabilities[index])
        else:
            sampler = gaussian_sampler(truth.inputs, truth.mean[index], truth.std[index])
        x, y, value = draw_pairs(sampler, keys[index], 0, num_samples)
        blocks.append({"run_id": np.full(num_samples, run_id), "x": x, "y": y, "value": value})
    return blocks


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


def _estimates(run_ids: np.ndarray, learner: str, learned: _Scored) -> list[Columns]:
    blocks = []
    for parameter, values in learned.fit.mapping.parameters().items():
        block = {"learner": _constant(learner, values.size), **_long(run_ids, parameter, values)}
        if learned.intervals is not None:
            lower, upper = learned.intervals[parameter]
            block |= {"lower": lower.reshape(-1), "upper": upper.reshape(-1)}
        blocks.append(block)
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
