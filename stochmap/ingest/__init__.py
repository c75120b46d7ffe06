"""Users' files: read and checked, never trusted."""

from ._mapping import read_mapping as read_mapping
