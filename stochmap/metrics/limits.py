"""What theory allows: the references that stand beside errors, and the least possible loss under a known prior.

All of them are host functions of float64 arrays; n is the number of samples of a row, p its true probabilities.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import special

Numbers = Float[np.ndarray, "..."] | float
"""An array, or of a single row NumPy's scalar."""


def wilks(num_parameters: Any, n: Any) -> Numbers:
    """Return the asymptotic E KL(fit‖truth) = d/(2n) nats of maximum likelihood, d free parameters (Wilks 1938)."""
    return np.asarray(num_parameters) / (2.0 * np.asarray(n, dtype=np.float64))


def maximum_likelihood_l2_squared(p: Any, n: Any) -> Numbers:
    """Return the exact E Σ_j (p̂_j − p_j)² = (1 − Σ p²)/n of counts/n."""
    return (1.0 - (np.asarray(p) ** 2).sum(axis=-1)) / n


def maximum_likelihood_total_variation(p: Any, n: Any) -> Numbers:
    """Return the asymptotic E ½Σ_j |p̂_j − p_j| = ½Σ_j √(2 p_j(1 − p_j)/(πn)) of counts/n."""
    p = np.asarray(p)
    return np.sqrt(p * (1.0 - p)).sum(axis=-1) / np.sqrt(2.0 * np.pi * np.asarray(n))


def maximum_likelihood_kl(p: Any, n: int) -> float:
    """Return the exact E KL(p̂‖p) = Σ_j E[C_j ln(C_j/(n p_j))]/n with C_j ~ Binomial(n, p_j), in nats, for one row.

    A finite sum; it tends to (k − 1)/(2n), and is 6 % below it where n is a few dozen times k.
    """
    p = np.asarray(p, dtype=np.float64)
    p = p[p > 0][:, None]
    count = np.arange(1, n + 1)
    choose = special.gammaln(n + 1) - special.gammaln(count + 1) - special.gammaln(n - count + 1)
    probability = np.exp(choose + special.xlogy(count, p) + special.xlog1py(n - count, -p))
    return float((probability * (count / n) * np.log(count / (n * p))).sum())


def add_constant_l2_squared(p: Any, n: int, constant: float) -> float:
    """Return the exact E Σ_j (q_j − p_j)² of q = (c + a)/(n + k·a): [n(1 − Σp²) + a²Σ(1 − k p_j)²]/(n + k·a)².

    With a = √n/k it is (1 − 1/k)/(√n + 1)² for every p (the minimax estimator: Trybuła 1958).
    """
    p = np.asarray(p, dtype=np.float64)
    k = len(p)
    bias = (constant * (1.0 - k * p)) ** 2
    return float((n * (1.0 - (p**2).sum()) + bias.sum()) / (n + k * constant) ** 2)


def cramer_rao_mean(std: Any, n: Any) -> Numbers:
    """Return σ²/n, the least variance of an unbiased estimate of a Gaussian's mean."""
    return np.asarray(std) ** 2 / n


def cramer_rao_std(std: Any, n: Any) -> Numbers:
    """Return σ²/(2n), the least variance of an unbiased estimate of a Gaussian's std."""
    return np.asarray(std) ** 2 / (2.0 * np.asarray(n))


def gaussian_kl_truth_fit(n: Any) -> Numbers:
    """Return the exact E KL(truth‖maximum likelihood) of a Gaussian from n > 3 values, in nats.

    ½[(n + 1)/(n − 3) − 1 + ψ((n − 1)/2) + ln(2/n)].
    """
    n = np.asarray(n, dtype=np.float64)
    return 0.5 * ((n + 1.0) / (n - 3.0) - 1.0 + special.digamma((n - 1.0) / 2.0) + np.log(2.0 / n))


def gaussian_kl_fit_truth(n: Any) -> Numbers:
    """Return the exact E KL(maximum likelihood‖truth) = −½[ψ((n − 1)/2) + ln(2/n)] for n > 1, in nats."""
    n = np.asarray(n, dtype=np.float64)
    return -0.5 * (special.digamma((n - 1.0) / 2.0) + np.log(2.0 / n))


def bayes_kl(concentration: Float[np.ndarray, "*rows y"]) -> Float[np.ndarray, "*rows"] | float:
    """Return the least possible E[KL(truth‖fit) | data] of rows whose posterior is Dirichlet(a).

    It is that of the posterior mean,
    Σ_j (a_j/A)[ψ(a_j + 1) − ψ(A + 1) − ln(a_j/A)], A = Σa, in nats; a is the prior's concentration plus the counts.
    """
    total = concentration.sum(axis=-1, keepdims=True)
    share = concentration / total
    return (share * (special.digamma(concentration + 1.0) - special.digamma(total + 1.0) - np.log(share))).sum(axis=-1)
