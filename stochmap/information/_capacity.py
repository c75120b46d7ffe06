"""Channel capacity, with bounds that prove themselves."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy import special

from ._tables import check_table


class Capacity(NamedTuple):
    """lower ≤ capacity ≤ upper, in nats, and the inputs that attain the lower bound."""

    lower: Float[np.ndarray, "*runs"]
    upper: Float[np.ndarray, "*runs"]
    inputs: Float[np.ndarray, "*runs x"]
    steps: Int[np.ndarray, "*runs"]


def capacity(table: Any, gap: float = 1e-9, max_steps: int = 100_000) -> Capacity:
    """Bound max over p(x) of I(X; Y) for tables p(y | x), [*runs, x, y], until upper − lower ≤ gap nats.

    For any inputs r, with the outcomes q = Σ_x r_x p(· | x) and D_x = KL(p(· | x)‖q), Σ_x r_x D_x ≤ capacity ≤ max_x
    D_x (Blahut 1972, theorem 2; Arimoto 1972). The step is theirs with a rate, r_x ∝ r_x exp(μ D_x) (Matz & Duhamel
    2004): μ grows while the lower bound rises, and falls back towards 1, where it always does. Whatever the steps, the
    bounds hold.

    Args:
        table: rows that sum to 1.
        gap: where to stop, in nats.
        max_steps: where to stop at the latest; the bounds then tell how far it came.

    Raises:
        ValueError: rows that do not sum to 1 within 1e-6, or a gap that is not positive.
    """
    rows = check_table(table)
    if not gap > 0.0:
        raise ValueError(f"gap must be positive, got {gap}: 1e-9 nats is usual")
    *runs, num_x, _ = rows.shape
    rows = rows.reshape(-1, *rows.shape[-2:])
    minus_entropy = -special.entr(rows).sum(axis=-1)

    def divergences(inputs: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return D_x and the lower bound."""
        # An outcome that no input with weight leads to counts as unlikely, not as impossible: both bounds stay finite
        # and true.
        outcome = np.einsum("rx,rxy->ry", inputs, rows[which])
        logs = np.log(np.maximum(outcome, 1e-300))
        each = minus_entropy[which] - np.einsum("rxy,ry->rx", rows[which], logs)
        return each, (inputs * each).sum(axis=-1)

    active = np.arange(len(rows))
    inputs = np.full((len(rows), num_x), 1.0 / num_x)
    each, lower = divergences(inputs, active)
    upper, rate, steps = each.max(axis=-1), np.ones(len(rows)), np.zeros(len(rows), dtype=np.int64)
    for step in range(1, max_steps + 1):
        active = active[upper[active] - lower[active] > gap]
        if not len(active):
            break
        steps[active] = step
        with np.errstate(divide="ignore"):
            proposed = special.softmax(np.log(inputs[active]) + rate[active, None] * each[active], axis=-1)
        found, bound = divergences(proposed, active)
        upper[active] = np.minimum(upper[active], found.max(axis=-1))
        better = bound >= lower[active]
        # At μ = 1 the bound cannot fall but by rounding: then too the step is taken.
        taken = better | (rate[active] == 1.0)
        rate[active] = np.where(better, rate[active] * 1.5, np.maximum(rate[active] / 4.0, 1.0))
        moved = active[taken]
        inputs[moved], each[moved], lower[moved] = proposed[taken], found[taken], bound[taken]
    shape = tuple(runs)
    return Capacity(lower.reshape(shape), upper.reshape(shape), inputs.reshape(*shape, num_x), steps.reshape(shape))
