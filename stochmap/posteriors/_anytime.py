"""Intervals that hold at every moment of a sequence of observations at once, and an alarm when a mapping drifts."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlogy
from jaxtyping import Array, Float, Int
from scipy import special

from stochmap.sampling import Counts

from ._abstract import Interval, check_label, check_positive, host, tails
from ._dirichlet import Dirichlet

_HALVINGS = 60


def log_martingale(
    prior: Dirichlet, counts: Counts, probabilities: Float[Array, "... x y"] | Float[np.ndarray, "... x y"]
) -> Float[np.ndarray, "*runs x"]:
    """Return ln(evidence_x / ∏_y p_xy^c_xy) for every row (host).

    Where p is the truth its exponential is a martingale that starts at 1, so by Ville's inequality it ever reaches
    1/α with probability at most α, whatever the prior, if it was fixed before the data (Robbins 1970; Waudby-Smith &
    Ramdas 2020).
    """
    c = host(counts.n)
    return _log_evidence(prior, c) - special.xlogy(c, host(probabilities)).sum(axis=-1)


def confidence_sequence(prior: Dirichlet, counts: Counts, level: float) -> Interval:
    """Return intervals of all probabilities of a row that hold together, and at all times, with probability ``level``.

    They are the shadows on each coordinate of {p : evidence(counts)/∏ p_y^c_y < 1/α}, α = 1 − level: the ends t of
    n·kl(c_y/n‖t) = ln(1/α) + Σ_y c_y ln(c_y/n) − ln evidence, kl that of two outcomes. They may be looked at after
    every observation, and a decision to stop may depend on what they show. The prior may be any that was fixed before
    the data: with a concentration that follows from the counts (``minimax``, ``braess_sauer``, ``empirical_bayes``)
    nothing is promised. A row never seen has [0, 1]. For all of m rows together take the level 1 − α/m.

    Raises:
        ValueError: the level lies outside (0, 1).
    """
    tails(level)
    c = host(counts.n)
    n = c.sum(axis=-1, keepdims=True)
    share = c / np.maximum(n, 1.0)
    budget = -math.log1p(-level) + special.xlogy(c, share).sum(axis=-1) - _log_evidence(prior, c)
    target = budget[..., None] / np.maximum(n, 1.0)

    def end(outer: float) -> np.ndarray:
        inside, outside = share, np.full_like(share, outer)
        for _ in range(_HALVINGS):
            middle = 0.5 * (inside + outside)
            near = special.rel_entr(share, middle) + special.rel_entr(1.0 - share, 1.0 - middle) < target
            inside, outside = np.where(near, middle, inside), np.where(near, outside, middle)
        return outside

    # An outcome never seen may be impossible, and the only one seen may be certain: exactly, not up to rounding.
    lower = np.where(c > 0, end(0.0), 0.0)
    upper = np.where(c < n, end(1.0), 1.0)
    seen = n > 0
    return Interval(np.where(seen, lower, 0.0), np.where(seen, upper, 1.0))


def _log_evidence(prior: Dirichlet, c: Float[np.ndarray, "*runs x y"]) -> np.ndarray:
    """Return the evidence of counts, which may be those of no observation: then it is 1."""
    a = host(prior.concentration)
    total, n = a.sum(axis=-1), c.sum(axis=-1)
    rows = special.gammaln(total) - special.gammaln(total + n)
    return rows + (special.gammaln(a + c) - special.gammaln(a)).sum(axis=-1)


class DriftAlarm(eqx.Module):
    """An alarm that a mapping's rows change, which ever sounds with probability at most α while they do not.

    For each row a forecaster is set against the best constant row in hindsight: E_x = ∏_i q_i(y_i) / max_p ∏_i p(y_i).
    While the row is constant, E_x is at most a martingale that starts at 1, and so is the mean of all E_x; the alarm
    is that it reaches 1/α (Ville's inequality; universal inference, Wasserman, Ramdas & Balakrishnan 2020). The
    forecaster starts as a Dirichlet rule, and after i observations goes over, with probability 1/(i + 2), to one that
    forgets: its counts fade by ``forgetting`` with each observation of the row. Any other would be as safe; this one
    loses ln(i + 2) nats while nothing happens, and gains what a recent row is better than the average one.

    ``update`` is pure, and may be scanned and vmapped.
    """

    counts: Float[Array, "x y"]
    recent: Float[Array, "x y"]
    log_weights: Float[Array, "x 2"]
    """ln of the forecaster's mass on constant and on changed, times what it gave to the observations."""
    forgetting: float = eqx.field(static=True)
    concentration: float = eqx.field(static=True)

    @classmethod
    def start(cls, num_x: int, num_y: int, forgetting: float = 0.99, concentration: float = 0.5) -> "DriftAlarm":
        """Return the alarm before any observation.

        Raises:
            ValueError: forgetting lies outside (0, 1), or the concentration is not positive.
        """
        if not 0.0 < forgetting < 1.0:
            raise ValueError(f"forgetting must lie in (0, 1), got {forgetting}: 0.99 remembers about 100 observations")
        check_positive("concentration", concentration)
        zeros = jnp.zeros((num_x, num_y), dtype=jnp.float64)
        weights = jnp.tile(jnp.array([0.0, -jnp.inf], dtype=jnp.float64), (num_x, 1))
        return cls(zeros, zeros, weights, forgetting, concentration)

    def update(self, x: Any, y: Any) -> "DriftAlarm":
        """Return the alarm after one more observation.

        Raises:
            ValueError: x or y is out of range (where they are known, not traced).
        """
        num_x, num_y = self.counts.shape
        check_label("x", x, num_x)
        check_label("y", y, num_y)
        counts, recent = self.counts[x], self.recent[x]
        constant, changed = self.log_weights[x, 0], self.log_weights[x, 1]
        leaving = -jnp.log(counts.sum() + 2.0)
        moved = jnp.logaddexp(changed, constant + leaving)
        stayed = constant + jnp.log1p(-jnp.exp(leaving))
        weights = jnp.stack([stayed + self._log_forecast(counts, y), moved + self._log_forecast(recent, y)])
        return DriftAlarm(
            self.counts.at[x, y].add(1.0),
            self.recent.at[x].set((self.forgetting * recent).at[y].add(1.0)),
            self.log_weights.at[x].set(weights),
            self.forgetting,
            self.concentration,
        )

    def _log_forecast(self, counts: Array, y: Any) -> Array:
        a = self.concentration
        return jnp.log((counts[y] + a) / (counts.sum() + a * counts.shape[-1]))

    @property
    def log_evidence(self) -> Float[Array, "x"]:
        """The logarithm of every row's E_x, in nats: how much better the forecaster did than the best constant row."""
        n = self.counts.sum(axis=-1, keepdims=True)
        best = xlogy(self.counts, self.counts / jnp.maximum(n, 1.0)).sum(axis=-1)
        return jnp.logaddexp(self.log_weights[:, 0], self.log_weights[:, 1]) - best

    def sounds(self, false_alarm: float) -> Array:
        """Return whether the mean of all E_x has reached 1/α, α = ``false_alarm`` over the whole sequence.

        Raises:
            ValueError: α lies outside (0, 1).
        """
        if not 0.0 < false_alarm < 1.0:
            raise ValueError(f"false_alarm must lie in (0, 1), got {false_alarm}: 0.01 is usual")
        mean = jax.nn.logsumexp(self.log_evidence) - math.log(self.counts.shape[0])
        return mean >= -math.log(false_alarm)


def first_alarm(
    alarm: DriftAlarm,
    x: Int[Array, "rows"] | Int[np.ndarray, "rows"],
    y: Int[Array, "rows"] | Int[np.ndarray, "rows"],
    false_alarm: float,
) -> tuple[Int[Array, ""], DriftAlarm]:
    """Return how many of these observations it took until the alarm sounded (−1: it did not), and the alarm after all.

    Raises:
        ValueError: α lies outside (0, 1), or an x or y is out of range (where they are known, not traced).
    """
    num_x, num_y = alarm.counts.shape
    check_label("x", x, num_x)
    check_label("y", y, num_y)

    def step(carry: DriftAlarm, pair: tuple[Array, Array]) -> tuple[DriftAlarm, Array]:
        carry = carry.update(*pair)
        return carry, carry.sounds(false_alarm)

    alarm, sounded = jax.lax.scan(step, alarm, (jnp.asarray(x), jnp.asarray(y)))
    return jnp.where(sounded.any(), jnp.argmax(sounded) + 1, -1), alarm
