"""One chunk of runs, start to end: truth → data → learners → numbers. A pure function, without I/O."""

import functools
import zlib
from typing import Any

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
from stochmap.sharding import batch_size, over_runs, pad_runs, place_runs
from stochmap.streams import Role, run_keys, words_at
from stochmap.study import Chunk, Condition, Study
from stochmap.truths import CategoricalTable, GaussianTable, TruthTable

LEVEL = 0.95
"""Of the intervals in ``estimates`` and of those whose ``coverage`` is told."""

Columns = dict[str, Any]
"""A table as columns: NumPy arrays, Labels for strings, or None where every value is null."""


def run_chunk(study: Study, chunk: Chunk) -> dict[str, list[Columns]]:
    """Run all runs of a chunk and return the tables that the study keeps, each as blocks of columns.

    The result depends on the study and on the chunk's runs alone: integers (truths excepted, which are drawn in
    float64 on the host) on any platform, floats on one. Runs are worked on in batches of fixed size, so that a run's
    numbers do not depend on its neighbours.
    """
    if not jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        raise RuntimeError('statistics are int64 and float64: call jax.config.update("jax_enable_x64", True) first')
    condition = study.conditions[chunk.condition_id]
    tables: dict[str, list[Columns]] = {}
    size = batch_size()
    for start in range(0, chunk.count, size):
        run_ids = chunk.run_ids[start : start + size]
        for name, blocks in _run_batch(study, condition, run_ids, size).items():
            tables.setdefault(name, []).extend(blocks)
    return tables


def _run_batch(study: Study, condition: Condition, run_ids: np.ndarray, size: int) -> dict[str, list[Columns]]:
    used = len(run_ids)
    keys = pad_runs(run_keys(study.seed, run_ids), size)
    truth = condition.truth.draw(keys)._replace(inputs=condition.inputs.probabilities(condition.truth.num_x))
    statistics = _draw_statistics(truth, keys, condition.num_samples)
    tables = {"runs": [_runs(study, condition, run_ids, keys[:used], statistics)]}
    if "truths" in study.keep:
        tables["truths"] = _truths(_first(truth, used), run_ids)
    if "counts" in study.keep:
        tables["counts" if isinstance(statistics, Counts) else "moments"] = [
            _statistics(_first(statistics, used), run_ids)
        ]
    if "samples" in study.keep:
        tables["samples"] = _samples(truth, keys, run_ids, condition.num_samples)
    for name, learner in study.problem(condition.problem).learners.items():
        fit = _first(_fit(learner, name, keys, statistics), used)
        intervals = fit.interval(LEVEL)
        scores = score(_first(truth, used), fit, _first(statistics, used), intervals)
        tables.setdefault("fits", []).append(_fits(run_ids, name, fit, scores))
        if "estimates" in study.keep:
            tables.setdefault("estimates", []).extend(_estimates(run_ids, name, fit, intervals))
        if "history" in study.keep and fit.history is not None:
            tables.setdefault("history", []).append(_history(run_ids, name, fit))
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

    return over_runs(lambda batch, _: jax.vmap(fit_one)(*batch))


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
    words = [f"{high:08x}{low:08x}" for high, low in keys]
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
        "key": Labels(np.arange(rows, dtype=np.int32), tuple(words)),
    }


def _grid(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return the indices of a [runs, x] or [runs, x, y] array, flattened: int32."""
    return [index.reshape(-1) for index in np.indices(shape, dtype=np.int32)]


def _truths(truth: TruthTable, run_ids: np.ndarray) -> list[Columns]:
    if isinstance(truth, GaussianTable):
        return [_long(run_ids, "mean", truth.mean), _long(run_ids, "std", truth.std)]
    block = _long(run_ids, "probability", truth.probabilities)
    present = block["value"] > 0  # absent means 0
    return [block if present.all() else _take(block, present)]


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


def _fits(run_ids: np.ndarray, learner: str, fit: Fit, scores: dict[str, np.ndarray]) -> Columns:
    return {
        "run_id": run_ids,
        "learner": _constant(learner, len(run_ids)),
        "status": Labels(np.asarray(fit.status, dtype=np.int8), tuple(status.name.lower() for status in Status)),
        "steps": np.asarray(fit.steps, dtype=np.int64),
        **{column: scores.get(column) for column in METRIC_COLUMNS},
    }


def _estimates(run_ids: np.ndarray, learner: str, fit: Fit, intervals: dict[str, Interval] | None) -> list[Columns]:
    blocks = []
    for parameter, values in fit.mapping.parameters().items():
        block = _long(run_ids, parameter, values)
        lower, upper = intervals[parameter] if intervals else (None, None)
        blocks.append(
            {
                "run_id": block["run_id"],
                "learner": _constant(learner, values.size),
                "parameter": block["parameter"],
                "x": block["x"],
                "y": block["y"],
                "value": block["value"],
                "lower": None if lower is None else lower.reshape(-1),
                "upper": None if upper is None else upper.reshape(-1),
            }
        )
    return blocks


def _history(run_ids: np.ndarray, learner: str, fit: Fit) -> Columns:
    assert fit.history is not None
    run, point = np.nonzero(fit.history.step >= 0)
    return {
        "run_id": run_ids[run],
        "learner": _constant(learner, len(run)),
        "step": fit.history.step[run, point],
        "loss": fit.history.loss[run, point],
    }
