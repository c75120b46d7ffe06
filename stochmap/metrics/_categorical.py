"""The numbers of a categorical fit. See ``metrics/__init__.py`` for the contract."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from stochmap.learners import Fit
from stochmap.mappings import CategoricalMapping, softmax
from stochmap.posteriors import Interval
from stochmap.sampling import Counts
from stochmap.truths import CategoricalTable

from . import _divergences, limits


def row_weights(inputs: Float[np.ndarray, "x"], n: Int[np.ndarray, "*runs x"]) -> Float[np.ndarray, "*runs x"]:
    """Return w_x = p(x)/P(visited) for the rows that were visited, 0 for the others."""
    weights = np.where(n > 0, inputs, 0.0)
    total = weights.sum(axis=-1, keepdims=True)
    return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


def weighted(
    weights: Float[np.ndarray, "*runs x"], values: Float[np.ndarray, "... x"] | float
) -> Float[np.ndarray, "..."]:
    """Return Σ_x w_x v_x over the rows with w_x > 0, whatever the others hold; NaN where there is none."""
    some = weights > 0
    total = (weights * np.where(some, values, 0.0)).sum(axis=-1)
    return np.where(some.any(axis=-1), total, np.nan)


def categorical_metrics(
    truth: CategoricalTable, fit: Fit, statistics: Counts, intervals: dict[str, Interval] | None = None
) -> dict[str, Any]:
    """Compare a fitted table with the true one; rows never visited are not scored, except in ``kl_all``."""
    assert isinstance(fit.mapping, CategoricalMapping)
    # Runs first in memory, outcomes last: NumPy sums over a short innermost axis row by row, at ten times the cost.
    p, counts = np.asfortranarray(truth.probabilities), np.asfortranarray(statistics.n)
    # Logits in float64 first: a float32 softmax sums to 1 within 1e-7 only, which a small KL would notice.
    q = softmax(np.asfortranarray(fit.mapping.logits, dtype=np.float64))
    n = counts.sum(axis=-1)
    w = row_weights(truth.inputs, n)
    some = np.maximum(n, 1)
    kl_truth_fit = _divergences.kl(p, q)
    wilks = limits.wilks((p > 0).sum(axis=-1) - 1, some)
    rows = {
        "kl_fit_truth": _divergences.kl(q, p),
        "reference_kl_fit_truth": wilks,
        "kl_truth_fit": kl_truth_fit,
        "reference_kl_truth_fit": wilks,
        "total_variation": _divergences.total_variation(p, q),
        "reference_total_variation": limits.maximum_likelihood_total_variation(p, some),
        "l2_squared": _divergences.l2_squared(p, q),
        "reference_l2_squared": limits.maximum_likelihood_l2_squared(p, some),
        "hellinger": _divergences.hellinger(p, q),
    }
    numbers = dict(zip(rows, weighted(w, np.stack(list(rows.values()))), strict=True))
    numbers["optimality_gap"] = optimality_gap(counts, q)
    if fit.posterior is not None:
        numbers["kl_all"] = weighted(np.broadcast_to(truth.inputs, n.shape), kl_truth_fit)
    if truth.concentration is not None:
        least = limits.bayes_kl(counts + truth.concentration)
        numbers["regret"] = numbers["kl_truth_fit"] - weighted(w, least)
    if intervals is not None:
        low, high = intervals["probability"]
        covered = ((low <= p) & (p <= high)).mean(axis=-1)
        numbers["coverage"] = weighted((n > 0) / np.maximum((n > 0).sum(axis=-1, keepdims=True), 1), covered)
    return numbers


def optimality_gap(counts: np.ndarray, q: Float[np.ndarray, "*runs x y"]) -> Float[np.ndarray, "*runs"] | float:
    """Return Σ_x n_x KL(p̂_x‖q_x) over Σ_x (seen_x − 1)/2 (at least ½).

    0 at maximum likelihood, and 1 as far from it as it is itself from the truth on average.
    """
    n = counts.sum(axis=-1)
    seen = (counts > 0).sum(axis=-1)
    freedom = np.maximum(np.where(n > 0, seen - 1, 0).sum(axis=-1) / 2.0, 0.5)
    likeliest = counts / np.maximum(n, 1)[..., None]
    return np.where(n > 0, n * _divergences.kl(likeliest, q), 0.0).sum(axis=-1) / freedom
