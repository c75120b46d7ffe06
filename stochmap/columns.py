"""What a column of a table may be, and the columns that the numbers of a fit have."""

from typing import NamedTuple

import numpy as np

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


class Labels(NamedTuple):
    """A text column without an object a row: row i reads `names[codes[i]]`; codes are int8, int16 or int32."""

    codes: np.ndarray
    names: tuple[str, ...]
