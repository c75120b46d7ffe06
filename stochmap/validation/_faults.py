"""Faults that other tools have, shown not to be here: each a number that would differ."""

import functools

import numpy as np

from stochmap.learners import MaximumLikelihood
from stochmap.metrics import kl
from stochmap.sampling import (
    Counts,
    categorical_sampler,
    draw_counts,
    draw_pairs,
    integer_weights,
)
from stochmap.sharding import batch_size
from stochmap.streams import run_keys
from stochmap.variates import normal

from ._rows import Row
from ._runs import Runs, learn, one_row

row = functools.partial(Row, "H")


def faults(seed: int) -> list[Row]:
    """Return the rows of section H."""
    return [*_rare_outcomes(seed), *_large_numbers(seed), *_extremes()]


def _rare_outcomes(seed: int) -> list[Row]:
    p = np.array([0.0, 1e-9, 0.5, 0.5 - 1e-9, 0.0])
    weights = integer_weights(p)
    size = batch_size()
    keys = run_keys(seed, np.arange(size, dtype=np.int64) + 2**40)
    counts = draw_counts(categorical_sampler(np.ones(1), np.broadcast_to(p, (size, 1, 5))), keys, 2**14)
    last = draw_counts(categorical_sampler(np.ones(1), np.full((size, 1, 5), 0.2)), keys, 2**10)
    drawn = np.asarray(counts.n).sum(axis=(0, 1))
    gumbel, cumulative = "float32 Gumbel noise", "cumulative sums"
    return [
        row(
            gumbel,
            "words of 2⁶⁴ that draw an outcome of probability 1e-9, over 2⁶⁴·1e-9",
            1.0,
            float(weights[1]) / (2.0**64 * 1e-9),
            rounding=1e-9,
        ),
        row(cumulative, "words that draw an outcome of probability 0", 0.0, float(weights[0]) + float(weights[4])),
        row(cumulative, "draws of an outcome of probability 0", 0.0, float(drawn[0] + drawn[4])),
        row(
            cumulative,
            "draws of the last of five equal outcomes ≥",
            1.0,
            float(np.asarray(last.n)[..., -1].min()),
            relation="≥",
        ),
    ]


def _large_numbers(seed: int) -> list[Row]:
    big = 2**24
    table = Counts(np.array([[[big]]])) + Counts(np.array([[[1]]]))
    classes = categorical_sampler(np.ones(1), np.full((1, 300), 1 / 300))
    key = run_keys(seed, np.int64(2**41))
    pairs = draw_pairs(classes, key, 0, 8192)
    assert pairs.y is not None
    far, near = draw_pairs(classes, key, 2**31 - 5, 10), draw_pairs(classes, key, 2**31, 5)
    assert far.y is not None
    assert near.y is not None
    keys = run_keys(seed, np.arange(1_000_000, dtype=np.int64)).astype(np.uint64)
    distinct = np.unique(keys[:, 0] << np.uint64(32) | keys[:, 1]).size
    return [
        row("float32 counters", "2²⁴ + 1 counted", big + 1.0, float(np.asarray(table.n)[0, 0, 0])),
        row("int8 samples", "largest outcome drawn of 300", 299.0, float(pairs.y.max())),
        row("int8 samples", "least outcome drawn of 300", 0.0, float(pairs.y.min())),
        row(
            "int32 row indices",
            "rows 2³¹ … 2³¹ + 4 that differ in another window",
            0.0,
            float((far.y[5:] != near.y).sum()),
        ),
        row("32-bit seeds", "colliding keys among 10⁶ runs", 0.0, 1e6 - distinct),
    ]


def _extremes() -> list[Row]:
    tail = normal(np.array([[0, 0], [2**31, 0]], dtype=np.uint32))
    unseen = Runs(one_row([0.5, 0.5]), Counts(np.array([[[3, 0]]])))
    fit = learn(MaximumLikelihood(), unseen).mapping.parameters()["probability"][0]
    infinite = float(np.asarray(kl(np.array([[0.5, 0.5]]), fit))[0])
    return [
        row("float32 normals", "largest |z| of a normal variate ≥ 8", 8.0, float(np.abs(tail).max()), relation="≥"),
        row("infinite divergences", "KL of a fit that gives a possible outcome 0", float("inf"), infinite),
    ]
