"""Every estimator in each family that it serves, as one compiled program for all costs and parameters."""

import functools
import itertools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from stochmap.estimators import ESTIMATORS, Bernoulli, Categorical, Gaussian, gradient

REPEATS = 20_000
OPTIONS = {"constant_baseline": {"baseline": 0.7}, "exact": {"nodes": 5}, "gumbel_rao": {"num_conditional": 4}}
CASES = [(kind, family) for kind, cls in ESTIMATORS.items() for family in sorted(cls.families)]
SIZES = {"bernoulli": 2, "categorical": 6, "gaussian": 2}
PARAMETERS = {
    "bernoulli": Bernoulli(jnp.array([0.9, -0.4])),
    "categorical": Categorical(jnp.array([[0.5, -0.7, 0.1], [-0.2, 0.4, 1.1]])),
    "gaussian": Gaussian(jnp.array([0.6, -1.1]), jnp.array([0.8, 0.5])),
}


class Polynomial(NamedTuple):
    """f(x) = constant + linear·v + v·matrix·v + cubic·v³, v the sample's numbers in one row."""

    constant: Any
    linear: Any
    matrix: Any
    cubic: Any

    def __call__(self, key: Any, sample: Any) -> Any:
        v = sample.reshape(-1)
        return self.constant + self.linear @ v + v @ self.matrix @ v + self.cubic @ v**3


class Declared(NamedTuple):
    family: str
    num_classes: int
    degree: int | None
    continuous: bool = True


def polynomial(family: str, *, linear: float = 0.0, quadratic: float = 0.0, cubic: float = 0.0) -> Polynomial:
    """Return one with fixed irregular coefficients of this size, products of different variables among them."""
    size, rng = SIZES[family], np.random.default_rng(3)
    parts = rng.normal(size=size), rng.normal(size=(size, size)), np.sign(rng.normal(size=size))
    scaled = (jnp.asarray(part * scale) for part, scale in zip(parts, (linear, quadratic, cubic), strict=True))
    return Polynomial(jnp.asarray(0.3), *scaled)


def across(family: str) -> Polynomial:
    """Return one of degree 1 in each variable: products of different variables alone."""
    cost = polynomial(family, linear=1.0, quadratic=3.0)
    block = np.kron(np.eye(2), np.ones((SIZES[family] // 2,) * 2))
    return cost._replace(matrix=cost.matrix * (1.0 - block))


def build(kind: str) -> Any:
    return ESTIMATORS[kind](**OPTIONS.get(kind, {}))


@functools.cache
def program(kind: str, family: str, repeats: int = REPEATS) -> Any:
    estimator = build(kind)

    def run(key: Any, distribution: Any, cost: Polynomial, state: Any) -> Any:
        keys = jax.random.split(key, repeats)
        found = jax.vmap(lambda each: gradient(estimator, each, distribution, cost, state)[0])(keys)
        return jnp.concatenate([leaf.reshape(repeats, -1) for leaf in jax.tree.leaves(found)], axis=1)

    # Unoptimised: compiling takes a third of the time, and running is short.
    return jax.jit(run, compiler_options={"xla_backend_optimization_level": 0})


def estimates(kind: str, distribution: Any, cost: Any, *, state: Any = None, calls: int = 1, seed: int = 0) -> Any:
    """Return independent estimates, [repeats, parameters]; those of an exact estimator once."""
    if state is None:
        state = build(kind).init(distribution)
    run = program(kind, distribution.family, 1 if kind == "exact" else REPEATS)
    keys = [jax.random.key(1000 * seed + call) for call in range(calls)]
    return np.concatenate([np.asarray(run(key, distribution, cost, state)) for key in keys])


def exact_gradient(distribution: Any, cost: Polynomial) -> np.ndarray:
    """Return ∇E f by the definition: a sum over outcomes, or the moments of a Gaussian."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(_slope(distribution, cost))])


@jax.jit
@jax.grad
def _slope(parameters: Any, cost: Polynomial) -> Any:
    if isinstance(parameters, Gaussian):
        mean, std = parameters.mean, parameters.std
        square = mean @ cost.matrix @ mean + jnp.diag(cost.matrix) @ std**2
        return cost.linear @ mean + square + cost.cubic @ (mean**3 + 3.0 * mean * std**2)
    if isinstance(parameters, Bernoulli):
        one = 1.0 / (1.0 + jnp.exp(-parameters.logits))
        table, values = jnp.stack([1.0 - one, one], axis=1), jnp.arange(2.0)
    else:
        weights = jnp.exp(parameters.logits)
        table, values = weights / weights.sum(axis=1, keepdims=True), jnp.eye(weights.shape[1])
    total = jnp.zeros(())
    for outcome in itertools.product(range(table.shape[1]), repeat=len(table)):
        chance = jnp.prod(jnp.stack([table[row, value] for row, value in enumerate(outcome)]))
        total += chance * cost(None, values[np.array(outcome)])
    return total
