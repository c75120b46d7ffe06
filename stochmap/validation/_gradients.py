"""Gradients through sampling: the toy of RELAX, and one Gaussian; means and variances of single estimates."""

import functools
import zlib
from typing import Any

import jax
import numpy as np

from stochmap import estimators as e
from stochmap.lab import (
    BernoulliToy,
    BrierScore,
    CostTable,
    Cubic,
    GaussianQuadratic,
    Quadratic,
    exact_gradient,
    learn,
    measure,
    theory,
)

from ._rows import Row

REPEATS = 100_000
T = 0.499

RELAX = "Grathwohl et al. 1711.00123"
MOHAMED = "Mohamed et al. 1906.10652"


def bernoulli(seed: int) -> list[Row]:
    """Return the rows of section A: f(b) = (b − t)², t = 0.499."""
    row = functools.partial(Row, "A")
    rows = [
        row(RELAX, f"E f at θ = {theta}", loss, theta * (1 - T) ** 2 + (1 - theta) * T**2)
        for theta, loss in ((0.0, 0.249001), (0.5, 0.250001), (1.0, 0.251001))
    ]
    for t, theta in ((T, 0.5), (T, 0.3), (0.2, 0.7)):
        toy = BernoulliToy(t, theta)
        where = f"θ = {theta}" + (f", t = {t}" if t != T else "")
        exact = float(exact_gradient(toy)[0])
        rows.append(row(RELAX, f"gradient in the logit, Δθ(1 − θ), {where}", (1 - 2 * t) * theta * (1 - theta), exact))
        for name, (source, estimator, mean, variance) in _toy_estimators(t, theta).items():
            rows += _moments("A", source, f"{name}, {where}", toy, estimator, seed, [mean], [variance])
    rests = "straight-through at θ = t, where it comes to rest"
    toy = BernoulliToy(T, T)
    rows += _moments("A", "Bengio et al. 2013", rests, toy, e.StraightThrough(), seed, [0.0], None)
    return [*rows, *_unbiased(seed), *_biased(seed), *_learned(seed)]


def _toy_estimators(t: float, theta: float) -> dict[str, tuple[str, Any, float, float | None]]:
    """Return source, estimator, mean and variance (None where there is no formula) by name."""
    delta, spread, m = 1 - 2 * t, theta * (1 - theta), min(theta, 1 - theta)
    exact = delta * spread
    straight = 2 * (theta - t) * spread
    up, down = (1 - t) ** 2, t**2
    return {
        "score function": ("Williams 1992", e.ScoreFunction(), exact, spread * ((1 - theta) * up + theta * down) ** 2),
        "running-mean baseline": ("Williams 1992", e.RunningMeanBaseline(), exact, None),
        "optimal baseline": ("Greensmith et al. 2004", e.OptimalBaseline(), exact, None),
        "leave-one-out": ("Kool et al. 2019", e.LeaveOneOut(), exact, delta**2 * spread * (0.5 - spread)),
        "ARM": ("Yin & Zhou 2019", e.Arm(), exact, 2 * delta**2 / 3 * (0.125 - (0.5 - m) ** 3) - delta**2 * spread**2),
        "DisARM": ("Dong et al. 2020", e.Disarm(), exact, delta**2 * m * (1 - m) ** 2 * (0.5 - m)),
        "straight-through": ("Bengio et al. 2013", e.StraightThrough(), straight, spread**3 * 4),
        "ReinMax": ("Liu et al. 2023", e.ReinMax(), exact, None),
        "measure-valued": (MOHAMED, e.MeasureValued(), exact, None),
        "REBAR": ("Tucker et al. 2017", e.Rebar(), exact, None),
        "RELAX": (RELAX, e.Relax(), exact, None),
    }


def _unbiased(seed: int) -> list[Row]:
    """Where the biased ones are unbiased: costs that are linear in z, and for ReinMax quadratic ones."""
    rows = []
    for name, problem, kinds in (
        ("a random cost table", CostTable(1, 5), (e.StraightThrough(), e.ReinMax())),
        ("the two-sample Brier score", BrierScore(4), (e.StraightThrough(), e.ReinMax())),
        ("a quadratic of 4 classes", Quadratic(), (e.ReinMax(),)),
    ):
        exact = [float(value) for value in exact_gradient(problem)]
        for estimator in kinds:
            what = f"{type(estimator).__name__} is unbiased on {name}"
            rows += _moments("A", "Liu et al. 2023", what, problem, estimator, seed, exact, None)
    return rows


def _biased(seed: int) -> list[Row]:
    """And where they are not: told by |bias| in standard errors, which must be large."""
    rows = []
    problem = Cubic()
    exact = exact_gradient(problem)
    measured = {}
    for name, estimator in (
        ("ReinMax", e.ReinMax()),
        ("straight-through", e.StraightThrough()),
        ("Gumbel-softmax", e.GumbelSoftmax()),
        ("straight-through Gumbel-softmax", e.StraightThroughGumbelSoftmax()),
        ("Gumbel-Rao", e.GumbelRao()),
    ):
        found = measure(problem, estimator, _key(seed, f"cubic {name}"), REPEATS)
        bias = np.abs(found.mean - exact) / found.standard_error
        measured[name] = found
        rows.append(
            Row(
                "A",
                "Liu et al. 2023",
                f"{name} is biased on a cubic: |bias| in standard errors ≥ 10",
                10.0,
                float(bias.max()),
                relation="≥",
            )
        )
    hard, rao = measured["straight-through Gumbel-softmax"], measured["Gumbel-Rao"]
    both = float(np.hypot(hard.standard_error[0], rao.standard_error[0]))
    rows += [
        Row(
            "A",
            "Liu et al. 2023",
            "ReinMax's bias on cubics of 2 classes ≤ straight-through's",
            _bias_of_two_classes(e.StraightThrough()),
            _bias_of_two_classes(e.ReinMax()),
            relation="≤",
        ),
        Row(
            "A",
            "Paulus et al. 2021",
            "Gumbel-Rao has straight-through Gumbel-softmax's mean",
            0.0,
            float(rao.mean[0] - hard.mean[0]),
            both,
        ),
        Row(
            "A",
            "Paulus et al. 2021",
            "… and a smaller variance: ratio ≤ 1",
            1.0,
            float(rao.variance.sum() / hard.variance.sum()),
            relation="≤",
        ),
    ]
    return rows


def _bias_of_two_classes(estimator: Any) -> float:
    """Return the root mean square of the exact bias over cubics of two classes."""
    problems = [Cubic(num_classes=2, seed=number) for number in range(4)]
    moments = [theory(problem, estimator) for problem in problems]
    found = [each.mean - exact_gradient(problem) for each, problem in zip(moments, problems, strict=True) if each]
    return float(np.sqrt(np.mean(np.square(found))))


def _learned(seed: int) -> list[Row]:
    """The toy learned as in the authors' code: Adam, rate 0.01, one sample a step."""
    toy = BernoulliToy(T, 0.5)

    def theta(estimator: Any, steps: int, runs: int) -> np.ndarray:
        path = learn(toy, estimator, _key(seed, f"learn {steps}"), steps=steps, learning_rate=0.01, runs=runs)
        return 1.0 / (1.0 + np.exp(-path[:, -1, 0]))

    exact = theta(e.Exact(), 1000, 1)
    noisy, count = theta(e.ScoreFunction(), 10_000, 400), 400
    low, high = np.quantile(noisy, [0.05, 0.95])
    # An order statistic's rank has the standard deviation √(np(1 − p)): half the distance between these ranks.
    rank = np.sqrt(0.05 * 0.95 / count)
    spread = [float(np.ptp(np.quantile(noisy, [p - rank, p + rank])) / 2) for p in (0.05, 0.95)]
    above = float((noisy > 0.5).mean())
    return [
        Row("A", RELAX, "θ after 1000 steps of the exact gradient", 0.014, float(exact[0]), 0.0, 5e-4),
        Row("A", RELAX, "5 % quantile of θ after 10⁴ steps of the score function", 0.13, float(low), spread[0], 0.01),
        Row("A", RELAX, "95 % quantile", 0.77, float(high), spread[1], 0.01),
        Row("A", RELAX, "share of the runs that end above ½", 1 / 3, above, float(np.sqrt(2 / 9 / count)), 0.02),
    ]


def gaussian_gradients(seed: int) -> list[Row]:
    """Return the rows of section B: f(x) = (x − k)²; ∂μ and ∂σ."""
    rows = []
    for mean, std, k in ((1.0, 1.0, -3.0), (0.3, 1.7, 0.8)):
        d, s = mean - k, std
        f = d**2 + s**2
        problem = GaussianQuadratic(k, mean, std)
        exact = [2 * d, 2 * s]
        where = f"μ = {mean}, σ = {std}, k = {k}"
        # (name, estimator, variance in μ, variance in σ); the optimal baselines differ, one for each parameter.
        for name, estimator, of_mean, of_std in (
            (
                "score function",
                e.ScoreFunction(),
                d**4 / s**2 + 14 * d**2 + 15 * s**2,
                2 * d**4 / s**2 + 60 * d**2 + 74 * s**2,
            ),
            ("baseline E f", e.ConstantBaseline(baseline=f), 8 * d**2 + 10 * s**2, 40 * d**2 + 56 * s**2),
            ("optimal baseline for μ", e.ConstantBaseline(baseline=d**2 + 3 * s**2), 8 * d**2 + 6 * s**2, None),
            ("optimal baseline for σ", e.ConstantBaseline(baseline=d**2 + 5 * s**2), None, 40 * d**2 + 24 * s**2),
            ("pathwise", e.Pathwise(), 4 * s**2, 4 * d**2 + 8 * s**2),
            ("measure-valued, coupled", e.MeasureValued(), d**2 * (16 / np.pi - 4), 4 * d**2 + 4 * s**2),
        ):
            rows += _moments(
                "B", MOHAMED, f"{name}, {where}", problem, estimator, seed, exact, [of_mean, of_std], ("∂μ", "∂σ")
            )
    return rows


def _moments(
    section: str,
    source: str,
    name: str,
    problem: Any,
    estimator: Any,
    seed: int,
    means: list[float],
    variances: list[float | None] | None,
    parameters: tuple[str, ...] = ("",),
) -> list[Row]:
    """Return a row for each parameter's mean, and for each variance that has a formula."""
    found = measure(problem, estimator, _key(seed, f"{section} {name}"), REPEATS, warm_up=100)
    rows = []
    for index, expected in enumerate(means):
        part = parameters[index] if len(parameters) == len(means) else f"parameter {index}"
        what = f"{part + ' ' if part else ''}of {name}"
        ours, error = float(found.mean[index]), float(found.standard_error[index])
        # 1e-15 beside gradients of about 1e-3: where every estimate is the same number, only rounding is left.
        rows.append(Row(section, source, f"mean {what}", expected, ours, error, 1e-15))
        variance = variances[index] if variances is not None else None
        if variance is not None:
            ours, error = float(found.variance[index]), float(found.variance_standard_error[index])
            rows.append(Row(section, source, f"variance {what}", variance, ours, error, 1e-15))
    return rows


def _key(seed: int, name: str) -> jax.Array:
    return jax.random.fold_in(jax.random.key(seed % 2**63), zlib.crc32(name.encode()))
