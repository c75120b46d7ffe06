"""What a fit is worth: (truth, fit, statistics) → numbers, each a column of ``fits/``.

Host functions in float64. Arrays may have leading axes of runs, the same in all arguments; every number then has
those axes. Errors of rows are averaged with w_x = p(x)/P(visited), so that a row that never occurred is not scored
as learned; a run in which nothing was visited has NaN. Beside an error X stands ``reference_X``, what theory expects
of maximum likelihood at the realised numbers of samples. Divergences in nats; ``mean_error`` and ``std_error`` are
squared errors, since their references, the Cramér–Rao bounds, are variances.
"""

from typing import Any

from stochmap.columns import METRIC_COLUMNS as METRIC_COLUMNS
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


def score(
    truth: TruthTable, fit: Fit, statistics: Statistics, intervals: dict[str, Interval] | None = None
) -> dict[str, Any]:
    """Return the fit's numbers by name; ``intervals`` (of level 95 %) are those whose ``coverage`` is told."""
    metrics: Any = categorical_metrics if isinstance(truth, CategoricalTable) else gaussian_metrics
    return metrics(truth, fit, statistics, intervals)
