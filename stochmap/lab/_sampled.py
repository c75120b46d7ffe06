"""A mapping learned from its own samples, with one estimator after the other on the same data."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from stochmap.building import field_values
from stochmap.learners import Fit, SampledGradient
from stochmap.sampling import Counts, categorical_sampler, draw_counts
from stochmap.sharding import LANES, batch_size, pad_runs
from stochmap.streams import Role, run_keys, words_on_host
from stochmap.truths import Truth

from ._problem import compiled


@dataclass(frozen=True)
class SampledLearning:
    """The learner ``sampled_gradient`` with several estimators on ``runs`` tables of ``num_samples`` pairs."""

    name: str
    kind: str
    truth: Truth
    estimators: tuple[tuple[str, SampledGradient], ...]
    num_samples: int = 4096
    runs: int = 16

    def __post_init__(self) -> None:
        if self.runs > LANES:
            raise ValueError(f"runs must be at most {LANES}, got {self.runs}: give fewer")

    @property
    def id(self) -> int:
        """The first 31 bits of the hash of its content."""
        learners = [[name, field_values(learner)] for name, learner in self.estimators]
        content = ["sampled_gradient", self.kind, field_values(self.truth), learners, self.num_samples, self.runs]
        return int(hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8], 16) >> 1


class Curves(NamedTuple):
    """For every run: steps, the score above its optimum there, and how far the fit ended from counts/n.

    ``distance`` is Σ_x ‖fit_x − p̂_x‖² over Σ_x (1 − Σp̂_x²)/n_x, the variance that the data leave.
    """

    step: np.ndarray
    excess: np.ndarray
    distance: np.ndarray


def sampled_curves(task: SampledLearning, unit: int, seed: int) -> Curves:
    """Learn the task's tables with one of its estimators; every estimator sees the same data."""
    name, learner = task.estimators[unit]
    keys = run_keys(seed, (task.id << 32) + np.arange(task.runs, dtype=np.int64))
    batch = pad_runs(keys, batch_size())  # the sampler's batches are whole ones
    truth: Any = task.truth.draw(batch)
    drawn = draw_counts(categorical_sampler(truth.inputs, truth.probabilities), batch, task.num_samples)
    counts = jax.tree.map(lambda leaf: leaf[: task.runs], drawn)
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    program = _QUICKLY_RUN if learner.steps * counts.n.size > _MUCH else _QUICKLY_COMPILED
    fit = program(learner, words_on_host(keys, Role.LEARNER, start, 1)[:, 0], counts)
    n = np.asarray(counts.n, np.float64)
    rows = np.maximum(n.sum(axis=-1, keepdims=True), 1.0)
    share, weight = n / rows, n.sum(axis=-1) / task.num_samples
    optimum = -np.sum(weight * np.sum(share**2, axis=-1), axis=-1)
    variance = np.sum(np.where(n.sum(axis=-1) > 0, (1.0 - np.sum(share**2, axis=-1)) / rows[..., 0], 0.0), axis=-1)
    learned = np.exp(np.asarray(fit.mapping.logits, np.float64))  # type: ignore[attr-defined]
    learned /= learned.sum(axis=-1, keepdims=True)
    squares = np.where(n.sum(axis=-1) > 0, np.sum((learned - share) ** 2, axis=-1), 0.0)
    assert fit.history is not None
    step, loss = np.asarray(fit.history.step), np.asarray(fit.history.loss, np.float64)
    return Curves(step, loss - optimum[:, None], squares.sum(axis=-1) / variance)


def _fit(learner: SampledGradient, keys: Any, counts: Counts) -> Fit:
    def one(key: Any, counts: Counts) -> Fit:
        return learner(jax.random.wrap_key_data(key, impl="threefry2x32"), counts)

    return jax.vmap(one)(keys, counts)


_QUICKLY_COMPILED, _QUICKLY_RUN = compiled(0)(_fit), compiled(1)(_fit)
_MUCH = 1 << 20
"""Steps × cells of all tables: seconds of running at least."""
