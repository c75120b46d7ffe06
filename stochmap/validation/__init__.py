"""Published and closed-form values against ours: one row each, and the rule that accepts it.

A row's z is what ours misses the value by, beyond the rounding of its last digit, in standard errors. All rows are
accepted if every |z| is at most the two-sided normal quantile of 1e-6 / (number of rows); without a standard error, if
the difference is that of floating point or the bound is kept. Streams follow from the seed.
"""

from collections.abc import Callable

from ._calibration import calibration
from ._estimation import estimation
from ._faults import faults
from ._gaussian import gaussian
from ._gradients import bernoulli, gaussian_gradients
from ._information import information
from ._origin import origin
from ._rows import FALSE_ALARM as FALSE_ALARM
from ._rows import Row as Row
from ._rows import failures as failures
from ._rows import z_limit as z_limit
from ._text import format_markdown as format_markdown
from ._text import format_table as format_table

SECTIONS: dict[str, Callable[[int], list[Row]]] = {
    "A": bernoulli,
    "B": gaussian_gradients,
    "C": estimation,
    "D": gaussian,
    "E": calibration,
    "F": information,
    "G": origin,
    "H": faults,
}
"""From a seed to the rows of a section."""

TITLES = {
    "A": "Gradients through a Bernoulli",
    "B": "Gradients through a Gaussian",
    "C": "Estimating a distribution",
    "D": "Gaussians",
    "E": "Calibration",
    "F": "Information",
    "G": "Where the project began",
    "H": "Faults of other tools",
}


def validate(seed: int = 0) -> list[Row]:
    """Return the rows of all sections; the 64-bit mode of JAX must be on."""
    return [row for section in SECTIONS.values() for row in section(seed)]
