"""Where the project began: 16 choices, a 16 × 8 mapping, a Gaussian with mean 1 and std 2.5."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from stochmap.learners import MaximumLikelihood
from stochmap.mappings import GaussianMapping
from stochmap.metrics import limits
from stochmap.sampling import Counts, Moments
from stochmap.truths import Gaussian, NormalLogits

from ._rows import Row, mean_row
from ._runs import draw_runs, learn, scores

row, mean = functools.partial(Row, "G"), functools.partial(mean_row, "G")

NOTEBOOK = "the notebook"


def origin(seed: int) -> list[Row]:
    """Return the rows of section G."""
    choices = draw_runs(seed, "choices", NormalLogits(1, 16), 256, 2**14)
    p = choices.truth.parameters()["probability"][:, 0]
    assert isinstance(choices.statistics, Counts)
    distance = np.abs(np.asarray(choices.statistics.n)[:, 0] / 2**14 - p).max(axis=-1)
    mapping = draw_runs(seed, "mapping", NormalLogits(16, 8), 256, 2**14)
    found = scores(MaximumLikelihood(), mapping)
    normal = draw_runs(seed, "normal", Gaussian(mean=1.0, std=2.5), 1024, 10_000)
    assert isinstance(normal.statistics, Moments)
    fit = learn(MaximumLikelihood(), normal).mapping.parameters()
    expected_std = 2.5 * (1 - 0.75 / 10_000)  # E of the divisor-n std, to 1e-8
    return [
        mean(NOTEBOOK, "largest |p − p̂| of 16 choices, 2¹⁴ samples: a few 1e-3", 0.005, distance, relation="≤"),
        row(NOTEBOOK, "… in the worst of 256 runs", 0.02, float(distance.max()), relation="≤"),
        mean(
            "closed form",
            "ℓ₂² of a learned 16 × 8 mapping over (1 − Σp²)/n_x",
            1.0,
            found["l2_squared"] / found["reference_l2_squared"],
        ),
        mean(NOTEBOOK, "sample mean of 10,000 draws, mean 1", 1.0, fit["mean"][:, 0]),
        mean(NOTEBOOK, "sample std, std 2.5", expected_std, fit["std"][:, 0], rounding=1e-6),
        row(
            NOTEBOOK,
            "… |sample mean − 1|, root mean square: a few hundredths",
            0.03,
            float(np.sqrt(np.mean((fit["mean"] - 1) ** 2))),
            relation="≤",
        ),
        row("Cramér–Rao", "… as theory has it, σ/√n", 0.025, float(np.sqrt(limits.cramer_rao_mean(2.5, 10_000)))),
        *_pathwise(seed),
    ]


def _pathwise(seed: int) -> list[Row]:
    """The sample's gradient at a fixed key: 1 in the mean, the noise z in std."""
    key = jax.random.key(seed % 2**32)

    def draw(mean: jax.Array, std: jax.Array) -> jax.Array:
        return GaussianMapping(mean[None], std[None]).sample(key, jnp.int32(0))

    point = jnp.float64(1.0), jnp.float64(2.5)
    in_mean, in_std = jax.grad(draw, argnums=(0, 1))(*point)
    z = (draw(*point) - 1.0) / 2.5
    kingma = "Kingma & Welling 1312.6114, 2.4"
    return [
        row(kingma, "d sample/d mean", 1.0, float(in_mean)),
        row(kingma, "d sample/d std = z", float(z), float(in_std), rounding=1e-14),
    ]
