"""Entropies of known distributions: host, float64, nats, leading axes are independent."""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import special

Numbers = Float[np.ndarray, "*runs"] | float


def entropy(p: Any) -> Numbers:
    """Return H(p) = −Σ_j p_j ln p_j along the last axis, in nats."""
    return special.entr(np.asarray(p, dtype=np.float64)).sum(axis=-1)


def conditional_entropy(joint: Any) -> Numbers:
    """Return H(Y | X) = Σ_xy p(x, y) ln(p(x)/p(x, y)) of a joint distribution [*runs, x, y], in nats."""
    joint = np.asarray(joint, dtype=np.float64)
    return special.entr(joint).sum(axis=(-2, -1)) - entropy(joint.sum(axis=-1))


def mutual_information(joint: Any) -> Numbers:
    """Return I(X; Y) = Σ_xy p(x, y) ln(p(x, y)/(p(x) p(y))) of joints [*runs, x, y], in nats; never below 0."""
    joint = np.asarray(joint, dtype=np.float64)
    product = joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)
    # Terms p ln(p/q) − p + q are all ≥ 0: near independence nothing cancels, and what rounding leaves below 0 is cut
    # off.
    return np.maximum(special.kl_div(joint, product).sum(axis=(-2, -1)), 0.0)
