"""Datasets of any size with a known truth: the table they are drawn from, their rows, and a check of what was drawn."""

from ._check import ALARM as ALARM
from ._check import Check as Check
from ._check import check as check
from ._rows import MAX_COUNTED as MAX_COUNTED
from ._rows import Tally as Tally
from ._rows import draw_rows as draw_rows
from ._rows import row_types as row_types
from ._table import Table as Table
from ._table import build_table as build_table
from ._table import from_columns as from_columns
from ._table import num_cells as num_cells
from ._table import to_columns as to_columns
