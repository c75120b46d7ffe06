"""The schema of every table of a study's store and of a dataset's."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from stochmap.columns import METRIC_COLUMNS

SCHEMA_VERSION = 2

NAN_IS_NULL = frozenset({"lower", "upper", "pit", *METRIC_COLUMNS})
"""Columns whose NaN means "does not apply" and is stored as null; everywhere else NaN is a value."""

_TYPES: Mapping[type, pa.DataType] = {int: pa.int64(), float: pa.float64(), str: pa.string(), bool: pa.bool_()}


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


_RUN_ID = _required("run_id", pa.int64())
_LEARNER = _required("learner", pa.string())
_PARAMETER = _required("parameter", pa.string())
_X = _required("x", pa.int32())
_Y = pa.field("y", pa.int32())  # null for Gaussians

_FIXED_TABLES: Mapping[str, list[pa.Field]] = {
    "truths": [_RUN_ID, _PARAMETER, _X, _Y, _required("value", pa.float64())],
    "counts": [_RUN_ID, _X, _required("y", pa.int32()), _required("n", pa.int64())],
    "moments": [
        _RUN_ID,
        _X,
        _required("n", pa.int64()),
        _required("mean", pa.float64()),
        _required("m2", pa.float64()),
    ],
    "samples": [_RUN_ID, _X, _Y, pa.field("value", pa.float64())],
    "fits": [
        _RUN_ID,
        _LEARNER,
        _required("status", pa.string()),
        _required("steps", pa.int64()),
        *(pa.field(name, pa.float64()) for name in METRIC_COLUMNS),
    ],
    "estimates": [
        _RUN_ID,
        _LEARNER,
        _PARAMETER,
        _X,
        _Y,
        _required("value", pa.float64()),
        pa.field("lower", pa.float64()),
        pa.field("upper", pa.float64()),
        _required("seen", pa.bool_()),
    ],
    "history": [_RUN_ID, _LEARNER, _required("step", pa.int64()), _required("loss", pa.float64())],
    "calibration": [
        _RUN_ID,
        _LEARNER,
        _required("quantity", pa.string()),
        pa.field("x", pa.int32()),  # null for the log-likelihood of all of a run's data
        _Y,
        pa.field("pit", pa.float64()),
        _required("rank", pa.int32()),
        _required("draws", pa.int32()),
    ],
}

STUDY_TABLES = ("runs", *_FIXED_TABLES)
"""The tables of a study store; `runs` and `fits` are always there."""


def study_schemas(
    truth_fields: Mapping[str, type],
    inputs_fields: Mapping[str, type],
    *,
    identity: str,
    stream_version: int,
) -> dict[str, pa.Schema]:
    """The schemas of a study's tables, each with the schema version, the identity's hash and the stream version.

    A field of a truth or of inputs becomes the nullable column `truth_<field>` or `inputs_<field>` of `runs`; its
    type is int (int64), float (float64), str or bool.

    Raises:
        ValueError: a field of another type.
    """
    runs = [
        _RUN_ID,
        _required("problem", pa.string()),
        _required("truth_kind", pa.string()),
        *_prefixed("truth", truth_fields),
        pa.field("inputs_kind", pa.string()),
        *_prefixed("inputs", inputs_fields),
        _required("num_samples", pa.int64()),
        _required("replicate", pa.int64()),
        _required("num_visited_x", pa.int32()),
        _required("key", pa.string()),
    ]
    metadata = file_metadata(identity=identity, stream_version=stream_version)
    return {name: pa.schema(fields, metadata) for name, fields in {"runs": runs, **_FIXED_TABLES}.items()}


def dataset_schemas(samples: Mapping[str, np.dtype], *, identity: str, stream_version: int) -> dict[str, pa.Schema]:
    """The schemas of a dataset's tables: its samples, whose columns and types are given, its truth, and tallies.

    `truths` and `inputs` hold the integer table that the rows were drawn from: the upper and lower halves of each
    cell's 64-bit threshold, and its alias.
    """
    alias = [pa.field(name, pa.int64()) for name in ("threshold_high", "threshold_low", "alias")]
    types = {name: pa.from_numpy_dtype(kind) for name, kind in samples.items()}
    x, probability = _required("x", types["x"]), _required("probability", pa.float64())
    tables = {
        "samples": [_required(name, kind) for name, kind in types.items()],
        "inputs": [x, probability, *alias],
    }
    if "value" in types:
        tables["truths"] = [x, _required("mean", pa.float64()), _required("std", pa.float64())]
        sums = [_required(name, pa.float64()) for name in ("mean", "m2")]
        tails = [_required(name, pa.int64()) for name in ("beyond_4", "beyond_5", "beyond_5_5")]
        tables["moments"] = [x, _required("n", pa.int64()), *sums, *tails]
    else:
        tables["truths"] = [_required("cell", pa.int64()), x, _required("y", types["y"]), probability, *alias]
        tables["counts"] = [_required("cell", pa.int64()), _required("n", pa.int64())]
    metadata = file_metadata(identity=identity, stream_version=stream_version)
    return {name: pa.schema(fields, metadata) for name, fields in tables.items()}


_GRADIENTS = [
    *(_required(name, pa.string()) for name in ("problem", "problem_kind", "distribution")),
    _required("dimension", pa.int32()),
    pa.field("num_classes", pa.int32()),  # null for Gaussians
    _required("estimator", pa.string()),
    _required("estimator_kind", pa.string()),
    _required("num_samples", pa.int32()),
    _required("parameter", pa.int32()),
    _required("exact", pa.float64()),
    _required("repeats", pa.int64()),
    *(_required(name, pa.float64()) for name in ("mean", "standard_error", "variance", "variance_standard_error")),
    _required("bias", pa.float64()),
    pa.field("exact_bias", pa.float64()),  # null where it is only simulated
    pa.field("exact_variance", pa.float64()),
    _required("unbiased_declared", pa.bool_()),
    _required("unbiased_observed", pa.bool_()),
    _required("function_calls", pa.int64()),
    _required("gradient_calls", pa.int64()),
    _required("seconds_per_estimate", pa.float64()),
    _required("work", pa.int64()),
    *(_required(name, pa.float64()) for name in ("bias_square", "bias_square_error", "work_normalised_mse")),
]
_LEARNING = [
    _required("condition_id", pa.int64()),
    *(_required(name, pa.string()) for name in ("task", "problem_kind", "distribution", "estimator")),
    pa.field("t", pa.float64()),  # the Bernoulli toy's
    _required("learning_rate", pa.float64()),
    _required("run", pa.int32()),
    _required("step", pa.int64()),
    _required("parameter", pa.int32()),
    _required("start", pa.float64()),
    _required("value", pa.float64()),
]
_CURVES = [
    _required("condition_id", pa.int64()),
    *(_required(name, pa.string()) for name in ("task", "estimator")),
    _required("run", pa.int32()),
    _required("step", pa.int64()),
    _required("excess", pa.float64()),
    _required("distance", pa.float64()),
]


def gradient_schemas(
    problem_fields: Mapping[str, type],
    estimator_fields: Mapping[str, type],
    *,
    identity: str,
    stream_version: int,
) -> dict[str, pa.Schema]:
    """The schemas of the gradient laboratory: `gradients`, a row a parameter; `learning` and `curves`, a row a step.

    A field of a problem or of an estimator becomes the nullable column `problem_<field>` or `estimator_<field>`.

    Raises:
        ValueError: a field that is not int, float, str or bool.
    """
    gradients = [
        _required("condition_id", pa.int64()),
        *_GRADIENTS,
        *_prefixed("problem", problem_fields),
        *_prefixed("estimator", estimator_fields),
    ]
    metadata = file_metadata(identity=identity, stream_version=stream_version)
    fields = {"gradients": gradients, "learning": _LEARNING, "curves": _CURVES}
    return {name: pa.schema(columns, metadata) for name, columns in fields.items()}


def file_metadata(*, identity: str, stream_version: int) -> dict[str, str]:
    """The key-value metadata that every file of a store carries."""
    return {
        "stochmap.schema_version": str(SCHEMA_VERSION),
        "stochmap.identity": identity,
        "stochmap.stream_version": str(stream_version),
    }


def _prefixed(prefix: str, fields: Mapping[str, type]) -> list[pa.Field]:
    for name, kind in fields.items():
        if kind not in _TYPES:
            raise ValueError(
                f"{prefix} field {name!r} has type {kind!r}; a column of `runs` is one of int, float, str, bool"
            )
    return [pa.field(f"{prefix}_{name}", _TYPES[kind]) for name, kind in fields.items()]
