"""Estimating a distribution from n samples of k symbols: exact risks, by finite sums and by simulation."""

import functools

import numpy as np

from stochmap.learners import AddConstant, Dirichlet, MaximumLikelihood
from stochmap.metrics import limits
from stochmap.sampling import Counts
from stochmap.truths import Dirichlet as DirichletTruth
from stochmap.truths import NormalLogits

from ._rows import Row, generator, mean_row
from ._runs import draw_runs, learn, one_row, scores

row, mean = functools.partial(Row, "C"), functools.partial(mean_row, "C")

SAMPLES, SYMBOLS = 100, 10
RUNS = 8192


def estimation(seed: int) -> list[Row]:
    """Return the rows of section C."""
    return [*_known_truth(seed), *_worst_cases(), *_limits(seed), *_under_a_prior(seed)]


def _known_truth(seed: int) -> list[Row]:
    """One row of ten symbols, a hundred samples."""
    n, k = SAMPLES, SYMBOLS
    p = generator(seed, "row").dirichlet(np.ones(k))
    runs = draw_runs(seed, "row of ten", one_row(p), RUNS, n)
    minimax, likeliest = scores(AddConstant(1.0), runs), scores(MaximumLikelihood(), runs)
    laplace = learn(AddConstant(1.0), runs).mapping.parameters()["probability"][:, 0]
    chi_squared = (p**2 / laplace).sum(axis=-1) - 1.0
    closed = (n + k) / (n + 1) * (1.0 - (p * (1 - p) ** (n + 1)).sum()) - 1.0
    divergence = limits.maximum_likelihood_kl(p, n)
    trybula, kamath = "Trybuła 1958", "Kamath et al. 2015"
    return [
        row(
            trybula,
            "ℓ₂² of add-√n/k, k = 10, n = 100",
            0.00743802,
            limits.add_constant_l2_squared(p, n, 1.0),
            rounding=5e-9,
        ),
        mean(trybula, "the same, simulated", 0.00743802, minimax["l2_squared"], rounding=5e-9),
        mean("closed form", "ℓ₂² of maximum likelihood, (1 − Σp²)/n", (1 - (p**2).sum()) / n, likeliest["l2_squared"]),
        row(kamath, "E χ²(p‖Laplace), closed form", closed, limits.add_constant_chi_squared(p, n, 1.0)),
        mean(kamath, "the same, simulated", closed, chi_squared),
        row(kamath, "E χ²(p‖Laplace) ≤ (k − 1)/(n + 1)", (k - 1) / (n + 1), closed, relation="≤"),
        mean("closed form", "E KL(p̂‖p) of maximum likelihood, binomial sum", divergence, likeliest["kl_fit_truth"]),
    ]


def _worst_cases() -> list[Row]:
    """Two symbols: n times the worst E KL(p‖q) over p."""
    grid = np.concatenate([np.linspace(0, 0.05, 501), np.linspace(0.05, 0.5, 451)])
    rows = []
    for n, half, one, best in ((100, 0.5071, 0.98523, 0.49505), (500, 0.5099, 0.99701, 0.49900)):
        pairs = np.stack([grid, 1 - grid], axis=1)
        worst = n * max(limits.add_constant_kl(p, n, 0.5) for p in pairs)
        rows += [
            row("Krichevsky & Trofimov 1981", f"n · worst KL of add-½, k = 2, n = {n}", half, worst, rounding=5e-5),
            row(
                "closed form",
                f"n · KL of add-1 at p = 0, n = {n}",
                one,
                n * limits.add_constant_kl([0, 1], n, 1.0),
                rounding=5e-6,
            ),
            row(
                "Braess & Sauer 2004",
                f"n · KL of Braess–Sauer at p = 0, n = {n}",
                best,
                n * limits.braess_sauer_kl([0, 1], n),
                rounding=5e-6,
            ),
            row(
                "Braess & Sauer 2004",
                f"n · worst KL of Braess–Sauer ≤ (k − 1)/2, n = {n}",
                0.5,
                n * max(limits.braess_sauer_kl(p, n) for p in pairs),
                relation="≤",
            ),
        ]
    learned = learn_braess_sauer(100)
    return [*rows, row("Braess & Sauer 2004", "the learner's p(seen) at counts (0, 100)", 100.75 / 101.25, learned)]


def learn_braess_sauer(n: int) -> float:
    """Return what the Dirichlet learner with Braess and Sauer's prior gives an outcome seen n times of n."""
    runs = draw_runs(0, "braess", one_row([0.0, 1.0]), 1, n)
    assert isinstance(runs.statistics, Counts)
    return float(learn(Dirichlet(prior="braess_sauer"), runs).mapping.parameters()["probability"][0, 0, 1])


def _limits(seed: int) -> list[Row]:
    """What holds as n grows, and by how much it is missed before."""
    rows = []
    for n, share, rounding, count in ((256, 0.94, 5e-3, 2048), (16384, 0.997, 5e-4, 1024)):
        runs = draw_runs(seed, f"origin {n}", NormalLogits(16, 8), count, n)
        found = scores(MaximumLikelihood(), runs)
        error, reference = found["kl_fit_truth"], found["reference_kl_fit_truth"]
        efficiency = reference.sum() / error.sum()
        spread = (reference - efficiency * error).std(ddof=1) / np.sqrt(len(error)) / error.mean()
        rows.append(
            row(
                "Wilks 1938",
                f"(k − 1)/(2n) over E KL(p̂‖p), 16 × 8, n = {n}",
                share,
                float(efficiency),
                float(spread),
                rounding,
            )
        )
    p = generator(seed, "wilks").dirichlet(np.ones(SYMBOLS))
    exact = 2**21 * limits.maximum_likelihood_kl(p, 2**20)
    rows.append(row("Wilks 1938", "2n · E KL(p̂‖p) → k − 1, n = 2²⁰", SYMBOLS - 1.0, exact, rounding=1e-2))
    n, k = 20_000, 8
    runs = draw_runs(seed, "uniform row", one_row(np.full(k, 1 / k)), 4096, n)
    distance = 2.0 * scores(MaximumLikelihood(), runs)["total_variation"]
    expected = float(np.sqrt(2 * (k - 1) / (np.pi * n)))
    rows.append(mean("Kamath et al. 2015", "ℓ₁ of maximum likelihood, uniform p, √(2(k − 1)/(πn))", expected, distance))
    return rows


def _under_a_prior(seed: int) -> list[Row]:
    """Truths from Dirichlet(½): nobody loses less than the posterior mean, and it loses what the digamma sum says."""
    runs = draw_runs(seed, "dirichlet", DirichletTruth(16, 8, 0.5), 4096, 400)
    other = scores(Dirichlet(1.0), runs)
    return [
        mean(
            "closed form",
            "regret of the posterior mean under its own prior",
            0.0,
            scores(Dirichlet(0.5), runs)["regret"],
        ),
        mean("closed form", "regret of another prior's ≥ 0", 0.0, other["regret"], relation="≥"),
    ]
