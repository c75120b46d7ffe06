"""One relaxed bit: σ((l + logistic noise)/τ), the only relaxation whose moments are a one-dimensional integral."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from stochmap.estimators import AbstractDiscrete, Bernoulli

from ._problem import Problem, compiled, traced
from ._quadrature import Rule, agreed

_STEPS = np.arange(-3.6, 3.6001, 1 / 32)
"""Steps of the tanh–sinh rule (Takahashi & Mori 1974): every integral of a smooth cost below to 1e-12 relative.

The coarse rule has every other one of them.
"""


def relaxed_bit(problem: Problem, temperature: float, *, hard: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """Return mean and variance of f′·∂s/∂l, s = σ(z/τ), z = l + logistic noise; None for more than one bit.

    None too for a cost that quadrature cannot follow. f′ is taken at s (Gumbel-softmax) or at 1{z > 0}
    (straight-through). Two classes are one bit: l = l₁ − l₀, and f′ the difference of the slopes. With the density ρ
    of the noise, as an integral over s,
    E[f′ s(1−s)/τ] = ∫ f′ ρ(τ·logit s − l) ds and E[(f′ s(1−s)/τ)²] = ∫ f′² s(1−s)/τ · ρ(τ·logit s − l) ds.
    """
    shape = jax.eval_shape(problem.distribution)
    if not isinstance(shape, AbstractDiscrete) or shape.dimension != 1 or shape.num_classes != 2:
        return None
    terms = np.asarray(_terms(traced(problem), jnp.asarray(temperature), hard))
    ones = np.ones(len(terms))
    found = agreed(Rule(ones, terms), Rule(2.0 * ones[::2], terms[::2]))
    if found is None:
        return None
    mean, second = found
    signs = np.ones(1) if isinstance(shape, Bernoulli) else np.array([-1.0, 1.0])
    return signs * mean, np.full(len(signs), second - mean**2)


@compiled(0)
def _terms(problem: Problem, temperature: Array, hard: bool) -> Array:  # noqa: FBT001  static
    """Return the terms of both integrals' sums: [nodes, 2]."""
    distribution = problem.distribution()
    assert isinstance(distribution, AbstractDiscrete)
    bit = isinstance(distribution, Bernoulli)
    logit = distribution.logits[0] if bit else distribution.logits[0, 1] - distribution.logits[0, 0]

    def slope(s: Array, rest: Array) -> Array:
        sample = s[None] if bit else jnp.stack([rest, s])[None]
        gradient = jax.grad(lambda each: problem(jax.random.key(0), each))(sample)
        return gradient[0] if bit else gradient[0, 1] - gradient[0, 0]

    # On (0, ½) with s = x/2 and on (½, 1) with 1 − s = x/2: near the ends the small one of s, 1 − s stays exact.
    double = np.pi / 2 * np.sinh(_STEPS)
    small = jnp.asarray(0.5 / (1.0 + np.exp(-2.0 * double)))
    large = jnp.asarray(0.5 / (1.0 + np.exp(2.0 * double)))  # ½ − small
    weight = 2.0 * np.pi * np.cosh(_STEPS) * small * large * (1 / 32)
    terms = jnp.zeros((len(_STEPS), 2))
    for upper in (False, True):
        s, rest = (1.0 - small, small) if upper else (small, 1.0 - small)
        at = (jnp.full_like(s, upper), jnp.full_like(s, not upper)) if hard else (s, rest)
        slopes = jax.vmap(slope)(*at)
        log_odds = (jnp.log1p(-small) - jnp.log(small)) * (1.0 if upper else -1.0)
        noise = temperature * log_odds - logit
        density = jax.nn.sigmoid(noise) * jax.nn.sigmoid(-noise)
        square = slopes**2 * s * rest / temperature
        terms += (weight * density)[:, None] * jnp.stack([slopes, square], axis=1)
    return terms
