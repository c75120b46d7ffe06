"""Run the packaged SQL over the Parquet of one store."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

SQL_FOLDER = Path(__file__).with_name("sql")
_TABLE = re.compile(r"read_parquet\('(\w+)/\*\.parquet'\)")


def sql_text(query: str) -> str:
    """The text of one packaged query, as a user runs it from the store's folder."""
    return (SQL_FOLDER / f"{query}.sql").read_text(encoding="utf-8")


class StoreQueries:
    """The packaged queries over one store's folder; a context manager that holds one DuckDB connection.

    Raises:
        ValueError: if the folder holds no finished run.
    """

    def __init__(self, path: str | Path, needed: tuple[str, ...] = ("runs", "fits")):
        import duckdb

        self.path = Path(path).absolute()
        missing = [table for table in needed if not self.has(table)]
        if missing:
            raise ValueError(
                f"{path}: no {missing[0]}/*.parquet, so this is not a study store with a finished chunk; "
                "give the folder that was --out of the job"
            )
        # nothing is fetched, and large sorts spill to the system's temporary folder, not to the working directory
        options: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "temp_directory": str(Path(tempfile.gettempdir(), f"stochmap-report-{os.getpid()}")),
        }
        self._connection = duckdb.connect(config=options)

    def __enter__(self) -> StoreQueries:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def has(self, table: str) -> bool:
        """Whether the store holds at least one file of this table."""
        folder = self.path / table
        return folder.is_dir() and any(entry.suffix == ".parquet" for entry in folder.iterdir())

    def missing(self, query: str) -> list[str]:
        """The tables that a query reads and the store does not hold."""
        return [table for table in dict.fromkeys(_TABLE.findall(sql_text(query))) if not self.has(table)]

    def rows(self, query: str) -> list[dict[str, Any]]:
        """All rows of a query whose result is small, as dicts."""
        result = self._execute(query)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def columns(self, query: str) -> dict[str, np.ndarray]:
        """A query's result as NumPy columns; null numbers are NaN."""
        import numpy as np

        def plain(column: np.ndarray) -> np.ndarray:
            if not isinstance(column, np.ma.MaskedArray):
                return column
            return np.where(column.mask, np.nan, column.data) if np.any(column.mask) else column.data

        return {name: plain(column) for name, column in self._execute(query).fetchnumpy().items()}

    def _execute(self, query: str) -> Any:
        return self._connection.execute(_TABLE.sub(self._absolute, sql_text(query)))

    def _absolute(self, match: re.Match[str]) -> str:
        # The folder's own name may hold anything: a quote, a comma, a bracket that DuckDB takes for a glob, or `a=b`,
        # which it takes for a partition column. So not `SET file_search_path`, which splits at commas and globs.
        folder = re.sub(r"([*?\[])", r"[\1]", self.path.as_posix()).replace("'", "''")
        return f"read_parquet('{folder}/{match[1]}/*.parquet', hive_partitioning = false)"
