"""Following an estimator downhill: where the parameters end, over many seeds."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from stochmap.building import field_values
from stochmap.estimators import AbstractEstimator, gradient

from ._problem import Problem, compiled, traced

POINTS = 50
"""Recorded steps of a run, the last one among them."""


@dataclass(frozen=True)
class Learning:
    """Adam on E cost, one estimate a step, from the problem's own parameters; ``runs`` seeds for each estimator."""

    name: str
    kind: str
    problem: Problem
    estimators: tuple[tuple[str, AbstractEstimator], ...]
    steps: int = 10_000
    learning_rate: float = 0.01
    runs: int = 200

    @property
    def id(self) -> int:
        """The first 31 bits of the hash of its content."""
        estimators = [[name, type(each).__qualname__, field_values(each)] for name, each in self.estimators]
        content = ["learning", self.kind, field_values(self.problem), estimators]
        content += [self.steps, self.learning_rate, self.runs]
        return int(hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8], 16) >> 1


def recorded_steps(steps: int) -> np.ndarray:
    """Return the steps that are recorded: POINTS of them, evenly spaced, the last one among them."""
    return np.unique(np.linspace(0, steps, min(POINTS, steps) + 1).round().astype(np.int64))[1:]


def learn(
    problem: Problem,
    estimator: AbstractEstimator,
    key: PRNGKeyArray,
    *,
    steps: int,
    learning_rate: float,
    runs: int,
) -> Float[np.ndarray, "runs points parameters"]:
    """Return the parameters at the recorded steps of ``runs`` independent runs: one compiled, vmapped program.

    An estimator's state (a running mean, RELAX's network) goes along with the parameters, as its authors have it.
    """
    path = _learn(traced(problem), estimator, key, steps, learning_rate, runs)
    return np.asarray(path)[:, recorded_steps(steps) - 1]


@compiled(1)
def _learn(
    problem: Problem, estimator: AbstractEstimator, key: PRNGKeyArray, steps: int, learning_rate: float, runs: int
) -> Float[Array, "runs steps parameters"]:
    optimizer = optax.adam(learning_rate)

    def run(key: PRNGKeyArray) -> Array:
        start = problem.distribution()

        def step(carry: tuple, each: PRNGKeyArray) -> tuple[tuple, Array]:
            distribution, moments, state = carry
            estimate, state = gradient(estimator, each, distribution, problem, state)
            updates, moments = optimizer.update(estimate, moments)
            distribution = optax.apply_updates(distribution, updates)
            return (distribution, moments, state), jnp.concatenate(list(map(jnp.ravel, jax.tree.leaves(distribution))))

        carry = (start, optimizer.init(cast(Any, start)), estimator.init(start))
        return jax.lax.scan(step, carry, jax.random.split(key, steps))[1]

    return jax.vmap(run)(jax.random.split(key, runs))
