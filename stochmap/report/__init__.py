"""What a study found: SQL over the Parquet of its store, charts, one self-contained HTML page."""

from ._build import ReportPaths as ReportPaths
from ._build import build as build
from ._gradients import build_gradients as build_gradients
from ._gradients import gradients_table as gradients_table
from ._gradients import holds_gradients as holds_gradients
from ._numbers import Mean as Mean
from ._summary import SummaryRow as SummaryRow
from ._summary import calibration_findings as calibration_findings
from ._summary import format_table as format_table
from ._summary import summary as summary

__all__ = [
    "Mean",
    "ReportPaths",
    "SummaryRow",
    "build",
    "build_gradients",
    "calibration_findings",
    "format_table",
    "gradients_table",
    "holds_gradients",
    "summary",
]
