"""Every section of the page, in order, and what is left out."""

from __future__ import annotations

from collections.abc import Callable

from . import _calibration_section as calibration
from . import _error_sections as error
from . import _run_sections as single
from . import _study_sections as study
from ._numbers import joined
from ._section import Material, Section

Make = Callable[[Material], Section | None]


def every_section(material: Material) -> tuple[list[Section], list[str]]:
    """The sections that this store has something for, and a sentence for each whose tables it does not hold."""
    errors = material.queries.rows("recovery_error")
    gaussian = any(row["metric"] == "mean_error" for row in errors)
    categorical = any(row["metric"] == "total_variation" for row in errors)
    asked = "calibration" in (material.plan.keep or ())
    left_out: list[str] = []

    def kept(query: str, make: Make, *, title: str, wanted: bool = True) -> Section | None:
        missing = material.queries.missing(query)
        if not missing:
            return make(material)
        if wanted:
            left_out.append(_without(title, missing, material.plan.keep))
        return None

    found = [
        study.summary_section(material),
        study.overview_section(material),
        error.recovery_section(material, errors),
        kept("heat_maps", single.heat_map_section, title="Truth beside learned", wanted=categorical),
        kept("scatter", single.scatter_section, title="True against learned probability", wanted=categorical),
        error.gaussian_section(material, errors),
        kept("densities", single.density_section, title="Gaussian densities, true and learned", wanted=gaussian),
        study.coverage_section(material),
        kept("calibration", calibration.calibration_section, title="Calibration", wanted=asked),
        study.infinite_section(material),
        error.regret_section(material),
        study.status_section(material),
        kept("history", single.history_section, title="Loss curves"),
        error.measures_section(material, errors),
    ]
    return [section for section in found if section is not None], left_out


def _without(title: str, missing: list[str], keep: tuple[str, ...] | None) -> str:
    words = joined([f'"{table}"' for table in missing])
    if keep is not None and set(missing) <= set(keep):
        return f"{title}: the study keeps {words}, but no finished run has written any."
    return f"{title}: this store does not hold {words}. Add {words} to keep in the study and run it into a new folder."
