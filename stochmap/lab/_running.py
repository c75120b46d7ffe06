"""One chunk of a study: problems in, rows out. A pure function but for the seconds that an estimate takes."""

from typing import Any, NamedTuple

import jax
import numpy as np

from stochmap.building import field_values
from stochmap.columns import Labels
from stochmap.estimators import AbstractEstimator, Gaussian
from stochmap.study import Chunk

from ._exact import exact_gradient, flat
from ._learning import learn, recorded_steps
from ._measurement import is_unbiased, measure
from ._problem import Problem, facts
from ._sampled import SampledLearning, sampled_curves
from ._study import Cell, Entry, GradientStudy, Learning, constant, short_hash, told
from ._theory import theory

GRADIENT_WORK = 3
"""Calls of f that one call of its gradient (with f itself) is counted for: forward, and backward at twice that."""

Columns = dict[str, Any]


class ChunkResult(NamedTuple):
    """The rows of a chunk by table, and a sentence for each pair that cannot be."""

    tables: dict[str, list[Columns]]
    notes: list[str]


def run_chunk(study: GradientStudy, chunk: Chunk) -> ChunkResult:
    """Measure a range of a cell's estimators, or learn with a range of a task's.

    Which rows come out depends on the study and the chunk alone; their ``seconds_per_estimate`` are measured.
    """
    task = study.tasks[chunk.condition_id]
    units = study.serving(task)[chunk.first : chunk.first + chunk.count]
    tables: dict[str, list[Columns]] = {}
    notes = []
    for unit in units:
        if isinstance(task, Learning):
            tables.setdefault("learning", []).append(_learned(study, task, unit))
            continue
        if isinstance(task, SampledLearning):
            tables.setdefault("curves", []).append(_sampled(study, task, unit))
            continue
        entry = study.entries[unit]
        refusal = refuses(task.problem, entry.estimator)
        if refusal:
            notes.append(f"{task.name}, {entry.name} with {entry.estimator.num_samples} samples is left out: {refusal}")
        else:
            tables.setdefault("gradients", []).append(_measured(study, task, entry))
    return ChunkResult(tables, notes)


def refuses(problem: Problem, estimator: AbstractEstimator) -> str:
    """Return why an estimator cannot serve a problem, such as too many outcomes to list; empty where it can."""
    distribution = jax.eval_shape(problem.distribution)
    try:
        state = jax.eval_shape(estimator.init, distribution)
        jax.eval_shape(lambda d, s: estimator.surrogate(jax.random.key(0), d, problem, s)[0], distribution, state)
    except ValueError as error:
        return str(error)
    return ""


def _key(study: GradientStudy, task_id: int, unit_id: int) -> jax.Array:
    """Return the stream of one estimator on one problem, whatever else the study holds."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(study.seed), task_id), unit_id)


def _measured(study: GradientStudy, cell: Cell, entry: Entry) -> Columns:
    problem, estimator, about = cell.problem, entry.estimator, facts(cell.problem)
    distribution = jax.eval_shape(problem.distribution)
    exact = exact_gradient(problem)
    seen = measure(problem, estimator, _key(study, cell.id, entry.id), study.repeats, study.warm_up)
    known = theory(problem, estimator)
    bias, count = seen.mean - exact, len(exact)
    calls = int(estimator.function_calls(distribution)), int(estimator.gradient_calls(distribution))
    work = calls[0] + GRADIENT_WORK * calls[1]
    best_variance = seen.variance if known is None else known.variance
    declared = bool(estimator.unbiased_for(about))
    square, square_error = _bias_square(bias, seen.standard_error)
    if declared or known is not None:
        square = np.zeros(count) if declared or known is None else (known.mean - exact) ** 2
        square_error = np.zeros(count)
    values: Columns = {
        "condition_id": np.full(count, cell.id, np.int64),
        "problem": _text(cell.name, count),
        "problem_kind": _text(cell.kind, count),
        "distribution": _text(about.family, count),
        "dimension": np.full(count, about.dimension, np.int32),
        "num_classes": np.full(count, about.num_classes, np.int32) if about.num_classes else None,
        "estimator": _text(entry.name, count),
        "estimator_kind": _text(entry.kind, count),
        "num_samples": np.full(count, estimator.num_samples, np.int32),
        "parameter": parameter_index(distribution),
        "exact": exact,
        "repeats": np.full(count, seen.repeats, np.int64),
        "mean": seen.mean,
        "standard_error": seen.standard_error,
        "variance": seen.variance,
        "variance_standard_error": seen.variance_standard_error,
        "bias": bias,
        "exact_bias": None if known is None else known.mean - exact,
        "exact_variance": None if known is None else known.variance,
        "unbiased_declared": np.full(count, declared),
        "unbiased_observed": is_unbiased(bias, seen.standard_error, exact),
        "function_calls": np.full(count, calls[0], np.int64),
        "gradient_calls": np.full(count, calls[1], np.int64),
        "seconds_per_estimate": np.full(count, seen.seconds),
        "work": np.full(count, work, np.int64),
        "bias_square": square,
        "bias_square_error": square_error,
        "work_normalised_mse": square + best_variance * work / study.budget,
    }
    for prefix, fields, own in (
        ("problem", study.problem_fields(), told(field_values(problem))),
        ("estimator", study.estimator_fields(), told(entry.options())),
    ):
        values |= {f"{prefix}_{name}": constant(own.get(name), kind, count) for name, kind in fields.items()}
    return values


def _bias_square(bias: np.ndarray, standard_error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a simulated bias² less what noise adds, and its standard error: ≈ 2·|bias|·s.e., at least s.e.²."""
    noise = standard_error**2
    return np.maximum(bias**2 - noise, 0.0), np.maximum(2.0 * np.abs(bias) * standard_error, noise)


def parameter_index(distribution: Any) -> np.ndarray:
    """Return each parameter's index: of its logit among all; for Gaussians 0 = mean, 1 = std (of every dimension)."""
    sizes = [leaf.size for leaf in jax.tree.leaves(distribution)]
    if isinstance(distribution, Gaussian):
        return np.repeat(np.arange(2, dtype=np.int32), sizes)
    return np.arange(sizes[0], dtype=np.int32)


def _learned(study: GradientStudy, task: Learning, unit: int) -> Columns:
    name, estimator = task.estimators[unit]
    key = _key(study, task.id, short_hash([name, type(estimator).__qualname__]))
    path = learn(task.problem, estimator, key, steps=task.steps, learning_rate=task.learning_rate, runs=task.runs)
    steps = recorded_steps(task.steps)
    runs, points, parameters = path.shape
    index = np.indices(path.shape).reshape(3, -1)
    count = path.size
    return {
        "condition_id": np.full(count, task.id, np.int64),
        "task": _text(task.name, count),
        "problem_kind": _text(task.kind, count),
        "distribution": _text(task.problem.family, count),
        "t": constant(getattr(task.problem, "t", None), float, count) if task.kind == "bernoulli_toy" else None,
        "learning_rate": np.full(count, task.learning_rate),
        "estimator": _text(name, count),
        "run": index[0].astype(np.int32),
        "step": steps[index[1]],
        "parameter": index[2].astype(np.int32),
        "start": flat(task.problem.distribution())[index[2]],
        "value": path.ravel(),
    }


def _sampled(study: GradientStudy, task: SampledLearning, unit: int) -> Columns:
    step, excess, distance = sampled_curves(task, unit, study.seed)
    count = step.size
    return {
        "condition_id": np.full(count, task.id, np.int64),
        "task": _text(task.name, count),
        "estimator": _text(task.estimators[unit][0], count),
        "run": np.repeat(np.arange(len(step), dtype=np.int32), step.shape[1]),
        "step": step.ravel(),
        "excess": excess.ravel(),
        "distance": np.repeat(distance, step.shape[1]),
    }


def _text(name: str, count: int) -> Labels:
    return Labels(np.zeros(count, np.int8), (name,))
