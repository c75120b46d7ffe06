from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln
from jaxtyping import Array, Float

from stochmap import posteriors

from ._sequential import AbstractSequential


@dataclass(frozen=True)
class NaturalGradient(AbstractSequential):
    """One natural-gradient step of size 1 on E_q ln p(y|x, θ) for each observation: the conjugate update, by calculus.

    With q in its natural parameters η and log-partition function Z, η ← η + F⁻¹∇_η E_q ln p(y|x, θ), F = ∇²Z the
    Fisher information of q (Khan & Rue, arXiv 2107.04562; Jones et al., arXiv 2405.19681). Gradient and Hessian come
    from automatic differentiation, the step from solving with F; that it adds the observation's sufficient statistics
    to η is nowhere used. In float64 it follows :class:`Online` to 1e-12 on centred and scaled data; where the mean is
    many std from 0, F is ill-conditioned and digits are lost.
    """

    def start(self, prior: posteriors.AbstractPosterior) -> Any:
        """Return the prior's natural parameters, [x, parameters]."""
        return prior.natural_parameters

    def step(self, prior: posteriors.AbstractPosterior, state: Any, x: Array, y: Array) -> Any:
        """Step in the row's natural parameters."""
        tables = isinstance(prior, posteriors.Dirichlet)
        step = _dirichlet_step if tables else _normal_inverse_gamma_step
        return state.at[x].add(step(state[x], y))

    def posterior(self, prior: posteriors.AbstractPosterior, state: Any, num_samples: Any) -> Any:
        """Return the posterior with these natural parameters."""
        if isinstance(prior, posteriors.Dirichlet):
            return posteriors.Dirichlet(state)
        return posteriors.NormalInverseGamma.from_natural(state)


def _natural_step(expected: Any, log_partition: Any, natural: Array) -> Array:
    fisher = jax.hessian(log_partition)(natural)
    # Scaled to a unit diagonal: the parameters differ by the number of observations behind them.
    scale = jax.lax.rsqrt(jnp.diagonal(fisher))
    gradient = jax.grad(expected)(natural)
    return scale * jnp.linalg.solve(fisher * jnp.outer(scale, scale), scale * gradient)


def _dirichlet_step(natural: Float[Array, "y"], y: Array) -> Float[Array, "y"]:
    if natural.shape[0] == 1:  # certain from the start: there is no information in an observation
        return jnp.zeros_like(natural)

    def expected(a: Array) -> Array:
        return digamma(a[y]) - digamma(a.sum())

    def log_partition(a: Array) -> Array:
        return gammaln(a).sum() - gammaln(a.sum())

    return _natural_step(expected, log_partition, natural)


def _normal_inverse_gamma_step(natural: Float[Array, "4"], y: Array) -> Float[Array, "4"]:
    def leaves(natural: Array) -> tuple[Array, ...]:
        first, kappa, double_alpha, second = natural
        return first / kappa, kappa, 0.5 * double_alpha, 0.5 * (second - first**2 / kappa)

    def expected(natural: Array) -> Array:
        mean, kappa, alpha, beta = leaves(natural)
        log_variance = jnp.log(beta) - digamma(alpha)
        return -0.5 * (jnp.log(2.0 * jnp.pi) + log_variance + alpha / beta * (y - mean) ** 2 + 1.0 / kappa)

    def log_partition(natural: Array) -> Array:
        _, kappa, alpha, beta = leaves(natural)
        return gammaln(alpha) - alpha * jnp.log(beta) - 0.5 * jnp.log(kappa)

    return _natural_step(expected, log_partition, natural)
