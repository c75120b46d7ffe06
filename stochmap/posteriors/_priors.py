"""Concentrations of Dirichlet rows by rule: each a function of the table of counts [x, y] (traced or not)."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma
from jaxtyping import Array, Float

from stochmap.sampling import Counts

from ._abstract import check_statistics

STRENGTHS = (1e-3, 1e6)
"""The range of a fitted concentration."""

_HALVINGS = 45


def jeffreys(counts: Counts) -> Float[Array, "*runs x y"]:
    """½ for every outcome: invariant under changes of variables (Jeffreys 1946)."""
    return jnp.full(counts.n.shape, 0.5)


def perks(counts: Counts) -> Float[Array, "*runs x y"]:
    """1/k for each of k outcomes: one observation's worth in all (Perks 1947)."""
    return jnp.full(counts.n.shape, 1.0 / counts.n.shape[-1])


def minimax(counts: Counts) -> Float[Array, "*runs x y"]:
    """√n/k, n the row's samples (1 where there are none): the posterior mean has the least worst ℓ₂² risk.

    It is (1 − 1/k)/(√n + 1)² for every p (Trybuła 1958).
    """
    n = jnp.asarray(counts.num_samples)
    return jnp.broadcast_to(jnp.sqrt(jnp.maximum(n, 1.0))[..., None] / counts.n.shape[-1], counts.n.shape)


def braess_sauer(counts: Counts) -> Float[Array, "*runs x y"]:
    """½ where the count is 0, 1 where it is 1, else ¾: asymptotically the least worst KL(truth‖fit).

    Braess & Sauer, "Bernstein polynomials and learning theory" (2004). It looks at the counts, so the posterior
    that it leads to is one in name only.
    """
    n = jnp.asarray(counts.n)
    return jnp.where(n == 0, 0.5, jnp.where(n == 1, 1.0, 0.75))


def empirical_bayes(counts: Counts) -> Float[Array, "*runs x y"]:
    """The one concentration under which the evidence of all rows together is greatest, within STRENGTHS.

    The evidence has a single maximum (Levin & Reeds 1977); it is found by halving in ln a, on the sign of the slope
    Σ_x k[ψ(ka) − ψ(n_x + ka)] + Σ_xy [ψ(c_xy + a) − ψ(a)]. Where no row has two samples nothing speaks for any
    value: ½.

    Raises:
        ValueError: there are no counts (where they are known, not traced).
    """
    check_statistics(counts)
    c, n, k = jnp.asarray(counts.n), jnp.asarray(counts.num_samples), counts.n.shape[-1]

    def slope(log_a: Array) -> Array:
        a = jnp.exp(log_a)[..., None]
        rows = k * (digamma(k * a) - digamma(n + k * a)).sum(axis=-1)
        return rows + (digamma(c + a[..., None]) - digamma(a)[..., None]).sum(axis=(-2, -1))

    def halve(_: Any, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        middle = 0.5 * (low + high)
        rising = slope(middle) > 0.0
        return jnp.where(rising, middle, low), jnp.where(rising, high, middle)

    ends = tuple(jnp.full(n.shape[:-1], jnp.log(end)) for end in STRENGTHS)
    low, high = jax.lax.fori_loop(0, _HALVINGS, halve, ends)
    told = (n > 1).any(axis=-1) & (k > 1)
    fitted = jnp.where(told, jnp.exp(0.5 * (low + high)), 0.5)
    return jnp.broadcast_to(fitted[..., None, None], c.shape)


def inside_strengths(counts: Counts, concentration: Any) -> Array:
    """Return whether ``empirical_bayes`` found a maximum: inside STRENGTHS, and of rows that told it anything."""
    low, high = STRENGTHS
    a = concentration[..., 0, 0]
    told = (jnp.asarray(counts.num_samples) > 1).any(axis=-1) & (counts.n.shape[-1] > 1)
    return told & (a > low * (1.0 + 1e-9)) & (a < high * (1.0 - 1e-9))


PRIORS: dict[str, Callable[[Counts], Float[Array, "*runs x y"]]] = {
    "jeffreys": jeffreys,
    "perks": perks,
    "minimax": minimax,
    "braess_sauer": braess_sauer,
    "empirical_bayes": empirical_bayes,
}
