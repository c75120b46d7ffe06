"""Tables of a chunk, decoded: to compare them whatever blocks and codes they came in."""

import hashlib
from typing import Any

import numpy as np

from stochmap.columns import Labels


def _decoded(column: Any, rows: int) -> np.ndarray:
    if column is None:
        return np.full(rows, np.nan)
    return np.asarray(column.names)[column.codes] if isinstance(column, Labels) else np.asarray(column)


def _rows(block: dict[str, Any]) -> int:
    return len(block["run_id"])


def decoded(tables: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, np.ndarray]]:
    """Return each table's columns in one piece: labels as text, nulls (None, or no entry in a block) as NaN."""
    return {
        name: {
            column: np.concatenate([_decoded(block.get(column), _rows(block)) for block in blocks])
            for column in dict.fromkeys(column for block in blocks for column in block)
        }
        for name, blocks in tables.items()
    }


def joined(*parts: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, np.ndarray]]:
    """Return decoded tables one after the other."""
    return {
        name: {column: np.concatenate([part[name][column] for part in parts]) for column in columns}
        for name, columns in parts[0].items()
    }


def sorted_rows(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the rows in the order of their identifying columns: blocks may come in any."""
    names = [name for name in ("step", "y", "x", "parameter", "quantity", "learner", "run_id") if name in table]
    order = np.lexsort([table[name] for name in names])
    return {name: values[order] for name, values in table.items()}


def digest(table: dict[str, np.ndarray]) -> str:
    """Return one hash of a decoded table's content."""
    content = hashlib.sha256()
    for name, values in sorted_rows(table).items():
        content.update(f"{name} {values.dtype.kind}".encode())
        content.update(values.tobytes() if values.dtype.kind != "U" else "\n".join(values).encode())
    return content.hexdigest()
