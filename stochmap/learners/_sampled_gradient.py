import math
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, PRNGKeyArray

from stochmap.building import find_class
from stochmap.estimators import ESTIMATORS, AbstractEstimator
from stochmap.posteriors import check_statistics
from stochmap.sampling import Counts, Values

from ._abstract import Fit, History, Status
from ._sampled_scores import Brier, Crps, Score
from .training import OPTIMIZERS, POINTS


@dataclass(frozen=True)
class SampledGradient:
    """A mapping learned from samples of the model alone, by a strictly proper score and a gradient through sampling.

    Tables by the Brier score, E[1{z = z′}] − 2E[1{z = y}]; Gaussians by the continuous ranked probability score,
    E|z − y| − ½E|z − z′|; z and z′ independent samples of the model, y a sample of the data (Gneiting & Raftery 2007,
    section 4.1 and eq. 21). The score is symmetric in z and z′: its gradient is twice that through z with z′ held. So
    a step draws z′ first, ``compared`` times for each x, and any estimator of ``stochmap.estimators`` then takes the
    gradient of a cost of z. For a table that cost is linear in the one-hot z, 2 z·(mean z′ − p̂): straight-through and
    ReinMax are exactly unbiased on it, and the counts say all there is to know of the data. For a Gaussian it needs
    the values.

    Steps decrease as learning_rate/(1 + 10 t/steps)^decay (Robbins & Monro 1951: 0.5 < decay ≤ 1), and the
    probabilities (mean and std) of the last steps are averaged (Polyak & Juditsky 1992). The status is ``converged``
    where the fit's squared distance to the score's own optimum is at most ``tolerance`` times the sampling variance:
    Σ_x Σ_y (fit − p̂)² ≤ tolerance·Σ_x (1 − Σp̂_x²)/n_x for a table, whose optimum is maximum likelihood's; for
    Gaussians Σ_x n_x(Δmean² + 2Δstd²)/std² ≤ tolerance·2 for each x. Then what sampling of the model adds is lost
    beside what the data's own sampling costs. Otherwise it is ``max_steps``.

    Args:
        estimator: a name in ``estimators.ESTIMATORS``, or "package.module:Class". Those of bits alone serve tables
            with two outcomes.
        samples: its num_samples.
        compared: how many z′ a step draws for each x.
        optimizer: a name in ``training.OPTIMIZERS``.
        learning_rate: its step size at the start.
        decay: see above; 0 for steps of constant size.
        steps: how many.
        averaging: the share of the steps, from the end, that is averaged; 0 for the last one alone.
        tolerance: see above.

    Raises:
        ValueError: an unknown name, a number out of range, or an estimator for neither tables nor Gaussians.
    """

    estimator: str = "leave_one_out"
    samples: int = 2
    compared: int = 64
    optimizer: str = "adam"
    learning_rate: float = 0.1
    decay: float = 0.75
    steps: int = 4000
    averaging: float = 0.5
    tolerance: float = 0.05
    needs: ClassVar = "values"
    families: ClassVar = frozenset({"categorical", "gaussian"})

    def __post_init__(self) -> None:
        served = self.build().families
        # The estimator's own: a study refuses the learner for a problem that it cannot serve.
        tables = {"categorical"} if served & {"categorical", "bernoulli"} else set()
        object.__setattr__(self, "families", frozenset(tables | (served & {"gaussian"})))
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"unknown optimizer {self.optimizer!r}: choose one of {', '.join(OPTIMIZERS)}")
        for name in ("learning_rate", "steps", "compared", "tolerance"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)}: give another number")
        for name in ("decay", "averaging"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must lie in 0 … 1, got {getattr(self, name)}: give another number")

    def build(self) -> AbstractEstimator:
        """Return the estimator."""
        return find_class(ESTIMATORS, {"kind": self.estimator}, "estimator")(num_samples=self.samples)

    def __call__(self, key: PRNGKeyArray, data: Counts | Values) -> Fit:
        """Fit one run's counts, or values."""
        check_statistics(data if isinstance(data, Counts) else data.moments)
        score = Brier(data, self.compared) if isinstance(data, Counts) else Crps(data, self.compared)
        average, history = self._descend(key, score)
        distance, allowed, boundary = score.certificate(average)
        finite = jnp.isfinite(distance)
        inside = jnp.where(boundary, int(Status.BOUNDARY), int(Status.CONVERGED))
        status = jnp.where(distance <= self.tolerance * allowed, inside, int(Status.MAX_STEPS))
        status = jnp.where(finite, status, int(Status.NON_FINITE)).astype(jnp.int32)
        return Fit(score.mapping(average), status, jnp.int64(self.steps), history=history)

    def _descend(self, key: PRNGKeyArray, score: Score) -> tuple[Any, History]:
        estimator = self.build()
        start = score.start()
        optimizer = OPTIMIZERS[self.optimizer](self._rate)
        first = self.steps - max(1, round(self.averaging * self.steps))

        def one_row(key: PRNGKeyArray, row: Any, state: Any, held: Any) -> tuple[Any, Any]:
            def surrogate(row: Any) -> tuple[Array, Any]:
                return estimator.surrogate(key, score.distribution(row, estimator), score.cost(held), state)

            return jax.grad(surrogate, has_aux=True)(row)

        def step(t: Array, carry: _Carry) -> _Carry:
            to_held, to_rows = jax.random.split(jax.random.fold_in(key, t))
            held = score.hold(to_held, carry.params)
            keys = jax.random.split(to_rows, score.num_x)
            slope, states = jax.vmap(one_row)(keys, carry.params, carry.states, held)
            updates, optimizer_state = optimizer.update(score.visited_only(slope), carry.optimizer, carry.params)
            params = optax.apply_updates(carry.params, updates)
            weight = jnp.where(t >= first, 1.0 / jnp.maximum(t - first + 1, 1), 0.0).astype(jnp.float32)
            average = jax.tree.map(lambda a, b: a + weight * (b - a), carry.average, score.readout(params))
            return _Carry(params, optimizer_state, states, average)

        def part(carry: _Carry, ends: tuple[Array, Array]) -> tuple[_Carry, Array]:
            loss = score.loss(score.readout(carry.params))
            return jax.lax.fori_loop(*ends, step, carry), loss

        states = jax.vmap(lambda row: estimator.init(score.distribution(row, estimator)))(start)
        begin = _Carry(start, optimizer.init(start), states, score.readout(start))
        # Points of the history, dense at first, then even in ln step; the steps between two are one loop.
        points = np.unique(np.round(np.geomspace(1, self.steps + 1, POINTS)).astype(np.int32)) - 1
        end, losses = jax.lax.scan(part, begin, (jnp.asarray(points[:-1]), jnp.asarray(points[1:])))
        losses = jnp.append(losses, score.loss(end.average)).astype(jnp.float32)
        return end.average, History(jnp.asarray(points, jnp.int64), losses)

    def _rate(self, count: Array) -> Array:
        return self.learning_rate * (1.0 + 10.0 * count / self.steps) ** -self.decay


class _Carry(NamedTuple):
    params: Any
    optimizer: Any
    states: Any
    average: Any
