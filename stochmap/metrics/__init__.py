"""What a fit is worth: (truth, fit, statistics) → numbers, each a column of ``fits/``.

Host functions in float64. Arrays may have leading axes of runs, the same in all arguments; every number then has
those axes. Errors of rows are averaged with w_x = p(x)/P(visited), so that a row that never occurred is not scored
as learned; a run in which nothing was visited has NaN. Beside an error X stands ``reference_X``, what theory expects
of maximum likelihood at the realised numbers of samples. Divergences in nats; ``mean_error`` and ``std_error`` are
squared errors, since their references, the Cramér–Rao bounds, are variances.
"""

from typing import Any

from stochmap.learners import Fit
from stochmap.posteriors import Interval
from stochmap.sampling import Statistics
from stochmap.truths import CategoricalTable, TruthTable

from . import limits as limits
from ._categorical import categorical_metrics as categorical_metrics
from ._divergences import gaussian_kl as gaussian_kl
from ._divergences import hellinger as hellinger
from ._divergences import kl as kl
from ._divergences import l2_squared as l2_squared
from ._divergences import total_variation as total_variation
from ._gaussian import gaussian_metrics as gaussian_metrics

METRIC_COLUMNS = (
    "kl_fit_truth",
    "reference_kl_fit_truth",
    "kl_truth_fit",
    "reference_kl_truth_fit",
    "kl_all",
    "total_variation",
    "reference_total_variation",
    "l2_squared",
    "reference_l2_squared",
    "hellinger",
    "mean_error",
    "reference_mean_error",
    "std_error",
    "reference_std_error",
    "coverage",
    "optimality_gap",
    "regret",
)
"""Every number a fit may have; which of them it has follows from its family and its learner."""


def score(
    truth: TruthTable, fit: Fit, statistics: Statistics, intervals: dict[str, Interval] | None = None
) -> dict[str, Any]:
    """Return the fit's numbers by name; ``intervals`` (of level 95 %) are those whose ``coverage`` is told."""
    metrics: Any = categorical_metrics if isinstance(truth, CategoricalTable) else gaussian_metrics
    return metrics(truth, fit, statistics, intervals)
