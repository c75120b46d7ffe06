"""What a study found: SQL over the Parquet of its store, charts, one self-contained HTML page."""

from ._build import ReportPaths as ReportPaths
from ._build import build as build
from ._numbers import Mean as Mean
from ._summary import SummaryRow as SummaryRow
from ._summary import format_table as format_table
from ._summary import summary as summary

__all__ = ["Mean", "ReportPaths", "SummaryRow", "build", "format_table", "summary"]
