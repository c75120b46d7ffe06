"""The numbers of a Gaussian fit. See ``metrics/__init__.py`` for the contract."""

from typing import Any

import numpy as np

from stochmap.learners import Fit
from stochmap.mappings import GaussianMapping
from stochmap.posteriors import Interval
from stochmap.sampling import Moments
from stochmap.truths import GaussianTable

from . import _divergences, limits
from ._categorical import row_weights, weighted


def gaussian_metrics(
    truth: GaussianTable, fit: Fit, statistics: Moments, intervals: dict[str, Interval] | None = None
) -> dict[str, Any]:
    """Compare fitted Gaussians with the true ones; an x never visited is not scored, except in ``kl_all``."""
    assert isinstance(fit.mapping, GaussianMapping)
    mean, std = (np.asarray(leaf, dtype=np.float64) for leaf in (fit.mapping.mean, fit.mapping.std))
    n, m2 = np.asarray(statistics.n), np.asarray(statistics.m2)
    w = row_weights(truth.inputs, n)
    some = np.maximum(n, 1)
    kl_truth_fit = _divergences.gaussian_kl(truth.mean, truth.std, mean, std)
    wilks = weighted(w, limits.wilks(2, some))
    likeliest = (np.asarray(statistics.mean), np.sqrt(m2 / some))
    # A sample without spread has no likeliest Gaussian: nothing is left to gain that could be measured.
    divergence = _divergences.gaussian_kl(*likeliest, mean, std)
    gap = (n * np.where((n > 0) & (m2 > 0), divergence, 0.0)).sum(axis=-1)
    numbers = {
        "kl_fit_truth": weighted(w, _divergences.gaussian_kl(mean, std, truth.mean, truth.std)),
        "reference_kl_fit_truth": wilks,
        "kl_truth_fit": weighted(w, kl_truth_fit),
        "reference_kl_truth_fit": wilks,
        "mean_error": weighted(w, (mean - truth.mean) ** 2),
        "reference_mean_error": weighted(w, limits.cramer_rao_mean(truth.std, some)),
        "std_error": weighted(w, (std - truth.std) ** 2),
        "reference_std_error": weighted(w, limits.cramer_rao_std(truth.std, some)),
        "optimality_gap": gap / np.maximum((n > 0).sum(axis=-1), 0.5),
    }
    if fit.posterior is not None:
        numbers["kl_all"] = weighted(np.broadcast_to(truth.inputs, n.shape), kl_truth_fit)
    if intervals is not None:
        inside = [
            (intervals[name].lower <= value) & (value <= intervals[name].upper)
            for name, value in (("mean", truth.mean), ("std", truth.std))
        ]
        visited = (n > 0) / np.maximum((n > 0).sum(axis=-1, keepdims=True), 1)
        numbers["coverage"] = weighted(visited, (inside[0] * 1.0 + inside[1]) / 2.0)
    return numbers
