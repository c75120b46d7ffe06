"""Gaussians: exact divergences, the conjugate update three ways, and Newcomb's light."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import integrate, special, stats

from stochmap import posteriors
from stochmap.learners import (
    Classical,
    MaximumLikelihood,
    NaturalGradient,
    RunningMoments,
    SampledGradient,
    pair_blocks,
)
from stochmap.metrics import gaussian_kl, limits
from stochmap.sampling import Moments, Values, value_moments
from stochmap.truths import Gaussian

from ._rows import Row, generator, mean_row
from ._runs import draw_runs, scores

row, mean = functools.partial(Row, "D"), functools.partial(mean_row, "D")

NEWCOMB = (
    "28 26 33 24 34 -44 27 16 40 -2 29 22 24 21 25 30 23 29 31 19 24 20 36 32 36 28 25 21 28 29 37 25 28 26 30 32 36 "
    "26 30 22 36 23 27 27 28 27 31 27 26 33 26 32 32 24 39 28 24 25 32 25 29 27 28 29 16 23"
)
"""Passage times of light, in ns above 24,800 (Stigler 1977; Gelman et al., section 3.2)."""


def gaussian(seed: int) -> list[Row]:
    """Return the rows of section D."""
    return [*_small_samples(seed), *_crps(), *_learned_by_crps(seed), *_conjugate(seed), *_newcomb()]


def _small_samples(seed: int) -> list[Row]:
    n, std = 10, 2.5
    runs = draw_runs(seed, "ten values", Gaussian(mean=1.0, std=std), 16384, n)
    found = scores(MaximumLikelihood(), runs)
    assert isinstance(runs.statistics, Moments)
    s = np.sqrt(np.asarray(runs.statistics.m2)[:, 0] / (n - 1))
    c4 = float(np.sqrt(2 / (n - 1)) * np.exp(special.gammaln(n / 2) - special.gammaln((n - 1) / 2)))
    excess = 2 * n * (2 - 1 / n - 2 * np.sqrt(1 - 1 / n) * c4)
    theory = "closed form"
    return [
        row("Cramér–Rao", "σ²/n for the mean, σ = 2.5, n = 10", 0.625, float(limits.cramer_rao_mean(std, n))),
        mean("Cramér–Rao", "squared error of the mean, simulated", 0.625, found["mean_error"]),
        row("Cramér–Rao", "σ²/(2n) for the std, σ = 2.5, n = 10", 0.3125, float(limits.cramer_rao_std(std, n))),
        mean(theory, "E(σ̂ − σ)² of maximum likelihood, over σ²/(2n)", excess, found["std_error"] / 0.3125),
        row(theory, "c₄(10)", 0.972659, c4, rounding=5e-7),
        mean(theory, "E s/σ = c₄, simulated", c4, s / std),
        row(theory, "E KL(truth‖ML), n = 10", 0.175431, float(limits.gaussian_kl_truth_fit(n)), rounding=5e-7),
        mean(theory, "the same, simulated", 0.175431, found["kl_truth_fit"], rounding=5e-7),
        row(theory, "E KL(ML‖truth), n = 10", 0.110283, float(limits.gaussian_kl_fit_truth(n)), rounding=5e-7),
        mean(theory, "the same, simulated", 0.110283, found["kl_fit_truth"], rounding=5e-7),
    ]


def _crps() -> list[Row]:
    """Asymptotic efficiency of minimising the CRPS: information against the sandwich variance, by quadrature."""
    normal = stats.norm

    def expected(value) -> float:
        return integrate.quad(lambda z: normal.pdf(z) * value(z), -12, 12, epsabs=1e-12)[0]

    # Derivatives of CRPS(N(μ, σ²), y) at σ = 1 in μ and in σ, and of their expectations.
    mean_slope, mean_bend = expected(lambda z: (2 * normal.cdf(z) - 1) ** 2), expected(lambda z: 2 * normal.pdf(z))
    std_slope = expected(lambda z: (2 * normal.pdf(z) - 1 / np.sqrt(np.pi)) ** 2)
    std_bend = expected(lambda z: 2 * z**2 * normal.pdf(z))
    return [
        row(
            "closed form",
            "efficiency of the CRPS for the mean, 3/π",
            3 / np.pi,
            mean_bend**2 / mean_slope,
            rounding=1e-9,
        ),
        row("quadrature", "efficiency of the CRPS for std", 0.8080, std_bend**2 / std_slope / 2, rounding=5e-5),
    ]


def _learned_by_crps(seed: int) -> list[Row]:
    """The CRPS's optimum beside maximum likelihood on the same data, and the learner sampled_gradient beside both."""
    runs, n, learned = 4096, 1000, 64
    values = generator(seed, "crps").normal(size=(runs, n))
    best_mean, best_std = _crps_optimum(values)
    rows = []
    for name, expected, ours, classical, truth in (
        ("the mean", 3 / np.pi, best_mean, values.mean(axis=1), 0.0),
        ("std", 0.8080, best_std, values.std(axis=1), 1.0),
    ):
        theirs, errors = (classical - truth) ** 2, (ours - truth) ** 2
        ratio = theirs.mean() / errors.mean()
        error = (theirs - ratio * errors).std() / np.sqrt(runs) / errors.mean()
        what = f"maximum likelihood's squared error over the CRPS's, {name}, {runs} runs of {n} values"
        rows.append(row("asymptotic efficiency", what, expected, float(ratio), float(error), 5e-5))
    zeros = np.zeros(n, np.int32)
    moments = [value_moments(zeros, each, 1) for each in values[:learned]]
    data = Values(
        jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *moments),
        jnp.zeros((learned, n), jnp.int32),
        jnp.asarray(values[:learned]),
    )
    keys = jax.random.split(jax.random.key(seed % 2**63), learned)
    fit: Any = jax.jit(jax.vmap(SampledGradient(estimator="pathwise", samples=16)))(keys, data).mapping
    mean_shift = np.asarray(fit.mean)[:, 0] - best_mean[:learned]
    std_shift = np.asarray(fit.std)[:, 0] - best_std[:learned]
    distance = float(n * (mean_shift**2 + 2 * std_shift**2).mean() / 2)
    what = "sampled_gradient's squared distance to the CRPS's optimum, over the sampling variance ≤ 5 %"
    return [*rows, row("Gneiting & Raftery 2007", what, 0.05, distance, relation="≤")]


def _crps_optimum(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and std of each row's least CRPS(N(μ, σ²), values): mean Φ(ω) = ½ and mean φ(ω) = 1/(2√π), Newton."""
    mean, std = values.mean(axis=1), values.std(axis=1)
    for _ in range(3):  # from maximum likelihood, 1/√n away: the errors are squared each time
        scaled = (values - mean[:, None]) / std[:, None]
        density = np.exp(-(scaled**2) / 2) / np.sqrt(2 * np.pi)
        in_mean = 0.5 - special.ndtr(scaled).mean(axis=1)
        in_std = density.mean(axis=1) - 0.5 / np.sqrt(np.pi)
        first, second, third = ((density * scaled**power).mean(axis=1) / std for power in (0, 1, 2))
        determinant = first * third - second**2
        mean, std = (
            mean - (third * in_mean - second * in_std) / determinant,
            std - (first * in_std - second * in_mean) / determinant,
        )
    return mean, std


def _conjugate(seed: int) -> list[Row]:
    prior = posteriors.NormalInverseGamma.prior(0.0, 1.0, 2.0, 1.0, 1)
    data = np.array([1.0, 2.0, 4.0])
    one_by_one = prior
    for value in data:
        one_by_one = one_by_one.update(0, float(value))
    statistics = Moments(np.array([3]), np.array([data.mean()]), np.array([((data - data.mean()) ** 2).sum()]))
    at_once = prior.update_all(statistics)
    murphy = "Murphy 2007"
    rows = []
    for name, expected in (("mean", 1.75), ("kappa", 4.0), ("alpha", 3.5), ("beta", 5.375)):
        for way, posterior in (("one at a time", one_by_one), ("all at once", at_once)):
            rows.append(
                row(murphy, f"posterior {name} of 1, 2, 4, {way}", expected, float(getattr(posterior, name)[0]))
            )
    predictive = at_once.predictive()
    rows += [
        row(murphy, "predictive scale², Student t₇", 1.91964, float(predictive.scale[0]) ** 2, rounding=5e-6),
        row(murphy, "predictive degrees of freedom", 7.0, float(predictive.freedom[0])),
    ]
    change = at_once.natural_parameters - prior.natural_parameters
    for name, expected, ours in zip(("κμ", "κ", "2α", "2β + κμ²"), (7.0, 3.0, 3.0, 21.0), change[0], strict=True):
        rows.append(row("Khan & Rue 2107.04562", f"natural parameter {name} += Σ(x, 1, 1, x²)", expected, float(ours)))
    source = "Khan & Rue 2107.04562"
    rows += [
        row(
            source, "natural-gradient steps and updates differ by ≤ 1e-12", 1e-12, _step_error(seed, 0.0), relation="≤"
        ),
        row(source, "… by ≤ 1e-6 on raw data of mean 1000, std 1", 1e-6, _step_error(seed, 1000.0), relation="≤"),
        row("closed form", "running mean of 1, 2, 4 by μ += (x − μ)/n", 7 / 3, _running_mean(data)),
    ]
    mean_, std = generator(seed, "kl").normal(size=2)
    std = float(np.exp(std))
    rows.append(
        row(
            "Kingma & Welling 1312.6114, B",
            "KL(N(μ, σ²)‖N(0, 1)) = ½(μ² + σ² − 1 − ln σ²)",
            0.5 * (mean_**2 + std**2 - 1 - 2 * np.log(std)),
            float(gaussian_kl(mean_, std, 0.0, 1.0)),
        )
    )
    return rows


def _running_mean(data: np.ndarray) -> float:
    pairs = pair_blocks(np.zeros(len(data), dtype=np.int64), data, 1)
    fit = RunningMoments(weight=0.0)(jax.random.key(0), jax.tree.map(jnp.asarray, pairs))
    return float(fit.mapping.parameters()["mean"][0])


def _step_error(seed: int, shift: float) -> float:
    """Return the largest relative difference in natural parameters over 200 steps on normal data of a mean."""
    data = jnp.asarray(generator(seed, "steps").normal(shift, size=200))
    learner = NaturalGradient()
    prior = posteriors.NormalInverseGamma.prior(0.0, 1.0, 2.0, 1.0, 1)

    def both(state, value):
        natural, exact = learner.step(prior, state[0], jnp.int64(0), value), state[1].update(0, value)
        scale = jnp.abs(exact.natural_parameters).max()
        return (natural, exact), (jnp.abs(natural - exact.natural_parameters) / scale).max()

    return float(jax.lax.scan(both, (prior.natural_parameters, prior), data)[1].max())


def _newcomb() -> list[Row]:
    values = np.array(NEWCOMB.split(), dtype=np.float64)
    statistics = Moments(np.array([66]), np.array([values.mean()]), np.array([((values - values.mean()) ** 2).sum()]))
    fit = MaximumLikelihood()(jax.random.key(0), jax.tree.map(jnp.asarray, statistics))
    low, high = Classical(*jax.tree.leaves(statistics)).interval(0.95)["mean"]
    s = float(np.sqrt(statistics.m2[0] / 65))
    # The chance that the smallest of 66 values from the fitted Gaussian is as small.
    smallest = 66 * stats.norm.cdf((values.min() - values.mean()) / s)
    newcomb = "Newcomb; Gelman et al., 3.2"
    return [
        row(newcomb, "mean of 66 timings of light", 26.2121, float(fit.mapping.parameters()["mean"][0]), rounding=5e-5),
        row(newcomb, "s", 10.7453, s, rounding=5e-5),
        row(newcomb, "lower end of the mean's 95 % interval", 23.57, float(low[0]), rounding=5e-3),
        row(newcomb, "upper end", 28.85, float(high[0]), rounding=5e-3),
        row(newcomb, "a fit check sees the outliers: P(min ≤ −44) ≤", 1e-6, float(smallest), relation="≤"),
    ]
